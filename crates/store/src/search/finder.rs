//! Candidates from the index, decision on the entries; chains and `_has` both ways (search.html#chaining, #has).

use super::holds::fits;
use super::keys;
use super::ranges::{Range, ranges};
use super::rows::{Cell, Probe, bears, day, hash48, lead, mark};
use crate::body;
use crate::faults::OrFault;
use crate::options::Limits;
use crate::resource_id::{IdCell, IdText};
use crate::resources::{Stub, pat_of, read_pats};
use crate::view::{View, limit as to_limit, unsigned};
use badiano_fhir::search::query::Test;
use badiano_fhir::search::{Filter, Key, Modifier, in_compartment};
use badiano_kernel::{Fault, Instant};
use rusqlite::params_from_iter;
use rusqlite::types::{ToSql, ToSqlOutput, Value as SqlValue};
use std::cell::{Cell as Count, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// Chains and `_has` inside one another.
pub const NESTING_MAX: usize = 6;
/// An index stretch may have so many times the rows of the step before, once no filter has given a shorter one.
const STEP: usize = 4;
/// To look at a resource costs as much as so many rows of the index, or more.
pub(super) const LOADED: usize = 4;
/// Values under one parameter that lie apart in the index (units of quantities), of which each has a stretch of its own.
const APART_MAX: usize = 64;
/// The compartment that the index is led by.
const PATIENT: &str = "Patient";
/// Resources kept at hand during one search.
const AT_HAND_MAX: usize = 20_000;

/// A resource that may fit: it is there, not deleted, and may be seen.
pub(super) struct Candidate {
    pub rid: i64,
    pub kind: Rc<str>,
    pub id: String,
    pub updated: Instant,
    pub change: i64,
    /// The patients in whose compartments it is.
    pub pats: Vec<i64>,
    pub keys: keys::Stored,
}

pub(super) struct Finder<'a, 'v> {
    pub view: &'v View<'a>,
    pub visible: &'v dyn Fn(&Stub) -> bool,
    /// Candidates looked at so far.
    looked: Count<usize>,
    at_hand: RefCell<HashMap<i64, Option<Rc<Candidate>>>>,
}

impl<'a, 'v> Finder<'a, 'v> {
    pub fn new(view: &'v View<'a>, visible: &'v dyn Fn(&Stub) -> bool) -> Self {
        Finder { view, visible, looked: Count::new(0), at_hand: RefCell::default() }
    }

    /// The resource of a row, unless it is deleted or hidden: the two look the same.
    pub fn load(&self, rid: i64) -> Result<Option<Rc<Candidate>>, Fault> {
        if let Some(known) = self.at_hand.borrow().get(&rid) {
            return Ok(known.clone());
        }
        self.looked.set(self.looked.get() + 1);
        if self.looked.get() > self.view.shared.limits.search_candidates_max {
            return Err(Fault::too_costly("the question looks at too many resources: narrow it"));
        }
        let sql = "SELECT kind, id, updated, change, pat, class, source, pats, body FROM resource \
                   WHERE rid = ?1 AND deleted = 0";
        let row = self.view.one(sql, [rid], |r| {
            let stub = Stub {
                kind: String::new(),
                id: r.get::<_, IdText>(1)?.0,
                pat: r.get(4)?,
                class: unsigned(r.get(5)?),
                source: r.get(6)?,
            };
            let updated = Instant::from_micros(r.get(2)?);
            let pats = read_pats(stub.pat, r.get_ref(7)?.as_blob()?);
            Ok((r.get::<_, i64>(0)?, stub, updated, r.get::<_, i64>(3)?, pats, r.get::<_, Vec<u8>>(8)?))
        })?;
        let found = match row {
            None => None,
            Some((kind, mut stub, updated, change, pats, packed)) => {
                stub.kind = self.view.text(kind)?.as_ref().to_owned();
                let seen = match pats.as_slice() {
                    [] | [_] => (self.visible)(&stub),
                    all => all.iter().all(|pat| (self.visible)(&Stub { pat: *pat, ..stub.clone() })),
                };
                if seen {
                    let kind = Rc::from(stub.kind.as_str());
                    let keys = keys::Stored::new(body::unpack_keys(&packed)?)?;
                    Some(Rc::new(Candidate { rid, kind, id: stub.id, updated, change, pats, keys }))
                } else {
                    None
                }
            }
        };
        let mut at_hand = self.at_hand.borrow_mut();
        if at_hand.len() < AT_HAND_MAX {
            at_hand.insert(rid, found.clone());
        }
        Ok(found)
    }

    pub fn rid_of(&self, kind: i64, id: &str) -> Result<Option<i64>, Fault> {
        let sql = "SELECT rid FROM resource WHERE kind = ?1 AND id = ?2 AND deleted = 0";
        self.view.one(sql, rusqlite::params![kind, IdCell::of(id)], |r| r.get(0))
    }

    /// Whether a resource fits a filter.
    pub fn holds(&self, filter: &Filter, on: &Candidate, depth: usize) -> Result<bool, Fault> {
        if depth > NESTING_MAX {
            return Err(Fault::too_costly("the question is nested too deeply"));
        }
        match filter {
            Filter::All(all) => self.each_holds(all, on, depth),
            Filter::Any(any) => {
                for one in any {
                    if self.holds(one, on, depth + 1)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Filter::Compartment { name, id } if &**name == PATIENT => Ok(on.pats.contains(&pat_of(id))),
            Filter::Compartment { name, id } => match in_compartment(name, id, &on.kind) {
                Ok(filter) => self.holds(&filter, on, depth + 1),
                Err(_) => Ok(false),
            },
            Filter::Not(one) => Ok(!self.holds(one, on, depth + 1)?),
            Filter::Param { param, modifier, any_of } => self.param_holds(param, *modifier, any_of, on),
            Filter::Chain { param, target, filter } => {
                for id in self.references(on, param, target) {
                    let kind = self.view.number(target);
                    let rid = kind.map(|kind| self.rid_of(kind, &id)).transpose()?.flatten();
                    if let Some(other) = rid.map(|rid| self.load(rid)).transpose()?.flatten()
                        && self.holds(filter, &other, depth + 1)?
                    {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Filter::Has { source, param, filter } => {
                let probes = self.probes(std::slice::from_ref(filter));
                let rows = self.referrers(source, param, &on.kind, &on.id, &probes, usize::MAX)?;
                for rid in rows.unwrap_or_default() {
                    if let Some(other) = self.load(rid)?
                        && self.references(&other, param, &on.kind).any(|id| *id == *on.id)
                        && self.holds(filter, &other, depth + 1)?
                    {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }

    pub fn each_holds(&self, all: &[Filter], on: &Candidate, depth: usize) -> Result<bool, Fault> {
        for one in all {
            if !self.holds(one, on, depth + 1)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn param_holds(
        &self,
        param: &str,
        modifier: Modifier,
        any_of: &[Test],
        on: &Candidate,
    ) -> Result<bool, Fault> {
        offered(modifier, any_of).map_err(|fault| fault.at(param))?;
        let negated = modifier == Modifier::Not;
        let plain = if negated { Modifier::None } else { modifier };
        let own = |key: &Key| any_of.iter().any(|test| fits(key, test, plain));
        let fit = match param {
            // Every resource has them.
            "_id" | "_lastUpdated" if matches!(modifier, Modifier::Missing(_)) => {
                return Ok(modifier == Modifier::Missing(false));
            }
            "_id" => own(&Key::Token { system: "".into(), code: on.id.as_str().into(), text: "".into() }),
            "_lastUpdated" => {
                // Shown in milliseconds, so compared in them.
                let from = on.updated.micros.div_euclid(1_000) * 1_000;
                own(&Key::Date { from: Instant::from_micros(from), to: Instant::from_micros(from + 1_000) })
            }
            _ => {
                let number = self.view.number(&entry_param(param, modifier));
                if let Modifier::Missing(asked) = modifier {
                    let there = number.is_some_and(|n| on.keys.params().any(|p| p == n));
                    return Ok(there != asked);
                }
                number.is_some_and(|n| on.keys.of(n).any(|key| own(&key)))
            }
        };
        Ok(fit != negated)
    }

    /// Ids of a type that a resource refers to under a parameter.
    pub fn references(&self, on: &Candidate, param: &str, target: &str) -> impl Iterator<Item = Box<str>> {
        let number = self.view.number(param).unwrap_or(0);
        on.keys.of(number).filter_map(move |key| match key {
            Key::Reference { kind, id, .. } if *kind == *target && !id.is_empty() => Some(id),
            _ => None,
        })
    }

    /// Rows of a type that may refer to one resource under a parameter, those of a patient only where they bear the marks too;
    /// none when there are more than `cap`.
    pub fn referrers(
        &self,
        source: &str,
        param: &str,
        kind: &str,
        id: &str,
        probes: &[Vec<Probe>],
        cap: usize,
    ) -> Result<Option<Vec<i64>>, Fault> {
        let test = Test::Reference { kind: Some(kind.into()), id: id.into(), url: "".into() };
        let Some(source) = self.view.number(source) else { return Ok(Some(Vec::new())) };
        self.by_index(source, param, &[test], Modifier::None, probes, cap)
    }

    /// A superset of the rows of a type that fit all filters, in order, as small as the index easily gives; none when it gives
    /// nothing.
    pub fn candidates(&self, kind: i64, filters: &[Filter]) -> Result<Option<Vec<i64>>, Fault> {
        let pin = pinned(filters);
        for step in steps(&self.view.shared.limits) {
            if let Some(rows) = self.proposal(kind, filters, pin, step)? {
                return Ok(Some(rows));
            }
        }
        Ok(None)
    }

    /// The smallest superset of at most `cap` rows that the filters propose, in order; all of one patient's, where only that
    /// patient's can fit.
    pub fn proposal(
        &self,
        kind: i64,
        filters: &[Filter],
        pin: Option<i64>,
        cap: usize,
    ) -> Result<Option<Vec<i64>>, Fault> {
        let probes = self.probes(filters);
        if let Some(pat) = pin {
            return self.of_patient(kind, pat, &probes).map(Some);
        }
        self.least(kind, filters, &probes, cap, 0)
    }

    /// What is common to the proposals of filters all of which must hold. Those that follow references look at resources: they
    /// come last, and only where they may say less than the others.
    fn least(
        &self,
        kind: i64,
        all: &[Filter],
        probes: &[Vec<Probe>],
        cap: usize,
        depth: usize,
    ) -> Result<Option<Vec<i64>>, Fault> {
        let (joins, plain): (Vec<&Filter>, Vec<&Filter>) =
            all.iter().partition(|f| matches!(f, Filter::Chain { .. } | Filter::Has { .. }));
        let mut best: Option<Vec<i64>> = None;
        for (filter, is_join) in
            plain.into_iter().map(|f| (f, false)).chain(joins.into_iter().map(|f| (f, true)))
        {
            let cap = if is_join { best.as_ref().map_or(cap, Vec::len) } else { cap };
            if let Some(found) = self.proposed(kind, filter, probes, cap, depth)? {
                best = Some(match best {
                    Some(best) => common(best, &found),
                    None => found,
                });
            }
        }
        Ok(best)
    }

    /// What the index proposes for one filter; none when it says nothing or more than `cap`. What comes out of a patient's own
    /// rows bears the other filters' marks too.
    fn proposed(
        &self,
        kind: i64,
        filter: &Filter,
        probes: &[Vec<Probe>],
        cap: usize,
        depth: usize,
    ) -> Result<Option<Vec<i64>>, Fault> {
        if depth > NESTING_MAX {
            return Err(Fault::too_costly("the question is nested too deeply"));
        }
        match filter {
            Filter::Param { param, modifier, any_of } => match (&**param, modifier) {
                _ if offered(*modifier, any_of).is_err() => Ok(None),
                (_, Modifier::Not | Modifier::Missing(_)) => Ok(None),
                ("_id", _) => self.by_ids(kind, any_of),
                ("_lastUpdated", _) => Ok(None),
                (param, modifier) => self.by_index(kind, param, any_of, *modifier, probes, cap),
            },
            Filter::Compartment { name, id } if &**name == PATIENT => {
                self.of_patient(kind, pat_of(id), probes).map(Some)
            }
            Filter::Compartment { name, id } => match in_compartment(name, id, &self.view.text(kind)?) {
                Ok(filter) => self.proposed(kind, &filter, probes, cap, depth + 1),
                Err(_) => Ok(Some(Vec::new())),
            },
            Filter::All(all) => self.least(kind, all, probes, cap, depth + 1),
            Filter::Any(any) => {
                let mut all = Vec::new();
                for one in any {
                    match self.proposed(kind, one, probes, cap, depth + 1)? {
                        Some(more) if all.len() + more.len() <= cap => all.extend(more),
                        _ => return Ok(None),
                    }
                }
                Ok(Some(unique(all)))
            }
            Filter::Not(_) => Ok(None),
            Filter::Chain { param, target, filter } => {
                let Some(inner) = self.fitting(target, filter, cap.div_ceil(LOADED), depth)? else {
                    return Ok(None);
                };
                let mut all = Vec::new();
                for one in inner {
                    let test = Test::Reference {
                        kind: Some(target.clone()),
                        id: one.id.as_str().into(),
                        url: "".into(),
                    };
                    match self.by_index(kind, param, &[test], Modifier::None, probes, cap)? {
                        Some(more) if all.len() + more.len() <= cap => all.extend(more),
                        _ => return Ok(None),
                    }
                }
                Ok(Some(unique(all)))
            }
            Filter::Has { source, param, filter } => {
                let Some(inner) = self.fitting(source, filter, cap.div_ceil(LOADED), depth)? else {
                    return Ok(None);
                };
                let own = self.view.text(kind)?;
                let mut all = Vec::new();
                for one in inner {
                    for id in self.references(&one, param, &own) {
                        all.extend(self.rid_of(kind, &id)?);
                    }
                }
                let all = unique(all);
                Ok(Some(all).filter(|all| all.len() <= cap))
            }
        }
    }

    /// All resources of a type that fit, for the inner side of a chain; none when the index proposes more than `cap`.
    fn fitting(
        &self,
        kind: &str,
        filter: &Filter,
        cap: usize,
        depth: usize,
    ) -> Result<Option<Vec<Rc<Candidate>>>, Fault> {
        let Some(number) = self.view.number(kind) else { return Ok(Some(Vec::new())) };
        let filters = std::slice::from_ref(filter);
        let proposed = match pinned(filters) {
            Some(pat) => Some(self.of_patient(number, pat, &self.probes(filters))?),
            None => self.proposed(number, filter, &self.probes(filters), cap, depth + 1)?,
        };
        let Some(proposed) = proposed else { return Ok(None) };
        let mut fitting = Vec::new();
        for rid in proposed {
            if let Some(one) = self.load(rid)?.filter(|c| &*c.kind == kind)
                && self.holds(filter, &one, depth + 1)?
            {
                fitting.push(one);
            }
        }
        Ok(Some(fitting))
    }

    fn by_ids(&self, kind: i64, any_of: &[Test]) -> Result<Option<Vec<i64>>, Fault> {
        let mut all = Vec::new();
        for test in any_of {
            let Test::Token { code: Some(id), .. } = test else { return Ok(None) };
            all.extend(self.rid_of(kind, id)?);
        }
        Ok(Some(unique(all)))
    }

    fn by_index(
        &self,
        kind: i64,
        param: &str,
        any_of: &[Test],
        modifier: Modifier,
        probes: &[Vec<Probe>],
        cap: usize,
    ) -> Result<Option<Vec<i64>>, Fault> {
        let named = entry_param(param, modifier);
        let Some(number) = self.view.number(lead(&named)) else {
            return Ok(Some(Vec::new()));
        };
        let mut all = Vec::new();
        for test in any_of {
            let Some(stretches) = ranges(test, modifier) else { return Ok(None) };
            if let Some(id) = patient_of(param, test) {
                let own = Probe { mark: mark(number, hash48(id)), days: None };
                let mut probes = probes.to_vec();
                probes.push(vec![own]);
                all.extend(self.of_patient(kind, pat_of(id), &probes)?);
            }
            for range in stretches {
                all.extend(self.stretch(kind, number, &range, cap)?);
                if all.len() > cap {
                    return Ok(None);
                }
            }
        }
        Ok(Some(unique(all)))
    }

    /// Row numbers of one stretch of everybody's rows, at most one more than `cap`. Where values lie apart by their units, each
    /// unit's part is passed to, so that nothing between is read.
    fn stretch(&self, kind: i64, param: i64, range: &Range, cap: usize) -> Result<Vec<i64>, Fault> {
        if range.hash.is_some() || (range.from.is_none() && range.to.is_none()) {
            return self.stretch_at(kind, param, range, cap);
        }
        let next = "SELECT MIN(hash) FROM gx WHERE kind = ?1 AND param = ?2 AND hash > ?3";
        let (mut found, mut passed) = (Vec::new(), i64::MIN);
        for _ in 0..APART_MAX {
            let hash: Option<i64> = self.view.one(next, [kind, param, passed], |r| r.get(0))?.flatten();
            let Some(hash) = hash.filter(|_| found.len() <= cap) else { return Ok(found) };
            let part = Range { hash: Some(hash), ..range.clone() };
            found.extend(self.stretch_at(kind, param, &part, cap - found.len())?);
            passed = hash;
        }
        self.stretch_at(kind, param, range, cap)
    }

    fn stretch_at(&self, kind: i64, param: i64, range: &Range, cap: usize) -> Result<Vec<i64>, Fault> {
        let mut sql = String::from("SELECT rid FROM gx WHERE kind = ? AND param = ?");
        let mut values: Vec<SqlValue> = [kind, param].map(SqlValue::Integer).into();
        if let Some(hash) = range.hash {
            sql.push_str(" AND hash = ?");
            values.push(SqlValue::Integer(hash));
        }
        for (end, condition) in [(&range.from, " AND lo >= ?"), (&range.to, " AND lo <= ?")] {
            if let Some(cell) = end {
                sql.push_str(condition);
                values.push(owned(cell)?);
            }
        }
        sql.push_str(" LIMIT ?");
        values.push(SqlValue::Integer(to_limit(cap.saturating_add(1))));
        self.view.all(&sql, params_from_iter(values), |r| r.get(0))
    }

    /// One patient's rows of a type that bear all marks: one stretch of that patient's own table.
    fn of_patient(&self, kind: i64, pat: i64, probes: &[Vec<Probe>]) -> Result<Vec<i64>, Fault> {
        let sql = "SELECT rid, marks FROM ix WHERE pat = ?1 AND kind = ?2";
        let mut statement = self.view.conn.prepare_cached(sql).or_fault()?;
        let mut rows = statement.query([pat, kind]).or_fault()?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().or_fault()? {
            let marks = row.get_ref(1).or_fault()?.as_blob().unwrap_or_default();
            if probes.iter().all(|any| any.iter().any(|probe| bears(marks, *probe))) {
                found.push(row.get(0).or_fault()?);
            }
        }
        Ok(found)
    }

    /// What a patient's row must bear to fit the filters: one of each list. Filters that marks say nothing about give no list.
    fn probes(&self, filters: &[Filter]) -> Vec<Vec<Probe>> {
        let mut all = Vec::new();
        for filter in filters {
            match filter {
                Filter::All(inner) => all.extend(self.probes(inner)),
                Filter::Param { param, modifier, any_of } => {
                    all.extend(self.probes_of(param, *modifier, any_of));
                }
                _ => {}
            }
        }
        all
    }

    fn probes_of(&self, param: &str, modifier: Modifier, any_of: &[Test]) -> Option<Vec<Probe>> {
        let silent =
            matches!(modifier, Modifier::Not | Modifier::Missing(_)) || offered(modifier, any_of).is_err();
        if silent || matches!(param, "_id" | "_lastUpdated") {
            return None;
        }
        let named = entry_param(param, modifier);
        // Without a number nothing bears it: the list that nothing satisfies.
        let Some(number) = self.view.number(lead(&named)) else { return Some(Vec::new()) };
        let mut probes = Vec::new();
        for test in any_of {
            for range in ranges(test, modifier)? {
                probes.push(Probe { mark: mark(number, range.hash?), days: days(&range) });
            }
        }
        Some(probes)
    }
}

/// How many rows an index stretch may have before another way is tried instead, step by step.
pub(super) fn steps(limits: &Limits) -> impl Iterator<Item = usize> {
    let most = limits.search_candidates_max;
    let grown = move |step: &usize| (*step < most).then(|| step.saturating_mul(STEP).min(most));
    std::iter::successors(Some(limits.search_step_rows.clamp(1, most.max(1))), grown)
}

/// Codes above and below others and those of value sets were spelled out by who knows a terminology
/// (`badiano_fhir::search::with_codes`); the parts of resources were put in the
/// question's place before ([`Finder::with_parts`]).
fn offered(modifier: Modifier, any_of: &[Test]) -> Result<(), Fault> {
    match (modifier, any_of) {
        (Modifier::Above | Modifier::Below, [Test::Uri(_), ..]) => Ok(()),
        (Modifier::Above | Modifier::Below | Modifier::In | Modifier::NotIn, _) => Err(Fault::not_supported(
            "codes above, below, in and not-in are spelled out before the index is asked",
        )),
        _ => Ok(()),
    }
}

/// The patient of a reference that is found through that patient's own rows.
fn patient_of<'t>(param: &str, test: &'t Test) -> Option<&'t str> {
    match test {
        Test::Reference { kind, id, .. } if !id.is_empty() && lead(param) == "subject" => {
            kind.as_deref().is_none_or(|k| k == "Patient").then_some(&**id)
        }
        _ => None,
    }
}

/// The days of a stretch of dates.
fn days(range: &Range) -> Option<(i32, i32)> {
    let end = |cell: &Option<Cell>| match cell {
        Some(Cell::Moment(second)) => Some(day(*second)),
        _ => None,
    };
    match (end(&range.from), end(&range.to)) {
        (None, None) => None,
        (from, to) => Some((from.unwrap_or(i32::MIN), to.unwrap_or(i32::MAX))),
    }
}

fn owned(cell: &Cell) -> Result<SqlValue, Fault> {
    match cell.to_sql() {
        Ok(ToSqlOutput::Owned(value)) => Ok(value),
        Ok(ToSqlOutput::Borrowed(value)) => {
            value.try_into().map_err(|_| Fault::bug("a text that is no text"))
        }
        _ => Err(Fault::bug("an index cell has another form")),
    }
}

/// The rows that stand in both lists, which are in order.
fn common(mut rows: Vec<i64>, others: &[i64]) -> Vec<i64> {
    rows.retain(|rid| others.binary_search(rid).is_ok());
    rows
}

fn unique(mut rows: Vec<i64>) -> Vec<i64> {
    rows.sort_unstable();
    rows.dedup();
    rows
}

/// Under which name entries stand: `:of-type` has its own, with `system|code` of the type as the system.
fn entry_param(param: &str, modifier: Modifier) -> String {
    match modifier {
        Modifier::OfType => format!("{param}:of-type"),
        _ => param.to_owned(),
    }
}

/// The one patient that all answers must concern, where the filters say so.
pub(super) fn pinned(filters: &[Filter]) -> Option<i64> {
    filters.iter().find_map(|filter| match filter {
        Filter::All(all) => pinned(all),
        Filter::Compartment { name, id } if &**name == PATIENT => Some(pat_of(id)),
        Filter::Param { param, modifier: Modifier::None, any_of } => match (&**param, any_of.as_slice()) {
            ("patient" | "subject", [Test::Reference { kind, id, url }])
                if !id.is_empty() && url.is_empty() =>
            {
                let is_patient = match kind {
                    Some(kind) => &**kind == "Patient",
                    None => &**param == "patient",
                };
                is_patient.then(|| pat_of(id))
            }
            _ => None,
        },
        _ => None,
    })
}
