//! Copying a store while it runs, and what it says of its own health.

use crate::faults::OrFault;
use crate::shared::DATABASE;
use crate::store::Store;
use badiano_kernel::Fault;
use rusqlite::{Connection, OpenFlags, backup::Backup};
use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::Ordering;

/// How a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    pub bytes_free: u64,
    /// Writes are taken: the writer has not stopped and the disk is not nearly full.
    pub writes_taken: bool,
    pub writer_alive: bool,
    pub wal_bytes: u64,
    /// Audit entries of reads that are not in the log yet.
    pub spool_lag: usize,
}

impl Store {
    pub fn health(&self) -> Health {
        let shared = self.shared();
        let bytes_free = shared.look_at_disk().unwrap_or(0);
        let writer_alive = !shared.stopped.load(Ordering::Acquire);
        let wal = fs::metadata(shared.data.join(format!("{DATABASE}-wal")));
        Health {
            bytes_free,
            writes_taken: writer_alive && shared.has_room().is_ok(),
            writer_alive,
            wal_bytes: wal.map_or(0, |about| about.len()),
            spool_lag: shared.spool.waiting(),
        }
    }

    /// Copies the store into an empty folder while reading and writing go on: a data directory that opens with the
    /// same key file, which is not copied.
    pub fn backup(&self, to: &Path) -> Result<(), Fault> {
        let packs = to.join("packs");
        fs::create_dir_all(&packs).or_fault()?;
        let (database, unfinished) = (to.join(DATABASE), to.join(format!("{DATABASE}.unfinished")));
        if database.exists() || unfinished.exists() {
            return Err(Fault::conflict("the folder holds a copy already: choose an empty one"));
        }
        // First the rows, then the packs: whatever the rows speak of is in the packs by then.
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let from = Connection::open_with_flags(self.shared().database(), flags).or_fault()?;
        let mut copy = Connection::open(&unfinished).or_fault()?;
        Backup::new(&from, &mut copy).or_fault()?.step(-1).or_fault()?;
        copy.execute("INSERT OR REPLACE INTO meta(name, value) VALUES('clean', 1)", []).or_fault()?;
        drop(copy);
        for pack in self.shared().packs.paths()? {
            let name = pack.file_name().ok_or_else(|| Fault::bug("a pack has no name"))?;
            let copy = packs.join(name);
            fs::copy(&pack, &copy).or_fault()?;
            File::open(&copy).or_fault()?.sync_all().or_fault()?;
        }
        File::open(&packs).or_fault()?.sync_all().or_fault()?;
        File::open(&unfinished).or_fault()?.sync_all().or_fault()?;
        // The database gets its name last: a copy that broke off is never taken for a whole one.
        fs::rename(&unfinished, &database).or_fault()?;
        File::open(to).or_fault()?.sync_all().or_fault()
    }

    /// Whether a folder holds a store, or a whole copy of one.
    pub fn is_at(folder: &Path) -> bool {
        folder.join(DATABASE).is_file()
    }
}
