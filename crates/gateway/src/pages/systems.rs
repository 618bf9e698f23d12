//! Registered systems, for the administrator: list, register or change, suspend (`Systems` of `web/src/api.ts`).

use super::form::{Json, Refused, json};
use super::peers::Active;
use crate::caller::Caller;
use axum::response::Response;
use badiano_record::clients::Client;
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct Systems {
    systems: Vec<Client>,
}

#[derive(Deserialize)]
pub struct SystemWrite {
    id: String,
    name: String,
    jwks: String,
    scopes: Vec<String>,
}

pub async fn list(caller: Caller) -> Result<Response, Refused> {
    json(&Systems { systems: caller.session().clients()? })
}

/// A system is known by its id: the same again is a change, and a suspended one stays suspended.
pub async fn put(caller: Caller, Json(asked): Json<SystemWrite>) -> Result<Response, Refused> {
    let session = caller.session();
    let id = asked.id.trim().to_owned();
    let before = session.clients()?.into_iter().find(|c| c.id == id);
    let client = Client {
        active: before.is_none_or(|c| c.active),
        name: asked.name.trim().to_owned(),
        jwks: asked.jwks,
        scopes: asked.scopes,
        id,
    };
    json(&session.put_client(client).await?)
}

#[derive(Deserialize)]
pub struct Which {
    id: String,
    #[serde(flatten)]
    active: Active,
}

/// The id stands in the body: it may be an address, with slashes.
pub async fn set_active(caller: Caller, Json(asked): Json<Which>) -> Result<Response, Refused> {
    json(&caller.session().set_client_active(&asked.id, asked.active.active).await?)
}
