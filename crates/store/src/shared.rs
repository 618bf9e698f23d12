//! What the writer, the readers and the doors of one store share.

use crate::names::Names;
use crate::options::Limits;
use crate::packs::Packs;
use crate::seal::NodeKey;
use crate::spool::Spool;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
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
    pub changed: watch::Sender<u64>,
}

impl Shared {
    pub fn database(&self) -> PathBuf {
        self.data.join(DATABASE)
    }
}

/// File name of the database in the data directory.
pub(crate) const DATABASE: &str = "badiano.db";
