//! The built pages and the viewer over HTTP: as gzip where it is taken, with ETag (RFC 9110, 8.8.3, 13.1.2) and their policies. Public.

use super::assets::{self, Asset};
use super::form::Refused;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use badiano_kernel::Fault;
use std::io::Read;

/// First words of paths that belong to protocols: what is unknown there is refused, and never a page.
const PROTOCOLS: [&str; 9] =
    ["api", "fhir", "dicomweb", "dicomweb-nacional", "pni", "oauth", "log", "wado", ".well-known"];

/// Every request that no route takes.
pub async fn serve(request: Request) -> Response {
    let path = request.uri().path();
    if belongs_to_a_protocol(path) {
        let parts = request.into_parts().0;
        return crate::reply::Refusal::of(&parts, Fault::not_found("there is nothing at this address"))
            .into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
    }
    if !assets::are_built() {
        return (StatusCode::SERVICE_UNAVAILABLE, assets::NOT_BUILT).into_response();
    }
    match found_at(path) {
        Some(asset) => answer(&asset, request.headers()),
        None => Refused::from(Fault::not_found("there is no page at this address")).into_response(),
    }
}

fn belongs_to_a_protocol(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    PROTOCOLS.contains(&first)
}

/// A path without an ending is an address of our one page; a file that is missing stays missing.
fn found_at(path: &str) -> Option<Asset> {
    let is_file = path.rsplit('/').next().is_some_and(|last| last.contains('.'));
    let in_viewer = path == "/visor" || path.starts_with("/visor/");
    assets::find(path).or_else(|| if is_file || in_viewer { None } else { assets::find("/") })
}

fn answer(asset: &Asset, headers: &HeaderMap) -> Response {
    let mut response = Response::new(Body::empty());
    let out = response.headers_mut();
    for (name, value) in asset.headers {
        out.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let cache = if asset.immutable { assets::CACHE_IMMUTABLE } else { assets::CACHE_REVALIDATE };
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    out.insert(header::ETAG, HeaderValue::from_static(asset.etag));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if text_of(headers, header::IF_NONE_MATCH).is_some_and(|tags| names(tags, asset.etag)) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    if text_of(headers, header::ACCEPT_ENCODING).is_some_and(takes_gzip) {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        *response.body_mut() = Body::from(asset.gzip);
        return response;
    }
    match opened(asset) {
        Ok(bytes) => *response.body_mut() = Body::from(bytes),
        Err(fault) => return Refused::from(fault).into_response(),
    }
    response
}

fn opened(asset: &Asset) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    // The table says the length: a build that does not keep to it is our mistake, and not read further.
    let read = flate2::read::GzDecoder::new(asset.gzip).take(asset.length + 1).read_to_end(&mut bytes);
    match read {
        Ok(length) if length as u64 == asset.length => Ok(bytes),
        _ => Err(Fault::bug("an embedded file does not open to its length")),
    }
}

fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Whether `If-None-Match` names the tag; weak tags compare as strong ones here (RFC 9110, 13.1.2).
fn names(tags: &str, etag: &str) -> bool {
    tags.split(',').map(str::trim).any(|t| t == "*" || t.strip_prefix("W/").unwrap_or(t) == etag)
}

/// `gzip` or `*` with a weight other than zero (RFC 9110, 12.5.3).
fn takes_gzip(accepted: &str) -> bool {
    let weight = |coding: &str| {
        let q = coding.split(';').skip(1).find_map(|p| p.trim().strip_prefix("q="));
        q.map_or(1.0, |q| q.trim().parse::<f32>().unwrap_or(0.0))
    };
    let of = |wanted: &str| {
        let mut codings = accepted.split(',');
        codings
            .find(|c| c.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted))
            .map(weight)
    };
    of("gzip").or_else(|| of("*")).is_some_and(|q| q > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_only_where_it_is_taken() {
        for yes in ["gzip", "br, gzip;q=0.5", "*", "GZIP", "deflate;q=0, *;q=0.1"] {
            assert!(takes_gzip(yes), "{yes}");
        }
        for no in ["", "br", "gzip;q=0", "gzip;q=0, *", "*;q=0", "identity", "gzip;q=x"] {
            assert!(!takes_gzip(no), "{no}");
        }
    }

    #[test]
    fn an_etag_is_known_again_in_a_list_and_weakly() {
        assert!(names("\"a\", W/\"b\"", "\"b\"") && names("*", "\"b\""));
        assert!(!names("\"bb\"", "\"b\"") && !names("", "\"b\""));
    }

    #[tokio::test]
    async fn what_is_unknown_below_a_protocol_is_refused_and_is_no_page() {
        for path in ["/api/none", "/fhir/none/1/2/3", "/dicomweb/none", "/pni/none"] {
            let request = Request::builder().uri(path).body(Body::empty()).expect("a request");
            assert_eq!(serve(request).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
        let post = Request::builder().method("POST").uri("/x").body(Body::empty()).expect("a request");
        assert_eq!(serve(post).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[test]
    fn an_asset_is_sent_packed_or_open_and_not_twice() {
        use std::io::Write;
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(b"hola").expect("memory takes it");
        let gzip: &'static [u8] = packer.finish().expect("memory takes it").leak();
        let asset = Asset {
            content_type: "text/plain",
            etag: "\"e\"",
            gzip,
            length: 4,
            immutable: true,
            headers: assets::HEADERS_PAGES,
        };
        let ask = |name: HeaderName, value: &'static str| {
            answer(&asset, &HeaderMap::from_iter([(name, HeaderValue::from_static(value))]))
        };
        let packed = ask(header::ACCEPT_ENCODING, "gzip");
        assert_eq!(packed.headers()[header::CONTENT_ENCODING], "gzip");
        assert!(packed.headers().contains_key("content-security-policy"));
        assert!(!ask(header::ACCEPT_ENCODING, "br").headers().contains_key(header::CONTENT_ENCODING));
        assert_eq!(ask(header::IF_NONE_MATCH, "\"e\"").status(), StatusCode::NOT_MODIFIED);
        assert_eq!(opened(&asset).expect("opens"), b"hola");
        assert!(opened(&Asset { length: 3, ..asset }).is_err());
    }
}
