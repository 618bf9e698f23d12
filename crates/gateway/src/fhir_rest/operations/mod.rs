//! Operations beyond the interactions (FHIR R4, operations.html): one file an operation.

pub mod bulk;
pub mod everything;
pub mod graphql;
pub mod ihe_pix;
pub mod meta;
mod parameters;
pub mod patient_match;
pub mod subscription;
pub mod terminology;
pub mod text_flags;
pub mod validate;
