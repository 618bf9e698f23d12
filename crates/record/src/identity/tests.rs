//! Likeness through sessions: who is found, what waits for a person, and that what a person said holds.

use super::{Grade, Policy, Verdict};
use crate::resources::Precondition;
use crate::{Node, NodeOptions, NodeRole, Session, Settings};
use badiano_fhir::Value;
use badiano_kernel::principal::{Role, Staff};
use badiano_kernel::{Instant, Principal, Purpose};
use badiano_testkit::lookalikes::{Registry, registry};
use std::collections::HashMap;
use tempfile::TempDir;

const NORTE: &str = "NLSSA999101";
const SEED: u64 = 20_261_124;

struct Place {
    node: Node,
    _folder: TempDir,
}

fn open(role: NodeRole) -> Place {
    let folder = TempDir::new().expect("a folder");
    let settings =
        Settings { role, name: NORTE.into(), clues: NORTE.into(), zone: "America/Mexico_City".into() };
    let options = NodeOptions {
        data: folder.path().join("data"),
        key_file: folder.path().join("key"),
        settings,
        workflows: &[],
    };
    Place { node: Node::open(options).expect("a new node opens"), _folder: folder }
}

impl Place {
    fn system(&self) -> Session {
        let principal = Principal::System {
            client_id: "t".into(),
            name: "t".into(),
            institution: NORTE.into(),
            scopes: vec!["system/*.cruds".into()],
        };
        self.node.session(principal, Purpose::Treatment, Instant::now())
    }

    fn staff(&self, role: Role) -> Session {
        let staff = Staff {
            account: "ana".into(),
            name: "Ana".into(),
            roles: vec![role],
            institution: NORTE.into(),
            cedula: None,
        };
        self.node.session(Principal::Staff(staff), Purpose::Operations, Instant::now())
    }

    /// Writes every registration as a record of its own, under its own id, as plain FHIR does.
    async fn keep(&self, registry: &Registry) {
        for registration in &registry.registrations {
            let patient = registration.patient.clone();
            self.system().update(patient, Precondition::None).await.expect("written");
        }
    }

    async fn consider(&self) -> usize {
        let mut found = 0;
        for _ in 0..50 {
            found += self.node.consider_identities(Instant::now()).await.expect("considered");
        }
        found
    }
}

/// The same person as another desk writes them: without a number, and with a slip.
fn again(registration: &Value) -> Value {
    let mut asked = registration.clone();
    if let Some(object) = asked.as_object_mut() {
        object.remove("id");
        object.remove("identifier");
    }
    asked
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_registered_is_found_again_by_likeness_and_a_correction_is_found_at_once() {
    let place = open(NodeRole::Hospital);
    let registry = registry(SEED, 60);
    place.keep(&registry).await;
    let session = place.system();
    let mut first = 0;
    for one in &registry.registrations {
        let found = session.match_patient(&again(&one.patient), false, 10).expect("answered");
        let who: HashMap<&str, usize> =
            registry.registrations.iter().map(|r| (r.patient.id(), r.who)).collect();
        first += usize::from(found.first().is_some_and(|c| who[c.patient.resource.id()] == one.who));
        for candidate in &found {
            assert!(!candidate.fields.is_empty(), "each is explained");
        }
    }
    let all = registry.registrations.len();
    assert!(first * 100 >= all * 92, "{first} of {all} found first without a number; seed {SEED}");

    let stranger = badiano_fhir::json::parse(
        br#"{"resourceType":"Patient","name":[{"family":"Wojciechowska Nakamura","given":["Xochiquetzalli"]}],"birthDate":"1931-12-30","gender":"female"}"#,
    )
    .expect("JSON");
    assert_eq!(session.match_patient(&stranger, false, 10).expect("answered").len(), 0);
    session.update(stranger.clone().with("id", "stranger"), Precondition::None).await.expect("written");
    let found = session.match_patient(&stranger, true, 10).expect("answered");
    assert_eq!((found.len(), found[0].grade), (1, Grade::Certain), "what was acknowledged is found");
    session.delete("Patient", "stranger", Precondition::None).await.expect("deleted");
    assert_eq!(session.match_patient(&stranger, false, 10).expect("answered").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_joined_by_likeness_alone_and_what_its_registrar_says_holds() {
    let place = open(NodeRole::Hospital);
    let registry = registry(SEED + 1, 40);
    place.keep(&registry).await;
    assert!(place.consider().await > 0, "some may be one person; seed {SEED}");
    let clerk = place.staff(Role::Registrar);
    let (pairs, all) = clerk.identity_pairs(false, 500).expect("listed");
    assert_eq!(pairs.len(), all);
    assert!(pairs.windows(2).all(|two| two[0].pair.bits >= two[1].pair.bits), "most alike first");
    assert_eq!(clerk.identity_pairs(true, 10).expect("listed").1, 0, "nobody has decided anything");
    place.staff(Role::Administrator).identity_pairs(false, 10).expect_err("no clinical role, no person");

    let (one, other) = (&pairs[0].pair, &pairs[1].pair);
    clerk.decide_identity(&one.a, &one.b, Verdict::Different, None, "hermanas").await.expect("said");
    clerk.decide_identity(&other.a, &other.b, Verdict::Same, Some(&other.a), "").await.expect("said");
    let now = clerk.identity_pairs(false, 500).expect("listed").0;
    assert!(now.iter().all(|p| p.pair.a != one.a || p.pair.b != one.b), "it waits no more");

    // The record changes, is looked at again, and does not come back.
    let record = place.system().read("Patient", &one.a).expect("read").resource;
    place.system().update(record.with("language", "es"), Precondition::None).await.expect("written");
    place.consider().await;
    let after = clerk.identity_pairs(false, 500).expect("listed").0;
    assert!(after.iter().all(|p| p.pair.a != one.a || p.pair.b != one.b), "a person outranks any score");
    let merged = place.system().read("Patient", &other.b).expect("read").resource;
    assert_eq!(merged["active"], Value::Bool(false));

    clerk.decide_identity(&other.a, &other.b, Verdict::Open, None, "me equivoqué").await.expect("said");
    let parted = place.system().read("Patient", &other.b).expect("read").resource;
    assert_eq!((&parted["active"], parted["link"].items().len()), (&Value::Bool(true), 0));
    let waits = clerk.identity_pairs(false, 500).expect("listed").0;
    assert!(waits.iter().any(|p| p.pair.a == other.a && p.pair.b == other.b), "it waits again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_may_join_alone_joins_who_is_one_and_nobody_else() {
    let place = open(NodeRole::Hub);
    let alone = Policy { joins_alone: true, ..Policy::default() };
    place.staff(Role::Administrator).set_identity_policy(alone).await.expect("set");
    let registry = registry(SEED + 2, 80);
    place.keep(&registry).await;
    place.consider().await;
    let who: HashMap<&str, usize> = registry.registrations.iter().map(|r| (r.patient.id(), r.who)).collect();
    let session = place.system();
    let (decided, all) = session.identity_pairs(true, 1_000).expect("listed");
    let right = decided.iter().filter(|p| who[&*p.pair.a] == who[&*p.pair.b]).count();
    assert!(all > 20 && right * 100 >= all * 98, "{right} of {all} joined are one person; seed {SEED}");
    for standing in &decided {
        let said = standing.pair.decided.as_ref().expect("decided");
        assert_eq!((said.verdict, said.kept.is_some()), (Verdict::Same, true));
        assert!(!standing.pair.fields.is_empty(), "and why is kept");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_be_joined_without_anybody_is_set_by_an_administrator_and_within_reason() {
    let place = open(NodeRole::Hospital);
    let policy = Policy { joins_alone: true, automatic_bits: 20.0, review_bits: 0.0 };
    let admin = place.staff(Role::Administrator);
    place.staff(Role::Registrar).set_identity_policy(policy.clone()).await.expect_err("no administrator");
    admin
        .set_identity_policy(Policy { automatic_bits: 1.0, ..policy.clone() })
        .await
        .expect_err("below what was measured");
    admin.set_identity_policy(policy.clone()).await.expect("set");
    assert_eq!(admin.identity_policy().expect("read"), policy);
}
