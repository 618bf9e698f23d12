//! Reading a blob or a range of it: only the pieces that the range touches, each one authenticated.

use super::{BLOB_HEAD_BYTES, BlobRef, CHUNK_BYTES, Packs, SEALED_CHUNK_BYTES};
use crate::faults::OrFault;
use crate::files::RandomFile;
use crate::seal::{NodeKey, TAG_BYTES, open, open_within};
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
            plain: Vec::new(),
            plain_at: 0,
        })
    }

    pub fn length(&self) -> u64 {
        self.blob.length
    }

    /// Up to `length` bytes from `offset`, fewer only at the end; a range that begins behind the end is refused.
    ///
    /// The sealed pieces are read at once into the vector that is given back, and opened where they lie.
    pub fn read_range(&mut self, offset: u64, length: usize) -> Result<Vec<u8>, Fault> {
        if offset > self.blob.length {
            return Err(Fault::invalid("the range lies outside the stored object"));
        }
        let end = offset.saturating_add(length as u64).min(self.blob.length);
        if end == offset {
            return Ok(Vec::new());
        }
        let chunk = CHUNK_BYTES as u64;
        let (first, after) = (offset / chunk, end.div_ceil(chunk));
        let mut out = self.sealed(first, after)?;
        let last_piece = self.last_piece();
        let skip = usize::try_from(offset - first * chunk).unwrap_or(0);
        let mut written = 0;
        for (n, i) in (first..after).enumerate() {
            let from = n * SEALED_CHUNK_BYTES;
            let to = (from + SEALED_CHUNK_BYTES).min(out.len());
            let plain = open_within(
                &self.key,
                i,
                i == last_piece,
                &self.blob.id,
                &mut out[written..to],
                from - written,
            )?;
            let got = plain.len();
            if n == 0 && skip > 0 {
                out.copy_within(skip..got, 0);
                written = got.saturating_sub(skip);
            } else {
                written += got;
            }
        }
        out.truncate(usize::try_from(end - offset).unwrap_or(usize::MAX).min(written));
        Ok(out)
    }

    fn last_piece(&self) -> u64 {
        self.blob.length.div_ceil(CHUNK_BYTES as u64).max(1) - 1
    }

    /// The sealed bytes of pieces, as they lie in the pack.
    fn sealed(&self, first: u64, after: u64) -> Result<Vec<u8>, Fault> {
        let plain_end = (after * CHUNK_BYTES as u64).min(self.blob.length);
        let sealed = (plain_end - first * CHUNK_BYTES as u64) + (after - first) * TAG_BYTES as u64;
        let mut bytes = vec![0; usize::try_from(sealed).map_err(|_| Fault::bug("a read is too long"))?];
        let place = self.blob.offset + BLOB_HEAD_BYTES as u64 + first * SEALED_CHUNK_BYTES as u64;
        self.file.read_at(place, &mut bytes).or_fault()?;
        Ok(bytes)
    }

    /// Makes sure that the byte at `at` is among the plain bytes at hand; reads on towards `end`, within the limit.
    fn load(&mut self, at: u64, end: u64) -> Result<(), Fault> {
        if at >= self.plain_at && at - self.plain_at < self.plain.len() as u64 {
            return Ok(());
        }
        let chunk = CHUNK_BYTES as u64;
        let first = at / chunk;
        let after = end.div_ceil(chunk).min(first + PIECES_AT_ONCE).max(first + 1);
        let mut sealed = self.sealed(first, after)?;
        let last_piece = self.last_piece();
        self.plain.clear();
        self.plain_at = first * chunk;
        for (i, piece) in (first..after).zip(sealed.chunks_mut(SEALED_CHUNK_BYTES)) {
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
