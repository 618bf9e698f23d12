//! FHIR history interactions: of one resource, of a type, of everything. https://hl7.org/fhir/R4/http.html#history

use super::asked::{Asked, about_content};
use super::form;
use crate::caller::Caller;
use crate::reply::Refusal;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use badiano_fhir::{Value, fhir};
use badiano_kernel::Fault;
use badiano_kernel::time::Span;
use badiano_record::history as past;
use badiano_record::resources::Versioned;

/// Says where the next page begins, in the order of changes.
const BEFORE: &str = "_before";

pub async fn history(
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    form::known_kind(&kind)?;
    run(&caller, (&kind, &id), query.as_deref(), &headers)
}

pub async fn history_of_type(
    caller: Caller,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    form::known_kind(&kind)?;
    run(&caller, (&kind, ""), query.as_deref(), &headers)
}

pub async fn history_of_all(
    caller: Caller,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    run(&caller, ("", ""), query.as_deref(), &headers)
}

fn run(
    caller: &Caller,
    (kind, id): (&str, &str),
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let pairs = form::pairs(query.unwrap_or_default());
    let shown = Asked::of(headers, &pairs)?;
    let zone = &caller.gate.node.settings().zone;
    let mut wanted = past::Asked {
        kind: kind.to_owned(),
        id: id.to_owned(),
        count: past::COUNT,
        ..past::Asked::default()
    };
    let mut unknown: Vec<String> = Vec::new();
    for (name, value) in about_content(pairs.clone()) {
        if !read_pair(&mut wanted, &name, &value, zone).map_err(Refusal::fhir)? {
            unknown.push(name);
        }
    }
    if shown.strict && !unknown.is_empty() {
        return Err(Refusal::fhir(Fault::invalid("an unknown parameter").at(unknown.join(", "))));
    }
    let page = caller.session().history(&wanted).map_err(Refusal::fhir)?;
    let entries: Vec<Value> = page
        .versions
        .iter()
        .zip(&page.names)
        .map(|(v, (kind, id))| entry(caller, v, kind, id, &shown))
        .collect();
    let mut bundle = fhir!({ "resourceType": "Bundle", "type": "history" });
    if wanted.before.is_none() && page.next.is_none() {
        bundle.set("total", entries.len());
    }
    bundle.set("link", links(caller, (kind, id), &pairs, page.next));
    if !entries.is_empty() {
        bundle.set("entry", Value::Array(entries));
    }
    form::answer(StatusCode::OK, &bundle, &shown)
}

/// Says whether the parameter is one of histories.
fn read_pair(wanted: &mut past::Asked, name: &str, value: &str, zone: &str) -> Result<bool, Fault> {
    let span =
        || Span::parse_fhir(value, zone).ok_or_else(|| Fault::invalid("must be a date and time").at(name));
    let number = || Fault::invalid("must be a whole number from 0").at(name);
    match name {
        "_since" => wanted.since = Some(span()?.from),
        "_at" => wanted.at = Some(span()?),
        "_count" => wanted.count = value.parse::<usize>().map_err(|_| number())?.clamp(1, past::COUNT_MAX),
        BEFORE => wanted.before = Some(value.parse().map_err(|_| number())?),
        _ => return Ok(false),
    }
    Ok(true)
}

fn entry(caller: &Caller, v: &Versioned, kind: &str, id: &str, shown: &Asked) -> Value {
    let (method, status) = match (v.deleted, v.version) {
        (true, _) => ("DELETE", "204"),
        (false, 1) => ("POST", "201"),
        (false, _) => ("PUT", "200"),
    };
    let url = if method == "POST" { kind.to_owned() } else { format!("{kind}/{id}") };
    let request = fhir!({ "method": method, "url": url });
    let response = fhir!({
        "status": status,
        "etag": (v.etag()),
        "lastModified": (v.updated.to_rfc3339())
    });
    let entry = fhir!({ "fullUrl": (format!("{}/fhir/{kind}/{id}", caller.base)) });
    let entry =
        if v.deleted { entry } else { entry.with("resource", shown.subset.of(&v.resource).into_owned()) };
    entry.with("request", request).with("response", response)
}

fn links(caller: &Caller, (kind, id): (&str, &str), pairs: &[(String, String)], next: Option<u64>) -> Value {
    let path: String = [kind, id].iter().filter(|p| !p.is_empty()).map(|p| format!("/{p}")).collect();
    let base = format!("{}/fhir{path}/_history", caller.base);
    let own: Vec<String> = pairs
        .iter()
        .filter(|(k, _)| {
            matches!(k.as_str(), "_since" | "_at" | "_count" | "_format" | "_summary" | "_elements")
        })
        .map(|(k, v)| format!("{k}={}", v.replace('+', "%2B").replace('&', "%26")))
        .collect();
    let with = |more: Option<String>| {
        let all: Vec<String> = own.iter().cloned().chain(more).collect();
        if all.is_empty() { base.clone() } else { format!("{base}?{}", all.join("&")) }
    };
    let mut links = vec![fhir!({ "relation": "self", "url": (with(None)) })];
    if let Some(next) = next {
        links.push(fhir!({ "relation": "next", "url": (with(Some(format!("{BEFORE}={next}")))) }));
    }
    Value::Array(links)
}
