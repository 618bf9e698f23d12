//! `$graphql` of one resource and of the system, by GET and POST. https://hl7.org/fhir/R4/graphql.html

use crate::caller::Caller;
use crate::fhir_rest::cursor::Cursor;
use crate::fhir_rest::form;
use crate::reply::Refusal;
use axum::body::Body;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use badiano_fhir::graphql::{self, Found, Source};
use badiano_fhir::search as words;
use badiano_fhir::{Value, json};
use badiano_kernel::{Fault, FaultKind};
use bytes::Bytes;

/// Resources that one search inside a query gives.
const HITS_MAX: usize = 1_000;

/// A query, the name of its operation, and its variables.
struct Question {
    query: String,
    operation: Option<String>,
    variables: Value,
}

pub async fn of_system(
    caller: Caller,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let question = Question::read(query.as_deref(), &headers, &body).map_err(Refusal::fhir)?;
    if !caller.session().may_read_any("") {
        return Err(Refusal::fhir(Fault::forbidden("this principal may not read data of this class")));
    }
    answer(&caller, &question, None).map_err(Refusal::fhir)
}

pub async fn of_one(
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    form::known_kind(&kind)?;
    let question = Question::read(query.as_deref(), &headers, &body).map_err(Refusal::fhir)?;
    let id = caller.session().local_id(&kind, &id).map_err(Refusal::fhir)?;
    let found = caller.session().read(&kind, &id).map_err(Refusal::fhir)?;
    if found.deleted {
        return Err(Refusal::fhir(Fault::not_found("the resource was deleted")));
    }
    answer(&caller, &question, Some(&found.resource)).map_err(Refusal::fhir)
}

impl Question {
    /// From the query string, a JSON body `{query, operationName, variables}`, or a body of `application/graphql`.
    fn read(query: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Result<Question, Fault> {
        let pairs = form::pairs(query.unwrap_or_default());
        let said = |name: &str| pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        let kind = headers.get(header::CONTENT_TYPE).and_then(|h| h.to_str().ok()).unwrap_or_default();
        let text = || {
            let text = std::str::from_utf8(body).map_err(|_| Fault::invalid("is no UTF-8").at("query"));
            text.map(str::to_owned)
        };
        let parse = |text: &[u8]| json::parse(text).map_err(|e| Fault::invalid(e.to_string()));
        let mut question = Question {
            query: said("query").unwrap_or_default(),
            operation: said("operationName"),
            variables: said("variables").map_or(Ok(Value::Null), |text| parse(text.as_bytes()))?,
        };
        if kind.starts_with("application/graphql") {
            question.query = text()?;
        } else if !body.iter().all(u8::is_ascii_whitespace) {
            let sent = parse(body)?;
            question.query = sent.str_of("query").to_owned();
            question.operation = sent["operationName"].as_str().map(str::to_owned);
            question.variables = sent["variables"].clone();
        }
        if question.query.is_empty() {
            return Err(Fault::invalid("the operation takes a query: `{ id }`").at("query"));
        }
        Ok(question)
    }
}

fn answer(caller: &Caller, question: &Question, focus: Option<&Value>) -> Result<Response, Fault> {
    let document = graphql::read(&question.query)?;
    let seen = Seen { caller };
    let operation = question.operation.as_deref();
    let done = graphql::run(&document, operation, &question.variables, focus, &seen, caller.now)?;
    if let Some(fault) = done.refusal() {
        return Err(fault.clone());
    }
    let mut response = Response::new(Body::from(json::to_string(&done.to_value())));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert("x-badiano-notice", HeaderValue::from_static(form::NOTICE));
    Ok(response)
}

/// What the caller may see, each look noted as by REST.
struct Seen<'c> {
    caller: &'c Caller,
}

impl Source for Seen<'_> {
    fn read(&self, kind: &str, id: &str) -> Result<Option<Value>, Fault> {
        match self.caller.session().read(kind, id) {
            Ok(found) => Ok((!found.deleted).then_some(found.resource)),
            Err(fault) if fault.kind == FaultKind::NotFound => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    fn search(&self, kind: &str, pairs: &[(String, String)]) -> Result<Found, Fault> {
        let parameters = self.caller.gate.node.parameters()?;
        let cursor = match pairs.iter().find(|(name, _)| name == "_cursor") {
            Some((_, text)) => Cursor::open(text, self.caller)?,
            None => Cursor::new(kind, pairs.to_vec(), true, self.caller.now),
        };
        if cursor.path != kind {
            return Err(Fault::invalid("the place is one of another search").at("_cursor"));
        }
        let mut query = words::parse(kind, &cursor.pairs, true, &*parameters)?.query;
        query.after = cursor.after.clone();
        query.count = query.count.min(HITS_MAX);
        let page = self.caller.session().search(&query)?;
        let total = page.total.or(cursor.total);
        let next = page.next.map(|after| cursor.next(after, total).seal(self.caller)).transpose()?;
        let hits = page.hits.into_iter().map(|found| found.resource).collect();
        Ok(Found { total, hits, first: None, next })
    }
}
