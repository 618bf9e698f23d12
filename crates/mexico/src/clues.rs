//! CLUES, the key of a health establishment: two letters of the entity, three of the institution, six digits (DGIS, NOM-024-SSA3-2012).
//!
//! One building may have had several: units moved from the states to IMSS-Bienestar in 2023 got a new one. A CLUES is an identifier
//! with a period, not a key.

use crate::IdentifierError;
use crate::entity::{self, Entity};
use std::fmt;

/// A CLUES of the right shape. Whether the establishment exists only the monthly catalogue says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clues(String);

impl Clues {
    /// White space around and lower case are let through.
    pub fn parse(text: &str) -> Result<Clues, IdentifierError> {
        let text = text.trim().to_ascii_uppercase();
        if text.chars().count() != 11 {
            return Err(IdentifierError::new(0, "a CLUES has 11 characters"));
        }
        if let Some(at) = text.chars().take(5).position(|c| !c.is_ascii_uppercase()) {
            return Err(IdentifierError::new(at + 1, "the first five characters of a CLUES are letters"));
        }
        if let Some(at) = text.chars().skip(5).position(|c| !c.is_ascii_digit()) {
            return Err(IdentifierError::new(at + 6, "the last six characters of a CLUES are digits"));
        }
        match entity::by_code(&text[..2]) {
            Some(e) if e.is_in_mexico() => Ok(Clues(text)),
            _ => Err(IdentifierError::new(1, "a CLUES begins with a federative entity")),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
    pub fn entity(&self) -> &'static Entity {
        entity::by_code(&self.0[..2]).expect("parse found the entity")
    }
    /// The three letters of the institution.
    pub fn institution(&self) -> &str {
        &self.0[2..5]
    }
    /// The institution's name where the three letters are known; the catalogue has more than these.
    pub fn institution_name(&self) -> Option<&'static str> {
        INSTITUTIONS.iter().find(|(letters, _)| *letters == self.institution()).map(|(_, name)| *name)
    }
    /// Whether it belongs to a public institution; `None` when the institution is not known here.
    pub fn is_public(&self) -> Option<bool> {
        self.institution_name().map(|_| !matches!(self.institution(), "SMP" | "CRO"))
    }
    pub fn serial(&self) -> &str {
        &self.0[5..]
    }
}

impl fmt::Display for Clues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Letters 3 to 5 of a CLUES.
pub static INSTITUTIONS: [(&str, &str); 12] = [
    ("SSA", "Secretaría de Salud y servicios estatales de salud"),
    ("IMS", "Instituto Mexicano del Seguro Social"),
    ("IMO", "IMSS-Bienestar (antes IMSS-Oportunidades)"),
    ("IMB", "IMSS-Bienestar (organismo público descentralizado)"),
    ("IST", "Instituto de Seguridad y Servicios Sociales de los Trabajadores del Estado"),
    ("PMX", "Petróleos Mexicanos"),
    ("SDN", "Secretaría de la Defensa Nacional"),
    ("SMA", "Secretaría de Marina"),
    ("SME", "Servicios Médicos Estatales"),
    ("SCT", "Secretaría de Comunicaciones y Transportes"),
    ("CRO", "Cruz Roja Mexicana"),
    ("SMP", "Servicios Médicos Privados"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_keys_are_read_with_their_entity_and_institution() {
        let clues = Clues::parse(" dfssa000053 ").expect("a published CLUES");
        assert_eq!((clues.entity().code, clues.institution(), clues.serial()), ("DF", "SSA", "000053"));
        assert_eq!(clues.is_public(), Some(true));
        for text in ["BCSSA004266", "CHSSA000022", "BCIMB000010", "DFIMS000020"] {
            assert_eq!(Clues::parse(text).expect("a published CLUES").as_str(), text);
        }
    }

    #[test]
    fn an_institution_that_is_not_in_the_table_is_read_and_left_unnamed() {
        let clues = Clues::parse("JCZZZ000011").expect("the right shape");
        assert_eq!((clues.institution_name(), clues.is_public()), (None, None));
    }

    #[test]
    fn a_wrong_shape_is_refused_with_its_place() {
        for (text, position) in [
            ("DFSSA00005", 0),
            ("XXSSA000053", 1),
            ("NESSA000053", 1),
            ("DF1SA000053", 3),
            ("DFSSA0000S3", 10),
            ("ÑFSSA000053", 1),
        ] {
            assert_eq!(Clues::parse(text).expect_err(text).position, position, "{text}");
        }
    }
}
