//! FHIR create interaction, with `If-None-Exist` too. https://hl7.org/fhir/R4/http.html#create

use super::asked::Asked;
use super::form;
use crate::caller::Caller;
use crate::reply::Refusal;
use axum::extract::{Path, RawQuery};
use axum::http::HeaderMap;
use axum::response::Response;
use badiano_kernel::Fault;
use badiano_record::conditional::Criteria;
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
    let resource = form::read(&headers, &body)?;
    if resource.resource_type() != kind {
        return Err(Refusal::fhir(
            Fault::invalid("the resource is not of the type in the address").at("resourceType"),
        ));
    }
    let session = caller.session();
    if let Some(condition) = headers.get("if-none-exist") {
        let text = condition.to_str().unwrap_or_default();
        let text = text.split_once('?').map_or(text, |(_, query)| query);
        let parameters = caller.gate.node.parameters().map_err(Refusal::fhir)?;
        let criteria = Criteria::parse(&kind, &form::pairs(text), &*parameters);
        let criteria = criteria.map_err(|f| Refusal::fhir(f.at("If-None-Exist")))?;
        let done = session.create_unless(resource, criteria).await.map_err(Refusal::fhir)?;
        return form::answer_written(&done, &caller.base, &asked);
    }
    // A person is registered, so that one CURP never stands for two records.
    let done = if kind == "Patient" {
        session.register_patient(resource).await
    } else {
        session.create(resource).await
    };
    let done = done.map_err(Refusal::fhir)?;
    form::answer_written(&done, &caller.base, &asked)
}
