//! A hub that serves, and the institutions that join it: for tests of the fan-out and for its measure.

use badiano_exchange::on_behalf::OnBehalf;
use badiano_fhir::{Value, fhir};
use badiano_gateway::{Gate, GateOptions, Patience, listen, routes, tls};
use badiano_kernel::{Instant, Principal, Purpose};
use badiano_record::authority::Identity;
use badiano_record::participants::JoinRequest;
use badiano_record::{Node, NodeOptions, NodeRole, Settings};
use badiano_testkit::sources::request;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpListener;

pub const HUB: &str = "DFSSA999001";
/// The institution whose staff asks.
pub const ASKER: &str = "NLSSA999101";

pub struct Country {
    pub hub: Node,
    pub gate: Gate,
    pub address: String,
    /// The hospital that asks, as it speaks to the hub.
    pub asker: Identity,
    _folder: TempDir,
}

/// An institution that wants to join, and what it gets.
pub struct Joining {
    pub clues: String,
    pub address: String,
    pub request: String,
}

/// CLUES of the institution with a number.
pub fn clues(number: usize) -> String {
    format!("DFSSA99{number:04}", number = 2000 + number)
}

impl Country {
    pub async fn new(patience: Patience) -> Country {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = TempDir::new().expect("a folder");
        let zone = "America/Mexico_City".to_owned();
        let settings = Settings { role: NodeRole::Hub, name: "Nacional".into(), clues: HUB.into(), zone };
        let (data, key_file) = (folder.path().join("data"), folder.path().join("key"));
        let hub = Node::open(NodeOptions { data, key_file, settings, workflows: &[] }).expect("a node opens");
        hub.identity(&["localhost".to_owned()], Instant::now()).await.expect("an authority");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("https://localhost:{}", listener.local_addr().expect("bound").port());
        let options = GateOptions { address: address.clone(), patience, ..GateOptions::default() };
        let gate = Gate::new(hub.clone(), options);
        let tls = Arc::new(tls::Tls::new(&hub).expect("TLS"));
        tokio::spawn(listen::serve(listener, Some(tls), routes::router(gate.clone())));
        let (csr, key) = request();
        let joining = Joining { clues: ASKER.into(), address: "https://localhost:1".into(), request: csr };
        let (certificate, authority) = join(&hub, joining).await;
        let asker = Identity { certificate, key, authority, revoked: None };
        Country { hub, gate, address, asker, _folder: folder }
    }

    /// Certificate and authority, in PEM.
    pub async fn join(&self, joining: Joining) -> (String, String) {
        join(&self.hub, joining).await
    }

    /// Each of these institutions holds something about the person.
    pub async fn register(&self, person: &Value, institutions: &[String]) {
        for institution in institutions {
            let node = Principal::Node {
                institution: institution.clone(),
                name: institution.clone(),
                on_behalf_of: None,
            };
            let session = self.hub.session(node, Purpose::Operations, Instant::now());
            session.note_holding(person.clone(), institution).await.expect("registered");
        }
    }
}

async fn join(hub: &Node, joining: Joining) -> (String, String) {
    let now = Instant::now();
    let job = hub.session(Principal::Job { name: "test" }, Purpose::Operations, now);
    let request = JoinRequest {
        code: job.make_join_code(&joining.clues).await.expect("a code"),
        name: format!("Hospital {}", joining.clues),
        log_key: hub.log().verifier().to_line(),
        clues: joining.clues,
        address: joining.address,
        request: joining.request,
    };
    let answer = hub.take_in(request, now).await.expect("taken in");
    (answer.certificate, answer.authority)
}

/// For whom a physician of the asking hospital asks.
pub fn physician(curp: &str) -> String {
    let for_whom = OnBehalf {
        account: "medica".into(),
        name: "Ana Núñez".into(),
        roles: vec!["clinician".into()],
        institution: ASKER.into(),
        cedula: Some("99000001".into()),
        purpose: Purpose::Treatment.code().into(),
        reason: None,
        signed_in: None,
        sensitive: Vec::new(),
        person: curp.into(),
        in_place: None,
    };
    for_whom.to_header()
}

/// A person as institutions register them.
pub fn person(curp: &str) -> Value {
    fhir!({
        "resourceType": "Patient",
        "identifier": [{ "system": (badiano_mexico::naming::CURP), "value": curp }],
        "name": [{ "family": "Núñez", "given": ["Íñigo"] }]
    })
}
