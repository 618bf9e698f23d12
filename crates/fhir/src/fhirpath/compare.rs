//! Equality, equivalence and order of items (FHIRPath N1, operators: equality, comparison).

use super::EvaluationError;
use super::decimal::Decimal;
use super::item::{Item, Node};
use super::quantity::{Quantity, Unit, equivalent};
use crate::value::Value;
use std::cmp::Ordering;

/// Equal, or nothing where precision leaves it open.
pub(super) fn equal(a: &Item<'_>, b: &Item<'_>) -> Option<bool> {
    if let (Item::Node(a), Item::Node(b)) = (a, b)
        && a.is_same(b)
    {
        return Some(true);
    }
    match (a.plain(), b.plain()) {
        (Item::Boolean(a), Item::Boolean(b)) => Some(a == b),
        (Item::Integer(a), Item::Integer(b)) => Some(a == b),
        (Item::String(a), Item::String(b)) => Some(a == b),
        (Item::Temporal(a), Item::Temporal(b)) => {
            if a.is_comparable(&b) {
                a.compare(&b).map(Ordering::is_eq)
            } else {
                Some(false)
            }
        }
        (Item::Node(a), Item::Node(b)) => Some(same_nodes(&a, &b)),
        (Item::Type { space, name }, Item::Type { space: s, name: n }) => Some(space == s && name == n),
        (a, b) => match (number(&a), number(&b)) {
            (Some(a), Some(b)) => Some(a == b),
            _ => match (amount(&a), amount(&b)) {
                (Some(a), Some(b)) => match a.compare(&b) {
                    Some(order) => Some(order.is_eq()),
                    // A calendar month is not a UCUM one: open. Different dimensions: different.
                    None if calendar_against_ucum(&a, &b) => None,
                    None => Some(false),
                },
                _ => Some(false),
            },
        },
    }
}

fn calendar_against_ucum(a: &Quantity, b: &Quantity) -> bool {
    matches!((&a.unit, &b.unit), (Unit::Calendar(_), Unit::Ucum(_)) | (Unit::Ucum(_), Unit::Calendar(_)))
}

pub(super) fn number(item: &Item<'_>) -> Option<Decimal> {
    match item {
        Item::Integer(n) => Some(Decimal::from(*n)),
        Item::Decimal(d) => Some(*d),
        _ => None,
    }
}

/// A quantity, or a number as a quantity of unit 1.
pub(super) fn amount(item: &Item<'_>) -> Option<Quantity> {
    match item {
        Item::Quantity(q) => Some((**q).clone()),
        item => number(item).map(|n| Quantity::new(n, Unit::ucum("1"))),
    }
}

fn same_nodes(a: &Node<'_>, b: &Node<'_>) -> bool {
    same_values(a.value(), b.value())
        && match (a.beside(), b.beside()) {
            (Some(a), Some(b)) => same_values(a, b),
            (None, None) => true,
            // Extensions of one alone differ only where there is no value to compare.
            _ => !a.value().is_null(),
        }
}

fn same_values(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => match (Decimal::parse(x), Decimal::parse(y)) {
            (Some(x), Some(y)) => x == y,
            _ => x == y,
        },
        (Value::Array(x), Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same_values(x, y))
        }
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| same_values(v, w)))
        }
        _ => a == b,
    }
}

pub(super) fn is_equivalent(a: &Item<'_>, b: &Item<'_>) -> bool {
    if let (Item::Node(a), Item::Node(b)) = (a, b)
        && a.is_same(b)
    {
        return true;
    }
    match (a.plain(), b.plain()) {
        (Item::String(a), Item::String(b)) => alike(&a, &b),
        (Item::Temporal(a), Item::Temporal(b)) => a.is_equivalent(&b),
        (Item::Node(a), Item::Node(b)) => equivalent_values(a.value(), b.value()),
        (a, b) => match (number(&a), number(&b)) {
            (Some(a), Some(b)) => equivalent(a, b),
            _ => match (amount(&a), amount(&b)) {
                (Some(a), Some(b)) => a.is_equivalent(&b),
                _ => equal(&a, &b) == Some(true),
            },
        },
    }
}

/// The same text, case and white space aside.
fn alike(a: &str, b: &str) -> bool {
    let words = |s: &str| s.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>();
    words(a) == words(b)
}

fn equivalent_values(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => match (Decimal::parse(x), Decimal::parse(y)) {
            (Some(x), Some(y)) => equivalent(x, y),
            _ => x == y,
        },
        (Value::String(x), Value::String(y)) => alike(x, y),
        (Value::Array(x), Value::Array(y)) => unordered(x, y, equivalent_values),
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| equivalent_values(v, w)))
        }
        _ => a == b,
    }
}

/// The same items in any order.
pub(super) fn unordered<T>(a: &[T], b: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut used = vec![false; b.len()];
    a.iter().all(|x| match b.iter().enumerate().position(|(at, y)| !used[at] && same(x, y)) {
        Some(at) => {
            used[at] = true;
            true
        }
        None => false,
    })
}

/// The order, or nothing where precision or units leave it open; an error for items that have none.
pub(super) fn order(a: &Item<'_>, b: &Item<'_>) -> Result<Option<Ordering>, EvaluationError> {
    Ok(match (a.plain(), b.plain()) {
        (Item::String(a), Item::String(b)) => Some(a.cmp(&b)),
        (Item::Temporal(a), Item::Temporal(b)) if a.is_comparable(&b) => a.compare(&b),
        (a, b) => match (number(&a), number(&b)) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => match (amount(&a), amount(&b)) {
                (Some(a), Some(b)) => a.compare(&b),
                _ => return Err(EvaluationError::mismatch("the two values have no order")),
            },
        },
    })
}
