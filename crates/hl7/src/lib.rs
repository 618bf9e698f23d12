//! HL7 v2 as values (lossless), table-driven maps to and from FHIR, MLLP framing; CDA R2 documents. No I/O, no clock.

pub mod ack;
pub mod cda;
pub mod from_fhir;
pub mod map;
pub mod message;
pub mod mllp;
pub mod query;

pub use message::{Location, Message, ParseError};
