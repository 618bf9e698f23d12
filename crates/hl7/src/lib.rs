//! HL7 v2 as values (lossless), table-driven maps to and from FHIR, MLLP framing. No I/O, no clock. (CDA is not here yet.)

pub mod ack;
pub mod from_fhir;
pub mod map;
pub mod message;
pub mod mllp;

pub use message::{Location, Message, ParseError};
