//! Routes and what waits on them, for the administrator; a study sent to a peer by a person (`Routes` of `web/src/api.ts`).

use super::form::{Json, Refused, json};
use crate::caller::Caller;
use axum::extract::Path;
use axum::response::Response;
use badiano_record::imaging::{Route, WaitingErrand};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct Routes {
    routes: Vec<Route>,
    waiting: Vec<WaitingErrand>,
}

#[derive(Serialize)]
struct Destinations {
    destinations: Vec<Destination>,
}

#[derive(Serialize)]
struct Destination {
    name: String,
    description: String,
}

#[derive(Deserialize)]
pub struct Send {
    /// AE title of a listed peer.
    to: String,
}

#[derive(Serialize)]
struct Sent {
    objects: usize,
}

pub async fn list(caller: Caller) -> Result<Response, Refused> {
    let session = caller.session();
    json(&Routes { routes: session.routes()?, waiting: session.waiting_errands()? })
}

pub async fn put(caller: Caller, Json(route): Json<Route>) -> Result<Response, Refused> {
    json(&caller.session().put_route(route).await?)
}

/// Where studies can be sent.
pub async fn destinations(caller: Caller) -> Result<Response, Refused> {
    let all = caller.session().destinations()?;
    let shown = all.into_iter().map(|p| Destination { name: p.name, description: p.description });
    json(&Destinations { destinations: shown.collect() })
}

pub async fn send(
    caller: Caller,
    Path(uid): Path<String>,
    Json(asked): Json<Send>,
) -> Result<Response, Refused> {
    json(&Sent { objects: caller.session().send_study(&uid, &asked.to).await? })
}
