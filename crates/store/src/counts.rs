//! What a store holds, counted, and the room on its disk: for the operator, never for a decision.

use crate::faults::OrFault;
use crate::store::Store;
use crate::view::{View, unsigned};
use badiano_kernel::Fault;
use rusqlite::params;

/// How much there is of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub patients: u64,
    pub studies: u64,
    pub instances: u64,
    /// Bytes of the packs.
    pub bytes: u64,
}

/// Room on the disk of the data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    pub free_bytes: u64,
    pub total_bytes: u64,
    /// Below so many free bytes nothing more is written.
    pub free_bytes_min: u64,
}

impl View<'_> {
    /// Walks patients and studies once: its callers keep the answer for a while.
    pub fn counts(&self) -> Result<Counts, Fault> {
        let patients = match self.number("Patient") {
            Some(kind) => {
                let sql = "SELECT COUNT(*) FROM resource WHERE kind = ?1 AND deleted = 0";
                self.one(sql, params![kind], |r| r.get::<_, i64>(0))?.unwrap_or_default()
            }
            None => 0,
        };
        let sql = "SELECT COUNT(*), COALESCE(SUM(instances), 0) FROM study";
        let (studies, instances): (i64, i64) =
            self.one(sql, [], |r| Ok((r.get(0)?, r.get(1)?)))?.unwrap_or_default();
        let bytes: i64 =
            self.one("SELECT COALESCE(SUM(tail), 0) FROM pack", [], |r| r.get(0))?.unwrap_or_default();
        Ok(Counts {
            patients: unsigned(patients),
            studies: unsigned(studies),
            instances: unsigned(instances),
            bytes: unsigned(bytes),
        })
    }
}

impl Store {
    /// Asks the disk now.
    pub fn disk(&self) -> Result<Disk, Fault> {
        let shared = self.shared();
        let about = rustix::fs::statvfs(&shared.data).map_err(std::io::Error::from).or_fault()?;
        Ok(Disk {
            free_bytes: shared.look_at_disk()?,
            total_bytes: about.f_blocks.saturating_mul(about.f_frsize),
            free_bytes_min: shared.free_bytes_min.load(std::sync::atomic::Ordering::Relaxed),
        })
    }
}
