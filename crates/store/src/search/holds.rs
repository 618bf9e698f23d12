//! Whether one value fits one test (FHIR R4, search.html#prefix and #modifiers). Pure; the index only proposes.

use badiano_fhir::search::query::Test;
use badiano_fhir::search::{Key, Modifier, Prefix, is_below};
use badiano_kernel::Instant;

/// Whether a value of a parameter fits one alternative under a modifier. `Not` and `Missing` are decided above.
pub(super) fn fits(key: &Key, test: &Test, modifier: Modifier) -> bool {
    match (test, key) {
        (Test::Token { system, code }, Key::Reference { identifier: Some((s, v)), .. })
            if modifier == Modifier::Identifier =>
        {
            token(system.as_deref(), code.as_deref(), s, v)
        }
        (Test::Codes(codes), Key::Token { system, code, .. }) => codes.has(system, code),
        (Test::Token { system, code }, Key::Token { system: s, code: c, .. }) => {
            token(system.as_deref(), code.as_deref(), s, c)
        }
        (Test::Text { folded, .. }, Key::Token { text, .. }) if modifier == Modifier::Text => {
            crate::dicom_index::fold_name(text).contains(&**folded)
        }
        (Test::OfType { system, code, value }, Key::Token { system: s, code: v, .. }) => {
            v == value && **s == *format!("{system}|{code}")
        }
        (Test::Text { folded, exact }, Key::Text { folded: f, exact: e }) => match modifier {
            Modifier::Exact => e == exact,
            Modifier::Contains | Modifier::Text => f.contains(&**folded),
            _ => f.starts_with(&**folded),
        },
        (Test::Date { prefix, from, to }, Key::Date { from: f, to: t }) => {
            date(*prefix, (*from, *to), (*f, *t))
        }
        (Test::Number { prefix, low, high }, Key::Number { low: l, high: h }) => {
            number(*prefix, (*low, *high), (*l, *h))
        }
        (Test::Quantity { .. }, Key::Quantity { .. }) => quantity(key, test),
        (Test::Reference { kind, id, url }, Key::Reference { kind: k, id: i, url: u, .. }) => {
            let here = !id.is_empty() && id == i && kind.as_ref().is_none_or(|kind| kind == k);
            here || (!url.is_empty() && url == u)
        }
        (Test::Uri(wanted), Key::Uri(uri)) => match modifier {
            Modifier::Below => is_below(uri, wanted),
            Modifier::Above => is_below(wanted, uri),
            _ => wanted == uri,
        },
        (Test::Composite(tests), Key::Composite(keys)) => {
            tests.len() == keys.len() && tests.iter().zip(keys).all(|(t, k)| fits(k, t, Modifier::None))
        }
        _ => false,
    }
}

fn token(wanted_system: Option<&str>, wanted_code: Option<&str>, system: &str, code: &str) -> bool {
    wanted_system.is_none_or(|w| w == system) && wanted_code.is_none_or(|w| w == code)
}

/// Spans: the test's, then the resource's; both half-open.
pub(super) fn date(prefix: Prefix, (from, to): (Instant, Instant), (f, t): (Instant, Instant)) -> bool {
    let within = from <= f && t <= to;
    match prefix {
        Prefix::Eq => within,
        Prefix::Ne => !within,
        Prefix::Gt => t > to,
        Prefix::Ge => within || t > to,
        Prefix::Lt => f < from,
        Prefix::Le => within || f < from,
        Prefix::Sa => f >= to,
        Prefix::Eb => t <= from,
        Prefix::Ap => f < to && from < t,
    }
}

/// Equal but for the last bits that arithmetic on the same written number may lose.
fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= a.abs().max(b.abs()) * 1e-12
}

/// Ranges: the test's, then the resource's. Inequalities compare the numbers as written, which stand in the middle.
pub(super) fn number(prefix: Prefix, (low, high): (f64, f64), (l, h): (f64, f64)) -> bool {
    let (wanted, value) = (f64::midpoint(low, high), f64::midpoint(l, h));
    let equal = same(wanted, value) || (low <= value && value < high);
    match prefix {
        Prefix::Eq => equal,
        Prefix::Ne => !equal,
        Prefix::Gt | Prefix::Sa => value > wanted && !same(wanted, value),
        Prefix::Lt | Prefix::Eb => value < wanted && !same(wanted, value),
        Prefix::Ge => value > wanted || same(wanted, value),
        Prefix::Le => value < wanted || same(wanted, value),
        Prefix::Ap => l <= high && low <= h,
    }
}

fn quantity(key: &Key, test: &Test) -> bool {
    let (
        Test::Quantity { prefix, low, high, system, code, canonical },
        Key::Quantity { low: l, high: h, system: s, code: c, canonical: base },
    ) = (test, key)
    else {
        return false;
    };
    let Some(code) = code.as_deref().filter(|c| !c.is_empty()) else {
        return number(*prefix, (*low, *high), (*l, *h));
    };
    if code == &**c && system.as_deref().is_none_or(|w| w.is_empty() || w == &**s) {
        return number(*prefix, (*low, *high), (*l, *h));
    }
    match (canonical, base) {
        (Some((low, high, unit)), Some((l, h, u))) => unit == u && number(*prefix, (*low, *high), (*l, *h)),
        _ => false,
    }
}
