//! An object given with another header than it came with: bytes made anew beside ranges of the object as received (house, invariant 4).

use super::serve::ImageReader;
use badiano_dicom::coercion::Followed;
use badiano_dicom::part10::Piece;
use badiano_kernel::Fault;
use badiano_store::{BlobReader, Overlay};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The object as it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Corrected {
    head: Head,
    made: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    spans: Vec<Span>,
    followed: Vec<Followed>,
}

/// A stretch of the object as it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Span {
    /// So many of the bytes that were made.
    #[serde(rename = "m")]
    Made { from: u64, length: u64 },
    /// A range of the object as received.
    #[serde(rename = "r")]
    Received { from: u64, length: u64 },
}

impl Span {
    fn length(self) -> u64 {
        match self {
            Span::Made { length, .. } | Span::Received { length, .. } => length,
        }
    }
}

impl Corrected {
    /// A new beginning (preamble and group 0002) and what follows it.
    pub fn new(meta: &[u8], pieces: &[Piece], followed: Vec<Followed>) -> Result<Corrected, Fault> {
        let mut made = Vec::from(meta);
        let mut spans = vec![Span::Made { from: 0, length: made.len() as u64 }];
        for piece in pieces {
            spans.push(match piece {
                Piece::Made(bytes) => {
                    let from = made.len() as u64;
                    made.extend_from_slice(bytes);
                    Span::Made { from, length: bytes.len() as u64 }
                }
                Piece::Stored { offset, length } => Span::Received { from: *offset, length: *length },
                Piece::Expanded { .. } => return Err(Fault::bug("a correction expands nothing")),
            });
        }
        Ok(Corrected { head: Head { spans, followed }, made })
    }

    /// Length of the head, the head, what was made.
    pub fn pack(&self) -> Result<Overlay, Fault> {
        let head =
            serde_json::to_vec(&self.head).map_err(|_| Fault::bug("a correction is always printable"))?;
        let mut all = (head.len() as u64).to_le_bytes().to_vec();
        all.extend(head);
        all.extend(&self.made);
        Overlay::pack(&all)
    }

    pub fn open(overlay: &Overlay) -> Result<Corrected, Fault> {
        let damaged = || Fault::unavailable("a stored correction is damaged");
        let all = overlay.open()?;
        let (length, rest) = all.split_first_chunk::<8>().ok_or_else(damaged)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| damaged())?;
        let (head, made) = rest.split_at_checked(length).ok_or_else(damaged)?;
        let head = serde_json::from_slice(head).map_err(|_| damaged())?;
        Ok(Corrected { head, made: made.to_vec() })
    }

    pub fn length(&self) -> u64 {
        self.head.spans.iter().map(|s| s.length()).sum()
    }

    pub fn followed(&self) -> &[Followed] {
        &self.head.followed
    }

    /// Where a place of the object as received stands in the object as it is given.
    pub fn place_of(&self, received: u64) -> Option<u64> {
        let mut at = 0;
        for span in &self.head.spans {
            if let Span::Received { from, length } = *span
                && (from..from + length).contains(&received)
            {
                return Some(at + received - from);
            }
            at += span.length();
        }
        None
    }

    fn read(&self, blob: &mut BlobReader, offset: u64, length: usize) -> Result<Vec<u8>, Fault> {
        let mut out = Vec::with_capacity(length.min(1 << 20));
        let mut at = 0;
        for span in &self.head.spans {
            let (begin, end) = (at, at + span.length());
            at = end;
            let wanted = offset + out.len() as u64;
            if wanted >= end || out.len() == length {
                continue;
            }
            let inside = wanted - begin;
            let left = (length - out.len()) as u64;
            let take = left.min(end - wanted);
            match *span {
                Span::Made { from, .. } => {
                    let from = usize::try_from(from + inside).unwrap_or(usize::MAX);
                    let to = from.saturating_add(usize::try_from(take).unwrap_or(usize::MAX));
                    let bytes = self.made.get(from..to);
                    out.extend_from_slice(
                        bytes.ok_or_else(|| Fault::unavailable("a stored correction is damaged"))?,
                    );
                }
                Span::Received { from, .. } => {
                    let take = usize::try_from(take).unwrap_or(usize::MAX);
                    let bytes = blob.read_range(from + inside, take)?;
                    if bytes.len() != take {
                        return Err(Fault::unavailable("a stored correction is longer than its object"));
                    }
                    out.extend(bytes);
                }
            }
        }
        Ok(out)
    }
}

impl ImageReader {
    pub(super) fn new(blob: BlobReader, corrected: Option<Arc<Corrected>>) -> ImageReader {
        ImageReader { blob, corrected }
    }

    pub fn length(&self) -> u64 {
        self.corrected.as_ref().map_or_else(|| self.blob.length(), |c| c.length())
    }

    /// Up to `length` bytes from `offset`; shorter only at the end.
    pub fn read_range(&mut self, offset: u64, length: usize) -> Result<Vec<u8>, Fault> {
        match &self.corrected {
            None => self.blob.read_range(offset, length),
            Some(corrected) => corrected.clone().read(&mut self.blob, offset, length),
        }
    }
}
