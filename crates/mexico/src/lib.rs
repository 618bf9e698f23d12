//! The country as one replaceable value: CURP, CLUES, cédula, RFC, NSS, two surnames, entities, time zones, norms.
//!
//! Pure: no I/O, no clock. Another country is another crate with these words; nothing else in the house says "if mexico".

pub mod cedula;
pub mod clues;
pub mod curp;
pub mod date;
pub mod entity;
pub mod identifier_error;
pub mod name;
pub mod naming;
pub mod nss;
pub mod phonetic;
pub mod rfc;
pub mod time_limits;
pub mod zones;

pub use cedula::Cedula;
pub use clues::Clues;
pub use curp::{Curp, CurpReading, Sex};
pub use date::Date;
pub use entity::Entity;
pub use identifier_error::IdentifierError;
pub use name::PersonName;
pub use nss::Nss;
pub use rfc::Rfc;
