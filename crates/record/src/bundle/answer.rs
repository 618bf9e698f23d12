//! The entries of a batch-response or transaction-response (FHIR R4, bundle.html#response).

use crate::resources::Versioned;
use crate::session::Page;
use badiano_fhir::{Value, fhir, outcome};
use badiano_kernel::{Fault, FaultKind};

pub(super) fn entry_of(done: Option<Versioned>, with_resource: bool) -> Value {
    let Some(done) = done else { return fhir!({ "response": { "status": "204 No Content" } }) };
    let location =
        format!("{}/{}/_history/{}", done.resource.resource_type(), done.resource.id(), done.version);
    let status = if done.created { "201 Created" } else { "200 OK" };
    let response = fhir!({
        "status": status,
        "location": location,
        "etag": (done.etag()),
        "lastModified": (done.updated.to_rfc3339())
    });
    let entry = fhir!({ "response": response });
    if with_resource { entry.with("resource", done.resource) } else { entry }
}

/// What a search inside a bundle found; its further pages are asked for outside.
pub(super) fn found(page: Page) -> Value {
    let entry = |v: Versioned, mode: &str| fhir!({ "resource": (v.resource), "search": { "mode": mode } });
    let mut entries: Vec<Value> = page.hits.into_iter().map(|v| entry(v, "match")).collect();
    entries.extend(page.included.into_iter().map(|v| entry(v, "include")));
    let mut bundle = fhir!({ "resourceType": "Bundle", "type": "searchset" });
    if let Some(total) = page.total {
        bundle.set("total", total);
    }
    if !entries.is_empty() {
        bundle.set("entry", Value::Array(entries));
    }
    fhir!({ "resource": bundle, "response": { "status": "200 OK" } })
}

pub(super) fn failed(fault: &Fault) -> Value {
    let status = match fault.kind {
        FaultKind::Invalid => "400 Bad Request",
        FaultKind::NotFound => "404 Not Found",
        FaultKind::Conflict => "409 Conflict",
        FaultKind::Unmet => "412 Precondition Failed",
        FaultKind::Forbidden => "403 Forbidden",
        FaultKind::Unauthenticated => "401 Unauthorized",
        FaultKind::TooCostly => "413 Content Too Large",
        FaultKind::Unavailable => "503 Service Unavailable",
        FaultKind::NotSupported => "501 Not Implemented",
        FaultKind::Bug => "500 Internal Server Error",
    };
    fhir!({ "response": { "status": status, "outcome": (outcome::from_fault(fault)) } })
}
