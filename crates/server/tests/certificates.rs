//! Certificates of nodes over real TLS: joining, renewal by the job and by command, revocation.

use crate::place::{Place, Running, answer_of};
use crate::secure::{Own, authority, config, self_signed, tls};
use badiano_kernel::{Instant, Principal, Purpose};
use badiano_record::NodeRole;
use badiano_record::authority::subject_of;
use badiano_record::participants::JoinRequest;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use serde_json::{Value, json};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant as Clock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const HUB: &str = "DFSSA999001";
const NORTE: &str = "NLSSA999101";
const SUR: &str = "OCSSA999102";
/// What follows from a change at another node is there by then.
const SOON: Duration = Duration::from_secs(30);
const DAY: i64 = 86_400;

/// Joins a hospital to the hub in this process, at a moment of the test's choosing; what the hospital shows from then on.
async fn join(hub: &Place, hospital: &Place, now: Instant) -> Own {
    let (hub_node, node) = (hub.open(), hospital.open());
    let hosts = ["localhost".to_owned()];
    hub_node.identity(&hosts, Instant::now()).await.expect("the hub's identity");
    node.identity(&hosts, now).await.expect("an identity");
    let job = hub_node.session(Principal::Job { name: "tests" }, Purpose::Operations, now);
    let request = JoinRequest {
        code: job.make_join_code(&hospital.clues).await.expect("a code"),
        clues: hospital.clues.clone(),
        name: hospital.clues.clone(),
        address: https(hospital),
        request: node.certificate_request(&hosts, now).await.expect("a request"),
        log_key: node.log().verifier().to_line(),
    };
    let answer = hub_node.take_in(request, now).await.expect("taken in");
    node.keep_hub(&https(hub), &answer, now).await.expect("kept");
    let identity = node.present_identity().expect("an identity");
    Own { certificate: identity.certificate, key: identity.key }
}

fn https(place: &Place) -> String {
    format!("https://localhost:{}", place.https)
}

fn serial_of(own: &Own) -> String {
    let der = CertificateDer::from_pem_slice(own.certificate.as_bytes()).expect("a certificate");
    subject_of(&der).expect("a node's certificate").1
}

/// Asks as a node asks; none where the handshake fails.
async fn ask(place: &Place, trusted: &str, own: Option<&Own>) -> Option<(u16, Value)> {
    let request = tls(trusted, own).post(format!("{}/pni/revocation-list", https(place)));
    let sent = request.header("content-type", "application/json").body("{}").send().await.ok()?;
    Some((sent.status().as_u16(), sent.json().await.unwrap_or(Value::Null)))
}

async fn institution(hub: &Place, clues: &str) -> Value {
    let (_, all) = hub.operator("GET", "/api/admin/institutions", None).await;
    let all = all["institutions"].as_array().cloned().unwrap_or_default();
    all.into_iter().find(|i| i["clues"] == clues).unwrap_or(Value::Null)
}

async fn eventually<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let begun = Clock::now();
    while !holds().await {
        assert!(begun.elapsed() < SOON, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A connection that stays open, over which one request was answered.
async fn open_connection(place: &Place, trusted: &str, own: &Own) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", place.https)).await.expect("connected");
    let mut config = config(trusted, Some(own));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream =
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("the handshake holds");
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("sent");
    let mut answer = [0_u8; 4096];
    let taken = stream.read(&mut answer).await.expect("answered");
    assert!(answer[..taken].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..taken]));
    stream
}

/// Nothing more comes but the end.
async fn ends(stream: &mut TlsStream<TcpStream>) -> bool {
    let mut rest = [0_u8; 4096];
    let read = tokio::time::timeout(SOON, stream.read(&mut rest)).await;
    matches!(read, Ok(Ok(0) | Err(_)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hospital_renews_its_certificate_by_itself_and_the_one_before_is_no_longer_taken() {
    let (hub, norte) = (Place::new(NodeRole::Hub, HUB), Place::new(NodeRole::Hospital, NORTE));
    // Half of its time has passed when the node starts.
    let old = join(&hub, &norte, Instant::now().plus_seconds(-60 * DAY)).await;
    let hub_runs = hub.start();
    let trusted = authority(&hub).await;
    assert_eq!(ask(&hub, &trusted, Some(&old)).await.map(|a| a.0), Some(200), "good until it is renewed");
    let norte_runs = norte.start();
    eventually("the job renews the certificate", || async {
        let serial = institution(&hub, NORTE).await["certificate_serial"].clone();
        serial.as_str().is_some_and(|s| !s.is_empty() && s != serial_of(&old))
    })
    .await;
    assert_eq!(ask(&hub, &trusted, Some(&old)).await.map(|a| a.0), Some(401), "the one before");
    let (_, certificate) = norte.operator("GET", "/api/admin/certificate", None).await;
    let ends = certificate["ends"].as_str().expect("a moment").to_owned();
    assert!(ends > Instant::now().plus_seconds(80 * DAY).to_rfc3339(), "{ends}");
    // The running node shows the new one at its own door.
    let (status, _) = answer_of(tls(&trusted, None).get(format!("{}/livez", https(&norte)))).await;
    assert_eq!(status, 200);
    stop([norte_runs, hub_runs]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_renews_the_certificate_of_a_hospital_and_of_the_hub_while_they_run() {
    let (hub, norte) = (Place::new(NodeRole::Hub, HUB), Place::new(NodeRole::Hospital, NORTE));
    let old = join(&hub, &norte, Instant::now()).await;
    let (hub_runs, norte_runs) = (hub.start(), norte.start());
    let trusted = authority(&hub).await;
    for place in [&norte, &hub] {
        let said = place.command(&["join", "--renew"]);
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    }
    assert_eq!(ask(&hub, &trusted, Some(&old)).await.map(|a| a.0), Some(401), "the one before");
    assert_ne!(institution(&hub, NORTE).await["certificate_serial"], serial_of(&old));
    stop([norte_runs, hub_runs]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hospital_joins_by_command_while_both_run() {
    let (hub, norte) = (Place::new(NodeRole::Hub, HUB), Place::new(NodeRole::Hospital, NORTE));
    let (hub_runs, norte_runs) = (hub.start(), norte.start());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("autoridad.pem");
    std::fs::write(&file, authority(&hub).await).expect("written");
    let (_, made) = hub.operator("POST", "/api/admin/join-codes", Some(json!({ "clues": NORTE }))).await;
    let code = made["code"].as_str().expect("a code").to_owned();
    let (at, address) = (https(&hub), https(&norte));
    let file = file.display().to_string();
    let arguments = ["join", &at, "--code", &code, "--authority", &file, "--address", &address];
    let said = norte.command(&arguments);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert_eq!(institution(&hub, NORTE).await["active"], true);
    let said = norte.command(&arguments);
    assert_eq!(said.status.code(), Some(1), "a code works once");
    // The hub now reaches the hospital at its door under the common authority.
    let (status, _) =
        answer_of(tls(&authority(&hub).await, None).get(format!("{}/livez", https(&norte)))).await;
    assert_eq!(status, 200);
    stop([norte_runs, hub_runs]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_certificate_is_refused_at_every_node_and_open_connections_are_closed() {
    let hub = Place::new(NodeRole::Hub, HUB);
    let (norte, sur) = (Place::new(NodeRole::Hospital, NORTE), Place::new(NodeRole::Hospital, SUR));
    let (own, other) = (join(&hub, &norte, Instant::now()).await, join(&hub, &sur, Instant::now()).await);
    let (hub_runs, sur_runs) = (hub.start(), sur.start());
    let trusted = authority(&hub).await;
    assert_eq!(ask(&hub, &trusted, Some(&own)).await.map(|a| a.0), Some(200));
    let mut at_hub = open_connection(&hub, &trusted, &own).await;
    let mut at_sur = open_connection(&sur, &trusted, &own).await;
    let revoke = format!("/api/admin/institutions/{NORTE}/revoke");
    let (status, answer) = hub.operator("POST", &revoke, Some(json!({}))).await;
    assert_eq!(status, 204, "{answer}");
    assert_eq!(ask(&hub, &trusted, Some(&own)).await, None, "the next handshake at the hub");
    assert!(ends(&mut at_hub).await, "the open connection at the hub is closed");
    assert!(ends(&mut at_sur).await, "the open connection at the other hospital is closed");
    assert_eq!(ask(&sur, &trusted, Some(&own)).await, None, "the next handshake at the other hospital");
    assert_eq!(ask(&hub, &trusted, Some(&other)).await.map(|a| a.0), Some(200), "others go on");
    // It stays so after a restart.
    stop([sur_runs, hub_runs]);
    let (hub_runs, sur_runs) = (hub.start(), sur.start());
    for place in [&hub, &sur] {
        assert_eq!(ask(place, &trusted, Some(&own)).await, None, "after a restart");
    }
    stop([sur_runs, hub_runs]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_hospital_cannot_renew_and_comes_back_with_a_new_code() {
    let (hub, norte) = (Place::new(NodeRole::Hub, HUB), Place::new(NodeRole::Hospital, NORTE));
    join(&hub, &norte, Instant::now()).await;
    let (hub_runs, norte_runs) = (hub.start(), norte.start());
    let (status, _) =
        hub.operator("POST", &format!("/api/admin/institutions/{NORTE}/revoke"), Some(json!({}))).await;
    assert_eq!(status, 204);
    assert_eq!(norte.command(&["join", "--renew"]).status.code(), Some(3), "no connection to ask over");
    stop([norte_runs, hub_runs]);
    let again = join(&hub, &norte, Instant::now()).await;
    let hub_runs = hub.start();
    assert_eq!(ask(&hub, &authority(&hub).await, Some(&again)).await.map(|a| a.0), Some(200));
    stop([hub_runs]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_another_authority_that_bears_an_institutions_name_opens_nothing() {
    let (hub, norte) = (Place::new(NodeRole::Hub, HUB), Place::new(NodeRole::Hospital, NORTE));
    let own = join(&hub, &norte, Instant::now()).await;
    let hub_runs = hub.start();
    let trusted = authority(&hub).await;
    assert_eq!(ask(&hub, &trusted, Some(&own)).await.map(|a| a.0), Some(200));
    for (impostor, why) in [(Some(self_signed(NORTE)), "signed by itself"), (None, "no certificate")] {
        assert_eq!(ask(&hub, &trusted, impostor.as_ref()).await.map(|a| a.0), Some(401), "{why}");
    }
    // Another hospital's own authority, as every node makes one on its first start.
    let foreign = Place::new(NodeRole::Hospital, NORTE);
    let node = foreign.open();
    let made = node.identity(&["localhost".to_owned()], Instant::now()).await.expect("an identity");
    let impostor = Own { certificate: made.certificate, key: made.key };
    assert_eq!(ask(&hub, &trusted, Some(&impostor)).await.map(|a| a.0), Some(401), "of another authority");
    stop([hub_runs]);
}

fn stop<const N: usize>(nodes: [Running; N]) {
    nodes.into_iter().for_each(Running::stop);
}
