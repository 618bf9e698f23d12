//! FHIR read and vread interactions. https://hl7.org/fhir/R4/http.html#read

use super::asked::Asked;
use super::form;
use crate::caller::Caller;
use crate::reply::Refusal;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use badiano_kernel::{Fault, FaultKind};
use badiano_record::resources::Versioned;

pub async fn read(
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let asked = Asked::of_query(&headers, query.as_deref())?;
    form::known_kind(&kind)?;
    let session = caller.session();
    let found = session.read(&kind, &id);
    // The guide writes Patient/{curp}: it resolves to the opaque id, which is what the answer says.
    let by_curp = |f: Fault| match (f.kind, kind.as_str(), id.len()) {
        (FaultKind::NotFound, "Patient", 18) => session.patient_by_curp(&id).map_err(|_| f),
        _ => Err(f),
    };
    let found = found.or_else(by_curp).map_err(Refusal::fhir)?;
    answer(&found, &headers, &asked)
}

pub async fn vread(
    caller: Caller,
    Path((kind, id, version)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let asked = Asked::of_query(&headers, query.as_deref())?;
    form::known_kind(&kind)?;
    let version = version.parse().map_err(|_| Refusal::fhir(Fault::not_found("no such version")))?;
    let found = caller.session().read_version(&kind, &id, version).map_err(Refusal::fhir)?;
    answer(&found, &headers, &asked)
}

fn answer(found: &Versioned, headers: &HeaderMap, asked: &Asked) -> Result<Response, Refusal> {
    if found.deleted {
        let gone = badiano_fhir::outcome::from_fault(&Fault::not_found("the resource was deleted"));
        return form::answer(StatusCode::GONE, &gone, asked);
    }
    if form::is_known(found, headers) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    form::answer_version(found, asked)
}
