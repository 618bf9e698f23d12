//! The change log: every change of this node in one total order, for subscriptions, the warehouse and other nodes.

use crate::documents::document_kind;
use crate::resource_id::IdText;
use crate::tx::Area;
use crate::view::{View, limit as to_limit, signed, unsigned};
use badiano_kernel::{Fault, Instant};
use rusqlite::params;

/// What a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeArea {
    /// A FHIR resource: `kind` and `id` are its type and logical id.
    Resource,
    /// A document: `kind` and `id` are its kind and key.
    Document,
    /// An instance that arrived or left: `kind` is the study's UID, `id` the SOP instance UID.
    Instance,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The place in the total order; numbers rise, some may be missing.
    pub seq: u64,
    pub area: ChangeArea,
    pub kind: String,
    pub id: String,
    pub version: u64,
    pub updated: Instant,
    pub deleted: bool,
}

impl View<'_> {
    /// Changes after a place in the order, oldest first.
    pub fn changes(&self, after: u64, limit: usize) -> Result<Vec<Change>, Fault> {
        self.changes_between(after, u64::MAX >> 1, limit)
    }

    pub(crate) fn changes_between(&self, after: u64, to: u64, limit: usize) -> Result<Vec<Change>, Fault> {
        let sql = "SELECT c.seq, c.area, c.ref, c.version, c.updated, c.deleted, r.kind, r.id \
                   FROM change c LEFT JOIN resource r ON c.area < 2 AND r.rid = c.ref \
                   WHERE c.seq > ?1 AND c.seq <= ?2 ORDER BY c.seq LIMIT ?3";
        let rows = self.all(sql, params![signed(after), signed(to), to_limit(limit)], |r| {
            let named: Option<(i64, String)> = match (r.get(6)?, r.get(7)?) {
                (Some(kind), Some(IdText(id))) => Some((kind, id)),
                _ => None,
            };
            let change = Change {
                seq: unsigned(r.get(0)?),
                area: ChangeArea::Resource,
                kind: String::new(),
                id: String::new(),
                version: unsigned(r.get(3)?),
                updated: Instant::from_micros(r.get(4)?),
                deleted: r.get(5)?,
            };
            Ok((change, r.get::<_, i64>(1)?, r.get::<_, i64>(2)?, named))
        })?;
        let mut changes = Vec::with_capacity(rows.len());
        for (mut change, area, subject, named) in rows {
            if let Some((kind, id)) = named {
                let kind = self.text(kind)?;
                change.id = id;
                match document_kind(&kind) {
                    Some(document) => {
                        (change.area, change.kind) = (ChangeArea::Document, document.to_owned())
                    }
                    None => change.kind = kind.as_ref().to_owned(),
                }
            } else if area == Area::Instance as i64 {
                change.area = ChangeArea::Instance;
                (change.kind, change.id) = self.instance_names(subject)?;
            } else {
                // A document that was taken away with all its versions.
                continue;
            }
            changes.push(change);
        }
        Ok(changes)
    }

    /// The newest place in the order.
    pub fn last_change(&self) -> Result<u64, Fault> {
        Ok(unsigned(self.one("SELECT COALESCE(MAX(seq), 0) FROM change", [], |r| r.get(0))?.unwrap_or(0)))
    }
}
