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
    let expect = form::precondition(&headers)?;
    caller.session().delete(&kind, &id, expect).await.map_err(|f| form::unmet(f, expect))?;
    Ok(StatusCode::NO_CONTENT)
}
