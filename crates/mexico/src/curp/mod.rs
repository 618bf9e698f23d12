//! CURP, the unique key of every person (Instructivo Normativo para la asignación de la CURP, DOF 18-06-2018 and 18-10-2021).

mod build;
mod words;

use crate::IdentifierError;
use crate::date::Date;
use crate::entity::{self, Entity};
use std::fmt;

/// Why a text is not a CURP, and at which of its 18 characters.
pub type CurpError = IdentifierError;

/// Character 11.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sex {
    /// `H`
    Man,
    /// `M`
    Woman,
    /// `X`, issued since 2023 (GIIS-B015-04-11, `sexoCURP` 3).
    NonBinary,
}

impl Sex {
    pub const fn letter(self) -> char {
        match self {
            Sex::Man => 'H',
            Sex::Woman => 'M',
            Sex::NonBinary => 'X',
        }
    }
    /// The code of FHIR's administrative gender.
    pub const fn gender(self) -> &'static str {
        match self {
            Sex::Man => "male",
            Sex::Woman => "female",
            Sex::NonBinary => "other",
        }
    }
    pub const fn of_letter(letter: char) -> Option<Sex> {
        match letter {
            'H' => Some(Sex::Man),
            'M' => Some(Sex::Woman),
            'X' => Some(Sex::NonBinary),
            _ => None,
        }
    }
}

/// 18 characters that keep every rule, the check digit too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Curp(String);

/// A text that keeps every rule but the check digit: likely one mistyped character, so "damaged" and not "different".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DamagedCurp(String);

/// What stood in a field for a CURP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CurpReading {
    Sound(Curp),
    Damaged(DamagedCurp),
    /// A key that stands for nobody ([`is_generic`]): as good as empty.
    Generic,
}

/// Length of a CURP in characters.
pub const LENGTH: usize = 18;

impl Curp {
    /// Exact reading; white space around and lower case are let through. Generic keys are refused.
    pub fn parse(text: &str) -> Result<Curp, CurpError> {
        match Self::parse_damaged(text)? {
            CurpReading::Sound(curp) => Ok(curp),
            CurpReading::Damaged(_) => Err(CurpError::new(LENGTH, "the check digit of the CURP is wrong")),
            CurpReading::Generic => Err(CurpError::new(0, "this CURP is generic and names no person")),
        }
    }

    /// As captured in the field: generic and damaged keys are told apart from those that are no CURP at all.
    pub fn parse_damaged(text: &str) -> Result<CurpReading, CurpError> {
        let text = text.trim().to_ascii_uppercase();
        if is_generic(&text) {
            return Ok(CurpReading::Generic);
        }
        check_shape(&text)?;
        if text.as_bytes()[17] == check_digit(&text) {
            Ok(CurpReading::Sound(Curp(text)))
        } else {
            Ok(CurpReading::Damaged(DamagedCurp(text)))
        }
    }

    /// By the rules, from the names as in the certificate of birth. `second_surname` is `None` for one surname.
    /// `differentiator` is what RENAPO assigns to tell homonyms apart: a digit for births before 2000, a letter from 2000.
    pub fn build(
        given: &str,
        first_surname: &str,
        second_surname: Option<&str>,
        born: Date,
        sex: Sex,
        entity: &Entity,
        differentiator: char,
    ) -> Result<Curp, CurpError> {
        let names = build::Letters::of(given, first_surname, second_surname)?;
        let fits = if born.year() < 2000 {
            differentiator.is_ascii_digit()
        } else {
            differentiator.is_ascii_uppercase()
        };
        if !fits {
            return Err(CurpError::new(17, "a digit for births before 2000, a letter from 2000"));
        }
        let date = &born.to_compact()[2..];
        let mut text = format!(
            "{}{date}{}{}{}{differentiator}",
            names.root,
            sex.letter(),
            entity.code,
            names.consonants
        );
        text.push(char::from(check_digit(&text)));
        Curp::parse(&text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The day of birth, the century taken from character 17. Births before 1900 also have a digit and are read as 19YY.
    pub fn birth_date(&self) -> Date {
        date_of(&self.0).expect("parse checked the date")
    }
    pub fn sex(&self) -> Sex {
        Sex::of_letter(char::from(self.0.as_bytes()[10])).expect("parse checked the sex")
    }
    pub fn entity(&self) -> &'static Entity {
        entity::by_code(&self.0[11..13]).expect("parse found the entity")
    }
    /// Letters 1 to 4, of surnames and given name.
    pub fn root(&self) -> &str {
        &self.0[..4]
    }
    /// Letters 14 to 16.
    pub fn consonants(&self) -> &str {
        &self.0[13..16]
    }
    /// Character 17.
    pub fn differentiator(&self) -> char {
        char::from(self.0.as_bytes()[16])
    }
    /// Whether everything but the differentiator and the check digit is the same: homonyms born on one day in one entity.
    pub fn is_homonym_of(&self, other: &Curp) -> bool {
        self.0[..16] == other.0[..16] && self.0 != other.0
    }
    /// One of the words that the rules have avoided since; keys issued before the rule exist, so it is no error.
    pub fn has_listed_word(&self) -> bool {
        words::is_listed(self.root())
    }
    /// For screens that others can see: `PEGJ**********09`, never the date, the sex or the entity.
    pub fn masked(&self) -> String {
        mask(&self.0)
    }
}

impl DamagedCurp {
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The check digit that the other 17 characters ask for.
    pub fn expected_check_digit(&self) -> char {
        char::from(check_digit(&self.0))
    }
    /// Whether one mistyped character makes the difference to a sound CURP.
    pub fn may_be(&self, other: &Curp) -> bool {
        self.0.bytes().zip(other.0.bytes()).filter(|(a, b)| a != b).count() == 1
    }
    pub fn masked(&self) -> String {
        mask(&self.0)
    }
}

/// Keys that stand for nobody: the health sector's "no CURP", the foreigners' keys, a text without information. White space around
/// and lower case are let through.
pub fn is_generic(text: &str) -> bool {
    let text = text.trim().to_uppercase();
    let one_character = text.chars().next().is_some_and(|first| text.chars().all(|c| c == first));
    text.is_empty() || one_character || GENERIC.contains(&text.as_str())
}

/// The M form of the foreigners' key circulates with a wrong check digit (8) too.
const GENERIC: [&str; 10] = [
    "XXXX999999XXXXXX99",
    "XEXX010101HNEXXXA4",
    "XEXX010101MNEXXXA4",
    "XEXX010101MNEXXXA8",
    "SIN CURP",
    "SINCURP",
    "NO TIENE",
    "NO PROPORCIONA",
    "S/C",
    "N/A",
];

/// The first characters and the last two; every other one is a star.
fn mask(text: &str) -> String {
    format!("{}{}{}", &text[..4], "*".repeat(LENGTH - 6), &text[16..])
}

/// Every rule but the check digit. `text` is upper case.
fn check_shape(text: &str) -> Result<(), CurpError> {
    if text.chars().count() != LENGTH {
        return Err(CurpError::new(0, "a CURP has 18 characters"));
    }
    if let Some(at) = text.chars().position(|c| !c.is_ascii_uppercase() && !c.is_ascii_digit()) {
        return Err(CurpError::new(at + 1, "a CURP has letters A to Z and digits only"));
    }
    let c = text.as_bytes();
    let first =
        |from: usize, to: usize, fits: fn(u8) -> bool| (from..to).find(|i| !fits(c[*i])).map(|i| i + 1);
    if let Some(position) = first(0, 4, |b| b.is_ascii_uppercase()) {
        return Err(CurpError::new(position, "a letter of the names was expected"));
    }
    if let Some(position) = first(1, 2, is_vowel_or_x) {
        return Err(CurpError::new(position, "a vowel or X was expected"));
    }
    if let Some(position) = first(4, 10, |b| b.is_ascii_digit()) {
        return Err(CurpError::new(position, "a digit of the date of birth was expected"));
    }
    if Sex::of_letter(char::from(c[10])).is_none() {
        return Err(CurpError::new(11, "the sex is H, M or X"));
    }
    if entity::by_code(&text[11..13]).is_none() {
        return Err(CurpError::new(12, "the entity of birth is not one of the 33"));
    }
    if let Some(position) = first(13, 16, |b| b.is_ascii_uppercase() && !is_vowel(b)) {
        return Err(CurpError::new(position, "a consonant was expected"));
    }
    if !c[17].is_ascii_digit() {
        return Err(CurpError::new(LENGTH, "the check digit is a digit"));
    }
    if date_of(text).is_none() {
        return Err(CurpError::new(5, "the date of birth does not exist"));
    }
    Ok(())
}

/// The century comes from character 17 alone: a digit is 19YY, a letter 20YY.
fn date_of(text: &str) -> Option<Date> {
    let century = if text.as_bytes()[16].is_ascii_digit() { "19" } else { "20" };
    Date::parse(&format!("{century}{}", &text[4..10]))
}

/// Over the first 17 characters. Ñ has the value 24 and never occurs, but it shifts O to Z by one.
fn check_digit(text: &str) -> u8 {
    let value = |b: u8| -> u32 {
        match b {
            b'0'..=b'9' => u32::from(b - b'0'),
            b'A'..=b'N' => u32::from(b - b'A') + 10,
            _ => u32::from(b - b'O') + 25,
        }
    };
    let sum: u32 = text.bytes().take(17).zip(0u32..).map(|(b, i)| value(b) * (18 - i)).sum();
    b'0' + ((10 - sum % 10) % 10) as u8
}

const fn is_vowel(b: u8) -> bool {
    matches!(b, b'A' | b'E' | b'I' | b'O' | b'U')
}

fn is_vowel_or_x(b: u8) -> bool {
    is_vowel(b) || b == b'X'
}

impl fmt::Display for Curp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
