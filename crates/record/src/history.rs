//! What was there before: versions of one resource, of a type, of everything, as far as the session sees each (FHIR R4, http.html#history).

use crate::access::Action;
use crate::audit::Act;
use crate::patient_index;
use crate::resources::Versioned;
use crate::session::{Session, versioned};
use badiano_kernel::time::Span;
use badiano_kernel::{Fault, Instant};
use badiano_store::{Past, Stored, View, Whose};

/// Versions on a page at most, and where none are asked for.
pub const COUNT_MAX: usize = 1_000;
pub const COUNT: usize = 100;
/// Versions that one page may look at; a page that stops here says where to go on.
const LOOKED_MAX: usize = 20_000;
/// Versions that are read at once.
const STRIDE: usize = 500;
/// Versions are ordered by their commits, whose times may run backwards by as much as a clock that is set.
const CLOCK_SLACK_SECONDS: i64 = 86_400;

/// What is asked of the past.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Empty for all types.
    pub kind: String,
    /// Empty for all of a type.
    pub id: String,
    pub since: Option<Instant>,
    /// Versions that were current at some time in this span.
    pub at: Option<Span>,
    pub count: usize,
    /// The place in the order of changes that the page before told.
    pub before: Option<u64>,
}

/// Versions, newest first.
#[derive(Debug, Clone, Default)]
pub struct Page {
    pub versions: Vec<Versioned>,
    /// Type and id of each version: one that was deleted has no content to tell them.
    pub names: Vec<(String, String)>,
    /// Where the next page begins, when there may be more.
    pub next: Option<u64>,
}

impl Session {
    /// One page of the past. Of one resource that never was, or is hidden, there is no history.
    pub fn history(&self, asked: &Asked) -> Result<Page, Fault> {
        if !asked.kind.is_empty() {
            self.scope_allows(&asked.kind, Action::Read)?;
        }
        if asked.id.is_empty() {
            self.reads_any(&asked.kind)?;
        }
        let whose = match (asked.kind.as_str(), asked.id.as_str()) {
            ("", _) => Whose::All,
            (kind, "") => Whose::Type(kind),
            (kind, id) => Whose::One(kind, id),
        };
        let (page, patients) = self.node().store().read(|view| {
            if let Whose::One(kind, id) = whose
                && !view.get(kind, id)?.is_some_and(|newest| self.sees_stored(&newest))
            {
                return Err(Fault::not_found("no such resource"));
            }
            self.page_of(view, whose, asked)
        })?;
        let (interaction, what) = match whose {
            Whose::All => ("history-system", "all types".to_owned()),
            Whose::Type(kind) => ("history-type", kind.to_owned()),
            Whose::One(kind, id) => ("history-instance", format!("{kind}/{id}")),
        };
        self.note(Act::Read, interaction, &patients, &what)?;
        Ok(page)
    }

    /// The versions of one resource, newest first, as many as one page holds.
    pub fn versions_of(&self, kind: &str, id: &str) -> Result<Vec<Versioned>, Fault> {
        let (kind, id) = (kind.to_owned(), id.to_owned());
        Ok(self.history(&Asked { kind, id, count: COUNT_MAX, ..Asked::default() })?.versions)
    }

    fn page_of(
        &self,
        view: &View<'_>,
        whose: Whose<'_>,
        asked: &Asked,
    ) -> Result<(Page, Vec<String>), Fault> {
        let oldest = asked.since.map(|since| since.plus_seconds(-CLOCK_SLACK_SECONDS));
        let mut before = asked.before.unwrap_or(u64::MAX);
        let (mut page, mut patients, mut looked) = (Page::default(), Vec::new(), 0);
        loop {
            let stride = view.versions(whose, before, STRIDE)?;
            let is_last = stride.len() < STRIDE;
            for Past { change, stored } in stride {
                if oldest.is_some_and(|oldest| stored.updated < oldest) {
                    return Ok((page, patients));
                }
                if page.versions.len() == asked.count.clamp(1, COUNT_MAX) || looked == LOOKED_MAX {
                    page.next = Some(before);
                    return Ok((page, patients));
                }
                looked += 1;
                before = change;
                if self.belongs(view, &stored, asked)? {
                    note_patients(view, &stored, &mut patients)?;
                    page.names.push((stored.kind.clone(), stored.id.clone()));
                    page.versions.push(versioned(stored));
                }
            }
            if is_last {
                return Ok((page, patients));
            }
        }
    }

    /// Whether a version may be seen and lies in the time that was asked for.
    fn belongs(&self, view: &View<'_>, stored: &Stored, asked: &Asked) -> Result<bool, Fault> {
        if !self.may_ask_for(&stored.kind) || !self.sees_stored(stored) {
            return Ok(false);
        }
        if asked.since.is_some_and(|since| stored.updated < since) {
            return Ok(false);
        }
        let Some(at) = &asked.at else { return Ok(true) };
        if stored.updated >= at.to {
            return Ok(false);
        }
        let replaced = view.replaced(&stored.kind, &stored.id, stored.version)?;
        Ok(replaced.is_none_or(|replaced| replaced > at.from))
    }
}

/// The local ids of the patients concerned; a deletion keeps their numbers only.
fn note_patients(view: &View<'_>, stored: &Stored, patients: &mut Vec<String>) -> Result<(), Fault> {
    let ids = if stored.deleted {
        let keys = stored.pats.iter().map(|pat| patient_index::key_of(view, *pat));
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        keys.into_iter().flatten().map(|key| key.id).collect()
    } else {
        badiano_fhir::search::compartment_patients(&stored.body)
    };
    for id in ids {
        if !patients.contains(&id) {
            patients.push(id);
        }
    }
    Ok(())
}
