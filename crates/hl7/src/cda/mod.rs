//! Clinical documents (HL7 CDA R2) as FHIR documents and back: any CDA is read, with its narrative kept; a summary is written.

mod compose;
mod entries;
mod header;
mod narrative;
mod read;
mod statements;
mod substances;
mod types;
mod write;
mod xml;

pub use read::{Document, RESOURCES_MAX, to_fhir};
pub use write::{Stamp, from_fhir};
pub use xml::{ATTRIBUTES_MAX, CdaError, DEPTH_MAX, DOCUMENT_BYTES_MAX, ELEMENTS_MAX};
