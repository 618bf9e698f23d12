//! Decimals that keep their written precision: a dose of 0.50 is not 0.5 (FHIR R4, datatypes: decimal).

use std::cmp::Ordering;
use std::fmt;

/// A decimal as written: digits, scale and the text itself.
#[derive(Debug, Clone)]
pub struct Decimal {
    text: String,
    /// The value is `units * 10^-scale`.
    units: i128,
    scale: u32,
}

impl Decimal {
    /// The JSON number form; at most 30 significant digits and an exponent between -20 and 20.
    pub fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (negative, digits) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        let well_formed = !whole.is_empty()
            && all_digits(whole)
            && all_digits(fraction)
            && (!digits.contains('.') || !fraction.is_empty())
            && whole.len() + fraction.len() <= 30
            && (-20..=20).contains(&exponent);
        if !well_formed {
            return None;
        }
        let mut units: i128 = format!("{whole}{fraction}").parse().ok()?;
        if negative {
            units = -units;
        }
        let mut scale = i32::try_from(fraction.len()).ok()? - exponent;
        if scale < 0 {
            units = units.checked_mul(10_i128.checked_pow(u32::try_from(-scale).ok()?)?)?;
            scale = 0;
        }
        Some(Decimal { text: text.to_owned(), units, scale: u32::try_from(scale).ok()? })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// For ranges in an index; exact to 53 bits.
    #[allow(clippy::cast_precision_loss)]
    pub fn to_f64(&self) -> f64 {
        self.text.parse().unwrap_or(self.units as f64 / 10_f64.powi(i32::try_from(self.scale).unwrap_or(0)))
    }

    /// Half of the last written digit: the precision a search without a prefix allows (FHIR R4, search: number).
    pub fn half_step(&self) -> f64 {
        0.5 * 10_f64.powi(-i32::try_from(self.scale).unwrap_or(0))
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
        let scale = self.scale.max(other.scale);
        let lift = |d: &Decimal| 10_i128.checked_pow(scale - d.scale).and_then(|f| d.units.checked_mul(f));
        match (lift(self), lift(other)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => self.to_f64().total_cmp(&other.to_f64()),
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_is_kept_and_value_is_compared() {
        let a = Decimal::parse("0.50").expect("a decimal");
        let b = Decimal::parse("0.5").expect("a decimal");
        assert_eq!(a, b);
        assert_eq!(a.as_str(), "0.50");
        assert!(Decimal::parse("1e2").expect("a decimal") > Decimal::parse("99.9").expect("a decimal"));
        assert!(Decimal::parse("-1").expect("a decimal") < b);
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        for bad in ["", "1.", ".5", "1e999", "NaN", "1,5", "--1", &"9".repeat(31)] {
            assert!(Decimal::parse(bad).is_none(), "{bad}");
        }
    }
}
