//! Big-endian fields and length-prefixed items inside a PDU (PS3.8 section 9.3.1).

use super::{PduError, PduErrorKind};
use badiano_kernel::id::Uid;

/// A borrowed run of bytes that knows where in the stream it stands.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
    offset: u64,
}

impl<'a> Fields<'a> {
    pub fn new(bytes: &'a [u8], offset: u64) -> Self {
        Fields { rest: bytes, offset }
    }
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
    pub fn error(&self, kind: PduErrorKind) -> PduError {
        PduError { kind, offset: self.offset }
    }
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], PduError> {
        match self.rest.split_at_checked(count) {
            Some((head, tail)) => {
                self.rest = tail;
                self.offset += count as u64;
                Ok(head)
            }
            None => Err(self.error(PduErrorKind::Truncated)),
        }
    }
    pub fn rest(&mut self) -> &'a [u8] {
        let all = self.rest;
        self.offset += all.len() as u64;
        self.rest = &[];
        all
    }
    pub fn u8(&mut self) -> Result<u8, PduError> {
        Ok(self.bytes(1)?[0])
    }
    pub fn u16(&mut self) -> Result<u16, PduError> {
        let b = self.bytes(2)?;
        Ok(u16::from_be_bytes([b[0], b[1]]))
    }
    pub fn u32(&mut self) -> Result<u32, PduError> {
        let b = self.bytes(4)?;
        Ok(u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
    }
    /// A field with a two-byte length before it.
    pub fn counted(&mut self) -> Result<Fields<'a>, PduError> {
        let length = usize::from(self.u16()?);
        let offset = self.offset;
        Ok(Fields::new(self.bytes(length)?, offset))
    }
    /// An item: its type, the byte after it (reserved, or a version) and its content.
    pub fn item(&mut self) -> Result<(u8, u8, Fields<'a>), PduError> {
        let kind = self.u8()?;
        let second = self.u8()?;
        Ok((kind, second, self.counted()?))
    }
    /// The whole rest as a UID; real devices pad with NUL or space.
    pub fn uid(&mut self, what: &'static str) -> Result<Uid, PduError> {
        let wrong = self.error(PduErrorKind::Invalid(what));
        let text = std::str::from_utf8(self.rest()).map_err(|_| wrong)?;
        Uid::parse_lenient(text).map_err(|_| wrong)
    }
    /// The whole rest as printable text of ISO 646, trimmed; other bytes become `?`.
    pub fn text(&mut self) -> String {
        let shown = |b: &u8| if (0x20..0x7f).contains(b) { char::from(*b) } else { '?' };
        self.rest().trim_ascii().iter().filter(|b| **b != 0).map(shown).collect::<String>().trim().to_owned()
    }
}
