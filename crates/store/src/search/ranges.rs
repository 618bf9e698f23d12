//! From a test to stretches of index rows that hold every resource that can fit.

use super::rows::{
    Cell, NARROW_MICROS, WIDE, base_unit_hash, hash48, identifier_hash, index_text, unit_hash,
};
use badiano_fhir::search::query::Test;
use badiano_fhir::search::{Modifier, Prefix, ancestors};

/// Codes that are looked up one by one; of a larger set every row of the parameter is looked at.
const CODES_MAX: usize = 4_096;

/// A stretch of the index under one kind and parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Range {
    /// None: every row of the parameter.
    pub hash: Option<i64>,
    pub from: Option<Cell>,
    /// Inclusive.
    pub to: Option<Cell>,
}

impl Range {
    fn whole() -> Self {
        Range { hash: None, from: None, to: None }
    }
    fn at(hash: i64) -> Self {
        Range { hash: Some(hash), from: None, to: None }
    }
}

/// Stretches that together hold all that can fit; none when the index says nothing about such a test.
pub(super) fn ranges(test: &Test, modifier: Modifier) -> Option<Vec<Range>> {
    match (test, modifier) {
        (Test::Token { code: Some(code), .. }, Modifier::Identifier) => {
            Some(vec![Range::at(identifier_hash(code))])
        }
        (Test::Token { .. }, Modifier::Identifier) => Some(vec![Range::whole()]),
        (Test::Codes(codes), _) if codes.len() > CODES_MAX => Some(vec![Range::whole()]),
        (Test::Codes(codes), _) => Some(codes.codes().map(|code| Range::at(hash48(code))).collect()),
        (Test::Token { code: Some(code), .. }, _) => Some(vec![Range::at(hash48(code))]),
        (Test::Token { .. }, _) => Some(vec![Range::whole()]),
        (Test::OfType { value, .. }, _) => Some(vec![Range::at(hash48(value))]),
        (Test::Text { .. }, Modifier::Contains | Modifier::Text) => Some(vec![Range::whole()]),
        (Test::Text { folded, .. }, _) => {
            let begin = index_text(folded);
            let end = Cell::Text(format!("{begin}\u{10ffff}").into());
            Some(vec![Range { hash: Some(0), from: Some(Cell::Text(begin.into())), to: Some(end) }])
        }
        (Test::Date { prefix, from, to }, _) => Some(dates(*prefix, from.micros, to.micros)),
        (Test::Number { prefix, low, high }, _) => {
            Some(vec![Range { hash: Some(0), ..numbers(*prefix, *low, *high) }])
        }
        (Test::Quantity { prefix, low, high, code, canonical, .. }, _) => {
            let Some(code) = code.as_deref().filter(|c| !c.is_empty()) else {
                // Compared as written, whatever the unit; a row in base units finds too much at most.
                return Some(vec![numbers(*prefix, *low, *high)]);
            };
            let mut all = vec![Range { hash: Some(unit_hash(code)), ..numbers(*prefix, *low, *high) }];
            if let Some((low, high, unit)) = canonical {
                all.push(Range { hash: Some(base_unit_hash(unit)), ..numbers(*prefix, *low, *high) });
            }
            Some(all)
        }
        (Test::Reference { id, url, .. }, _) => {
            let mut all = Vec::new();
            if !id.is_empty() {
                all.push(Range::at(hash48(id)));
            }
            if !url.is_empty() {
                all.push(Range::at(hash48(url)));
            }
            Some(all)
        }
        (Test::Uri(_), Modifier::Below) => Some(vec![Range::whole()]),
        // One that is written with a slash at its end lies above as well.
        (Test::Uri(uri), Modifier::Above) => {
            let all = ancestors(uri).into_iter().chain([&**uri]);
            Some(
                all.flat_map(|above| [Range::at(hash48(above)), Range::at(hash48(&format!("{above}/")))])
                    .collect(),
            )
        }
        (Test::Uri(uri), _) => Some(vec![Range::at(hash48(uri))]),
        (Test::Composite(tests), _) => tests.first().and_then(|first| ranges(first, Modifier::None)),
    }
}

/// Narrow dates are found by their beginning alone; wide ones are few and looked at more generously.
fn dates(prefix: Prefix, from: i64, to: i64) -> Vec<Range> {
    let stretch = |hash, from: Option<i64>, to: Option<i64>| Range {
        hash: Some(hash),
        from: from.map(Cell::moment),
        to: to.map(Cell::moment),
    };
    let (narrow, wide) = match prefix {
        Prefix::Eq => ((Some(from), Some(to)), (Some(from), Some(to))),
        Prefix::Ne => ((None, None), (None, None)),
        Prefix::Gt | Prefix::Ge => ((Some(from.saturating_sub(NARROW_MICROS)), None), (None, None)),
        Prefix::Lt | Prefix::Le => ((None, Some(to)), (None, Some(to))),
        Prefix::Sa => ((Some(to), None), (Some(to), None)),
        Prefix::Eb => ((None, Some(from)), (None, Some(from))),
        Prefix::Ap => ((Some(from.saturating_sub(NARROW_MICROS)), Some(to)), (None, Some(to))),
    };
    vec![stretch(0, narrow.0, narrow.1), stretch(WIDE, wide.0, wide.1)]
}

/// Index rows hold the written number itself, so a stretch needs to be no wider than the test and a rounding.
fn numbers(prefix: Prefix, low: f64, high: f64) -> Range {
    let slack = low.abs().max(high.abs()) * 1e-9;
    let (from, to) = match prefix {
        Prefix::Eq => (Some(low - slack), Some(high + slack)),
        Prefix::Ne | Prefix::Ap => (None, None),
        Prefix::Gt | Prefix::Ge | Prefix::Sa => (Some(low - slack), None),
        Prefix::Lt | Prefix::Le | Prefix::Eb => (None, Some(high + slack)),
    };
    Range { hash: None, from: from.map(Cell::Real), to: to.map(Cell::Real) }
}
