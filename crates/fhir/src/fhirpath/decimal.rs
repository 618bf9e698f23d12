//! Exact decimals: a whole number and a scale, the scale kept as written (FHIRPath N1, literals: Decimal, Integer).

use std::cmp::Ordering;
use std::fmt;

/// Digits after the point that arithmetic keeps.
const SCALE_MAX: u32 = 28;
/// Digits that a division makes.
const QUOTIENT_SCALE: u32 = 18;

/// `units * 10^-scale`; `1.50` keeps its two places.
#[derive(Debug, Clone, Copy)]
pub struct Decimal {
    units: i128,
    scale: u32,
}

impl Decimal {
    pub const ZERO: Decimal = Decimal { units: 0, scale: 0 };

    pub const fn new(units: i128, scale: u32) -> Self {
        Decimal { units, scale }
    }

    /// The form of a JSON number, with an optional sign; nothing for what 30 digits cannot hold.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, body) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (body, exponent) = match body.split_once(['e', 'E']) {
            Some((body, exponent)) => (body, exponent.parse::<i32>().ok()?),
            None => (body, 0),
        };
        if !(-40..=40).contains(&exponent) {
            return None;
        }
        let (whole, fraction) = match body.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (body, ""),
        };
        if whole.is_empty() || whole.len() + fraction.len() > 36 {
            return None;
        }
        let mut units = 0_i128;
        for b in whole.bytes().chain(fraction.bytes()) {
            if !b.is_ascii_digit() {
                return None;
            }
            units = units.checked_mul(10)?.checked_add(i128::from(b - b'0'))?;
        }
        if negative {
            units = -units;
        }
        let scale = i32::try_from(fraction.len()).ok()? - exponent;
        if scale < 0 {
            let factor = ten(scale.unsigned_abs())?;
            return Some(Decimal { units: units.checked_mul(factor)?, scale: 0 });
        }
        Some(Decimal { units, scale: scale.unsigned_abs() })
    }

    pub fn from_f64(value: f64) -> Option<Self> {
        if !value.is_finite() || value.abs() >= 1e18 {
            return None;
        }
        // The shortest text that reads back as the same number; results of `sqrt` or `ln` are no more exact.
        let text = format!("{value}");
        Decimal::parse(&text).map(|d| if d.scale > 15 { d.rounded(15) } else { d })
    }

    pub fn to_f64(self) -> f64 {
        self.to_string().parse().unwrap_or(0.0)
    }
    pub fn scale(self) -> u32 {
        self.scale
    }
    pub fn units(self) -> i128 {
        self.units
    }
    pub fn is_zero(self) -> bool {
        self.units == 0
    }
    pub fn is_negative(self) -> bool {
        self.units < 0
    }

    /// The whole number, when it is one.
    pub fn to_integer(self) -> Option<i64> {
        let t = self.normalized();
        if t.scale == 0 { i64::try_from(t.units).ok() } else { None }
    }

    /// Without zeros at the end.
    pub fn normalized(self) -> Self {
        let (mut units, mut scale) = (self.units, self.scale);
        while scale > 0 && units % 10 == 0 {
            units /= 10;
            scale -= 1;
        }
        Decimal { units, scale }
    }

    fn aligned(self, other: Self) -> Option<(i128, i128, u32)> {
        let scale = self.scale.max(other.scale);
        let lift = |d: Decimal| ten(scale - d.scale).and_then(|f| d.units.checked_mul(f));
        Some((lift(self)?, lift(other)?, scale))
    }

    fn fitted(units: i128, scale: u32) -> Self {
        let d = Decimal { units, scale };
        if scale > SCALE_MAX { d.rounded(SCALE_MAX) } else { d }
    }

    pub fn plus(self, other: Self) -> Option<Self> {
        let (a, b, scale) = self.aligned(other)?;
        Some(Self::fitted(a.checked_add(b)?, scale))
    }
    pub fn subtract(self, other: Self) -> Option<Self> {
        self.plus(other.negated())
    }
    pub fn multiply(self, other: Self) -> Option<Self> {
        let product = |a: Decimal, b: Decimal| {
            Some(Self::fitted(a.units.checked_mul(b.units)?, a.scale.checked_add(b.scale)?))
        };
        product(self, other).or_else(|| product(self.normalized(), other.normalized()))
    }

    /// Exact where it ends, else to 18 places; nothing for a division by zero.
    pub fn divide(self, other: Self) -> Option<Self> {
        let (a, b) = (self.normalized(), other.normalized());
        if b.units == 0 {
            return None;
        }
        let mut places = QUOTIENT_SCALE;
        loop {
            // a / b to `places`: a.units * 10^(places + b.scale - a.scale) / b.units.
            let shift = i64::from(places) + i64::from(b.scale) - i64::from(a.scale);
            let scaled = if shift >= 0 {
                ten(u32::try_from(shift).ok()?).and_then(|f| a.units.checked_mul(f)).map(|n| (n, b.units))
            } else {
                ten(u32::try_from(-shift).ok()?).and_then(|f| b.units.checked_mul(f)).map(|d| (a.units, d))
            };
            if let Some((n, d)) = scaled {
                return Some(Decimal { units: divide_rounding(n, d), scale: places }.normalized());
            }
            places = places.checked_sub(1)?;
        }
    }

    /// The whole part of the quotient, cut toward zero.
    pub fn whole_quotient(self, other: Self) -> Option<Self> {
        let (a, b, _) = self.aligned(other)?;
        a.checked_div(b).map(|units| Decimal { units, scale: 0 })
    }
    pub fn remainder(self, other: Self) -> Option<Self> {
        let (a, b, scale) = self.aligned(other)?;
        a.checked_rem(b).map(|units| Decimal { units, scale })
    }
    #[must_use]
    pub fn negated(self) -> Self {
        Decimal { units: -self.units, scale: self.scale }
    }
    #[must_use]
    pub fn absolute(self) -> Self {
        Decimal { units: self.units.abs(), scale: self.scale }
    }

    /// To so many places, halves away from zero.
    #[must_use]
    pub fn rounded(self, places: u32) -> Self {
        match self.scale.checked_sub(places).and_then(ten) {
            Some(divisor) => Decimal { units: divide_rounding(self.units, divisor), scale: places },
            None => self,
        }
    }
    /// The greatest number of so many places that is not above.
    #[must_use]
    pub fn floor(self, places: u32) -> Self {
        match self.scale.checked_sub(places).and_then(ten) {
            Some(divisor) => Decimal { units: self.units.div_euclid(divisor), scale: places },
            None => self,
        }
    }
    #[must_use]
    pub fn ceiling(self, places: u32) -> Self {
        self.negated().floor(places).negated()
    }
    #[must_use]
    pub fn truncated(self) -> Self {
        if self.is_negative() { self.ceiling(0) } else { self.floor(0) }
    }
    /// The same value with at least so many places written.
    pub fn extended(self, places: u32) -> Option<Self> {
        match places.checked_sub(self.scale) {
            Some(more) => Some(Decimal { units: self.units.checked_mul(ten(more)?)?, scale: places }),
            None => Some(self),
        }
    }
}

fn ten(power: u32) -> Option<i128> {
    10_i128.checked_pow(power)
}

fn divide_rounding(n: i128, d: i128) -> i128 {
    let (q, r) = (n / d, n % d);
    if r.unsigned_abs() >= d.unsigned_abs() - r.unsigned_abs() {
        q + if (n < 0) == (d < 0) { 1 } else { -1 }
    } else {
        q
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Decimal {}
impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.aligned(*other) {
            Some((a, b, _)) => a.cmp(&b),
            None => self.to_f64().total_cmp(&other.to_f64()),
        }
    }
}

impl From<i64> for Decimal {
    fn from(n: i64) -> Self {
        Decimal { units: i128::from(n), scale: 0 }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.units.unsigned_abs().to_string();
        let sign = if self.units < 0 { "-" } else { "" };
        let scale = self.scale as usize;
        if scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        let digits = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        write!(f, "{sign}{whole}.{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        Decimal::parse(text).expect("a decimal")
    }

    #[test]
    fn arithmetic_is_exact_where_it_can_be() {
        assert_eq!(d("0.1").plus(d("0.2")), Some(d("0.3")));
        assert_eq!(d("1.2").multiply(d("1.8")), Some(d("2.16")));
        assert_eq!(d("1").divide(d("8")).map(|q| q.to_string()).as_deref(), Some("0.125"));
        assert_eq!(d("1").divide(d("3")).map(|q| q.rounded(4)), Some(d("0.3333")));
        assert_eq!(d("1").divide(d("0")), None);
        assert_eq!(d("2.2").remainder(d("1.8")), Some(d("0.4")));
        assert_eq!(d("-5").whole_quotient(d("2")), Some(d("-2")));
    }

    #[test]
    fn rounding_goes_away_from_zero_and_floors_go_down() {
        assert_eq!(d("2.5").rounded(0), d("3"));
        assert_eq!(d("-2.5").rounded(0), d("-3"));
        assert_eq!(d("2.49").rounded(0), d("2"));
        assert_eq!(d("-1.1").floor(0), d("-2"));
        assert_eq!(d("-1.1").ceiling(0), d("-1"));
        assert_eq!(d("-1.9").truncated(), d("-1"));
    }

    #[test]
    fn places_are_kept_in_print() {
        assert_eq!(d("1.50").to_string(), "1.50");
        assert_eq!(d("-0.05").to_string(), "-0.05");
        assert_eq!(d("1e3").to_string(), "1000");
        assert_eq!(d("1.5e-2").to_string(), "0.015");
        for bad in ["", ".", "1.", ".5", "x", "1e99", "--1", &"9".repeat(40)] {
            assert!(Decimal::parse(bad).is_none(), "{bad}");
        }
    }
}
