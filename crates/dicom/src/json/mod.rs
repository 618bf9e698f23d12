//! The DICOM JSON model (PS3.18 Annex F).

mod print;
mod read;
mod syntax;

pub use print::{print, print_all};
pub use read::{BulkReference, Parsed, parse};
pub use syntax::{JSON_BYTES_MAX, JsonError, JsonErrorKind};

#[cfg(test)]
mod tests;
