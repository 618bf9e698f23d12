//! The record over a real store: what consent, the lease on it, access rules and the audit do together.

use badiano_fhir::{Value, fhir};
use badiano_kernel::principal::{Role, Staff};
use badiano_kernel::{FaultKind, Instant, Principal, Purpose};
use badiano_record::audit::proof::{Proof, Trust};
use badiano_record::consent::{Consent, Rule};
use badiano_record::consent_register::{LEASE_SECONDS, Statement};
use badiano_record::messages::{Intake, MessageState};
use badiano_record::participants::JoinRequest;
use badiano_record::resources::Precondition;
use badiano_record::{Node, NodeOptions, NodeRole, Settings};
use tempfile::TempDir;

const NORTE: &str = "NLSSA999101";
const SUR: &str = "OCSSA999102";
const HUB: &str = "DFSSA999001";

struct Place {
    node: Node,
    _folder: TempDir,
}

fn open(role: NodeRole, clues: &str) -> Place {
    let folder = TempDir::new().expect("a folder");
    let settings =
        Settings { role, name: clues.into(), clues: clues.into(), zone: "America/Mexico_City".into() };
    let options = NodeOptions {
        data: folder.path().join("data"),
        key_file: folder.path().join("key"),
        settings,
        workflows: &[],
    };
    Place { node: Node::open(options).expect("a new node opens"), _folder: folder }
}

fn scripts(scope: &str) -> Principal {
    let scopes = vec![scope.to_owned()];
    Principal::System { client_id: "t".into(), name: "t".into(), institution: NORTE.into(), scopes }
}

fn staff(institution: &str, role: Role) -> Staff {
    Staff {
        account: "a".into(),
        name: "A".into(),
        roles: vec![role],
        institution: institution.into(),
        cedula: Some("99000001".into()),
    }
}

/// A clinician of Sur, as the hub passes them on.
fn from_sur() -> Principal {
    let on_behalf_of = Some(staff(SUR, Role::Clinician));
    Principal::Node { institution: HUB.into(), name: "hub".into(), on_behalf_of }
}

fn hub() -> Principal {
    Principal::Node { institution: HUB.into(), name: "hub".into(), on_behalf_of: None }
}

struct Recorded {
    curp: String,
    patient: String,
    report: String,
}

/// A person with a report on images, as Norte records them.
async fn record(node: &Node, now: Instant) -> Recorded {
    let person = &badiano_testkit::people::population(7, 1)[0];
    let session = node.session(scripts("system/*.cruds"), Purpose::Treatment, now);
    let patient =
        session.register_patient(person.patient("urn:badiano:authority:N")).await.expect("registered");
    let patient = patient.resource.id().to_owned();
    let report = fhir!({
        "resourceType": "DiagnosticReport",
        "id": "r1",
        "status": "final",
        "category": [{ "coding": [{ "code": "RAD", "system": "http://terminology.hl7.org/CodeSystem/v2-0074" }] }],
        "code": { "text": "CT" },
        "subject": { "reference": (format!("Patient/{patient}")) },
        "conclusion": "normal"
    });
    session.update(report, Precondition::None).await.expect("written");
    Recorded { curp: person.curp.as_str().to_owned(), patient, report: "r1".to_owned() }
}

fn reports_of(patient: &str) -> badiano_fhir::search::Query {
    let pairs = [("patient".to_owned(), patient.to_owned())];
    badiano_fhir::search::parse("DiagnosticReport", &pairs, true, "UTC").expect("a question").query
}

fn closed_to_sur(now: Instant) -> Consent {
    let class = badiano_record::class::DataClass::Imaging;
    let rule = Rule {
        permit: false,
        class: Some(class),
        recipient: Some(SUR.into()),
        purpose: None,
        from: now,
        to: None,
    };
    Consent { rules: vec![rule] }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_hides_the_report_from_read_search_and_count_and_emergency_opens_it() {
    let place = open(NodeRole::Hospital, NORTE);
    let now = Instant::now();
    let known = record(&place.node, now).await;
    let sur = place.node.session(from_sur(), Purpose::Treatment, now);
    assert!(sur.read("DiagnosticReport", &known.report).is_ok(), "care is open until somebody closes it");

    let statement = Statement { curp: known.curp.clone(), version: 1, consent: closed_to_sur(now) };
    let told = place.node.session(hub(), Purpose::Operations, now).take_consent(statement).await;
    told.expect("the hub spreads consent");

    let hidden = sur.read("DiagnosticReport", &known.report).expect_err("closed");
    let absent = sur.read("DiagnosticReport", "no-such").expect_err("absent");
    assert_eq!((hidden.kind, &hidden.text), (absent.kind, &absent.text), "hidden looks like absent");
    let page = sur.search(&reports_of(&known.patient)).expect("a page");
    assert_eq!((page.total, page.hits.len()), (Some(0), 0), "hidden is not counted");
    let own = place.node.session(Principal::Staff(staff(NORTE, Role::Clinician)), Purpose::Treatment, now);
    assert!(own.read("DiagnosticReport", &known.report).is_ok(), "who recorded it keeps it");
    let urgent =
        place.node.session(from_sur(), Purpose::Emergency, now).with_reason("sin respuesta en urgencias");
    assert!(urgent.read("DiagnosticReport", &known.report).is_ok(), "an emergency opens it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_has_run_out_serves_own_staff_and_refuses_other_institutions() {
    let central = open(NodeRole::Hub, HUB);
    let place = open(NodeRole::Hospital, NORTE);
    let now = Instant::now();
    join(&central.node, &place.node, now).await;
    let known = record(&place.node, now).await;
    let sees = |principal: Principal, at: Instant| {
        place.node.session(principal, Purpose::Treatment, at).read("DiagnosticReport", &known.report).is_ok()
    };
    assert!(!sees(from_sur(), now), "the hub was never heard on consent");
    place.node.session(hub(), Purpose::Operations, now).renew_lease().await.expect("the hub renews it");
    assert!(sees(from_sur(), now.plus_seconds(LEASE_SECONDS - 1)));
    let late = now.plus_seconds(LEASE_SECONDS);
    assert!(!sees(from_sur(), late), "what is known of consent may be out of date");
    assert!(sees(Principal::Staff(staff(NORTE, Role::Clinician)), late), "own staff goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_access_is_proved_to_the_person_and_to_nobody_else() {
    let place = open(NodeRole::Hospital, NORTE);
    let now = Instant::now();
    let known = record(&place.node, now).await;
    let reader = place.node.session(Principal::Staff(staff(NORTE, Role::Clinician)), Purpose::Treatment, now);
    reader.read("DiagnosticReport", &known.report).expect("read");
    // A read's entry is durable within 20 ms; the tree takes it in at the next second.
    std::thread::sleep(std::time::Duration::from_millis(200));
    place.node.advance_log(now).expect("signed");
    let person = Principal::Citizen { curp: known.curp.clone(), name: "ella".into() };
    let list =
        place.node.session(person, Purpose::PatientRequest, now).accesses_of(&known.curp).expect("a list");
    let read = list.iter().find(|a| a.interaction == "read").expect("the read is listed");
    let trust =
        Trust { keys: vec![place.node.log().verifier()], curp: Some(known.curp.clone()), ..Trust::default() };
    assert!(Proof::parse(&read.proof).expect("a proof").verify(&trust).is_ok());
    assert!(read.proof.len() < 4096, "a proof is small");
    let foreign = Principal::Citizen { curp: "XEXX010101HNEXXXA4".into(), name: "otra".into() };
    let refused = place.node.session(foreign, Purpose::PatientRequest, now).accesses_of(&known.curp);
    assert_eq!(refused.expect_err("not hers").kind, FaultKind::Forbidden);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_curp_is_one_patient_however_often_and_from_how_many_at_once_it_is_registered() {
    let place = open(NodeRole::Hospital, NORTE);
    let now = Instant::now();
    let person = badiano_testkit::people::population(7, 1)[0].clone();
    let mut running = Vec::new();
    for n in 0..8 {
        let session = place.node.session(scripts("system/*.cruds"), Purpose::Treatment, now);
        let patient = person.patient(&format!("urn:badiano:authority:{n}"));
        running.push(tokio::spawn(async move { session.register_patient(patient).await }));
    }
    let mut ids = Vec::new();
    for one in running {
        ids.push(one.await.expect("it ends").expect("registered").resource.id().to_owned());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "eight registrations at once made one patient");
    let session = place.node.session(scripts("system/*.cruds"), Purpose::Treatment, now);
    let kept = session.read("Patient", &ids[0]).expect("kept").resource;
    let numbers =
        kept["identifier"].items().iter().filter(|i| i.str_of("system").contains("authority")).count();
    assert_eq!(numbers, 8, "no number was lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_all_or_nothing() {
    let place = open(NodeRole::Hospital, NORTE);
    let session = place.node.session(scripts("system/*.cruds"), Purpose::Treatment, Instant::now());
    let entry = |resource: Value| {
        let kind = resource.resource_type().to_owned();
        fhir!({ "resource": resource, "request": { "method": "POST", "url": kind } })
    };
    let good = entry(fhir!({ "resourceType": "Organization", "name": "Uno" }));
    let bad = entry(fhir!({ "resourceType": "Organization", "name": 5_i64 }));
    let bundle = fhir!({ "resourceType": "Bundle", "type": "transaction", "entry": [(good.clone()), bad] });
    let refused = session.transaction(&bundle).await.expect_err("one entry is wrong");
    assert_eq!(refused.kind, FaultKind::Invalid);
    assert!(refused.place.starts_with("Bundle.entry[1]"), "{}", refused.place);
    let all = badiano_fhir::search::parse("Organization", &[], true, "UTC").expect("a question").query;
    assert_eq!(session.search(&all).expect("a page").total, Some(0), "nothing of it was written");
    let bundle = fhir!({ "resourceType": "Bundle", "type": "transaction", "entry": [good] });
    session.transaction(&bundle).await.expect("written");
    assert_eq!(session.search(&all).expect("a page").total, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_one_access_of_each_patient_and_names_all_it_touched() {
    let place = open(NodeRole::Hospital, NORTE);
    let now = Instant::now();
    let known = record(&place.node, now).await;
    let session = place.node.session(scripts("system/*.cruds"), Purpose::Treatment, now);
    let entries: Vec<Value> = (0..150)
        .map(|n| {
            let flag = fhir!({
                "resourceType": "Flag", "id": (format!("f{n}")), "status": "active", "code": { "text": "x" },
                "subject": { "reference": (format!("Patient/{}", known.patient)) }
            });
            fhir!({ "resource": flag, "request": { "method": "PUT", "url": (format!("Flag/f{n}")) } })
        })
        .collect();
    let bundle = fhir!({ "resourceType": "Bundle", "type": "transaction", "entry": (Value::Array(entries)) });
    session.transaction(&bundle).await.expect("written");
    place.node.advance_log(now).expect("signed");
    let person = Principal::Citizen { curp: known.curp.clone(), name: "ella".into() };
    let list =
        place.node.session(person, Purpose::PatientRequest, now).accesses_of(&known.curp).expect("a list");
    let written: Vec<_> = list.iter().filter(|a| a.interaction == "transaction").collect();
    assert_eq!(written.len(), 2, "a hundred in an entry, the rest in the next");
    let trust =
        Trust { keys: vec![place.node.log().verifier()], curp: Some(known.curp.clone()), ..Trust::default() };
    let mut touched = 0;
    for one in written {
        let proof = Proof::parse(&one.proof).expect("a proof");
        assert!(proof.verify(&trust).is_ok());
        touched += one.proof.matches("Flag/f").count();
        assert!(one.what.starts_with("Flag/f") && one.what.contains("(+"), "{}", one.what);
    }
    assert_eq!(touched, 150, "every resource is named once");
}

/// The steps of `badiano join`, without a network between them.
async fn join(hub: &Node, node: &Node, now: Instant) {
    let hosts = ["localhost".to_owned()];
    hub.identity(&hosts, now).await.expect("an authority");
    let job = hub.session(Principal::Job { name: "test" }, Purpose::Operations, now);
    let request = JoinRequest {
        code: job.make_join_code(NORTE).await.expect("a code"),
        clues: NORTE.into(),
        name: "Norte".into(),
        address: "https://localhost:1".into(),
        request: node.certificate_request(&hosts, now).await.expect("a request"),
        log_key: node.log().verifier().to_line(),
    };
    let answer = hub.take_in(request, now).await.expect("taken in");
    node.keep_hub("https://localhost:2", &answer, now).await.expect("kept");
}

/// A registration from an old system, as its map reads it; held where the map asks for a person.
fn intake(person: &badiano_testkit::people::Person, needs_person: Option<&str>) -> Intake {
    Intake {
        kind: "ADT^A04".into(),
        control_id: "1".into(),
        original: b"MSH|^~\\&|RIS|NORTE\r".to_vec(),
        resources: vec![("urn:uuid:1".into(), person.patient("urn:badiano:authority:N"))],
        merges: Vec::new(),
        needs_person: needs_person.map(str::to_owned),
        losses: Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_message_is_applied_again_from_its_bytes_once_it_is_understood() {
    let place = open(NodeRole::Hospital, NORTE);
    let person = &badiano_testkit::people::population(9, 1)[0];
    let peer = Principal::Peer { name: "RIS|NORTE".into(), institution: NORTE.into() };
    let sender = place.node.session(peer, Purpose::Treatment, Instant::now());
    let why = "the patient has no identifier";
    let held = sender.receive_message(intake(person, Some(why))).await.expect("kept");
    assert_eq!(held.state, MessageState::Held);
    let session = |principal| place.node.session(principal, Purpose::Operations, Instant::now());
    let clinician = session(Principal::Staff(staff(NORTE, Role::Clinician)));
    assert_eq!(clinician.held_message(&held.id).err().map(|f| f.kind), Some(FaultKind::Forbidden));
    let admin = session(Principal::Staff(staff(NORTE, Role::Administrator)));
    let ask = || admin.held_message(&held.id).expect("it is held");
    let again = admin.replay_message(ask(), intake(person, Some(why))).await.expect("an outcome");
    assert_eq!((again.state, again.replays, again.why.as_str()), (MessageState::Held, 1, why));
    let mut other = intake(person, None);
    other.original.push(b' ');
    assert_eq!(
        admin.replay_message(ask(), other).await.map_err(|f| f.kind),
        Err(FaultKind::Bug),
        "other bytes"
    );
    let entries = |node: &Node| node.condition(Instant::now()).expect("a condition").log_entries;
    let before = entries(&place.node);
    let applied = admin.replay_message(ask(), intake(person, None)).await.expect("applied");
    assert_eq!(
        (applied.id.as_str(), applied.state, applied.replays),
        (held.id.as_str(), MessageState::Applied, 2)
    );
    assert_eq!(applied.wrote.len(), 1, "the patient: {:?}", applied.wrote);
    assert!(entries(&place.node) > before + 1, "what was written, and who asked for it");
    assert_eq!(admin.held_message(&held.id).err().map(|f| f.kind), Some(FaultKind::Conflict), "once");
    let repeated = sender.receive_message(intake(person, None)).await.expect("taken");
    assert_eq!(repeated.state, MessageState::Repeated, "the sender's own second try does nothing twice");
}
