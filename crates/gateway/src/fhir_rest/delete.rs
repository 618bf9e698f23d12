//! FHIR delete interaction, by id and by condition. https://hl7.org/fhir/R4/http.html#delete

use super::asked::about_content;
use super::form;
use crate::caller::Caller;
use crate::reply::Refusal;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, StatusCode};
use badiano_kernel::Fault;
use badiano_record::conditional::Criteria;

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

/// One resource that fits, or as many as `_count` says; when more fit, nothing is deleted.
pub async fn delete_where(
    caller: Caller,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Refusal> {
    form::known_kind(&kind)?;
    let pairs = about_content(form::pairs(&query.unwrap_or_default()));
    let most = match pairs.iter().find(|(k, _)| k == "_count") {
        Some((_, text)) => {
            text.parse().map_err(|_| Refusal::fhir(Fault::invalid("must be a number").at("_count")))?
        }
        None => 1,
    };
    let parameters = caller.gate.node.parameters().map_err(Refusal::fhir)?;
    let criteria = Criteria::parse(&kind, &pairs, &*parameters).map_err(Refusal::fhir)?;
    caller.session().delete_where(criteria, most).await.map_err(Refusal::fhir)?;
    Ok(StatusCode::NO_CONTENT)
}
