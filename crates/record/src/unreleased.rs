//! What came from another node: sealed until a session has checked each entry (house, section 1).

use crate::audit::Act;
use crate::class::classes_of;
use crate::patient_index;
use crate::session::Session;
use badiano_fhir::Value;
use badiano_kernel::Fault;
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
        let mut released = self.release_all(vec![answer], person)?;
        released.pop().ok_or_else(|| Fault::bug("one answer gives one release"))
    }

    /// The same for the answers of many sources to one question, which is one access.
    pub fn release_all(
        &self,
        answers: Vec<Unreleased<Vec<Value>>>,
        person: &str,
    ) -> Result<Vec<Released>, Fault> {
        let patients = self.node().store().read(|view| patient_index::patients_of_curp(view, person))?;
        let pat = patients.first().map_or(0, |p| pat_of(p));
        let consent = crate::consent_register::consent_of_person(self.node(), person)?;
        let mut all = Vec::with_capacity(answers.len());
        let mut what = String::new();
        for answer in answers {
            let source = answer.source;
            let may = |entry: &Value| {
                let (kind, id) = (entry.resource_type().into(), entry.id().into());
                let stub = Stub { kind, id, pat, class: classes_of(entry), source: source.clone() };
                self.sees_of(person, &stub, &consent)
            };
            let released = open(answer.value, person, may);
            let separator = if what.is_empty() { "" } else { ", " };
            what.push_str(&format!("{separator}{} entries of {source}", released.entries.len()));
            all.push(released);
        }
        if !all.is_empty() {
            self.note(Act::Read, "release", &patients, &what)?;
        }
        Ok(all)
    }
}

/// Entries that are about the person with this CURP, as the source's own Patients say, and may be seen.
fn open(entries: Vec<Value>, person: &str, may: impl Fn(&Value) -> bool) -> Released {
    let is_person =
        |e: &&Value| e.resource_type() == "Patient" && patient_index::curp_in(e).as_deref() == Some(person);
    let local_ids: Vec<String> = entries.iter().filter(is_person).map(|e| e.id().to_owned()).collect();
    let mut released = Released { entries: Vec::with_capacity(entries.len()), foreign: 0, of_others: 0 };
    for entry in entries {
        let about = badiano_fhir::search::compartment_patients(&entry);
        if about.is_empty() || about.iter().any(|p| !local_ids.contains(p)) {
            released.foreign += 1;
            released.of_others += usize::from(!about.is_empty());
        } else if may(&entry) {
            released.entries.push(entry);
        }
    }
    released
}
