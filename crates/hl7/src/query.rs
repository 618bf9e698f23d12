//! Questions about patients and their answers: QBP^Q22 with RSP^K22 (IHE PDQ, ITI-21) and QBP^Q23 with RSP^K23 (IHE PIX, ITI-9);
//! HL7 v2.5.1 section 5.4.1, IHE ITI TF-2 sections 3.9 and 3.21.

use crate::ack::{AckCode, Stamp, answering, error_segment, raw};
use crate::map::{Naming, Tables, back, map};
use crate::message::{Delimiters, Message, MessageWriter, Part, Segment, USUAL, escape};
use badiano_fhir::{Value, fhir};
use badiano_kernel::fault::Fault;
use std::collections::BTreeMap;

/// People that one answer tells of where the question sets no limit, and at most.
pub const PEOPLE_USUAL: usize = 50;
pub const PEOPLE_MAX: usize = 100;
/// Fields that one question may name.
const PARAMETERS_MAX: usize = 64;

/// What a message asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// Who may be this person: a Patient of what the question says.
    Who {
        patient: Value,
        /// Systems whose numbers are wanted; all where there are none.
        systems: Vec<String>,
        /// How many at once, and how many were given before.
        limit: usize,
        skip: usize,
    },
    /// The other numbers of who bears this one.
    Numbers { system: String, value: String, systems: Vec<String> },
}

/// The question of a message; nothing where it is of another kind. Its fault names the place that is wrong.
pub fn question(message: &Message, tables: &Tables, naming: &Naming) -> Option<Result<Question, Fault>> {
    match message.kind().as_str() {
        "QBP^Q22" => Some(who(message, tables, naming)),
        "QBP^Q23" => Some(numbers(message, naming)),
        _ => None,
    }
}

fn parameters(message: &Message) -> Result<Segment<'_>, Fault> {
    let found = message.segments("QPD").next();
    found.ok_or_else(|| Fault::invalid("the question has no QPD").at("QPD"))
}

fn who(message: &Message, tables: &Tables, naming: &Naming) -> Result<Question, Fault> {
    let qpd = parameters(message)?;
    let asked = asked_fields(&qpd)?;
    let patient = person_of(message, &asked, tables, naming)?;
    let systems = domains(qpd.field(8), naming);
    let limit = match message.get("RCP-2.1").trim() {
        "" => PEOPLE_USUAL,
        said => match said.parse() {
            Ok(limit) if limit > 0 => PEOPLE_MAX.min(limit),
            _ => return Err(Fault::invalid("the limit is a number above 0").at("RCP-2")),
        },
    };
    let skip = match message.get("DSC-1").trim() {
        "" => 0,
        pointer => pointer
            .parse()
            .map_err(|_| Fault::invalid("the pointer is none that was given here").at("DSC-1"))?,
    };
    Ok(Question::Who { patient, systems, limit, skip })
}

/// Parts of PID by field, component and subcomponent.
type Asked = BTreeMap<(usize, usize, usize), String>;

/// `@PID.5.1^RAMOS`: what a question says of the person.
fn asked_fields(qpd: &Segment<'_>) -> Result<Asked, Fault> {
    let mut asked = BTreeMap::new();
    let wrong = || Fault::invalid("what is asked for is written @PID.5.1^VALUE").at("QPD-3");
    for repetition in qpd.field(3).repetitions().filter(|r| !r.is_empty()) {
        let name = repetition.component(1).text().trim().to_owned();
        let place = name.strip_prefix("@PID.").ok_or_else(wrong)?;
        let numbers = place.split('.').map(|n| n.parse::<usize>().ok().filter(|n| (1..=60).contains(n)));
        let numbers: Option<Vec<usize>> = numbers.collect();
        let numbers = numbers.filter(|n| n.len() <= 3).ok_or_else(wrong)?;
        let number = |n: usize| numbers.get(n).copied().unwrap_or(1);
        // A trailing star says "and what follows"; likeness weighs that by itself.
        let value = repetition.component(2).text().trim().trim_end_matches('*').to_owned();
        if !value.is_empty() {
            asked.insert((number(0), number(1), number(2)), value);
        }
        if asked.len() > PARAMETERS_MAX {
            return Err(Fault::too_costly("a question names at most 64 fields").at("QPD-3"));
        }
    }
    if asked.is_empty() {
        return Err(Fault::invalid("the question names nothing of the person").at("QPD-3"));
    }
    Ok(asked)
}

/// The person as the tables read a PID that says what is asked.
fn person_of(message: &Message, asked: &Asked, tables: &Tables, naming: &Naming) -> Result<Value, Fault> {
    let mut fields: BTreeMap<usize, BTreeMap<usize, Vec<String>>> = BTreeMap::new();
    for ((field, component, subcomponent), value) in asked {
        let parts = fields.entry(*field).or_default().entry(*component).or_default();
        parts.resize(parts.len().max(*subcomponent), String::new());
        parts[subcomponent - 1] = escape(value, &USUAL);
    }
    let sender = ["MSH-3.1", "MSH-4.1"].map(|place| escape(&message.get(place), &USUAL));
    let mut text = format!(
        "MSH|^~\\&|{}|{}|||20000101||QBP^Q22|1|P|2.5.1||||||UNICODE UTF-8\rPID",
        sender[0], sender[1]
    );
    for number in 1..=fields.keys().next_back().copied().unwrap_or(0) {
        text.push('|');
        let Some(components) = fields.get(&number) else { continue };
        let last = components.keys().next_back().copied().unwrap_or(0);
        let written = (1..=last).map(|n| components.get(&n).map_or(String::new(), |parts| parts.join("&")));
        text.push_str(&written.collect::<Vec<_>>().join("^"));
    }
    let read = Message::parse(text.into_bytes()).map_err(|_| Fault::bug("what is written is a message"))?;
    let mapped = map(&read, tables, naming).clinical();
    let patient = mapped.resources.into_iter().map(|(_, r)| r).find(|r| r.resource_type() == "Patient");
    let says = |p: &Value| ["name", "birthDate", "identifier", "telecom"].iter().any(|k| !p[*k].is_null());
    patient.filter(says).ok_or_else(|| {
        Fault::invalid("a name, a birth date, a number or a telephone of the person is needed").at("QPD-3")
    })
}

fn numbers(message: &Message, naming: &Naming) -> Result<Question, Fault> {
    let qpd = parameters(message)?;
    let asked = qpd.field(3).repetition(1);
    let value = asked.component(1).text().trim().to_owned();
    match (system_of(asked, naming), value.is_empty()) {
        (Some(system), false) => {
            Ok(Question::Numbers { system, value, systems: domains(qpd.field(4), naming) })
        }
        (None, false) => Err(Fault::invalid("the number names no authority").at("QPD-3.4")),
        (_, true) => Err(Fault::invalid("the question names no number").at("QPD-3.1")),
    }
}

/// The system of a number's authority (CX.4).
fn system_of(cx: Part<'_>, naming: &Naming) -> Option<String> {
    let [namespace, universal, kind] =
        [1, 2, 3].map(|n| cx.component(4).subcomponent(n).text().trim().to_owned());
    naming.system(&namespace, &universal, &kind)
}

fn domains(field: Part<'_>, naming: &Naming) -> Vec<String> {
    field.repetitions().filter_map(|repetition| system_of(repetition, naming)).collect()
}

/// What is answered.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Patients as they may be told, and how probable each is (0 to 1) where that was weighed.
    pub people: Vec<(Value, Option<f64>)>,
    /// How many were found in all, and how many were given before these.
    pub total: usize,
    pub before: usize,
    pub fault: Option<Fault>,
}

/// A patient with the numbers of the systems asked for; nobody where there is none of them.
#[must_use]
pub fn of_systems(patient: &Value, systems: &[String]) -> Option<Value> {
    let mut told = patient.clone();
    if !systems.is_empty() {
        let wanted = |i: &&Value| systems.iter().any(|s| s == i.str_of("system"));
        let kept: Vec<Value> = patient["identifier"].items().iter().filter(wanted).cloned().collect();
        if kept.is_empty() {
            return None;
        }
        told.set("identifier", Value::Array(kept));
    }
    Some(told)
}

/// RSP^K22 or RSP^K23, in the asker's delimiters, version and character set.
pub fn answer(
    message: &Message,
    answer: &Answer,
    tables: &Tables,
    naming: &Naming,
    stamp: Stamp<'_>,
) -> Vec<u8> {
    let mut out = MessageWriter::new(*message.delimiters());
    let of_numbers = message.kind() == "QBP^Q23";
    let kind = if of_numbers { ["RSP", "K23", "RSP_K23"] } else { ["RSP", "K22", "RSP_K21"] };
    let header = answering(&out, message, &kind, stamp);
    out.push(&header);
    let fault = answer.fault.as_ref();
    let code = AckCode::of(fault, false).code();
    let acknowledged = out.segment("MSA").text(1, code).raw(2, raw(message, "MSH-10"));
    out.push(&acknowledged.text(3, fault.map_or("", |f| f.text.as_str())));
    if let Some(fault) = fault {
        let error = error_segment(&out, fault, message.get("MSH-12.1").trim());
        out.push(&error);
    }
    let given = answer.people.len();
    let rest = answer.total.saturating_sub(answer.before + given);
    push_query(&mut out, message, answer, code, rest);
    for (n, (patient, probability)) in answer.people.iter().enumerate() {
        // Of a question for numbers the name is not told (ITI-9).
        let bare = || fhir!({ "resourceType": "Patient", "identifier": (patient["identifier"].clone()) });
        let person = if of_numbers { bare() } else { patient.clone() };
        push_person(&mut out, n + 1, &person, tables, naming);
        if let Some(probability) = probability {
            // How sure, of 100 (QRI-1).
            let percent = format!("{:.0}", probability.clamp(0.0, 1.0) * 100.0);
            let sure = out.segment("QRI").text(1, &percent);
            out.push(&sure);
        }
    }
    if rest > 0 {
        let more = out.segment("DSC").text(1, &(answer.before + given).to_string()).text(2, "I");
        out.push(&more);
    }
    out.finish(message.charset()).0
}

/// QAK, what became of the question, and QPD, the question again.
fn push_query(out: &mut MessageWriter, message: &Message, answer: &Answer, code: &str, rest: usize) {
    let status = match (&answer.fault, answer.people.is_empty()) {
        (Some(_), _) => code,
        (None, true) => "NF",
        (None, false) => "OK",
    };
    let mut about =
        out.segment("QAK").raw(1, raw(message, "QPD-2")).text(2, status).raw(3, raw(message, "QPD-1"));
    if answer.fault.is_none() {
        for (number, count) in [(4, answer.total), (5, answer.people.len()), (6, rest)] {
            about = about.text(number, &count.to_string());
        }
    }
    out.push(&about);
    if let Some(qpd) = message.segments("QPD").next() {
        let mut echo = out.segment("QPD");
        for (number, field) in qpd.fields() {
            echo = echo.raw(number, message.charset().decode(field.raw()).into_owned());
        }
        out.push(&echo);
    }
}

/// PID of a patient, written by the tables and put into the asker's delimiters.
fn push_person(out: &mut MessageWriter, number: usize, patient: &Value, tables: &Tables, naming: &Naming) {
    let bundle = fhir!({ "resourceType": "Bundle", "type": "collection", "entry": [
        { "fullUrl": "urn:uuid:patient", "resource": (patient.clone()) }
    ] });
    let stamp = back::Stamp { sender: ("BADIANO", ""), now: "20000101", control_id: "1" };
    let written = back::from_fhir(&bundle, Some("ADT^A08"), tables, naming, stamp);
    let read = written.ok().and_then(|w| Message::parse(w.bytes).ok());
    let mut segment = out.segment("PID").text(1, &number.to_string());
    if let Some(pid) = read.as_ref().and_then(|m| m.segments("PID").next()) {
        let delimiters = out.delimiters();
        for (number, field) in pid.fields().filter(|(n, _)| *n > 1) {
            segment = segment.raw(number, rewritten(field, &delimiters));
        }
    }
    if patient["name"].is_null() {
        segment = segment.raw(5, " ");
    }
    out.push(&segment);
}

/// A field in other delimiters.
fn rewritten(field: Part<'_>, delimiters: &Delimiters) -> String {
    let sign = |byte: u8| char::from(byte).to_string();
    let of_component = |component: Part<'_>| {
        let parts: Vec<String> = component.subcomponents().map(|s| escape(&s.text(), delimiters)).collect();
        parts.join(&sign(delimiters.subcomponent))
    };
    let of_repetition = |repetition: Part<'_>| {
        let parts: Vec<String> = repetition.components().map(of_component).collect();
        parts.join(&sign(delimiters.component))
    };
    let parts: Vec<String> = field.repetitions().map(of_repetition).collect();
    parts.join(&sign(delimiters.repetition))
}
