//! `$everything` of a patient or an encounter. https://hl7.org/fhir/R4/operation-patient-everything.html

use super::parameters::Sent;
use crate::caller::Caller;
use crate::fhir_rest::form;
use crate::fhir_rest::search::{Scope, run};
use crate::reply::Refusal;
use axum::extract::{Path, RawQuery};
use axum::http::HeaderMap;
use axum::response::Response;
use badiano_fhir::schema;
use badiano_fhir::search::{self as words, Include, Parsed};
use badiano_kernel::Fault;
use bytes::Bytes;

/// The types that have the operation.
pub const TYPES: [&str; 2] = ["Patient", "Encounter"];

pub async fn everything(
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    offered(&kind)?;
    let id = caller.session().local_id(&kind, &id).map_err(Refusal::fhir)?;
    run(&caller, Scope::Everything(&kind, &id), form::pairs(&query.unwrap_or_default()), &headers).await
}

pub async fn everything_by_post(
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    offered(&kind)?;
    let id = caller.session().local_id(&kind, &id).map_err(Refusal::fhir)?;
    let mut pairs = form::pairs(&query.unwrap_or_default());
    pairs.extend(Sent::read(&headers, &body)?.pairs()?);
    run(&caller, Scope::Everything(&kind, &id), pairs, &headers).await
}

fn offered(kind: &str) -> Result<(), Refusal> {
    form::known_kind(kind)?;
    if TYPES.contains(&kind) {
        return Ok(());
    }
    Err(Refusal::fhir(Fault::not_supported("$everything is offered for Patient and Encounter")))
}

/// The search that the operation is: `start`, `end`, `_since`, `_type`, `_count`.
pub fn parse(
    caller: &Caller,
    kind: &str,
    id: &str,
    pairs: &[(String, String)],
    strict: bool,
) -> Result<Parsed, Fault> {
    let value = |name: &str| pairs.iter().rev().find(|(k, _)| k == name).map(|(_, v)| v.as_str());
    let mut common: Vec<(String, String)> = Vec::new();
    let count = value("_count").map_or_else(|| words::COUNT_MAX.to_string(), str::to_owned);
    common.push(("_count".to_owned(), count));
    if let Some(since) = value("_since") {
        common.push(("_lastUpdated".to_owned(), format!("ge{since}")));
    }
    let known = ["start", "end", "_since", "_type", "_count"];
    common.extend(pairs.iter().filter(|(name, _)| !known.contains(&name.as_str())).cloned());
    let asked = types(pairs)?;
    let kinds = searched(caller, kind, &asked)?;
    let zone = &caller.gate.node.settings().zone;
    let mut parsed = words::parse_all(&kinds, &common, strict, zone)?;
    let own = words::everything(kind, id, value("start"), value("end"), zone)?;
    parsed.query.filters.splice(0..0, own);
    let beside: Vec<Option<&str>> = if asked.is_empty() {
        vec![None]
    } else {
        asked.into_iter().filter(|kind| !kinds.contains(kind)).map(Some).collect()
    };
    let all = |target: Option<&str>| Include {
        source: "*".into(),
        param: "*".into(),
        target: target.map(Into::into),
        iterate: false,
    };
    parsed.query.include = beside.into_iter().map(all).collect();
    Ok(parsed)
}

/// The types that `_type` names.
fn types(pairs: &[(String, String)]) -> Result<Vec<&str>, Fault> {
    let named = pairs.iter().filter(|(k, _)| k == "_type").flat_map(|(_, v)| v.split(','));
    let named: Vec<&str> = named.map(str::trim).filter(|kind| !kind.is_empty()).collect();
    if named.iter().any(|kind| !schema::is_resource_type(kind)) {
        return Err(Fault::invalid("names a type that FHIR R4 does not have").at("_type"));
    }
    Ok(named)
}

/// The types of the compartment that are looked through: those that are named, or all that the caller may read.
fn searched<'t>(caller: &Caller, kind: &str, named: &[&'t str]) -> Result<Vec<&'t str>, Fault> {
    let own = words::types_in(kind);
    let session = caller.session();
    let kinds: Vec<&str> = if named.is_empty() {
        own.into_iter().filter(|kind| session.may_read_any(kind)).collect()
    } else {
        named.iter().copied().filter(|kind| own.contains(kind)).collect()
    };
    if kinds.is_empty() && named.is_empty() {
        return Err(Fault::forbidden("this principal may not read data of this class"));
    }
    if kinds.is_empty() {
        return Err(Fault::invalid("names no type that belongs to a compartment of this kind").at("_type"));
    }
    Ok(kinds)
}
