//! What an owner may see decides what their subscription tells: consent, scopes, and the end of a registration.

use super::Notification;
use crate::class::DataClass;
use crate::consent::{Consent, Recipient, Rule};
use crate::resources::Precondition;
use crate::{Node, NodeOptions, NodeRole, Session, Settings};
use badiano_fhir::{Value, fhir};
use badiano_kernel::principal::{Role, Staff};
use badiano_kernel::{FaultKind, Instant, Principal, Purpose};
use std::sync::Arc;
use tempfile::TempDir;

const NORTE: &str = "NLSSA999101";
const BASE: &str = "https://norte.example/fhir";

struct Place {
    node: Node,
    _folder: TempDir,
}

fn open() -> Place {
    let folder = TempDir::new().expect("a folder");
    let settings = Settings {
        role: NodeRole::Hospital,
        name: NORTE.into(),
        clues: NORTE.into(),
        zone: "America/Mexico_City".into(),
    };
    let options = NodeOptions {
        data: folder.path().join("data"),
        key_file: folder.path().join("key"),
        settings,
        workflows: &[],
    };
    Place { node: Node::open(options).expect("a new node opens"), _folder: folder }
}

impl Place {
    fn system(&self, id: &str, scope: &str, institution: &str) -> Session {
        let principal = Principal::System {
            client_id: id.into(),
            name: id.into(),
            institution: institution.into(),
            scopes: vec![scope.into()],
        };
        self.node.session(principal, Purpose::Treatment, Instant::now())
    }

    fn writer(&self) -> Session {
        self.system("writer", "system/*.cruds", NORTE)
    }

    async fn put(&self, by: &Session, resource: Value) {
        by.update(resource, Precondition::None).await.expect("written");
    }

    /// Everything that one subscriber is told until nothing is left.
    async fn told(&self, id: &str) -> Vec<Notification> {
        let now = Instant::now();
        while self.node.watch_changes(now).await.expect("looked") {}
        let mut all = Vec::new();
        while let Some(one) = self.node.next_notification(id, BASE, now).await.expect("made") {
            self.node.notified(&one, Ok(()), now).await.expect("kept");
            if !one.is_silent {
                all.push(one);
            }
        }
        all
    }
}

fn hook(id: &str, criteria: &str) -> Value {
    fhir!({
        "resourceType": "Subscription", "id": id, "status": "requested", "reason": "r", "criteria": criteria,
        "channel": { "type": "rest-hook", "endpoint": "https://example.org/hook", "payload": "application/fhir+json" }
    })
}

fn observation(id: &str, status: &str) -> Value {
    fhir!({
        "resourceType": "Observation", "id": id, "status": status, "code": { "text": "glucosa" },
        "subject": { "reference": "Patient/ana" }
    })
}

fn urls(told: &[Notification]) -> Vec<&str> {
    told.iter().map(|n| n.url.strip_prefix("https://example.org/hook/").unwrap_or(&n.url)).collect()
}

#[tokio::test]
async fn what_fits_is_told_in_order_and_what_does_not_or_came_before_is_not() {
    let place = open();
    let writer = place.writer();
    place.put(&writer, observation("early", "final")).await;
    place.put(&writer, hook("s", "Observation?status=final")).await;
    place.put(&writer, observation("a", "final")).await;
    place.put(&writer, observation("b", "preliminary")).await;
    place.put(&writer, observation("b", "final")).await;
    place.put(&writer, observation("c", "final")).await;
    writer.delete("Observation", "c", Precondition::None).await.expect("deleted");
    assert_eq!(urls(&place.told("s").await), ["Observation/a", "Observation/b", "Observation/c"]);
    assert!(place.told("s").await.is_empty(), "nothing is told twice that was known to be told");
}

#[tokio::test]
async fn a_subscription_tells_only_what_its_owner_may_read() {
    let place = open();
    let narrow = place.system("narrow", "system/Subscription.cruds", NORTE);
    place.put(&narrow, hook("s", "Observation?status=final")).await;
    place.put(&place.writer(), observation("a", "final")).await;
    assert!(place.told("s").await.is_empty(), "a scope that names no Observation hears of none");
}

#[tokio::test]
async fn what_a_consent_hides_notifies_nobody_also_when_it_was_given_after_the_event() {
    let place = open();
    let writer = place.writer();
    place.put(&writer, hook("s", "Observation?status=final")).await;
    place.put(&writer, observation("a", "final")).await;
    let now = Instant::now();
    while place.node.watch_changes(now).await.expect("looked") {}
    let pat = badiano_store::pat_of("ana");
    let close = Rule {
        permit: false,
        class: Some(DataClass::Laboratory),
        recipient: Some(Recipient::Institution(NORTE.into())),
        purpose: None,
        from: Instant::from_seconds(0),
        to: None,
        by: None,
    };
    let closed = Consent { rules: vec![close] };
    place.node.consents().write().expect("free").insert(pat, Arc::new(closed));
    place.put(&writer, observation("b", "final")).await;
    assert!(writer.read("Observation", "a").is_err(), "the owner may not read it any more");
    assert!(place.told("s").await.is_empty());
    place.node.consents().write().expect("free").remove(&pat);
    place.put(&writer, observation("c", "final")).await;
    assert_eq!(
        urls(&place.told("s").await),
        ["Observation/c"],
        "what was hidden when its turn came stays untold"
    );
}

#[tokio::test]
async fn a_sealed_header_that_is_copied_to_another_subscription_does_not_open() {
    let place = open();
    let writer = place.writer();
    let mut first = hook("first", "Observation?");
    first.set("channel", fhir!({ "type": "rest-hook", "endpoint": "https://example.org/hook", "header": ["Authorization: Bearer secreto"] }));
    place.put(&writer, first).await;
    let kept = writer.read("Subscription", "first").expect("read").resource;
    let sealed = kept["channel"]["header"].at(0).clone();
    assert!(
        sealed.as_str().is_some_and(|h| h.starts_with("Authorization: sealed:") && !h.contains("secreto"))
    );
    let mut copy = hook("copy", "Observation?");
    copy.set(
        "channel",
        fhir!({ "type": "rest-hook", "endpoint": "https://attacker.example/", "header": [sealed] }),
    );
    place.put(&writer, copy).await;
    place.put(&writer, observation("a", "final")).await;
    assert!(place.told("copy").await.is_empty());
    assert_eq!(writer.read("Subscription", "copy").expect("read").resource.str_of("status"), "off");
    let told = place.told("first").await;
    assert_eq!(told[0].headers, [("Authorization".to_owned(), "Bearer secreto".to_owned())]);
}

#[tokio::test]
async fn whoever_is_not_the_owner_gets_no_token_and_a_citizen_no_subscription() {
    let place = open();
    let mut socket = hook("ws", "Observation?");
    socket.set("channel", fhir!({ "type": "websocket" }));
    place.put(&place.writer(), socket).await;
    let other = place.system("other", "system/*.cruds", NORTE);
    let refused = other.ws_token(&["ws".to_owned()]).await.expect_err("not the owner");
    assert_eq!(refused.kind, FaultKind::Forbidden);
    let (token, _) = place.writer().ws_token(&["ws".to_owned()]).await.expect("the owner");
    assert_eq!(place.node.take_ws_token(&token, Instant::now()), Some(vec!["ws".to_owned()]));
    assert_eq!(place.node.take_ws_token(&token, Instant::now()), None, "a token is good once");
    let staff = Staff {
        account: "ana".into(),
        name: "Ana".into(),
        roles: vec![Role::Clinician],
        institution: NORTE.into(),
        cedula: None,
    };
    let clinician = place.node.session(Principal::Staff(staff), Purpose::Treatment, Instant::now());
    place.put(&clinician, hook("mine", "Observation?")).await;
    let now = Instant::now();
    place.put(&place.writer(), observation("a", "final")).await;
    while place.node.watch_changes(now).await.expect("looked") {}
    let gone = clinician.read("Subscription", "mine").expect("read").resource;
    assert_eq!(gone.str_of("status"), "off", "an account that does not exist owns nothing that goes on");
}
