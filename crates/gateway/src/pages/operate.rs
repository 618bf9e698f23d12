//! What commands ask of the running node through the operator's door: a copy, its certificate, joining a hub.

use super::form::{Json, Refused, json};
use super::session::off_the_loop;
use crate::caller::Caller;
use axum::http::StatusCode;
use axum::response::Response;
use badiano_exchange::join as exchange;
use badiano_kernel::Fault;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

#[derive(Deserialize)]
pub struct Backup {
    /// An absolute path on the machine of the node.
    to: PathBuf,
}

/// Answers when the copy is whole and on the disk.
pub async fn backup(caller: Caller, Json(asked): Json<Backup>) -> Result<StatusCode, Refused> {
    if !asked.to.is_absolute() {
        return Err(Fault::invalid("the folder of a copy is an absolute path").at("to").into());
    }
    let session = caller.session();
    off_the_loop(move || session.back_up(&asked.to)).await??;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize)]
struct Certificate {
    ends: String,
    /// Empty where this node has joined no hub.
    hub: String,
}

/// Until when the certificate is good that this node shows.
pub async fn certificate(caller: Caller) -> Result<Response, Refused> {
    caller.session().may_administer()?;
    let node = &caller.gate.node;
    let hub = node.hub_link()?.map(|h| h.address).unwrap_or_default();
    json(&Certificate { ends: node.certificate_ends()?.to_rfc3339(), hub })
}

/// Renews the certificate now; connections that stand go on.
pub async fn renew(caller: Caller) -> Result<Response, Refused> {
    caller.session().may_administer()?;
    exchange::renew(&caller.gate.node, &caller.gate.wire()?, caller.now).await?;
    certificate(caller).await
}

#[derive(Deserialize)]
pub struct Join {
    hub: String,
    code: String,
    /// The certificate of the hub's authority, PEM.
    authority: String,
    /// How the hub reaches this hospital.
    address: String,
}

/// Joins a hub while the node runs.
pub async fn join(caller: Caller, Json(asked): Json<Join>) -> Result<Response, Refused> {
    caller.session().may_administer()?;
    let node = &caller.gate.node;
    exchange::join(node, &asked.hub, &asked.code, &asked.address, &asked.authority, caller.now).await?;
    certificate(caller).await
}
