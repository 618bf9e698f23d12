//! The DICOM JSON model (PS3.18 Annex F), and what is read into it.

mod native_xml;
mod print;
mod read;
mod syntax;

pub use native_xml::parse_xml;
pub use print::{print, print_all};
pub use read::{BulkReference, Parsed, parse};
pub use syntax::{JSON_BYTES_MAX, JsonError, JsonErrorKind};

#[cfg(test)]
mod tests;
