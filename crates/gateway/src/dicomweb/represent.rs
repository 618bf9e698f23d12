//! How an answer of WADO-RS is given: not again (304), a part of it (206), or pressed (RFC 9110 sections 13.1.2, 14 and 8.4.1).

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use badiano_record::imaging::ArchivedInstance;
use flate2::Compression;
use flate2::write::GzEncoder;
use ring::digest;
use std::io::Write;
use std::ops::Range;

/// Below this length pressing gains nothing.
const GZIP_FROM_BYTES: usize = 1024;

/// The entity tag of what is made of these objects: another one when any of them, or what is made, is another.
pub fn tag(found: &[ArchivedInstance], what: &str) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(what.as_bytes());
    for one in found {
        hash.update(one.sha256());
    }
    tag_of(hash.finish().as_ref())
}

/// The entity tag that a hash makes.
pub fn tag_of(hash: &[u8]) -> String {
    let hex: String = hash.iter().take(16).map(|b| format!("{b:02x}")).collect();
    format!("\"{hex}\"")
}

fn text(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).and_then(|h| h.to_str().ok()).unwrap_or_default()
}

/// 304 where the client holds what the tag names.
pub fn unchanged(headers: &HeaderMap, tag: &str) -> Option<Response> {
    let known = text(headers, header::IF_NONE_MATCH);
    let holds = known.split(',').map(|t| t.trim().trim_start_matches("W/")).any(|t| t == tag || t == "*");
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    holds.then(|| tagged(response, tag))
}

pub fn tagged(mut response: Response, tag: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

/// What of so many bytes is wanted: all, one range, or nothing that there is (416). Several ranges at once are answered
/// with all of it, as RFC 9110 14.2 allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    All,
    Part(Range<u64>),
    Nothing,
}

pub fn wanted(headers: &HeaderMap, length: u64, tag: &str) -> Wanted {
    let condition = text(headers, header::IF_RANGE);
    if !condition.is_empty() && condition != tag {
        return Wanted::All;
    }
    let Some(spec) = text(headers, header::RANGE).strip_prefix("bytes=") else { return Wanted::All };
    let Some((from, to)) = spec.split_once('-').filter(|(_, to)| !to.contains(',')) else {
        return Wanted::All;
    };
    let number = |t: &str| t.trim().parse::<u64>().ok();
    let range = match (from.trim(), to.trim()) {
        ("", last) => number(last).map(|n| length.saturating_sub(n)..length),
        (from, "") => number(from).map(|n| n..length),
        (from, to) => number(from).zip(number(to)).map(|(a, b)| a..b.saturating_add(1).min(length)),
    };
    match range {
        None => Wanted::All,
        Some(range) if range.start < range.end => Wanted::Part(range),
        Some(_) => Wanted::Nothing,
    }
}

/// Whether a client takes gzip, and a body of this length gains by it.
pub fn takes_gzip(headers: &HeaderMap, length: usize) -> bool {
    let accepted = text(headers, header::ACCEPT_ENCODING);
    let takes = accepted.split(',').any(|c| {
        c.trim()
            .strip_prefix("gzip")
            .is_some_and(|rest| rest.trim_start().is_empty() || gzip_weight(rest) > 0.0)
    });
    takes && length >= GZIP_FROM_BYTES
}

/// The weight of a coding (RFC 9110 12.4.2); one that cannot be read is none.
fn gzip_weight(parameters: &str) -> f32 {
    let plain = parameters.replace(' ', "");
    plain.strip_prefix(";q=").and_then(|q| q.parse().ok()).unwrap_or(0.0)
}

pub fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("memory takes what is written to it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn ranges_are_read_as_rfc_9110_says() {
        for (said, of_100) in [
            ("bytes=0-9", Wanted::Part(0..10)),
            ("bytes=90-", Wanted::Part(90..100)),
            ("bytes=90-200", Wanted::Part(90..100)),
            ("bytes=-5", Wanted::Part(95..100)),
            ("bytes=-500", Wanted::Part(0..100)),
            ("bytes=100-", Wanted::Nothing),
            ("bytes=5-4", Wanted::Nothing),
            ("bytes=0-1,4-5", Wanted::All),
            ("lines=0-1", Wanted::All),
            ("bytes=a-b", Wanted::All),
        ] {
            assert_eq!(wanted(&with(header::RANGE, said), 100, "\"t\""), of_100, "{said}");
        }
        let mut stale = with(header::RANGE, "bytes=0-9");
        stale.insert(header::IF_RANGE, HeaderValue::from_static("\"old\""));
        assert_eq!(wanted(&stale, 100, "\"t\""), Wanted::All, "the client holds a part of something else");
    }

    #[test]
    fn a_client_that_holds_it_gets_nothing_again() {
        for said in ["\"t\"", "W/\"t\"", "\"s\", \"t\"", "*"] {
            assert!(unchanged(&with(header::IF_NONE_MATCH, said), "\"t\"").is_some(), "{said}");
        }
        assert!(unchanged(&with(header::IF_NONE_MATCH, "\"s\""), "\"t\"").is_none());
        assert!(unchanged(&HeaderMap::new(), "\"t\"").is_none());
    }

    #[test]
    fn only_a_client_that_takes_gzip_gets_it() {
        for (said, length, takes) in [
            ("br, gzip", 5000, true),
            ("gzip;q=0.5", 5000, true),
            ("gzip", 100, false),
            ("br", 5000, false),
            ("gzip;q=0", 5000, false),
            ("identity", 5000, false),
        ] {
            assert_eq!(takes_gzip(&with(header::ACCEPT_ENCODING, said), length), takes, "{said} {length}");
        }
    }
}
