//! Streaming a blob into a pack: sealed piece by piece, hashed on the way, never whole in memory.

use super::{BLOB_HEAD_BYTES, BLOB_MARK, BlobRef, CHUNK_BYTES, Packs, SMALL_BLOB_BYTES, Tail};
use crate::faults::OrFault;
use crate::files::RandomFile;
use crate::seal::{WRAPPED_BYTES, seal_from};
use crate::shared::Shared;
use badiano_kernel::Fault;
use badiano_kernel::id::random_bytes;
use ring::aead::LessSafeKey;
use ring::digest;
use std::sync::Arc;

/// Takes the bytes of one blob. Dropped before `finish`, it leaves nothing that anybody refers to.
pub struct BlobWriter {
    shared: Arc<Shared>,
    id: [u8; 16],
    key: LessSafeKey,
    wrapped: [u8; WRAPPED_BYTES],
    hash: digest::Context,
    length: u64,
    /// Sealed pieces not yet written, then the open piece from `open_at` on.
    buffer: Vec<u8>,
    open_at: usize,
    pieces: u64,
    stream: Option<Stream>,
    /// Plain bytes taken when the disk was last looked at.
    looked_at: u64,
}

/// The disk is looked at each time so many bytes of one object have been written.
const DISK_LOOK_BYTES: u64 = 32 << 20;

/// A long blob has a pack of its own while it is written.
struct Stream {
    begin: Tail,
    file: Arc<dyn RandomFile>,
    written: u64,
    kept: bool,
    packs: Arc<Packs>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        let offset = if self.kept { self.begin.offset + self.written } else { self.begin.offset };
        self.packs.check_in(Tail { pack: self.begin.pack, offset });
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        self.shared.packs.give_back(std::mem::take(&mut self.buffer));
    }
}

impl BlobWriter {
    pub(crate) fn new(shared: Arc<Shared>) -> Result<Self, Fault> {
        let id: [u8; 16] = random_bytes();
        let (key, wrapped) = shared.key.new_data_key(&id)?;
        let mut buffer = shared.packs.buffer();
        buffer.extend_from_slice(BLOB_MARK);
        buffer.extend_from_slice(&id);
        Ok(BlobWriter {
            shared,
            id,
            key,
            wrapped,
            hash: digest::Context::new(&digest::SHA256),
            length: 0,
            buffer,
            open_at: BLOB_HEAD_BYTES,
            pieces: 0,
            stream: None,
            looked_at: 0,
        })
    }

    /// Plain bytes taken so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    pub fn write(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        while !bytes.is_empty() {
            if self.buffer.len() - self.open_at == CHUNK_BYTES {
                self.seal_piece(false)?;
                if self.buffer.len() >= SMALL_BLOB_BYTES {
                    self.spill()?;
                }
            }
            let room = CHUNK_BYTES - (self.buffer.len() - self.open_at);
            let (now, rest) = bytes.split_at(room.min(bytes.len()));
            self.buffer.extend_from_slice(now);
            bytes = rest;
        }
        Ok(())
    }

    /// Writes what is left. The blob is readable now, durable when a write that keeps it has resolved.
    pub fn finish(mut self) -> Result<BlobRef, Fault> {
        self.seal_piece(true)?;
        let begin = if self.stream.is_some() {
            self.spill()?;
            self.stream.as_mut().map(|s| {
                s.kept = true;
                s.begin
            })
        } else {
            None
        };
        let begin = match begin {
            Some(begin) => begin,
            None => {
                let tail = self.shared.packs.reserve(self.buffer.len() as u64)?;
                self.shared.packs.file(tail.pack)?.write_at(tail.offset, &self.buffer).or_fault()?;
                tail
            }
        };
        let mut sha256 = [0u8; 32];
        sha256.copy_from_slice(self.hash.clone().finish().as_ref());
        Ok(BlobRef {
            id: self.id,
            pack: begin.pack,
            offset: begin.offset,
            length: self.length,
            sha256,
            key: self.wrapped,
        })
    }

    fn seal_piece(&mut self, last: bool) -> Result<(), Fault> {
        seal_from(&self.key, self.pieces, last, &self.id, &mut self.buffer, self.open_at)?;
        self.pieces += 1;
        self.open_at = self.buffer.len();
        Ok(())
    }

    /// A long object stops in the middle when the disk fills up under it.
    fn look_at_disk(&mut self) -> Result<(), Fault> {
        if self.length >= self.looked_at + DISK_LOOK_BYTES {
            self.looked_at = self.length;
            self.shared.look_at_disk()?;
        }
        self.shared.has_room()
    }

    /// Writes the sealed pieces to the blob's own pack.
    fn spill(&mut self) -> Result<(), Fault> {
        self.look_at_disk()?;
        if self.stream.is_none() {
            let begin = self.shared.packs.check_out()?;
            let file = self.shared.packs.file(begin.pack)?;
            self.stream =
                Some(Stream { begin, file, written: 0, kept: false, packs: self.shared.packs.clone() });
        }
        if let Some(stream) = &mut self.stream {
            stream.file.write_at(stream.begin.offset + stream.written, &self.buffer).or_fault()?;
            stream.written += self.buffer.len() as u64;
        }
        self.buffer.clear();
        self.open_at = 0;
        Ok(())
    }
}
