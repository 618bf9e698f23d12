//! Subscribers of a running node: told in order and at least once though it is killed, over HTTP and over a websocket
//! (FHIR R4, subscription.html; Subscriptions R5 Backport 1.1).

use crate::place::{Place, Running, builder};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use badiano_record::NodeRole;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;

const PATIENCE: Duration = Duration::from_secs(60);
const TOPIC: &str = "https://example.org/topics/finished-observation";

/// What an endpoint was sent.
#[derive(Clone, Debug)]
struct Heard {
    method: Method,
    path: String,
    authorization: String,
    body: Value,
}

/// An endpoint of a subscriber.
#[derive(Clone, Default)]
struct Endpoint {
    heard: Arc<Mutex<Vec<Heard>>>,
    is_down: Arc<AtomicBool>,
}

impl Endpoint {
    async fn open() -> (Endpoint, u16) {
        let endpoint = Endpoint::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let router = Router::new().fallback(hear).with_state(endpoint.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (endpoint, port)
    }

    fn all(&self) -> Vec<Heard> {
        self.heard.lock().expect("no holder panics").clone()
    }

    async fn until(&self, what: &str, holds: impl Fn(&[Heard]) -> bool) -> Vec<Heard> {
        let began = Instant::now();
        loop {
            let all = self.all();
            if holds(&all) {
                return all;
            }
            assert!(began.elapsed() < PATIENCE, "the subscriber never heard {what}: {} messages", all.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn hear(
    State(endpoint): State<Endpoint>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    if endpoint.is_down.load(Ordering::Relaxed) {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let authorization = headers.get("authorization").and_then(|h| h.to_str().ok()).unwrap_or("").to_owned();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let heard = Heard { method, path: uri.path().to_owned(), authorization, body };
    endpoint.heard.lock().expect("no holder panics").push(heard);
    StatusCode::OK
}

struct Scene {
    place: Place,
    token: String,
    client: reqwest::Client,
}

impl Scene {
    async fn new() -> Scene {
        let place = Place::new(NodeRole::Hospital, "NLSSA999101");
        let token = place.token().await;
        Scene { place, token, client: builder().build().expect("a client") }
    }

    fn start(&self, port: u16) -> Running {
        self.place.start_with(&["--subscriber", &format!("127.0.0.1:{port}")])
    }

    async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Option<(u16, Value)> {
        let method = method.parse().expect("a method");
        let mut request = self.client.request(method, self.place.url(path)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.header("content-type", "application/fhir+json").body(body.to_string());
        }
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let text = answer.text().await.ok()?;
        Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.send(method, path, body).await.expect("an answer")
    }

    async fn put(&self, resource: &Value) -> (u16, Value) {
        let path = format!("/fhir/{}/{}", text(&resource["resourceType"]), text(&resource["id"]));
        self.ask("PUT", &path, Some(resource)).await
    }

    async fn keep(&self, resource: &Value) {
        let (status, answer) = self.put(resource).await;
        assert!(status == 200 || status == 201, "{status} {answer}");
    }

    async fn until_status(&self, id: &str, status: &str) -> Value {
        let began = Instant::now();
        loop {
            let (_, found) = self.ask("GET", &format!("/fhir/Subscription/{id}"), None).await;
            if found["status"] == status {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "never {status}: {found}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn observation(id: &str, status: &str) -> Value {
    json!({ "resourceType": "Observation", "id": id, "status": status, "code": { "text": "glucosa" } })
}

fn topic() -> Value {
    let at = "http://hl7.org/fhir/5.0/StructureDefinition/extension-SubscriptionTopic";
    json!({
        "resourceType": "Basic", "id": "topic",
        "code": { "coding": [{ "system": "http://hl7.org/fhir/fhir-types", "code": "SubscriptionTopic" }] },
        "extension": [
            { "url": format!("{at}.url"), "valueUri": TOPIC },
            { "url": format!("{at}.resourceTrigger"), "extension": [
                { "url": "resource", "valueUri": "http://hl7.org/fhir/StructureDefinition/Observation" },
                { "url": "queryCriteria", "extension": [
                    { "url": "previous", "valueString": "status:not=final" },
                    { "url": "resultForCreate", "valueCode": "test-passes" },
                    { "url": "current", "valueString": "status=final" },
                    { "url": "requireBoth", "valueBoolean": true }
                ] }
            ] }
        ]
    })
}

/// A subscription of the backport.
fn subscription(id: &str, kind: &str, endpoint: &str, content: &str) -> Value {
    let at = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition";
    let mut asked = json!({
        "resourceType": "Subscription", "id": id, "status": "requested", "reason": "pruebas", "criteria": TOPIC,
        "meta": { "profile": [format!("{at}/backport-subscription")] },
        "channel": {
            "type": kind, "endpoint": endpoint, "payload": "application/fhir+json",
            "header": ["Authorization: Bearer secreto-del-suscriptor"],
            "_payload": { "extension": [
                { "url": format!("{at}/backport-payload-content"), "valueCode": content },
                { "url": format!("{at}/backport-max-count"), "valuePositiveInt": 10 }
            ] }
        }
    });
    if endpoint.is_empty() {
        asked["channel"].as_object_mut().expect("an object").remove("endpoint");
    }
    asked
}

fn parameter<'v>(bundle: &'v Value, name: &str) -> &'v Value {
    let all = bundle["entry"][0]["resource"]["parameter"].as_array();
    all.and_then(|all| all.iter().find(|p| p["name"] == name)).unwrap_or(&Value::Null)
}

/// Numbers and focuses of a notification.
fn events(bundle: &Value) -> Vec<(u64, String)> {
    let all = bundle["entry"][0]["resource"]["parameter"].as_array().cloned().unwrap_or_default();
    let of = |event: &Value, name: &str| {
        let parts = event["part"].as_array().cloned().unwrap_or_default();
        parts.into_iter().find(|p| p["name"] == name).unwrap_or_default()
    };
    all.iter()
        .filter(|p| p["name"] == "notification-event")
        .map(|event| {
            let number = text(&of(event, "event-number")["valueString"]).parse().expect("a number");
            let focus = of(event, "focus");
            let id =
                text(&focus["valueReference"]["reference"]).rsplit('/').next().unwrap_or_default().to_owned();
            (number, id)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_hears_every_change_in_order_though_the_node_is_killed_again_and_again() {
    let (endpoint, port) = Endpoint::open().await;
    let scene = Scene::new().await;
    let mut running = scene.start(port);
    scene.keep(&topic()).await;
    scene
        .keep(&subscription("kept", "rest-hook", &format!("http://127.0.0.1:{port}/hook"), "full-resource"))
        .await;
    scene.until_status("kept", "active").await;
    let mut written = Vec::new();
    for round in 0..6 {
        for n in 0..20 {
            let id = format!("r{round}n{n}");
            let answer = scene.put(&observation(&id, "final")).await;
            assert_eq!(answer.0, 201, "{}", answer.1);
            written.push(id);
        }
        // SIGKILL, while some are told and some are not.
        drop(running);
        running = scene.start(port);
    }
    let last = written.last().cloned().unwrap_or_default();
    let heard = endpoint
        .until("the last event", |all| all.iter().any(|h| events(&h.body).iter().any(|(_, id)| *id == last)));
    let heard = heard.await;
    assert!(
        heard.iter().all(|h| h.authorization == "Bearer secreto-del-suscriptor"),
        "the header came along"
    );
    assert_eq!(parameter(&heard[0].body, "type")["valueCode"], "handshake");
    let mut told: Vec<(u64, String)> = heard.iter().flat_map(|h| events(&h.body)).collect();
    let repeated = told.len();
    let mut newest = 0;
    for (number, _) in &told {
        assert!(*number <= newest + 1, "event {number} came before event {}", newest + 1);
        newest = newest.max(*number);
    }
    told.sort();
    told.dedup();
    let ids: Vec<String> = told.iter().map(|(_, id)| id.clone()).collect();
    assert_eq!(ids, written, "each once under one number, in the order in which they were written");
    println!("6 kills: {} events, {} of them told more than once", ids.len(), repeated - ids.len());
    let bundle = &heard.iter().find(|h| !events(&h.body).is_empty()).expect("an event").body;
    assert_eq!(bundle["type"], "history");
    assert_eq!(bundle["entry"][1]["resource"]["resourceType"], "Observation");
}

#[tokio::test(flavor = "multi_thread")]
async fn r4s_own_criteria_put_the_resource_below_the_endpoint_and_what_was_missed_comes_later() {
    let (endpoint, port) = Endpoint::open().await;
    let scene = Scene::new().await;
    let _running = scene.start(port);
    let hook = json!({
        "resourceType": "Subscription", "id": "classic", "status": "requested", "reason": "pruebas",
        "criteria": "Observation?status=final",
        "channel": { "type": "rest-hook", "endpoint": format!("http://127.0.0.1:{port}/hook"),
            "payload": "application/fhir+json", "header": ["Authorization: Bearer secreto"] }
    });
    scene.keep(&hook).await;
    let kept = scene.until_status("classic", "active").await;
    assert!(!kept.to_string().contains("Bearer secreto"), "nobody reads a header back: {kept}");
    let (_, history) = scene.ask("GET", "/fhir/Subscription/classic/_history", None).await;
    assert!(!history.to_string().contains("Bearer secreto"), "nor in older versions");
    endpoint.is_down.store(true, Ordering::Relaxed);
    scene.keep(&observation("a", "final")).await;
    scene.keep(&observation("b", "preliminary")).await;
    scene.keep(&observation("c", "final")).await;
    let failing = scene.until_status("classic", "error").await;
    assert!(text(&failing["error"]).contains("503"), "{failing}");
    endpoint.is_down.store(false, Ordering::Relaxed);
    let heard = endpoint.until("both", |all| all.len() >= 2).await;
    scene.until_status("classic", "active").await;
    let paths: Vec<&str> = heard.iter().map(|h| h.path.as_str()).collect();
    assert_eq!(paths, ["/hook/Observation/a", "/hook/Observation/c"]);
    assert!(heard.iter().all(|h| h.method == Method::PUT && h.authorization == "Bearer secreto"));
    assert_eq!(heard[0].body["id"], "a");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_inside_the_network_is_not_called_unless_the_operator_lists_it() {
    let (endpoint, port) = Endpoint::open().await;
    let scene = Scene::new().await;
    let _running = scene.start(1);
    for (id, address) in
        [("plain", format!("http://127.0.0.1:{port}/")), ("named", "https://localhost/".into())]
    {
        let hook = json!({
            "resourceType": "Subscription", "id": id, "status": "requested", "reason": "pruebas",
            "criteria": "Observation?", "channel": { "type": "rest-hook", "endpoint": address }
        });
        scene.keep(&hook).await;
        let refused = scene.until_status(id, "error").await;
        assert!(text(&refused["error"]).contains("operator"), "{refused}");
    }
    scene.keep(&observation("a", "final")).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(endpoint.all().is_empty());
    for wrong in [
        json!({ "criteria": "Observation?nonsense=1" }),
        json!({ "criteria": "https://example.org/no-such-topic" }),
        json!({ "channel": { "type": "sms", "endpoint": "tel:+52" } }),
        json!({ "channel": { "type": "rest-hook", "endpoint": "https://u:p@example.org/" } }),
    ] {
        let mut hook = json!({
            "resourceType": "Subscription", "id": "wrong", "status": "requested", "reason": "pruebas",
            "criteria": "Observation?", "channel": { "type": "rest-hook", "endpoint": "https://example.org/" }
        });
        for (key, value) in wrong.as_object().expect("an object") {
            hook[key] = value.clone();
        }
        let (status, answer) = scene.put(&hook).await;
        assert!((400..=501).contains(&status) && status != 500, "{status} {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_bound_by_a_token_hears_the_handshake_and_then_each_event() {
    let scene = Scene::new().await;
    let _running = scene.start(1);
    scene.keep(&topic()).await;
    scene.keep(&subscription("ws", "websocket", "", "id-only")).await;
    scene.until_status("ws", "active").await;
    scene.keep(&observation("before", "final")).await;
    let (status, token) = scene.ask("GET", "/fhir/Subscription/ws/$get-ws-binding-token", None).await;
    assert_eq!(status, 200, "{token}");
    let part = |name: &str| {
        let all = token["parameter"].as_array().expect("parameters");
        all.iter().find(|p| p["name"] == name).cloned().unwrap_or_default()
    };
    let url = text(&part("websocket-url")["valueUrl"]).to_owned();
    let (mut socket, _) = tokio_tungstenite::connect_async(&url).await.expect("a websocket");
    let bind = format!("bind-with-token {}", text(&part("token")["valueString"]));
    socket.send(Message::text(bind.clone())).await.expect("sent");
    let mut heard: Vec<Value> = Vec::new();
    scene.keep(&observation("after", "final")).await;
    while heard.iter().map(|b| events(b).len()).sum::<usize>() < 2 {
        let next = tokio::time::timeout(PATIENCE, socket.next()).await.expect("in time");
        if let Message::Text(text) = next.expect("open").expect("a message") {
            heard.push(serde_json::from_str(text.as_str()).unwrap_or_else(|_| panic!("no Bundle: {text}")));
        }
    }
    assert_eq!(parameter(&heard[0], "type")["valueCode"], "handshake");
    let told: Vec<String> = heard.iter().flat_map(events).map(|(_, id)| id).collect();
    assert_eq!(told, ["before", "after"]);
    assert!(
        heard.iter().all(|b| b["entry"]
            .as_array()
            .is_some_and(|e| { e.iter().skip(1).all(|e| e["resource"].is_null()) })),
        "id-only shows no resource"
    );
    let (mut again, _) = tokio_tungstenite::connect_async(&url).await.expect("a websocket");
    again.send(Message::text(bind)).await.expect("sent");
    let answer = again.next().await.expect("open").expect("a message").into_text().expect("a text");
    assert!(answer.starts_with("error"), "a token is good once: {answer}");
    let (_, status) = scene.ask("GET", "/fhir/Subscription/ws/$status", None).await;
    assert_eq!(parameter(&status, "events-since-subscription-start")["valueString"], "2");
    let (_, again) = scene.ask("GET", "/fhir/Subscription/ws/$events?eventsSinceNumber=2", None).await;
    assert_eq!(events(&again), [(2, "after".to_owned())]);
}
