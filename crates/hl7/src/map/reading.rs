//! How the data types of v2 are read as those of FHIR (HL7 v2.5.1 chapter 2A; HL7 v2-to-FHIR, data type maps). Names stand in the tables.

use super::amounts;
use super::directory;
use super::mapping::{Answer, Mapping, Typed};
use super::person;
use super::tables::Row;
use super::time;
use crate::message::Part;
use badiano_fhir::{Value, fhir};

type Read = fn(&mut Mapping<'_>, Part<'_>, &Row) -> Answer;

/// A way of reading, by its name in a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading(&'static str, Read);

const READINGS: &[(&str, Read)] = &[
    ("string", string),
    ("code", code),
    ("coding", coding),
    ("boolean", boolean),
    ("integer", integer),
    ("date", date),
    ("dateTime", date_time),
    ("instant", instant),
    ("CX", identifier_cx),
    ("EI", identifier_ei),
    ("EI-reference", reference_ei),
    ("XPN", person::name),
    ("XPN-called", person::called),
    ("XPN-text", person::name_text),
    ("XAD", person::address),
    ("address-text", person::address_text),
    ("XTN", person::contact),
    ("XCN", person::practitioner),
    ("NDL", person::named_practitioner),
    ("participant", person::participant),
    ("PL", location),
    ("PL-reference", directory::place),
    ("DLD", directory::discharged_to),
    ("LA2", directory::administered_at),
    ("XON", directory::organization),
    ("XON-text", amounts::first_text),
    ("CX-text", amounts::first_text),
    ("CWE-text", amounts::concept_text),
    ("HD-organization", directory::organization_hd),
    ("HD-name", amounts::first_text),
    ("HD-identifier", directory::identifier_hd),
    ("HD-endpoint", directory::endpoint),
    ("HD-location", directory::place_hd),
    ("CWE-organization", directory::organization_cwe),
    ("CWE-reference", directory::named_cwe),
    ("EI-device", directory::device),
    ("insurer", directory::insurer),
    ("made", directory::made),
    ("CWE-class", amounts::class),
    ("CQ-value", amounts::value_cq),
    ("CQ-time-unit", amounts::unit_of_time),
    ("CQ-minutes", amounts::minutes_cq),
    ("CQ-duration", amounts::duration_cq),
    ("time", amounts::time_of_day),
    ("PLN", identifier_pln),
    ("XPN-reference", directory::named_person),
    ("EIP-reference", reference_eip),
    ("prescription", identifier_ei),
    ("DLN", identifier_dln),
    ("CWE-identifier", identifier_cwe),
    ("concept", concept_of_table),
    ("coding-text", coding_text),
    ("inner-concept", inner_concept),
    ("race", race),
    ("county", person::county),
    ("birth-time", birth_time),
    ("annotation-concept", annotation_concept),
    ("event", event),
    ("language-code", amounts::language_code),
    ("quantity", amounts::quantity),
    ("CQ", amounts::quantity_cq),
    ("money", amounts::money),
    ("minutes", amounts::minutes),
    ("duration-days", amounts::days),
    ("code-boolean", amounts::code_boolean),
    ("code-number", amounts::code_number),
    ("TQ", amounts::timing_tq),
    ("RPT", amounts::timing_rpt),
    ("DR-start", amounts::range_start),
    ("CWE", concept),
    ("language", language),
    ("text-concept", text_concept),
    ("annotation", annotation),
    ("input", input),
    ("reference-range", reference_range),
];

impl Reading {
    pub fn of_name(name: &str) -> Option<Reading> {
        READINGS.iter().find(|(n, _)| *n == name).map(|(name, read)| Reading(name, *read))
    }
    pub fn name(&self) -> &'static str {
        self.0
    }
    pub fn read(&self, m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
        (self.1)(m, part, row)
    }
}

pub(super) fn typed(type_name: &'static str, value: impl Into<Value>) -> Answer {
    Ok(Some(Typed { type_name, value: value.into() }))
}

fn string(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    m.take(part).map_or(Ok(None), |t| typed("string", t))
}

const NOT_IN_TABLE: &str = "the code is not in the table; the table's default was taken";

fn code(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let part = part.component(1);
    let Some(sent) = m.take(part) else { return Ok(None) };
    let tables = m.tables;
    match row.option("table").and_then(|t| tables.codes(t)) {
        None => typed("code", sent),
        Some(codes) => {
            let sent = sent.to_uppercase();
            let (value, listed) = codes.value(&sent).ok_or("the code is not in the table")?;
            if !listed {
                m.refuse(part, NOT_IN_TABLE);
            }
            typed("code", value)
        }
    }
}

fn coding(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let tables = m.tables;
    let system = row.option("table").and_then(|t| tables.codes(t)).and_then(|c| c.system.clone());
    let Some(Typed { value, .. }) = code(m, part, row)? else { return Ok(None) };
    let mut made = Value::object();
    if let Some(system) = system.as_deref().or_else(|| row.option("system")) {
        made.set("system", system);
    }
    typed("Coding", made.with("code", value))
}

fn boolean(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let Some(sent) = m.take(part) else { return Ok(None) };
    match sent.to_uppercase().as_str() {
        "Y" | "S" | "SI" | "1" | "TRUE" => typed("boolean", true),
        "N" | "NO" | "0" | "FALSE" => typed("boolean", false),
        _ => Err("it is neither Y nor N"),
    }
}

fn integer(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let Some(sent) = m.take(part) else { return Ok(None) };
    let number: u32 = sent.parse().map_err(|_| "it is no whole number")?;
    typed("integer", i64::from(number))
}

const NO_DATE: &str = "it is no date";

fn date(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let Some(sent) = m.take(part.component(1)) else { return Ok(None) };
    let read = time::date(&sent).ok_or(NO_DATE)?;
    if sent.len() > 8 && row.source.segment != *b"PID" {
        m.refuse(part, "the time of day was left out: the element is a date");
    }
    typed("date", read)
}

fn date_time(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let Some(sent) = m.take(part.component(1)) else { return Ok(None) };
    typed("dateTime", time::date_time(&sent, &m.naming.zone).ok_or(NO_DATE)?)
}

fn instant(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let Some(sent) = m.take(part.component(1)) else { return Ok(None) };
    let read = time::date_time(&sent, &m.naming.zone).ok_or(NO_DATE)?;
    if read.len() > 10 { typed("instant", read) } else { Err("it has no time of day") }
}

const IDENTIFIER_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";
/// OID of the CURP (GIIS-A003).
const CURP_OID: &str = "2.16.840.1.113883.4.629";

/// CX: number, authority and type. A CURP is known by its authority, its type code, its OID or its form.
fn identifier_cx(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let Some(number) = m.take(part.component(1)) else { return Ok(None) };
    let authority = [1, 2, 3].map(|n| m.take(part.component(4).subcomponent(n)).unwrap_or_default());
    let kind = m.take(part.component(5));
    let [namespace, universal, universal_type] = &authority;
    let says_curp = [Some(namespace), Some(universal), kind.as_ref()]
        .into_iter()
        .flatten()
        .any(|w| w.eq_ignore_ascii_case("CURP") || w == CURP_OID);
    let folded = number.to_uppercase();
    if says_curp || (m.naming.is_curp)(&folded) {
        let mut made = fhir!({
            "use": "official",
            "type": { "coding": [{ "system": IDENTIFIER_TYPE, "code": "NI" }] },
            "system": (m.naming.curp_system.as_str()),
            "value": folded
        });
        // What the sender says beside "CURP" is kept beside it.
        if let Some(kind) = kind.filter(|k| !k.eq_ignore_ascii_case("CURP") && k != "NI") {
            let both =
                vec![made["type"]["coding"][0].clone(), fhir!({ "system": IDENTIFIER_TYPE, "code": kind })];
            made.set("type", fhir!({ "coding": both }));
        }
        if !namespace.is_empty() {
            made.set("assigner", fhir!({ "display": (namespace.as_str()) }));
        }
        if !universal.is_empty() && universal != CURP_OID {
            m.refuse(
                part.component(4).subcomponent(2),
                "the number is a CURP, and this is not its authority",
            );
        }
        return typed("Identifier", made);
    }
    let kind = kind.as_deref().or_else(|| row.option("type")).unwrap_or("").to_owned();
    let system = m.naming.system(namespace, universal, universal_type).or_else(|| m.own_system(&kind));
    let assigner = m.assigner(&authority);
    let told = |s: &String| s.contains(universal.as_str());
    if !universal.is_empty() && !m.naming.whole && !system.as_ref().is_some_and(told) {
        m.refuse(part.component(4).subcomponent(2), "the authority is known by its name here");
    }
    let mut codes: Vec<&str> = row.option("first").into_iter().collect();
    if !kind.is_empty() && !codes.contains(&kind.as_str()) {
        codes.push(&kind);
    }
    let mut made = Value::object();
    for (n, url) in CHECK_DIGIT {
        if let Some(text) = m.take(part.component(n)) {
            made.push("extension", fhir!({ "url": url, "valueString": text }));
        }
    }
    if !codes.is_empty() {
        let codings = codes.iter().map(|code| fhir!({ "system": IDENTIFIER_TYPE, "code": (*code) }));
        let kind = fhir!({ "coding": (codings.collect::<Vec<Value>>()) });
        let words = row.option("text").map(|words| words.replace('-', " "));
        made.set("type", words.map_or(kind.clone(), |words| kind.with("text", words)));
    }
    if let Some(system) = system {
        made.set("system", system);
    }
    made.set("value", number);
    let period = [(7, "start"), (8, "end")].map(|(n, key)| (key, m.take(part.component(n))));
    for (key, sent) in period.iter().filter_map(|(k, t)| Some((k, t.as_ref()?))) {
        let read = time::date_time(sent, &m.naming.zone).ok_or(NO_DATE)?;
        let old = made["period"].clone();
        made.set("period", old.with(key, read));
    }
    // The place that gave the number (CX.6) is who gave it, where no authority is named.
    let place = m.take(part.component(6).subcomponent(1));
    match (assigner, place) {
        (Some(assigner), None) => made.set("assigner", assigner),
        (assigner, Some(place)) => {
            let url = "urn:badiano:identifier-facility";
            made.push("extension", fhir!({ "url": url, "valueString": place }));
            if let Some(assigner) = assigner {
                made.set("assigner", assigner);
            }
        }
        (None, None) => {}
    }
    typed("Identifier", made)
}

/// Components of CX that tell its check digit and how it was made.
pub(super) const CHECK_DIGIT: [(usize, &str); 2] = [
    (2, "http://hl7.org/fhir/StructureDefinition/identifier-checkDigit"),
    (3, "http://hl7.org/fhir/StructureDefinition/namingsystem-checkDigit"),
];

/// EI: number and authority; without an authority, the sender's own numbers of that kind (`space`).
fn identifier_ei(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let Some(number) = m.take(part.piece(1)) else { return Ok(None) };
    let [namespace, universal, kind] = [2, 3, 4].map(|n| m.take(part.piece(n)).unwrap_or_default());
    let space = row.option("space").unwrap_or("");
    // Placer, filler and accession numbers of one authority are different numbers.
    let system = match m.naming.system(&namespace, &universal, &kind) {
        Some(system) if system.starts_with("urn:badiano:authority:") && !space.is_empty() => {
            Some(format!("{system}:{space}"))
        }
        Some(system) => Some(system),
        None => m.own_system(space),
    };
    let mut made = Value::object();
    if let Some(code) = row.option("type") {
        made.set("type", fhir!({ "coding": [{ "system": IDENTIFIER_TYPE, "code": code }] }));
    }
    if let Some(system) = system {
        made.set("system", system);
    }
    made.set("value", number);
    if !universal.is_empty()
        && let Some(assigner) = m.assigner(&[namespace, universal, kind])
        && m.naming.whole
    {
        made.set("assigner", assigner);
    }
    typed("Identifier", made)
}

fn reference_ei(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let Some(Typed { value, .. }) = identifier_ei(m, part, row)? else { return Ok(None) };
    let kind = row.option("kind").unwrap_or("ServiceRequest");
    typed("Reference", fhir!({ "type": kind, "identifier": value }))
}

/// EIP: the placer's number, else the filler's, of another order.
fn reference_eip(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    match reference_ei(m, part.piece(1), row)? {
        Some(placer) => Ok(Some(placer)),
        None => {
            let filler = Row { options: filler_options(row), ..row.clone() };
            reference_ei(m, part.piece(2), &filler)
        }
    }
}

fn filler_options(row: &Row) -> std::collections::BTreeMap<String, String> {
    let mut options = row.options.clone();
    options.insert("type".to_owned(), "FILL".to_owned());
    options.insert("space".to_owned(), "filler".to_owned());
    options
}

/// DLN: number, who gave it, until when.
fn identifier_dln(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let Some(number) = m.take(part.component(1)) else { return Ok(None) };
    let code = row.option("type").unwrap_or("DL");
    let mut made = fhir!({ "type": { "coding": [{ "system": IDENTIFIER_TYPE, "code": code }] } });
    let issuer = m.take(part.component(2));
    let system = issuer.as_deref().map(authority_of_licences).or_else(|| m.own_system(code));
    if let Some(system) = system {
        made.set("system", system);
    }
    made.set("value", number);
    if let Some(until) = m.take(part.component(3)) {
        let read = time::date_time(&until, &m.naming.zone).ok_or(NO_DATE)?;
        made.set("period", fhir!({ "end": read }));
    }
    if let Some(issuer) = issuer {
        made.set("assigner", fhir!({ "display": issuer }));
    }
    typed("Identifier", made)
}

/// PLN: number, kind of number, until when.
fn identifier_pln(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let Some(number) = m.take(part.component(1)) else { return Ok(None) };
    let kind = m.take(part.component(2).subcomponent(1));
    let kind = kind.as_deref().or_else(|| row.option("type")).unwrap_or("").to_owned();
    let mut made = Value::object();
    if !kind.is_empty() {
        made.set("type", fhir!({ "coding": [{ "system": IDENTIFIER_TYPE, "code": (kind.as_str()) }] }));
    }
    let issuer = m.take(part.component(3));
    let system = issuer.as_deref().map(super::naming::authority).or_else(|| m.own_system(&kind));
    if let Some(system) = system {
        made.set("system", system);
    }
    made.set("value", number);
    if let Some(until) = m.take(part.component(4)) {
        let read = time::date_time(&until, &m.naming.zone).ok_or(NO_DATE)?;
        made.set("period", fhir!({ "end": read }));
    }
    if let Some(issuer) = issuer {
        made.set("assigner", fhir!({ "display": issuer }));
    }
    typed("Identifier", made)
}

fn authority_of_licences(name: &str) -> String {
    format!("{}:DL", super::naming::authority(name))
}

/// The code of a plan as its number, named by its coding system.
fn identifier_cwe(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let [code, text, named] = [1, 2, 3].map(|n| m.take(part.component(n)));
    let Some(code) = code.or_else(|| text.clone()) else { return Ok(None) };
    let mut made = Value::object();
    let system = named.map(|n| system_of(m, &n)).or_else(|| m.own_system("plan"));
    if let Some(text) = text.filter(|t| *t != code) {
        made.set("type", fhir!({ "text": text }));
    }
    if let Some(system) = system {
        made.set("system", system);
    }
    typed("Identifier", made.with("value", code))
}

/// A code of ours for the code that was sent (`table=`), as a CodeableConcept.
fn concept_of_table(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let made = coding(m, part, row)?;
    made.map_or(Ok(None), |c| typed("CodeableConcept", fhir!({ "coding": [(c.value)] })))
}

fn coding_text(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    m.take(part).map_or(Ok(None), |t| typed("Coding", fhir!({ "display": t })))
}

/// An extension whose `name` holds the concept: citizenship, nationality, animal.
fn inner_concept(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let Some(concept) = read_concept(m, part, row.option("system")) else { return Ok(None) };
    let name = row.option("name").unwrap_or("code");
    typed("Extension", fhir!({ "extension": [{ "url": name, "valueCodeableConcept": concept }] }))
}

/// US Core race and ethnicity: the category as a coding, and its text.
fn race(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let Some(concept) = read_concept(m, part, row.option("system")) else { return Ok(None) };
    let codings = concept["coding"].items();
    let coding = codings.first().cloned().unwrap_or(Value::Null);
    let said = [concept.str_of("text"), coding.str_of("display"), coding.str_of("code")];
    let text = said.into_iter().find(|t| !t.is_empty()).unwrap_or("").to_owned();
    let mut inner: Vec<Value> = Vec::new();
    // A translated code stands before the one that was sent.
    for (n, coding) in codings.iter().enumerate() {
        let url = if n == 0 { "ombCategory" } else { "urn:badiano:as-sent" };
        inner.push(fhir!({ "url": url, "valueCoding": (coding.clone()) }));
    }
    inner.push(fhir!({ "url": "text", "valueString": text }));
    typed("Extension", fhir!({ "extension": inner }))
}

/// The time of birth, where the field has one; the date is another row's.
fn birth_time(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let first = part.component(1);
    if first.text().trim().len() <= 8 {
        return Ok(None);
    }
    let Some(sent) = m.take(first) else { return Ok(None) };
    let read = time::date_time(&sent, &m.naming.zone).filter(|t| t.len() > 10);
    read.map_or(Ok(None), |t| typed("dateTime", t))
}

/// MSH-9: the event as a coding, the whole of the field as what is shown.
fn event(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let parts: Vec<String> = [1, 2, 3].into_iter().filter_map(|n| m.take(part.component(n))).collect();
    let Some(code) = parts.get(1).or(parts.first()) else { return Ok(None) };
    let system = "http://terminology.hl7.org/CodeSystem/v2-0003";
    typed("Coding", fhir!({ "system": system, "code": (code.as_str()), "display": (parts.join("^")) }))
}

/// PL: where in the house, as one text; `location` of an Encounter.
fn location(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let Some(place) = directory::place_of(m, part) else { return Ok(None) };
    typed("BackboneElement", fhir!({ "location": place }))
}

/// The URI of a coding system by its name in the message.
pub(super) fn system_of(m: &Mapping<'_>, name: &str) -> String {
    let upper = name.to_uppercase();
    if let Some((uri, true)) = m.tables.codes("systems").and_then(|c| c.value(&upper)) {
        return uri.to_owned();
    }
    if upper.starts_with("HL7") && upper.len() == 7 && upper[3..].bytes().all(|b| b.is_ascii_digit()) {
        return format!("http://terminology.hl7.org/CodeSystem/v2-{}", &upper[3..]);
    }
    if name.contains("://") || name.starts_with("urn:") {
        return name.to_owned();
    }
    let name = super::naming::urn_part(name);
    // "L" and "99zzz" are the sender's own; the sender's name tells them apart.
    if upper == "L" && !m.sender.is_empty() {
        return format!("urn:badiano:codes:{}:L", super::naming::urn_part(&m.sender));
    }
    format!("urn:badiano:codes:{name}")
}

/// CE, CWE, CNE, IS: one or two codings and a text.
pub(super) fn concept(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let value = read_concept(m, part, row.option("system"));
    value.map_or(Ok(None), |v| typed("CodeableConcept", v))
}

pub(super) fn read_concept(m: &mut Mapping<'_>, part: Part<'_>, system: Option<&str>) -> Option<Value> {
    let mut made = Value::object();
    let mut text = m.take(part.piece(9));
    for [code, display, named, version] in [[1, 2, 3, 7], [4, 5, 6, 8], [10, 11, 12, 13]] {
        let [code, display, named] = [code, display, named].map(|n| m.take(part.piece(n)));
        if let Some(code) = code {
            let uri = named.map(|n| system_of(m, &n)).or_else(|| system.map(str::to_owned));
            // FHIR codes have no white space but single inner blanks.
            let code = code.split_whitespace().collect::<Vec<_>>().join(" ");
            let tables = m.tables;
            if let Some((system, code)) = uri.as_ref().and_then(|uri| tables.concept(uri, &code)) {
                made.push("coding", fhir!({ "system": system, "code": code }));
            }
            let mut coding = Value::object();
            if let Some(uri) = uri {
                coding.set("system", uri);
            }
            if let Some(version) = m.take(part.piece(version)) {
                coding.set("version", version);
            }
            coding.set("code", code);
            if let Some(display) = &display {
                coding.set("display", display.as_str());
            }
            made.push("coding", coding);
        }
        text = text.or(display);
    }
    if let Some(text) = text {
        made.set("text", text);
    }
    made.as_object().is_some_and(|o| !o.is_empty()).then_some(made)
}

fn language(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let Some(Typed { value, .. }) = concept(m, part, row)? else { return Ok(None) };
    typed("BackboneElement", fhir!({ "language": value }))
}

fn text_concept(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let texts: Vec<String> = part.subcomponents().filter_map(|s| m.take(s)).collect();
    if texts.is_empty() { Ok(None) } else { typed("CodeableConcept", fhir!({ "text": (texts.join(" ")) })) }
}

fn annotation(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let Some(text) = m.take(part) else { return Ok(None) };
    let mut made = fhir!({ "text": text });
    // NTE-5 and NTE-6: who wrote it, and when.
    if let Some(author) = m.beside("NTE-5").filter(|_| row.source.segment == *b"NTE")
        && let Some(person) = person::practitioner(m, author, row)?
    {
        made.set("authorReference", person.value);
    }
    if let Some(at) = m.beside("NTE-6").filter(|_| row.source.segment == *b"NTE")
        && let Some(sent) = m.take(at.component(1))
        && let Some(read) = time::date_time(&sent, &m.naming.zone)
    {
        made.set("time", read);
    }
    typed("Annotation", made)
}

fn annotation_concept(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let text = amounts::concept_text(m, part, row)?;
    text.map_or(Ok(None), |t| typed("Annotation", fhir!({ "text": (t.value) })))
}

fn reference_range(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    m.take(part).map_or(Ok(None), |t| typed("BackboneElement", fhir!({ "text": t })))
}

/// The system of the names of a task's inputs.
pub const TASK_INPUT: &str = "urn:badiano:task-input";

/// One input of a Task, by `name`; `as=dateTime` for times.
fn input(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let name = row.option("name").unwrap_or("");
    let read = match (row.option("as"), row.option("table")) {
        (Some("dateTime"), _) => date_time(m, part, row)?,
        (_, Some(_)) => code(m, part, row)?.map(|t| Typed { type_name: "string", ..t }),
        _ => string(m, part.component(1), row)?,
    };
    let Some(read) = read else { return Ok(None) };
    let made = fhir!({ "type": { "coding": [{ "system": TASK_INPUT, "code": name }] } });
    let key = if read.type_name == "dateTime" { "valueDateTime" } else { "valueString" };
    typed("BackboneElement", made.with(key, read.value))
}
