//! Reading a blob or a range of it: only the pieces that the range touches, each one authenticated.

use super::{BLOB_HEAD_BYTES, BlobRef, CHUNK_BYTES, Packs, SEALED_CHUNK_BYTES};
use crate::faults::OrFault;
use crate::files::RandomFile;
use crate::seal::{NodeKey, TAG_BYTES, open};
use badiano_kernel::Fault;
use ring::aead::LessSafeKey;
use ring::digest;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

/// Pieces read from the disk at once: 1 MiB.
const PIECES_AT_ONCE: u64 = 16;

/// Reads one blob; also `Read` and `Seek`.
pub struct BlobReader {
    file: Arc<dyn RandomFile>,
    blob: BlobRef,
    key: LessSafeKey,
    position: u64,
    /// Sealed bytes as read, opened in place.
    buffer: Vec<u8>,
    /// Plain bytes of the pieces last read, and where they begin.
    plain: Vec<u8>,
    plain_at: u64,
}

impl BlobReader {
    pub(crate) fn new(packs: &Packs, node: &NodeKey, blob: &BlobRef) -> Result<Self, Fault> {
        let key = node.unwrap_data_key(&blob.id, &blob.key)?;
        Ok(BlobReader {
            file: packs.file(blob.pack)?,
            blob: blob.clone(),
            key,
            position: 0,
            buffer: Vec::new(),
            plain: Vec::new(),
            plain_at: 0,
        })
    }

    pub fn length(&self) -> u64 {
        self.blob.length
    }

    /// Up to `length` bytes from `offset`, fewer only at the end; a range that begins behind the end is refused.
    pub fn read_range(&mut self, offset: u64, length: usize) -> Result<Vec<u8>, Fault> {
        if offset > self.blob.length {
            return Err(Fault::invalid("the range lies outside the stored object"));
        }
        let end = offset.saturating_add(length as u64).min(self.blob.length);
        let mut out = Vec::with_capacity(usize::try_from(end - offset).unwrap_or(0));
        let mut at = offset;
        while at < end {
            self.load(at, end)?;
            let from = usize::try_from(at - self.plain_at).unwrap_or(usize::MAX);
            let to = usize::try_from(end - self.plain_at).unwrap_or(usize::MAX).min(self.plain.len());
            out.extend_from_slice(&self.plain[from..to]);
            at = self.plain_at + to as u64;
        }
        Ok(out)
    }

    /// Makes sure that the byte at `at` is among the plain bytes at hand; reads on towards `end`, within the limit.
    fn load(&mut self, at: u64, end: u64) -> Result<(), Fault> {
        if at >= self.plain_at && at - self.plain_at < self.plain.len() as u64 {
            return Ok(());
        }
        let chunk = CHUNK_BYTES as u64;
        let first = at / chunk;
        let after = end.div_ceil(chunk).min(first + PIECES_AT_ONCE).max(first + 1);
        let last_piece = self.blob.length.div_ceil(chunk).max(1) - 1;
        let plain_end = (after * chunk).min(self.blob.length);
        let sealed = (plain_end - first * chunk) + (after - first) * TAG_BYTES as u64;
        let sealed = usize::try_from(sealed).map_err(|_| Fault::bug("a read is too long"))?;
        self.plain.clear();
        self.plain_at = first * chunk;
        self.buffer.resize(sealed, 0);
        let place = self.blob.offset + BLOB_HEAD_BYTES as u64 + first * SEALED_CHUNK_BYTES as u64;
        self.file.read_at(place, &mut self.buffer).or_fault()?;
        for (i, piece) in (first..after).zip(self.buffer.chunks_mut(SEALED_CHUNK_BYTES)) {
            self.plain.extend_from_slice(open(&self.key, i, i == last_piece, &self.blob.id, piece)?);
        }
        Ok(())
    }

    /// Reads the whole blob piece by piece and compares its SHA-256: what scrubbing and mending ask.
    pub fn verify(&mut self) -> Result<(), Fault> {
        let mut hash = digest::Context::new(&digest::SHA256);
        let mut at = 0;
        loop {
            self.plain.clear();
            self.load(at, self.blob.length)?;
            hash.update(&self.plain);
            at += self.plain.len() as u64;
            if at >= self.blob.length {
                break;
            }
        }
        if hash.finish().as_ref() == self.blob.sha256 {
            Ok(())
        } else {
            Err(Fault::unavailable("a stored object is not what it was when it was stored"))
        }
    }
}

impl Read for BlobReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.blob.length || out.is_empty() {
            return Ok(0);
        }
        self.load(self.position, self.blob.length).map_err(io::Error::other)?;
        let from = usize::try_from(self.position - self.plain_at).unwrap_or(usize::MAX);
        let count = out.len().min(self.plain.len() - from);
        out[..count].copy_from_slice(&self.plain[from..from + count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for BlobReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(n) => Some(n),
            SeekFrom::End(n) => self.blob.length.checked_add_signed(n),
            SeekFrom::Current(n) => self.position.checked_add_signed(n),
        };
        self.position =
            at.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "before the beginning"))?;
        Ok(self.position)
    }
}
