//! FHIR patch interaction, by id and by condition: JSON Patch and FHIRPath Patch. https://hl7.org/fhir/R4/http.html#patch

use super::asked::{Asked, about_content};
use super::form;
use crate::caller::Caller;
use crate::reply::Refusal;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use badiano_fhir::json;
use badiano_fhir::patch::Patch;
use badiano_kernel::Fault;
use badiano_record::conditional::Criteria;
use bytes::Bytes;

pub async fn patch(
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let asked = Asked::of_query(&headers, query.as_deref())?;
    form::known_kind(&kind)?;
    let patch = read(&headers, &body)?;
    let expect = form::precondition(&headers)?;
    let done =
        caller.session().patch(&kind, &id, &patch, expect).await.map_err(|f| form::unmet(f, expect))?;
    form::answer_written(&done, &caller.base, &asked)
}

pub async fn patch_where(
    caller: Caller,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let pairs = form::pairs(&query.unwrap_or_default());
    let asked = Asked::of(&headers, &pairs)?;
    let parameters = caller.gate.node.parameters().map_err(Refusal::fhir)?;
    let criteria = Criteria::parse(&kind, &about_content(pairs), &*parameters).map_err(Refusal::fhir)?;
    let patch = read(&headers, &body)?;
    let done = caller.session().patch_where(criteria, &patch).await.map_err(Refusal::fhir)?;
    form::answer_written(&done, &caller.base, &asked)
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<Patch, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let body = if kind.starts_with("application/json-patch+json") {
        json::parse(body).map_err(|e| Refusal::fhir(Fault::invalid(e.to_string())))?
    } else {
        form::read(headers, body)?
    };
    Patch::read(body).map_err(Refusal::fhir)
}
