//! What the writer, the readers and the doors of one store share.

use crate::names::Names;
use crate::options::Limits;
use crate::packs::Packs;
use crate::seal::NodeKey;
use crate::spool::Spool;
use crate::store::free_bytes;
use badiano_kernel::Fault;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::watch;

pub(crate) struct Shared {
    pub data: PathBuf,
    pub zone: String,
    pub limits: Limits,
    pub key: NodeKey,
    pub names: Names,
    pub packs: Arc<Packs>,
    pub spool: Spool,
    /// Set when a failed sync has stopped the writer for good: what is on the disk is then unknown.
    pub stopped: AtomicBool,
    /// Free bytes as last seen by the writer.
    pub free_bytes: AtomicU64,
    /// With less than this free, writes are refused.
    pub free_bytes_min: AtomicU64,
    pub changed: watch::Sender<u64>,
    /// How often documents of a kind were written, by the kind's number.
    pub written: RwLock<HashMap<i64, u64>>,
}

impl Shared {
    pub fn times_written(&self, kind: i64) -> u64 {
        let written = self.written.read().unwrap_or_else(PoisonError::into_inner);
        written.get(&kind).copied().unwrap_or_default()
    }

    /// Counts a commit that wrote documents of these kinds.
    pub fn count_written(&self, kinds: &BTreeSet<i64>) {
        if kinds.is_empty() {
            return;
        }
        let mut written = self.written.write().unwrap_or_else(PoisonError::into_inner);
        kinds.iter().for_each(|kind| *written.entry(*kind).or_default() += 1);
    }

    /// Free bytes now; what is told of the disk is also what holds from then on.
    pub fn look_at_disk(&self) -> Result<u64, Fault> {
        let free = free_bytes(&self.data)?;
        self.free_bytes.store(free, Ordering::Relaxed);
        Ok(free)
    }

    /// Refuses what would be written on a disk that is nearly full. Looks again then, so that writing goes on as soon as there is room.
    pub fn has_room(&self) -> Result<(), Fault> {
        let enough = |free: u64| free >= self.free_bytes_min.load(Ordering::Relaxed);
        if enough(self.free_bytes.load(Ordering::Relaxed)) {
            return Ok(());
        }
        if enough(self.look_at_disk().unwrap_or(0)) {
            return Ok(());
        }
        Err(Fault::unavailable("the disk is nearly full: nothing more is written"))
    }

    pub fn database(&self) -> PathBuf {
        self.data.join(DATABASE)
    }
}

/// File name of the database in the data directory.
pub(crate) const DATABASE: &str = "badiano.db";
