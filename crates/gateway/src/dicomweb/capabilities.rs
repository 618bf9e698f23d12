//! Retrieve capabilities (PS3.18 section 8.9): what is served here, made from the table of doors; as WADL, or as JSON.

use crate::doors::Doors;
use axum::body::Body;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};

pub async fn capabilities(headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let doors = super::routes("/dicomweb").list();
    let allow = "GET, POST, OPTIONS";
    if accept.contains("json") {
        let body = as_json(&doors);
        return ([(header::CONTENT_TYPE, "application/json"), (header::ALLOW, allow)], body).into_response();
    }
    let kind = "application/vnd.sun.wadl+xml";
    ([(header::CONTENT_TYPE, kind), (header::ALLOW, allow)], Body::from(as_wadl(&doors))).into_response()
}

/// What a door says and takes.
fn media(method: &Method, path: &str) -> &'static [&'static str] {
    match path {
        _ if method == Method::POST => &["application/dicom+json"],
        p if p.ends_with("/rendered") || p.ends_with("/thumbnail") => &["image/jpeg", "image/png"],
        p if p.contains("/frames") || p.contains("/bulkdata/") => {
            &["multipart/related; type=\"application/octet-stream\"", "application/octet-stream"]
        }
        p if p.ends_with("/metadata")
            || p.ends_with("studies")
            || p.ends_with("series")
            || p.ends_with("instances") =>
        {
            &["application/dicom+json"]
        }
        _ => &["multipart/related; type=\"application/dicom\"", "application/dicom"],
    }
}

fn grouped(doors: &[(Method, String)]) -> Vec<(&str, Vec<&Method>)> {
    let mut all: Vec<(&str, Vec<&Method>)> = Vec::new();
    for (method, path) in doors {
        match all.iter_mut().find(|(p, _)| *p == path) {
            Some((_, methods)) => methods.push(method),
            None => all.push((path, vec![method])),
        }
    }
    all
}

fn as_json(doors: &[(Method, String)]) -> String {
    let resource = |(path, methods): (&str, Vec<&Method>)| {
        let methods: Vec<_> = methods
            .into_iter()
            .map(|m| serde_json::json!({ "name": m.as_str(), "mediaTypes": media(m, path) }))
            .collect();
        serde_json::json!({ "path": path, "methods": methods })
    };
    let resources: Vec<_> = grouped(doors).into_iter().map(resource).collect();
    serde_json::json!({ "resources": resources }).to_string()
}

fn as_wadl(doors: &[(Method, String)]) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<application xmlns=\"http://wadl.dev.java.net/2009/02\">\n<resources base=\"/\">\n",
    );
    for (path, methods) in grouped(doors) {
        text.push_str(&format!("<resource path=\"{}\">\n", escaped(path.trim_start_matches('/'))));
        for method in methods {
            text.push_str(&format!("<method name=\"{method}\"><response status=\"200\">"));
            for kind in media(method, path) {
                text.push_str(&format!("<representation mediaType=\"{}\"/>", escaped(kind)));
            }
            text.push_str("</response></method>\n");
        }
        text.push_str("</resource>\n");
    }
    text.push_str("</resources>\n</application>\n");
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// The doors of capabilities.
pub fn routes(base: &str) -> Doors {
    let ask = || crate::doors::options(capabilities);
    Doors::new().route(base, ask()).route(&format!("{base}/"), ask())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_door_of_dicomweb_is_in_both_forms() {
        let doors = super::super::routes("/dicomweb").list();
        let (json, wadl) = (as_json(&doors), as_wadl(&doors));
        assert!(doors.len() > 20);
        for (_, path) in &doors {
            assert!(json.contains(&format!("\"{path}\"")), "{path}");
            assert!(wadl.contains(&format!("path=\"{}\"", &path[1..])), "{path}");
        }
    }
}
