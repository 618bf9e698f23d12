//! Protocol data units of the DICOM upper layer and their byte forms (PS3.8 section 9.3).

mod associate;
mod decode;
mod encode;
mod fields;
mod user_information;

#[cfg(test)]
mod tests;

use std::fmt;

pub use associate::{
    APPLICATION_CONTEXT, AeTitle, AssociateAc, AssociateRq, ContextAnswer, ContextProposal, ContextResult,
    UnknownItem,
};
pub use decode::{Decoded, Decoder};
pub use encode::Encoder;
pub use user_information::{
    AsyncWindow, ExtendedNegotiation, ExtendedNegotiationCommon, IdentityKind, RoleSelection, UserIdentity,
    UserInformation,
};

/// Longest P-DATA-TF that is read, in bytes after its six-byte head. A longer one is refused unread.
pub const P_DATA_LENGTH_MAX: u32 = 256 * 1024;
/// Longest A-ASSOCIATE-RQ or -AC that is collected, in bytes after its six-byte head.
pub const ASSOCIATE_LENGTH_MAX: u32 = 1024 * 1024;
/// Presentation context ids are the odd numbers 1 to 255 (PS3.8 9.3.2.2).
pub const CONTEXTS_MAX: usize = 128;
/// Transfer syntaxes proposed for one context.
pub const TRANSFER_SYNTAXES_MAX: usize = 128;
/// Sub-items of one user information item. Items nest two deep by their form, so depth needs no limit of its own.
pub const USER_ITEMS_MAX: usize = 1024;
/// Related general SOP classes of one common extended negotiation sub-item.
pub const RELATED_CLASSES_MAX: usize = 128;

/// What a decoder lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a P-DATA-TF after its head.
    pub p_data_length_max: u32,
    /// Bytes of an A-ASSOCIATE-RQ or -AC after its head.
    pub associate_length_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { p_data_length_max: P_DATA_LENGTH_MAX, associate_length_max: ASSOCIATE_LENGTH_MAX }
    }
}

/// A-ASSOCIATE-RJ: result, source and reason together, as PS3.8 table 9-21 pairs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssociateRj {
    /// 1 rejected-permanent, 2 rejected-transient.
    pub result: u8,
    /// 1 service-user, 2 service-provider (ACSE), 3 service-provider (presentation).
    pub source: u8,
    pub reason: u8,
}

impl AssociateRj {
    const fn new(result: u8, source: u8, reason: u8) -> Self {
        AssociateRj { result, source, reason }
    }
    pub const NO_REASON: Self = Self::new(1, 1, 1);
    pub const APPLICATION_CONTEXT_NOT_SUPPORTED: Self = Self::new(1, 1, 2);
    pub const CALLING_AE_NOT_RECOGNIZED: Self = Self::new(1, 1, 3);
    pub const CALLED_AE_NOT_RECOGNIZED: Self = Self::new(1, 1, 7);
    pub const PROVIDER_NO_REASON: Self = Self::new(1, 2, 1);
    pub const PROTOCOL_VERSION_NOT_SUPPORTED: Self = Self::new(1, 2, 2);
    pub const TEMPORARY_CONGESTION: Self = Self::new(2, 3, 1);
    pub const LOCAL_LIMIT_EXCEEDED: Self = Self::new(2, 3, 2);

    /// Whether the same request may succeed later.
    pub fn is_transient(self) -> bool {
        self.result == 2
    }
}

/// A-ABORT: who aborts and why (PS3.8 table 9-26). The reason counts only for the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abort {
    /// 0 service-user, 2 service-provider.
    pub source: u8,
    pub reason: u8,
}

impl Abort {
    pub const BY_USER: Self = Abort { source: 0, reason: 0 };
    pub const NO_REASON: Self = Abort { source: 2, reason: 0 };
    pub const UNRECOGNIZED_PDU: Self = Abort { source: 2, reason: 1 };
    pub const UNEXPECTED_PDU: Self = Abort { source: 2, reason: 2 };
    pub const UNRECOGNIZED_PARAMETER: Self = Abort { source: 2, reason: 4 };
    pub const UNEXPECTED_PARAMETER: Self = Abort { source: 2, reason: 5 };
    pub const INVALID_PARAMETER: Self = Abort { source: 2, reason: 6 };
}

/// What is wrong with a PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PduErrorKind {
    /// The first byte names no PDU of PS3.8.
    UnknownPdu(u8),
    /// The stated length is above the limit; nothing of it was read.
    TooLong {
        length: u32,
        limit: u32,
    },
    /// A PDU of fixed form states another length.
    WrongLength {
        length: u32,
    },
    /// An item or field reaches past the end of what holds it.
    Truncated,
    /// A PDV item is shorter than its own two-byte head.
    ShortPdv,
    /// More items than the named limit.
    TooMany(&'static str),
    /// An item that must be there once is missing or doubled.
    Missing(&'static str),
    Repeated(&'static str),
    /// A field holds what its definition forbids.
    Invalid(&'static str),
}

/// A PDU that breaks PS3.8, and the byte of the stream where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PduError {
    pub kind: PduErrorKind,
    /// Bytes from the beginning of the stream.
    pub offset: u64,
}

impl PduError {
    /// The A-ABORT that answers it (PS3.8 action AA-8).
    pub fn abort(self) -> Abort {
        match self.kind {
            PduErrorKind::UnknownPdu(_) => Abort::UNRECOGNIZED_PDU,
            PduErrorKind::Repeated(_) => Abort::UNEXPECTED_PARAMETER,
            _ => Abort::INVALID_PARAMETER,
        }
    }
}

impl fmt::Display for PduError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            PduErrorKind::UnknownPdu(kind) => write!(f, "no PDU has type {kind:#04x}")?,
            PduErrorKind::TooLong { length, limit } => {
                write!(f, "a PDU of {length} bytes is above the limit of {limit}")?;
            }
            PduErrorKind::WrongLength { length } => write!(f, "a PDU of fixed form states {length} bytes")?,
            PduErrorKind::Truncated => f.write_str("a field reaches past the end of its item")?,
            PduErrorKind::ShortPdv => f.write_str("a PDV item is shorter than its head")?,
            PduErrorKind::TooMany(what) => write!(f, "more {what} than the limit")?,
            PduErrorKind::Missing(what) => write!(f, "{what} is missing")?,
            PduErrorKind::Repeated(what) => write!(f, "{what} comes twice")?,
            PduErrorKind::Invalid(what) => write!(f, "{what} is not valid")?,
        }
        write!(f, " (byte {} of the stream)", self.offset)
    }
}

impl std::error::Error for PduError {}

/// PDU types (PS3.8 table 9-11 and after).
pub(crate) mod kind {
    pub const ASSOCIATE_RQ: u8 = 1;
    pub const ASSOCIATE_AC: u8 = 2;
    pub const ASSOCIATE_RJ: u8 = 3;
    pub const P_DATA_TF: u8 = 4;
    pub const RELEASE_RQ: u8 = 5;
    pub const RELEASE_RP: u8 = 6;
    pub const ABORT: u8 = 7;
}
