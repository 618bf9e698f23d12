//! Where a page ends and the next one begins (search.html#paging): each hit once, whatever is written between two pages.
//!
//! Hits are ordered by their sort keys, then by the change that made them as it was when the first page was asked for. What is
//! created later is on no page; what changes later keeps the place that it had, with its new content.

use super::finder::Candidate;
use super::sort::{Placed, SortKey};
use crate::view::View;
use badiano_kernel::Fault;

/// The last hit of a page.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Position {
    pub keys: Vec<SortKey>,
    pub change: i64,
    /// The newest change when the first page was asked for.
    pub snapshot: i64,
}

impl Position {
    /// Bytes for the caller to carry; they name no resource, but sort keys may be a person's data.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![1];
        out.extend_from_slice(&self.change.to_le_bytes());
        out.extend_from_slice(&self.snapshot.to_le_bytes());
        for key in &self.keys {
            match key {
                SortKey::Absent => out.push(0),
                SortKey::Number(n) => {
                    out.push(1);
                    out.extend_from_slice(&n.to_le_bytes());
                }
                SortKey::Moment(at) => {
                    out.push(2);
                    out.extend_from_slice(&at.to_le_bytes());
                }
                SortKey::Text(text) => {
                    out.push(3);
                    out.extend_from_slice(&u64::try_from(text.len()).unwrap_or(0).to_le_bytes());
                    out.extend_from_slice(text.as_bytes());
                }
            }
        }
        out
    }

    pub fn decode(bytes: &[u8]) -> Result<Position, Fault> {
        read(bytes).ok_or_else(|| Fault::invalid("the place of a page cannot be read"))
    }

    /// The place of a hit, as one that comes after another is compared with it.
    pub fn as_placed(&self) -> Placed {
        Placed { rid: 0, change: self.change, keys: self.keys.clone() }
    }
}

fn read(bytes: &[u8]) -> Option<Position> {
    let (1, mut rest) = bytes.split_first().map(|(v, rest)| (*v, rest))? else { return None };
    let eight = |rest: &mut &[u8]| -> Option<[u8; 8]> {
        let (first, after) = rest.split_first_chunk::<8>()?;
        *rest = after;
        Some(*first)
    };
    let change = i64::from_le_bytes(eight(&mut rest)?);
    let snapshot = i64::from_le_bytes(eight(&mut rest)?);
    let mut keys = Vec::new();
    while let Some((tag, after)) = rest.split_first() {
        rest = after;
        keys.push(match tag {
            0 => SortKey::Absent,
            1 => SortKey::Number(f64::from_le_bytes(eight(&mut rest)?)),
            2 => SortKey::Moment(i64::from_le_bytes(eight(&mut rest)?)),
            3 => {
                let length = usize::try_from(u64::from_le_bytes(eight(&mut rest)?)).ok()?;
                let (text, after) = rest.split_at_checked(length)?;
                rest = after;
                SortKey::Text(std::str::from_utf8(text).ok()?.into())
            }
            _ => return None,
        });
    }
    Some(Position { keys, change, snapshot })
}

impl View<'_> {
    /// The change that made a resource as it was at a snapshot; nothing when it was not there yet.
    pub(super) fn change_at(&self, one: &Candidate, snapshot: i64) -> Result<Option<i64>, Fault> {
        if one.change <= snapshot {
            return Ok(Some(one.change));
        }
        let sql = "SELECT change, deleted FROM version WHERE rid = ?1 AND change <= ?2 ORDER BY version DESC LIMIT 1";
        let then: Option<(i64, bool)> = self.one(sql, [one.rid, snapshot], |r| Ok((r.get(0)?, r.get(1)?)))?;
        Ok(then.filter(|(_, deleted)| !deleted).map(|(change, _)| change))
    }
}
