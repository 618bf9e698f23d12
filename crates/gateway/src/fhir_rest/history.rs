//! FHIR history interaction of one resource. https://hl7.org/fhir/R4/http.html#history

use super::form;
use crate::caller::Caller;
use crate::reply::Refusal;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use badiano_fhir::{Value, fhir};

pub async fn history(
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let wire = form::wanted(&headers, &form::pairs(&query.unwrap_or_default()))?;
    form::known_kind(&kind)?;
    let versions = caller.session().history(&kind, &id).map_err(Refusal::fhir)?;
    let entries: Vec<Value> = versions
        .iter()
        .map(|v| {
            let method = if v.deleted {
                "DELETE"
            } else if v.version == 1 {
                "POST"
            } else {
                "PUT"
            };
            let request = fhir!({ "method": method, "url": (format!("{kind}/{id}")) });
            let response = fhir!({
                "status": (if v.deleted { "204" } else { "200" }),
                "etag": (format!("W/\"{}\"", v.version)),
                "lastModified": (v.updated.to_rfc3339())
            });
            let entry = fhir!({ "fullUrl": (format!("{}/fhir/{kind}/{id}", caller.gate.options.address)) });
            let entry = if v.deleted { entry } else { entry.with("resource", v.resource.clone()) };
            entry.with("request", request).with("response", response)
        })
        .collect();
    let bundle = fhir!({ "resourceType": "Bundle", "type": "history", "total": (entries.len()), "entry": (Value::Array(entries)) });
    form::answer(StatusCode::OK, &bundle, wire)
}
