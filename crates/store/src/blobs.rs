//! Rows of blobs: what a write keeps, what an erasure destroys, and the check of the newest ones after a crash.

use crate::changes::Change;
use crate::packs::{BlobReader, BlobRef};
use crate::shared::Shared;
use crate::tx::Tx;
use crate::view::{View, signed, unsigned};
use badiano_kernel::Fault;
use rusqlite::{Row, params};
use std::collections::HashMap;

/// A blob whose row was committed and whose bytes did not reach the disk before a crash: it was never acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    pub blob: [u8; 16],
    /// The SOP instance UID whose row went with it, for an image.
    pub instance: Option<String>,
    /// Other changes of the same write, which stand: the caller may have to correct them.
    pub changes: Vec<Change>,
}

const COLUMNS: &str = "id, pack, offset, length, sha256, key";

pub(crate) fn read_blob(r: &Row<'_>, first: usize) -> rusqlite::Result<BlobRef> {
    Ok(BlobRef {
        id: r.get(first)?,
        pack: r.get(first + 1)?,
        offset: unsigned(r.get(first + 2)?),
        length: unsigned(r.get(first + 3)?),
        sha256: r.get(first + 4)?,
        key: r.get(first + 5)?,
    })
}

impl View<'_> {
    /// A kept blob by its id.
    pub fn blob_ref(&self, id: &[u8; 16]) -> Result<Option<BlobRef>, Fault> {
        self.one(&format!("SELECT {COLUMNS} FROM blob WHERE id = ?1"), [id], |r| read_blob(r, 0))
    }

    /// A kept blob with this SHA-256.
    pub fn blob_by_content(&self, sha256: &[u8; 32]) -> Result<Option<BlobRef>, Fault> {
        let sql = format!("SELECT {COLUMNS} FROM blob WHERE sha256 = ?1 ORDER BY n LIMIT 1");
        self.one(&sql, [sha256], |r| read_blob(r, 0))
    }
}

impl Tx<'_> {
    /// Keeps a finished blob: it is durable when this write is. Keeping it twice changes nothing.
    pub fn keep_blob(&mut self, blob: &BlobRef) -> Result<(), Fault> {
        self.blob_row(blob).map(|_| ())
    }

    /// The number of the blob's row, made now where there is none.
    pub(crate) fn blob_row(&mut self, blob: &BlobRef) -> Result<i64, Fault> {
        if let Some(n) = self.one("SELECT n FROM blob WHERE id = ?1", [blob.id], |r| r.get(0))? {
            return Ok(n);
        }
        self.run(
            "INSERT INTO blob(id, pack, offset, length, sha256, key, change_from, change_to) \
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, 0, 0)",
            params![blob.id, blob.pack, signed(blob.offset), signed(blob.length), blob.sha256, blob.key],
        )?;
        let n = self.conn.last_insert_rowid();
        self.run(
            "INSERT INTO pack(n, tail) VALUES(?1, ?2) ON CONFLICT(n) DO UPDATE SET tail = MAX(tail, excluded.tail)",
            params![blob.pack, signed(blob.end())],
        )?;
        self.packs.insert(blob.pack);
        self.job_blobs.push(n);
        Ok(n)
    }

    /// Notes which changes came in the same write as its blobs, for mending.
    pub(crate) fn bind_blobs(&mut self) -> Result<(), Fault> {
        for n in std::mem::take(&mut self.job_blobs) {
            self.run(
                "UPDATE blob SET change_from = ?2, change_to = ?3 WHERE n = ?1",
                params![n, signed(self.job_began.change), signed(self.at.change)],
            )?;
        }
        Ok(())
    }

    /// Destroys a blob's key: its bytes stay in the pack and nobody can read them again. An image goes by `delete_instance`.
    pub fn erase_blob(&mut self, id: &[u8; 16]) -> Result<(), Fault> {
        let found = self.one("SELECT n FROM blob WHERE id = ?1", [id], |r| r.get::<_, i64>(0))?;
        if found.map(|n| self.blob_is_used(n)).transpose()?.unwrap_or(false) {
            return Err(Fault::conflict("the object belongs to an instance of the image archive"));
        }
        match self.run("DELETE FROM blob WHERE id = ?1", [id])? {
            0 => Err(Fault::not_found("no such object")),
            _ => Ok(()),
        }
    }

    /// Takes away the rows of blobs, newer than the last mark, whose bytes are not intact.
    pub(crate) fn mend_blobs(&mut self, shared: &Shared) -> Result<Vec<Mended>, Fault> {
        let mark: i64 = self.meta(BLOB_MARK)?.unwrap_or(0);
        let sql =
            "SELECT n, change_from, change_to, id, pack, offset, length, sha256, key FROM blob WHERE n > ?1";
        let newer = self.all(sql, [mark], |r| {
            Ok((r.get::<_, i64>(0)?, unsigned(r.get(1)?), unsigned(r.get(2)?), read_blob(r, 3)?))
        })?;
        let mut mended = Vec::new();
        let mut newest = mark;
        for (n, from, to, blob) in newer {
            newest = newest.max(n);
            let intact = BlobReader::new(&shared.packs, &shared.key, &blob).and_then(|mut r| r.verify());
            if intact.is_err() {
                let changes = self.changes_between(from, to, 1_000)?;
                let instance = self.instance_of_blob(n)?;
                if let Some(sop) = &instance {
                    self.remove_instance(sop)?;
                }
                self.run("DELETE FROM aside WHERE blob = ?1", [n])?;
                self.run("DELETE FROM blob WHERE n = ?1", [n])?;
                mended.push(Mended { blob: blob.id, instance, changes });
            }
        }
        self.set_meta(BLOB_MARK, newest)?;
        Ok(mended)
    }

    /// Where each pack's next blob may begin.
    pub(crate) fn pack_tails(&self) -> Result<HashMap<u32, u64>, Fault> {
        let rows = self.all("SELECT n, tail FROM pack", [], |r| Ok((r.get(0)?, unsigned(r.get(1)?))))?;
        Ok(rows.into_iter().collect())
    }

    /// The newest blob row, all of whose bytes are known to be on the disk once this group is.
    pub(crate) fn newest_blob(&self) -> Result<i64, Fault> {
        Ok(self.one("SELECT COALESCE(MAX(n), 0) FROM blob", [], |r| r.get(0))?.unwrap_or(0))
    }
}

/// In `meta`: blobs up to this row are known to be whole.
pub(crate) const BLOB_MARK: &str = "blob mark";
