//! FHIR create interaction. https://hl7.org/fhir/R4/http.html#create

use super::asked::Asked;
use super::form;
use crate::caller::Caller;
use crate::reply::Refusal;
use axum::extract::{Path, RawQuery};
use axum::http::HeaderMap;
use axum::response::Response;
use badiano_kernel::Fault;
use bytes::Bytes;

pub async fn create(
    caller: Caller,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let asked = Asked::of_query(&headers, query.as_deref())?;
    form::known_kind(&kind)?;
    if headers.contains_key("if-none-exist") {
        return Err(Refusal::fhir(Fault::not_supported("conditional create is not there yet")));
    }
    let resource = form::read(&headers, &body)?;
    if resource.resource_type() != kind {
        return Err(Refusal::fhir(
            Fault::invalid("the resource is not of the type in the address").at("resourceType"),
        ));
    }
    let session = caller.session();
    // A person is registered, so that one CURP never stands for two records.
    let done = if kind == "Patient" {
        session.register_patient(resource).await
    } else {
        session.create(resource).await
    };
    let done = done.map_err(Refusal::fhir)?;
    form::answer_written(&done, &caller.gate.options.address, &asked)
}
