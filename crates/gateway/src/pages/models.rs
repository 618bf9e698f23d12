//! The register of AI models, for the administrator: list, describe, admit, suspend. None runs here yet.

use super::form::{Json, Refused, json};
use crate::caller::Caller;
use axum::extract::Path;
use axum::response::Response;
use badiano_ai::registry::{self, Description};
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Decision {
    admitted: bool,
    reason: String,
}

pub async fn list(caller: Caller) -> Result<Response, Refused> {
    json(&registry::models(&caller.session())?)
}

/// A model described anew has to be admitted again.
pub async fn describe(
    caller: Caller,
    Path(id): Path<String>,
    Json(asked): Json<Description>,
) -> Result<Response, Refused> {
    json(&registry::describe(&caller.session(), &id, asked).await?)
}

pub async fn decide(
    caller: Caller,
    Path(id): Path<String>,
    Json(asked): Json<Decision>,
) -> Result<Response, Refused> {
    json(&registry::decide(&caller.session(), &id, asked.admitted, &asked.reason).await?)
}
