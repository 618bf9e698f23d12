//! `$meta`, `$meta-add`, `$meta-delete` of one resource. https://hl7.org/fhir/R4/resource-operation-meta.html

use super::parameters::Sent;
use crate::caller::Caller;
use crate::fhir_rest::asked::Asked;
use crate::fhir_rest::form;
use crate::reply::Refusal;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use badiano_fhir::{Value, fhir};
use badiano_kernel::Fault;
use badiano_record::resources::Versioned;
use bytes::Bytes;

/// The parts of a Meta that the operations add to and take from: those that are sets.
const SETS: [&str; 3] = ["profile", "security", "tag"];

pub async fn meta(
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let asked = Asked::of_query(&headers, query.as_deref())?;
    form::known_kind(&kind)?;
    answer(&caller.session().read(&kind, &id).map_err(Refusal::fhir)?, &asked)
}

pub async fn meta_of_version(
    caller: Caller,
    Path((kind, id, version)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let asked = Asked::of_query(&headers, query.as_deref())?;
    form::known_kind(&kind)?;
    let version = version.parse().map_err(|_| Refusal::fhir(Fault::not_found("no such version")))?;
    answer(&caller.session().read_version(&kind, &id, version).map_err(Refusal::fhir)?, &asked)
}

pub async fn meta_add(
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    change(&caller, &kind, &id, query.as_deref(), &headers, &body, add).await
}

pub async fn meta_delete(
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    change(&caller, &kind, &id, query.as_deref(), &headers, &body, take).await
}

async fn change(
    caller: &Caller,
    kind: &str,
    id: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
    how: fn(&Value, &Value) -> Value,
) -> Result<Response, Refusal> {
    let asked = Asked::of_query(headers, query)?;
    form::known_kind(kind)?;
    let sent = Sent::read(headers, body)?;
    let named = sent.all("meta").next().filter(|m| m.as_object().is_some());
    let named = named.ok_or_else(|| {
        Refusal::fhir(Fault::invalid("the operation takes Parameters with `meta` as valueMeta").at("meta"))
    })?;
    let expect = form::precondition(headers)?;
    let changed = |old: &Value| Ok(old.clone().with("meta", how(&old["meta"], named)));
    let done = caller.session().change(kind, id, expect, "meta", &changed).await;
    answer(&done.map_err(|f| form::unmet(f, expect))?, &asked)
}

/// Each that is not there yet; a coding is the same by its system and code.
fn add(old: &Value, named: &Value) -> Value {
    let mut meta = old.clone();
    for set in SETS {
        for item in named[set].items() {
            if !old[set].items().iter().any(|there| same(there, item)) {
                meta.push(set, item.clone());
            }
        }
    }
    meta
}

fn take(old: &Value, named: &Value) -> Value {
    let mut meta = old.clone();
    for set in SETS {
        let unwanted = named[set].items();
        let kept = old[set].items().iter().filter(|there| !unwanted.iter().any(|item| same(there, item)));
        let kept: Vec<Value> = kept.cloned().collect();
        let Some(object) = meta.as_object_mut() else { continue };
        object.remove(set);
        if !kept.is_empty() {
            meta.set(set, Value::Array(kept));
        }
    }
    meta
}

fn same(a: &Value, b: &Value) -> bool {
    if a.as_object().is_none() {
        return a == b;
    }
    a.str_of("system") == b.str_of("system") && a.str_of("code") == b.str_of("code")
}

fn answer(found: &Versioned, asked: &Asked) -> Result<Response, Refusal> {
    if found.deleted {
        return Err(Refusal::fhir(Fault::not_found("the resource was deleted")));
    }
    let parameter = fhir!({ "name": "return", "valueMeta": (found.resource["meta"].clone()) });
    form::answer(StatusCode::OK, &fhir!({ "resourceType": "Parameters", "parameter": [parameter] }), asked)
}
