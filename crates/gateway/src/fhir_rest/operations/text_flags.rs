//! `$text-flags` and `$clear-text-flag` of one resource: what its words were taken for, and a clinician's saying that they do not tell
//! of it. Our own operations, in the form of https://hl7.org/fhir/R4/operations.html

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
use badiano_record::text_flags::Flag;
use bytes::Bytes;

pub async fn list(
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let asked = Asked::of_query(&headers, query.as_deref())?;
    form::known_kind(&kind)?;
    let flags = caller.session().text_flags(&kind, &id).map_err(Refusal::fhir)?;
    form::answer(StatusCode::OK, &shown(&flags), &asked)
}

/// Parameters with `class` (code) and `reason` (string).
pub async fn clear(
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let asked = Asked::of_query(&headers, query.as_deref())?;
    form::known_kind(&kind)?;
    let sent = Sent::read(&headers, &body)?;
    let text = |name: &'static str| {
        let said = sent.text(name).map(str::to_owned);
        said.ok_or_else(|| Refusal::fhir(Fault::invalid("the operation takes `class` and `reason`").at(name)))
    };
    let (class, reason) = (text("class")?, text("reason")?);
    let expect = form::precondition(&headers)?;
    let done = caller.session().clear_text_flag(&kind, &id, &class, &reason, expect).await;
    let done = done.map_err(|f| form::unmet(f, expect))?;
    form::answer(StatusCode::OK, &done.resource, &asked)
}

fn shown(flags: &[Flag]) -> Value {
    let parameter = |flag: &Flag| {
        let mut part = vec![
            fhir!({ "name": "class", "valueCode": (flag.class.code()) }),
            fhir!({ "name": "cleared", "valueBoolean": (flag.cleared) }),
        ];
        part.extend(flag.terms.iter().map(|term| fhir!({ "name": "term", "valueString": (*term) })));
        fhir!({ "name": "flag", "part": (Value::Array(part)) })
    };
    let mut parameters = fhir!({ "resourceType": "Parameters" });
    flags.iter().for_each(|flag| parameters.push("parameter", parameter(flag)));
    parameters
}
