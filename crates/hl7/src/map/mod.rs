//! From v2 messages to FHIR by tables that are data (after the HL7 v2-to-FHIR guide), with a ledger of what was not mapped.
//!
//! Every field that is not empty is mapped, named as ignored in a table, or listed as a loss; nothing is dropped unseen.
//! A message that no table names gives no resources and all of its fields as losses.

mod amounts;
pub mod back;
mod directory;
mod mapping;
mod naming;
mod order;
mod person;
mod reading;
mod result;
mod rule;
mod segments;
mod tables;
pub(crate) mod time;

pub(crate) use result::{base64, number};

pub use naming::Naming;
pub use reading::TASK_INPUT;
pub use tables::{TableError, Tables};

use crate::message::{Message, Segment};
use badiano_fhir::{Value, fhir, json};
use mapping::Mapping;
use std::collections::HashMap;

/// Places that one ledger lists; further ones are counted together.
pub const LOSSES_MAX: usize = 1_000;
/// Resources that one message may become.
pub const RESOURCES_MAX: usize = 10_000;

/// The words for what a message tells, as tables write them.
const EVENTS: [&str; 16] = [
    "admit",
    "register",
    "update",
    "discharge",
    "cancel-admit",
    "cancel-discharge",
    "merge",
    "move",
    "order",
    "result",
    "schedule",
    "document",
    "medication",
    "charge",
    "problem",
    "query",
];

/// What happened, as the message tells it.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Admit,
    Register,
    Update,
    Discharge,
    CancelAdmit,
    CancelDischarge,
    /// One record ends in another, once for each pair that the message names.
    Merge(Vec<Merge>),
    /// Order control codes (ORC-1), one an order: `NW`, `CA`, `XO`, `SC`.
    Order {
        controls: Vec<String>,
    },
    /// Result statuses (OBR-25), one a report.
    Result {
        statuses: Vec<String>,
    },
    /// Something else that a table names: `schedule`, `document`, `medication`.
    Other(String),
    /// No table names this kind of message: it is mapped as far as its segments allow.
    NotMapped,
}

/// Two Patients as the message names them: `from` ends, `to` stays.
#[derive(Debug, Clone, PartialEq)]
pub struct Merge {
    pub from: Value,
    pub to: Value,
}

/// Something in the message that is in no resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// `PID-30`, `PID-3.5`, `ZPV-2`: without occurrence and repetition, so that ledgers add up.
    pub location: String,
    pub reason: String,
    /// How often in this message.
    pub count: usize,
}

/// What a message became.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapped {
    /// `ADT^A04`.
    pub kind: String,
    /// MSH-10.
    pub control_id: String,
    pub event: Event,
    /// Full URL (`urn:uuid:`, the same for the same message) and resource, in the order in which they are to be written.
    pub resources: Vec<(String, Value)>,
    /// What the message names or tells beside them: staff, organisations, places, the message itself, accounts and charges.
    pub aside: Vec<(String, Value)>,
    /// MSH-7, where it is a time.
    pub sent: Option<String>,
    pub losses: Vec<Loss>,
    /// Why a person should look at it: the tables could make nothing safe of a part of it.
    pub needs_person: Option<&'static str>,
    /// What its kind cannot be without and that is not there: the sender is told (HL7 table 0357, code 100).
    pub lacks: Option<&'static str>,
}

impl Mapped {
    /// The resources as a transaction: found by their first identifier with a system where they have one (`PUT Kind?identifier=`),
    /// else created. A record that a merge ends points to the one that stays.
    pub fn bundle(&self) -> Value {
        let mut entries: Vec<Value> =
            self.resources.iter().chain(&self.aside).map(|(url, resource)| entry(url, resource)).collect();
        if let Event::Merge(pairs) = &self.event {
            for (n, pair) in pairs.iter().enumerate() {
                let url =
                    uuid_of(&[&self.control_id, "merged", &n.to_string(), &json::to_string(&pair.from)]);
                entries.push(entry(&url, &ended(pair, self)));
            }
        }
        let mut made = fhir!({ "resourceType": "Bundle" });
        if !self.control_id.is_empty() {
            made.set("identifier", fhir!({ "value": (self.control_id.as_str()) }));
        }
        made.set("type", "transaction");
        if let Some(sent) = &self.sent {
            made.set("timestamp", sent.as_str());
        }
        made.with("entry", entries)
    }

    /// The resources for a node: they name staff, organisations and places by number and words, and point to none that a
    /// message made; a node's directory is not written by messages.
    #[must_use]
    pub fn clinical(mut self) -> Mapped {
        let known: Vec<String> = self.resources.iter().map(|(url, _)| url.clone()).collect();
        for (n, (_, resource)) in self.resources.iter_mut().enumerate() {
            unpoint(resource, &known[..n]);
        }
        self.aside.clear();
        self
    }
}

/// Takes out literal references to what is not written before.
fn unpoint(value: &mut Value, written: &[String]) {
    match value {
        Value::Object(object) => {
            let points = object.get("reference").and_then(Value::as_str);
            let dangling =
                points.is_some_and(|r| r.starts_with("urn:uuid:") && !written.iter().any(|w| w == r));
            if dangling {
                object.remove("reference");
            }
            for (_, inner) in object.iter_mut() {
                unpoint(inner, written);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| unpoint(item, written)),
        _ => {}
    }
}

fn ended(pair: &Merge, mapped: &Mapped) -> Value {
    let stays = mapped.resources.iter().find(|(_, r)| r["identifier"] == pair.to["identifier"]);
    let mut from = pair.from.clone();
    from.set("active", false);
    if let Some((url, _)) = stays {
        from.push("link", fhir!({ "other": { "reference": (url.as_str()) }, "type": "replaced-by" }));
    }
    from
}

fn entry(url: &str, resource: &Value) -> Value {
    let kind = resource.resource_type();
    let own = resource["identifier"].items().iter().find(|i| !i.str_of("system").is_empty());
    let request = match own {
        Some(own) => {
            let (system, value) = (query_part(own.str_of("system")), query_part(own.str_of("value")));
            fhir!({ "method": "PUT", "url": (format!("{kind}?identifier={system}|{value}")) })
        }
        None => fhir!({ "method": "POST", "url": kind }),
    };
    fhir!({ "fullUrl": url, "resource": (resource.clone()), "request": request })
}

fn query_part(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':' | b'/');
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// Maps a message. It never fails: what is not understood is in the losses.
pub fn map(message: &Message, tables: &Tables, naming: &Naming) -> Mapped {
    let kind = message.kind();
    let row = tables.message(&kind).cloned();
    let mut building = Building {
        m: Mapping::new(message, tables, naming),
        row: row.clone().unwrap_or_default(),
        resources: Vec::new(),
        aside: Vec::new(),
        needs_person: None,
        merges: Vec::new(),
        told: Vec::new(),
        positions: HashMap::new(),
    };
    // An event of one patient's stay tells of one patient.
    let of_one = ["admit", "register", "update", "discharge", "cancel-admit", "cancel-discharge"];
    let sections = sections(message);
    let count = if of_one.contains(&building.row.event.as_str()) { 1 } else { usize::MAX };
    for (n, section) in sections.iter().enumerate().take(count) {
        building.section(n, section);
    }
    let Building { m, resources, aside, needs_person, merges, told, .. } = building;
    let event = match row.as_ref().map_or("", |r| r.event.as_str()) {
        "admit" => Event::Admit,
        "register" => Event::Register,
        "update" => Event::Update,
        "discharge" => Event::Discharge,
        "cancel-admit" => Event::CancelAdmit,
        "cancel-discharge" => Event::CancelDischarge,
        "merge" => Event::Merge(merges),
        "order" => Event::Order { controls: told },
        "result" => Event::Result { statuses: told },
        "" => Event::NotMapped,
        other => Event::Other(other.to_owned()),
    };
    let losses = m.losses();
    let control_id = message.control_id().into_owned();
    let sent = time::date_time(message.get("MSH-7.1").trim(), &naming.zone).filter(|t| t.len() > 10);
    let lacks = lack(message, &event);
    let aside = aside.into_iter().chain(m.directory).collect();
    Mapped { kind, control_id, event, resources, aside, sent, losses, needs_person, lacks }
}

/// What a message of its kind cannot be without. A schedule or the answer to a question need not be about a patient.
fn lack(message: &Message, event: &Event) -> Option<&'static str> {
    let asks = matches!(&*message.get("MSH-9.1"), "QBP" | "QRY");
    let may_lack = match event {
        Event::Other(event) => matches!(event.as_str(), "schedule" | "query"),
        other => *other == Event::NotMapped,
    };
    let names_patient = message.all_segments().any(|s| s.name() == "PID");
    match (asks, may_lack || names_patient) {
        (true, _) => {
            Some("a question of this kind is kept and not answered: PDQ and PIX are (QBP^Q22, QBP^Q23)")
        }
        (false, false) => Some("the message has no PID: it is about no patient"),
        (false, true) => None,
    }
}

/// The message cut where another PID begins: what is behind a PID is of that person only (house, invariant 5).
fn sections(message: &Message) -> Vec<Vec<Segment<'_>>> {
    let mut sections: Vec<Vec<Segment<'_>>> = vec![Vec::new()];
    let mut has_person = false;
    for segment in message.all_segments() {
        if segment.name() == "PID" {
            if has_person {
                sections.push(Vec::new());
            }
            has_person = true;
        }
        if let Some(open) = sections.last_mut() {
            open.push(segment);
        }
    }
    sections
}

/// The resources of a message in the making.
struct Building<'m> {
    m: Mapping<'m>,
    row: tables::MessageRow,
    resources: Vec<(String, Value)>,
    aside: Vec<(String, Value)>,
    needs_person: Option<&'static str>,
    merges: Vec<Merge>,
    told: Vec<String>,
    /// Where a segment stands, to its number in the role of what it became.
    positions: HashMap<usize, String>,
}

/// Whom and which visit a section is about: full URLs, empty where there is none.
struct About {
    person: String,
    visit: String,
}

impl<'m> Building<'m> {
    fn section(&mut self, number: usize, segments: &[Segment<'m>]) {
        let has = |name: &str| segments.iter().any(|s| s.name() == name);
        let mut about = About { person: String::new(), visit: String::new() };
        if has("PID") {
            about.person = self.person(number, segments);
        }
        self.m.person = about.person.clone();
        match self.row.event.as_str() {
            "merge" => self.merge(segments),
            "move" => self.needs_person = Some("numbers or visits move between records: a person decides"),
            _ => {}
        }
        if has("PV1") && !about.person.is_empty() {
            about.visit = self.visit(number, segments, &about.person);
        }
        self.segments(number, segments, &about);
        let told = self.groups(number, segments, &about);
        let of_patient = matches!(self.row.event.as_str(), "order" | "result" | "medication");
        if told && of_patient && about.person.is_empty() {
            self.needs_person = Some("an order or result names no patient");
        }
    }

    fn person(&mut self, number: usize, segments: &[Segment<'m>]) -> String {
        let mut patient = fhir!({ "resourceType": "Patient" });
        self.m.fill("Patient", segments, &mut patient);
        if patient["identifier"].items().is_empty() {
            self.needs_person = Some("the patient has no identifier");
        }
        self.add(&format!("patient-{number}"), patient)
    }

    fn merge(&mut self, segments: &[Segment<'m>]) {
        let mut from = fhir!({ "resourceType": "Patient" });
        self.m.fill("Merged", segments, &mut from);
        let to = self.resources.last().map(|(_, r)| r.clone()).filter(|r| r.resource_type() == "Patient");
        match to {
            Some(to) if !from["identifier"].items().is_empty() && !to["identifier"].items().is_empty() => {
                self.merges.push(Merge { from, to });
            }
            _ => self.needs_person = Some("a merge does not name both records"),
        }
    }

    /// The visit, where PV1 tells of one; without a number it is written only by the event that begins it.
    fn visit(&mut self, number: usize, segments: &[Segment<'m>], person: &str) -> String {
        let pv1 = segments.iter().find(|s| s.name() == "PV1");
        let part = |n: usize| pv1.map(|s| s.field(n));
        let says = |n: usize| part(n).is_some_and(|p| !p.is_empty() && !p.is_null());
        let no_visit = part(2).is_some_and(|p| p.text().trim() == "N");
        let numbered = [5, 19, 50].into_iter().any(says);
        if no_visit || !(numbered || self.row.new_visit) {
            return String::new();
        }
        let status = match &self.row.encounter {
            Some(status) => status.clone(),
            None if says(45) => "finished".to_owned(),
            None => "in-progress".to_owned(),
        };
        let mut encounter = fhir!({ "resourceType": "Encounter", "status": status });
        self.m.fill("Encounter", segments, &mut encounter);
        if encounter["class"].is_null() {
            let system = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
            encounter.set("class", fhir!({ "system": system, "code": "AMB" }));
        }
        encounter.set("subject", fhir!({ "reference": person }));
        self.add(&format!("encounter-{number}"), encounter)
    }

    /// Adds a resource under its full URL, which is made of sender, control id and role.
    fn add(&mut self, role: &str, mut resource: Value) -> String {
        self.m.tables.call(&mut resource);
        let url = full_url(&self.m, role);
        if self.resources.len() < RESOURCES_MAX {
            self.resources.push((url.clone(), resource));
        } else {
            self.needs_person = Some("the message tells of more than one message may");
        }
        url
    }
}

fn full_url(m: &Mapping<'_>, role: &str) -> String {
    uuid_of(&[&m.sender, &m.message.control_id(), role])
}

/// UUID version 8 (RFC 9562 section 5.8) of FNV-1a over sender, control id and role: names within one message, no secret.
pub(crate) fn uuid_of(parts: &[&str]) -> String {
    let hex = name_of(parts);
    format!("urn:uuid:{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

pub(crate) fn name_of(parts: &[&str]) -> String {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013B;
    let mut hash: u128 = 0x6C62_272E_07BB_0142_62B8_2175_6295_C58D;
    for byte in parts.join("\0").bytes() {
        hash = (hash ^ u128::from(byte)).wrapping_mul(PRIME);
    }
    let mut b = hash.to_be_bytes();
    b[6] = (b[6] & 0x0f) | 0x80;
    b[8] = (b[8] & 0x3f) | 0x80;
    b.iter().map(|x| format!("{x:02x}")).collect()
}
