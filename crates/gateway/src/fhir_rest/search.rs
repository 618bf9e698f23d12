//! FHIR search interactions: of a type, of all types, of a compartment, by GET and by POST; at the hub, the question to all who
//! hold something. https://hl7.org/fhir/R4/search.html

use super::asked::{Asked, about_content};
use super::cursor::{self, Cursor};
use super::operations::everything;
use super::{form, national, self_link};
use crate::caller::Caller;
use crate::reply::Refusal;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use badiano_fhir::{Value, fhir, schema, search as words};
use badiano_kernel::{Fault, id::LogicalId};
use badiano_record::resources::Versioned;
use badiano_record::session::Page;
use bytes::Bytes;
use std::borrow::Cow;

/// What is searched.
pub(super) enum Scope<'a> {
    Type(&'a str),
    /// `GET [base]?_type=A,B`.
    All,
    /// `GET [base]/Patient/1/Observation`: compartment, its id, type.
    Compartment(&'a str, &'a str, &'a str),
    /// `$everything` of a patient or an encounter.
    Everything(&'a str, &'a str),
}

pub async fn search(
    caller: Caller,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    run(&caller, Scope::Type(&kind), form::pairs(&query.unwrap_or_default()), &headers).await
}

pub async fn search_by_post(
    caller: Caller,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    run(&caller, Scope::Type(&kind), posted(query, &body)?, &headers).await
}

pub async fn search_all(
    caller: Caller,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    run(&caller, Scope::All, form::pairs(&query.unwrap_or_default()), &headers).await
}

pub async fn search_all_by_post(
    caller: Caller,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    run(&caller, Scope::All, posted(query, &body)?, &headers).await
}

pub async fn search_compartment(
    caller: Caller,
    Path((compartment, id, kind)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let pairs = form::pairs(&query.unwrap_or_default());
    let id = caller.session().local_id(&compartment, &id).map_err(Refusal::fhir)?;
    run(&caller, Scope::Compartment(&compartment, &id, &kind), pairs, &headers).await
}

/// The pairs of the address and of the form.
fn posted(query: Option<String>, body: &[u8]) -> Result<Vec<(String, String)>, Refusal> {
    let text =
        std::str::from_utf8(body).map_err(|_| Refusal::fhir(Fault::invalid("the form is not UTF-8")))?;
    let mut pairs = form::pairs(&query.unwrap_or_default());
    pairs.extend(form::pairs(text));
    Ok(pairs)
}

pub(super) async fn run(
    caller: &Caller,
    scope: Scope<'_>,
    pairs: Vec<(String, String)>,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let asked = Asked::of(headers, &pairs)?;
    if national::is_meant(caller) {
        let Scope::Type(kind) = scope else { return Err(Refusal::fhir(national::of_one_type())) };
        let wait = national::wait(headers, caller.gate.options.patience);
        let bundle = national::ask(caller, kind, &pairs, wait).await.map_err(Refusal::fhir)?;
        return form::answer(StatusCode::OK, &bundle, &asked);
    }
    let cursor = cursor(caller, &scope, &pairs, asked.strict)?;
    // A page is shown as the first one was, unless its address says otherwise.
    let asked = Asked::of(headers, &[&cursor.pairs[..], &pairs].concat())?;
    let content = about_content(cursor.pairs.clone());
    let mut parsed = scope.parse(caller, &content, cursor.strict).map_err(Refusal::fhir)?;
    parsed.query.after = cursor.after.clone();
    let bases = [&caller.base, &caller.gate.options.address].map(|base| format!("{base}/fhir/"));
    parsed.query.filters.iter_mut().for_each(|filter| own_references(filter, &bases));
    if asked.count_only {
        (parsed.query.count, parsed.query.total) = (0, words::Total::Accurate);
    }
    let page = scope.page(caller, &parsed.query).map_err(Refusal::fhir)?;
    let total = page.total.or(cursor.total);
    let mut bundle = fhir!({ "resourceType": "Bundle", "type": "searchset" });
    if let Some(total) = total.filter(|_| parsed.query.total != words::Total::None) {
        bundle.set("total", total);
    }
    let next = page.next.clone().map(|after| cursor.next(after, total));
    bundle.set("link", links(caller, &cursor, &parsed, next).map_err(Refusal::fhir)?);
    let entries = entries(caller, page, &parsed.unknown, &asked);
    if !entries.is_empty() {
        bundle.set("entry", Value::Array(entries));
    }
    form::answer(StatusCode::OK, &bundle, &asked)
}

/// The search as it was first asked for: now, or on the first page.
fn cursor(
    caller: &Caller,
    scope: &Scope<'_>,
    pairs: &[(String, String)],
    strict: bool,
) -> Result<Cursor, Refusal> {
    let path = scope.path();
    let Some((_, text)) = pairs.iter().find(|(k, _)| k == cursor::NAME) else {
        return Ok(Cursor::new(&path, pairs.to_vec(), strict, caller.now));
    };
    let known = Cursor::open(text, caller).map_err(Refusal::fhir)?;
    let alone = about_content(pairs.to_vec()).len() == 1;
    if known.path != path || !alone {
        let text = "the address of a page stands alone, at the type that was searched";
        return Err(Refusal::fhir(Fault::invalid(text).at(cursor::NAME)));
    }
    Ok(known)
}

/// A reference that is written with this server's own address means the resource here (search.html#reference).
fn own_references(filter: &mut words::Filter, bases: &[String]) {
    use words::{Filter, Test};
    let any_of = match filter {
        Filter::All(all) | Filter::Any(all) => return all.iter_mut().for_each(|f| own_references(f, bases)),
        Filter::Not(inner) | Filter::Chain { filter: inner, .. } | Filter::Has { filter: inner, .. } => {
            return own_references(inner, bases);
        }
        Filter::Param { any_of, .. } => any_of,
        Filter::Compartment { .. } => return,
    };
    for test in any_of {
        let Test::Reference { kind, id, url } = test else { continue };
        let own = bases.iter().find_map(|base| url.strip_prefix(base.as_str())?.split_once('/'));
        if let Some((of, named)) =
            own.filter(|(of, named)| schema::is_resource_type(of) && LogicalId::parse(named).is_ok())
        {
            (*kind, *id) = (Some(of.into()), named.into());
        }
    }
}

impl Scope<'_> {
    fn path(&self) -> String {
        match self {
            Scope::Type(kind) => (*kind).to_owned(),
            Scope::All => String::new(),
            Scope::Compartment(compartment, id, kind) => format!("{compartment}/{id}/{kind}"),
            Scope::Everything(kind, id) => format!("{kind}/{id}/$everything"),
        }
    }

    fn page(&self, caller: &Caller, query: &words::Query) -> Result<Page, Fault> {
        match self {
            Scope::Everything(kind, id) => caller.session().everything(kind, id, query),
            _ => caller.session().search(query),
        }
    }

    fn parse(
        &self,
        caller: &Caller,
        pairs: &[(String, String)],
        strict: bool,
    ) -> Result<words::Parsed, Fault> {
        let parameters = caller.gate.node.parameters()?;
        match self {
            Scope::Type(kind) => {
                known(kind)?;
                words::parse(kind, pairs, strict, &*parameters)
            }
            Scope::Compartment(compartment, id, kind) => {
                known(kind)?;
                let filter = words::in_compartment(compartment, id, kind)?;
                let mut parsed = words::parse(kind, pairs, strict, &*parameters)?;
                parsed.query.filters.insert(0, filter);
                Ok(parsed)
            }
            Scope::Everything(kind, id) => everything::parse(caller, kind, id, pairs, strict),
            Scope::All => parse_all(caller, pairs, strict, &parameters),
        }
    }
}

fn known(kind: &str) -> Result<(), Fault> {
    if schema::is_resource_type(kind) {
        Ok(())
    } else {
        Err(Fault::not_found("FHIR R4 has no resource type of this name"))
    }
}

/// `_type=A,B` or every type that the caller may ask for.
fn parse_all(
    caller: &Caller,
    pairs: &[(String, String)],
    strict: bool,
    parameters: &words::Parameters,
) -> Result<words::Parsed, Fault> {
    let named: Vec<&str> =
        pairs.iter().filter(|(k, _)| k == "_type").flat_map(|(_, v)| v.split(',')).collect();
    let session = caller.session();
    let kinds: Vec<&str> = if named.is_empty() {
        schema::resource_types().iter().copied().filter(|kind| session.may_ask_for(kind)).collect()
    } else {
        named
    };
    if kinds.iter().any(|kind| !schema::is_resource_type(kind)) {
        return Err(Fault::invalid("names a type that FHIR R4 does not have").at("_type"));
    }
    let others: Vec<(String, String)> = pairs.iter().filter(|(k, _)| k != "_type").cloned().collect();
    words::parse_all(&kinds, &others, strict, parameters)
}

fn entries(caller: &Caller, page: Page, unknown: &[String], asked: &Asked) -> Vec<Value> {
    let mut entries: Vec<Value> = Vec::new();
    entries.extend(page.hits.into_iter().map(|v| entry(caller, v, "match", asked)));
    entries.extend(page.included.into_iter().map(|v| entry(caller, v, "include", asked)));
    if !unknown.is_empty() {
        let text = format!("not understood and left out: {}", unknown.join(", "));
        let warning = fhir!({
            "resourceType": "OperationOutcome",
            "issue": [{ "severity": "warning", "code": "not-supported", "diagnostics": text }]
        });
        entries.push(fhir!({ "resource": warning, "search": { "mode": "outcome" } }));
    }
    entries
}

fn entry(caller: &Caller, found: Versioned, mode: &str, asked: &Asked) -> Value {
    let (kind, id) = (found.resource.resource_type(), found.resource.id());
    let url = format!("{}/fhir/{kind}/{id}", caller.base);
    let part = match asked.subset.of(&found.resource) {
        Cow::Owned(part) => Some(part),
        Cow::Borrowed(_) => None,
    };
    fhir!({
        "fullUrl": url,
        "resource": (part.unwrap_or(found.resource)),
        "search": { "mode": mode }
    })
}

/// `self`, of what was understood, and `next` where more follows.
fn links(
    caller: &Caller,
    cursor: &Cursor,
    parsed: &words::Parsed,
    next: Option<Cursor>,
) -> Result<Value, Fault> {
    let base = match cursor.path.as_str() {
        "" => format!("{}/fhir", caller.base),
        path => format!("{}/fhir/{path}", caller.base),
    };
    let sealed =
        |cursor: &Cursor| Ok(format!("{base}?{}={}", cursor::NAME, cursor.seal(caller)?)) as Result<_, Fault>;
    let own = match self_link::query(&parsed.query, &cursor.pairs, &parsed.unknown) {
        Some(query) if cursor.after.is_none() && query.is_empty() => base.clone(),
        Some(query) if cursor.after.is_none() => format!("{base}?{query}"),
        _ => sealed(cursor)?,
    };
    let mut links = vec![fhir!({ "relation": "self", "url": own })];
    if let Some(next) = next {
        links.push(fhir!({ "relation": "next", "url": (sealed(&next)?) }));
    }
    Ok(Value::Array(links))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_by_our_own_address_is_one_to_a_resource_here_and_another_address_is_not() {
        let bases = ["https://h.mx/fhir/".to_owned()];
        let found = |value: &str| {
            let pairs = [("subject".to_owned(), value.to_owned())];
            let mut query = words::parse("Observation", &pairs, true, "UTC").expect("a question").query;
            query.filters.iter_mut().for_each(|f| own_references(f, &bases));
            let words::Filter::Param { any_of, .. } = &query.filters[0] else { panic!("one parameter") };
            let words::Test::Reference { kind, id, .. } = &any_of[0] else { panic!("a reference") };
            (kind.as_deref().map(str::to_owned), id.to_string())
        };
        assert_eq!(found("https://h.mx/fhir/Patient/1"), (Some("Patient".to_owned()), "1".to_owned()));
        assert_eq!(found("https://other.mx/fhir/Patient/1"), (None, String::new()));
    }
}
