//! Append-only pack files that hold blobs: small ones side by side in a shared pack, a long one alone at the end of its own.

mod reader;
mod writer;

pub use reader::BlobReader;
pub use writer::BlobWriter;

use crate::faults::OrFault;
use crate::files::{Files, RandomFile};
use crate::seal::{TAG_BYTES, WRAPPED_BYTES};
use badiano_kernel::Fault;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Plain bytes of one sealed piece; the last may be shorter. A range is read without reading the whole.
pub const CHUNK_BYTES: usize = 64 << 10;
/// Sealed length of a full piece.
pub(crate) const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;
/// A blob up to this many sealed bytes is kept in memory and appended in one write; a longer one streams.
pub(crate) const SMALL_BLOB_BYTES: usize = 2 << 20;
/// First bytes of every pack.
const PACK_MARK: &[u8; 16] = b"badiano pack 1\n\0";
/// First bytes of every blob in a pack, followed by the blob's id.
pub(crate) const BLOB_MARK: &[u8; 8] = b"blob 1\n\0";
pub(crate) const BLOB_HEAD_BYTES: usize = 8 + 16;
/// Packs kept open for reading.
const OPEN_PACKS_MAX: usize = 256;
/// Buffers kept for the next blobs: fresh memory costs a page fault for each 4 KiB, of which a CT image has 130.
const SPARE_BUFFERS_MAX: usize = 8;
/// Longer buffers are let go.
const SPARE_BYTES_MAX: usize = SMALL_BLOB_BYTES + 2 * SEALED_CHUNK_BYTES;

/// Where a blob lies and how it is opened. The wrapped key stands only in the database: taking the row away destroys it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobRef {
    pub id: [u8; 16],
    pub pack: u32,
    /// Of the blob's first byte in its pack.
    pub offset: u64,
    /// Plain length in bytes.
    pub length: u64,
    /// Of the plain bytes.
    pub sha256: [u8; 32],
    pub key: [u8; WRAPPED_BYTES],
}

impl BlobRef {
    /// Bytes that the blob takes in its pack.
    pub fn stored_bytes(&self) -> u64 {
        let chunks = self.length.div_ceil(CHUNK_BYTES as u64).max(1);
        BLOB_HEAD_BYTES as u64 + self.length + chunks * TAG_BYTES as u64
    }
    /// Where the next blob of the pack may begin.
    pub fn end(&self) -> u64 {
        self.offset + self.stored_bytes()
    }
    /// The id in hexadecimal, for a reference from elsewhere.
    pub fn id_text(&self) -> String {
        self.id.iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// All packs of a store.
pub(crate) struct Packs {
    files: Arc<dyn Files>,
    folder: PathBuf,
    roll: u64,
    state: Mutex<State>,
    spare: Mutex<Vec<Vec<u8>>>,
}

#[derive(Default)]
struct State {
    open: HashMap<u32, Arc<dyn RandomFile>>,
    /// Packs with room that nobody writes to, with their tails.
    idle: Vec<Tail>,
    /// The pack that small blobs go to.
    shared: Option<Tail>,
    next: u32,
}

/// A pack with room, and where its next blob begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tail {
    pub pack: u32,
    pub offset: u64,
}

impl Packs {
    pub fn new(files: Arc<dyn Files>, folder: PathBuf, roll: u64) -> Self {
        Packs { files, folder, roll, state: Mutex::default(), spare: Mutex::default() }
    }

    /// Takes up the packs found on the disk. `tails` come from the database: what lies behind a tail belongs to
    /// nobody (its key was never committed) and is cut off.
    pub fn adopt(&self, tails: &HashMap<u32, u64>) -> Result<u64, Fault> {
        let mut cut = 0;
        let mut state = self.lock();
        for (name, length) in self.files.list(&self.folder).or_fault()? {
            let Some(pack) = name.strip_suffix(".pack").and_then(|n| n.parse::<u32>().ok()) else { continue };
            state.next = state.next.max(pack + 1);
            let tail = tails.get(&pack).copied().unwrap_or(0).max(PACK_MARK.len() as u64);
            if tail < self.roll {
                let file = self.files.open(&self.folder.join(&name), false).or_fault()?;
                if length > tail {
                    file.truncate(tail).or_fault()?;
                    cut += length - tail;
                }
                if length < PACK_MARK.len() as u64 || tail == PACK_MARK.len() as u64 {
                    file.write_at(0, PACK_MARK).or_fault()?;
                }
                file.sync().or_fault()?;
                state.idle.push(Tail { pack, offset: tail });
            }
        }
        Ok(cut)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An empty buffer for a blob, used before if there is one.
    pub fn buffer(&self) -> Vec<u8> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| Vec::with_capacity(2 * CHUNK_BYTES))
    }

    /// Takes a buffer back.
    pub fn give_back(&self, mut buffer: Vec<u8>) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE_BUFFERS_MAX && buffer.capacity() <= SPARE_BYTES_MAX {
            buffer.clear();
            spare.push(buffer);
        }
    }

    /// The file of a pack, opened once.
    pub fn file(&self, pack: u32) -> Result<Arc<dyn RandomFile>, Fault> {
        let mut state = self.lock();
        if let Some(file) = state.open.get(&pack) {
            return Ok(file.clone());
        }
        let file = self.files.open(&self.path(pack), false).or_fault()?;
        if state.open.len() >= OPEN_PACKS_MAX {
            let drop_one = state.open.keys().next().copied();
            drop_one.map(|k| state.open.remove(&k));
        }
        state.open.insert(pack, file.clone());
        Ok(file)
    }

    fn path(&self, pack: u32) -> PathBuf {
        self.folder.join(format!("{pack:08}.pack"))
    }

    /// A pack of one's own for a long blob.
    pub fn check_out(&self) -> Result<Tail, Fault> {
        let mut state = self.lock();
        match state.idle.pop() {
            Some(tail) => Ok(tail),
            None => self.make(&mut state),
        }
    }

    /// Gives a pack back; it takes further blobs while it has room.
    pub fn check_in(&self, tail: Tail) {
        if tail.offset < self.roll {
            self.lock().idle.push(tail);
        }
    }

    /// Room for one blob of known length in the shared pack.
    pub fn reserve(&self, bytes: u64) -> Result<Tail, Fault> {
        let mut state = self.lock();
        let tail = match state.shared {
            Some(tail) if tail.offset < self.roll => tail,
            _ => match state.idle.pop() {
                Some(tail) => tail,
                None => self.make(&mut state)?,
            },
        };
        state.shared = Some(Tail { pack: tail.pack, offset: tail.offset + bytes });
        Ok(tail)
    }

    /// A new pack whose name and mark are on the disk before anything refers to it.
    fn make(&self, state: &mut State) -> Result<Tail, Fault> {
        let pack = state.next;
        let file = self.files.open(&self.path(pack), true).or_fault()?;
        file.write_at(0, PACK_MARK).or_fault()?;
        file.sync().or_fault()?;
        self.files.sync_folder(&self.folder).or_fault()?;
        state.next += 1;
        state.open.insert(pack, file);
        Ok(Tail { pack, offset: PACK_MARK.len() as u64 })
    }

    /// Waits until the packs are on the disk.
    pub fn sync(&self, packs: &HashSet<u32>) -> Result<(), Fault> {
        packs.iter().try_for_each(|pack| self.file(*pack)?.sync().or_fault())
    }

    /// Names and paths of all packs, for a backup.
    pub fn paths(&self) -> Result<Vec<PathBuf>, Fault> {
        let found = self.files.list(&self.folder).or_fault()?;
        Ok(found.into_iter().map(|(name, _)| self.folder.join(name)).collect())
    }
}
