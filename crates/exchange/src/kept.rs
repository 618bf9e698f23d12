//! Answers that have further pages, kept for who asked: sealed as they came, so that each page is released anew (house, invariant 3).

use crate::ask::Gathered;
use badiano_kernel::{Instant, id};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// How long somebody may take to read a page before the next one.
pub const KEPT_SECONDS: i64 = 600;
/// All that is kept, in bytes of the answers as they came; the oldest go first.
pub const KEPT_BYTES_MAX: usize = 64 << 20;

/// The answers whose pages are being read.
#[derive(Default)]
pub struct Kept {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    all: HashMap<String, (Instant, Arc<Gathered>)>,
    bytes: usize,
}

impl Kept {
    /// Keeps an answer; its name is random and is handed out sealed for who asked.
    pub fn keep(&self, gathered: Gathered, now: Instant) -> String {
        let name = id::random_uuid();
        let mut inner = self.inner.lock().expect("no holder of the kept answers panics");
        inner.bytes += gathered.bytes();
        inner.all.insert(name.clone(), (now, Arc::new(gathered)));
        inner.forget(now);
        name
    }

    pub fn get(&self, name: &str, now: Instant) -> Option<Arc<Gathered>> {
        let mut inner = self.inner.lock().expect("no holder of the kept answers panics");
        inner.forget(now);
        inner.all.get(name).map(|(_, gathered)| gathered.clone())
    }
}

impl Inner {
    fn forget(&mut self, now: Instant) {
        let limit = now.plus_seconds(-KEPT_SECONDS);
        let mut by_age: Vec<(Instant, String)> =
            self.all.iter().map(|(name, (since, _))| (*since, name.clone())).collect();
        by_age.sort_unstable();
        for (since, name) in by_age {
            if since > limit && self.bytes <= KEPT_BYTES_MAX {
                return;
            }
            if let Some((_, gone)) = self.all.remove(&name) {
                self.bytes -= gone.bytes();
            }
        }
    }
}
