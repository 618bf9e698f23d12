//! What came from another node: sealed until a session has checked each entry (house, section 1).

use crate::audit::Act;
use crate::class::classes_of;
use crate::patient_index;
use crate::session::Session;
use badiano_fhir::Value;
use badiano_kernel::{Fault, Principal};
use badiano_store::{Stub, pat_of};

/// A value that came over the wire. It has no readable fields and cannot be printed; only [`Session::release`] opens it.
#[derive(Clone)]
pub struct Unreleased<T> {
    value: T,
    source: String,
}

impl<T> Unreleased<T> {
    /// Seals what `source` (CLUES) answered.
    pub fn new(value: T, source: &str) -> Self {
        Unreleased { value, source: source.to_owned() }
    }
    pub fn source(&self) -> &str {
        &self.source
    }
}

/// What was released, and how many entries were not about the person asked for (a source's mistake, told apart).
#[derive(Debug, Clone, PartialEq)]
pub struct Released {
    pub entries: Vec<Value>,
    /// Entries about nobody, or about somebody else.
    pub foreign: usize,
    /// Of these, entries about somebody else: the source has mixed two people, and nothing of its answer is safe to show.
    pub of_others: usize,
}

impl Session {
    /// Opens an answer: every entry must be about the person that was asked for and be permitted by consent here; then it is logged.
    ///
    /// `person` is the CURP; the person must be known at this node when it is the hub.
    pub fn release(&self, answer: Unreleased<Vec<Value>>, person: &str) -> Result<Released, Fault> {
        let patients = self.node().store().read(|view| patient_index::patients_of_curp(view, person))?;
        let pat = patients.first().map_or(0, |p| pat_of(p));
        let source = answer.source.clone();
        let consent = crate::consent_register::consent_of_person(self.node(), person)?;
        let citizen = matches!(self.principal(), Principal::Citizen { curp, .. } if curp == person);
        let mut released = Released { entries: Vec::new(), foreign: 0, of_others: 0 };
        let local_ids: Vec<String> = answer
            .value
            .iter()
            .filter(|e| {
                e.resource_type() == "Patient" && patient_index::curp_in(e).as_deref() == Some(person)
            })
            .map(|e| e.id().to_owned())
            .collect();
        for entry in answer.value {
            let about = badiano_fhir::search::compartment_patients(&entry);
            let concerns_person = !about.is_empty() && about.iter().all(|p| local_ids.contains(p));
            if !concerns_person {
                released.foreign += 1;
                released.of_others += usize::from(!about.is_empty());
                continue;
            }
            let stub = Stub {
                kind: entry.resource_type().into(),
                id: entry.id().into(),
                pat,
                class: classes_of(&entry),
                source: source.clone(),
            };
            if citizen || self.sees_under(&stub, &consent) {
                released.entries.push(entry);
            }
        }
        self.note(
            Act::Read,
            "release",
            &patients,
            &format!("{} entries of {source}", released.entries.len()),
        )?;
        Ok(released)
    }
}
