//! HL7 FHIR R4 (4.0.1) as a value: parse, print, validate, FHIRPath, search definitions. No I/O, no clock.

pub mod fhirpath;
pub mod graphql;
pub mod json;
pub mod narrative;
pub mod outcome;
pub mod patch;
pub mod primitive;
pub mod profile;
pub mod schema;
pub mod search;
pub mod subset;
pub mod terminology;
pub mod validate;
pub mod value;
pub mod xml;

pub use value::Value;
