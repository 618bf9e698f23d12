//! Who stands behind a token, remembered between requests for as long as no sign-in, account or system changes.

use crate::accounts::SignedIn;
use badiano_kernel::Instant;
use badiano_store::Store;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// Callers remembered; when more come, all are forgotten and read again.
const KNOWN_MAX: usize = 10_000;
/// The documents that say who stands behind a token, and whether they still may come.
const KINDS: [&str; 4] = ["signed-in", "account", "client", "app"];

/// How often documents of those kinds were written when something was read of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ReadAt([u64; KINDS.len()]);

impl ReadAt {
    /// Asked before reading: what changes meanwhile counts as changed.
    pub fn of(store: &Store) -> Self {
        ReadAt(KINDS.map(|kind| store.documents_written(kind)))
    }
}

#[derive(Default)]
pub(crate) struct KnownTokens {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    at: ReadAt,
    /// By the hash of the token, with the second in which it runs out.
    known: HashMap<String, (SignedIn, i64)>,
}

impl KnownTokens {
    /// Whoever was read when nothing had changed since, and has not run out.
    pub fn get(&self, at: ReadAt, key: &str, now: Instant) -> Option<SignedIn> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let (signed_in, expires) = state.known.get(key).filter(|_| state.at == at)?;
        (*expires > now.seconds()).then(|| signed_in.clone())
    }

    pub fn keep(&self, at: ReadAt, key: String, signed_in: &SignedIn, expires: i64) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.at != at || state.known.len() >= KNOWN_MAX {
            state.known.clear();
            state.at = at;
        }
        state.known.insert(key, (signed_in.clone(), expires));
    }
}
