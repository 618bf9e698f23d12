//! From v2 messages to FHIR by tables that are data (after the HL7 v2-to-FHIR guide), with a ledger of what was not mapped.
//!
//! Every field that is not empty is mapped, named as ignored in a table, or listed as a loss; nothing is dropped unseen.
//! A message that no table names gives no resources and all of its fields as losses.

mod mapping;
mod naming;
mod order;
mod person;
mod reading;
mod result;
mod tables;
mod time;

pub use naming::Naming;
pub use reading::TASK_INPUT;
pub use tables::{TableError, Tables};

use crate::message::{Message, Segment};
use badiano_fhir::{Value, fhir};
use mapping::Mapping;

/// Places that one ledger lists; further ones are counted together.
pub const LOSSES_MAX: usize = 1_000;
/// Resources that one message may become.
pub const RESOURCES_MAX: usize = 10_000;

/// The words for what a message tells, as tables write them.
const EVENTS: [&str; 9] = [
    "admit",
    "register",
    "update",
    "discharge",
    "cancel-admit",
    "cancel-discharge",
    "merge",
    "order",
    "result",
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
    /// No table names this kind of message.
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
    pub losses: Vec<Loss>,
    /// Why a person should look at it: the tables could make nothing safe of a part of it.
    pub needs_person: Option<&'static str>,
    /// What its kind cannot be without and that is not there: the sender is told (HL7 table 0357, code 100).
    pub lacks: Option<&'static str>,
}

impl Mapped {
    /// The resources as a transaction: found by their first identifier with a system where they have one (`PUT Kind?identifier=`),
    /// else created.
    pub fn bundle(&self) -> Value {
        let entries: Vec<Value> = self.resources.iter().map(|(url, resource)| entry(url, resource)).collect();
        fhir!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
    }
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
    let mut building = Building {
        m: Mapping::new(message, tables, naming),
        resources: Vec::new(),
        needs_person: None,
        merges: Vec::new(),
        told: Vec::new(),
    };
    let row = tables.message(&kind).cloned();
    let sections = sections(message);
    if let Some(row) = &row {
        let each_person = matches!(row.event.as_str(), "merge" | "order" | "result");
        for (n, section) in sections.iter().enumerate().take(if each_person { usize::MAX } else { 1 }) {
            building.section(n, section, row);
        }
    }
    let Building { m, resources, needs_person, merges, told } = building;
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
        _ => Event::NotMapped,
    };
    let losses = m.losses();
    let control_id = message.control_id().into_owned();
    // Every kind that a table names is about a patient.
    let names_patient = message.all_segments().any(|s| s.name() == "PID");
    let lacks = (row.is_some() && !names_patient).then_some("the message has no PID: it is about no patient");
    Mapped { kind, control_id, event, resources, losses, needs_person, lacks }
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
    resources: Vec<(String, Value)>,
    needs_person: Option<&'static str>,
    merges: Vec<Merge>,
    told: Vec<String>,
}

/// Whom and which visit a section is about: full URLs, empty where there is none.
struct About {
    person: String,
    visit: String,
}

impl<'m> Building<'m> {
    fn section(&mut self, number: usize, segments: &[Segment<'m>], row: &tables::MessageRow) {
        let has = |name: &str| segments.iter().any(|s| s.name() == name);
        let mut about = About { person: String::new(), visit: String::new() };
        if has("PID") {
            about.person = self.person(number, segments);
        }
        if row.event == "merge" {
            self.merge(segments);
        }
        if has("PV1") && !about.person.is_empty() {
            about.visit = self.visit(number, segments, row, &about.person);
        }
        let result = match row.event.as_str() {
            "order" => self.orders(number, segments, &about),
            "result" => self.results(number, segments, &about),
            _ => return,
        };
        if result && about.person.is_empty() {
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
    fn visit(
        &mut self,
        number: usize,
        segments: &[Segment<'m>],
        row: &tables::MessageRow,
        person: &str,
    ) -> String {
        let pv1 = segments.iter().find(|s| s.name() == "PV1");
        let part = |n: usize| pv1.map(|s| s.field(n));
        let says = |n: usize| part(n).is_some_and(|p| !p.is_empty() && !p.is_null());
        let no_visit = part(2).is_some_and(|p| p.text().trim() == "N");
        let numbered = [5, 19, 50].into_iter().any(says);
        if no_visit || !(numbered || row.new_visit) {
            return String::new();
        }
        let status = match &row.encounter {
            Some(status) => status.as_str(),
            None if says(45) => "finished",
            None => "in-progress",
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
    fn add(&mut self, role: &str, resource: Value) -> String {
        let url = full_url(&self.m, role);
        if self.resources.len() < RESOURCES_MAX {
            self.resources.push((url.clone(), resource));
        } else {
            self.needs_person = Some("the message tells of more than one message may");
        }
        url
    }
}

/// UUID version 8 (RFC 9562 section 5.8) of FNV-1a over sender, control id and role: names within one message, no secret.
fn full_url(m: &Mapping<'_>, role: &str) -> String {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013B;
    let mut hash: u128 = 0x6C62_272E_07BB_0142_62B8_2175_6295_C58D;
    for byte in [m.sender.as_str(), "\0", &m.message.control_id(), "\0", role].concat().bytes() {
        hash = (hash ^ u128::from(byte)).wrapping_mul(PRIME);
    }
    let mut b = hash.to_be_bytes();
    b[6] = (b[6] & 0x0f) | 0x80;
    b[8] = (b[8] & 0x3f) | 0x80;
    let hex: String = b.iter().map(|x| format!("{x:02x}")).collect();
    format!("urn:uuid:{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
