//! Registered systems: their keys and scopes (SMART Backend Services), and assertions that were used already.

use crate::access::Action;
use crate::audit::Act;
use crate::node::Node;
use crate::session::Session;
use badiano_kernel::{Fault, Instant};
use badiano_store::Expect;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Mutex;

/// A system that may ask for tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    pub id: String,
    pub name: String,
    /// JSON Web Key Set with its public keys.
    pub jwks: String,
    pub scopes: Vec<String>,
    pub active: bool,
}

/// Assertion identifiers seen within their lifetime, by client and `jti`.
pub(crate) type Used = Mutex<HashMap<(String, String), Instant>>;
/// An assertion lives five minutes at most; this leaves room for clocks.
const REMEMBER_SECONDS: i64 = 600;
const REMEMBER_MAX: usize = 100_000;

impl Node {
    /// A registered, active system.
    pub fn client(&self, id: &str) -> Result<Option<Client>, Fault> {
        let document = self.store().read(|view| view.document("client", id))?;
        let client: Option<Client> = document.and_then(|d| serde_json::from_slice(&d.body).ok());
        Ok(client.filter(|c| c.active))
    }

    /// Whether an assertion is new; one that was seen is a replay. When too many are remembered, new ones are refused.
    pub fn first_use(&self, client: &str, jti: &str, now: Instant) -> bool {
        let mut used = self.used_assertions().lock().expect("no holder of the assertions panics");
        if used.len() >= REMEMBER_MAX {
            used.retain(|_, at| *at > now.plus_seconds(-REMEMBER_SECONDS));
        }
        used.len() < REMEMBER_MAX && used.insert((client.to_owned(), jti.to_owned()), now).is_none()
    }
}

impl Session {
    pub async fn put_client(&self, client: Client) -> Result<(), Fault> {
        self.administers(Action::Write)?;
        let body = serde_json::to_vec(&client).map_err(|_| Fault::bug("a client is always printable"))?;
        let writer = self.writer();
        self.node()
            .store()
            .write(move |tx| {
                tx.put_document("client", &client.id, &body, Expect::Any, writer.now)?;
                writer.leaf(tx, Act::Update, "client", &[], &format!("client {}", client.id))
            })
            .await
    }
}
