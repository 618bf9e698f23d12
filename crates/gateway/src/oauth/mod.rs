//! Signing in through an identity provider (OpenID Connect, code + PKCE) and tokens for systems (SMART Backend Services).

pub mod client;
pub mod token;

use std::collections::HashMap;
use std::sync::Mutex;

/// An identity provider as configured. Llave MX is one for citizens.
#[derive(Debug, Clone)]
pub struct Provider {
    pub id: String,
    pub name: String,
    pub issuer: String,
    pub client_id: String,
    pub client_secret: Option<String>,
    /// Who signs in through it: citizens, or staff.
    pub for_citizens: bool,
}

/// Sign-ins on their way to a provider and back, by `state`.
#[derive(Default)]
pub struct Pending {
    open: Mutex<HashMap<String, Started>>,
}

/// What must be remembered between the two halves of a sign-in.
#[derive(Debug, Clone)]
pub struct Started {
    pub provider: String,
    pub verifier: String,
    pub nonce: String,
    /// Seconds since 1970.
    pub at: i64,
}

/// A sign-in that takes longer is begun anew.
const STARTED_SECONDS: i64 = 600;
const STARTED_MAX: usize = 10_000;

impl Pending {
    pub fn put(&self, state: String, started: Started) {
        let mut open = self.open.lock().expect("no holder of the sign-ins panics");
        if open.len() >= STARTED_MAX {
            let limit = started.at - STARTED_SECONDS;
            open.retain(|_, s| s.at > limit);
            if open.len() >= STARTED_MAX {
                open.clear();
            }
        }
        open.insert(state, started);
    }

    /// A state is good once.
    pub fn take(&self, state: &str, now: i64) -> Option<Started> {
        let started = self.open.lock().expect("no holder of the sign-ins panics").remove(state)?;
        (now - started.at < STARTED_SECONDS).then_some(started)
    }
}
