//! A message of an old system as it was received, byte for byte (house, invariant 4): for whoever may read orders, never for the administrator.

use super::form::Refused;
use crate::caller::Caller;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};

pub async fn original(caller: Caller, Path(id): Path<String>) -> Result<Response, Refused> {
    let bytes = caller.session().message_original(&id)?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"mensaje.hl7\""),
        (header::CACHE_CONTROL, "private, no-store"),
    ];
    Ok((headers, bytes).into_response())
}
