//! A hub and a hospital that run on ephemeral ports of this machine, with one patient's order, images and signed report in them.

use crate::person::{Patient, SCANNER, SENDER, another};
use badiano_gateway::{Gate, GateOptions, dimse, listen, mllp, operator, routes, tls};
use badiano_kernel::principal::{Role, Staff};
use badiano_kernel::{Instant, Principal, Purpose};
use badiano_record::accounts::NewAccount;
use badiano_record::authority::Identity;
use badiano_record::participants::JoinRequest;
use badiano_record::peers::{Peer, PeerKind};
use badiano_record::reports::{ReportAction, ReportText};
use badiano_record::{Node, NodeOptions, NodeRole, Session, Settings};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;

pub const HUB: &str = "DFSSA999001";
pub const NORTE: &str = "NLSSA999101";
pub const SUR: &str = "OCSSA999102";
pub const AE_TITLE: &str = "NORTE";
const HOSTS: [&str; 2] = ["localhost", "127.0.0.1"];

/// A node that serves.
pub struct Place {
    pub clues: &'static str,
    pub node: Node,
    pub gate: Gate,
    pub http: SocketAddr,
    pub https: SocketAddr,
    pub dimse: SocketAddr,
    pub mllp: SocketAddr,
    /// What the node shows to other nodes.
    pub identity: Identity,
    pub operator: PathBuf,
    /// The patient as this node names them.
    pub patient: String,
    folder: TempDir,
}

pub struct World {
    pub hub: Place,
    pub norte: Place,
    pub patient: Patient,
    /// The certificate of Sur, a listed institution that holds nothing of the patient.
    pub sur: Identity,
    /// Ids of what was written at Norte.
    pub report: String,
    pub message: String,
    made: AtomicUsize,
}

struct Bound {
    http: TcpListener,
    https: TcpListener,
    dimse: TcpListener,
    mllp: TcpListener,
}

impl Bound {
    async fn new() -> Bound {
        let bind = || async { TcpListener::bind("127.0.0.1:0").await.expect("a port") };
        Bound { http: bind().await, https: bind().await, dimse: bind().await, mllp: bind().await }
    }
}

fn open(role: NodeRole, clues: &str) -> (Node, TempDir) {
    let folder = TempDir::new().expect("a folder");
    let zone = "America/Mexico_City".to_owned();
    let settings = Settings { role, name: format!("Nodo {clues}"), clues: clues.into(), zone };
    let (data, key_file) = (folder.path().join("data"), folder.path().join("key"));
    let workflows = badiano_departments::WORKFLOWS;
    (Node::open(NodeOptions { data, key_file, settings, workflows }).expect("a node opens"), folder)
}

/// As `badiano serve` starts a node.
async fn start(clues: &'static str, node: Node, folder: TempDir, bound: Bound) -> Place {
    let hosts = HOSTS.map(str::to_owned);
    let identity = node.identity(&hosts, Instant::now()).await.expect("an identity");
    let at = |l: &TcpListener| l.local_addr().expect("an address");
    let (http, https, dimse_at, mllp_at) =
        (at(&bound.http), at(&bound.https), at(&bound.dimse), at(&bound.mllp));
    let options = GateOptions {
        address: format!("https://localhost:{}", https.port()),
        pages: format!("http://localhost:{}", http.port()),
        ae_title: AE_TITLE.into(),
        providers: Vec::new(),
        secure_cookies: false,
        ..GateOptions::default()
    };
    let gate = Gate::new(node.clone(), options);
    let tls = Arc::new(tls::Tls::new(&node).expect("TLS"));
    let router = routes::router(gate.clone());
    let data = folder.path().join("data");
    let socket = operator::open(&data).expect("the operator's door");
    tokio::spawn(operator::serve(socket, data.clone(), router.clone()));
    tokio::spawn(listen::serve(bound.https, Some(tls.clone()), router.clone()));
    tokio::spawn(listen::serve(bound.http, None, router));
    tokio::spawn(dimse::serve(gate.clone(), tls.clone(), bound.dimse));
    tokio::spawn(mllp::listener::serve(gate.clone(), Some(tls), bound.mllp));
    Place {
        clues,
        gate,
        http,
        https,
        dimse: dimse_at,
        mllp: mllp_at,
        identity,
        operator: operator::socket_of(&data),
        patient: String::new(),
        node,
        folder,
    }
}

/// The steps of `badiano join`.
async fn join(hub: &Node, node: &Node, clues: &str, own: &str, hub_address: &str) {
    let (now, hosts) = (Instant::now(), HOSTS.map(str::to_owned));
    let job = hub.session(Principal::Job { name: "test" }, Purpose::Operations, now);
    let request = JoinRequest {
        code: job.make_join_code(clues).await.expect("a code"),
        clues: clues.into(),
        name: format!("Nodo {clues}"),
        address: own.into(),
        request: node.certificate_request(&hosts, now).await.expect("a request"),
        log_key: node.log().verifier().to_line(),
    };
    let answer = hub.take_in(request, now).await.expect("taken in");
    node.keep_hub(hub_address, &answer, now).await.expect("kept");
    let of_hub = Principal::Node { institution: HUB.into(), name: "hub".into(), on_behalf_of: None };
    node.session(of_hub, Purpose::Operations, now).renew_lease().await.expect("the hub was heard");
}

impl World {
    pub async fn new() -> World {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (at_hub, at_norte) = (Bound::new().await, Bound::new().await);
        let address =
            |b: &Bound| format!("https://localhost:{}", b.https.local_addr().expect("bound").port());
        let (hub_address, norte_address) = (address(&at_hub), address(&at_norte));
        let (hub, hub_folder) = open(NodeRole::Hub, HUB);
        hub.identity(&HOSTS.map(str::to_owned), Instant::now()).await.expect("an authority");
        let (norte, norte_folder) = open(NodeRole::Hospital, NORTE);
        let (sur, _sur_folder) = open(NodeRole::Hospital, SUR);
        join(&hub, &norte, NORTE, &norte_address, &hub_address).await;
        join(&hub, &sur, SUR, "https://localhost:1", &hub_address).await;
        let sur = sur.identity(&[], Instant::now()).await.expect("an identity");
        let mut world = World {
            hub: start(HUB, hub, hub_folder, at_hub).await,
            norte: start(NORTE, norte, norte_folder, at_norte).await,
            patient: Patient::new(),
            sur,
            report: String::new(),
            message: String::new(),
            made: AtomicUsize::new(0),
        };
        world.fill().await;
        world
    }

    /// An order over MLLP, images over STOW-RS, a signed report, all of it known at the hub.
    async fn fill(&mut self) {
        list_peer(&self.norte.node, PeerKind::Hl7, SENDER, NORTE).await;
        list_peer(&self.norte.node, PeerKind::Dicom, SCANNER, NORTE).await;
        for message in self.patient.messages("D") {
            let answer = crate::asking::mllp(self.norte.mllp, &message).await;
            assert!(answer.contains("MSA|AA") || answer.contains("MSA|CA"), "{answer}");
        }
        let receipts = self.administrator(&self.norte).messages(10).expect("receipts");
        self.message = receipts[0].id.clone();
        self.administrator(&self.norte).put_app(crate::apps::app()).await.expect("registered");
        self.store_images().await;
        self.norte.node.refresh_imaging_studies(Instant::now()).await.expect("written");
        let (reader, _) = self.staff(&self.norte, &[Role::Radiologist]).await;
        let session = self.norte.node.session(Principal::Staff(reader), Purpose::Treatment, Instant::now());
        let text = ReportText {
            template: "ct-torax".into(),
            sections: vec![("Hallazgos".into(), "CONCLUSION-QXZ en detalle".into())],
            conclusion: "CONCLUSION-QXZ".into(),
            ..ReportText::default()
        };
        let uid = self.patient.study.uid();
        session.note_opened(&session.archived(uid, None).expect("images"));
        let written = session.write_report(uid, ReportAction::Sign, text, None).await.expect("signed");
        self.report = written.resource.id().to_owned();
        let wire = self.norte.gate.wire().expect("a wire");
        badiano_exchange::courier::carry(&self.norte.node, &wire, Instant::now()).await.expect("registered");
        for place in [&mut self.hub, &mut self.norte] {
            let curp = self.patient.person.curp.as_str();
            let found = system(&place.node, "system/*.rs").patient_by_curp(curp).expect("known");
            place.patient = found.resource.id().to_owned();
        }
    }

    async fn store_images(&self) {
        let session = system(&self.norte.node, "system/*.cruds");
        for number in 1..=self.patient.study.count() {
            let file = self.patient.study.instance(number).expect("an instance").file;
            let mut receiving = session.receive_file().expect("may store");
            receiving.feed(&file).expect("reads");
            receiving.finish().await.expect("stored");
        }
    }

    pub fn administrator(&self, place: &Place) -> Session {
        system(&place.node, "badiano/admin")
    }

    /// A name that nobody in the log has yet.
    pub fn fresh(&self, what: &str) -> String {
        format!("{what}-{}", self.made.fetch_add(1, Ordering::Relaxed))
    }

    /// A member of staff who was not here before, and the secret of their second factor.
    pub async fn staff(&self, place: &Place, roles: &[Role]) -> (Staff, String) {
        let account = self.fresh("cuenta");
        let new = NewAccount {
            name: format!("Persona {account}"),
            roles: roles.iter().map(|r| r.code().to_owned()).collect(),
            cedula: Some("99000001".into()),
            password: "una contraseña larga".into(),
            account: account.clone(),
        };
        let secret = self.administrator(place).make_account(new).await.expect("an account");
        let staff = Staff {
            name: format!("Persona {account}"),
            account,
            roles: roles.to_vec(),
            institution: place.clues.into(),
            cedula: Some("99000001".into()),
        };
        (staff, secret)
    }

    /// An institution that joins only to leave again.
    pub async fn leaving(&self) -> String {
        let clues = format!("JCSSA9992{:02}", self.made.fetch_add(1, Ordering::Relaxed) % 100);
        let (node, _folder) = open(NodeRole::Hospital, &clues);
        let hub_address = &self.hub.gate.options.address;
        join(&self.hub.node, &node, &clues, "https://localhost:1", hub_address).await;
        clues
    }

    pub fn curp(&self) -> &str {
        self.patient.person.curp.as_str()
    }

    pub fn other_curp(&self) -> String {
        another().curp.as_str().to_owned()
    }
}

pub fn system(node: &Node, scope: &str) -> Session {
    let scopes = vec![scope.to_owned()];
    let institution = node.settings().clues.clone();
    let principal = Principal::System { client_id: "t".into(), name: "t".into(), institution, scopes };
    node.session(principal, Purpose::Treatment, Instant::now())
}

pub async fn list_peer(node: &Node, kind: PeerKind, name: &str, institution: &str) {
    let peer = Peer {
        certificate: String::new(),
        id: String::new(),
        kind,
        name: name.into(),
        description: String::new(),
        host: "127.0.0.1".into(),
        port: 0,
        institution: institution.into(),
        active: true,
    };
    system(node, "badiano/admin").put_peer(peer).await.expect("listed");
}

/// What the log of a place gained since a moment when nothing was on its way into it.
pub struct Watch<'a> {
    place: &'a Place,
    from: u64,
}

impl Place {
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub async fn watch(&self) -> Watch<'_> {
        Watch { place: self, from: self.settled().await }
    }

    /// Entries in the log, once none is on its way.
    async fn settled(&self) -> u64 {
        for _ in 0..500 {
            let at = self.node.condition(Instant::now()).expect("a condition");
            if at.spool_waiting == 0 {
                return at.log_entries;
            }
            tokio::time::sleep(Duration::from_millis(4)).await;
        }
        panic!("entries of reads stay in the spool");
    }
}

impl Watch<'_> {
    /// Whether something is in the log or its spool already.
    pub fn holds(&self) -> bool {
        let at = self.place.node.condition(Instant::now()).expect("a condition");
        at.log_entries + at.spool_waiting as u64 > self.from
    }

    /// The entries, as the security office reads them.
    pub async fn entries(&self) -> Vec<badiano_fhir::Value> {
        self.place.settled().await;
        let staff = Staff {
            account: "oficina".into(),
            name: "oficina".into(),
            roles: vec![Role::SecurityOffice],
            institution: self.place.clues.into(),
            cedula: None,
        };
        let session = self.place.node.session(Principal::Staff(staff), Purpose::Operations, Instant::now());
        let read = session.audit_entries(self.from, 10_000).expect("the log is read");
        read.into_iter().map(|e| badiano_fhir::json::parse(e.content.as_bytes()).expect("FHIR")).collect()
    }
}
