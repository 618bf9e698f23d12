//! `$status`, `$events` and `$get-ws-binding-token` of subscriptions (Subscriptions R5 Backport 1.1, operations).

use super::parameters::Sent;
use crate::caller::Caller;
use crate::fhir_rest::asked::Asked;
use crate::fhir_rest::form;
use crate::fhir_rest::websocket;
use crate::reply::Refusal;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use badiano_fhir::fhir;
use badiano_kernel::Fault;
use badiano_record::subscriptions::{Content, EventsAsked};
use bytes::Bytes;

/// What was asked, by query and body.
struct Question {
    asked: Asked,
    pairs: Vec<(String, String)>,
}

impl Question {
    fn read(query: Option<String>, headers: &HeaderMap, body: &[u8]) -> Result<Question, Refusal> {
        let mut pairs = form::pairs(&query.unwrap_or_default());
        let asked = Asked::of(headers, &pairs)?;
        pairs.extend(Sent::read(headers, body)?.pairs()?);
        Ok(Question { asked, pairs })
    }

    /// Values of a name, also several with commas between.
    fn all(&self, name: &str) -> Vec<String> {
        let own = self.pairs.iter().filter(|(n, _)| n == name);
        let each = own.flat_map(|(_, v)| v.split(',')).map(str::trim).filter(|v| !v.is_empty());
        each.map(|v| v.rsplit('/').next().unwrap_or(v).to_owned()).collect()
    }

    fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.all(name).pop() else { return Ok(None) };
        let number = text.parse().map(Some);
        number.map_err(|_| Refusal::fhir(Fault::invalid("must be a whole number").at(name)))
    }
}

fn base(caller: &Caller) -> String {
    format!("{}/fhir", caller.base)
}

pub async fn status(
    caller: Caller,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let question = Question::read(query, &headers, &body)?;
    let (ids, states) = (question.all("id"), question.all("status"));
    let bundle = caller.session().subscription_status(&ids, &states, &base(&caller));
    form::answer(StatusCode::OK, &bundle.map_err(Refusal::fhir)?, &question.asked)
}

pub async fn status_of_one(
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let question = Question::read(query, &headers, &body)?;
    let session = caller.session();
    session.read("Subscription", &id).map_err(Refusal::fhir)?;
    let bundle = session.subscription_status(&[id], &[], &base(&caller)).map_err(Refusal::fhir)?;
    form::answer(StatusCode::OK, &bundle, &question.asked)
}

pub async fn events(
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let question = Question::read(query, &headers, &body)?;
    let content = question.all("content").pop().map(|code| {
        let refused = || Refusal::fhir(Fault::invalid("is empty, id-only or full-resource").at("content"));
        Content::from_code(&code).ok_or_else(refused)
    });
    let asked = EventsAsked {
        since: question.number("eventsSinceNumber")?,
        until: question.number("eventsUntilNumber")?,
        content: content.transpose()?,
    };
    let bundle = caller.session().subscription_events(&id, asked, &base(&caller)).map_err(Refusal::fhir)?;
    form::answer(StatusCode::OK, &bundle, &question.asked)
}

pub async fn token(
    caller: Caller,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let question = Question::read(query, &headers, &body)?;
    give_token(&caller, question.all("id"), &question.asked).await
}

pub async fn token_for_one(
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let question = Question::read(query, &headers, &body)?;
    give_token(&caller, vec![id], &question.asked).await
}

async fn give_token(caller: &Caller, ids: Vec<String>, asked: &Asked) -> Result<Response, Refusal> {
    let (token, expires) = caller.session().ws_token(&ids).await.map_err(Refusal::fhir)?;
    let mut parts = vec![
        fhir!({ "name": "token", "valueString": (token.as_str()) }),
        fhir!({ "name": "expiration", "valueDateTime": (expires.to_rfc3339()) }),
    ];
    for id in ids {
        parts.push(
            fhir!({ "name": "subscription", "valueString": (format!("{}/Subscription/{id}", base(caller))) }),
        );
    }
    parts.push(fhir!({ "name": "websocket-url", "valueUrl": (websocket::address(&caller.base)) }));
    let parts = fhir!({ "resourceType": "Parameters", "parameter": (badiano_fhir::Value::Array(parts)) });
    form::answer(StatusCode::OK, &parts, asked)
}
