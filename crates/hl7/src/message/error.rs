//! Why bytes are no message, and what was odd in bytes that are one. Texts name places and rules, never values.

use std::fmt;

/// Why bytes cannot be read as a message. Positions are byte offsets from the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseError {
    Empty,
    /// Longer than the limit, in bytes.
    TooLong {
        limit: usize,
    },
    TooManySegments {
        limit: usize,
        position: usize,
    },
    TooManyFields {
        limit: usize,
        position: usize,
    },
    /// What stands first is none of MSH, FHS, BHS.
    NoHeader {
        position: usize,
    },
    /// UTF-16 or UTF-32: HL7 over MLLP needs a character set in which CR is one byte.
    WideCharacters,
    /// MSH-1 is missing, or is no sign.
    FieldSeparator {
        position: usize,
    },
    /// A second MSH: the bytes are several messages (see `File`).
    SecondMessage {
        position: usize,
    },
    /// A batch header without a message.
    NoMessage,
}

impl ParseError {
    /// Where reading stopped.
    pub fn position(&self) -> usize {
        match self {
            ParseError::Empty | ParseError::WideCharacters | ParseError::NoMessage => 0,
            ParseError::TooLong { limit } => *limit,
            ParseError::TooManySegments { position, .. }
            | ParseError::TooManyFields { position, .. }
            | ParseError::NoHeader { position }
            | ParseError::FieldSeparator { position }
            | ParseError::SecondMessage { position } => *position,
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParseError::Empty => f.write_str("there is no message: no bytes but blanks"),
            ParseError::TooLong { limit } => write!(f, "the message is longer than {limit} bytes"),
            ParseError::TooManySegments { limit, .. } => {
                write!(f, "the message has more than {limit} segments")
            }
            ParseError::TooManyFields { limit, .. } => write!(f, "the message has more than {limit} fields"),
            ParseError::NoHeader { .. } => f.write_str("a message begins with MSH (or FHS, BHS)"),
            ParseError::WideCharacters => f.write_str("UTF-16 and UTF-32 are not read; send UTF-8"),
            ParseError::FieldSeparator { .. } => f.write_str("the header has no field separator"),
            ParseError::SecondMessage { .. } => {
                f.write_str("there is a second MSH: this is more than one message")
            }
            ParseError::NoMessage => f.write_str("there is a batch header and no message"),
        }?;
        write!(f, " (byte {})", self.position())
    }
}

impl std::error::Error for ParseError {}

/// Something odd that was read all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Issue {
    pub kind: IssueKind,
    /// Byte offset.
    pub position: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueKind {
    ByteOrderMark,
    /// Bytes before the header: blanks, or framing left in.
    NoiseBefore,
    /// Bytes after the last segment: framing left in.
    NoiseAfter,
    /// MSH-2 has not four or five different signs.
    EncodingCharacters,
    /// Blanks before the name of a segment.
    LeadingBlank,
    /// A line that is no segment was read as part of the field before it.
    LineBreakInField,
    /// MSH-18 names a character set that the text is not in.
    CharsetDiffers,
    /// MSH-18 is empty though the text is not ASCII.
    CharsetUndeclared,
    /// MSH-18 names a character set that is not known here.
    CharsetUnknown,
}

impl IssueKind {
    pub fn text(self) -> &'static str {
        match self {
            IssueKind::ByteOrderMark => "a byte order mark stands before the header",
            IssueKind::NoiseBefore => "bytes before the header were passed over",
            IssueKind::NoiseAfter => "bytes after the last segment were passed over",
            IssueKind::EncodingCharacters => "MSH-2 has not four or five different signs",
            IssueKind::LeadingBlank => "blanks before the name of a segment",
            IssueKind::LineBreakInField => {
                "a line that is no segment was read as part of the field before it"
            }
            IssueKind::CharsetDiffers => "MSH-18 names a character set that the text is not in",
            IssueKind::CharsetUndeclared => "MSH-18 is empty though the text is not ASCII",
            IssueKind::CharsetUnknown => "MSH-18 names a character set that is not known here",
        }
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {})", self.kind.text(), self.position)
    }
}
