//! FHIR update interaction. https://hl7.org/fhir/R4/http.html#update

use super::form;
use crate::caller::Caller;
use crate::reply::Refusal;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use badiano_kernel::Fault;
use bytes::Bytes;

pub async fn update(
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let wire = form::wanted(&headers, &[])?;
    form::known_kind(&kind)?;
    let resource = form::read(&headers, &body)?;
    if resource.resource_type() != kind || resource.id() != id {
        return Err(Refusal::fhir(
            Fault::invalid("type and id of the resource are those of the address").at("id"),
        ));
    }
    let done =
        caller.session().update(resource, form::precondition(&headers)?).await.map_err(Refusal::fhir)?;
    form::answer_version(if done.created { StatusCode::CREATED } else { StatusCode::OK }, &done, wire)
}
