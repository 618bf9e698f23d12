//! RFC, the taxpayer's key: 13 characters for a person, 12 for a company (SAT).
//!
//! About one issued RFC in seventy carries a wrong check digit: it is read, and [`Rfc::check_digit_is_right`] says so.

use crate::IdentifierError;
use crate::date::{Date, days_in_month};
use std::fmt;

/// An RFC of the right shape.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rfc(String);

/// The values 0 to 38 of the check sum.
const ALPHABET: &str = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ";

/// Keys that stand for nobody: the general public and foreigners.
const GENERIC: [&str; 2] = ["XAXX010101000", "XEXX010101000"];

impl Rfc {
    /// White space around, hyphens and lower case are let through.
    pub fn parse(text: &str) -> Result<Rfc, IdentifierError> {
        let text: String = text.trim().chars().filter(|c| *c != '-').flat_map(char::to_uppercase).collect();
        let characters: Vec<char> = text.chars().collect();
        let letters = match characters.len() {
            12 => 3,
            13 => 4,
            _ => return Err(IdentifierError::new(0, "an RFC has 12 or 13 characters")),
        };
        let is_letter = |c: &char| c.is_ascii_uppercase() || *c == 'Ñ' || *c == '&';
        if let Some(at) = characters[..letters].iter().position(|c| !is_letter(c)) {
            return Err(IdentifierError::new(at + 1, "an RFC begins with letters, Ñ or &"));
        }
        let date = &characters[letters..letters + 6];
        if let Some(at) = date.iter().position(|c| !c.is_ascii_digit()) {
            return Err(IdentifierError::new(letters + at + 1, "the date of an RFC has six digits"));
        }
        let two =
            |at: usize| date[at..at + 2].iter().filter_map(|c| c.to_digit(10)).fold(0, |n, d| n * 10 + d);
        let (month, day) = (two(2) as u8, two(4) as u8);
        // The century is not written: a leap year of either century is let through.
        let longest =
            days_in_month(1900 + two(0) as u16, month).max(days_in_month(2000 + two(0) as u16, month));
        if day == 0 || day > longest {
            return Err(IdentifierError::new(letters + 3, "the date of the RFC does not exist"));
        }
        let rest = &characters[letters + 6..];
        if let Some(at) = rest.iter().position(|c| !c.is_ascii_uppercase() && !c.is_ascii_digit()) {
            return Err(IdentifierError::new(letters + 7 + at, "an RFC ends with letters and digits"));
        }
        if !matches!(rest[2], '0'..='9' | 'A') {
            return Err(IdentifierError::new(letters + 9, "the check digit of an RFC is a digit or A"));
        }
        Ok(Rfc(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// Of a person; otherwise of a company.
    pub fn is_person(&self) -> bool {
        self.0.chars().count() == 13
    }
    /// The keys for "general public" and "foreigner".
    pub fn is_generic(&self) -> bool {
        GENERIC.contains(&self.0.as_str())
    }
    pub fn check_digit_is_right(&self) -> bool {
        self.0.ends_with(check_digit(&self.0))
    }
    /// The day of birth or foundation in the century that is asked for (19 or 20).
    pub fn date_in_century(&self, century: u16) -> Option<Date> {
        let digits: String = self.0.chars().filter(char::is_ascii_digit).take(6).collect();
        Date::parse(&format!("{century:02}{digits}"))
    }
}

impl fmt::Display for Rfc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The digit that should end the key; the last character is not looked at.
fn check_digit(text: &str) -> char {
    let value = |c: char| ALPHABET.chars().position(|a| a == c).unwrap_or(0);
    let length = text.chars().count();
    let padded = std::iter::repeat_n(' ', 13 - length).chain(text.chars().take(length - 1));
    let sum: usize = padded.enumerate().map(|(i, c)| value(c) * (13 - i)).sum();
    ALPHABET.chars().nth((11 - sum % 11) % 11).expect("a remainder below 11 is in the alphabet")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_keys_are_read_and_their_check_digit_is_right() {
        let person = Rfc::parse("GODE561231GR8").expect("a published RFC");
        assert!(person.is_person() && person.check_digit_is_right() && !person.is_generic());
        assert_eq!(person.date_in_century(19), Date::new(1956, 12, 31));
        let company = Rfc::parse("mab-930714-8t4").expect("a published RFC");
        assert!(!company.is_person() && company.check_digit_is_right());
    }

    #[test]
    fn a_wrong_check_digit_is_read_and_said() {
        let rfc = Rfc::parse("GODE561231GR9").expect("the right shape");
        assert!(!rfc.check_digit_is_right());
    }

    #[test]
    fn generic_keys_stand_for_nobody() {
        for text in ["XAXX010101000", "XEXX010101000"] {
            assert!(Rfc::parse(text).expect("generic").is_generic());
        }
    }

    #[test]
    fn a_wrong_shape_is_refused_with_its_place() {
        for (text, position) in [
            ("", 0),
            ("GODE561231GR", 4),
            ("G0DE561231GR8", 2),
            ("GODE561331GR8", 7),
            ("GODE5612310000", 0),
            ("GODE561231GRB", 13),
            ("GODE561231G-Ñ8", 12),
        ] {
            assert_eq!(Rfc::parse(text).expect_err(text).position, position, "{text}");
        }
        assert!(Rfc::parse("Ñ&O960229AB1").is_ok(), "a company with Ñ and &");
    }
}
