//! The country as one replaceable value: CURP, CLUES, cédula, RFC, NSS, two surnames, entities, time zones, norms.
//!
//! Pure: no I/O, no clock. Another country is another crate with these words; nothing else in the house says "if mexico".

pub mod date;
pub mod identifier_error;
pub mod name;
pub mod phonetic;

pub use date::Date;
pub use identifier_error::IdentifierError;
pub use name::PersonName;
