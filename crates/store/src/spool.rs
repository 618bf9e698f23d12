//! The access spool: a read's audit entry is in a file (it survives `kill -9`) before the read answers, and in the log soon after.
//!
//! Record: length u32, CRC-32 u32, then number u64, moment i64, subject flag u8, subject 32, salt 16, commitment 32,
//! sealed content; all little endian. Files are named by their first number; one that is wholly in the log is removed.

use crate::faults::OrFault;
use crate::files::{Files, RandomFile};
use crate::leaves::SealedLeaf;
use badiano_kernel::{Fault, Instant};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Entries that may wait for the log; beyond it reads are refused rather than left unlogged.
pub const SPOOL_ENTRIES_MAX: usize = 65_536;
/// A file takes no further record once it is this long.
const FILE_BYTES_ROLL: u64 = 4 << 20;
const RECORD_HEAD_BYTES: usize = 8 + 8 + 1 + 32 + 16 + 32;
const RECORD_BYTES_MAX: usize = 1 << 20;

pub(crate) struct Spool {
    files: Arc<dyn Files>,
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(u64, SealedLeaf)>,
    next: u64,
    current: Option<Current>,
    /// First numbers of older files, oldest first.
    older: Vec<u64>,
    broken: bool,
}

struct Current {
    file: Arc<dyn RandomFile>,
    first: u64,
    length: u64,
}

/// What was found at the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Recovered {
    pub entries: usize,
    pub torn_bytes: u64,
}

impl Spool {
    /// Reads what earlier runs left; `done` is the last number that is in the log already.
    pub fn open(files: Arc<dyn Files>, folder: PathBuf, done: u64) -> Result<(Self, Recovered), Fault> {
        let mut state = State { next: done + 1, ..State::default() };
        let mut recovered = Recovered::default();
        for (name, length) in files.list(&folder).or_fault()? {
            let Some(first) = name.strip_suffix(".spool").and_then(|n| n.parse::<u64>().ok()) else {
                continue;
            };
            let file = files.open(&folder.join(&name), false).or_fault()?;
            recovered.torn_bytes += read_file(&*file, length, done, &mut state)?;
            state.older.push(first);
        }
        state.older.sort_unstable();
        recovered.entries = state.waiting.len();
        Ok((Spool { files, folder, state: Mutex::new(state) }, recovered))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes entries to the file in one go. The answer says whether they are the first that wait.
    pub fn append(&self, leaves: Vec<SealedLeaf>) -> Result<bool, Fault> {
        let mut state = self.lock();
        if state.broken {
            return Err(Fault::unavailable("the access spool cannot be written: nothing is read unlogged"));
        }
        if state.waiting.len() + leaves.len() > SPOOL_ENTRIES_MAX {
            return Err(Fault::unavailable("the audit log does not keep up: nothing is read unlogged"));
        }
        let first = state.next;
        let records: Vec<u8> = (first..).zip(&leaves).flat_map(|(n, leaf)| encode(n, leaf)).collect();
        self.make_room(&mut state)?;
        if let Some(current) = &mut state.current {
            if let Err(e) = current.file.write_at(current.length, &records) {
                state.broken = true;
                return Err(e).or_fault();
            }
            current.length += records.len() as u64;
        }
        let none_waited = state.waiting.is_empty() && !leaves.is_empty();
        state.next += leaves.len() as u64;
        state.waiting.extend((first..).zip(leaves));
        Ok(none_waited)
    }

    /// Opens a new file where there is none or the current one is long enough.
    fn make_room(&self, state: &mut State) -> Result<(), Fault> {
        if state.current.as_ref().is_some_and(|c| c.length < FILE_BYTES_ROLL) {
            return Ok(());
        }
        let file = self.files.open(&self.path(state.next), true).or_fault()?;
        // A torn file of an earlier run may bear the same number: nothing in it counts.
        file.truncate(0).or_fault()?;
        let next = state.next;
        state.older.retain(|first| *first != next);
        if let Some(old) = state.current.take() {
            state.older.push(old.first);
        }
        state.current = Some(Current { file, first: state.next, length: 0 });
        Ok(())
    }

    fn path(&self, first: u64) -> PathBuf {
        self.folder.join(format!("{first:020}.spool"))
    }

    /// The oldest entries that wait; they stay until [`Spool::done`].
    pub fn peek(&self, limit: usize) -> Vec<(u64, SealedLeaf)> {
        self.lock().waiting.iter().take(limit).cloned().collect()
    }

    /// Forgets the entries up to a number: they are durable in the log.
    pub fn done(&self, last: u64) -> Result<(), Fault> {
        let mut state = self.lock();
        while state.waiting.front().is_some_and(|(n, _)| *n <= last) {
            state.waiting.pop_front();
        }
        let newest = state.current.as_ref().map_or(state.next, |c| c.first);
        let mut firsts = std::mem::take(&mut state.older);
        firsts.push(newest);
        let is_done: Vec<bool> = firsts.windows(2).map(|w| w[1] <= last + 1).collect();
        firsts.pop();
        for (first, gone) in firsts.into_iter().zip(is_done) {
            if gone {
                self.files.remove(&self.path(first)).or_fault()?;
            } else {
                state.older.push(first);
            }
        }
        Ok(())
    }

    pub fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }
}

fn encode(number: u64, leaf: &SealedLeaf) -> Vec<u8> {
    let mut record = vec![0u8; 8];
    record.extend_from_slice(&number.to_le_bytes());
    record.extend_from_slice(&leaf.at.micros.to_le_bytes());
    record.push(u8::from(leaf.subject.is_some()));
    record.extend_from_slice(&leaf.subject.unwrap_or_default());
    record.extend_from_slice(&leaf.salt);
    record.extend_from_slice(&leaf.commitment);
    record.extend_from_slice(&leaf.sealed);
    let length = u32::try_from(record.len() - 8).unwrap_or(u32::MAX);
    let crc = crc32fast::hash(&record[8..]);
    record[..4].copy_from_slice(&length.to_le_bytes());
    record[4..8].copy_from_slice(&crc.to_le_bytes());
    record
}

fn decode(body: &[u8]) -> Option<(u64, SealedLeaf)> {
    if body.len() < RECORD_HEAD_BYTES {
        return None;
    }
    let (head, sealed) = body.split_at(RECORD_HEAD_BYTES);
    let leaf = SealedLeaf {
        at: Instant::from_micros(i64::from_le_bytes(head[8..16].try_into().ok()?)),
        subject: (head[16] == 1).then_some(head[17..49].try_into().ok()?),
        salt: head[49..65].try_into().ok()?,
        commitment: head[65..97].try_into().ok()?,
        sealed: sealed.to_vec(),
    };
    Some((u64::from_le_bytes(head[..8].try_into().ok()?), leaf))
}

/// Reads records up to the first that is torn; the answer is how many bytes are lost behind it.
fn read_file(file: &dyn RandomFile, length: u64, done: u64, state: &mut State) -> Result<u64, Fault> {
    let mut at = 0;
    while at + 8 <= length {
        let mut head = [0u8; 8];
        file.read_at(at, &mut head).or_fault()?;
        let size = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let crc = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        if size > RECORD_BYTES_MAX || at + 8 + size as u64 > length {
            break;
        }
        let mut body = vec![0u8; size];
        file.read_at(at + 8, &mut body).or_fault()?;
        let Some((number, leaf)) = decode(&body).filter(|_| crc32fast::hash(&body) == crc) else { break };
        if number > done {
            state.next = state.next.max(number + 1);
            state.waiting.push_back((number, leaf));
        }
        at += 8 + size as u64;
    }
    Ok(length - at)
}
