//! Names that stand in many rows (kinds, search parameters, queues), each written once and known by a number.

use crate::faults::OrFault;
use badiano_fhir::schema;
use badiano_kernel::Fault;
use rusqlite::Connection;
use std::collections::{BTreeSet, HashMap};
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

/// What stands in most rows has the shortest numbers.
const FIRST: [&str; 40] = [
    "Patient",
    "Observation",
    "Encounter",
    "Condition",
    "MedicationRequest",
    "DiagnosticReport",
    "ServiceRequest",
    "ImagingStudy",
    "Task",
    "subject",
    "patient",
    "code",
    "date",
    "status",
    "category",
    "encounter",
    "identifier",
    "identifier:of-type",
    "value-quantity",
    "combo-code",
    "combo-value-quantity",
    "code-value-quantity",
    "combo-code-value-quantity",
    "component-code",
    "component-value-quantity",
    "component-code-value-quantity",
    "name",
    "family",
    "given",
    "phonetic",
    "address",
    "telecom",
    "birthdate",
    "gender",
    "performer",
    "intent",
    "authoredon",
    "medication",
    "clinical-status",
    "onset-date",
];

/// The names that a new database begins with: the standard's types and search parameters, under the same numbers on every
/// node, so that the search entries of the same resource are the same bytes everywhere.
fn standard() -> Vec<&'static str> {
    let types = schema::resource_types().iter().copied();
    let codes: BTreeSet<&str> =
        types.clone().chain(schema::search_parameters().iter().map(|p| p.code)).collect();
    let rest = codes.into_iter().filter(|name| !FIRST.contains(name));
    FIRST.into_iter().chain(rest).collect()
}

/// Gives the standard's names their numbers in a database that has none.
pub(crate) fn seed(conn: &Connection) -> Result<(), Fault> {
    let begun: bool = conn.query_row("SELECT EXISTS(SELECT 1 FROM name)", [], |r| r.get(0)).or_fault()?;
    if begun {
        return Ok(());
    }
    conn.execute_batch("BEGIN IMMEDIATE").or_fault()?;
    let mut insert = conn.prepare("INSERT INTO name(text) VALUES(?1)").or_fault()?;
    for name in standard() {
        insert.execute([name]).or_fault()?;
    }
    conn.execute_batch("COMMIT").or_fault()
}

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
