//! Search of FHIR R4 over the index (search.html): candidates from index rows, decision on the entries kept beside each resource.
//!
//! Where the filters name one patient, that patient's rows of the type are walked once, and each says by its marks whether it
//! can fit all filters. Otherwise each filter proposes a superset from one stretch of everybody's rows and the smallest is
//! taken. Every candidate is decided by `holds` alone, so the index cannot change an answer.

mod finder;
mod holds;
mod include;
pub(crate) mod keys;
mod page;
mod parts;
mod ranges;
pub(crate) mod rows;
mod sort;

pub use finder::NESTING_MAX;
pub use include::INCLUDED_MAX;

use crate::faults::OrFault;
use crate::resources::{Stored, Stub};
use crate::view::{View, signed};
use badiano_fhir::search::{Filter, Query, Total};
use badiano_kernel::Fault;
use finder::{Candidate, Finder, pinned};
use page::Position;
use sort::{Placed, order, place};
use std::cmp::Ordering;
use std::rc::Rc;

/// Hits that one page may hold.
pub const PAGE_MAX: usize = 10_000;

/// Candidates that are looked at beyond a full page, so that a total can be told where it is cheap.
const CHEAP_TOTAL: usize = 2_000;

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
        let pin = pinned(&asked.query.filters);
        match finder.candidates(asked.number, &asked.query.filters, pin, 0)? {
            Some(rows) => {
                for rid in rows {
                    self.place_one(finder, asked, rid, &mut found.placed)?;
                }
                Ok(())
            }
            None => self.walk(finder, asked, found),
        }
    }

    /// Puts a resource in its place when it fits; says whether it may be seen at all.
    fn place_one(
        &self,
        finder: &Finder<'_, '_>,
        asked: &Asked<'_>,
        rid: i64,
        placed: &mut Vec<Placed>,
    ) -> Result<bool, Fault> {
        let Some(one) = finder.load(rid)?.filter(|c| *c.kind == *asked.kind) else { return Ok(false) };
        if let Some(change) = self.change_at(&one, asked.snapshot)?
            && finder.each_holds(&asked.query.filters, &one, 0)?
        {
            placed.push(place(self, &asked.query.sort, &one, change));
        }
        Ok(true)
    }

    /// Looks at every resource of a type, newest change first; the index had nothing to say.
    fn walk(&self, finder: &Finder<'_, '_>, asked: &Asked<'_>, found: &mut Found) -> Result<(), Fault> {
        let query = asked.query;
        let may_stop = query.sort.is_empty() && query.total != Total::Accurate;
        // One more than the page, so that it is known whether another follows.
        let enough = query.offset.saturating_add(asked.room).saturating_add(1);
        let look_on = if query.total == Total::None { 0 } else { CHEAP_TOTAL };
        let passed = asked.after.filter(|_| may_stop).map_or(i64::MAX, |after| after.change);
        let mut looked = 0;
        let mut stretch = |from: i64, to: i64, found: &mut Found| -> Result<(), Fault> {
            let sql = "SELECT rid FROM resource WHERE kind = ?1 AND change > ?2 AND change < ?3 ORDER BY change DESC";
            let mut statement = self.conn.prepare_cached(sql).or_fault()?;
            let mut rows = statement.query([asked.number, from, to]).or_fault()?;
            // These come in the order of the page, so that it is known when the page is full.
            let already = found.placed.len();
            while let Some(row) = rows.next().or_fault()? {
                let seen = self.place_one(finder, asked, row.get(0).or_fault()?, &mut found.placed)?;
                looked += usize::from(seen);
                if may_stop && to <= passed && looked > look_on && found.placed.len() - already >= enough {
                    found.is_all = false;
                    break;
                }
            }
            Ok(())
        };
        if passed < i64::MAX {
            // What changed after the first page keeps an older place, wherever that is.
            stretch(asked.snapshot, i64::MAX, found)?;
            found.is_all = false;
        }
        stretch(i64::MIN, passed, found)
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
