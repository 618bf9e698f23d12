//! How long a withdrawal takes to a real hospital node: from its acknowledgement at the hub to the refusal there.

use super::line;
use crate::country::{Country, HUB, clues, person};
use badiano_exchange::courier;
use badiano_fhir::fhir;
use badiano_gateway::{Gate, GateOptions, listen, routes, tls};
use badiano_kernel::principal::{Role, Staff};
use badiano_kernel::{FaultKind, Instant, Principal, Purpose};
use badiano_record::consent::{Recipient, Rule};
use badiano_record::participants::JoinRequest;
use badiano_record::{Node, NodeOptions, NodeRole, Session, Settings};
use std::sync::Arc;
use std::time::{Duration, Instant as Clock};
use tempfile::TempDir;

const CLUES: &str = "NLSSA999177";
const CURP: &str = "SABC560626MDFLRN01";
const WITHDRAWALS: usize = 40;

/// The slowest of many.
pub async fn revocation(country: &Country) {
    let (norte, _folder) = join(country).await;
    carry(country);
    let scripts = of_scripts(&norte);
    let patient = scripts.create(person(CURP)).await.expect("written");
    let report = fhir!({
        "resourceType": "DiagnosticReport", "status": "final", "code": { "text": "TC" },
        "subject": { "reference": (format!("Patient/{}", patient.resource.id())) }
    });
    let report = scripts.create(report).await.expect("written");
    let sees = || {
        let session = norte.session(physician_elsewhere(), Purpose::Treatment, Instant::now());
        session.read("DiagnosticReport", report.resource.id())
    };
    let mut slowest: f64 = 0.0;
    for round in 0..2 * WITHDRAWALS {
        let permit = round % 2 == 1;
        say_of_consent(country, permit).await;
        let began = Clock::now();
        while sees().is_ok() != permit {
            assert!(began.elapsed() < Duration::from_secs(30), "the consent never arrives");
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        if !permit {
            assert!(sees().is_err_and(|f| f.kind == FaultKind::NotFound), "as if it did not exist");
            slowest = slowest.max(began.elapsed().as_secs_f64() * 1000.0);
        }
    }
    line("revocation_ms", slowest, "ms", "lower");
}

async fn say_of_consent(country: &Country, permit: bool) {
    let citizen = Principal::Citizen { curp: CURP.into(), name: "Ella".into() };
    let session = country.hub.session(citizen, Purpose::PatientRequest, Instant::now());
    let (recipient, from) = (Some(Recipient::Institution(clues(0))), Instant::now());
    let rule = Rule { permit, class: None, recipient, purpose: None, from, to: None, by: None };
    session.give_consent(rule, &[CLUES.to_owned()]).await.expect("said");
}

/// As the hub's own job does it.
fn carry(country: &Country) {
    let (hub, gate) = (country.hub.clone(), country.gate.clone());
    tokio::spawn(async move {
        let mut changed = hub.changed();
        loop {
            let wire = gate.wire().expect("a wire");
            courier::carry(&hub, &wire, Instant::now()).await.expect("carried");
            let _ = tokio::time::timeout(Duration::from_secs(1), changed.changed()).await;
        }
    });
}

fn of_scripts(node: &Node) -> Session {
    let (scopes, institution) = (vec!["system/*.cruds".into()], node.settings().clues.clone());
    let principal =
        Principal::System { client_id: "bench".into(), name: "bench".into(), institution, scopes };
    node.session(principal, Purpose::Treatment, Instant::now())
}

fn physician_elsewhere() -> Principal {
    let staff = Staff {
        account: "medica".into(),
        name: "Ana".into(),
        roles: vec![Role::Clinician],
        institution: clues(0),
        cedula: None,
    };
    Principal::Node { institution: clues(0), name: "hub".into(), on_behalf_of: Some(staff) }
}

/// A hospital node that serves and has joined the hub.
async fn join(country: &Country) -> (Node, TempDir) {
    let folder = TempDir::new().expect("a folder");
    let zone = "America/Mexico_City".to_owned();
    let settings = Settings { role: NodeRole::Hospital, name: "Norte".into(), clues: CLUES.into(), zone };
    let (data, key_file) = (folder.path().join("data"), folder.path().join("key"));
    let node = Node::open(NodeOptions { data, key_file, settings, workflows: &[] }).expect("a node opens");
    let (now, hosts) = (Instant::now(), ["localhost".to_owned()]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("https://localhost:{}", listener.local_addr().expect("bound").port());
    let job = country.hub.session(Principal::Job { name: "bench" }, Purpose::Operations, now);
    let request = JoinRequest {
        code: job.make_join_code(CLUES).await.expect("a code"),
        clues: CLUES.into(),
        name: "Norte".into(),
        address: address.clone(),
        request: node.certificate_request(&hosts, now).await.expect("a request"),
        log_key: node.log().verifier().to_line(),
    };
    let answer = country.hub.take_in(request, now).await.expect("taken in");
    node.keep_hub(&country.address, &answer, now).await.expect("kept");
    let of_hub = Principal::Node { institution: HUB.into(), name: "hub".into(), on_behalf_of: None };
    node.session(of_hub, Purpose::Operations, now).renew_lease().await.expect("the hub was heard");
    let gate = Gate::new(node.clone(), GateOptions { address, ..GateOptions::default() });
    let tls = Arc::new(tls::Tls::new(&node).expect("TLS"));
    tokio::spawn(listen::serve(listener, Some(tls), routes::router(gate)));
    (node, folder)
}
