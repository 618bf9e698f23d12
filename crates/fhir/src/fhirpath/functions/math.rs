//! Mathematics, boundaries and precision (FHIRPath N1, functions: math; 3.0.0 boundaries).

use crate::fhirpath::EvaluationError;
use crate::fhirpath::compare::number;
use crate::fhirpath::decimal::Decimal;
use crate::fhirpath::evaluate::{Evaluator, Items, Run, Scope, boolean, single};
use crate::fhirpath::item::Item;
use crate::fhirpath::plan::{Function as F, Plan};
use crate::fhirpath::quantity::Quantity;
use crate::fhirpath::temporal::Temporal;

/// Places that a boundary may ask for.
const PLACES_MAX: i64 = 28;
/// Places that a boundary has when none are asked for.
const PLACES: i64 = 8;

impl<'a> Evaluator<'_, 'a> {
    pub(super) fn math(
        &self,
        function: F,
        input: &[Item<'a>],
        arguments: &'a [Plan],
        scope: Scope<'_, 'a>,
    ) -> Run<Items<'a>> {
        let Some(item) = single(input)?.map(Item::plain) else { return Ok(Vec::new()) };
        match function {
            F::LowBoundary | F::HighBoundary => {
                let digits = self.integer_argument(arguments, 0, scope)?;
                return Ok(boundary(&item, function == F::HighBoundary, digits)?.into_iter().collect());
            }
            F::Precision => {
                return match &item {
                    Item::Temporal(t) => Ok(vec![Item::Integer(t.digits())]),
                    item => match number(item) {
                        Some(d) => Ok(vec![Item::Integer(i64::from(d.scale()))]),
                        None => Err(EvaluationError::mismatch("this value has no precision")),
                    },
                };
            }
            F::Comparable => {
                let other = self.argument(arguments, 0, scope)?;
                return match (&item, single(&other)?.map(Item::plain)) {
                    (_, None) => Ok(Vec::new()),
                    (Item::Quantity(a), Some(Item::Quantity(b))) => Ok(boolean(Some(a.is_commensurable(&b)))),
                    _ => Err(EvaluationError::mismatch("comparable is for quantities")),
                };
            }
            _ => {}
        }
        let argument = match arguments.len() {
            0 => None,
            _ => {
                let items = self.argument(arguments, 0, scope)?;
                match single(&items)?.map(Item::plain) {
                    None => return Ok(Vec::new()),
                    Some(item) => Some(
                        number(&item).ok_or(EvaluationError::mismatch("the argument must be a number"))?,
                    ),
                }
            }
        };
        if let (F::Abs, Item::Quantity(q)) = (function, &item) {
            return Ok(vec![Item::Quantity(Box::new(Quantity::new(q.value.absolute(), q.unit.clone())))]);
        }
        let value = number(&item).ok_or(EvaluationError::mismatch("a number is expected"))?;
        let is_integer = matches!(item, Item::Integer(_));
        Ok(computed(function, value, argument, is_integer)?.into_iter().collect())
    }
}

fn computed<'a>(
    function: F,
    value: Decimal,
    argument: Option<Decimal>,
    is_integer: bool,
) -> Run<Option<Item<'a>>> {
    let integer = |d: Decimal| d.to_integer().map(Item::Integer);
    let inexact = |f: f64| Decimal::from_f64(f).map(Item::Decimal);
    let float = value.to_f64();
    Ok(match function {
        F::Abs if is_integer => integer(value.absolute()),
        F::Abs => Some(Item::Decimal(value.absolute())),
        F::Ceiling => integer(value.ceiling(0)),
        F::Floor => integer(value.floor(0)),
        F::Truncate => integer(value.truncated()),
        F::Exp => inexact(float.exp()),
        F::Ln => inexact(float.ln()),
        F::Log => inexact(float.ln() / argument.map_or(f64::NAN, |base| base.to_f64().ln())),
        F::Sqrt => inexact(float.sqrt()),
        F::Power => {
            let Some(exponent) = argument else { return Ok(None) };
            match exponent.to_integer().and_then(|e| u32::try_from(e).ok()).and_then(|e| power(value, e)) {
                Some(exact) if is_integer => integer(exact),
                Some(exact) => Some(Item::Decimal(exact)),
                None => inexact(float.powf(exponent.to_f64())),
            }
        }
        _ => {
            let places = argument.map_or(Some(0), Decimal::to_integer);
            let Some(places) = places.and_then(|p| u32::try_from(p).ok()) else {
                return Err(EvaluationError::mismatch("the precision must be a whole number from 0"));
            };
            let rounded = value.rounded(places);
            if is_integer { integer(rounded) } else { Some(Item::Decimal(rounded)) }
        }
    })
}

fn power(base: Decimal, exponent: u32) -> Option<Decimal> {
    if exponent > 128 {
        return None;
    }
    let mut result = Decimal::from(1);
    for _ in 0..exponent {
        let next = result.multiply(base)?;
        // Digits were cut: the floating way is no worse.
        if next.scale() < result.scale() + base.scale() && next.scale() > 0 {
            return None;
        }
        result = next;
    }
    Some(result)
}

fn boundary<'a>(item: &Item<'a>, high: bool, digits: Option<i64>) -> Run<Option<Item<'a>>> {
    match item {
        Item::Temporal(t) => Ok(Temporal::boundary(t, high, digits).map(Item::Temporal)),
        Item::Quantity(q) => Ok(decimal_boundary(q.value, high, digits)
            .map(|value| Item::Quantity(Box::new(Quantity::new(value, q.unit.clone()))))),
        item => match number(item) {
            Some(value) => Ok(decimal_boundary(value, high, digits).map(Item::Decimal)),
            None => Err(EvaluationError::mismatch("this value has no boundaries")),
        },
    }
}

/// Half of the last written place below or above, cut outwards to the places that are asked for.
fn decimal_boundary(value: Decimal, high: bool, digits: Option<i64>) -> Option<Decimal> {
    let places = digits.unwrap_or(PLACES);
    let places = u32::try_from(places).ok().filter(|p| i64::from(*p) <= PLACES_MAX)?;
    // A value that has no digit at this precision stays nothing there.
    if !value.is_zero() && value.absolute() < Decimal::new(1, places) && places < value.scale() {
        return Some(Decimal::new(0, places));
    }
    let half = Decimal::new(5, value.scale() + 1);
    let edge = if high { value.plus(half)? } else { value.subtract(half)? };
    let cut = if high { edge.ceiling(places) } else { edge.floor(places) };
    cut.extended(places)
}
