//! Amounts with units: UCUM codes and calendar words (FHIRPath N1, literals: Quantity).

use super::decimal::Decimal;
use super::temporal::CalendarUnit;
use octofhir_ucum::Number;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock, RwLock};

/// Units that are kept parsed; real records use a few hundred.
const UNITS_KEPT_MAX: usize = 4096;
/// A longer text is no unit.
const UNIT_BYTES_MAX: usize = 200;

/// A unit of measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    /// A UCUM code, case sensitive.
    Ucum(Box<str>),
    /// `4 days`: a calendar duration.
    Calendar(CalendarUnit),
    /// A unit of another system, compared by its text.
    Other(Box<str>),
}

impl Unit {
    pub fn ucum(code: &str) -> Self {
        Unit::Ucum(code.into())
    }
    fn code(&self) -> Option<&str> {
        match self {
            Unit::Ucum(code) => Some(code),
            Unit::Calendar(unit) => unit.ucum(),
            Unit::Other(_) => None,
        }
    }
}

/// An amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quantity {
    pub value: Decimal,
    pub unit: Unit,
}

/// A unit in base units: a value `v` is `v * factor + offset` of `unit`.
#[derive(Debug)]
pub struct BaseUnit {
    pub unit: Box<str>,
    pub factor: Number,
    pub offset: Number,
    /// The same for indexes, where 53 bits do.
    pub rough: (f64, f64),
}

impl BaseUnit {
    fn of(code: &str) -> Option<Self> {
        let found = octofhir_ucum::get_canonical_units(if code.is_empty() { "1" } else { code }).ok()?;
        Some(BaseUnit {
            unit: found.unit.into(),
            factor: found.factor,
            offset: found.offset,
            rough: (found.factor.to_f64(), found.offset.to_f64()),
        })
    }
}

/// The parsed form of a UCUM code in base units, kept; nothing for what UCUM does not know or cannot scale.
pub fn canonical_unit(code: &str) -> Option<Arc<BaseUnit>> {
    type Kept = HashMap<Box<str>, Option<Arc<BaseUnit>>>;
    static KEPT: OnceLock<RwLock<Kept>> = OnceLock::new();
    if code.len() > UNIT_BYTES_MAX {
        return None;
    }
    let kept = KEPT.get_or_init(RwLock::default);
    if let Ok(kept) = kept.read()
        && let Some(found) = kept.get(code)
    {
        return found.clone();
    }
    let made = BaseUnit::of(code).map(Arc::new);
    if let Ok(mut kept) = kept.write()
        && kept.len() < UNITS_KEPT_MAX
    {
        kept.insert(code.into(), made.clone());
    }
    made
}

fn number(value: Decimal) -> Option<Number> {
    Number::parse(&value.to_string())
}

/// A number as an exact decimal, where 18 places hold it.
fn decimal(number: Number) -> Option<Decimal> {
    let (digits, exponent) = number.to_integer_and_exponent();
    if exponent >= 0 {
        let factor = 10_i128.checked_pow(u32::try_from(exponent).ok()?)?;
        return Some(Decimal::new(digits.checked_mul(factor)?, 0));
    }
    let scale = exponent.unsigned_abs();
    let d = Decimal::new(digits, scale.min(60));
    if scale > 60 {
        None
    } else if scale > 18 {
        Some(d.rounded(18))
    } else {
        Some(d)
    }
}

impl Quantity {
    pub fn new(value: Decimal, unit: Unit) -> Self {
        Quantity { value, unit }
    }

    /// The value in base units with their code; nothing where UCUM has no such unit or scale.
    pub fn canonical(&self) -> Option<(Number, String)> {
        let unit = canonical_unit(self.unit.code()?)?;
        let value = number(self.value)?.checked_mul(unit.factor)?.checked_add(unit.offset)?;
        Some((value, unit.unit.to_string()))
    }

    pub fn is_commensurable(&self, other: &Self) -> bool {
        match (&self.unit, &other.unit) {
            (Unit::Calendar(a), Unit::Calendar(b)) if a.ucum().is_none() || b.ucum().is_none() => {
                a.ucum().is_none() == b.ucum().is_none()
            }
            (Unit::Other(a), Unit::Other(b)) => a == b,
            (a, b) => match (a.code().and_then(canonical_unit), b.code().and_then(canonical_unit)) {
                (Some(a), Some(b)) => a.unit == b.unit,
                _ => false,
            },
        }
    }

    /// The order, or nothing where the units have none (a calendar month against a UCUM one too).
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        if self.unit == other.unit {
            return Some(self.value.cmp(&other.value));
        }
        if let (Unit::Calendar(a), Unit::Calendar(b)) = (&self.unit, &other.unit) {
            let months = |unit: CalendarUnit| match unit {
                CalendarUnit::Year => Some(12),
                CalendarUnit::Month => Some(1),
                _ => None,
            };
            if let (Some(a), Some(b)) = (months(*a), months(*b)) {
                return Some(self.value.multiply(a.into())?.cmp(&other.value.multiply(b.into())?));
            }
        }
        let ((a, unit_a), (b, unit_b)) = (self.canonical()?, other.canonical()?);
        (unit_a == unit_b).then(|| a.cmp(&b))
    }

    /// Equal when rounded to the coarser of the two written precisions, units converted.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        let ucum = |q: &Quantity| match &q.unit {
            Unit::Calendar(CalendarUnit::Year) => Quantity::new(q.value, Unit::ucum("a")),
            Unit::Calendar(CalendarUnit::Month) => Quantity::new(q.value, Unit::ucum("mo")),
            _ => q.clone(),
        };
        let (a, b) = (ucum(self), ucum(other));
        if a.compare(&b) == Some(Ordering::Equal) {
            return true;
        }
        if a.unit == b.unit {
            return equivalent(a.value, b.value);
        }
        // Both in the unit of the coarser one.
        let (coarse, fine) = match (a.step(), b.step()) {
            (Some(x), Some(y)) if x >= y => (&a, &b),
            (Some(_), Some(_)) => (&b, &a),
            _ => return false,
        };
        match fine.converted(coarse) {
            Some(value) => equivalent(coarse.value, value.rounded(coarse.value.normalized().scale())),
            None => false,
        }
    }

    /// One unit of the last written place, in base units.
    fn step(&self) -> Option<Number> {
        let unit = canonical_unit(self.unit.code()?)?;
        let scale = i32::try_from(self.value.normalized().scale()).ok()?;
        Number::power_of_ten(-scale).checked_mul(unit.factor)
    }

    /// The value in the unit of another amount.
    fn converted(&self, to: &Self) -> Option<Decimal> {
        let (value, base) = self.canonical()?;
        let unit = canonical_unit(to.unit.code()?).filter(|u| *u.unit == *base)?;
        decimal(value.checked_sub(unit.offset)?.checked_div(unit.factor)?)
    }

    /// The sum in the unit of the first.
    pub fn plus(&self, other: &Self, negative: bool) -> Option<Self> {
        let value = if self.unit == other.unit { other.value } else { other.converted(self)? };
        let value = if negative { value.negated() } else { value };
        Some(Quantity::new(self.value.plus(value)?, self.unit.clone()))
    }

    /// The product (or quotient) in base units.
    pub fn multiply(&self, other: &Self, divide: bool) -> Option<Self> {
        let one = |q: &Quantity| matches!(&q.unit, Unit::Ucum(u) if &**u == "1");
        if one(other) {
            let value =
                if divide { self.value.divide(other.value) } else { self.value.multiply(other.value) };
            return Some(Quantity::new(value?, self.unit.clone()));
        }
        if one(self) && !divide {
            return Some(Quantity::new(self.value.multiply(other.value)?, other.unit.clone()));
        }
        let ((a, unit_a), (b, unit_b)) = (self.canonical()?, other.canonical()?);
        let value = if divide { a.checked_div(b)? } else { a.checked_mul(b)? };
        let sign = if divide { '/' } else { '.' };
        let unit = canonical_unit(&format!("({unit_a}){sign}({unit_b})"))?;
        Some(Quantity::new(decimal(value)?, Unit::Ucum(unit.unit.clone())))
    }
}

/// Decimals are equivalent when they agree at the coarser precision, zeros at the end aside.
pub fn equivalent(a: Decimal, b: Decimal) -> bool {
    let (a, b) = (a.normalized(), b.normalized());
    let places = a.scale().min(b.scale());
    a.rounded(places) == b.rounded(places)
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unit {
            Unit::Ucum(code) | Unit::Other(code) => write!(f, "{} '{code}'", self.value),
            Unit::Calendar(unit) => {
                let plural = if self.value == Decimal::from(1) { "" } else { "s" };
                write!(f, "{} {}{plural}", self.value, unit.word())
            }
        }
    }
}
/// Whether a text is a unit of UCUM.
pub(crate) fn is_ucum(code: &str) -> bool {
    octofhir_ucum::validate(code).is_ok()
}
