//! `Patient/$match`: who may be this person, by likeness (IHE PDQm ITI-119). https://hl7.org/fhir/R4/patient-operation-match.html

use super::parameters::Sent;
use crate::caller::Caller;
use crate::fhir_rest::asked::Asked;
use crate::fhir_rest::form;
use crate::reply::Refusal;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use badiano_fhir::{Value, fhir};
use badiano_kernel::Fault;
use badiano_kernel::id::LogicalId;
use badiano_record::identity::{CANDIDATES_MAX, Candidate};
use bytes::Bytes;

/// https://hl7.org/fhir/R4/extension-match-grade.html
const MATCH_GRADE: &str = "http://hl7.org/fhir/StructureDefinition/match-grade";
/// Why: one extension a field with its level and its bits, and what no score may overrule.
const EXPLANATION: &str = "urn:badiano:match-explanation";
/// People that one answer gives when nobody says how many.
const COUNT_USUAL: usize = 20;

pub async fn patient_match(
    caller: Caller,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let asked = Asked::of_query(&headers, query.as_deref())?;
    form::known_kind(&kind)?;
    if kind != "Patient" {
        return Err(Refusal::fhir(Fault::not_supported("$match is offered for Patient")));
    }
    let sent = Sent::read(&headers, &body)?;
    let patient = sent.resource("resource").filter(|r| r.resource_type() == "Patient");
    let patient = patient.ok_or_else(|| {
        Refusal::fhir(Fault::invalid("the operation takes a Patient as `resource`").at("resource"))
    })?;
    if !says_who(patient) {
        let text = "the Patient names nobody: a name, a birth date, an identifier or a telephone is needed";
        return Err(Refusal::fhir(Fault::invalid(text).at("resource")));
    }
    let only_certain = sent.all("onlyCertainMatches").next() == Some(&Value::Bool(true));
    let count = match sent.text("count") {
        None => COUNT_USUAL,
        Some(text) => match text.parse() {
            Ok(count) if count > 0 => CANDIDATES_MAX.min(count),
            _ => return Err(Refusal::fhir(Fault::invalid("count is a number above 0").at("count"))),
        },
    };
    let found = caller.session().match_patient(patient, only_certain, count).map_err(Refusal::fhir)?;
    let base = format!("{}/fhir", caller.base);
    let entries: Vec<Value> = found.iter().map(|one| entry(one, &base)).collect();
    let mut bundle = fhir!({
        "resourceType": "Bundle", "id": (LogicalId::random().as_str()), "type": "searchset",
        "total": (Value::from(entries.len()))
    });
    if !entries.is_empty() {
        bundle.set("entry", Value::Array(entries));
    }
    form::answer(StatusCode::OK, &bundle, &asked)
}

fn says_who(patient: &Value) -> bool {
    ["name", "birthDate", "identifier", "telecom"].iter().any(|part| !patient[*part].is_null())
}

fn entry(one: &Candidate, base: &str) -> Value {
    let mut why: Vec<Value> = one
        .fields
        .iter()
        .map(|f| {
            fhir!({ "url": (f.field.as_str()), "extension": [
                { "url": "level", "valueCode": (f.level.as_str()) },
                { "url": "bits", "valueDecimal": (decimal(f.bits, 2)) }
            ] })
        })
        .collect();
    if let Some(guard) = one.guard {
        why.push(fhir!({ "url": "guard", "valueString": guard }));
    }
    let mut extensions = vec![fhir!({ "url": MATCH_GRADE, "valueCode": (one.grade.code()) })];
    if !why.is_empty() {
        extensions.push(fhir!({ "url": EXPLANATION, "extension": why }));
    }
    fhir!({
        "fullUrl": (format!("{base}/Patient/{}", one.patient.resource.id())),
        "resource": (one.patient.resource.clone()),
        "search": { "extension": extensions, "mode": "match", "score": (decimal(one.probability, 4)) }
    })
}

/// A decimal of so many places, without those that say nothing.
fn decimal(number: f64, places: usize) -> Value {
    let text = format!("{number:.places$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let text = if text == "-0" { "0" } else { text };
    badiano_fhir::json::parse(text.as_bytes()).unwrap_or(Value::Null)
}
