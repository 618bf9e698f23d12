//! Signing in through an identity provider (OpenID Connect, code + PKCE) tokens for systems (SMART Backend
//! Services) and for apps that people let in (SMART App Launch).

pub mod apps;
pub mod client;
pub mod staff;
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
    /// Values of `acr` and `amr` in its identity token that say that a second factor was shown (OpenID Connect Core 1.0, section 2;
    /// RFC 8176). Without one of them staff show the second factor of their account here.
    pub second_factor: SecondFactor,
}

/// How a provider says that it asked for a second factor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecondFactor {
    pub acr: Vec<String>,
    pub amr: Vec<String>,
}

/// Sign-ins that are half done, by a random text that only the browser in question has.
pub struct Pending<T> {
    open: Mutex<HashMap<String, (i64, T)>>,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Pending { open: Mutex::default() }
    }
}

/// What must be remembered between the two halves of a sign-in.
#[derive(Debug, Clone)]
pub struct Started {
    pub provider: String,
    pub verifier: String,
    pub nonce: String,
}

/// A sign-in that takes longer is begun anew.
const STARTED_SECONDS: i64 = 600;
const STARTED_MAX: usize = 10_000;

impl<T: Clone> Pending<T> {
    pub fn put(&self, key: String, now: i64, what: T) {
        let mut open = self.open.lock().expect("no holder of the sign-ins panics");
        if open.len() >= STARTED_MAX {
            open.retain(|_, (at, _)| *at > now - STARTED_SECONDS);
            if open.len() >= STARTED_MAX {
                open.clear();
            }
        }
        open.insert(key, (now, what));
    }

    /// What waits under this key, and goes on waiting.
    pub fn look(&self, key: &str, now: i64) -> Option<T> {
        let open = self.open.lock().expect("no holder of the sign-ins panics");
        open.get(key).filter(|(at, _)| now - at < STARTED_SECONDS).map(|(_, what)| what.clone())
    }

    /// A key is good once.
    pub fn take(&self, key: &str, now: i64) -> Option<T> {
        let (at, what) = self.open.lock().expect("no holder of the sign-ins panics").remove(key)?;
        (now - at < STARTED_SECONDS).then_some(what)
    }
}
