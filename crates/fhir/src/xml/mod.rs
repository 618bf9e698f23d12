//! Reading and printing FHIR XML (FHIR R4, xml.html): the same element tree as JSON, arranged by the schema.

mod read;
mod write;

pub use read::{XmlError, parse};
pub use write::{Unprintable, to_string};

/// The namespace of every element but the narrative's.
pub const NAMESPACE: &str = "http://hl7.org/fhir";
/// Deeper nesting is refused: no FHIR resource needs it, and recursion must end.
pub const DEPTH_MAX: usize = 100;

#[cfg(test)]
mod tests;
