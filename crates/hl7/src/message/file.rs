//! Files and batches of messages: FHS, BHS, messages, BTS, FTS (HL7 v2.5.1 section 2.10.3), or messages one after another.

use super::{is_header, is_noise};
use std::ops::Range;

/// Bytes cut into messages and what stands around them. The parts put together are the bytes, whatever they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub parts: Vec<FilePart>,
}

/// One part, as a range of byte offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilePart {
    /// FHS, BHS, BTS or FTS with what belongs to the line.
    Envelope(Range<usize>),
    /// From MSH up to the next header or trailer.
    Message(Range<usize>),
    /// Bytes before the first header: blanks, framing, or nothing of HL7.
    Noise(Range<usize>),
}

impl FilePart {
    pub fn range(&self) -> Range<usize> {
        match self {
            FilePart::Envelope(r) | FilePart::Message(r) | FilePart::Noise(r) => r.clone(),
        }
    }
}

impl File {
    /// Cuts; never fails.
    pub fn read(bytes: &[u8]) -> File {
        let mut parts = Vec::new();
        let mut open: (usize, fn(Range<usize>) -> FilePart) = (0, FilePart::Noise);
        let mut separator = None;
        for start in line_starts(bytes) {
            let line = &bytes[start..];
            let Some(make) = beginning(line, separator) else { continue };
            if is_header(line) {
                separator = line.get(3).copied();
            }
            if start > open.0 {
                parts.push(open.1(open.0..start));
            }
            open = (start, make);
        }
        if bytes.len() > open.0 {
            parts.push(open.1(open.0..bytes.len()));
        }
        File { parts }
    }
    /// The bytes of each message, in order.
    pub fn messages<'b>(&self, bytes: &'b [u8]) -> impl Iterator<Item = &'b [u8]> {
        self.parts.iter().filter_map(move |part| match part {
            FilePart::Message(range) => bytes.get(range.clone()),
            FilePart::Envelope(_) | FilePart::Noise(_) => None,
        })
    }
}

fn beginning(line: &[u8], separator: Option<u8>) -> Option<fn(Range<usize>) -> FilePart> {
    let name = line.first_chunk::<3>()?;
    let next = line.get(3).copied();
    let header = next.is_some_and(super::delimiters::may_delimit);
    match name {
        b"MSH" if header => Some(FilePart::Message),
        b"FHS" | b"BHS" if header => Some(FilePart::Envelope),
        b"BTS" | b"FTS" => {
            let closes =
                separator.is_some() && (next.is_none() || next == separator || next.is_some_and(is_noise));
            closes.then_some(FilePart::Envelope as fn(Range<usize>) -> FilePart)
        }
        _ => None,
    }
}

/// Where each line begins, blanks and framing at its head passed over.
fn line_starts(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let after_mark = if bytes.starts_with(&super::BOM) { super::BOM.len() } else { 0 };
    let breaks = memchr::memchr2_iter(b'\r', b'\n', bytes).map(|at| at + 1);
    std::iter::once(after_mark).chain(breaks).filter_map(move |at| {
        let noise = bytes[at..].iter().take_while(|b| is_noise(**b) && !matches!(**b, b'\r' | b'\n')).count();
        let start = at + noise;
        (start < bytes.len() && !matches!(bytes[start], b'\r' | b'\n')).then_some(start)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_cut_into_its_messages_and_loses_no_byte() {
        let bytes = b"FHS|^~\\&|A\rBHS|^~\\&|A\rMSH|^~\\&|1\rPID|1\rMSH|^~\\&|2\rPID|2\rBTS|2\rFTS|1\r";
        let file = File::read(bytes);
        let messages: Vec<&[u8]> = file.messages(bytes).collect();
        assert_eq!(messages, [&b"MSH|^~\\&|1\rPID|1\r"[..], b"MSH|^~\\&|2\rPID|2\r"]);
        let all: Vec<u8> = file.parts.iter().flat_map(|p| bytes[p.range()].to_vec()).collect();
        assert_eq!(all, bytes);
    }

    #[test]
    fn what_is_nothing_of_hl7_is_one_part() {
        assert_eq!(File::read(b"hola\nBTS|x").parts, [FilePart::Noise(0..10)]);
        assert!(File::read(b"").parts.is_empty());
    }
}
