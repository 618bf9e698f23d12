//! Instances that are set aside: hidden from every question as if they were gone, and brought back as they were (IHE RAD IOCM).

use super::attributes::{decode, decode_frames};
use super::{InstanceRow, Metadata, Overlay};
use crate::blobs::read_blob;
use crate::resources::Stub;
use crate::tx::{Area, Tx};
use crate::view::{View, limit, signed, unsigned};
use badiano_kernel::id::Uid;
use badiano_kernel::{Fault, Instant};
use rusqlite::{Row, params};

/// An instance that is hidden, or that will be when it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    pub sop: String,
    pub study: String,
    pub series: String,
    /// What hid it: the SOP instance UID of the note.
    pub by: String,
    pub reason: String,
    pub at: Instant,
    pub pat: i64,
    pub class: u64,
    pub source: String,
    pub sop_class: String,
    /// It has not arrived yet.
    pub awaited: bool,
}

impl Aside {
    /// What decides who may know of it.
    pub fn stub(&self) -> Stub {
        Stub {
            kind: "ImagingStudy".to_owned(),
            id: self.study.clone(),
            pat: self.pat,
            class: self.class,
            source: self.source.clone(),
        }
    }
}

const COLUMNS: &str = "sop, study, series, by, reason, at, pat, class, source, sop_class, blob";

fn read(r: &Row<'_>) -> rusqlite::Result<Aside> {
    Ok(Aside {
        sop: r.get(0)?,
        study: r.get(1)?,
        series: r.get(2)?,
        by: r.get(3)?,
        reason: r.get(4)?,
        at: Instant::from_micros(r.get(5)?),
        pat: r.get(6)?,
        class: unsigned(r.get(7)?),
        source: r.get(8)?,
        sop_class: r.get(9)?,
        awaited: r.get::<_, i64>(10)? == 0,
    })
}

impl View<'_> {
    pub fn aside(&self, sop: &str) -> Result<Option<Aside>, Fault> {
        self.one(&format!("SELECT {COLUMNS} FROM aside WHERE sop = ?1"), [sop], read)
    }

    /// All of a study, in the order in which they were hidden.
    pub fn asides_of(&self, study: &str) -> Result<Vec<Aside>, Fault> {
        self.all(&format!("SELECT {COLUMNS} FROM aside WHERE study = ?1 ORDER BY at, sop"), [study], read)
    }

    /// The newest ones first.
    pub fn asides(&self, at_most: usize) -> Result<Vec<Aside>, Fault> {
        let sql = format!("SELECT {COLUMNS} FROM aside ORDER BY at DESC, sop LIMIT ?1");
        self.all(&sql, [limit(at_most)], read)
    }
}

impl Tx<'_> {
    /// Hides an instance; nothing when it is not here.
    pub fn set_aside(&mut self, sop: &str, by: &str, reason: &str, now: Instant) -> Result<bool, Fault> {
        let sql = "SELECT n FROM instance WHERE sop = ?1";
        let Some(n) = self.one(sql, [sop], |r| r.get::<_, i64>(0))? else { return Ok(false) };
        self.run(
            "INSERT OR REPLACE INTO aside(sop, study, series, by, reason, at, pat, sop_class, transfer_syntax, blob, class, \
             source, number, received, of_study, of_series, attributes, frames, metadata, overlay) \
             SELECT i.sop, t.uid, s.uid, ?2, ?3, ?4, t.pat, i.sop_class, i.transfer_syntax, i.blob, i.class, i.source, \
             i.number, i.received, t.attributes, s.attributes, i.attributes, i.frames, i.metadata, i.overlay \
             FROM instance i JOIN series s ON s.n = i.series JOIN study t ON t.n = s.study WHERE i.n = ?1",
            params![n, by, reason, now.micros],
        )?;
        self.log_change(Area::Instance, n, 2, now, true)?;
        self.remove_instance(sop)?;
        Ok(true)
    }

    /// Notes that an instance is to be hidden when it arrives.
    pub fn await_aside(&mut self, aside: &Aside) -> Result<(), Fault> {
        self.run(
            "INSERT OR IGNORE INTO aside(sop, study, series, by, reason, at, pat, sop_class, transfer_syntax, blob, class, \
             source, number, received, of_study, of_series, attributes, frames, metadata, overlay) \
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, '', 0, ?9, ?10, 0, ?6, x'', x'', x'', x'', x'', NULL)",
            params![
                aside.sop,
                aside.study,
                aside.series,
                aside.by,
                aside.reason,
                aside.at.micros,
                aside.pat,
                aside.sop_class,
                signed(aside.class),
                aside.source
            ],
        )
        .map(drop)
    }

    /// Brings an instance back as it was, to the patient whose the study is now; the answer is what was here. One that is
    /// awaited is no longer.
    pub fn bring_back(&mut self, sop: &str) -> Result<Option<InstanceRow>, Fault> {
        let sql = "SELECT a.study, a.series, a.sop_class, a.pat, a.transfer_syntax, a.class, a.source, a.received, a.of_study, \
                   a.of_series, a.attributes, a.frames, a.metadata, a.overlay, \
                   b.id, b.pack, b.offset, b.length, b.sha256, b.key \
                   FROM aside a LEFT JOIN blob b ON b.n = a.blob WHERE a.sop = ?1";
        let found = self.one(sql, [sop], |r| {
            let texts: [String; 5] = [r.get(0)?, r.get(1)?, r.get(2)?, r.get(4)?, r.get(6)?];
            let bytes: [Vec<u8>; 5] = [r.get(8)?, r.get(9)?, r.get(10)?, r.get(11)?, r.get(12)?];
            let blob = if r.get::<_, Option<i64>>(15)?.is_some() { Some(read_blob(r, 14)?) } else { None };
            let rest = (r.get::<_, i64>(3)?, unsigned(r.get(5)?), Instant::from_micros(r.get(7)?));
            Ok((texts, bytes, rest, r.get::<_, Option<Vec<u8>>>(13)?, blob))
        })?;
        let Some((texts, bytes, (pat, class, received), overlay, blob)) = found else { return Ok(None) };
        self.run("DELETE FROM aside WHERE sop = ?1", [sop])?;
        let Some(blob) = blob else { return Ok(None) };
        let [study, series, sop_class, transfer_syntax, source] = texts;
        let [of_study, of_series, of_instance, frames, metadata] = bytes;
        let mut attributes = decode(&of_study)?;
        attributes.extend(decode(&of_series)?);
        attributes.extend(decode(&of_instance)?);
        let uid = |text: &str| Uid::parse_lenient(text).map_err(|_| Fault::bug("a kept UID is one"));
        let row = InstanceRow {
            pat: self.study_pat(&study)?.unwrap_or(pat),
            study: uid(&study)?,
            series: uid(&series)?,
            sop: uid(sop)?,
            sop_class,
            transfer_syntax,
            blob,
            metadata: Metadata(metadata),
            overlay: overlay.map(Overlay),
            frames: decode_frames(&frames)?,
            attributes,
            class,
            source,
            received,
        };
        self.put_instance(&row)?;
        Ok(Some(row))
    }

    /// Takes a hidden instance away for good and destroys the key of its blob.
    pub fn destroy_aside(&mut self, sop: &str) -> Result<bool, Fault> {
        let Some(blob) = self.one("SELECT blob FROM aside WHERE sop = ?1", [sop], |r| r.get::<_, i64>(0))?
        else {
            return Ok(false);
        };
        self.run("DELETE FROM aside WHERE sop = ?1", [sop])?;
        if !self.blob_is_used(blob)? {
            self.run("DELETE FROM blob WHERE n = ?1", [blob])?;
        }
        Ok(true)
    }

    /// Whether an instance, hidden or not, has its bytes there.
    pub(crate) fn blob_is_used(&self, blob: i64) -> Result<bool, Fault> {
        let sql =
            "SELECT 1 FROM instance WHERE blob = ?1 UNION ALL SELECT 1 FROM aside WHERE blob = ?1 LIMIT 1";
        Ok(self.one(sql, [blob], |_| Ok(()))?.is_some())
    }
}
