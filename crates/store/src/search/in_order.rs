//! The hits of a page in the order of the page, looking no further than the page needs (FHIR R4, search.html#paging).
//!
//! Two ways lead to a page whose order is that of the changes: walking the type, newest change first, and asking the index for
//! candidates. Which is the shorter one is not known beforehand, so both are tried in turn with a limit that grows: where much
//! fits, the walk is soon full; where little fits, the index soon gives all of it. The cost is that of the shorter one, a few
//! times over, and does not grow with the store.

use super::finder::{Finder, LOADED, pinned, steps};
use super::sort::{Placed, place};
use super::{Asked, Found};
use crate::faults::OrFault;
use crate::view::{View, limit as to_limit};
use badiano_fhir::search::{Filter, Total};
use badiano_kernel::Fault;

/// A total is told, where none is asked for, when no more hits than these lie beyond the page, and no filter follows references:
/// to look for them would cost several times the page. Only hits that may be seen count, so that it does not tell whether others
/// exist.
const BEYOND_PAGE: usize = 100;

/// Among candidates, so many rows of the type are passed for each of them before their places are looked up one by one.
const PASSED_EACH: usize = 8;

pub(super) struct InOrder<'s, 'a, 'v> {
    view: &'s View<'a>,
    finder: &'s Finder<'a, 'v>,
    asked: &'s Asked<'s>,
    /// Changes below this one have not been looked at.
    before: i64,
    hits: Vec<Placed>,
    /// So many hits and nobody needs another.
    enough: usize,
}

fn follows_references(filter: &Filter) -> bool {
    match filter {
        Filter::Chain { .. } | Filter::Has { .. } => true,
        Filter::All(inner) | Filter::Any(inner) => inner.iter().any(follows_references),
        Filter::Not(inner) => follows_references(inner),
        Filter::Param { .. } | Filter::Compartment { .. } => false,
    }
}

/// How far a stretch was walked.
#[derive(PartialEq)]
enum Walked {
    Full,
    ToTheEnd,
    /// So many rows were passed as were allowed.
    SoFar,
}

impl<'s, 'a, 'v> InOrder<'s, 'a, 'v> {
    pub fn new(view: &'s View<'a>, finder: &'s Finder<'a, 'v>, asked: &'s Asked<'s>) -> Self {
        let costly = asked.query.filters.iter().any(follows_references);
        let untold = asked.query.total == Total::None || asked.after.is_some() || costly;
        let beyond = if untold { 0 } else { BEYOND_PAGE };
        // One more than the page, so that it is known whether another follows.
        let enough = asked.query.offset.saturating_add(asked.room).saturating_add(1 + beyond);
        let before = asked.after.map_or(i64::MAX, |after| after.change);
        InOrder { view, finder, asked, before, hits: Vec::new(), enough }
    }

    /// Adds the hits of the page, or all there are.
    pub fn collect(mut self, found: &mut Found) -> Result<(), Fault> {
        let mut is_all = self.asked.after.is_none();
        if !is_all {
            self.changed_since(found)?;
        }
        is_all &= self.run()?;
        found.is_all &= is_all;
        found.placed.append(&mut self.hits);
        Ok(())
    }

    /// Whether the hits are all that were left.
    fn run(&mut self) -> Result<bool, Fault> {
        let filters = &self.asked.query.filters;
        let pin = pinned(filters);
        for step in steps(&self.view.shared.limits) {
            if let Some(rows) = self.finder.proposal(self.asked.number, filters, pin, step)? {
                return self.among(&rows);
            }
            match self.walk(step.div_ceil(LOADED), None)? {
                Walked::Full => return Ok(false),
                Walked::ToTheEnd => return Ok(true),
                Walked::SoFar => {}
            }
        }
        Ok(self.walk(usize::MAX, None)? == Walked::ToTheEnd)
    }

    /// What changed after the first page keeps an older place, wherever that is.
    fn changed_since(&mut self, found: &mut Found) -> Result<(), Fault> {
        let sql = "SELECT rid FROM resource WHERE kind = ?1 AND change > ?2";
        for rid in self.view.all(sql, [self.asked.number, self.asked.snapshot], |r| r.get(0))? {
            found.placed.extend(self.fitting(rid)?);
        }
        Ok(())
    }

    /// Passes at most so many rows of the type, newest change first; where candidates are given, only they are looked at.
    fn walk(&mut self, rows_max: usize, among: Option<&[i64]>) -> Result<Walked, Fault> {
        let sql = "SELECT rid, change FROM resource WHERE kind = ?1 AND change < ?2 AND change <= ?3 ORDER BY change DESC LIMIT ?4";
        let mut statement = self.view.conn.prepare_cached(sql).or_fault()?;
        let bounds = [self.asked.number, self.before, self.asked.snapshot, to_limit(rows_max)];
        let mut rows = statement.query(bounds).or_fault()?;
        let mut passed = 0;
        while let Some(row) = rows.next().or_fault()? {
            let rid = row.get(0).or_fault()?;
            self.before = row.get(1).or_fault()?;
            passed += 1;
            if among.is_none_or(|rows| rows.binary_search(&rid).is_ok()) {
                self.hits.extend(self.fitting(rid)?);
            }
            if self.hits.len() >= self.enough {
                return Ok(Walked::Full);
            }
        }
        Ok(if passed < rows_max { Walked::ToTheEnd } else { Walked::SoFar })
    }

    /// Whether all that fit among candidates, which are in order, are found now.
    fn among(&mut self, rows: &[i64]) -> Result<bool, Fault> {
        if rows.len() > self.enough {
            match self.walk(rows.len().saturating_mul(PASSED_EACH), Some(rows))? {
                Walked::Full => return Ok(false),
                Walked::ToTheEnd => return Ok(true),
                Walked::SoFar => {}
            }
        }
        let mut left: Vec<(i64, i64)> = Vec::new();
        for rid in rows {
            let sql = "SELECT change FROM resource WHERE rid = ?1";
            let change: Option<i64> = self.view.one(sql, [rid], |r| r.get(0))?;
            left.extend(change.filter(|c| *c < self.before && *c <= self.asked.snapshot).map(|c| (c, *rid)));
        }
        left.sort_unstable_by(|a, b| b.cmp(a));
        for (_, rid) in left {
            self.hits.extend(self.fitting(rid)?);
            if self.hits.len() >= self.enough {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A resource in its place, when it fits.
    fn fitting(&self, rid: i64) -> Result<Option<Placed>, Fault> {
        self.asked.fitting(self.view, self.finder, rid)
    }
}

impl Asked<'_> {
    /// A resource in its place, when it may be seen and fits.
    pub(super) fn fitting(
        &self,
        view: &View<'_>,
        finder: &Finder<'_, '_>,
        rid: i64,
    ) -> Result<Option<Placed>, Fault> {
        let Some(one) = finder.load(rid)?.filter(|c| *c.kind == *self.kind) else { return Ok(None) };
        let Some(change) = view.change_at(&one, self.snapshot)? else { return Ok(None) };
        let fits = finder.each_holds(&self.query.filters, &one, 0)?;
        Ok(fits.then(|| place(view, &self.query.sort, &one, change)))
    }
}
