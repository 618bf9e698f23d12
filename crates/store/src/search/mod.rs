//! Search of FHIR R4 over the index (search.html): candidates from index rows, decision on the entries kept beside each resource.
//!
//! A filter proposes a superset of rows from one stretch of the index (a patient's own where the filters name one);
//! the smallest proposal is taken and every candidate is decided by `holds` alone, so the index cannot change an answer.

mod finder;
mod holds;
mod include;
pub(crate) mod keys;
mod ranges;
mod sort;

pub use finder::NESTING_MAX;
pub use include::INCLUDED_MAX;

use crate::faults::OrFault;
use crate::resources::{Stored, Stub};
use crate::view::View;
use badiano_fhir::search::{Filter, Query, Total};
use badiano_kernel::Fault;
use finder::{Candidate, Finder, pinned};
use sort::{Placed, order, place};
use std::rc::Rc;

/// Hits that one page may hold.
pub const PAGE_MAX: usize = 10_000;

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hits {
    /// Of all pages; nothing when it was not asked for.
    pub total: Option<usize>,
    pub hits: Vec<Stored>,
    pub included: Vec<Stored>,
}

impl View<'_> {
    /// Executes a question. What is not `visible` counts nowhere: not in totals, pages, chains or includes.
    pub fn search(&self, query: &Query, visible: &dyn Fn(&Stub) -> bool) -> Result<Hits, Fault> {
        let finder = Finder::new(self, visible);
        let Some(kind) = self.number(&query.kind) else {
            return Ok(Hits { total: wants_total(query).then_some(0), ..Hits::default() });
        };
        let room = query.count.min(PAGE_MAX);
        let mut placed = self.placed(&finder, kind, query, room)?;
        let total = wants_total(query).then_some(placed.len());
        placed.sort_by(|a, b| order(&query.sort, a, b));
        let mut page: Vec<Rc<Candidate>> = Vec::new();
        for one in placed.iter().skip(query.offset).take(room) {
            page.extend(finder.load(one.rid)?);
        }
        let included = include::included(&finder, query, &page)?;
        Ok(Hits { total, hits: self.bodies(&page)?, included: self.bodies(&included)? })
    }

    fn bodies(&self, of: &[Rc<Candidate>]) -> Result<Vec<Stored>, Fault> {
        let mut all = Vec::with_capacity(of.len());
        for one in of {
            all.extend(self.stored(one.rid)?);
        }
        Ok(all)
    }

    /// Everything that fits, or as much as the page needs when neither order nor total ask for more.
    fn placed(
        &self,
        finder: &Finder<'_, '_>,
        kind: i64,
        query: &Query,
        room: usize,
    ) -> Result<Vec<Placed>, Fault> {
        let pin = pinned(&query.filters);
        let mut rows = finder.candidates(kind, &query.filters, pin, 0)?;
        if rows.is_none()
            && let Some(pat) = pin
        {
            rows = Some(finder.of_patient(kind, pat)?);
        }
        let fits = |rid: i64, placed: &mut Vec<Placed>| -> Result<(), Fault> {
            if let Some(one) = finder.load(rid)?.filter(|c| *c.kind == *query.kind)
                && finder.each_holds(&query.filters, &one, 0)?
            {
                placed.push(place(self, &query.sort, &one));
            }
            Ok(())
        };
        let mut placed = Vec::new();
        if let Some(rows) = rows {
            for rid in rows {
                fits(rid, &mut placed)?;
            }
            return Ok(placed);
        }
        let enough =
            (query.sort.is_empty() && !wants_total(query)).then(|| query.offset.saturating_add(room));
        let sql = "SELECT rid FROM resource WHERE kind = ?1 ORDER BY change DESC";
        let mut statement = self.conn.prepare_cached(sql).or_fault()?;
        let mut walk = statement.query([kind]).or_fault()?;
        while let Some(row) = walk.next().or_fault()? {
            fits(row.get(0).or_fault()?, &mut placed)?;
            if enough.is_some_and(|enough| placed.len() >= enough) {
                break;
            }
        }
        Ok(placed)
    }

    /// Whether a stored resource fits a filter, for subscriptions and conditional operations.
    pub fn fits(
        &self,
        stored: &Stored,
        filter: &Filter,
        visible: &dyn Fn(&Stub) -> bool,
    ) -> Result<bool, Fault> {
        let finder = Finder::new(self, visible);
        let Some(kind) = self.number(&stored.kind) else { return Ok(false) };
        let Some(rid) = finder.rid_of(kind, &stored.id)? else { return Ok(false) };
        match finder.load(rid)? {
            Some(one) => finder.holds(filter, &one, 0),
            None => Ok(false),
        }
    }
}

fn wants_total(query: &Query) -> bool {
    query.total != Total::None
}
