//! How a node is: disk, writer, log, queues and consent lease, for the operator and for probes; no patient data.

use crate::consent_register::lease_age_seconds;
use crate::node::Node;
use crate::session::Session;
use badiano_kernel::{Fault, Instant};

/// Counting walks the store, so an answer is kept this long.
const COUNTED_SECONDS: i64 = 60;
/// A disk with less than this part free is warned of, before it is full.
const WARNING_PART: u64 = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskState {
    Ok,
    Warning,
    /// Writes are refused, reads go on.
    Full,
}

/// The state of a node at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub opened: Instant,
    pub free_bytes: u64,
    pub total_bytes: u64,
    pub disk: DiskState,
    /// Writes are taken.
    pub writes_taken: bool,
    /// Bytes of the write-ahead log.
    pub wal_bytes: u64,
    /// Entries of reads that are not in the audit log yet.
    pub spool_waiting: usize,
    pub log_entries: u64,
    /// Logs of other nodes that showed another history than the one this node had cosigned.
    pub alarms: usize,
    /// When the log was last signed; nothing before its first checkpoint.
    pub checkpoint_at: Option<Instant>,
    pub waiting: usize,
    pub stuck: usize,
    /// Seconds since the hub was last heard on consent; nothing where it never was.
    pub consent_age_seconds: Option<i64>,
}

/// What is stored, as counted at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    pub at: Instant,
    pub patients: u64,
    pub studies: u64,
    pub instances: u64,
    pub bytes: u64,
}

impl Node {
    /// Fails when the store cannot be read.
    pub fn condition(&self, now: Instant) -> Result<Condition, Fault> {
        let disk = self.store().disk()?;
        let health = self.store().health();
        let (log_entries, checkpoint, items) = self.store().read(|view| {
            let checkpoint = view.document("audit-checkpoint", "newest")?;
            Ok((view.leaf_count()?, checkpoint, view.queue_items()?))
        })?;
        let stuck = items.iter().filter(|i| i.dead).count();
        Ok(Condition {
            opened: self.opened(),
            free_bytes: disk.free_bytes,
            total_bytes: disk.total_bytes,
            disk: state_of(disk.free_bytes, disk.total_bytes, disk.free_bytes_min),
            writes_taken: health.writes_taken,
            wal_bytes: health.wal_bytes,
            spool_waiting: health.spool_lag,
            log_entries,
            alarms: self.witnessed()?.iter().filter(|log| log.alarm.is_some()).count(),
            checkpoint_at: checkpoint.map(|d| d.updated),
            waiting: items.len() - stuck,
            stuck,
            consent_age_seconds: lease_age_seconds(self, now)?,
        })
    }
}

impl Session {
    /// How much the node holds, at most a minute old.
    pub fn stored(&self) -> Result<Stored, Fault> {
        self.inspects("how much is stored")?;
        let mut kept = self.node().counted().lock().expect("no holder of the counts panics");
        if let Some(known) = kept.filter(|k| self.now() < k.at.plus_seconds(COUNTED_SECONDS)) {
            return Ok(known);
        }
        let counts = self.node().store().read(|view| view.counts())?;
        let counted = Stored {
            at: self.now(),
            patients: counts.patients,
            studies: counts.studies,
            instances: counts.instances,
            bytes: counts.bytes,
        };
        *kept = Some(counted);
        Ok(counted)
    }
}

const fn state_of(free: u64, total: u64, min: u64) -> DiskState {
    if free < min {
        DiskState::Full
    } else if free < total / WARNING_PART || free < min.saturating_mul(4) {
        DiskState::Warning
    } else {
        DiskState::Ok
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_warns_before_it_refuses() {
        let gib = 1 << 30;
        assert_eq!(state_of(500 * gib, 1000 * gib, gib / 2), DiskState::Ok);
        assert_eq!(state_of(99 * gib, 1000 * gib, gib / 2), DiskState::Warning);
        assert_eq!(state_of(gib, 2 * gib, gib / 2), DiskState::Warning);
        assert_eq!(state_of(gib / 4, 1000 * gib, gib / 2), DiskState::Full);
    }
}
