//! Why bytes are no data set, with the position in the input.

use std::fmt;

use dicom_core::Tag;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParseErrorKind {
    /// The input ends inside an element, item or deflated stream.
    Truncated,
    /// No `DICM` after the preamble.
    NotPart10,
    /// The File Meta Information lacks a transfer syntax.
    NoTransferSyntax,
    /// A transfer syntax that this version does not read.
    UnknownTransferSyntax(String),
    /// Two bytes that are no value representation.
    BadVr,
    /// An element or item reaches beyond the item or sequence around it.
    BeyondParent,
    /// A tag that may not stand here: an item outside a sequence, an element between items.
    Misplaced,
    /// An undefined length where none is allowed.
    UndefinedLength,
    /// Sequences nested deeper than the limit.
    TooDeep,
    /// More header than the limit, or a deflated stream that inflates beyond all measure.
    TooLarge,
    /// Not a deflated stream.
    BadDeflate,
}

/// A refusal to read, with where it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    pub kind: ParseErrorKind,
    /// Bytes from the beginning of the input (of the inflated data set, when it was deflated).
    pub position: u64,
    pub tag: Option<Tag>,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.kind {
            ParseErrorKind::Truncated => "the data end too early",
            ParseErrorKind::NotPart10 => "no DICM after the preamble",
            ParseErrorKind::NoTransferSyntax => "the file meta information has no transfer syntax",
            ParseErrorKind::UnknownTransferSyntax(uid) => {
                return write!(f, "transfer syntax {uid} is not supported (byte {})", self.position);
            }
            ParseErrorKind::BadVr => "no value representation",
            ParseErrorKind::BeyondParent => "a length reaches beyond the item or sequence around it",
            ParseErrorKind::Misplaced => "this tag may not stand here",
            ParseErrorKind::UndefinedLength => "an undefined length is not allowed here",
            ParseErrorKind::TooDeep => "sequences are nested too deep",
            ParseErrorKind::TooLarge => "more than the limit",
            ParseErrorKind::BadDeflate => "the data set is not a deflated stream",
        };
        write!(f, "{what} (byte {}", self.position)?;
        if let Some(tag) = self.tag {
            write!(f, ", {tag}")?;
        }
        f.write_str(")")
    }
}

impl std::error::Error for ParseError {}
