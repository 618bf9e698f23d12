//! `$validate` of a type and of one resource. https://hl7.org/fhir/R4/resource-operation-validate.html

use super::parameters::Sent;
use crate::caller::Caller;
use crate::fhir_rest::asked::Asked;
use crate::fhir_rest::form;
use crate::reply::Refusal;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use badiano_fhir::{Value, outcome};
use badiano_kernel::Fault;
use bytes::Bytes;

/// What the resource is checked for (valueset-resource-validation-mode.html).
const MODES: [&str; 4] = ["create", "update", "delete", "profile"];

pub async fn validate(
    caller: Caller,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let question = Question::read(&kind, query.as_deref(), &headers, &body)?;
    let resource = question.sent.resource("resource").ok_or_else(nothing)?;
    question.answer(&caller, resource, true)
}

/// The resource that was sent, or the stored one.
pub async fn validate_one(
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let question = Question::read(&kind, query.as_deref(), &headers, &body)?;
    let stored = caller.session().read(&kind, &id).map_err(Refusal::fhir)?;
    match question.sent.resource("resource") {
        Some(sent) if sent.id() != id => {
            Err(Refusal::fhir(Fault::invalid("the id is not the one in the address").at("id")))
        }
        Some(sent) => question.answer(&caller, sent, true),
        None if stored.deleted => Err(Refusal::fhir(Fault::not_found("the resource was deleted"))),
        None => question.answer(&caller, &stored.resource, false),
    }
}

struct Question {
    kind: String,
    profiles: Vec<String>,
    asked: Asked,
    sent: Sent,
}

impl Question {
    fn read(kind: &str, query: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Result<Question, Refusal> {
        form::known_kind(kind)?;
        let pairs = form::pairs(query.unwrap_or_default());
        let asked = Asked::of(headers, &pairs)?;
        let sent = Sent::read(headers, body)?;
        let by_address = |name: &'static str| pairs.iter().filter(move |(k, _)| k == name);
        let mut profiles: Vec<String> = by_address("profile").map(|(_, v)| v.clone()).collect();
        profiles.extend(sent.all("profile").filter_map(Value::as_str).map(str::to_owned));
        let mode = by_address("mode").map(|(_, v)| v.as_str()).next().or_else(|| sent.text("mode"));
        if mode.is_some_and(|mode| !MODES.contains(&mode)) {
            let text = "the mode is create, update, delete or profile";
            return Err(Refusal::fhir(Fault::invalid(text).at("mode")));
        }
        Ok(Question { kind: kind.to_owned(), profiles, asked, sent })
    }

    fn answer(&self, caller: &Caller, resource: &Value, is_sent: bool) -> Result<Response, Refusal> {
        if resource.resource_type() != self.kind {
            let text = "the resource is not of the type in the address";
            return Err(Refusal::fhir(Fault::invalid(text).at("resourceType")));
        }
        let session = caller.session();
        let issues = if is_sent {
            session.validate_sent(resource, &self.profiles)
        } else {
            session.validate(resource, &self.profiles)
        };
        let outcome = outcome::from_issues(&issues.map_err(Refusal::fhir)?);
        form::answer(StatusCode::OK, &outcome, &self.asked)
    }
}

fn nothing() -> Refusal {
    Refusal::fhir(Fault::invalid("the operation takes a resource, bare or as `resource` of Parameters"))
}
