//! FHIR update interaction, by id and by condition. https://hl7.org/fhir/R4/http.html#update

use super::asked::{Asked, about_content};
use super::form;
use crate::caller::Caller;
use crate::reply::Refusal;
use axum::extract::{Path, RawQuery};
use axum::http::HeaderMap;
use axum::response::Response;
use badiano_kernel::Fault;
use badiano_record::conditional::Criteria;
use bytes::Bytes;

pub async fn update(
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let asked = Asked::of_query(&headers, query.as_deref())?;
    form::known_kind(&kind)?;
    let resource = form::read(&headers, &body)?;
    if resource.resource_type() != kind || resource.id() != id {
        return Err(Refusal::fhir(
            Fault::invalid("type and id of the resource are those of the address").at("id"),
        ));
    }
    let expect = form::precondition(&headers)?;
    let done = caller.session().update(resource, expect).await.map_err(|f| form::unmet(f, expect))?;
    form::answer_written(&done, &caller.base, &asked)
}

pub async fn update_where(
    caller: Caller,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let pairs = form::pairs(&query.unwrap_or_default());
    let asked = Asked::of(&headers, &pairs)?;
    form::known_kind(&kind)?;
    let parameters = caller.gate.node.parameters().map_err(Refusal::fhir)?;
    let criteria = Criteria::parse(&kind, &about_content(pairs), &*parameters).map_err(Refusal::fhir)?;
    let resource = form::read(&headers, &body)?;
    if resource.resource_type() != kind {
        let text = "the resource is not of the type in the address";
        return Err(Refusal::fhir(Fault::invalid(text).at("resourceType")));
    }
    let done = caller.session().update_where(resource, criteria).await.map_err(Refusal::fhir)?;
    form::answer_written(&done, &caller.base, &asked)
}
