//! The form of requests and answers: JSON or XML, headers of versions (FHIR R4, http.html#mime-type, #versioning).

use crate::reply::Refusal;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use badiano_fhir::{Value, json, schema, xml};
use badiano_kernel::{Fault, Instant};
use badiano_record::resources::{Precondition, Versioned};

/// What every clinical answer carries, filtered or not (house, invariant 3).
pub const NOTICE: &str =
    "El paciente puede haber restringido informacion; en una urgencia use el acceso de emergencia";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Json,
    Xml,
}

/// What the caller wants to read: `_format` outranks `Accept`.
pub fn wanted(headers: &HeaderMap, query: &[(String, String)]) -> Result<Wire, Refusal> {
    let asked = query.iter().find(|(k, _)| k == "_format").map(|(_, v)| v.as_str());
    let accept = headers.get(header::ACCEPT).and_then(|h| h.to_str().ok());
    match asked {
        Some(text) => named(text).ok_or_else(|| refuse(Fault::invalid("_format is json or xml"))),
        None => {
            let Some(accept) = accept else { return Ok(Wire::Json) };
            let any =
                accept.split(',').find_map(|part| named(part.split(';').next().unwrap_or_default().trim()));
            Ok(any.unwrap_or(Wire::Json))
        }
    }
}

fn refuse(fault: Fault) -> Refusal {
    Refusal::fhir(fault)
}

fn named(text: &str) -> Option<Wire> {
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

/// Reads a body in the form that its content type says.
pub fn read(headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
    let kind =
        headers.get(header::CONTENT_TYPE).and_then(|h| h.to_str().ok()).unwrap_or("application/fhir+json");
    let bare = kind.split(';').next().unwrap_or_default().trim();
    match named(bare) {
        Some(Wire::Json) => json::parse(body).map_err(|e| refuse(Fault::invalid(e.to_string()))),
        Some(Wire::Xml) => xml::parse(body).map_err(|e| refuse(Fault::invalid(e.to_string()))),
        None => Err(refuse(Fault::invalid(
            "the content type is not one of FHIR's: application/fhir+json or application/fhir+xml",
        ))),
    }
}

/// Prints a value in the form that was asked for.
pub fn print(value: &Value, wire: Wire) -> Result<(&'static str, String), Refusal> {
    match wire {
        Wire::Json => Ok(("application/fhir+json; charset=utf-8", json::to_string(value))),
        Wire::Xml => {
            let text = xml::to_string(value).map_err(|e| refuse(Fault::bug(e.to_string())))?;
            Ok(("application/fhir+xml; charset=utf-8", text))
        }
    }
}

/// A plain answer.
pub fn answer(status: StatusCode, value: &Value, wire: Wire) -> Result<Response, Refusal> {
    let (kind, body) = print(value, wire)?;
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
pub fn answer_version(status: StatusCode, found: &Versioned, wire: Wire) -> Result<Response, Refusal> {
    let (kind, body) = print(&found.resource, wire)?;
    let mut response = respond(status, kind, body);
    let headers = response.headers_mut();
    let etag =
        HeaderValue::from_str(&format!("W/\"{}\"", found.version)).expect("a number is a header value");
    headers.insert(header::ETAG, etag);
    let modified = HeaderValue::from_str(&http_date(found.updated)).expect("a date is a header value");
    headers.insert(header::LAST_MODIFIED, modified);
    if matches!(status, StatusCode::CREATED | StatusCode::OK) {
        let at = format!(
            "/fhir/{}/{}/_history/{}",
            found.resource.resource_type(),
            found.resource.id(),
            found.version
        );
        if let Ok(value) = HeaderValue::from_str(&at) {
            headers.insert(
                if status == StatusCode::CREATED { header::LOCATION } else { header::CONTENT_LOCATION },
                value,
            );
        }
    }
    Ok(response)
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

/// Pairs of a query string or form, decoded.
pub fn pairs(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| -> String {
        let bytes = text.as_bytes();
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            let hex = bytes
                .get(at + 1..at + 3)
                .and_then(|h| std::str::from_utf8(h).ok())
                .and_then(|h| u8::from_str_radix(h, 16).ok());
            match (bytes[at], hex) {
                (b'+', _) => out.push(b' '),
                (b'%', Some(byte)) => {
                    out.push(byte);
                    at += 2;
                }
                (other, _) => out.push(other),
            }
            at += 1;
        }
        String::from_utf8_lossy(&out).into_owned()
    };
    let split = query.split('&').filter(|p| !p.is_empty());
    split.map(|p| p.split_once('=').unwrap_or((p, ""))).map(|(k, v)| (decode(k), decode(v))).collect()
}

/// IMF-fixdate (RFC 9110 section 5.6.7).
fn http_date(at: Instant) -> String {
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

    #[test]
    fn a_form_is_decoded_and_broken_escapes_stay() {
        assert_eq!(
            pairs("a=b%20c+d&e&f=%zz%"),
            [("a".into(), "b c d".into()), ("e".into(), String::new()), ("f".into(), "%zz%".into())]
        );
    }
}
