//! Older versions in the order of changes, newest first: of one resource, of a type, of everything (FHIR R4, http.html#history).

use crate::resource_id::IdCell;
use crate::resources::{Stored, read_stored};
use crate::tx::Area;
use crate::view::{View, limit as to_limit, signed, unsigned};
use badiano_kernel::{Fault, Instant};
use rusqlite::params;

/// Whose versions are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose<'a> {
    All,
    Type(&'a str),
    One(&'a str, &'a str),
}

/// A version with its place in the order of changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    pub change: u64,
    pub stored: Stored,
}

impl View<'_> {
    /// At most `limit` versions that were made before a change, newest first.
    pub fn versions(&self, whose: Whose<'_>, before: u64, limit: usize) -> Result<Vec<Past>, Fault> {
        let (before, limit) = (signed(before.min(u64::MAX >> 1)), to_limit(limit));
        let read = |r: &rusqlite::Row<'_>| {
            Ok((unsigned(r.get::<_, i64>(0)?), r.get::<_, i64>(1)?, r.get::<_, i64>(2)?))
        };
        let area = Area::Resource as i64;
        let found = match whose {
            Whose::All => {
                let sql = "SELECT seq, ref, version FROM change WHERE area = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3";
                self.all(sql, params![area, before, limit], read)?
            }
            Whose::Type(kind) => {
                let Some(kind) = self.number(kind) else { return Ok(Vec::new()) };
                let sql = "SELECT c.seq, c.ref, c.version FROM change c CROSS JOIN resource r ON r.rid = c.ref \
                           WHERE c.area = ?1 AND c.seq < ?2 AND r.kind = ?4 ORDER BY c.seq DESC LIMIT ?3";
                self.all(sql, params![area, before, limit, kind], read)?
            }
            Whose::One(kind, id) => {
                let Some(kind) = self.number(kind) else { return Ok(Vec::new()) };
                let Some(head) = self.head(kind, IdCell::of(id))? else { return Ok(Vec::new()) };
                let sql = "SELECT change, rid, version FROM version WHERE rid = ?1 AND change < ?2 \
                           UNION ALL SELECT change, rid, version FROM resource WHERE rid = ?1 AND change < ?2 \
                           ORDER BY 1 DESC LIMIT ?3";
                self.all(sql, params![head.rid, before, limit], read)?
            }
        };
        let mut all = Vec::with_capacity(found.len());
        for (change, rid, version) in found {
            if let Some(stored) = self.version_of_row(rid, version)? {
                all.push(Past { change, stored });
            }
        }
        Ok(all)
    }

    /// When the next version of a resource was made, if there is one.
    pub fn replaced(&self, kind: &str, id: &str, version: u64) -> Result<Option<Instant>, Fault> {
        let Some(kind) = self.number(kind) else { return Ok(None) };
        let Some(head) = self.head(kind, IdCell::of(id))? else { return Ok(None) };
        let sql = "SELECT updated FROM version WHERE rid = ?1 AND version = ?2 \
                   UNION ALL SELECT updated FROM resource WHERE rid = ?1 AND version = ?2";
        let at = self.one(sql, params![head.rid, signed(version + 1)], |r| r.get(0))?;
        Ok(at.map(Instant::from_micros))
    }

    fn version_of_row(&self, rid: i64, version: i64) -> Result<Option<Stored>, Fault> {
        let sql = "SELECT kind, id, version, updated, deleted, pat, class, source, pats, body \
                   FROM resource WHERE rid = ?1 AND version = ?2";
        if let Some(raw) = self.one(sql, params![rid, version], read_stored)? {
            return self.finish(raw).map(Some);
        }
        let sql = "SELECT r.kind, r.id, v.version, v.updated, v.deleted, v.pat, v.class, v.source, v.pats, v.body \
                   FROM version v JOIN resource r ON r.rid = v.rid WHERE v.rid = ?1 AND v.version = ?2";
        self.one(sql, params![rid, version], read_stored)?.map(|raw| self.finish(raw)).transpose()
    }
}
