//! Cédula profesional: the number of a professional licence, seven or eight digits (Dirección General de Profesiones, SEP).
//!
//! It has no check digit: a number of the right shape is only confirmed by the register. A specialty has a cédula of its own.

use crate::IdentifierError;
use std::fmt;

/// Seven or eight digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cedula(String);

impl Cedula {
    /// White space around is let through; anything but digits is not.
    pub fn parse(text: &str) -> Result<Cedula, IdentifierError> {
        let text = text.trim();
        if let Some(at) = text.chars().position(|c| !c.is_ascii_digit()) {
            return Err(IdentifierError::new(at + 1, "a cédula profesional has digits only"));
        }
        if !(7..=8).contains(&text.len()) {
            return Err(IdentifierError::new(0, "a cédula profesional has 7 or 8 digits"));
        }
        if text.bytes().all(|b| b == b'0') {
            return Err(IdentifierError::new(0, "a cédula profesional is not all zeros"));
        }
        Ok(Cedula(text.to_owned()))
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Cedula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_or_eight_digits_are_a_cedula_and_nothing_else_is() {
        assert_eq!(Cedula::parse(" 1234567 ").expect("seven digits").as_str(), "1234567");
        assert!(Cedula::parse("12345678").is_ok());
        for (text, position) in [("123456", 0), ("123456789", 0), ("AE12345", 1), ("", 0), ("0000000", 0)] {
            assert_eq!(Cedula::parse(text).expect_err(text).position, position, "{text}");
        }
    }
}
