//! FHIR batch and transaction interactions. https://hl7.org/fhir/R4/http.html#transaction

use super::asked::{Asked, Returns};
use super::form;
use crate::caller::Caller;
use crate::reply::Refusal;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use badiano_kernel::Fault;
use bytes::Bytes;

pub async fn transaction(
    caller: Caller,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let asked = Asked::of_query(&headers, query.as_deref())?;
    let bundle = form::read(&headers, &body)?;
    let session = caller.session();
    let with_resources = asked.returns == Some(Returns::Representation);
    let done = match (bundle.resource_type(), bundle.str_of("type")) {
        ("Bundle", "transaction") => session.transaction(&bundle, with_resources).await,
        ("Bundle", "batch") => session.batch(&bundle, with_resources).await,
        _ => Err(Fault::invalid("a Bundle of type transaction or batch is expected here").at("Bundle.type")),
    };
    form::answer(StatusCode::OK, &done.map_err(Refusal::fhir)?, &asked)
}
