//! Names that stand in many rows (kinds, search parameters, queues), each written once and known by a number.

use crate::faults::OrFault;
use badiano_kernel::Fault;
use rusqlite::Connection;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Names known to the database, all of them in memory.
#[derive(Default)]
pub(crate) struct Names {
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    numbers: HashMap<Arc<str>, i64>,
    /// The name of number `n` stands at `n - 1`.
    texts: Vec<Arc<str>>,
}

/// So many names at most: kinds and parameters are some thousands; more is a mistake above.
pub(crate) const NAMES_MAX: usize = 100_000;

impl Names {
    pub fn load(conn: &Connection) -> Result<Self, Fault> {
        let mut rows = conn.prepare("SELECT text FROM name ORDER BY n").or_fault()?;
        let texts = rows.query_map([], |r| r.get::<_, String>(0)).or_fault()?;
        let names = Names::default();
        for text in texts {
            names.learn(&[text.or_fault()?.into()]);
        }
        Ok(names)
    }
    pub fn number(&self, text: &str) -> Option<i64> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).numbers.get(text).copied()
    }
    pub fn text(&self, number: i64) -> Option<Arc<str>> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        self.known.read().unwrap_or_else(PoisonError::into_inner).texts.get(at).cloned()
    }
    pub fn count(&self) -> usize {
        self.known.read().unwrap_or_else(PoisonError::into_inner).texts.len()
    }
    /// Takes in names whose rows are committed, in the order of their numbers.
    pub fn learn(&self, fresh: &[Arc<str>]) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for text in fresh {
            known.texts.push(text.clone());
            let number = i64::try_from(known.texts.len()).unwrap_or(i64::MAX);
            known.numbers.insert(text.clone(), number);
        }
    }
}
