//! Search of FHIR R4 over the index (search.html): candidates from index rows, decision on the entries kept beside each resource.
//!
//! Where the filters name one patient, that patient's rows of the type are walked once, and each says by its marks whether it
//! can fit all filters. Otherwise each filter proposes a superset from one stretch of everybody's rows and the smallest is
//! taken; a page in the order of changes is found with as little as fills it (`in_order`). Every candidate is decided by `holds` alone, so the index cannot change an answer.

mod finder;
mod holds;
mod in_order;
mod include;
pub(crate) mod keys;
mod page;
mod parts;
mod ranges;
pub(crate) mod rows;
mod sort;

pub use finder::NESTING_MAX;
pub use include::INCLUDED_MAX;

use crate::resources::{Stored, Stub};
use crate::view::{View, signed};
use badiano_fhir::search::{Filter, Query, Total};
use badiano_kernel::Fault;
use finder::{Candidate, Finder};
use in_order::InOrder;
use page::Position;
use sort::{Placed, order};
use std::cmp::Ordering;
use std::rc::Rc;

/// Hits that one page may hold.
pub const PAGE_MAX: usize = 10_000;

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hits {
    /// Of all pages; nothing when it was not asked for, or was not cheap.
    pub total: Option<usize>,
    pub hits: Vec<Stored>,
    pub included: Vec<Stored>,
    /// Where the next page begins (`Query::after`), when more follows.
    pub next: Option<Vec<u8>>,
}

/// Everything that fits, or as much of it as the page needs.
struct Found {
    placed: Vec<Placed>,
    is_all: bool,
}

impl View<'_> {
    /// Executes a question. What is not `visible` counts nowhere: not in totals, pages, chains or includes.
    pub fn search(&self, query: &Query, visible: &dyn Fn(&Stub) -> bool) -> Result<Hits, Fault> {
        let finder = Finder::new(self, visible);
        let query = &Query { filters: finder.with_parts(&query.filters)?, ..query.clone() };
        let room = query.count.min(PAGE_MAX);
        let after = query.after.as_deref().map(Position::decode).transpose()?;
        let snapshot = match &after {
            Some(after) => after.snapshot,
            None => signed(self.last_change()?),
        };
        let mut found = Found { placed: Vec::new(), is_all: true };
        for kind in query.kinds() {
            if let Some(number) = self.number(kind) {
                let asked = Asked { kind, number, query, after: after.as_ref(), snapshot, room };
                self.placed(&finder, &asked, &mut found)?;
            }
        }
        let Found { mut placed, is_all } = found;
        let total = (is_all && query.total != Total::None).then_some(placed.len());
        placed.sort_by(|a, b| order(&query.sort, a, b));
        let begin = after.as_ref().map_or(0, |after| {
            let last = after.as_placed();
            placed.partition_point(|one| order(&query.sort, one, &last) != Ordering::Greater)
        });
        let begin = begin.saturating_add(query.offset).min(placed.len());
        let end = begin.saturating_add(room).min(placed.len());
        let mut page: Vec<Rc<Candidate>> = Vec::new();
        for one in &placed[begin..end] {
            page.extend(finder.load(one.rid)?);
        }
        let last = placed[begin..end].last().filter(|_| end < placed.len());
        let next = last.map(|last| Position { keys: last.keys.clone(), change: last.change, snapshot });
        let included = include::included(&finder, query, &page)?;
        Ok(Hits {
            total,
            hits: self.bodies(&page)?,
            included: self.bodies(&included)?,
            next: next.map(|position| position.encode()),
        })
    }

    fn bodies(&self, of: &[Rc<Candidate>]) -> Result<Vec<Stored>, Fault> {
        let mut all = Vec::with_capacity(of.len());
        for one in of {
            all.extend(self.stored(one.rid)?);
        }
        Ok(all)
    }

    /// Adds what fits of one type, or as much as the page needs when neither order nor total ask for more.
    fn placed(&self, finder: &Finder<'_, '_>, asked: &Asked<'_>, found: &mut Found) -> Result<(), Fault> {
        if asked.query.sort.is_empty() && asked.query.total != Total::Accurate {
            return InOrder::new(self, finder, asked).collect(found);
        }
        let rows = match finder.candidates(asked.number, &asked.query.filters)? {
            Some(rows) => rows,
            None => self.all("SELECT rid FROM resource WHERE kind = ?1", [asked.number], |r| r.get(0))?,
        };
        for rid in rows {
            found.placed.extend(asked.fitting(self, finder, rid)?);
        }
        Ok(())
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
            Some(one) => finder.each_holds(&finder.with_parts(std::slice::from_ref(filter))?, &one, 0),
            None => Ok(false),
        }
    }
}

/// One type of a question.
struct Asked<'q> {
    kind: &'q str,
    number: i64,
    query: &'q Query,
    after: Option<&'q Position>,
    snapshot: i64,
    room: usize,
}
