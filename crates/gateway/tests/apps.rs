//! An app that a clinician lets act for them, over sockets: what it gets for its code, what it may see, and when that ends.

use crate::asking::{Answer, Asker, Sent, bearer};
use crate::world::World;
use axum::http::Method;
use badiano_kernel::principal::Role;
use badiano_record::apps::App;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

const BACK: &str = "https://app.example/vuelta";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// The app that every world has.
pub fn app() -> App {
    App {
        id: "crecimiento".into(),
        name: "Curvas de crecimiento".into(),
        redirect_uris: vec![BACK.into()],
        scopes: vec!["patient/*.rs".into(), "user/Patient.rs".into(), "patient/Observation.cu".into()],
        active: true,
    }
}

fn asked(world: &World, scope: &str, patient: &str) -> Value {
    json!({
        "response_type": "code", "client_id": "crecimiento", "redirect_uri": BACK, "scope": scope, "state": "s-1",
        "aud": format!("{}/fhir", world.norte.gate.options.address), "code_challenge_method": "S256",
        "code_challenge": BASE64URL.encode(digest(&SHA256, VERIFIER.as_bytes())), "patient": patient
    })
}

async fn let_in(world: &World, clinician: &Asker, scope: &str, patient: &str) -> (u16, Value) {
    let bytes = asked(world, scope, patient).to_string().into_bytes();
    let sent = Sent { kind: "application/json".into(), bytes };
    let answer = clinician.ask(&world.norte, &Method::POST, "/api/apps/let-in", &sent).await;
    (answer.status, json_of(&answer))
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
}

fn code_in(answer: &Value) -> String {
    let to = answer["redirect"].as_str().expect("an address");
    assert!(to.starts_with(&format!("{BACK}?code=")) && to.ends_with("&state=s-1"), "{to}");
    to.split(['=', '&']).nth(1).expect("a code").to_owned()
}

async fn token(world: &World, form: &str) -> (u16, Value) {
    let sent = Sent { kind: "application/x-www-form-urlencoded".into(), bytes: form.as_bytes().to_vec() };
    let answer = bearer("nobody").ask(&world.norte, &Method::POST, "/oauth/token", &sent).await;
    (answer.status, json_of(&answer))
}

fn redeeming(code: &str, verifier: &str) -> String {
    format!(
        "grant_type=authorization_code&client_id=crecimiento&redirect_uri={BACK}&code={code}&code_verifier={verifier}"
    )
}

async fn get(world: &World, token: &str, path: &str) -> (u16, Value) {
    let answer = bearer(token).ask(&world.norte, &Method::GET, path, &Sent::default()).await;
    (answer.status, json_of(&answer))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_sees_the_one_patient_it_was_let_see_and_no_door_but_fhir() {
    let world = World::new().await;
    let clinician = world.rightful(&world.norte, "clinician").await;
    let patient = world.norte.patient.clone();
    let (status, answer) = let_in(
        &world,
        &clinician,
        "launch/patient patient/*.rs patient/Observation.c online_access openid",
        &patient,
    )
    .await;
    assert_eq!(status, 200, "{answer}");
    let code = code_in(&answer);
    let (status, wrong) = token(&world, &redeeming(&code, &"x".repeat(43))).await;
    assert_eq!((status, wrong["error"].as_str()), (400, Some("invalid_grant")), "another verifier: {wrong}");
    let (status, _) = token(&world, &redeeming(&code, VERIFIER)).await;
    assert_eq!(status, 400, "a code that was tried is gone");
    let (_, answer) =
        let_in(&world, &clinician, "patient/*.rs patient/Observation.c online_access", &patient).await;
    let (status, given) = token(&world, &redeeming(&code_in(&answer), VERIFIER)).await;
    assert_eq!((status, given["patient"].as_str()), (200, Some(patient.as_str())), "{given}");
    let access = given["access_token"].as_str().expect("a token").to_owned();

    let watch = world.norte.watch().await;
    let (status, own) = get(&world, &access, &format!("/fhir/Patient/{patient}")).await;
    assert_eq!(status, 200, "{own}");
    let entries = watch.entries().await;
    let through = entries.iter().any(|e| e["agent"][1]["who"]["identifier"].str_of("value") == "crecimiento");
    assert!(through, "the log says through which app: {entries:?}");
    let (_, reports) = get(&world, &access, "/fhir/DiagnosticReport").await;
    assert!(reports.to_string().contains("CONCLUSION-QXZ"), "{reports}");
    let other = crate::person::another();
    let session = crate::world::system(&world.norte.node, "system/*.cruds");
    let other = session.register_patient(other.patient("urn:badiano:authority:N")).await.expect("registered");
    let (status, _) = get(&world, &access, &format!("/fhir/Patient/{}", other.resource.id())).await;
    assert_eq!(status, 404, "another patient is not there");
    let (_, all) = get(&world, &access, "/fhir/Patient?_total=accurate").await;
    assert_eq!(all["total"], 1, "{all}");
    for path in ["/api/worklist", "/dicomweb/studies", "/api/apps/asking"] {
        assert_eq!(get(&world, &access, path).await.0, 403, "{path}");
    }
    let observation = |of: &str| {
        json!({ "resourceType": "Observation", "status": "final", "code": { "text": "peso" },
                "subject": { "reference": format!("Patient/{of}") } })
    };
    for (body, path, expected) in [
        (observation(&patient), "/fhir/Observation", 201),
        (observation(other.resource.id()), "/fhir/Observation", 403),
        (
            json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" } }),
            "/fhir/Observation",
            403,
        ),
        (
            json!({ "resourceType": "Condition", "subject": { "reference": format!("Patient/{patient}") } }),
            "/fhir/Condition",
            403,
        ),
    ] {
        let sent = Sent { kind: "application/fhir+json".into(), bytes: body.to_string().into_bytes() };
        let answer = bearer(&access).ask(&world.norte, &Method::POST, path, &sent).await;
        assert_eq!(answer.status, expected, "{body}: {}", answer.whole);
    }

    let again = format!(
        "grant_type=refresh_token&client_id=crecimiento&refresh_token={}",
        given["refresh_token"].as_str().expect("one")
    );
    let (status, fresh) = token(&world, &again).await;
    assert_eq!(status, 200, "{fresh}");
    assert_eq!(token(&world, &again).await.0, 400, "a refresh token is good once");
    let access = fresh["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(get(&world, &access, "/fhir/Patient").await.0, 200);
    let suspended = App { active: false, ..app() };
    world.administrator(&world.norte).put_app(suspended).await.expect("suspended");
    assert_eq!(get(&world, &access, "/fhir/Patient").await.0, 401, "a suspended app is out at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_gets_no_more_than_its_person_and_begins_only_at_its_own_address() {
    let world = World::new().await;
    let technologist = world.rightful(&world.norte, Role::Technologist.code()).await;
    let (_, answer) = let_in(&world, &technologist, "patient/*.rs", &world.norte.patient).await;
    let (status, given) = token(&world, &redeeming(&code_in(&answer), VERIFIER)).await;
    assert_eq!(status, 200, "{given}");
    let access = given["access_token"].as_str().expect("a token").to_owned();
    assert!(given["refresh_token"].is_null(), "nobody asked for one");
    assert_eq!(
        get(&world, &access, "/fhir/DiagnosticReport").await.0,
        403,
        "a technologist reads no reports"
    );

    let citizen = world.citizen(&world.norte, world.curp()).await;
    assert_eq!(
        let_in(&world, &citizen, "patient/*.rs", &world.norte.patient).await.0,
        403,
        "no member of staff"
    );
    let clinician = world.rightful(&world.norte, "clinician").await;
    for (scope, patient, expected) in [
        ("patient/*.rs", "", 400),
        ("user/Patient.rs", world.norte.patient.as_str(), 400),
        ("user/Condition.rs", "", 400),
        ("patient/*.rs", "nobody", 404),
    ] {
        let (status, answer) = let_in(&world, &clinician, scope, patient).await;
        assert_eq!(status, expected, "{scope} {patient}: {answer}");
    }
    let begin = |query: String| {
        let (world, stranger) = (&world, bearer("nobody"));
        async move {
            stranger
                .ask(&world.norte, &Method::GET, &format!("/oauth/authorize?{query}"), &Sent::default())
                .await
        }
    };
    let query = |back: &str, challenge: &str| {
        format!(
            "response_type=code&client_id=crecimiento&redirect_uri={back}&scope=patient/*.rs&state=z&code_challenge_method=S256&code_challenge={challenge}&aud={}/fhir",
            world.norte.gate.options.address
        )
    };
    let good = begin(query(BACK, &"a".repeat(43))).await;
    assert!(good.status == 303 && good.whole.contains("/#/autorizar/"), "{}", good.whole);
    let short = begin(query(BACK, "a")).await;
    assert!(
        short.whole.contains("app.example/vuelta?error=invalid_request") && short.whole.contains("state=z"),
        "{}",
        short.whole
    );
    let elsewhere = begin(query("https://evil.example/", &"a".repeat(43))).await;
    assert!(elsewhere.status == 400 && !elsewhere.whole.contains("location"), "{}", elsewhere.whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_registered_app_may_ask_from_the_browser_and_others_may_not() {
    let world = World::new().await;
    for (origin, path, allowed) in [
        ("https://app.example", "/fhir/metadata", true),
        ("https://evil.example", "/fhir/metadata", false),
        ("https://app.example", "/api/session", false),
    ] {
        for method in [Method::GET, Method::OPTIONS] {
            let asker = bearer("nobody").with("origin", origin).with("access-control-request-method", "GET");
            let answer = asker.ask(&world.norte, &method, path, &Sent::default()).await;
            assert_eq!(
                answer.whole.contains("access-control-allow-origin"),
                allowed,
                "{method} {origin} {path}: {}",
                answer.whole
            );
            assert!(!answer.whole.contains("access-control-allow-credentials"), "never with our cookie");
        }
    }
}
