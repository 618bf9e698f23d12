//! A report as ORU^R01, for the sender of the order (HL7 v2.5.1 section 7.3; after the HL7 v2-to-FHIR guide, read backwards).

use crate::message::{Charset, MessageWriter, SegmentWriter};
use badiano_fhir::Value;
use badiano_kernel::fault::Fault;

/// Longest text of one OBX, in characters; a longer report goes on in the next OBX of the same code.
pub const TEXT_CHARACTERS_MAX: usize = 32_000;

/// Who speaks to whom, and the stamps of the message: nothing here reads a clock or makes a number.
#[derive(Debug, Clone)]
pub struct Envelope<'a> {
    /// MSH-3 and MSH-4.
    pub sender: (&'a str, &'a str),
    /// MSH-5 and MSH-6.
    pub receiver: (&'a str, &'a str),
    /// `YYYYMMDDHHMMSS`, local time: MSH-7.
    pub now: &'a str,
    /// MSH-10.
    pub control_id: &'a str,
    /// IANA zone in which times are written.
    pub zone: &'a str,
    /// What the receiver reads.
    pub charset: Charset,
}

/// What an ORU^R01 is made of. `order` and `patient` may be `Value::Null` where they are not known.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    pub report: &'a Value,
    pub patient: &'a Value,
    pub order: &'a Value,
    /// The text as people read it, paragraphs parted by line breaks, without the conclusion.
    pub text: &'a str,
    /// DICOM Study Instance UID, or empty.
    pub study_uid: &'a str,
    /// Systems of patient identifiers and the word to write as their assigning authority (`CURP`, `HGN`).
    pub authorities: &'a [(&'a str, &'a str)],
}

/// ORU^R01 version 2.5.1, and how many characters the receiver's character set had no place for.
pub fn oru_r01(envelope: &Envelope<'_>, what: &Report<'_>) -> Result<(Vec<u8>, usize), Fault> {
    if what.report.resource_type() != "DiagnosticReport" {
        return Err(Fault::invalid("a result is made of a DiagnosticReport"));
    }
    let status = result_status(what.report.str_of("status")).ok_or_else(|| {
        Fault::not_supported("no result status of HL7 v2 says this").at("DiagnosticReport.status")
    })?;
    let mut out = MessageWriter::default();
    let header = out
        .segment("MSH")
        .text(3, envelope.sender.0)
        .text(4, envelope.sender.1)
        .text(5, envelope.receiver.0)
        .text(6, envelope.receiver.1)
        .text(7, envelope.now)
        .components(9, &["ORU", "R01", "ORU_R01"])
        .text(10, envelope.control_id)
        .text(11, "P")
        .text(12, "2.5.1")
        .text(17, "MEX")
        .text(18, &envelope.charset.name());
    out.push(&header);
    let patient = patient_segment(&out, what);
    out.push(&patient);
    let placer = number_of_type(what.order, "PLAC");
    let filler = number_of_type(what.order, "FILL");
    // A report of an order without a filler's number goes under the report's own.
    let filler = if filler.0.is_empty() { (what.report.id(), "") } else { filler };
    let control = out.segment("ORC").text(1, "RE").components(2, &[placer.0, placer.1]);
    out.push(&control.components(3, &[filler.0, filler.1]));
    let request = request_segment(&out, envelope, what, placer, filler, status);
    out.push(&request);
    push_observations(&mut out, what, status);
    Ok(out.finish(envelope.charset))
}

/// OBR-25 (table 0123).
fn result_status(status: &str) -> Option<&'static str> {
    match status {
        "final" => Some("F"),
        "amended" | "corrected" | "appended" => Some("C"),
        "preliminary" => Some("P"),
        "partial" => Some("A"),
        "registered" => Some("O"),
        "cancelled" | "entered-in-error" => Some("X"),
        _ => None,
    }
}

fn patient_segment(out: &MessageWriter, what: &Report<'_>) -> SegmentWriter {
    let patient = what.patient;
    let mut pid = out.segment("PID").text(1, "1");
    for identifier in patient["identifier"].items() {
        let system = identifier.str_of("system");
        let listed = what.authorities.iter().find(|(s, _)| *s == system).map(|(_, word)| *word);
        let word = listed.unwrap_or_else(|| authority_of(system));
        let code = identifier["type"]["coding"].at(0).str_of("code");
        pid = pid.repetition(3, &[identifier.str_of("value"), "", "", word, code]);
    }
    let name = official_name(patient);
    let given = |n: usize| name["given"].at(n).as_str().unwrap_or("").to_owned();
    let more: Vec<&str> = name["given"].items().iter().skip(1).filter_map(Value::as_str).collect();
    let usage = if name.is_null() { "" } else { "L" };
    pid = pid.repetition(5, &[name.str_of("family"), &given(0), &more.join(" "), "", "", "", usage]);
    let sex = match patient.str_of("gender") {
        "male" => "M",
        "female" => "F",
        "other" => "O",
        "unknown" => "U",
        _ => "",
    };
    pid.text(7, &patient.str_of("birthDate").replace('-', "")).text(8, sex)
}

fn official_name(patient: &Value) -> &Value {
    let names = patient["name"].items();
    names.iter().find(|n| n.str_of("use") == "official").unwrap_or_else(|| patient["name"].at(0))
}

/// The word in a system that our own map made (`urn:badiano:authority:HGN:placer`), else nothing.
fn authority_of(system: &str) -> &str {
    let word = system.strip_prefix("urn:badiano:authority:").unwrap_or("");
    word.split(':').next().unwrap_or("")
}

/// The number of a type (v2-0203) and its authority.
fn number_of_type<'v>(resource: &'v Value, code: &str) -> (&'v str, &'v str) {
    let typed = |i: &&Value| i["type"]["coding"].items().iter().any(|c| c.str_of("code") == code);
    let found = resource["identifier"].items().iter().find(typed);
    found.map_or(("", ""), |i| (i.str_of("value"), authority_of(i.str_of("system"))))
}

fn request_segment(
    out: &MessageWriter,
    envelope: &Envelope<'_>,
    what: &Report<'_>,
    placer: (&str, &str),
    filler: (&str, &str),
    status: &str,
) -> SegmentWriter {
    let ordered = &what.order["code"];
    let code = if ordered.is_null() { &what.report["code"] } else { ordered };
    let time = |text: &str| compact(text, envelope.zone);
    let performed = time(what.report.str_of("effectiveDateTime"));
    let section = what.report["category"].at(0)["coding"].at(0).str_of("code").to_owned();
    let reader = what.report["resultsInterpreter"].at(0);
    let person = [reader["identifier"].str_of("value"), reader.str_of("display")];
    let d = out.delimiters();
    let person: Vec<String> = person.iter().map(|t| crate::message::escape(t, &d)).collect();
    let obr = out
        .segment("OBR")
        .text(1, "1")
        .components(2, &[placer.0, placer.1])
        .components(3, &[filler.0, filler.1])
        .components(4, &coded(code))
        .text(7, &performed)
        .text(18, number_of_type(what.order, "ACSN").0)
        .text(22, &time(what.report.str_of("issued")))
        .text(24, &section)
        .text(25, status);
    // NDL: number and name are subcomponents of its first component.
    let written = person.join(&char::from(d.subcomponent).to_string());
    if person.iter().all(String::is_empty) { obr } else { obr.raw(32, written) }
}

/// Code, text and the name of its system.
fn coded(concept: &Value) -> [&str; 3] {
    let coding = concept["coding"].at(0);
    let text =
        if concept.str_of("text").is_empty() { coding.str_of("display") } else { concept.str_of("text") };
    [coding.str_of("code"), text, system_name(coding.str_of("system"))]
}

fn system_name(uri: &str) -> &str {
    match uri {
        "http://loinc.org" => "LN",
        "http://snomed.info/sct" => "SCT",
        "http://hl7.org/fhir/sid/icd-10" => "I10",
        "http://dicom.nema.org/resources/ontology/DCM" => "DCM",
        "" => "",
        other => {
            other.strip_prefix("urn:badiano:codes:").map_or("L", |own| own.rsplit(':').next().unwrap_or("L"))
        }
    }
}

/// `YYYYMMDDHHMMSS±ZZZZ` in the zone, or the date alone; empty where there is none.
fn compact(text: &str, zone: &str) -> String {
    if text.len() <= 10 {
        return text.replace('-', "");
    }
    let span = badiano_kernel::time::Span::parse_fhir(text, zone);
    let offset = |i: badiano_kernel::Instant| i.to_rfc3339_in(zone).get(19..).unwrap_or("").replace(':', "");
    span.map_or(String::new(), |s| format!("{}{}", s.from.to_compact_in(zone), offset(s.from)))
}

fn push_observations(out: &mut MessageWriter, what: &Report<'_>, status: &str) {
    let mut number = 0;
    let mut push = |kind: &str, code: [&str; 3], text: &str| {
        number += 1;
        let obx = out.segment("OBX").text(1, &number.to_string()).text(2, kind).components(3, &code);
        out.push(&obx.text(5, text).text(11, status));
    };
    // LOINC: the report as a whole, and the radiologist's conclusion.
    for piece in pieces(what.text) {
        push("FT", ["18748-4", "Diagnostic imaging study", "LN"], &piece);
    }
    for piece in pieces(what.report.str_of("conclusion")) {
        push("FT", ["19005-8", "Radiology Imaging study [Impression]", "LN"], &piece);
    }
    if !what.study_uid.is_empty() {
        push("ST", ["113014", "DICOM Study UID", "DCM"], what.study_uid);
    }
}

/// Text cut at the limit, at a line break where there is one.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut open = String::new();
    let mut length = 0;
    for line in text.split_inclusive('\n') {
        let count = line.chars().count();
        if length > 0 && length + count > TEXT_CHARACTERS_MAX {
            pieces.push(std::mem::take(&mut open).trim_end_matches('\n').to_owned());
            length = 0;
        }
        for character in line.chars() {
            if length == TEXT_CHARACTERS_MAX {
                pieces.push(std::mem::take(&mut open));
                length = 0;
            }
            open.push(character);
            length += 1;
        }
    }
    if !open.trim().is_empty() {
        pieces.push(open.trim_end_matches('\n').to_owned());
    }
    pieces
}
