//! The doors between nodes (mTLS): joining, registration, consent on its way, and who looked at a person's data.

use crate::caller::{Caller, Connection};
use crate::gate::Gate;
use crate::reply::Refusal;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use badiano_exchange::courier::{list_of, read_list};
use badiano_exchange::witnessing::WITNESS_KEY;
use badiano_fhir::{Value, fhir, json};
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_record::consent_register::Statement;
use badiano_record::participants::{JoinRequest, Renewal};
use badiano_record::witnessing::Cosigned;
use bytes::Bytes;

fn node_institution(caller: &Caller) -> Result<String, Refusal> {
    match &caller.principal {
        Principal::Node { institution, .. } => Ok(institution.clone()),
        _ => Err(Refusal::page(Fault::forbidden("this door is for nodes"))),
    }
}

fn answer(value: &Value) -> Response {
    ([("content-type", "application/json; charset=utf-8")], json::to_string(value)).into_response()
}

fn read_json(body: &[u8]) -> Result<Value, Refusal> {
    json::parse(body).map_err(|e| Refusal::page(Fault::invalid(e.to_string())))
}

/// Hub: takes a hospital in. Public: the one-time code is the proof.
pub async fn join(State(gate): State<Gate>, body: Bytes) -> Result<Response, Refusal> {
    let request: JoinRequest = serde_json::from_slice(&body)
        .map_err(|_| Refusal::page(Fault::invalid("this is not a request to join")))?;
    let taken = gate.node.take_in(request, Instant::now()).await.map_err(Refusal::page)?;
    let text = serde_json::to_string(&taken)
        .map_err(|_| Refusal::page(Fault::bug("an answer is always printable")))?;
    Ok(([("content-type", "application/json")], text).into_response())
}

/// Hub: a hospital registers a person it holds data about.
pub async fn registrations(caller: Caller, body: Bytes) -> Result<Response, Refusal> {
    let institution = node_institution(&caller)?;
    let patient = read_json(&body)?;
    caller.session().note_holding(patient, &institution).await.map_err(Refusal::page)?;
    Ok(answer(&fhir!({ "taken": true })))
}

/// Hub: a hospital's registrar has checked who acts for a person.
pub async fn representations(caller: Caller, body: Bytes) -> Result<Response, Refusal> {
    node_institution(&caller)?;
    caller.session().take_representation(&body).await.map_err(Refusal::page)?;
    Ok(answer(&fhir!({ "taken": true })))
}

/// A witness: another node's log asks for a cosignature of its newest checkpoint (C2SP tlog-witness).
pub async fn cosign(caller: Caller, body: String) -> Result<Response, Refusal> {
    node_institution(&caller)?;
    let answered = caller.session().cosign(&body).await.map_err(Refusal::page)?;
    let key = [(WITNESS_KEY, caller.gate.node.witness_verifier().to_line())];
    Ok(match answered {
        Cosigned::Line(line) => (StatusCode::OK, key, line).into_response(),
        Cosigned::Behind(size) => (StatusCode::CONFLICT, key, format!("{size}\n")).into_response(),
        Cosigned::Refused => {
            let text = "the log shows another history than it did before\n".to_owned();
            (StatusCode::UNPROCESSABLE_ENTITY, key, text).into_response()
        }
    })
}

/// Hospital: the hub says what a person has consented to.
pub async fn consent(caller: Caller, body: Bytes) -> Result<Response, Refusal> {
    node_institution(&caller)?;
    let statement = Statement::from_value(&read_json(&body)?);
    let statement = statement.ok_or_else(|| Refusal::page(Fault::invalid("this is not a consent")))?;
    caller.session().take_consent(statement).await.map_err(Refusal::page)?;
    Ok(answer(&fhir!({ "taken": true })))
}

/// Hub: a new certificate for a node, asked for under its present one.
pub async fn certificate(caller: Caller, body: Bytes) -> Result<Response, Refusal> {
    node_institution(&caller)?;
    let asked: Renewal = serde_json::from_slice(&body)
        .map_err(|_| Refusal::page(Fault::invalid("this is not a request for a certificate")))?;
    let signed = caller.session().renew_certificate(asked).await.map_err(Refusal::page)?;
    let text = serde_json::to_string(&signed)
        .map_err(|_| Refusal::page(Fault::bug("an answer is always printable")))?;
    Ok(([("content-type", "application/json")], text).into_response())
}

/// Hub: which certificates are no longer taken, for a node that catches up.
pub async fn revocation_list(caller: Caller) -> Result<Response, Refusal> {
    node_institution(&caller)?;
    let list = caller.session().revocations().map_err(Refusal::page)?;
    Ok(([("content-type", "application/json")], list_of(list.as_deref())).into_response())
}

/// Hospital: the hub says which certificates are no longer taken.
pub async fn revocations(caller: Caller, body: Bytes) -> Result<Response, Refusal> {
    node_institution(&caller)?;
    if let Some(list) = read_list(&body).map_err(Refusal::page)? {
        caller.session().take_revocations(&list).await.map_err(Refusal::page)?;
    }
    Ok(answer(&fhir!({ "taken": true })))
}

/// Hub: all consents, for a node that catches up. Its first catching up under a new certificate settles the renewal.
pub async fn consents(
    caller: Caller,
    Extension(connection): Extension<Connection>,
) -> Result<Response, Refusal> {
    node_institution(&caller)?;
    if let Some(certificate) = connection.certificate {
        caller.gate.node.settle_renewal(&certificate.der, caller.now).await.map_err(Refusal::page)?;
    }
    let all = caller.session().all_consents().map_err(Refusal::page)?;
    Ok(answer(&Value::Array(all.iter().map(Statement::to_value).collect())))
}

/// Hospital: the hub asks, for the citizen, who looked at their data here; each entry with its proof.
pub async fn accesses(caller: Caller) -> Result<Response, Refusal> {
    // Only a caller with a node's certificate has a person named in its request.
    let person = caller.person.clone().filter(|_| caller.purpose == Purpose::PatientRequest);
    let person =
        person.ok_or_else(|| Refusal::page(Fault::forbidden("this list is for the person themselves")))?;
    let list = caller.session().accesses_of(&person).map_err(Refusal::page)?;
    let text =
        serde_json::to_string(&list).map_err(|_| Refusal::page(Fault::bug("a list is always printable")))?;
    Ok(([("content-type", "application/json; charset=utf-8")], text).into_response())
}
