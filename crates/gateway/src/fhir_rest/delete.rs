//! FHIR delete interaction. https://hl7.org/fhir/R4/http.html#delete

use super::form;
use crate::caller::Caller;
use crate::reply::Refusal;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};

pub async fn delete(
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    form::known_kind(&kind)?;
    caller.session().delete(&kind, &id, form::precondition(&headers)?).await.map_err(Refusal::fhir)?;
    Ok(StatusCode::NO_CONTENT)
}
