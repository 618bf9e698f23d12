//! `_sort` by any parameter (search.html#sort): the lowest value counts upwards, the highest downwards, absence comes last.

use super::finder::Candidate;
use crate::view::View;
use badiano_fhir::search::{Key, Sort};
use std::cmp::Ordering;

/// A value in the form in which it is ordered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum SortKey {
    Absent,
    Number(f64),
    Moment(i64),
    Text(Box<str>),
}

impl SortKey {
    fn order(&self, other: &SortKey, descending: bool) -> Ordering {
        let ordered = match (self, other) {
            (SortKey::Absent, SortKey::Absent) => return Ordering::Equal,
            (SortKey::Absent, _) => return Ordering::Greater,
            (_, SortKey::Absent) => return Ordering::Less,
            (SortKey::Number(a), SortKey::Number(b)) => a.total_cmp(b),
            (SortKey::Moment(a), SortKey::Moment(b)) => a.cmp(b),
            (SortKey::Text(a), SortKey::Text(b)) => a.cmp(b),
            // One parameter of several types: numbers, then moments, then texts.
            (a, b) => a.rank().cmp(&b.rank()),
        };
        if descending { ordered.reverse() } else { ordered }
    }

    fn rank(&self) -> u8 {
        match self {
            SortKey::Number(_) => 0,
            SortKey::Moment(_) => 1,
            SortKey::Text(_) => 2,
            SortKey::Absent => 3,
        }
    }
}

/// A hit with what its order depends on.
pub(super) struct Placed {
    pub rid: i64,
    pub change: i64,
    pub keys: Vec<SortKey>,
}

/// A hit in its place; `change` is the one that counts for the order.
pub(super) fn place(view: &View<'_>, sort: &[Sort], on: &Candidate, change: i64) -> Placed {
    let keys = sort.iter().map(|by| key_of(view, by, on)).collect();
    Placed { rid: on.rid, change, keys }
}

fn key_of(view: &View<'_>, by: &Sort, on: &Candidate) -> SortKey {
    match &*by.param {
        "_id" => SortKey::Text(on.id.as_str().into()),
        "_lastUpdated" => SortKey::Moment(on.updated.micros),
        param => {
            let values = view
                .number(param)
                .into_iter()
                .flat_map(|n| on.keys.of(n))
                .filter_map(|k| value(&k, by.descending));
            let best = values.min_by(|a, b| a.order(b, by.descending));
            best.unwrap_or(SortKey::Absent)
        }
    }
}

fn value(key: &Key, descending: bool) -> Option<SortKey> {
    Some(match key {
        Key::Token { code, .. } => SortKey::Text(code.clone()),
        Key::Text { folded, .. } => SortKey::Text(folded.clone()),
        Key::Date { from, to } => SortKey::Moment(if descending { to.micros } else { from.micros }),
        Key::Number { low, high } => SortKey::Number(f64::midpoint(*low, *high)),
        Key::Quantity { canonical: Some((low, high, _)), .. } | Key::Quantity { low, high, .. } => {
            SortKey::Number(f64::midpoint(*low, *high))
        }
        Key::Reference { kind, id, url, .. } if id.is_empty() => SortKey::Text(format!("{kind}{url}").into()),
        Key::Reference { kind, id, .. } => SortKey::Text(format!("{kind}/{id}").into()),
        Key::Uri(uri) => SortKey::Text(uri.clone()),
        Key::Composite(parts) => return parts.first().and_then(|first| value(first, descending)),
        Key::Missing => return None,
    })
}

/// The order of two hits; what is equal under all parameters comes newest change first.
pub(super) fn order(sort: &[Sort], a: &Placed, b: &Placed) -> Ordering {
    let by_keys = sort.iter().zip(a.keys.iter().zip(&b.keys)).map(|(by, (x, y))| x.order(y, by.descending));
    by_keys.fold(Ordering::Equal, Ordering::then).then(b.change.cmp(&a.change))
}
