//! A held message at a running node: what the page and the command say of it, and that its bytes stay as they came.

use crate::modality::{self, SENDER};
use crate::place::Place;
use badiano_record::NodeRole;
use badiano_testkit::people;
use serde_json::{Value, json};

const CLUES: &str = "NLSSA999101";

async fn held(place: &Place) -> Value {
    let (_, all) = place.operator("GET", "/api/admin/messages", None).await;
    all["messages"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_still_cannot_be_applied_stays_held_and_says_why_and_who_tried_is_in_the_log() {
    let place = Place::new(NodeRole::Hospital, CLUES);
    let running = place.start();
    place.list_peer("hl7", SENDER).await;
    let person = people::person(3, 1);
    let whole = modality::merge(&person, "R1");
    // A merge that names one record only.
    let text = String::from_utf8(whole).expect("UTF-8");
    let without: Vec<&str> = text.split('\r').filter(|s| !s.starts_with("MRG|")).collect();
    let message = without.join("\r");
    let (code, answer) = modality::send(place.mllp, message.as_bytes()).expect("an answer");
    assert_eq!(code, "CA", "kept is acknowledged: {answer}");
    let row = held(&place).await;
    assert_eq!((&row["state"], &row["replays"]), (&json!("held"), &json!(0)), "{row}");
    let entries = async || place.operator("GET", "/api/admin/status", None).await.1["log"]["entries"].clone();
    let before = entries().await.as_u64().expect("a count");
    let path = format!("/api/admin/messages/{}/replay", row["id"].as_str().expect("an id"));
    let (status, again) = place.operator("POST", &path, Some(json!({}))).await;
    assert_eq!((status, &again["state"], &again["replays"]), (200, &json!("held"), &json!(1)), "{again}");
    assert_eq!(again["why"], row["why"]);
    let after = entries().await.as_u64().expect("a count");
    assert!(after > before, "who tried is in the log: {before} and then {after}");
    let unknown = place.operator("POST", "/api/admin/messages/none/replay", Some(json!({}))).await.0;
    assert_eq!(unknown, 404);
    running.stop();
    // The bytes are those that came.
    let node = place.open();
    let id = row["id"].as_str().expect("an id");
    let admin = badiano_kernel::Principal::System {
        client_id: "t".into(),
        name: "t".into(),
        institution: CLUES.into(),
        scopes: vec!["badiano/admin".into()],
    };
    let now = badiano_kernel::Instant::now();
    let session = node.session(admin, badiano_kernel::Purpose::Operations, now);
    assert_eq!(session.held_message(id).expect("held").original, message.as_bytes());
}
