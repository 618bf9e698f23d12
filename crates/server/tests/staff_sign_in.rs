//! Staff who sign in through a provider: code and PKCE against a real one (npm oidc-provider), its second factor or the node's own.

use crate::place::{Place, Running, answer_of, builder, client, free_ports};
use badiano_kernel::Instant;
use badiano_record::NodeRole;
use badiano_record::accounts::totp_at;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

const CLUES: &str = "NLSSA999101";
const ACCOUNT: &str = "ana";
const PASSWORD: &str = "una contraseña larga";
const SUBJECT: &str = "7f3a";

/// A hospital whose staff may come from a provider, the provider, and an account with its second factor.
struct Scene {
    place: Place,
    node: Running,
    provider: Running,
    issuer: String,
    totp: Vec<u8>,
    _folder: tempfile::TempDir,
}

/// The provider says in `amr` how the person signed in; `otp` counts as a second factor here.
async fn scene(amr: &[&str]) -> Scene {
    let place = Place::new(NodeRole::Hospital, CLUES);
    drop(place.open());
    let folder = tempfile::tempdir().expect("a folder");
    let [port] = free_ports();
    let issuer = format!("http://localhost:{port}");
    let (people, secret) = (folder.path().join("people.json"), folder.path().join("secret"));
    let person =
        json!({ "sub": SUBJECT, "name": "Ana Ñúñez", "login": "ana", "password": "clave", "amr": amr });
    std::fs::write(&people, json!([person]).to_string()).expect("written");
    std::fs::write(&secret, "un-secreto-de-cliente-muy-largo\n").expect("written");
    let file = format!(
        "[[provider]]\nid = \"institucional\"\nname = \"Cuenta institucional\"\nissuer = {issuer:?}\nclient_id = \"norte\"\n\
         client_secret_file = {secret:?}\npeople = \"staff\"\namr = [\"otp\"]\n"
    );
    std::fs::write(place.data.join("badiano.toml"), file).expect("written");
    let mut command = Command::new("node");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/oidc/provider.mjs");
    let redirect = format!("http://localhost:{}/oauth/callback", place.http);
    command.arg(script).args(["--port", &port.to_string(), "--client", "norte", "--redirect", &redirect]);
    command.arg("--people").arg(&people).arg("--secret-file").arg(&secret);
    let provider = Running::of(command);
    let node = place.start();
    let new = json!({
        "account": ACCOUNT, "name": "Ana", "roles": ["radiologist"], "cedula": null, "password": PASSWORD
    });
    let (status, made) = place.operator("POST", "/api/admin/users", Some(new)).await;
    assert_eq!(status, 200, "{made}");
    let uri = made["totp_uri"].as_str().expect("an address");
    let secret = uri.split("secret=").nth(1).and_then(|s| s.split('&').next()).expect("a secret");
    Scene { totp: from_base32(secret), place, node, provider, issuer, _folder: folder }
}

impl Scene {
    async fn link(&self) {
        let link = json!({ "account": ACCOUNT, "issuer": self.issuer, "subject": SUBJECT });
        let (status, answer) = self.place.operator("POST", "/api/admin/links", Some(link)).await;
        assert_eq!(status, 204, "{answer}");
    }

    /// The code of this moment, or of a later step: each works once.
    fn code(&self, later: u64) -> String {
        let step = u64::try_from(Instant::now().seconds()).expect("after 1970") / 30;
        totp_at(&self.totp, step + later)
    }

    /// Goes to the provider, signs in there, and comes back; the last address on the node.
    async fn sign_in(&self, browser: &mut Browser) -> String {
        let start = self.at("/oauth/start?provider=institucional");
        let (form, _) = browser.follow("GET", &start, None).await;
        assert!(form.starts_with(&self.issuer), "the provider asks: {form}");
        browser.follow("POST", &form, Some("usuario=ana&contrasena=clave")).await.0
    }

    async fn session(&self, browser: &mut Browser) -> Value {
        let (_, text) = browser.follow("GET", &self.at("/api/session"), None).await;
        serde_json::from_str(&text).expect("a session")
    }

    async fn second_factor(&self, browser: &mut Browser, code: &str) -> (u16, Value) {
        let address = self.at("/api/sign-in/second-factor");
        let body = json!({ "totp": code }).to_string();
        let request = browser.client.post(&address).header("content-type", "application/json").body(body);
        let answer = browser.take(&address, request).await;
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }

    fn at(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.place.http)
    }
}

/// As much of a browser as signing in takes: cookies by host and port, and redirects.
struct Browser {
    client: reqwest::Client,
    cookies: HashMap<String, HashMap<String, String>>,
}

impl Browser {
    fn new() -> Browser {
        Browser { client: builder().build().expect("a client"), cookies: HashMap::new() }
    }

    /// Follows redirects as a browser does; the last address and its text.
    async fn follow(&mut self, method: &str, address: &str, form: Option<&str>) -> (String, String) {
        let (mut address, mut method, mut form) = (address.to_owned(), method, form);
        for _ in 0..10 {
            let mut request = self.client.request(method.parse().expect("a method"), &address);
            if let Some(form) = form.take() {
                let kind = "application/x-www-form-urlencoded";
                request = request.header("content-type", kind).body(form.to_owned());
            }
            let answer = self.take(&address, request).await;
            let to = answer.headers().get("location").and_then(|l| l.to_str().ok()).map(str::to_owned);
            let Some(to) = to else { return (address, answer.text().await.expect("a text")) };
            let from = reqwest::Url::parse(&address).expect("an address");
            address = from.join(&to).expect("an address").to_string();
            method = "GET";
        }
        panic!("too many redirects, the last to {address}");
    }

    async fn take(&mut self, address: &str, request: reqwest::RequestBuilder) -> reqwest::Response {
        let url = reqwest::Url::parse(address).expect("an address");
        let host = format!("{}:{}", url.host_str().unwrap_or_default(), url.port().unwrap_or_default());
        let jar = self.cookies.entry(host).or_default();
        let all: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = request.header("cookie", all.join("; ")).send().await.expect("an answer");
        for set in answer.headers().get_all("set-cookie") {
            let pair = set.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}

fn from_base32(text: &str) -> Vec<u8> {
    let (mut out, mut buffer, mut bits) = (Vec::new(), 0_u32, 0);
    for c in text.bytes() {
        let value = if c.is_ascii_uppercase() { c - b'A' } else { c - b'2' + 26 };
        buffer = (buffer << 5) | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(buffer >> bits & 0xff).expect("eight bits"));
        }
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_enter_through_a_provider_that_asked_for_a_second_factor() {
    let scene = scene(&["pwd", "otp"]).await;
    scene.link().await;
    let mut browser = Browser::new();
    assert_eq!(scene.sign_in(&mut browser).await, scene.at("/"));
    let session = scene.session(&mut browser).await;
    assert_eq!(session["user"]["account"], ACCOUNT, "{session}");
    assert_eq!(session["user"]["roles"], json!(["radiologist"]));
    scene.node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_providers_second_factor_the_nodes_own_is_asked_for() {
    let scene = scene(&["pwd"]).await;
    scene.link().await;
    let mut browser = Browser::new();
    let back = scene.sign_in(&mut browser).await;
    assert!(back.ends_with("/#/entrar/codigo"), "{back}");
    assert_eq!(scene.session(&mut browser).await["user"], Value::Null, "a password alone opens nothing");
    let (status, answer) = scene.second_factor(&mut browser, "000000").await;
    assert_eq!((status, &answer["code"]), (401, &json!("totp_wrong")));
    let (status, _) = scene.second_factor(&mut Browser::new(), &scene.code(0)).await;
    assert_eq!(status, 401, "another browser");
    let (status, answer) = scene.second_factor(&mut browser, &scene.code(0)).await;
    assert_eq!((status, &answer["user"]["account"]), (200, &json!(ACCOUNT)), "{answer}");
    assert_eq!(scene.session(&mut browser).await["user"]["account"], ACCOUNT);
    let (status, _) = scene.second_factor(&mut browser, &scene.code(1)).await;
    assert_eq!(status, 401, "what was half done is done once");
    scene.node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_linked_to_no_account_is_shown_to_the_administrator_and_enters_once_linked() {
    let scene = scene(&["otp"]).await;
    let mut browser = Browser::new();
    let back = scene.sign_in(&mut browser).await;
    assert!(back.ends_with("/#/entrar/sin-cuenta"), "{back}");
    assert_eq!(scene.session(&mut browser).await["user"], Value::Null);
    let (_, links) = scene.place.operator("GET", "/api/admin/links", None).await;
    let knocked = &links["unlinked"][0];
    assert_eq!((&knocked["issuer"], &knocked["subject"]), (&json!(scene.issuer), &json!(SUBJECT)), "{links}");
    let other = json!({ "account": ACCOUNT, "issuer": "https://otro.example", "subject": SUBJECT });
    assert_eq!(scene.place.operator("POST", "/api/admin/links", Some(other)).await.0, 204);
    let back = scene.sign_in(&mut browser).await;
    assert!(back.ends_with("/#/entrar/sin-cuenta"), "the same subject of another issuer is another person");
    scene.link().await;
    assert_eq!(scene.sign_in(&mut browser).await, scene.at("/"));
    scene.node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_unlinked_or_suspended_does_not_come_back_through_the_provider() {
    let scene = scene(&["otp"]).await;
    scene.link().await;
    let mut browser = Browser::new();
    assert_eq!(scene.sign_in(&mut browser).await, scene.at("/"));
    // The last administrator stays; the account of this scene is none.
    let admin = json!({
        "account": "jefa", "name": "J", "roles": ["administrator"], "cedula": null, "password": PASSWORD
    });
    assert_eq!(scene.place.operator("POST", "/api/admin/users", Some(admin)).await.0, 200);
    let path = format!("/api/admin/users/{ACCOUNT}/active");
    for active in [false, true] {
        let (status, _) = scene.place.operator("POST", &path, Some(json!({ "active": active }))).await;
        assert_eq!(status, 204);
        let entered = scene.sign_in(&mut browser).await == scene.at("/");
        assert_eq!(entered, active, "a suspended account stays outside, a readmitted one enters");
    }
    let who = json!({ "issuer": scene.issuer, "subject": SUBJECT });
    assert_eq!(scene.place.operator("POST", "/api/admin/links/remove", Some(who)).await.0, 204);
    let back = scene.sign_in(&mut browser).await;
    assert!(back.ends_with("/#/entrar/sin-cuenta"), "{back}");
    scene.node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_provider_out_of_reach_accounts_of_the_node_go_on() {
    let scene = scene(&["otp"]).await;
    scene.link().await;
    assert_eq!(scene.sign_in(&mut Browser::new()).await, scene.at("/"), "while it is there");
    let code = scene.code(0);
    // Killed without a word.
    drop(scene.provider);
    let start = scene.place.url("/oauth/start?provider=institucional");
    let (status, answer) = answer_of(client().get(start)).await;
    assert_eq!((status, &answer["code"]), (503, &json!("unavailable")), "{answer}");
    let body = json!({ "account": ACCOUNT, "password": PASSWORD, "totp": code }).to_string();
    let request = client().post(scene.place.url("/api/sign-in")).header("content-type", "application/json");
    let (status, answer) = answer_of(request.body(body)).await;
    assert_eq!((status, &answer["user"]["account"]), (200, &json!(ACCOUNT)), "{answer}");
    scene.node.stop();
}
