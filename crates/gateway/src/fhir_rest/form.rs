//! The form of requests and answers: JSON or XML, headers of versions (FHIR R4, http.html#mime-type, #versioning).

use super::asked::{Asked, Returns};
use crate::reply::Refusal;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
pub use badiano_fhir::search::pairs;
use badiano_fhir::{Value, json, outcome, schema, xml};
use badiano_kernel::{Fault, FaultKind, Instant};
use badiano_record::resources::{Precondition, Versioned};

/// What every clinical answer carries, filtered or not (house, invariant 3).
pub const NOTICE: &str =
    "El paciente puede haber restringido informacion; en una urgencia use el acceso de emergencia";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Json,
    Xml,
}

impl Wire {
    /// A format by its name or content type.
    pub fn named(text: &str) -> Option<Wire> {
        match text {
            "json"
            | "application/json"
            | "application/fhir+json"
            | "application/fhir json"
            | "text/json"
            | "*/*"
            | "application/*" => Some(Wire::Json),
            "xml" | "application/xml" | "application/fhir+xml" | "application/fhir xml" | "text/xml" => {
                Some(Wire::Xml)
            }
            _ => None,
        }
    }
}

fn refuse(fault: Fault) -> Refusal {
    Refusal::fhir(fault)
}

/// Reads a body in the form that its content type says.
pub fn read(headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
    let kind =
        headers.get(header::CONTENT_TYPE).and_then(|h| h.to_str().ok()).unwrap_or("application/fhir+json");
    let bare = kind.split(';').next().unwrap_or_default().trim();
    match Wire::named(bare) {
        Some(Wire::Json) => json::parse(body).map_err(|e| refuse(Fault::invalid(e.to_string()))),
        Some(Wire::Xml) => xml::parse(body).map_err(|e| refuse(Fault::invalid(e.to_string()))),
        None => Err(refuse(Fault::invalid(
            "the content type is not one of FHIR's: application/fhir+json or application/fhir+xml",
        ))),
    }
}

/// Prints a value in the form that was asked for.
pub fn print(value: &Value, asked: &Asked) -> Result<(&'static str, String), Refusal> {
    match asked.wire {
        Wire::Json => {
            let print = if asked.pretty { json::to_string_pretty } else { json::to_string };
            Ok(("application/fhir+json; charset=utf-8", print(value)))
        }
        Wire::Xml => {
            let text = xml::to_string(value).map_err(|e| refuse(Fault::bug(e.to_string())))?;
            Ok(("application/fhir+xml; charset=utf-8", text))
        }
    }
}

/// A plain answer.
pub fn answer(status: StatusCode, value: &Value, asked: &Asked) -> Result<Response, Refusal> {
    let (kind, body) = print(value, asked)?;
    Ok(respond(status, kind, body))
}

fn respond(status: StatusCode, kind: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(HeaderName::from_static("x-badiano-notice"), HeaderValue::from_static(NOTICE));
    response
}

/// One version of a resource with its headers.
pub fn answer_version(found: &Versioned, asked: &Asked) -> Result<Response, Refusal> {
    let mut response = answer(StatusCode::OK, &asked.subset.of(&found.resource), asked)?;
    name_version(&mut response, found);
    Ok(response)
}

/// What a write answers: 201 with its place or 200, and of the content what was preferred.
pub fn answer_written(done: &Versioned, address: &str, asked: &Asked) -> Result<Response, Refusal> {
    let status = if done.created { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = match asked.returns {
        Some(Returns::Minimal) => {
            let mut bare = Response::new(Body::empty());
            *bare.status_mut() = status;
            bare
        }
        Some(Returns::OperationOutcome) => answer(status, &outcome::from_issues(&[]), asked)?,
        Some(Returns::Representation) | None => answer(status, &asked.subset.of(&done.resource), asked)?,
    };
    name_version(&mut response, done);
    let (kind, id) = (done.resource.resource_type(), done.resource.id());
    let at = format!("{address}/fhir/{kind}/{id}/_history/{}", done.version);
    if let Ok(value) = HeaderValue::from_str(&at) {
        let name = if done.created { header::LOCATION } else { header::CONTENT_LOCATION };
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// `ETag` and `Last-Modified`.
fn name_version(response: &mut Response, of: &Versioned) {
    let headers = response.headers_mut();
    headers.insert(header::ETAG, HeaderValue::from_str(&of.etag()).expect("a number is a header value"));
    let modified = HeaderValue::from_str(&http_date(of.updated)).expect("a date is a header value");
    headers.insert(header::LAST_MODIFIED, modified);
}

/// Whether the caller has this version already (`If-None-Match`, `If-Modified-Since`; http.html#cread).
pub fn is_known(found: &Versioned, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|h: &HeaderValue| h.to_str().ok());
    if let Some(tags) = text(header::IF_NONE_MATCH) {
        let own = found.version.to_string();
        return tags.split(',').any(|tag| tag.trim().trim_start_matches("W/").trim_matches('"') == own);
    }
    // Both are whole seconds: the same date means that nothing came after.
    text(header::IF_MODIFIED_SINCE).is_some_and(|since| since == http_date(found.updated))
}

/// The version that came between is told as a condition that does not hold, where the caller set one.
pub fn unmet(fault: Fault, expect: Precondition) -> Refusal {
    match (fault.kind, expect) {
        (FaultKind::Conflict, Precondition::Version(_) | Precondition::Absent) => {
            refuse(Fault { kind: FaultKind::Unmet, ..fault })
        }
        _ => refuse(fault),
    }
}

/// `If-Match` and `If-None-Match: *` of a write.
pub fn precondition(headers: &HeaderMap) -> Result<Precondition, Refusal> {
    if headers.get(header::IF_NONE_MATCH).is_some_and(|h| h == "*") {
        return Ok(Precondition::Absent);
    }
    let Some(tag) = headers.get(header::IF_MATCH).and_then(|h| h.to_str().ok()) else {
        return Ok(Precondition::None);
    };
    let number = tag.trim().trim_start_matches("W/").trim_matches('"').parse();
    number
        .map(Precondition::Version)
        .map_err(|_| refuse(Fault::invalid("If-Match is a version tag: W/\"3\"")))
}

/// A type of resource of R4, or 404 as the standard says.
pub fn known_kind(kind: &str) -> Result<(), Refusal> {
    if schema::is_resource_type(kind) {
        Ok(())
    } else {
        Err(refuse(Fault::not_found("FHIR R4 has no resource type of this name")))
    }
}

/// IMF-fixdate (RFC 9110 section 5.6.7).
pub fn http_date(at: Instant) -> String {
    let days = at.seconds().div_euclid(86_400);
    const WEEK: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = at.to_rfc3339();
    let month: usize = text[5..7].parse().unwrap_or(1);
    let weekday = WEEK[usize::try_from(days.rem_euclid(7)).unwrap_or(0)];
    format!("{weekday}, {} {} {} {} GMT", &text[8..10], MONTHS[month - 1], &text[..4], &text[11..19])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_http_wants_it() {
        assert_eq!(http_date(Instant::from_seconds(784_111_777)), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
