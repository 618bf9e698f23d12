//! FHIR search interactions, by GET and by POST; at the hub, the question to all who hold something. https://hl7.org/fhir/R4/search.html

use super::form;
use crate::caller::Caller;
use crate::reply::Refusal;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use badiano_exchange::ask;
use badiano_fhir::{Value, fhir, search as words};
use badiano_kernel::{Fault, Principal, Purpose};
use badiano_record::NodeRole;
use badiano_record::resources::Versioned;
use bytes::Bytes;

pub async fn search(
    caller: Caller,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let query = query.unwrap_or_default();
    run(&caller, &kind, form::pairs(&query), &headers).await
}

pub async fn search_by_post(
    caller: Caller,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let text =
        std::str::from_utf8(&body).map_err(|_| Refusal::fhir(Fault::invalid("the form is not UTF-8")))?;
    let mut pairs = form::pairs(&query.unwrap_or_default());
    pairs.extend(form::pairs(text));
    run(&caller, &kind, pairs, &headers).await
}

async fn run(
    caller: &Caller,
    kind: &str,
    pairs: Vec<(String, String)>,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let wire = form::wanted(headers, &pairs)?;
    form::known_kind(kind)?;
    if caller.gate.node.settings().role == NodeRole::Hub && is_national(caller) {
        let bundle = ask_all(caller, kind).await.map_err(Refusal::fhir)?;
        return form::answer(StatusCode::OK, &bundle, wire);
    }
    let strict =
        headers.get("prefer").is_some_and(|h| h.to_str().is_ok_and(|p| p.contains("handling=strict")));
    let zone = &caller.gate.node.settings().zone;
    let own: Vec<(String, String)> =
        pairs.into_iter().filter(|(k, _)| !matches!(k.as_str(), "_format" | "_pretty")).collect();
    let parsed = words::parse(kind, &own, strict, zone).map_err(Refusal::fhir)?;
    let page = caller.session().search(&parsed.query).map_err(Refusal::fhir)?;
    let mut entries: Vec<Value> = Vec::new();
    entries.extend(page.hits.iter().map(|v| entry(caller, v, "match")));
    entries.extend(page.included.iter().map(|v| entry(caller, v, "include")));
    if !parsed.unknown.is_empty() {
        let text = format!("not understood and left out: {}", parsed.unknown.join(", "));
        let warning = fhir!({
            "resourceType": "OperationOutcome",
            "issue": [{ "severity": "warning", "code": "not-supported", "diagnostics": text }]
        });
        entries.push(fhir!({ "resource": warning, "search": { "mode": "outcome" } }));
    }
    let mut bundle = fhir!({ "resourceType": "Bundle", "type": "searchset" });
    if let Some(total) = page.total {
        bundle.set("total", total);
    }
    bundle.set("link", links(caller, kind, &own, &parsed.query, &page));
    bundle.set("entry", Value::Array(entries));
    form::answer(StatusCode::OK, &bundle, wire)
}

/// Another node asks the hub for a person of its staff, or the citizen for themselves.
fn is_national(caller: &Caller) -> bool {
    matches!(&caller.principal, Principal::Node { on_behalf_of: Some(_), .. }) && caller.person.is_some()
}

async fn ask_all(caller: &Caller, kind: &str) -> Result<Value, Fault> {
    if kind != "Patient" {
        return Err(Fault::not_supported(
            "the national question is asked from the person: Patient with _revinclude",
        ));
    }
    let person = caller.person.as_deref().unwrap_or_default();
    let session = caller.session();
    if caller.purpose == Purpose::Emergency {
        session.note_emergency(person).await?;
    }
    let wire = caller.gate.wire()?;
    Ok(ask::ask_sources(&session, &wire, person).await?.to_bundle())
}

fn entry(caller: &Caller, found: &Versioned, mode: &str) -> Value {
    let (kind, id) = (found.resource.resource_type(), found.resource.id());
    fhir!({
        "fullUrl": (format!("{}/fhir/{kind}/{id}", caller.gate.options.address)),
        "resource": (found.resource.clone()),
        "search": { "mode": mode }
    })
}

/// `self` and, where more follows, `next`. What names a person never stands in an address that we build: such pages are asked for by POST.
fn links(
    caller: &Caller,
    kind: &str,
    pairs: &[(String, String)],
    query: &words::Query,
    page: &badiano_record::session::Page,
) -> Value {
    let names_a_person = |k: &str| {
        ["identifier", "name", "family", "given", "phone", "birthdate", "address"]
            .iter()
            .any(|p| k.starts_with(p) || k.contains(&format!(".{p}")))
    };
    let shown: Vec<String> = pairs
        .iter()
        .filter(|(k, _)| k != "_offset" && !names_a_person(k))
        .map(|(k, v)| format!("{}={}", percent(k), percent(v)))
        .collect();
    let base = format!("{}/fhir/{kind}", caller.gate.options.address);
    let with = |extra: &str| {
        let all: Vec<&str> =
            shown.iter().map(String::as_str).chain((!extra.is_empty()).then_some(extra)).collect();
        if all.is_empty() { base.clone() } else { format!("{base}?{}", all.join("&")) }
    };
    let mut links = vec![fhir!({ "relation": "self", "url": (with("")) })];
    let next = query.offset + page.hits.len();
    let more = page.total.map_or(page.hits.len() == query.count, |t| next < t) && !page.hits.is_empty();
    if more && !pairs.iter().any(|(k, _)| names_a_person(k)) {
        links.push(fhir!({ "relation": "next", "url": (with(&format!("_offset={next}"))) }));
    }
    Value::Array(links)
}

fn percent(text: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || b"-._~:,|*".contains(&b);
    text.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
