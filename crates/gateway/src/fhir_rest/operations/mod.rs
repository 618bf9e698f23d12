//! Operations beyond the interactions (FHIR R4, operations.html): one file an operation.

pub mod everything;
pub mod meta;
mod parameters;
pub mod validate;
