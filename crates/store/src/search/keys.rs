//! Search entries of a resource as bytes beside it, and the index rows that find it (FHIR R4, search.html).
//!
//! The bytes decide what fits; an index row may find too much (two codes may share a hash), never too little.

use crate::resources::pat_of;
use badiano_fhir::search::Key;
use badiano_kernel::{Fault, Instant};
use ring::digest;
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Value as SqlValue, ValueRef};
use std::collections::BTreeSet;

/// What a resource says, by the number of the parameter.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Keys {
    all: Vec<(i64, Key)>,
}

/// Text in an index row is cut here; the bytes beside the resource keep all of it.
const INDEX_TEXT_CHARS_MAX: usize = 64;

/// A date up to this wide is found by its beginning alone; wider ones stand apart.
pub(crate) const NARROW_MICROS: i64 = 400 * 86_400 * 1_000_000;
/// `hash` of a wide date.
pub(crate) const WIDE: i64 = 1;

impl Keys {
    pub fn push(&mut self, param: i64, key: Key) {
        self.all.push((param, key));
    }
    pub fn iter(&self) -> impl Iterator<Item = (i64, &Key)> {
        self.all.iter().map(|(p, k)| (*p, k))
    }
    /// All values under one parameter.
    pub fn of(&self, param: i64) -> impl Iterator<Item = &Key> {
        self.all.iter().filter(move |(p, _)| *p == param).map(|(_, k)| k)
    }
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (param, key) in &self.all {
            put_number(&mut out, u64::try_from(*param).unwrap_or(0));
            encode_key(&mut out, key);
        }
        out
    }
    pub fn decode(bytes: &[u8]) -> Result<Keys, Fault> {
        let mut at = Reader { bytes };
        let mut keys = Keys::default();
        while !at.bytes.is_empty() {
            let read = at.number().and_then(|p| Some((i64::try_from(p).ok()?, at.key(0)?)));
            let (param, key) = read.ok_or_else(|| Fault::unavailable("stored search entries are damaged"))?;
            keys.push(param, key);
        }
        Ok(keys)
    }
}

fn put_number(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(u8::try_from(n & 0x7f).unwrap_or(0) | 0x80);
        n >>= 7;
    }
    out.push(u8::try_from(n).unwrap_or(0));
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn encode_key(out: &mut Vec<u8>, key: &Key) {
    match key {
        Key::Token { system, code, text } => {
            out.push(0);
            [system, code, text].into_iter().for_each(|t| put_text(out, t));
        }
        Key::Text { folded, exact } => {
            out.push(1);
            [folded, exact].into_iter().for_each(|t| put_text(out, t));
        }
        Key::Date { from, to } => {
            out.push(2);
            out.extend_from_slice(&from.micros.to_le_bytes());
            out.extend_from_slice(&to.micros.to_le_bytes());
        }
        Key::Number { low, high } => {
            out.push(3);
            [low, high].into_iter().for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
        }
        Key::Quantity { low, high, system, code, canonical } => {
            out.push(4);
            [low, high].into_iter().for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
            [system, code].into_iter().for_each(|t| put_text(out, t));
            out.push(u8::from(canonical.is_some()));
            if let Some((low, high, unit)) = canonical {
                [low, high].into_iter().for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
                put_text(out, unit);
            }
        }
        Key::Reference { kind, id, url, identifier } => {
            out.push(5);
            [kind, id, url].into_iter().for_each(|t| put_text(out, t));
            out.push(u8::from(identifier.is_some()));
            if let Some((system, value)) = identifier {
                [system, value].into_iter().for_each(|t| put_text(out, t));
            }
        }
        Key::Uri(uri) => {
            out.push(6);
            put_text(out, uri);
        }
        Key::Composite(parts) => {
            out.push(7);
            put_number(out, parts.len() as u64);
            parts.iter().for_each(|p| encode_key(out, p));
        }
        Key::Missing => out.push(8),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let (now, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(now)
    }
    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|b| b[0])
    }
    fn number(&mut self) -> Option<u64> {
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let b = self.byte()?;
            n |= u64::from(b & 0x7f) << shift;
            if b < 0x80 {
                return Some(n);
            }
        }
        None
    }
    fn text(&mut self) -> Option<Box<str>> {
        let length = usize::try_from(self.number()?).ok()?;
        std::str::from_utf8(self.take(length)?).ok().map(Into::into)
    }
    fn eight(&mut self) -> Option<[u8; 8]> {
        self.take(8)?.try_into().ok()
    }
    fn float(&mut self) -> Option<f64> {
        self.eight().map(f64::from_le_bytes)
    }
    fn moment(&mut self) -> Option<Instant> {
        self.eight().map(|b| Instant::from_micros(i64::from_le_bytes(b)))
    }
    fn key(&mut self, depth: usize) -> Option<Key> {
        Some(match self.byte()? {
            0 => Key::Token { system: self.text()?, code: self.text()?, text: self.text()? },
            1 => Key::Text { folded: self.text()?, exact: self.text()? },
            2 => Key::Date { from: self.moment()?, to: self.moment()? },
            3 => Key::Number { low: self.float()?, high: self.float()? },
            4 => Key::Quantity {
                low: self.float()?,
                high: self.float()?,
                system: self.text()?,
                code: self.text()?,
                canonical: match self.byte()? {
                    0 => None,
                    _ => Some((self.float()?, self.float()?, self.text()?)),
                },
            },
            5 => Key::Reference {
                kind: self.text()?,
                id: self.text()?,
                url: self.text()?,
                identifier: match self.byte()? {
                    0 => None,
                    _ => Some((self.text()?, self.text()?)),
                },
            },
            6 => Key::Uri(self.text()?),
            7 if depth < 4 => {
                let count = usize::try_from(self.number()?).ok().filter(|n| *n <= 64)?;
                Key::Composite((0..count).map(|_| self.key(depth + 1)).collect::<Option<Vec<Key>>>()?)
            }
            8 => Key::Missing,
            _ => return None,
        })
    }
}

/// 64 bits of a SHA-256.
pub(crate) fn hash64(text: &str) -> i64 {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let mut first = [0u8; 8];
    first.copy_from_slice(&hash.as_ref()[..8]);
    i64::from_be_bytes(first)
}

/// A cell of an index row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Int(i64),
    Real(f64),
    Text(Box<str>),
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Cell::Int(n) => ToSqlOutput::Owned(SqlValue::Integer(*n)),
            Cell::Real(n) => ToSqlOutput::Owned(SqlValue::Real(*n)),
            Cell::Text(t) => ToSqlOutput::Borrowed(ValueRef::Text(t.as_bytes())),
        })
    }
}

/// One index row without its patient, kind and parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IndexRow {
    pub hash: i64,
    pub lo: Cell,
    pub hi: Cell,
}

/// `hash` of a quantity without regard to its unit, with its unit as written, and in base units.
pub(crate) fn unit_hash(code: &str) -> i64 {
    hash64(&format!("unit {code}"))
}
pub(crate) fn base_unit_hash(code: &str) -> i64 {
    hash64(&format!("base {code}"))
}
/// `hash` of the identifier inside a reference.
pub(crate) fn identifier_hash(value: &str) -> i64 {
    hash64(&format!("identifier {value}"))
}

/// The beginning of a text, as index rows keep it.
pub(crate) fn index_text(folded: &str) -> &str {
    match folded.char_indices().nth(INDEX_TEXT_CHARS_MAX) {
        Some((at, _)) => &folded[..at],
        None => folded,
    }
}

/// The number as written, which stands in the middle of its range, and the width of the range.
fn written(hash: i64, low: f64, high: f64) -> IndexRow {
    IndexRow { hash, lo: Cell::Real(f64::midpoint(low, high)), hi: Cell::Real(high - low) }
}

fn rows_of(key: &Key, out: &mut Vec<IndexRow>) {
    let zero = || Cell::Int(0);
    match key {
        Key::Token { system, code, .. } => {
            out.push(IndexRow { hash: hash64(code), lo: Cell::Int(hash64(system)), hi: zero() });
        }
        Key::Text { folded, .. } => {
            out.push(IndexRow { hash: 0, lo: Cell::Text(index_text(folded).into()), hi: zero() });
        }
        Key::Date { from, to } => {
            let hash = if to.micros.saturating_sub(from.micros) > NARROW_MICROS { WIDE } else { 0 };
            out.push(IndexRow { hash, lo: Cell::Int(from.micros), hi: Cell::Int(to.micros) });
        }
        Key::Number { low, high } => out.push(written(0, *low, *high)),
        Key::Quantity { low, high, code, canonical, .. } => {
            out.push(written(unit_hash(code), *low, *high));
            if let Some((low, high, unit)) = canonical {
                out.push(written(base_unit_hash(unit), *low, *high));
            }
        }
        Key::Reference { kind, id, url, identifier } => {
            if !id.is_empty() {
                out.push(IndexRow { hash: hash64(id), lo: Cell::Int(hash64(kind)), hi: zero() });
            }
            if !url.is_empty() {
                out.push(IndexRow { hash: hash64(url), lo: zero(), hi: zero() });
            }
            if let Some((_, value)) = identifier {
                out.push(IndexRow { hash: identifier_hash(value), lo: zero(), hi: zero() });
            }
        }
        Key::Uri(uri) => out.push(IndexRow { hash: hash64(uri), lo: zero(), hi: zero() }),
        // Found by its first component; the others are compared on the entries.
        Key::Composite(parts) => {
            if let Some(first) = parts.first() {
                rows_of(first, out);
            }
        }
        Key::Missing => {}
    }
}

/// All index rows of a resource: under each patient that it concerns or names by `patient` or `subject`, else under 0.
pub(crate) fn index_rows(
    pats: &[i64],
    keys: &Keys,
    patient_params: [Option<i64>; 2],
) -> Vec<(i64, i64, IndexRow)> {
    let mut under: BTreeSet<i64> = pats.iter().copied().collect();
    for (param, key) in keys.iter() {
        if let Key::Reference { kind, id, .. } = key
            && &**kind == "Patient"
            && patient_params.contains(&Some(param))
        {
            under.insert(pat_of(id));
        }
    }
    if under.is_empty() {
        under.insert(0);
    }
    let mut out = Vec::new();
    let mut rows = Vec::new();
    for (param, key) in keys.iter() {
        rows.clear();
        rows_of(key, &mut rows);
        for pat in &under {
            out.extend(rows.iter().map(|row| (*pat, param, row.clone())));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_entries_come_back_from_their_bytes() {
        let mut keys = Keys::default();
        let token =
            Key::Token { system: "http://loinc.org".into(), code: "8480-6".into(), text: "presión".into() };
        let canonical = Some((1.0, 2.0, "g".into()));
        let quantity =
            Key::Quantity { low: -1.5, high: 2.5, system: "u".into(), code: "mg".into(), canonical };
        keys.push(1, token.clone());
        keys.push(300, Key::Text { folded: "munoz".into(), exact: "Muñoz".into() });
        keys.push(2, Key::Date { from: Instant::from_micros(-5), to: Instant::from_micros(7) });
        keys.push(3, Key::Composite(vec![token, quantity]));
        let identifier = Some(("s".into(), "v".into()));
        keys.push(4, Key::Reference { kind: "Patient".into(), id: "p".into(), url: "".into(), identifier });
        let bytes = keys.encode();
        assert_eq!(Keys::decode(&bytes).expect("they were just written"), keys);
        for cut in 1..bytes.len() {
            // A cut either falls between two entries or is noticed.
            if let Ok(fewer) = Keys::decode(&bytes[..cut]) {
                assert!(fewer.all.len() < keys.all.len(), "cut at {cut}");
            }
        }
    }
}
