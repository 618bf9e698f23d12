//! NSS, the number of social security: subdelegation, year of affiliation, year of birth, serial, Luhn digit (IMSS).

use crate::IdentifierError;
use std::fmt;

/// Eleven digits with a right check digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nss(String);

impl Nss {
    /// White space and hyphens are let through, as on printed cards.
    pub fn parse(text: &str) -> Result<Nss, IdentifierError> {
        let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        if let Some(at) = digits.chars().position(|c| !c.is_ascii_digit()) {
            return Err(IdentifierError::new(at + 1, "an NSS has digits only"));
        }
        if digits.len() != 11 {
            return Err(IdentifierError::new(0, "an NSS has 11 digits"));
        }
        if digits.as_bytes()[10] != check_digit(&digits.as_bytes()[..10]) {
            return Err(IdentifierError::new(11, "the check digit of the NSS is wrong"));
        }
        Ok(Nss(digits))
    }

    /// From its parts; `serial` below 10,000, the others below 100.
    pub fn build(subdelegation: u8, affiliation: u8, birth: u8, serial: u16) -> Result<Nss, IdentifierError> {
        if subdelegation > 99 || affiliation > 99 || birth > 99 || serial > 9999 {
            return Err(IdentifierError::new(0, "a part of the NSS has too many digits"));
        }
        let mut text = format!("{subdelegation:02}{affiliation:02}{birth:02}{serial:04}");
        text.push(char::from(check_digit(text.as_bytes())));
        Ok(Nss(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
    pub fn subdelegation(&self) -> &str {
        &self.0[..2]
    }
    /// The two digits of the year of birth; `97` also stands for "not known".
    pub fn birth_year_digits(&self) -> &str {
        &self.0[4..6]
    }
}

impl fmt::Display for Nss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Luhn over ten ASCII digits, weights 1, 2, 1, 2 ... from the left.
fn check_digit(ten: &[u8]) -> u8 {
    let sum: u32 = ten
        .iter()
        .enumerate()
        .map(|(i, d)| {
            let product = u32::from(d - b'0') * if i % 2 == 0 { 1 } else { 2 };
            product / 10 + product % 10
        })
        .sum();
    b'0' + ((10 - sum % 10) % 10) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_number_is_read() {
        let nss = Nss::parse("92-91-90-8443-1").expect("a published NSS");
        assert_eq!((nss.as_str(), nss.subdelegation(), nss.birth_year_digits()), ("92919084431", "92", "90"));
        assert_eq!(Nss::build(92, 91, 90, 8443), Ok(nss));
    }

    #[test]
    fn any_single_wrong_digit_is_noticed() {
        let right = "92919084431";
        for at in 0..11 {
            for digit in '0'..='9' {
                let mut text: Vec<char> = right.chars().collect();
                if text[at] == digit {
                    continue;
                }
                text[at] = digit;
                let text: String = text.into_iter().collect();
                assert_eq!(Nss::parse(&text).expect_err(&text).position, 11);
            }
        }
    }

    #[test]
    fn a_wrong_shape_is_refused() {
        assert_eq!(Nss::parse("9291908443").expect_err("ten digits").position, 0);
        assert_eq!(Nss::parse("92919084A31").expect_err("a letter").position, 9);
        assert!(Nss::build(100, 0, 0, 0).is_err());
    }
}
