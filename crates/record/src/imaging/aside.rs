//! Bytes set aside on the disk while a request is not whole: sealed with a key that is nowhere but in memory, in a file without a name.

use badiano_kernel::Fault;
use badiano_kernel::id::{random_bytes, random_uuid};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Bytes that are sealed together.
const CHUNK_BYTES: usize = 64 << 10;
const TAG_BYTES: usize = 16;

pub(super) struct Aside {
    file: File,
    key: LessSafeKey,
    chunks: u64,
    /// What does not fill a chunk yet.
    open: Vec<u8>,
}

fn unwritable(_: std::io::Error) -> Fault {
    Fault::unavailable("the disk does not take what is set aside")
}

fn nonce(chunk: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&chunk.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

impl Aside {
    pub fn new(folder: &Path) -> Result<Aside, Fault> {
        let path = folder.join(format!("aside-{}", random_uuid()));
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(unwritable)?;
        // Nobody finds it, and it is gone with the process.
        fs::remove_file(&path).map_err(unwritable)?;
        let key = random_bytes::<32>();
        let key = UnboundKey::new(&AES_256_GCM, &key).map_err(|_| Fault::bug("a key has 32 bytes"))?;
        Ok(Aside { file, key: LessSafeKey::new(key), chunks: 0, open: Vec::new() })
    }

    pub fn length(&self) -> u64 {
        self.chunks * CHUNK_BYTES as u64 + self.open.len() as u64
    }

    pub fn write(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        while !bytes.is_empty() {
            let room = CHUNK_BYTES - self.open.len();
            let (now, rest) = bytes.split_at(room.min(bytes.len()));
            self.open.extend_from_slice(now);
            bytes = rest;
            if self.open.len() == CHUNK_BYTES {
                self.seal()?;
            }
        }
        Ok(())
    }

    fn seal(&mut self) -> Result<(), Fault> {
        let sealed = self.key.seal_in_place_append_tag(nonce(self.chunks), Aad::empty(), &mut self.open);
        sealed.map_err(|_| Fault::bug("a chunk is short enough to be sealed"))?;
        let at = self.chunks * (CHUNK_BYTES + TAG_BYTES) as u64;
        self.file.write_all_at(&self.open, at).map_err(unwritable)?;
        self.chunks += 1;
        self.open.clear();
        Ok(())
    }

    /// Gives so many bytes from a place on, piece by piece.
    pub fn read(
        &self,
        mut at: u64,
        length: u64,
        take: &mut dyn FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let end = at + length;
        let mut sealed = vec![0; CHUNK_BYTES + TAG_BYTES];
        while at < end {
            let chunk = at / CHUNK_BYTES as u64;
            let plain = if chunk < self.chunks { self.unseal(chunk, &mut sealed)? } else { &self.open[..] };
            let begin = chunk * CHUNK_BYTES as u64;
            let within = |place: u64| usize::try_from(place - begin).unwrap_or(usize::MAX).min(plain.len());
            let piece = &plain[within(at)..within(end)];
            if piece.is_empty() {
                return Err(Fault::bug("more is read than was set aside"));
            }
            take(piece)?;
            at += piece.len() as u64;
        }
        Ok(())
    }

    fn unseal<'b>(&self, chunk: u64, sealed: &'b mut [u8]) -> Result<&'b [u8], Fault> {
        let unreadable = || Fault::unavailable("what was set aside cannot be read again");
        self.file.read_exact_at(sealed, chunk * sealed.len() as u64).map_err(|_| unreadable())?;
        let plain = self.key.open_in_place(nonce(chunk), Aad::empty(), sealed);
        plain.map(|plain| &*plain).map_err(|_| unreadable())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_aside_is_read_again_and_nowhere_in_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut aside = Aside::new(folder.path()).expect("a file");
        let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n * 7 % 251) as u8).collect();
        for piece in bytes.chunks(777) {
            aside.write(piece).expect("written");
        }
        assert_eq!(aside.length(), bytes.len() as u64);
        assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 0);
        for (at, length) in [(0, bytes.len()), (65_535, 2), (65_536, 65_536), (199_999, 1), (5, 0)] {
            let mut read = Vec::new();
            let take = &mut |more: &[u8]| {
                read.extend_from_slice(more);
                Ok(())
            };
            aside.read(at as u64, length as u64, take).expect("read");
            assert_eq!(read, &bytes[at..at + length], "{at} {length}");
        }
        assert!(aside.read(199_999, 2, &mut |_| Ok(())).is_err());
    }
}
