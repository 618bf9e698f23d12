//! What commands ask of the running node through the operator's door; from elsewhere it is refused.

use super::form::{Json, Refused};
use super::session::off_the_loop;
use crate::caller::Caller;
use axum::http::StatusCode;
use badiano_kernel::Fault;
use serde::Deserialize;
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
