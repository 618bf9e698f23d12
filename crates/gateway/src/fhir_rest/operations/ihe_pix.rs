//! `Patient/$ihe-pix`: the other numbers of a person who bears one (IHE PIXm, ITI-83).

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
use bytes::Bytes;

pub async fn ihe_pix(
    caller: Caller,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let query = query.unwrap_or_default();
    answer(&caller, &kind, &form::pairs(&query), &Asked::of_query(&headers, Some(&query))?)
}

pub async fn ihe_pix_by_post(
    caller: Caller,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let query = query.unwrap_or_default();
    let mut pairs = form::pairs(&query);
    pairs.extend(Sent::read(&headers, &body)?.pairs()?);
    answer(&caller, &kind, &pairs, &Asked::of_query(&headers, Some(&query))?)
}

fn answer(
    caller: &Caller,
    kind: &str,
    pairs: &[(String, String)],
    asked: &Asked,
) -> Result<Response, Refusal> {
    form::known_kind(kind)?;
    if kind != "Patient" {
        return Err(Refusal::fhir(Fault::not_supported("$ihe-pix is offered for Patient")));
    }
    let source = all_named(pairs, "sourceIdentifier").next().and_then(|v| v.split_once('|'));
    let (system, value) = source.filter(|(s, v)| !s.is_empty() && !v.is_empty()).ok_or_else(|| {
        let text = "sourceIdentifier is a system and a value with | between";
        Refusal::fhir(Fault::invalid(text).at("sourceIdentifier"))
    })?;
    let targets: Vec<&str> = all_named(pairs, "targetSystem").flat_map(|v| v.split(',')).collect();
    let found = caller.session().cross_referenced(system, value).map_err(Refusal::fhir)?;
    let patient =
        found.ok_or_else(|| Refusal::fhir(Fault::not_found("nobody is known by this identifier")))?.resource;
    let identifiers = patient["identifier"].items().iter();
    let mut parameters: Vec<Value> = identifiers
        .filter(|i| i.str_of("system") != system || i.str_of("value") != value)
        .filter(|i| targets.is_empty() || targets.contains(&i.str_of("system")))
        .map(|i| fhir!({ "name": "targetIdentifier", "valueIdentifier": (i.clone()) }))
        .collect();
    let reference = format!("Patient/{}", patient.id());
    parameters.push(fhir!({ "name": "targetId", "valueReference": { "reference": reference } }));
    form::answer(StatusCode::OK, &fhir!({ "resourceType": "Parameters", "parameter": parameters }), asked)
}

fn all_named<'p>(pairs: &'p [(String, String)], name: &'static str) -> impl Iterator<Item = &'p str> {
    pairs.iter().filter(move |(k, _)| k == name).map(|(_, v)| v.as_str())
}
