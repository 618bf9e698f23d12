//! Who may be the same person, among those that this node keeps: found by likeness, explained field by field, decided by a person
//! (IHE PDQm ITI-119; FHIR R4 Patient/$match).
//!
//! `likeness` holds what is compared in memory and follows the change log; `pairs` keeps what waits for a decision, and what was decided.

mod likeness;
mod pairs;
#[cfg(test)]
mod tests;

pub(crate) use likeness::Likeness;
pub use pairs::{Decided, Pair, Policy, Standing, Verdict};

use crate::access::Action;
use crate::audit::Act;
use crate::class::DataClass;
use crate::matching::{Band, Person, Score};
use crate::merges;
use crate::resources::Versioned;
use crate::session::{Session, versioned};
use badiano_fhir::Value;
use badiano_kernel::Fault;
use serde::{Deserialize, Serialize};

/// People that one question gives at most.
pub const CANDIDATES_MAX: usize = 100;
/// More bits than this in the review band are called probable, fewer possible.
const PROBABLE_BITS: f64 = 0.0;

/// Somebody who may be the person that was asked for.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub patient: Versioned,
    pub grade: Grade,
    /// That both are one person, from 0 to 1.
    pub probability: f64,
    /// Why it is not certain although the fields would have it.
    pub guard: Option<&'static str>,
    pub fields: Vec<Weighed>,
}

/// `http://terminology.hl7.org/CodeSystem/match-grade`; who is certainly not the person is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grade {
    Certain,
    Probable,
    Possible,
}

impl Grade {
    pub const fn code(self) -> &'static str {
        match self {
            Grade::Certain => "certain",
            Grade::Probable => "probable",
            Grade::Possible => "possible",
        }
    }

    fn of(score: &Score) -> Grade {
        match score.band {
            Band::Automatic => Grade::Certain,
            Band::Review | Band::NoLink if score.bits >= PROBABLE_BITS => Grade::Probable,
            Band::Review | Band::NoLink => Grade::Possible,
        }
    }
}

/// What one field said: how far it agrees, and how many bits (logarithm of the odds to base 2) that adds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Weighed {
    pub field: String,
    pub level: String,
    pub bits: f64,
}

impl Session {
    /// Who may be this person, most probable first; with `only_certain`, nobody unless exactly one is certain.
    /// What was merged into another record is given as the one that is kept.
    pub fn match_patient(
        &self,
        asked: &Value,
        only_certain: bool,
        count: usize,
    ) -> Result<Vec<Candidate>, Fault> {
        self.scope_allows("Patient", Action::Read)?;
        self.may_read_classes(DataClass::Demographics.bit())?;
        if self.principal().own_record().is_some() {
            return Err(Fault::forbidden("a person sees their own record, and looks for nobody"));
        }
        // Whoever asks may have kept our id: it says nothing of who is asked for.
        let person = Person { id: "".into(), ..Person::of_patient(asked) };
        let found = self.node().likeness().matches(self.node(), &person, CANDIDATES_MAX)?;
        let mut candidates: Vec<Candidate> = Vec::new();
        for one in found {
            let stored = self.node().store().read(|view| {
                let id = merges::survivor(view, &one.id)?;
                view.get("Patient", &id)
            })?;
            let Some(stored) = stored.filter(|s| !s.deleted && self.sees_stored(s)) else { continue };
            if candidates.iter().any(|c| c.patient.resource.id() == stored.body.id()) {
                continue;
            }
            candidates.push(Candidate {
                patient: versioned(stored),
                grade: Grade::of(&one.score),
                probability: one.score.probability(),
                guard: one.score.guard,
                fields: one.fields,
            });
        }
        if only_certain {
            candidates.retain(|c| c.grade == Grade::Certain);
            if candidates.len() > 1 {
                candidates.clear();
            }
        }
        candidates.truncate(count);
        let patients: Vec<String> = candidates.iter().map(|c| c.patient.resource.id().to_owned()).collect();
        self.note(Act::Execute, "match", &patients, "Patient")?;
        Ok(candidates)
    }

    /// Everything that is known of who bears a number of one issuer: all numbers of that person (IHE PIXm, ITI-83).
    pub fn cross_referenced(&self, system: &str, value: &str) -> Result<Option<Versioned>, Fault> {
        self.scope_allows("Patient", Action::Read)?;
        self.may_read_classes(DataClass::Demographics.bit())?;
        let id = self.node().store().read(|view| crate::patient_index::bearer(view, system, value))?;
        match id {
            Some(id) => match self.read("Patient", &id) {
                Ok(patient) if !patient.deleted => Ok(Some(patient)),
                Ok(_) => Ok(None),
                Err(fault) if fault.kind == badiano_kernel::FaultKind::NotFound => Ok(None),
                Err(fault) => Err(fault),
            },
            None => {
                self.note_refused("pix", "Patient")?;
                Ok(None)
            }
        }
    }
}
