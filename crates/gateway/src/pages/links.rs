//! Which people of a provider enter with which account, for the administrator (`Links` of `web/src/api.ts`).

use super::form::{Json, Refused, json};
use crate::caller::Caller;
use axum::http::StatusCode;
use axum::response::Response;
use badiano_record::linked::{Link, Subject, Unlinked};
use serde::Serialize;

#[derive(Serialize)]
struct Links {
    links: Vec<Link>,
    /// Whom a provider signed in, and who has no account here.
    unlinked: Vec<Unlinked>,
    /// Issuers of the providers that staff may come from.
    issuers: Vec<String>,
}

pub async fn list(caller: Caller) -> Result<Response, Refused> {
    let (links, unlinked) = caller.session().links()?;
    let of_staff = caller.gate.options.providers.iter().filter(|p| !p.for_citizens);
    json(&Links { links, unlinked, issuers: of_staff.map(|p| p.issuer.clone()).collect() })
}

pub async fn link(caller: Caller, Json(asked): Json<Link>) -> Result<StatusCode, Refused> {
    caller.session().link_account(asked).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn unlink(caller: Caller, Json(asked): Json<Subject>) -> Result<StatusCode, Refused> {
    caller.session().unlink_account(&asked).await?;
    Ok(StatusCode::NO_CONTENT)
}
