//! The index rows that find a resource: rows of everybody (`gx`) and one row for each patient concerned (`ix`) (FHIR R4, search.html).
//!
//! A row may find too much (two codes may share a hash, parameters that say the same share a row), never too little: the
//! entries beside the body decide.

use super::keys::Keys;
use crate::resources::pat_of;
use badiano_fhir::search::Key;
use ring::digest;
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Value as SqlValue, ValueRef};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Text in an index row is cut here; the bytes beside the resource keep all of it.
const INDEX_TEXT_CHARS_MAX: usize = 48;

/// A date up to this wide is found by its beginning alone; wider ones stand apart.
pub(crate) const NARROW_MICROS: i64 = 400 * 86_400 * 1_000_000;
/// `hash` of a wide date.
pub(crate) const WIDE: i64 = 1;

const DAY_SECONDS: i64 = 86_400;

/// Under which parameter the rows of a parameter stand: what several parameters say of the same element is one row.
/// Any table would be right, since reading goes through it as writing does; this one saves most rows.
pub(crate) fn lead(param: &str) -> &str {
    match param {
        "combo-code" | "component-code" => "code",
        "code-value-concept" | "code-value-date" | "code-value-quantity" | "code-value-string" => "code",
        "combo-code-value-concept" | "combo-code-value-quantity" => "code",
        "component-code-value-concept" | "component-code-value-quantity" => "code",
        "component-value-quantity" | "combo-value-quantity" => "value-quantity",
        "component-value-concept" | "combo-value-concept" => "value-concept",
        "family" | "given" | "phonetic" => "name",
        "address-city" | "address-country" | "address-postalcode" | "address-state" => "address",
        "email" | "phone" => "telecom",
        "patient" => "subject",
        other => other,
    }
}

/// The value of an index row within its parameter and hash.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    /// The hash says it all.
    Nothing,
    /// Whole seconds since 1970, rounded down.
    Moment(i64),
    Real(f64),
    Text(Box<str>),
}

impl Cell {
    /// The second in which a moment lies: rounding down keeps the order.
    pub fn moment(micros: i64) -> Self {
        Cell::Moment(micros.div_euclid(1_000_000))
    }

    fn order(&self, other: &Cell) -> Ordering {
        let rank = |cell: &Cell| match cell {
            Cell::Nothing => 0,
            Cell::Moment(_) => 1,
            Cell::Real(_) => 2,
            Cell::Text(_) => 3,
        };
        match (self, other) {
            (Cell::Moment(a), Cell::Moment(b)) => a.cmp(b),
            (Cell::Real(a), Cell::Real(b)) => a.total_cmp(b),
            (Cell::Text(a), Cell::Text(b)) => a.cmp(b),
            (a, b) => rank(a).cmp(&rank(b)),
        }
    }
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Cell::Nothing => ToSqlOutput::Owned(SqlValue::Integer(0)),
            Cell::Moment(n) => ToSqlOutput::Owned(SqlValue::Integer(*n)),
            Cell::Real(n) => ToSqlOutput::Owned(SqlValue::Real(*n)),
            Cell::Text(t) => ToSqlOutput::Borrowed(ValueRef::Text(t.as_bytes())),
        })
    }
}

/// One index row without its type and resource.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IndexRow {
    /// Number of the leading parameter.
    pub param: i64,
    pub hash: i64,
    pub lo: Cell,
    /// A reference to a patient: found through that patient's own rows, so not among those of everybody.
    pub of_patient: bool,
}

/// 48 bits of a SHA-256: six bytes in a row.
pub(crate) fn hash48(text: &str) -> i64 {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let mut first = [0u8; 8];
    first[2..].copy_from_slice(&hash.as_ref()[..6]);
    i64::from_be_bytes(first)
}

/// `hash` of a quantity with its unit as written, and in base units.
pub(crate) fn unit_hash(code: &str) -> i64 {
    hash48(&format!("unit {code}"))
}
pub(crate) fn base_unit_hash(code: &str) -> i64 {
    hash48(&format!("base {code}"))
}
/// `hash` of the identifier inside a reference.
pub(crate) fn identifier_hash(value: &str) -> i64 {
    hash48(&format!("identifier {value}"))
}

/// The beginning of a text, as index rows keep it.
pub(crate) fn index_text(folded: &str) -> &str {
    match folded.char_indices().nth(INDEX_TEXT_CHARS_MAX) {
        Some((at, _)) => &folded[..at],
        None => folded,
    }
}

/// A row of a patient's own table for one value: what a stretch of `gx` is for everybody.
pub(crate) fn mark(param: i64, hash: i64) -> u32 {
    let mixed = (hash ^ param.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64.cast_signed())).cast_unsigned();
    u32::try_from((mixed >> 16) & u64::from(u32::MAX)).unwrap_or(0)
}

/// The day of a second.
pub(crate) fn day(second: i64) -> i32 {
    i32::try_from(second.div_euclid(DAY_SECONDS)).unwrap_or(if second < 0 { i32::MIN } else { i32::MAX })
}

fn rows_of(param: i64, key: &Key, pins: bool, out: &mut Vec<IndexRow>) {
    let mut push = |hash: i64, lo: Cell, of_patient: bool| out.push(IndexRow { param, hash, lo, of_patient });
    match key {
        Key::Token { code, .. } => push(hash48(code), Cell::Nothing, false),
        Key::Text { folded, .. } => push(0, Cell::Text(index_text(folded).into()), false),
        Key::Date { from, to } => {
            let hash = if to.micros.saturating_sub(from.micros) > NARROW_MICROS { WIDE } else { 0 };
            push(hash, Cell::moment(from.micros), false);
        }
        // The number as written stands in the middle of its range.
        Key::Number { low, high } => push(0, Cell::Real(f64::midpoint(*low, *high)), false),
        Key::Quantity { low, high, code, canonical, .. } => {
            push(unit_hash(code), Cell::Real(f64::midpoint(*low, *high)), false);
            if let Some((low, high, unit)) = canonical {
                push(base_unit_hash(unit), Cell::Real(f64::midpoint(*low, *high)), false);
            }
        }
        Key::Reference { kind, id, url, identifier } => {
            if !id.is_empty() {
                push(hash48(id), Cell::Nothing, pins && &**kind == "Patient");
            }
            if !url.is_empty() {
                push(hash48(url), Cell::Nothing, false);
            }
            if let Some((_, value)) = identifier {
                push(identifier_hash(value), Cell::Nothing, false);
            }
        }
        Key::Uri(uri) => push(hash48(uri), Cell::Nothing, false),
        // Found by its first component; the others are compared on the entries.
        Key::Composite(parts) => {
            if let Some(first) = parts.first() {
                rows_of(param, first, pins, out);
            }
        }
        Key::Missing => {}
    }
}

/// How the numbers of parameters are read: the number of the leading one, and whether it pins a patient.
pub(crate) trait Leads {
    fn lead_of(&self, param: i64) -> (i64, bool);
}

/// All index rows of a resource, in order, none twice.
pub(crate) fn index_rows(keys: &Keys, leads: &impl Leads) -> Vec<IndexRow> {
    let mut out = Vec::new();
    for (param, key) in keys.iter() {
        let (lead, pins) = leads.lead_of(param);
        rows_of(lead, key, pins, &mut out);
    }
    out.sort_by(|a, b| (a.param, a.hash).cmp(&(b.param, b.hash)).then_with(|| a.lo.order(&b.lo)));
    // Of two that are the same but for the patient, the one that everybody finds stays.
    out.dedup_by(|b, a| {
        let same = (a.param, a.hash, &a.lo) == (b.param, b.hash, &b.lo);
        a.of_patient = if same { a.of_patient && b.of_patient } else { a.of_patient };
        same
    });
    out
}

/// Under which patients a resource stands: those it concerns, and those it names by `patient` or `subject`.
pub(crate) fn patients(pats: &[i64], keys: &Keys, leads: &impl Leads) -> BTreeSet<i64> {
    let mut under: BTreeSet<i64> = pats.iter().copied().filter(|pat| *pat != 0).collect();
    for (param, key) in keys.iter() {
        if let Key::Reference { kind, id, .. } = key
            && &**kind == "Patient"
            && !id.is_empty()
            && leads.lead_of(param).1
        {
            under.insert(pat_of(id));
        }
    }
    under
}

/// The bytes of a patient's row: the marks of what the resource says (4 bytes each, their count first), then those of its
/// dates, each with its day (8 bytes).
pub(crate) fn marks(rows: &[IndexRow]) -> Vec<u8> {
    let mut plain: Vec<u32> =
        rows.iter().filter(|r| !matches!(r.lo, Cell::Moment(_))).map(|r| mark(r.param, r.hash)).collect();
    plain.sort_unstable();
    plain.dedup();
    plain.truncate(usize::from(u16::MAX));
    let count = u16::try_from(plain.len()).unwrap_or(u16::MAX);
    let mut out = count.to_le_bytes().to_vec();
    plain.iter().for_each(|m| out.extend_from_slice(&m.to_le_bytes()));
    for row in rows {
        if let Cell::Moment(second) = row.lo {
            out.extend_from_slice(&mark(row.param, row.hash).to_le_bytes());
            out.extend_from_slice(&day(second).to_le_bytes());
        }
    }
    out
}

/// What a patient's row must bear: a mark, and within which days where it is known to be a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Probe {
    pub mark: u32,
    pub days: Option<(i32, i32)>,
}

/// Whether the bytes of a patient's row bear a mark.
pub(crate) fn bears(marks: &[u8], probe: Probe) -> bool {
    let Some((count, rest)) = marks.split_first_chunk::<2>() else { return false };
    let Some((plain, dates)) = rest.split_at_checked(usize::from(u16::from_le_bytes(*count)) * 4) else {
        return true;
    };
    let number = |b: &[u8]| u32::from_le_bytes(b.try_into().unwrap_or_default());
    let (from, to) = probe.days.unwrap_or((i32::MIN, i32::MAX));
    let dated = dates.chunks_exact(8).any(|d| {
        let on = number(&d[4..]).cast_signed();
        number(&d[..4]) == probe.mark && from <= on && on <= to
    });
    dated || (probe.days.is_none() && plain.chunks_exact(4).any(|m| number(m) == probe.mark))
}
