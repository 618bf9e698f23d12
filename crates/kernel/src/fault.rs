//! One closed kind of failure above the parsers; each door maps it once (OperationOutcome, DIMSE status, HL7 ACK, exit code).

use std::fmt;

/// What went wrong, as the caller may act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The input breaks a rule of its own format or of the standard.
    Invalid,
    /// It is not there, or consent hides it: the two look the same (house, invariant 3).
    NotFound,
    /// Another change came first, or the same identity stands already.
    Conflict,
    /// A condition that the caller set for the change does not hold (`If-Match`, `If-None-Exist`).
    Unmet,
    /// The caller is known and may not do this.
    Forbidden,
    /// The caller is not known, or the proof of who it is has run out.
    Unauthenticated,
    /// The question would cost more than a written limit.
    TooCostly,
    /// A part that is needed does not answer now; asking again may succeed.
    Unavailable,
    /// Not offered by this version; listed as not there.
    NotSupported,
    /// Our own mistake.
    Bug,
}

/// A failure with a plain sentence. It never holds patient data: texts name fields and rules, not values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub kind: FaultKind,
    /// A plain sentence in English; doors translate by `code` where they have a text of their own.
    pub text: String,
    /// Where in the input: a FHIRPath, a DICOM tag, an HL7 location. Empty when it concerns the whole.
    pub place: String,
}

impl Fault {
    pub fn new(kind: FaultKind, text: impl Into<String>) -> Self {
        Fault { kind, text: text.into(), place: String::new() }
    }
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::new(FaultKind::Invalid, text)
    }
    pub fn not_found(text: impl Into<String>) -> Self {
        Self::new(FaultKind::NotFound, text)
    }
    pub fn conflict(text: impl Into<String>) -> Self {
        Self::new(FaultKind::Conflict, text)
    }
    pub fn unmet(text: impl Into<String>) -> Self {
        Self::new(FaultKind::Unmet, text)
    }
    pub fn forbidden(text: impl Into<String>) -> Self {
        Self::new(FaultKind::Forbidden, text)
    }
    pub fn unauthenticated(text: impl Into<String>) -> Self {
        Self::new(FaultKind::Unauthenticated, text)
    }
    pub fn too_costly(text: impl Into<String>) -> Self {
        Self::new(FaultKind::TooCostly, text)
    }
    pub fn unavailable(text: impl Into<String>) -> Self {
        Self::new(FaultKind::Unavailable, text)
    }
    pub fn not_supported(text: impl Into<String>) -> Self {
        Self::new(FaultKind::NotSupported, text)
    }
    pub fn bug(text: impl Into<String>) -> Self {
        Self::new(FaultKind::Bug, text)
    }
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = place.into();
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() {
            f.write_str(&self.text)
        } else {
            write!(f, "{}: {}", self.place, self.text)
        }
    }
}

impl std::error::Error for Fault {}
