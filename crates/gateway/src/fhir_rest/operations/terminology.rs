//! The operations of a terminology service, of a type and of one resource, by GET and POST.
//! https://hl7.org/fhir/R4/terminology-service.html

use super::parameters::Sent;
use crate::caller::Caller;
use crate::fhir_rest::asked::{Asked as Wanted, about_content};
use crate::fhir_rest::form;
use crate::reply::Refusal;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use badiano_fhir::Value;
use badiano_fhir::terminology::{Asked, Terminology};
use badiano_kernel::{Fault, Instant};
use bytes::Bytes;

/// What an operation needs besides its question: what is known, and when it is.
type Answer = fn(&Terminology, &Asked, Instant) -> Result<Value, Fault>;

/// One operation of a type.
pub struct Operation {
    pub kind: &'static str,
    pub name: &'static str,
    /// The parameter that the resource of an address stands for; none where the operation is of the type alone.
    pub subject: Option<&'static str>,
    answer: Answer,
}

/// Every operation here; the routes and the CapabilityStatement follow it.
pub const OPERATIONS: [Operation; 6] = [
    Operation { kind: "CodeSystem", name: "lookup", subject: None, answer: |t, asked, _| t.lookup(asked) },
    Operation {
        kind: "CodeSystem",
        name: "validate-code",
        subject: Some("codeSystem"),
        answer: |t, asked, _| t.validate_code_in_system(asked),
    },
    Operation {
        kind: "CodeSystem",
        name: "subsumes",
        subject: Some("codeSystem"),
        answer: |t, asked, _| t.subsumes(asked),
    },
    Operation {
        kind: "ValueSet",
        name: "expand",
        subject: Some("valueSet"),
        answer: |t, asked, now| t.expand_asked(asked, &now.to_rfc3339()),
    },
    Operation {
        kind: "ValueSet",
        name: "validate-code",
        subject: Some("valueSet"),
        answer: |t, asked, _| t.validate_code_in_set(asked),
    },
    Operation {
        kind: "ConceptMap",
        name: "translate",
        subject: Some("conceptMap"),
        answer: |t, asked, _| t.translate(asked),
    },
];

fn operation(kind: &str, name: &str) -> Result<&'static Operation, Refusal> {
    form::known_kind(kind)?;
    OPERATIONS.iter().find(|o| o.kind == kind && o.name == name).ok_or_else(|| {
        Refusal::fhir(Fault::not_supported(format!("${name} is not offered for this type of resource")))
    })
}

/// The handlers of one operation: of the type by GET and POST, of one resource by GET and POST.
macro_rules! doors {
    ($module:ident, $name:literal) => {
        pub mod $module {
            use super::*;

            pub async fn of_type(
                caller: Caller,
                Path(kind): Path<String>,
                RawQuery(query): RawQuery,
                headers: HeaderMap,
                body: Bytes,
            ) -> Result<Response, Refusal> {
                answer(&caller, operation(&kind, $name)?, None, query.as_deref(), &headers, &body)
            }

            pub async fn of_one(
                caller: Caller,
                Path((kind, id)): Path<(String, String)>,
                RawQuery(query): RawQuery,
                headers: HeaderMap,
                body: Bytes,
            ) -> Result<Response, Refusal> {
                answer(&caller, operation(&kind, $name)?, Some(&id), query.as_deref(), &headers, &body)
            }
        }
    };
}

doors!(lookup, "lookup");
doors!(validate_code, "validate-code");
doors!(subsumes, "subsumes");
doors!(expand, "expand");
doors!(translate, "translate");

fn answer(
    caller: &Caller,
    operation: &Operation,
    id: Option<&str>,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, Refusal> {
    let session = caller.session();
    let known = session.terminology(operation.kind, operation.name).map_err(Refusal::fhir)?;
    let (wanted, mut asked) = read(query, headers, body)?;
    if let Some(id) = id {
        let subject = operation.subject.ok_or_else(|| {
            Refusal::fhir(Fault::not_supported(format!("${} is asked of the type", operation.name)))
        })?;
        let stored = session.read(operation.kind, id).map_err(Refusal::fhir)?;
        if stored.deleted {
            return Err(Refusal::fhir(Fault::not_found("the resource was deleted")));
        }
        asked.about(subject, stored.resource);
    }
    let answer = (operation.answer)(&known, &asked, session.now()).map_err(Refusal::fhir)?;
    form::answer(StatusCode::OK, &wanted.subset.of(&answer), &wanted)
}

fn read(query: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Result<(Wanted, Asked), Refusal> {
    let pairs = form::pairs(query.unwrap_or_default());
    let wanted = Wanted::of(headers, &pairs)?;
    let mut asked = Asked::new(Sent::read(headers, body)?.into_value(), &about_content(pairs));
    let language = headers.get(header::ACCEPT_LANGUAGE).and_then(|h| h.to_str().ok());
    asked.accept_language = language.unwrap_or_default().to_owned();
    Ok((wanted, asked))
}

/// `$closure`, at the root: a table that the server keeps.
pub async fn closure(
    caller: Caller,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let (wanted, asked) = read(query.as_deref(), &headers, &body)?;
    let table = caller.session().closure(&asked).await.map_err(Refusal::fhir)?;
    form::answer(StatusCode::OK, &table, &wanted)
}
