//! Why a text is not the identifier it was read as, and at which character (one shape for CURP, CLUES, cédula, RFC, NSS).

use badiano_kernel::Fault;
use std::fmt;

/// The rule that was broken. It never holds the text itself: an identifier is patient data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentifierError {
    /// The character, counted from 1 after white space around the text is taken off; 0 when it concerns the whole.
    pub position: usize,
    pub what: &'static str,
}

impl IdentifierError {
    pub(crate) const fn new(position: usize, what: &'static str) -> Self {
        IdentifierError { position, what }
    }
}

impl fmt::Display for IdentifierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.position == 0 {
            f.write_str(self.what)
        } else {
            write!(f, "character {}: {}", self.position, self.what)
        }
    }
}

impl std::error::Error for IdentifierError {}

impl From<IdentifierError> for Fault {
    fn from(error: IdentifierError) -> Fault {
        Fault::invalid(error.to_string())
    }
}
