//! Emergency accesses and their review by the security office (`EmergencyAccesses` of `web/src/api.ts`).

use super::form::{Json, Refused, json};
use super::national;
use super::person;
use crate::caller::Caller;
use crate::fhir_rest::form::pairs;
use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::response::Response;
use badiano_exchange::ask::Answer;
use badiano_kernel::Fault;
use badiano_record::emergency::EmergencyAccess;
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct EmergencyAccesses {
    items: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    access: EmergencyAccess,
    institution_name: String,
}

#[derive(Deserialize)]
pub struct Verdict {
    justified: bool,
    reason: String,
}

/// `state`: `pending` (which it is when nothing is said) or `reviewed`.
pub async fn list(caller: Caller, RawQuery(query): RawQuery) -> Result<Response, Refused> {
    let asked = pairs(&query.unwrap_or_default());
    let state = asked.iter().find(|(k, _)| k == "state").map_or("pending", |(_, v)| v.as_str());
    let reviewed = match state {
        "pending" => false,
        "reviewed" => true,
        _ => return Err(Fault::invalid("state is pending or reviewed").at("state").into()),
    };
    let names = national::names(&caller, &Answer::default());
    let all = caller.session().emergencies(reviewed)?.into_iter();
    let shown = |access: EmergencyAccess| Shown {
        institution_name: person::institution(&names, &access.institution),
        access,
    };
    json(&EmergencyAccesses { items: all.map(shown).collect() })
}

pub async fn review(
    caller: Caller,
    Path(id): Path<String>,
    Json(verdict): Json<Verdict>,
) -> Result<StatusCode, Refused> {
    caller.session().review_emergency(&id, verdict.justified, &verdict.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}
