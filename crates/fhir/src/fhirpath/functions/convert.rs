//! Conversions between the system's types (FHIRPath N1, functions: conversion).

use crate::fhirpath::decimal::Decimal;
use crate::fhirpath::evaluate::{Evaluator, Items, Run, Scope, boolean, single};
use crate::fhirpath::item::Item;
use crate::fhirpath::plan::{Function as F, Plan};
use crate::fhirpath::quantity::{Quantity, Unit, canonical_unit};
use crate::fhirpath::temporal::{CalendarUnit, Temporal, TemporalKind};
use std::borrow::Cow;

impl<'a> Evaluator<'_, 'a> {
    pub(super) fn conversion(
        &self,
        function: F,
        input: &[Item<'a>],
        arguments: &'a [Plan],
        scope: Scope<'_, 'a>,
    ) -> Run<Items<'a>> {
        let Some(item) = single(input)?.map(Item::plain) else { return Ok(Vec::new()) };
        let (made, asked_whether) = match function {
            F::ToBoolean => (to_boolean(&item), false),
            F::ConvertsToBoolean => (to_boolean(&item), true),
            F::ToInteger => (to_integer(&item), false),
            F::ConvertsToInteger => (to_integer(&item), true),
            F::ToDecimal => (to_decimal(&item).map(Item::Decimal), false),
            F::ConvertsToDecimal => (to_decimal(&item).map(Item::Decimal), true),
            F::ToString => (item.text().map(Item::String), false),
            F::ConvertsToString => (item.text().map(Item::String), true),
            F::ToDate | F::ToDateTime | F::ToTime => (to_temporal(function, &item), false),
            F::ConvertsToDate => (to_temporal(F::ToDate, &item), true),
            F::ConvertsToDateTime => (to_temporal(F::ToDateTime, &item), true),
            F::ConvertsToTime => (to_temporal(F::ToTime, &item), true),
            _ => {
                let unit = self.text_argument(arguments, 0, scope)?;
                let quantity = to_quantity(&item).filter(|q| fits_unit(q, unit.as_deref()));
                (quantity.map(|q| Item::Quantity(Box::new(q))), function == F::ConvertsToQuantity)
            }
        };
        Ok(if asked_whether { boolean(Some(made.is_some())) } else { made.into_iter().collect() })
    }
}

fn to_boolean<'a>(item: &Item<'a>) -> Option<Item<'a>> {
    let number = |d: Decimal| match d.to_integer() {
        Some(1) => Some(true),
        Some(0) => Some(false),
        _ => None,
    };
    let value = match item {
        Item::Boolean(b) => *b,
        Item::Integer(n) => number(Decimal::from(*n))?,
        Item::Decimal(d) => number(*d)?,
        Item::String(s) => match s.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" | "1.0" => true,
            "false" | "f" | "no" | "n" | "0" | "0.0" => false,
            _ => return None,
        },
        _ => return None,
    };
    Some(Item::Boolean(value))
}

fn to_integer<'a>(item: &Item<'a>) -> Option<Item<'a>> {
    match item {
        Item::Integer(n) => Some(*n),
        Item::Boolean(b) => Some(i64::from(*b)),
        Item::String(s) => {
            let digits = s.strip_prefix(['+', '-']).unwrap_or(s);
            let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            let value: Option<i32> = if plain { s.parse().ok() } else { None };
            value.map(i64::from)
        }
        _ => None,
    }
    .map(Item::Integer)
}

fn to_decimal(item: &Item<'_>) -> Option<Decimal> {
    match item {
        Item::Integer(n) => Some(Decimal::from(*n)),
        Item::Decimal(d) => Some(*d),
        Item::Boolean(b) => Some(Decimal::new(i128::from(*b) * 10, 1)),
        Item::String(s) => Decimal::parse(s).filter(|_| !s.contains(['e', 'E'])),
        _ => None,
    }
}

fn to_temporal<'a>(function: F, item: &Item<'a>) -> Option<Item<'a>> {
    let made = match (function, item) {
        (F::ToDate, Item::Temporal(t)) if t.kind != TemporalKind::Time => t.as_date(),
        (F::ToDateTime, Item::Temporal(t)) if t.kind != TemporalKind::Time => t.as_date_time(),
        (F::ToTime, Item::Temporal(t)) if t.kind == TemporalKind::Time => *t,
        (F::ToDate, Item::String(s)) => Temporal::date(s).or_else(|| Temporal::date_time(s))?.as_date(),
        (F::ToDateTime, Item::String(s)) => Temporal::date_time(s)?,
        (F::ToTime, Item::String(s)) => Temporal::time(s.strip_prefix('T').unwrap_or(s))?,
        _ => return None,
    };
    Some(Item::Temporal(made))
}

fn to_quantity(item: &Item<'_>) -> Option<Quantity> {
    match item {
        Item::Quantity(q) => Some((**q).clone()),
        Item::String(s) => parse_quantity(s),
        item => Some(Quantity::new(to_decimal(item)?, Unit::ucum("1"))),
    }
}

/// `1`, `1.5 'mg'`, `4 days`.
fn parse_quantity(text: &str) -> Option<Quantity> {
    let (value, unit) = match text.split_once([' ', '\t', '\n']) {
        Some((value, unit)) => (value, unit.trim()),
        None => match text.find('\'') {
            Some(at) => text.split_at(at),
            None => (text, ""),
        },
    };
    let value = to_decimal(&Item::String(Cow::Borrowed(value)))?;
    let unit = match unit {
        "" => Unit::ucum("1"),
        unit => match unit.strip_prefix('\'').and_then(|u| u.strip_suffix('\'')) {
            Some(code) if !code.is_empty() => Unit::ucum(code),
            Some(_) => return None,
            None => Unit::Calendar(CalendarUnit::of(unit)?),
        },
    };
    Some(Quantity::new(value, unit))
}

fn fits_unit(quantity: &Quantity, unit: Option<&str>) -> bool {
    let Some(unit) = unit else { return true };
    let wanted = match CalendarUnit::of(unit) {
        Some(unit) => Unit::Calendar(unit),
        None => Unit::ucum(unit),
    };
    let known = !matches!(&wanted, Unit::Ucum(code) if canonical_unit(code).is_none());
    known && quantity.is_commensurable(&Quantity::new(Decimal::ZERO, wanted))
}
