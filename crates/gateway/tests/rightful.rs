//! How each door is asked by somebody who may: `rightful.json` for what changes something or needs more than a path, and the
//! values that paths and bodies are filled with.

use crate::asking::Sent;
use crate::person::{Patient, SCANNER, another, other_study};
use crate::world::{NORTE, Place, SUR, World, system};
use axum::http::Method;
use badiano_fhir::fhir;
use badiano_kernel::principal::Role;
use badiano_kernel::{Instant, Principal, Purpose};
use badiano_record::bulk::{Level, Request};
use badiano_record::critical::Raised;
use badiano_record::imaging::{Reason, Which};
use badiano_record::peers::{Peer, PeerKind};
use badiano_record::representation::Power;
use badiano_record::schedule::Wanted;
use serde::Deserialize;
use std::collections::BTreeMap;

const ROWS: &str = include_str!("rightful.json");

/// CURP of somebody who is no patient: a specimen published with the rules.
const FRIEND: &str = "SABC560626MDFLRN01";

/// Who opens a door, where, and with what.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub door: String,
    pub at: String,
    pub who: String,
    /// Values of path parameters that are not those of their name.
    #[serde(default)]
    path: BTreeMap<String, String>,
    #[serde(default)]
    query: String,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    body: Option<serde_json::Value>,
    /// A door that the same caller goes through before.
    pub first: Option<String>,
    /// The answer's status where it is no success.
    pub status: Option<u16>,
}

pub fn rows() -> Vec<Row> {
    serde_json::from_str(ROWS).expect("rightful.json is a list of rows")
}

/// What stands in for each word in braces, in paths and in bodies.
pub struct Words {
    by_name: BTreeMap<&'static str, String>,
    images: Vec<u8>,
    /// One object as a file.
    file: Vec<u8>,
}

/// A request that is ready to be sent.
pub struct Asked {
    pub path: String,
    pub sent: Sent,
}

impl Words {
    pub async fn of(world: &World) -> Words {
        let (patient, norte) = (&world.patient, &world.norte);
        let study = &patient.study;
        let mut by_name = BTreeMap::new();
        let mut put = |name: &'static str, value: &str| {
            by_name.insert(name, value.to_owned());
        };
        put("kind", "DiagnosticReport");
        put("id", &world.report);
        put("version", "1");
        put("study", study.uid());
        put("uid", study.uid());
        put("series", study.series_uid());
        put("sop", &study.sop_instance_uid(1));
        put("frames", "1");
        put("*rest", "metadata");
        put("source", NORTE);
        put("clues", SUR);
        put("patient", &norte.patient);
        put("curp", world.curp());
        put("mrn", &patient.person.mrn);
        put("mrn-issuer", "urn:badiano:authority:NORTE");
        put("patient-too", &unlike(world).await);
        put("code", "radiology");
        put("message", &world.message);
        let peers = norte.node.peers(PeerKind::Dicom).expect("peers");
        put("peer", &peers.iter().find(|p| p.name == SCANNER).expect("listed").id);
        put("account", &world.staff(norte, &[]).await.0.account);
        put("observation", &observation(world).await);
        for (word, written) in codes() {
            let made = system(&norte.node, "system/*.cruds").create(written).await.expect("written");
            put(word, made.resource.id());
        }
        put("subscription", &subscription(world).await);
        put("unwanted", &observation(world).await);
        put("unwanted-too", &observation(world).await);
        put("unread", &arrived(world, 11).await);
        put("unwritten", &arrived(world, 12).await);
        put("unmoved", &arrived(world, 13).await);
        put("unneeded", &arrived(world, 14).await);
        put("rejected", &rejected(world).await);
        put("critical", &critical(world).await);
        put("access", &access(world).await);
        put("person", &badiano_fhir::json::to_string(&another().patient("urn:badiano:authority:NORTE")));
        put(
            "request",
            &norte
                .node
                .certificate_request(&["localhost".to_owned()], Instant::now())
                .await
                .expect("a request"),
        );
        put("revocations", &revocations(world).await);
        put("leaving", &world.leaving().await);
        put("hub", &world.hub.gate.options.address);
        put("address", &norte.gate.options.address);
        put("authority", &world.hub.identity.authority);
        put("invitation", &world.administrator(&world.hub).make_join_code(NORTE).await.expect("a code"));
        for (export, import, group) in
            [("export", "import", "group"), ("unwanted-export", "unwanted-import", "-")]
        {
            let made = jobs(norte).await;
            put(export, &made.export);
            put(import, &made.import);
            put(group, &made.group);
        }
        put("file", "Organization.0.ndjson");
        put("folder", &norte.folder().display().to_string());
        let (stuck, waiting) = queued(norte).await;
        put("stuck", &stuck);
        put("waiting", &waiting);
        put("listening", &listening(world).await);
        put("rule", &rule(world).await);
        put("emergency", &emergency(world).await);
        put("power", &power(world).await);
        put("flagged", &flagged(world).await);
        put("checkpoint", &badiano_record::audit::witness::request(0, &[], &norte.node.log().checkpoint()));
        put("friend", FRIEND);
        let (order, appointment) = appointments(world).await;
        put("unbooked", &order);
        put("appointment", &appointment);
        let file = study.instance(1).expect("an instance").file;
        Words { by_name, images: images(patient), file }
    }

    /// A request for a door; nothing where a parameter of its path has no value.
    pub fn fill(&self, method: &Method, door: &str, row: Option<&Row>, totp: &str) -> Result<Asked, String> {
        let mut path = String::new();
        for part in door.split('/').skip(1) {
            let named = part.strip_prefix('{').and_then(|p| p.strip_suffix('}'));
            let value = match named {
                None => part.to_owned(),
                Some(name) => {
                    self.parameter(door, name, row).ok_or_else(|| format!("no value for {part}"))?
                }
            };
            path.push('/');
            path.push_str(&percent(&value));
        }
        if let Some(row) = row.filter(|r| !r.query.is_empty()) {
            path = format!("{path}?{}", self.words(&row.query, totp));
        }
        Ok(Asked { path, sent: self.body(method, row, totp) })
    }

    fn parameter(&self, door: &str, name: &str, row: Option<&Row>) -> Option<String> {
        if let Some(said) = row.and_then(|r| r.path.get(name)) {
            return Some(self.words(said, ""));
        }
        let name = match (name, door) {
            ("id", d) if d.starts_with("/fhir/") => "id",
            ("id", d) if d.contains("/peers/") => "peer",
            ("id", d) if d.contains("/messages/") => "message",
            ("id", d) if d.contains("/accesses/") => "access",
            ("id", d) if d.contains("/queues/") => "waiting",
            ("id", _) => return None,
            (other, _) => other,
        };
        self.by_name.get(name).cloned()
    }

    fn body(&self, method: &Method, row: Option<&Row>, totp: &str) -> Sent {
        if matches!(*method, Method::GET | Method::DELETE) {
            return Sent::default();
        }
        let said = row.and_then(|r| r.body.as_ref());
        let bytes = match said {
            None => b"{}".to_vec(),
            Some(serde_json::Value::String(text)) if text == "{images}" => self.images.clone(),
            Some(serde_json::Value::String(text)) if text == "{dicom}" => self.file.clone(),
            Some(serde_json::Value::String(text)) => self.words(text, totp).into_bytes(),
            Some(value) => self.values(value, totp).to_string().into_bytes(),
        };
        Sent {
            kind: row.and_then(|r| r.kind.clone()).unwrap_or_else(|| "application/json".to_owned()),
            bytes,
        }
    }

    fn values(&self, value: &serde_json::Value, totp: &str) -> serde_json::Value {
        use serde_json::Value;
        match value {
            Value::String(text) => Value::String(self.words(text, totp)),
            Value::Array(items) => items.iter().map(|v| self.values(v, totp)).collect(),
            Value::Object(o) => o.iter().map(|(k, v)| (k.clone(), self.values(v, totp))).collect(),
            other => other.clone(),
        }
    }

    fn words(&self, text: &str, totp: &str) -> String {
        let filled = text.replace("{totp}", totp);
        self.by_name.iter().fold(filled, |t, (name, value)| t.replace(&format!("{{{name}}}"), value))
    }
}

fn percent(text: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || b"-._~$".contains(&b);
    text.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// One that listens by a websocket.
async fn subscription(world: &World) -> String {
    let asked = fhir!({
        "resourceType": "Subscription", "status": "requested", "reason": "r", "criteria": "Observation?",
        "channel": { "type": "websocket" }
    });
    let made = system(&world.norte.node, "system/*.cruds").create(asked).await.expect("written");
    made.resource.id().to_owned()
}

/// An emergency access that waits for its review.
async fn emergency(world: &World) -> String {
    let now = Instant::now();
    let of = |account: &str, role| {
        Principal::Staff(badiano_kernel::principal::Staff {
            account: account.into(),
            name: account.into(),
            roles: vec![role],
            institution: NORTE.into(),
            cedula: Some("99000003".into()),
        })
    };
    let emergency = badiano_record::emergency::Emergency {
        person: world.curp().to_owned(),
        reason: "inconsciente en urgencias".to_owned(),
        signed_in: now,
        sensitive: 0,
    };
    let node = &world.norte.node;
    let urgent = node.session(of("medica-urgente", Role::Clinician), Purpose::Emergency, now);
    urgent.in_emergency(emergency).open_emergency().await.expect("opened");
    let office = node.session(of("oficina", Role::SecurityOffice), Purpose::Operations, now);
    office.emergencies(false).expect("a list").remove(0).id
}

/// A note whose words are taken for a sensitive matter.
async fn flagged(world: &World) -> String {
    let note = fhir!({
        "resourceType": "Observation", "status": "final", "code": { "text": "nota" },
        "subject": { "reference": (format!("Patient/{}", world.norte.patient)) }, "valueString": "calle Depresión"
    });
    let made = system(&world.norte.node, "system/*.cruds").create(note).await.expect("written");
    made.resource.id().to_owned()
}

/// A power of attorney that the person gave.
async fn power(world: &World) -> String {
    let person = Principal::Citizen { curp: world.curp().to_owned(), name: "ella".into() };
    let session = world.hub.node.session(person, Purpose::PatientRequest, Instant::now());
    let power = Power { representative: FRIEND.into(), name: "Otra persona".into(), to: None };
    session.give_power(power).await.expect("given").id
}

/// A code system, a value set of it and a map from it.
fn codes() -> [(&'static str, badiano_fhir::Value); 3] {
    let system = fhir!({
        "resourceType": "CodeSystem", "url": "urn:partes", "status": "active", "content": "complete",
        "concept": [{ "code": "a", "concept": [{ "code": "b" }] }]
    });
    let set = fhir!({
        "resourceType": "ValueSet", "url": "urn:partes:todas", "status": "active",
        "compose": { "include": [{ "system": "urn:partes" }] }
    });
    let map = fhir!({
        "resourceType": "ConceptMap", "url": "urn:partes:mapa", "status": "active",
        "group": [{ "source": "urn:partes", "target": "urn:otras",
            "element": [{ "code": "a", "target": [{ "code": "z", "equivalence": "equal" }] }] }]
    });
    [("codesystem", system), ("valueset", set), ("conceptmap", map)]
}

struct Jobs {
    export: String,
    import: String,
    group: String,
}

/// An export and an import that are done, the import with a line that was refused.
async fn jobs(place: &Place) -> Jobs {
    let session = system(&place.node, "system/*.cruds");
    let group = fhir!({ "resourceType": "Group", "type": "person", "actual": true });
    let group = session.create(group).await.expect("written").resource.id().to_owned();
    let organization = fhir!({ "resourceType": "Organization", "name": "Clínica" });
    session.create(organization).await.expect("written");
    let request = Request { kinds: vec!["Organization".to_owned()], ..Request::default() };
    let export = session.begin_export(&Level::System, request).await.expect("begun");
    let mut lines = session.begin_import("").await.expect("begun");
    lines.take(b"{\"resourceType\":\"Nothing\"}\n").await.expect("taken");
    let import = lines.finish().await.expect("kept");
    while place.node.advance_bulk(Instant::now()).await.expect("a step") {}
    Jobs { export: export.id, import: import.id, group }
}

async fn observation(world: &World) -> String {
    let about = format!("Patient/{}", world.norte.patient);
    let resource = fhir!({
        "resourceType": "Observation", "status": "final", "code": { "text": "glucosa" },
        "subject": { "reference": about }
    });
    let made = system(&world.norte.node, "system/*.cruds").create(resource).await.expect("written");
    made.resource.id().to_owned()
}

/// Somebody else.
async fn unlike(world: &World) -> String {
    let resource = fhir!({ "resourceType": "Patient", "name": [{ "family": "Otra", "given": ["Persona"] }] });
    let made = system(&world.norte.node, "system/*.cruds").create(resource).await.expect("written");
    made.resource.id().to_owned()
}

/// A study of the patient that nobody has read.
async fn arrived(world: &World, index: u64) -> String {
    let study = other_study(&world.patient, index);
    let session = system(&world.norte.node, "system/*.cruds");
    let mut receiving = session.receive_file().expect("may store");
    receiving.feed(&study.instance(1).expect("an instance").file).expect("reads");
    receiving.finish().await.expect("stored");
    study.uid().to_owned()
}

/// A study of the patient of which nothing is given any more.
async fn rejected(world: &World) -> String {
    let study = arrived(world, 15).await;
    let session = system(&world.norte.node, "system/*.cruds");
    session.reject(&study, &Which::default(), Reason::Quality, "").await.expect("rejected");
    study
}

/// A critical result about the patient that nobody has heard.
async fn critical(world: &World) -> String {
    let (staff, _) = world.staff(&world.norte, &[Role::Radiologist]).await;
    let session = world.norte.node.session(Principal::Staff(staff), Purpose::Treatment, Instant::now());
    let raised =
        Raised { level: "immediate".into(), finding: "neumotórax a tensión".into(), to: String::new() };
    session.raise_critical(world.patient.study.uid(), raised).await.expect("raised").id
}

/// An entry about the patient in the hub's log, with its proof.
async fn access(world: &World) -> String {
    world.hub.watch().await;
    world.hub.node.advance_log(Instant::now()).expect("signed");
    let person = Principal::Citizen { curp: world.curp().to_owned(), name: "ella".into() };
    let session = world.hub.node.session(person, Purpose::PatientRequest, Instant::now());
    let all = session.accesses_of(world.curp()).expect("a list");
    all.iter().find(|a| !a.proof.is_empty()).expect("an entry with its proof").id.clone()
}

async fn revocations(world: &World) -> String {
    let leaves = world.leaving().await;
    world.administrator(&world.hub).revoke_certificate(&leaves).await.expect("revoked");
    let node = Principal::Node { institution: NORTE.into(), name: "Norte".into(), on_behalf_of: None };
    let session = world.hub.node.session(node, Purpose::Operations, Instant::now());
    session.revocations().expect("read").expect("a list")
}

/// Two things that wait: one for a person, one for its time.
async fn queued(place: &Place) -> (String, String) {
    let peer = Principal::Peer { name: SCANNER.into(), institution: NORTE.into() };
    let session = place.node.session(peer, Purpose::Treatment, Instant::now());
    let keep = |n: &'static str| session.queue_commitment(SCANNER, n, b"{}".to_vec());
    let (stuck, waiting) = (keep("1.2").await.expect("kept"), keep("1.3").await.expect("kept"));
    let why = badiano_kernel::Fault::unavailable("test");
    place.node.stuck(&stuck, &why).await.expect("set apart");
    (stuck.id.to_string(), waiting.id.to_string())
}

/// A peer that images can be sent to; nobody answers there.
async fn listening(world: &World) -> String {
    let peer = Peer {
        id: String::new(),
        kind: PeerKind::Dicom,
        name: "PUERTA".into(),
        description: String::new(),
        host: "127.0.0.1".into(),
        port: 1,
        institution: String::new(),
        certificate: String::new(),
        active: true,
    };
    world.administrator(&world.norte).put_peer(peer).await.expect("listed").name
}

/// A rule for a sender that there is not.
async fn rule(world: &World) -> String {
    let rule = r#"{"name":"puerta","when":{"ae":["NADIE"]},"changes":[{"action":"remove","attribute":"InstitutionName"}]}"#;
    let rule = serde_json::from_str(rule).expect("a rule");
    let kept = world.administrator(&world.norte).put_coercion_rule(rule).await.expect("kept");
    kept.rule.name
}

/// An order without an appointment, and an appointment of somebody else.
async fn appointments(world: &World) -> (String, String) {
    let room = serde_json::from_str(r#"{"code":"TC-9","name":"Tomógrafo 9","modality":"CT","opens":[]}"#);
    let (unbooked, order) = (order(world, "CITA-1").await, order(world, "CITA-2").await);
    let (staff, _) = world.staff(&world.norte, &[Role::Technologist]).await;
    let session = world.norte.node.session(Principal::Staff(staff), Purpose::Treatment, Instant::now());
    session.keep_room(room.expect("a room")).await.expect("kept");
    let emergency = "politraumatizado en urgencias".to_owned();
    let wanted = Wanted { order, room: "TC-9".into(), start: String::new(), minutes: 20, emergency };
    (unbooked, session.book(wanted).await.expect("booked").id)
}

/// An order for somebody else.
async fn order(world: &World, accession: &str) -> String {
    let about = format!("Patient/{}", unlike(world).await);
    let resource = fhir!({
        "resourceType": "ServiceRequest", "status": "active", "intent": "order",
        "identifier": [{ "type": { "coding": [{ "code": "ACSN" }] }, "system": "urn:acc", "value": (accession) }],
        "code": { "text": "TC de cráneo" }, "subject": { "reference": about }
    });
    let made = system(&world.norte.node, "system/*.cruds").create(resource).await.expect("written");
    made.resource.id().to_owned()
}

fn images(patient: &Patient) -> Vec<u8> {
    let mut body = Vec::new();
    for number in 1..=patient.study.count() {
        body.extend_from_slice(b"\r\n--puerta\r\nContent-Type: application/dicom\r\n\r\n");
        body.extend(patient.study.instance(number).expect("an instance").file);
    }
    body.extend_from_slice(b"\r\n--puerta--\r\n");
    body
}
