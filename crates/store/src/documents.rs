//! Documents: versioned bytes under a kind and a key, for what is no FHIR resource (settings, peers, accounts, registers).

use crate::body;
use crate::resource_id::{IdCell, IdText};
use crate::resources::{Expect, Row1, Stored, read_stored};
use crate::tx::{Area, Tx};
use crate::view::View;
use badiano_kernel::{Fault, Instant};
use rusqlite::params;

/// Longest key of a document, in bytes.
pub const DOCUMENT_KEY_BYTES_MAX: usize = 512;

/// A version of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub kind: String,
    pub key: String,
    pub version: u64,
    pub updated: Instant,
    pub deleted: bool,
    pub body: Vec<u8>,
}

/// Documents share the rows of resources; a mark that no resource type has keeps their kinds apart.
pub(crate) fn kind_name(kind: &str) -> String {
    format!("={kind}")
}

/// Whether a kind is one of documents, and its name.
pub(crate) fn document_kind(name: &str) -> Option<&str> {
    name.strip_prefix('=')
}

const COLUMNS: &str = "kind, id, version, updated, deleted, pat, class, source, pats, body";

impl View<'_> {
    /// The newest version, unless it is deleted.
    pub fn document(&self, kind: &str, key: &str) -> Result<Option<Document>, Fault> {
        let Some(number) = self.number(&kind_name(kind)) else { return Ok(None) };
        let sql = format!("SELECT {COLUMNS} FROM resource WHERE kind = ?1 AND id = ?2 AND deleted = 0");
        self.one(&sql, params![number, key], read_stored)?.map(|raw| read(kind, raw)).transpose()
    }

    /// All documents of a kind whose key begins with `prefix`, in the order of their keys.
    pub fn documents(&self, kind: &str, prefix: &str) -> Result<Vec<Document>, Fault> {
        let Some(number) = self.number(&kind_name(kind)) else { return Ok(Vec::new()) };
        let sql = format!(
            "SELECT {COLUMNS} FROM resource WHERE kind = ?1 AND id >= ?2 AND id < ?3 AND deleted = 0 ORDER BY id"
        );
        let found = self.all(&sql, params![number, prefix, format!("{prefix}\u{10ffff}")], read_stored)?;
        found.into_iter().map(|raw| read(kind, raw)).collect()
    }

    /// The first keys of a kind that begin with `prefix`, without their documents.
    pub fn document_keys(&self, kind: &str, prefix: &str, limit: usize) -> Result<Vec<String>, Fault> {
        let Some(number) = self.number(&kind_name(kind)) else { return Ok(Vec::new()) };
        let sql = "SELECT id FROM resource WHERE kind = ?1 AND id >= ?2 AND id < ?3 AND deleted = 0 \
                   ORDER BY id LIMIT ?4";
        let to = format!("{prefix}\u{10ffff}");
        self.all(sql, params![number, prefix, to, crate::view::limit(limit)], |r| {
            Ok(r.get::<_, IdText>(0)?.0)
        })
    }

    /// The newest documents of a kind by the order of their keys, last key first: for keys that begin with a moment.
    pub fn last_documents(&self, kind: &str, limit: usize) -> Result<Vec<Document>, Fault> {
        let Some(number) = self.number(&kind_name(kind)) else { return Ok(Vec::new()) };
        let sql = format!(
            "SELECT {COLUMNS} FROM resource WHERE kind = ?1 AND deleted = 0 ORDER BY id DESC LIMIT ?2"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = self.all(&sql, params![number, limit], read_stored)?;
        found.into_iter().map(|raw| read(kind, raw)).collect()
    }

    /// All versions, newest first.
    pub fn document_history(&self, kind: &str, key: &str) -> Result<Vec<Document>, Fault> {
        let Some(number) = self.number(&kind_name(kind)) else { return Ok(Vec::new()) };
        let newest = format!("SELECT {COLUMNS} FROM resource WHERE kind = ?1 AND id = ?2");
        let older = "SELECT r.kind, r.id, v.version, v.updated, v.deleted, v.pat, v.class, v.source, v.pats, v.body \
                     FROM resource r JOIN version v ON r.rid = v.rid WHERE r.kind = ?1 AND r.id = ?2 \
                     ORDER BY v.version DESC";
        let mut all = self.all(&newest, params![number, key], read_stored)?;
        all.extend(self.all(older, params![number, key], read_stored)?);
        all.into_iter().map(|raw| read(kind, raw)).collect()
    }
}

fn read(kind: &str, raw: crate::resources::Raw) -> Result<Document, Fault> {
    Ok(Document {
        kind: kind.to_owned(),
        key: raw.id,
        version: raw.version,
        updated: raw.updated,
        deleted: raw.deleted,
        body: body::unpack(&raw.body)?,
    })
}

impl Tx<'_> {
    /// Writes the next version of a document; the answer is the version.
    pub fn put_document(
        &mut self,
        kind: &str,
        key: &str,
        bytes: &[u8],
        expect: Expect,
        now: Instant,
    ) -> Result<u64, Fault> {
        if key.len() > DOCUMENT_KEY_BYTES_MAX {
            return Err(Fault::too_costly("the key of a document is too long"));
        }
        let kind = self.number_of(&kind_name(kind))?;
        self.documents.insert(kind);
        self.put_row(Row1 {
            kind,
            id: IdCell::Text(key),
            area: Area::Document,
            expect,
            deleted: false,
            pats: Vec::new(),
            class: 0,
            source: "",
            index: None,
            body: body::pack(bytes)?,
            now,
        })
    }

    /// Writes a document in the place of the one that stands: no older version is kept and the change log says nothing.
    /// For a node's own state that is written often (cursors, checkpoints, marks of work to do).
    pub fn replace_document(
        &mut self,
        kind: &str,
        key: &str,
        bytes: &[u8],
        now: Instant,
    ) -> Result<u64, Fault> {
        if key.len() > DOCUMENT_KEY_BYTES_MAX {
            return Err(Fault::too_costly("the key of a document is too long"));
        }
        let number = self.number_of(&kind_name(kind))?;
        self.documents.insert(number);
        let body = body::pack(bytes)?;
        let changed = self.run(
            "UPDATE resource SET version = version + 1, updated = ?3, deleted = 0, body = ?4 WHERE kind = ?1 AND id = ?2",
            params![number, key, now.micros, body],
        )?;
        if changed == 0 {
            // A place in the change log that no change can have.
            self.run(
                "INSERT INTO resource(rid, kind, id, version, updated, deleted, pat, class, change, source, pats, keys, body) \
                 SELECT n, ?1, ?2, 1, ?3, 0, 0, 0, -n, '', x'', x'', ?4 \
                 FROM (SELECT COALESCE(MAX(seq), 0) + 1 AS n FROM sqlite_sequence WHERE name = 'resource')",
                params![number, key, now.micros, body],
            )?;
        }
        let sql = "SELECT version FROM resource WHERE kind = ?1 AND id = ?2";
        Ok(crate::view::unsigned(self.one(sql, params![number, key], |r| r.get(0))?.unwrap_or(1)))
    }

    /// Takes a document away with all its versions; one that is not there stays so.
    pub fn drop_document(&mut self, kind: &str, key: &str) -> Result<(), Fault> {
        let Some(number) = self.number(&kind_name(kind)) else { return Ok(()) };
        let Some(head) = self.head(number, IdCell::Text(key))? else { return Ok(()) };
        self.documents.insert(number);
        self.run("DELETE FROM version WHERE rid = ?1", [head.rid])?;
        self.run("DELETE FROM resource WHERE rid = ?1", [head.rid])?;
        Ok(())
    }

    /// Marks a document deleted; one that is not there stays so.
    pub fn delete_document(&mut self, kind: &str, key: &str, now: Instant) -> Result<(), Fault> {
        let Some(number) = self.number(&kind_name(kind)) else { return Ok(()) };
        if self.head(number, IdCell::Text(key))?.is_none() {
            return Ok(());
        }
        self.documents.insert(number);
        self.delete_row(number, IdCell::Text(key), Area::Document, Expect::Any, now).map(|_| ())
    }
}

impl Stored {
    /// The resource, or nothing when this version is a deletion.
    pub fn resource(&self) -> Option<&badiano_fhir::Value> {
        (!self.deleted).then_some(&self.body)
    }
}
