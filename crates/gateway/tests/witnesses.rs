//! Logs and their witnesses over real sockets: what only grows is cosigned and proved with the witness's name; a fork and a deletion are
//! found in the epoch in which the log shows them.

use crate::asking::{Asker, Sent};
use crate::world::World;
use axum::http::Method;
use badiano_exchange::witnessing::ask_witnesses;
use badiano_kernel::{Instant, Principal, Purpose};
use badiano_record::Node;
use badiano_record::audit::checkpoint::{self, Checkpoint, SigningKey};
use badiano_record::audit::proof::{Proof, ProofError, Trust};
use badiano_record::audit::witness::request;
use badiano_record::witnessing::{Cosigned, EPOCH_SECONDS};

/// One epoch of a node's log.
async fn epoch(world: &World, node: &Node) -> usize {
    let gate = if node.settings().clues == world.hub.clues { &world.hub.gate } else { &world.norte.gate };
    node.advance_log(Instant::now()).expect("signed");
    ask_witnesses(node, &gate.wire().expect("a wire"), Instant::now()).await.expect("asked")
}

fn signer_of(node: &Node) -> SigningKey {
    SigningKey::from_seed(&node.settings().origin(), &node.secret("audit signing"))
}

fn size_of(node: &Node) -> u64 {
    checkpoint::open(&node.log().checkpoint(), &[]).expect("a note").checkpoint.size
}

async fn cosign(asker: &Asker, world: &World, text: String) -> u16 {
    let sent = Sent { kind: "text/plain".into(), bytes: text.into_bytes() };
    asker.ask(&world.hub, &Method::POST, "/pni/cosign", &sent).await.status
}

fn alarms(world: &World) -> usize {
    world.hub.node.witnessed().expect("read").iter().filter(|log| log.alarm.is_some()).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_grows_is_cosigned_each_epoch_and_a_proof_bears_its_witness() {
    let world = World::new().await;
    let node = &world.norte.node;
    assert_eq!(epoch(&world, node).await, 1, "the hub has cosigned");
    assert_eq!(
        ask_witnesses(node, &world.norte.gate.wire().expect("a wire"), Instant::now()).await,
        Ok(0),
        "once"
    );
    let person = Principal::Citizen { curp: world.curp().into(), name: "ella".into() };
    for kind in ["Patient", "Condition", "Observation"] {
        let session = node.session(person.clone(), Purpose::PatientRequest, Instant::now());
        let query = badiano_fhir::search::Query { kind: kind.into(), count: 5, ..Default::default() };
        session.search(&query).expect("hers");
        session.read("Patient", &world.norte.patient).expect("hers");
        world.norte.watch().await;
        assert_eq!(epoch(&world, node).await, 1, "after the search of {kind}");
    }
    let session = node.session(person, Purpose::PatientRequest, Instant::now());
    let all = session.accesses_of(world.curp()).expect("told");
    let keys = vec![node.log().verifier(), world.hub.node.witness_verifier()];
    let trust = Trust { keys, curp: Some(world.curp().into()), witnesses_min: 1, size_min: 0 };
    let mut proved = 0;
    for access in all.iter().filter(|a| !a.proof.is_empty()) {
        let proof = Proof::parse(&access.proof).expect("a proof");
        let verified = proof.verify(&trust).unwrap_or_else(|e| panic!("{}: {e}", access.id));
        assert_eq!(verified.witnesses, 1);
        assert!(access.proof.len() < 4096, "{} bytes", access.proof.len());
        let strangers = Trust { keys: vec![node.log().verifier()], ..trust.clone() };
        assert_eq!(
            proof.verify(&strangers),
            Err(ProofError::TooFewWitnesses),
            "whose key is not trusted counts not"
        );
        proved += 1;
    }
    assert!(proved > 3, "{proved} entries");
    assert_eq!(
        epoch(&world, &world.hub.node).await,
        1,
        "the hub's log is witnessed by the hospital that answers"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_and_a_deletion_are_found_in_the_epoch_in_which_the_log_shows_them() {
    let world = World::new().await;
    let node = &world.norte.node;
    epoch(&world, node).await;
    let (size, signer) = (size_of(node), signer_of(node));
    let norte = world.rightful(&world.hub, "norte").await;
    let note = |size, root| Checkpoint { origin: node.settings().origin(), size, root }.sign(&signer);
    assert_eq!(cosign(&norte, &world, request(size, &[], &note(size + 7, [9; 32]))).await, 422, "a fork");
    assert_eq!(alarms(&world), 1);
    assert_eq!(
        cosign(&norte, &world, request(size, &[], &note(size, [9; 32]))).await,
        422,
        "of the same size"
    );
    let smaller = request(0, &[], &note(size - 1, [9; 32]));
    assert_eq!(cosign(&norte, &world, smaller.clone()).await, 409, "it may have been long on its way");
    let principal =
        Principal::Node { institution: world.norte.clues.into(), name: "n".into(), on_behalf_of: None };
    let later = Instant::now().plus_seconds(EPOCH_SECONDS + 1);
    let session = world.hub.node.session(principal, Purpose::Operations, later);
    assert_eq!(session.cosign(&smaller).await, Ok(Cosigned::Refused), "an epoch later it is a deletion");

    let administrator = world.rightful(&world.hub, "administrator").await;
    let status = administrator.ask(&world.hub, &Method::GET, "/api/admin/status", &Sent::default()).await;
    let status: serde_json::Value = serde_json::from_slice(&status.body).expect("JSON");
    assert!(status["log"]["witnessed"][0]["alarm_at"].is_string(), "{status}");
    let metrics = administrator.ask(&world.hub, &Method::GET, "/metrics", &Sent::default()).await;
    assert!(metrics.whole.contains("\nbadiano_witness_alarms 1\n"), "{}", metrics.whole);
    let person = Principal::Citizen { curp: world.curp().into(), name: "ella".into() };
    let session = node.session(person, Purpose::PatientRequest, Instant::now());
    session.read("Patient", &world.norte.patient).expect("hers");
    world.norte.watch().await;
    assert_eq!(epoch(&world, node).await, 1, "what continues the history is cosigned");
    assert_eq!(alarms(&world), 1, "and the alarm stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_cosigned_but_for_their_own_log() {
    let world = World::new().await;
    world.norte.node.advance_log(Instant::now()).expect("signed");
    let text = request(0, &[], &world.norte.node.log().checkpoint());
    let sur = badiano_exchange::Wire::new(&world.sur).expect("a wire");
    let url = format!("https://localhost:{}/pni/cosign", world.hub.https.port());
    let answer =
        sur.post_text(&url, text.clone(), "x", std::time::Duration::from_secs(5)).await.expect("sent");
    assert_eq!(answer.status, 403, "{}", answer.body);
    for broken in ["", "old 1\n", "old x\n\nbadiano.mx/NLSSA999101\n1\n\n"] {
        let norte = world.rightful(&world.hub, "norte").await;
        assert_eq!(cosign(&norte, &world, broken.to_owned()).await, 400, "{broken:?}");
    }
    assert_eq!(alarms(&world), 0);
}
