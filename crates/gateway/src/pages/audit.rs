//! The institution's own audit log, for its security office: FHIR AuditEvents in their order, a page at a time.

use super::form::{Refused, json};
use crate::caller::Caller;
use crate::fhir_rest::form::pairs;
use axum::extract::RawQuery;
use axum::response::Response;
use badiano_kernel::Fault;
use badiano_record::accesses::LogEntry;
use serde::Serialize;

/// Entries of one answer.
const PAGE: usize = 1000;

#[derive(Serialize)]
struct Page {
    entries: Vec<LogEntry>,
    /// Where the next page begins.
    next: u64,
}

/// `?from=INDEX`, the first entry where it is not said.
pub async fn list(caller: Caller, RawQuery(query): RawQuery) -> Result<Response, Refused> {
    let asked = pairs(&query.unwrap_or_default());
    let from = asked.iter().find(|(k, _)| k == "from").map_or("0", |(_, v)| v.as_str());
    let from = from.parse().map_err(|_| Fault::invalid("an index is a number").at("from"))?;
    let entries = caller.session().audit_entries(from, PAGE)?;
    let next = entries.last().map_or(from, |e| e.index + 1);
    json(&Page { entries, next })
}
