//! Leaves of the audit log: append-only, each chained to the one before it of the same subject (hash of RFC 6962 section 2.1).
//!
//! Leaf bytes, 105 in all: version (1 byte, value 1), subject tag (32, zeros for none), number within the subject
//! (u64, big endian, 0 for the first and for none), hash of the subject's leaf before (32, zeros for none), commitment
//! (32) = SHA-256(salt of 16 bytes || content). The leaf's hash is SHA-256(0x00 || leaf bytes). What is sealed is the content, or
//! a zstd frame of it.

use crate::body;
use crate::faults::OrFault;
use crate::seal::{NodeKey, open, seal};
use crate::tx::Tx;
use crate::view::{View, limit as to_limit, signed, unsigned};
use badiano_kernel::id::random_bytes;
use badiano_kernel::{Fault, Instant};
use ring::digest::{Context, SHA256};
use rusqlite::{Row, params};
use std::ops::Range;

/// Length of the bytes of one leaf.
pub const LEAF_BYTES: usize = 105;
/// Longest content of one leaf.
pub const LEAF_CONTENT_BYTES_MAX: usize = 64 << 10;
const LEAF_VERSION: u8 = 1;

/// An entry for the audit log, before it has its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafDraft {
    /// Whom it concerns, as a tag that names nobody.
    pub subject: Option<[u8; 32]>,
    pub content: Vec<u8>,
    pub now: Instant,
}

/// An entry in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    pub index: u64,
    pub at: Instant,
    /// What is hashed into the tree: see the head of this file.
    pub bytes: Vec<u8>,
    pub hash: [u8; 32],
    pub salt: [u8; 16],
    /// Nothing when it was erased; the leaf itself stays and still commits to it.
    pub content: Option<Vec<u8>>,
}

/// An entry whose content is committed to and sealed, but which has no place yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealedLeaf {
    pub subject: Option<[u8; 32]>,
    pub at: Instant,
    pub salt: [u8; 16],
    pub commitment: [u8; 32],
    pub sealed: Vec<u8>,
}

impl SealedLeaf {
    pub fn new(key: &NodeKey, draft: LeafDraft) -> Result<Self, Fault> {
        if draft.content.len() > LEAF_CONTENT_BYTES_MAX {
            return Err(Fault::too_costly("an audit entry is too long"));
        }
        let salt: [u8; 16] = random_bytes();
        let commitment = sha256(&[&salt, &draft.content]);
        let mut sealed = body::framed_where_shorter(draft.content)?;
        seal(&key.for_context("leaf", &salt)?, 0, true, &commitment, &mut sealed)?;
        Ok(SealedLeaf { subject: draft.subject, at: draft.now, salt, commitment, sealed })
    }
}

pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut h = Context::new(&SHA256);
    parts.iter().for_each(|p| h.update(p));
    let mut out = [0u8; 32];
    out.copy_from_slice(h.finish().as_ref());
    out
}

fn leaf_bytes(subject: &[u8; 32], seq: u64, before: &[u8; 32], commitment: &[u8; 32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(LEAF_BYTES);
    bytes.push(LEAF_VERSION);
    bytes.extend_from_slice(subject);
    bytes.extend_from_slice(&seq.to_be_bytes());
    bytes.extend_from_slice(before);
    bytes.extend_from_slice(commitment);
    bytes
}

impl Tx<'_> {
    /// Appends an entry to the audit log; the answer is its index. Durable with the write.
    pub fn leaf(&mut self, draft: LeafDraft) -> Result<u64, Fault> {
        let sealed = SealedLeaf::new(&self.shared.key, draft)?;
        self.append_leaf(&sealed)
    }

    /// Takes the content of an entry away for good; its leaf stays in the log and in the tree.
    pub fn erase_leaf_content(&mut self, index: u64) -> Result<(), Fault> {
        match self.run("UPDATE leaf SET content = x'' WHERE n = ?1", [signed(index)])? {
            0 => Err(Fault::not_found("no such entry in the audit log")),
            _ => Ok(()),
        }
    }

    pub(crate) fn append_leaf(&mut self, leaf: &SealedLeaf) -> Result<u64, Fault> {
        let index = self.at.leaves;
        let mut seq = 0;
        let mut before = [0u8; 32];
        if let Some(subject) = &leaf.subject {
            if let Some((last, hash)) = self.subject_head(subject)? {
                (seq, before) = (last + 1, hash);
            }
            self.run(
                "INSERT INTO leaf_subject(subject, seq, n) VALUES(?1, ?2, ?3)",
                params![subject, signed(seq), signed(index)],
            )?;
        }
        let bytes = leaf_bytes(&leaf.subject.unwrap_or_default(), seq, &before, &leaf.commitment);
        let hash = sha256(&[&[0], &bytes]);
        self.run(
            "INSERT INTO leaf(n, at, leaf, hash, salt, content) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
            params![signed(index), leaf.at.micros, bytes, hash, leaf.salt, leaf.sealed],
        )?;
        self.at.leaves += 1;
        Ok(index)
    }
}

const LEAF_COLUMNS: &str = "n, at, leaf, hash, salt, content";

impl View<'_> {
    /// Number of entries in the audit log.
    pub fn leaf_count(&self) -> Result<u64, Fault> {
        Ok(unsigned(
            self.one("SELECT COALESCE(MAX(n), -1) + 1 FROM leaf", [], |r| r.get(0))?.unwrap_or_default(),
        ))
    }

    pub fn leaf(&self, index: u64) -> Result<Option<Leaf>, Fault> {
        let sql = format!("SELECT {LEAF_COLUMNS} FROM leaf WHERE n = ?1");
        self.one(&sql, [signed(index)], read_leaf)?.map(|l| self.open_leaf(l)).transpose()
    }

    /// The entries of a range, as many as there are.
    pub fn leaves(&self, range: Range<u64>) -> Result<Vec<Leaf>, Fault> {
        let sql = format!("SELECT {LEAF_COLUMNS} FROM leaf WHERE n >= ?1 AND n < ?2 ORDER BY n");
        let found = self.all(&sql, params![signed(range.start), signed(range.end)], read_leaf)?;
        found.into_iter().map(|l| self.open_leaf(l)).collect()
    }

    /// Hashes alone, for the tree: of the entries from `from` up to, not with, `to`, as many as there are.
    pub fn leaf_hashes(&self, from: u64, to: u64) -> Result<Vec<[u8; 32]>, Fault> {
        let sql = "SELECT hash FROM leaf WHERE n >= ?1 AND n < ?2 ORDER BY n";
        self.all(sql, params![signed(from), signed(to)], |r| r.get(0))
    }

    /// A subject's entries, oldest first, from the subject's own number `from` on.
    pub fn leaves_of(&self, subject: &[u8; 32], from: u64, limit: usize) -> Result<Vec<Leaf>, Fault> {
        let sql = "SELECT l.n, l.at, l.leaf, l.hash, l.salt, l.content FROM leaf_subject s JOIN leaf l ON l.n = s.n \
                   WHERE s.subject = ?1 AND s.seq >= ?2 ORDER BY s.seq LIMIT ?3";
        let found = self.all(sql, params![subject, signed(from), to_limit(limit)], read_leaf)?;
        found.into_iter().map(|l| self.open_leaf(l)).collect()
    }

    /// The last number and hash of a subject's chain.
    pub fn subject_head(&self, subject: &[u8; 32]) -> Result<Option<(u64, [u8; 32])>, Fault> {
        let sql = "SELECT s.seq, l.hash FROM leaf_subject s JOIN leaf l ON l.n = s.n \
                   WHERE s.subject = ?1 ORDER BY s.seq DESC LIMIT 1";
        self.one(sql, [subject], |r| Ok((unsigned(r.get(0)?), r.get(1)?)))
    }

    fn open_leaf(&self, mut leaf: Leaf) -> Result<Leaf, Fault> {
        let key = self.shared.key.for_context("leaf", &leaf.salt)?;
        let commitment = leaf.bytes.get(LEAF_BYTES - 32..).unwrap_or_default();
        if let Some(content) = &mut leaf.content {
            let plain = open(&key, 0, true, commitment, content)?.len();
            content.truncate(plain);
            *content = body::unframed(std::mem::take(content))?;
        }
        Ok(leaf)
    }
}

/// With the content still sealed.
fn read_leaf(r: &Row<'_>) -> rusqlite::Result<Leaf> {
    Ok(Leaf {
        index: unsigned(r.get(0)?),
        at: Instant::from_micros(r.get(1)?),
        bytes: r.get(2)?,
        hash: r.get(3)?,
        salt: r.get(4)?,
        content: Some(r.get::<_, Vec<u8>>(5)?).filter(|c| !c.is_empty()),
    })
}

/// Numbers given so far, read at the start.
pub(crate) fn counted(conn: &rusqlite::Connection) -> Result<u64, Fault> {
    conn.query_row("SELECT COALESCE(MAX(n), -1) + 1 FROM leaf", [], |r| r.get(0)).map(unsigned).or_fault()
}
