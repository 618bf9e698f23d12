//! Which index leads a question over studies, newest first (PS3.4 C.4.1): the list itself, one value, or a few studies.

use super::attributes::{INDEXED, fold, is_name, level_of, words};
use super::find::{MODALITIES_IN_STUDY, SERIES_UID, SOP_UID, STUDY_UID};
use super::matching::{number, wildcard};
use super::rows::words_of;
use crate::faults::OrFault;
use crate::view::{View, limit as to_limit};
use badiano_dicom::query::{Condition, Level, Query};
use badiano_kernel::Fault;
use rusqlite::{Params, Row, params};

/// Beyond so many studies of a stretch of values, walking the list finds a page sooner.
const FEW_MAX: usize = 5_000;
/// One value of so many studies is walked as it stands; of fewer it is compared with other conditions.
const VALUE_PROBED: usize = 1_000;

/// Where the studies that may fit come from. All give them newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lead {
    /// The list of studies.
    List,
    /// All that bear this value under this key.
    Value(i64, String),
    /// These.
    Few(Vec<i64>),
}

pub(super) const BY_LIST: &str =
    "FROM study t WHERE t.moment >= ?1 AND t.moment < ?2 ORDER BY t.moment DESC, t.n DESC";
pub(super) const BY_VALUE: &str = "FROM dx d JOIN study t ON t.n = d.study \
     WHERE d.tag = ?3 AND d.folded = ?4 AND d.moment >= ?1 AND d.moment < ?2 ORDER BY d.moment DESC, d.study DESC";
pub(super) const PROBE: &str = "SELECT moment, study FROM dx WHERE tag = ?3 AND folded = ?4 AND moment >= ?1 AND moment < ?2 \
     ORDER BY moment DESC, study DESC LIMIT ?5";
pub(super) const STRETCH: &str = "SELECT moment, study FROM dx WHERE tag = ?3 AND folded >= ?4 AND folded < ?5 \
     AND moment >= ?1 AND moment < ?2 LIMIT ?6";
pub(super) const EVERY_FORM: &str =
    "SELECT folded, moment, study FROM dx WHERE tag = ?3 AND moment >= ?1 AND moment < ?2";

/// What an index can do for one condition.
enum Way {
    Uids(&'static str, Vec<String>),
    Value(i64, String),
    /// Forms from the first, before the second.
    Stretch(i64, String, String),
    Pattern(i64, String),
}

type Dated = Vec<(String, i64)>;

/// A question's stretch of moments, and how many rows of indexes it took to find the lead.
pub(super) struct Leading<'a> {
    view: &'a View<'a>,
    from: &'a str,
    to: &'a str,
    pub touched: u64,
}

impl<'a> Leading<'a> {
    pub fn new(view: &'a View<'a>, moments: &'a (String, String)) -> Self {
        Leading { view, from: &moments.0, to: &moments.1, touched: 0 }
    }

    /// The best lead at hand: UIDs always, then what gives the fewest studies.
    pub fn choose(&mut self, query: &Query) -> Result<Lead, Fault> {
        let ways: Vec<Way> = query.conditions.iter().flat_map(|(t, c)| ways(query, number(*t), c)).collect();
        let mut named: Option<Dated> = None;
        for way in &ways {
            if let Way::Uids(sql, uids) = way {
                let found = self.by_uids(sql, uids)?;
                named = Some(match named {
                    None => found,
                    Some(before) => before.into_iter().filter(|one| found.contains(one)).collect(),
                });
            }
        }
        if let Some(few) = named {
            return Ok(in_order(few));
        }
        let (mut value, mut few) = (None, None::<Dated>);
        for way in &ways {
            // More than the fewest so far is of no use.
            let most = few.as_ref().map_or(FEW_MAX, Vec::len);
            let found = match way {
                Way::Value(key, form) => {
                    let probed = self.probe(*key, form, most.min(VALUE_PROBED))?;
                    if probed.is_none() && value.is_none() {
                        value = Some(Lead::Value(*key, form.clone()));
                    }
                    probed
                }
                Way::Stretch(key, from, to) => self.stretch(*key, from, to, most)?,
                Way::Uids(..) | Way::Pattern(..) => None,
            };
            few = found.or(few);
        }
        if few.is_none() && value.is_none() {
            for way in &ways {
                if let Way::Pattern(key, pattern) = way
                    && few.is_none()
                {
                    few = self.pattern(*key, pattern)?;
                }
            }
        }
        Ok(few.map(in_order).or(value).unwrap_or(Lead::List))
    }

    fn by_uids(&mut self, sql: &str, uids: &[String]) -> Result<Dated, Fault> {
        let mut found = Vec::new();
        for uid in uids {
            found.extend(self.view.all(sql, [uid], dated)?);
        }
        self.touched += found.len() as u64;
        Ok(found)
    }

    /// The studies of one value; nothing when there are too many to be worth comparing.
    fn probe(&mut self, key: i64, form: &str, most: usize) -> Result<Option<Dated>, Fault> {
        let (from, to, limit) = (self.from, self.to, to_limit(most + 1));
        self.gather(PROBE, params![from, to, key, form, limit], most)
    }

    fn stretch(&mut self, key: i64, begin: &str, end: &str, most: usize) -> Result<Option<Dated>, Fault> {
        let (from, to, limit) = (self.from, self.to, to_limit(most + 1));
        self.gather(STRETCH, params![from, to, key, begin, end, limit], most)
    }

    fn gather(&mut self, sql: &str, params: impl Params, most: usize) -> Result<Option<Dated>, Fault> {
        let found = self.view.all(sql, params, dated)?;
        self.touched += found.len() as u64;
        Ok((found.len() <= most).then_some(found))
    }

    /// No index helps a pattern without a beginning: the forms are compared, which is still less than the studies.
    fn pattern(&mut self, key: i64, pattern: &str) -> Result<Option<Dated>, Fault> {
        let mut found = Dated::new();
        let touched = &mut self.touched;
        self.view.until(EVERY_FORM, params![self.from, self.to, key], |r| {
            *touched += 1;
            if wildcard(pattern, r.get_ref(0)?.as_str()?) {
                found.push((r.get(1)?, r.get(2)?));
            }
            Ok(found.len() <= FEW_MAX)
        })?;
        Ok((found.len() <= FEW_MAX).then_some(found))
    }
}

fn dated(r: &Row<'_>) -> rusqlite::Result<(String, i64)> {
    Ok((r.get(0)?, r.get(1)?))
}

fn in_order(mut few: Dated) -> Lead {
    few.sort_unstable_by(|a, b| b.cmp(a));
    few.dedup();
    Lead::Few(few.into_iter().map(|(_, n)| n).collect())
}

/// What can be done for one condition of this question; a condition below its level does not cut studies off, so it leads to none.
fn ways(query: &Query, tag: u32, condition: &Condition) -> Vec<Way> {
    if let Some(sql) = by_uid(tag) {
        return match condition {
            Condition::Single(one) if !one.is_empty() => vec![Way::Uids(sql, vec![one.clone()])],
            Condition::UidList(all) if !all.is_empty() => vec![Way::Uids(sql, all.clone())],
            _ => Vec::new(),
        };
    }
    let tag = if tag == MODALITIES_IN_STUDY { super::MODALITY } else { tag };
    let below = level_of(tag) > query.level.max(Level::Study) && tag != super::MODALITY;
    if below || !INDEXED.contains(&tag) {
        return Vec::new();
    }
    let key = i64::from(tag);
    let begun = |key: i64, begin: &str| Way::Stretch(key, begin.to_owned(), format!("{begin}\u{10ffff}"));
    match condition {
        Condition::Single(one) if query.fuzzy && is_name(tag) => {
            let words = words(one).into_iter().map(|w| w.trim_end_matches('*').to_owned());
            words.filter(|w| !w.is_empty()).map(|w| begun(words_of(tag), &w)).collect()
        }
        Condition::Single(one) if !one.is_empty() => vec![Way::Value(key, fold(tag, one))],
        Condition::Wildcard(pattern) => {
            let folded = fold(tag, pattern);
            let begin = folded.split(['*', '?']).next().unwrap_or_default();
            match begin.is_empty() {
                true if folded.chars().all(|c| c == '*') => Vec::new(),
                true => vec![Way::Pattern(key, folded)],
                false => vec![begun(key, begin)],
            }
        }
        _ => Vec::new(),
    }
}

fn by_uid(tag: u32) -> Option<&'static str> {
    match tag {
        STUDY_UID => Some("SELECT moment, n FROM study WHERE uid = ?1"),
        SERIES_UID => {
            Some("SELECT t.moment, t.n FROM series s JOIN study t ON t.n = s.study WHERE s.uid = ?1")
        }
        SOP_UID => Some(
            "SELECT t.moment, t.n FROM instance i JOIN series s ON s.n = i.series JOIN study t ON t.n = s.study \
             WHERE i.sop = ?1",
        ),
        _ => None,
    }
}

impl View<'_> {
    /// The studies that a lead gives, until the caller has enough.
    pub(super) fn led(
        &self,
        lead: &Lead,
        (from, to): (&str, &str),
        columns: &str,
        mut each: impl FnMut(&Row<'_>) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        let mut walk = |sql: &str, params: &dyn Fn(&mut rusqlite::Statement<'_>) -> rusqlite::Result<()>| {
            let mut statement = self.conn.prepare_cached(sql).or_fault()?;
            params(&mut statement).or_fault()?;
            let mut rows = statement.raw_query();
            while let Some(row) = rows.next().or_fault()? {
                if !each(row)? {
                    return Ok(false);
                }
            }
            Ok::<bool, Fault>(true)
        };
        let stretch = |s: &mut rusqlite::Statement<'_>| {
            s.raw_bind_parameter(1, from)?;
            s.raw_bind_parameter(2, to)
        };
        match lead {
            Lead::List => walk(&format!("SELECT {columns} {BY_LIST}"), &stretch).map(drop),
            Lead::Value(key, form) => walk(&format!("SELECT {columns} {BY_VALUE}"), &|s| {
                stretch(s)?;
                s.raw_bind_parameter(3, key)?;
                s.raw_bind_parameter(4, form)
            })
            .map(drop),
            Lead::Few(numbers) => {
                let sql = format!("SELECT {columns} FROM study t WHERE t.n = ?1");
                for n in numbers {
                    if !walk(&sql, &|s| s.raw_bind_parameter(1, n))? {
                        break;
                    }
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::migrate;
    use rusqlite::Connection;

    #[test]
    fn every_way_to_studies_is_one_search_of_an_index_without_sorting() {
        let mut conn = Connection::open_in_memory().expect("a database");
        migrate(&mut conn).expect("the newest shape");
        for (sql, wanted) in [
            (
                format!("SELECT t.n {BY_LIST}"),
                "SEARCH t USING COVERING INDEX study_moment (moment>? AND moment<?)",
            ),
            (
                format!("SELECT t.uid {BY_VALUE}"),
                "SEARCH d USING PRIMARY KEY (tag=? AND folded=? AND moment>? AND moment<?)",
            ),
            (PROBE.to_owned(), "SEARCH dx USING PRIMARY KEY (tag=? AND folded=? AND moment>? AND moment<?)"),
            (STRETCH.to_owned(), "SEARCH dx USING PRIMARY KEY (tag=? AND folded>? AND folded<?)"),
            (EVERY_FORM.to_owned(), "SEARCH dx USING PRIMARY KEY (tag=?)"),
        ] {
            let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a plan");
            for n in 1..=statement.parameter_count() {
                statement.raw_bind_parameter(n, 1).expect("a parameter");
            }
            let mut rows = statement.raw_query();
            let mut plan = Vec::new();
            while let Some(row) = rows.next().expect("a line of the plan") {
                plan.push(row.get::<_, String>(3).expect("its text"));
            }
            assert_eq!(plan.first().map(String::as_str), Some(wanted), "{sql}");
            assert!(!plan.iter().any(|l| l.contains("TEMP B-TREE") || l.contains("SCAN")), "{plan:?}");
        }
    }
}
