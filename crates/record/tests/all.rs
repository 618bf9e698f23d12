//! The record over a real store: what consent, the lease on it, access rules and the audit do together.

mod bulk;
mod emergencies;
mod flags;
mod leaks;
mod official_examples;
mod own_parameters;
mod representatives;
mod search_oracle;
mod tokens;

use badiano_fhir::patch::Patch;
use badiano_fhir::{Value, fhir};
use badiano_kernel::principal::{Role, Staff};
use badiano_kernel::{FaultKind, Instant, Principal, Purpose};
use badiano_record::audit::proof::{Proof, Trust};
use badiano_record::conditional::Criteria;
use badiano_record::consent::{Consent, Recipient, Rule};
use badiano_record::consent_register::{LEASE_SECONDS, Statement};
use badiano_record::emergency::Emergency;
use badiano_record::messages::{Intake, MessageState};
use badiano_record::participants::JoinRequest;
use badiano_record::resources::Precondition;
use badiano_record::{Node, NodeOptions, NodeRole, Settings};
use base64::{Engine, engine::general_purpose::STANDARD};
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
        recipient: Some(Recipient::Institution(SUR.into())),
        purpose: None,
        from: now,
        to: None,
        by: None,
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
    let reason = "sin respuesta en urgencias".to_owned();
    let emergency = Emergency { person: known.curp.clone(), reason, signed_in: now, sensitive: 0 };
    let urgent = place.node.session(from_sur(), Purpose::Emergency, now).in_emergency(emergency);
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
    let refused = session.transaction(&bundle, false).await.expect_err("one entry is wrong");
    assert_eq!(refused.kind, FaultKind::Invalid);
    assert!(refused.place.starts_with("Bundle.entry[1]"), "{}", refused.place);
    let all = badiano_fhir::search::parse("Organization", &[], true, "UTC").expect("a question").query;
    assert_eq!(session.search(&all).expect("a page").total, Some(0), "nothing of it was written");
    let bundle = fhir!({ "resourceType": "Bundle", "type": "transaction", "entry": [good] });
    session.transaction(&bundle, false).await.expect("written");
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
    session.transaction(&bundle, false).await.expect("written");
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

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_racing_conditional_creates_make_exactly_one_however_they_come() {
    let place = open(NodeRole::Hospital, NORTE);
    let session = place.node.session(scripts("system/*.cruds"), Purpose::Treatment, Instant::now());
    for round in 0..8 {
        let condition = format!("Organization?identifier=urn:x|{round}");
        let mut running = Vec::new();
        for n in 0..16 {
            let (session, condition) = (session.clone(), condition.clone());
            let made = fhir!({
                "resourceType": "Organization",
                "identifier": [{ "system": "urn:x", "value": (round.to_string()) }],
                "name": (n.to_string())
            });
            running.push(tokio::spawn(async move {
                let criteria = Criteria::of_url(&condition, "UTC").expect("a condition");
                match n % 3 {
                    0 => session.create_unless(made, criteria).await.expect("answered").resource.id().to_owned(),
                    1 => session.update_where(made, criteria).await.expect("answered").resource.id().to_owned(),
                    _ => {
                        let request = fhir!({ "method": "POST", "url": "Organization", "ifNoneExist": (condition.as_str()) });
                        let bundle = fhir!({ "resourceType": "Bundle", "type": "transaction", "entry": [{ "resource": made, "request": request }] });
                        let done = session.transaction(&bundle, true).await.expect("answered");
                        done["entry"][0]["resource"].id().to_owned()
                    }
                }
            }));
        }
        let mut ids = std::collections::BTreeSet::new();
        for one in running {
            ids.insert(one.await.expect("it ends"));
        }
        assert_eq!(ids.len(), 1, "round {round}: every racer was told of the same one");
        let asked = [("identifier".to_owned(), format!("urn:x|{round}"))];
        let query =
            badiano_fhir::search::parse("Organization", &asked, true, "UTC").expect("a question").query;
        assert_eq!(session.search(&query).expect("a page").total, Some(1), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_racing_patches_and_updates_lose_nothing_silently() {
    let place = open(NodeRole::Hospital, NORTE);
    let session = place.node.session(scripts("system/*.cruds"), Purpose::Treatment, Instant::now());
    let group = fhir!({ "resourceType": "Organization", "id": "o", "name": "x", "alias": ["first"] });
    session.update(group, Precondition::None).await.expect("written");
    let mut running = Vec::new();
    for n in 0..16 {
        let session = session.clone();
        running.push(tokio::spawn(async move {
            let operation = fhir!([{ "op": "add", "path": "/alias/-", "value": (n.to_string()) }]);
            let patch = Patch::read(operation).expect("a patch");
            session.patch("Organization", "o", &patch, Precondition::None).await.is_ok()
        }));
    }
    let mut done = 0;
    for one in running {
        done += usize::from(one.await.expect("it ends"));
    }
    let kept = session.read("Organization", "o").expect("kept");
    assert_eq!(kept.resource["alias"].items().len(), 1 + done, "what was acknowledged is there");
    assert!(done > 0);
    let stale = session.update(kept.resource.clone(), Precondition::Version(1)).await;
    assert_eq!(stale.expect_err("an old version").kind, FaultKind::Conflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_resolves_conditions_references_and_persons_who_are_known() {
    let place = open(NodeRole::Hospital, NORTE);
    let session = place.node.session(scripts("system/*.cruds"), Purpose::Treatment, Instant::now());
    let person = &badiano_testkit::people::population(7, 1)[0];
    let known =
        session.register_patient(person.patient("urn:badiano:authority:N")).await.expect("registered");
    let entry = |url: &str, resource: Value, method: &str| fhir!({ "fullUrl": (format!("urn:uuid:{url}")), "resource": resource, "request": { "method": method, "url": (url.split('#').next().unwrap_or(url)) } });
    let observation = |subject: &str| {
        fhir!({
            "resourceType": "Observation",
            "status": "final",
            "code": { "text": "x" },
            "subject": { "reference": subject },
            "performer": [{ "reference": "Practitioner?identifier=urn:cedula|1" }]
        })
    };
    let doctor = fhir!({ "resourceType": "Practitioner", "id": "d", "identifier": [{ "system": "urn:cedula", "value": "1" }] });
    let bundle = fhir!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        (entry("Patient", person.patient("urn:badiano:authority:M"), "POST")),
        (entry("Observation#1", observation("urn:uuid:Patient"), "POST"))
    ] });
    let refused = session.transaction(&bundle, true).await.expect_err("the reference fits nothing yet");
    assert_eq!(refused.kind, FaultKind::Unmet);
    session.update(doctor, Precondition::None).await.expect("written");
    let done = session.transaction(&bundle, true).await.expect("written");
    let id = known.resource.id();
    assert_eq!(done["entry"][0]["resource"].id(), id, "a person who is known stays one");
    let written = &done["entry"][1]["resource"];
    assert_eq!(written["subject"].str_of("reference"), format!("Patient/{id}"));
    assert_eq!(written["performer"][0].str_of("reference"), "Practitioner/d");

    let observation_id = written.id().to_owned();
    let stale =
        fhir!({ "method": "PUT", "url": (format!("Observation/{observation_id}")), "ifMatch": "W/\"7\"" });
    let again = observation("Patient/x").with("id", observation_id.as_str());
    let bundle = fhir!({ "resourceType": "Bundle", "type": "transaction", "entry": [{ "resource": again, "request": stale }] });
    assert_eq!(
        session.transaction(&bundle, false).await.expect_err("another version").kind,
        FaultKind::Unmet
    );
    let patch = fhir!([{ "op": "replace", "path": "/status", "value": "amended" }]);
    let data = STANDARD.encode(badiano_fhir::json::to_string(&patch));
    let bundle = fhir!({ "resourceType": "Bundle", "type": "batch", "entry": [
        { "resource": { "resourceType": "Binary", "contentType": "application/json-patch+json", "data": data },
          "request": { "method": "PATCH", "url": (format!("Observation/{observation_id}")) } },
        { "request": { "method": "GET", "url": "Observation?status=amended" } },
        { "request": { "method": "DELETE", "url": "Observation?status=amended" } },
        { "request": { "method": "GET", "url": (format!("Observation/{observation_id}")) } }
    ] });
    let done = session.batch(&bundle, false).await.expect("answered");
    let statuses: Vec<&str> = done["entry"].items().iter().map(|e| e["response"].str_of("status")).collect();
    assert_eq!(statuses, ["200 OK", "200 OK", "204 No Content", "404 Not Found"]);
    assert_eq!(done["entry"][1]["resource"]["total"], Value::from(1_usize));
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

/// A Consent as a person's application sends it: Sur may see no imaging, and medical staff elsewhere nothing for research.
fn consent_of(patient: &str) -> Value {
    fhir!({
        "resourceType": "Consent",
        "status": "active",
        "scope": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy" }] },
        "category": [{ "coding": [{ "system": "http://loinc.org", "code": "59284-0" }] }],
        "patient": { "reference": (format!("Patient/{patient}")) },
        "dateTime": "2026-11-23",
        "policyRule": { "coding": [{ "code": "OPTIN" }] },
        "provision": {
            "type": "permit",
            "provision": [{
                "type": "deny",
                "actor": [{ "role": { "coding": [{ "code": "IRCP" }] }, "reference": { "identifier": { "system": "urn:oid:2.16.840.1.113883.4.631", "value": SUR } } }],
                "class": [{ "system": "urn:badiano:data-class", "code": "imaging" }]
            }]
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_sent_as_fhir_holds_by_the_person_alone_and_is_withdrawn_as_a_version() {
    let central = open(NodeRole::Hub, HUB);
    let now = Instant::now();
    let person = &badiano_testkit::people::population(7, 1)[0];
    let system = central.node.session(scripts("system/*.cruds"), Purpose::Treatment, now);
    let patient =
        system.register_patient(person.patient("urn:badiano:authority:N")).await.expect("registered");
    let patient = patient.resource.id().to_owned();
    let citizen = Principal::Citizen { curp: person.curp.as_str().to_owned(), name: "ella".into() };
    let hers = central.node.session(citizen, Purpose::PatientRequest, now);

    let foreign = system.create(consent_of(&patient)).await.expect_err("a system gives nobody's consent");
    assert_eq!(foreign.kind, FaultKind::Forbidden);
    let by_rule = hers.create(consent_of(&patient).with("verification", fhir!([{ "verified": true }]))).await;
    assert_eq!(by_rule.expect_err("not held").place, "Consent.verification");
    let others = hers.create(consent_of("another")).await.expect_err("about somebody else");
    assert_eq!(others.kind, FaultKind::Forbidden);

    let given = hers.create(consent_of(&patient)).await.expect("given");
    assert_eq!(given.resource.id(), format!("consent-{patient}"));
    let rules = hers.own_consent().expect("hers").rules;
    assert_eq!(rules.len(), 1, "a bare permission at the root says nothing new");
    assert_eq!(rules[0].recipient, Some(Recipient::Institution(SUR.into())));

    let withdrawn = given.resource.with("status", "inactive");
    let second = hers.update(withdrawn, Precondition::None).await.expect("withdrawn");
    assert_eq!(second.version, 2);
    assert!(hers.own_consent().expect("hers").rules.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_would_be_kept_and_not_obeyed_is_refused_at_a_hospital() {
    let place = open(NodeRole::Hospital, NORTE);
    let now = Instant::now();
    let known = record(&place.node, now).await;
    let session = place.node.session(scripts("system/*.cruds"), Purpose::Treatment, now);
    let refused = session.create(consent_of(&known.patient)).await.expect_err("it would lie");
    assert_eq!(refused.kind, FaultKind::NotSupported);
}
