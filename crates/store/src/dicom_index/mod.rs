//! The index of the image archive: one row set per instance, made when it arrives (PS3.4 C.6, PS3.18 10.6).

mod aside;
mod attributes;
mod find;
mod lead;
mod matching;
mod rows;

pub use aside::Aside;
pub use attributes::fold_name;
pub use find::{DicomAnswer, FoundRow, InstanceFound, Metadata, Overlay};
pub(crate) use rows::reindex;

use crate::blobs::read_blob;
use crate::packs::BlobRef;
use crate::tx::{Area, Tx};
use crate::view::{View, signed, unsigned};
use attributes::{decode, decode_frames, encode, encode_frames, merge, split_by_level, value};
use badiano_kernel::id::Uid;
use badiano_kernel::{Fault, Instant};
use rows::Rows;
use rusqlite::params;

/// Attributes of one instance that take part in matching.
pub const ATTRIBUTES_MAX: usize = 512;

/// An instance to be written. Its blob is finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceRow {
    pub study: Uid,
    pub series: Uid,
    pub sop: Uid,
    pub sop_class: String,
    /// The patient, as `pat_of` gives it; 0 while nobody knows whose it is.
    pub pat: i64,
    pub transfer_syntax: String,
    pub blob: BlobRef,
    /// DICOM JSON as it is served.
    pub metadata: Metadata,
    /// Where the object is given with another header than the blob's.
    pub overlay: Option<Overlay>,
    /// Offset and length of each frame in the object as it is given.
    pub frames: Vec<(u64, u64)>,
    /// Tag as a number and value as text, several values parted by a backslash; all levels together.
    pub attributes: Vec<(u32, String)>,
    pub class: u64,
    pub source: String,
    pub received: Instant,
}

/// What became of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    New,
    /// This SOP instance stands already; nothing was changed.
    Duplicate,
}

const STUDY_DATE: u32 = 0x0008_0020;
const STUDY_TIME: u32 = 0x0008_0030;
const MODALITY: u32 = 0x0008_0060;
const INSTANCE_NUMBER: u32 = 0x0020_0013;

impl Tx<'_> {
    /// Writes an instance, its series and its study where they are new, and keeps its blob.
    pub fn put_instance(&mut self, row: &InstanceRow) -> Result<Arrival, Fault> {
        if row.attributes.len() > ATTRIBUTES_MAX {
            return Err(Fault::too_costly("an instance has too many attributes for the index"));
        }
        let sql = "SELECT t.uid, s.uid FROM instance i JOIN series s ON s.n = i.series JOIN study t ON t.n = s.study \
                   WHERE i.sop = ?1";
        let standing =
            self.one(sql, [row.sop.as_str()], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?)))?;
        if let Some((study, series)) = standing {
            if study == row.study.as_str() && series == row.series.as_str() {
                return Ok(Arrival::Duplicate);
            }
            return Err(Fault::conflict("this SOP instance stands already in another study or series"));
        }
        let blob = self.blob_row(&row.blob)?;
        let [of_study, of_series, of_instance] = split_by_level(&row.attributes);
        let modality = value(&of_series, MODALITY).unwrap_or_default().to_owned();
        let study = self.study_row(row, &of_study, &modality)?;
        let series = self.series_row(row, study, &of_series, &modality)?;
        let number =
            value(&of_instance, INSTANCE_NUMBER).and_then(|v| v.trim().parse::<i64>().ok()).unwrap_or(0);
        self.run(
            "INSERT INTO instance(series, sop, sop_class, transfer_syntax, blob, class, source, number, received, \
             attributes, frames, metadata, overlay) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            params![
                series,
                row.sop.as_str(),
                row.sop_class,
                row.transfer_syntax,
                blob,
                signed(row.class),
                row.source,
                number,
                row.received.micros,
                encode(&of_instance),
                encode_frames(&row.frames),
                row.metadata.0,
                row.overlay.as_ref().map(|o| &o.0)
            ],
        )?;
        let instance = self.conn.last_insert_rowid();
        self.log_change(Area::Instance, instance, 1, row.received, false)?;
        Ok(Arrival::New)
    }

    /// The study's row, made or brought up to date: what the first instance said stands, later ones fill gaps.
    fn study_row(
        &mut self,
        row: &InstanceRow,
        attributes: &[(u32, String)],
        modality: &str,
    ) -> Result<i64, Fault> {
        let change = signed(self.at.change + 1);
        let sql = "SELECT n, pat, class, modalities, attributes FROM study WHERE uid = ?1";
        let standing = self.one(sql, [row.study.as_str()], |r| {
            Ok((
                r.get::<_, i64>(0)?,
                r.get::<_, i64>(1)?,
                unsigned(r.get(2)?),
                r.get::<_, String>(3)?,
                r.get(4)?,
            ))
        })?;
        let Some((n, pat, class, modalities, kept)) = standing else {
            self.run(
                "INSERT INTO study(uid, pat, class, source, moment, modalities, series, instances, received, changed, attributes) \
                 VALUES(?1, ?2, ?3, ?4, ?5, ?6, 0, 1, ?7, ?8, ?9)",
                params![
                    row.study.as_str(),
                    row.pat,
                    signed(row.class),
                    row.source,
                    moment_of(attributes),
                    modality,
                    row.received.micros,
                    change,
                    encode(attributes)
                ],
            )?;
            let n = self.conn.last_insert_rowid();
            self.index_attributes(Rows::Made, attributes, &moment_of(attributes), n, 0)?;
            return Ok(n);
        };
        if pat != row.pat {
            return Err(Fault::conflict("the study stands already under another patient"));
        }
        let kept: Vec<u8> = kept;
        let mut all = decode(&kept)?;
        let gained = merge(&mut all, attributes);
        let modalities = with_modality(&modalities, modality);
        self.run(
            "UPDATE study SET instances = instances + 1, changed = ?2, class = ?3, modalities = ?4 WHERE n = ?1",
            params![n, change, signed(class | row.class), modalities],
        )?;
        if gained {
            self.index_study(Rows::Gone, n)?;
            self.run(
                "UPDATE study SET attributes = ?2, moment = ?3 WHERE n = ?1",
                params![n, encode(&all), moment_of(&all)],
            )?;
            self.index_study(Rows::Made, n)?;
        }
        Ok(n)
    }

    fn series_row(
        &mut self,
        row: &InstanceRow,
        study: i64,
        attributes: &[(u32, String)],
        modality: &str,
    ) -> Result<i64, Fault> {
        let sql = "SELECT n FROM series WHERE study = ?1 AND uid = ?2";
        if let Some(n) = self.one(sql, params![study, row.series.as_str()], |r| r.get(0))? {
            self.run("UPDATE series SET instances = instances + 1 WHERE n = ?1", [n])?;
            return Ok(n);
        }
        self.run(
            "INSERT INTO series(study, uid, modality, instances, received, attributes) VALUES(?1, ?2, ?3, 1, ?4, ?5)",
            params![study, row.series.as_str(), modality, row.received.micros, encode(attributes)],
        )?;
        let n = self.conn.last_insert_rowid();
        self.run("UPDATE study SET series = series + 1 WHERE n = ?1", [study])?;
        let moment: Option<String> =
            self.one("SELECT moment FROM study WHERE n = ?1", [study], |r| r.get(0))?;
        self.index_attributes(Rows::Made, attributes, &moment.unwrap_or_default(), study, n)?;
        Ok(n)
    }

    /// Puts other values for matching and listing in the place of a study's own (reconciliation); the objects stay as they are.
    pub fn correct_study(
        &mut self,
        study: &str,
        pat: i64,
        attributes: &[(u32, String)],
        now: Instant,
    ) -> Result<(), Fault> {
        let sql = "SELECT n, attributes FROM study WHERE uid = ?1";
        let (n, kept) = self
            .one(sql, [study], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, Vec<u8>>(1)?)))?
            .ok_or_else(|| Fault::not_found("no such study"))?;
        let mut all = decode(&kept)?;
        self.index_study(Rows::Gone, n)?;
        all.retain(|(tag, _)| attributes.iter().all(|(t, _)| t != tag));
        all.extend_from_slice(attributes);
        all.sort();
        let first = "SELECT i.n FROM series s JOIN instance i ON i.series = s.n WHERE s.study = ?1 ORDER BY i.n LIMIT 1";
        let instance: i64 = self.one(first, [n], |r| r.get(0))?.unwrap_or(0);
        let change = self.log_change(Area::Instance, instance, 2, now, false)?;
        self.run(
            "UPDATE study SET pat = ?2, attributes = ?3, moment = ?4, changed = ?5 WHERE n = ?1",
            params![n, pat, encode(&all), moment_of(&all), signed(change)],
        )?;
        self.index_study(Rows::Made, n)
    }

    /// Takes an instance out of the archive and destroys the key of its blob; an emptied series or study goes with it.
    pub fn delete_instance(&mut self, sop: &str, now: Instant) -> Result<(), Fault> {
        let sql = "SELECT n FROM instance WHERE sop = ?1";
        let n: i64 =
            self.one(sql, [sop], |r| r.get(0))?.ok_or_else(|| Fault::not_found("no such instance"))?;
        self.log_change(Area::Instance, n, 2, now, true)?;
        self.remove_instance(sop)
    }

    pub(crate) fn remove_instance(&mut self, sop: &str) -> Result<(), Fault> {
        let sql = "SELECT i.n, i.blob, s.n, s.study, s.instances, t.instances, s.attributes, t.attributes, \
                   t.moment FROM instance i \
                   JOIN series s ON s.n = i.series JOIN study t ON t.n = s.study WHERE i.sop = ?1";
        let found = self.one(sql, [sop], |r| {
            let numbers: [i64; 6] = [r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?];
            Ok((numbers, r.get::<_, Vec<u8>>(6)?, r.get::<_, Vec<u8>>(7)?, r.get::<_, String>(8)?))
        })?;
        let Some(([n, blob, series, study, in_series, in_study], of_series, of_study, moment)) = found else {
            return Ok(());
        };
        self.run(
            "INSERT INTO instance_gone(n, study, sop) SELECT ?1, uid, ?2 FROM study WHERE n = ?3",
            params![n, sop, study],
        )?;
        self.run("DELETE FROM instance WHERE n = ?1", [n])?;
        if !self.blob_is_used(blob)? {
            self.run("DELETE FROM blob WHERE n = ?1", [blob])?;
        }
        if in_series > 1 {
            self.run("UPDATE series SET instances = instances - 1 WHERE n = ?1", [series])?;
        } else {
            self.index_attributes(Rows::Gone, &decode(&of_series)?, &moment, study, series)?;
            self.run("DELETE FROM series WHERE n = ?1", [series])?;
            self.run("UPDATE study SET series = series - 1 WHERE n = ?1", [study])?;
        }
        if in_study > 1 {
            let sql = "UPDATE study SET instances = instances - 1, changed = ?2 WHERE n = ?1";
            self.run(sql, params![study, signed(self.at.change)])?;
        } else {
            self.index_attributes(Rows::Gone, &decode(&of_study)?, &moment, study, 0)?;
            self.run("DELETE FROM study WHERE n = ?1", [study])?;
        }
        Ok(())
    }
}

/// Date and time by which studies are listed, newest first.
fn moment_of(attributes: &[(u32, String)]) -> String {
    let digits = |tag| value(attributes, tag).unwrap_or_default().replace(['.', ':', '-', ' '], "");
    format!("{}{}", digits(STUDY_DATE), digits(STUDY_TIME))
}

fn with_modality(all: &str, one: &str) -> String {
    if one.is_empty() || all.split('\\').any(|m| m == one) {
        all.to_owned()
    } else if all.is_empty() {
        one.to_owned()
    } else {
        format!("{all}\\{one}")
    }
}

const INSTANCE_COLUMNS: &str = "t.uid, s.uid, i.sop, i.sop_class, i.transfer_syntax, t.pat, i.class, i.source, i.number, \
     i.received, i.frames, i.metadata, b.id, b.pack, b.offset, b.length, b.sha256, b.key, t.class, i.overlay";

impl View<'_> {
    /// One instance with what is needed to serve it.
    pub fn instance(&self, sop: &str) -> Result<Option<InstanceFound>, Fault> {
        let sql = format!(
            "SELECT {INSTANCE_COLUMNS} FROM instance i JOIN series s ON s.n = i.series JOIN study t ON t.n = s.study \
             JOIN blob b ON b.n = i.blob WHERE i.sop = ?1"
        );
        self.one(&sql, [sop], read_instance)?.map(finish_instance).transpose()
    }

    /// Where the bytes of an instance lie, and how they are given; nothing else is read.
    pub fn instance_blob(&self, sop: &str) -> Result<Option<(BlobRef, Option<Overlay>)>, Fault> {
        let sql = "SELECT b.id, b.pack, b.offset, b.length, b.sha256, b.key, i.overlay FROM instance i \
                   JOIN blob b ON b.n = i.blob WHERE i.sop = ?1";
        self.one(sql, [sop], |r| Ok((read_blob(r, 0)?, r.get::<_, Option<Vec<u8>>>(6)?.map(Overlay))))
    }

    /// The instances of a study, or of one of its series, by series and instance number.
    pub fn instances(&self, study: &str, series: Option<&str>) -> Result<Vec<InstanceFound>, Fault> {
        let sql = format!(
            "SELECT {INSTANCE_COLUMNS} FROM study t JOIN series s ON s.study = t.n JOIN instance i ON i.series = s.n \
             JOIN blob b ON b.n = i.blob WHERE t.uid = ?1 AND (?2 IS NULL OR s.uid = ?2) ORDER BY s.n, i.number, i.n"
        );
        self.all(&sql, params![study, series], read_instance)?.into_iter().map(finish_instance).collect()
    }

    /// Number of instances of a study; 0 when there is none.
    pub fn study_instances(&self, study: &str) -> Result<u64, Fault> {
        let found = self.one("SELECT instances FROM study WHERE uid = ?1", [study], |r| r.get(0))?;
        Ok(unsigned(found.unwrap_or(0)))
    }

    /// The place in the order of changes at which the study last changed; 0 when there is none.
    pub fn study_changed(&self, study: &str) -> Result<u64, Fault> {
        let found = self.one("SELECT changed FROM study WHERE uid = ?1", [study], |r| r.get(0))?;
        Ok(unsigned(found.unwrap_or(0)))
    }

    /// Whose images a study has, as `pat_of` gives it; nothing where there is no such study.
    pub fn study_pat(&self, study: &str) -> Result<Option<i64>, Fault> {
        self.one("SELECT pat FROM study WHERE uid = ?1", [study], |r| r.get(0))
    }

    /// Study and SOP instance UID of a row, for the change log.
    pub(crate) fn instance_names(&self, n: i64) -> Result<(String, String), Fault> {
        let sql = "SELECT t.uid, i.sop FROM instance i JOIN series s ON s.n = i.series JOIN study t ON t.n = s.study \
                   WHERE i.n = ?1";
        if let Some(names) = self.one(sql, [n], |r| Ok((r.get(0)?, r.get(1)?)))? {
            return Ok(names);
        }
        let gone = "SELECT study, sop FROM instance_gone WHERE n = ?1";
        Ok(self.one(gone, [n], |r| Ok((r.get(0)?, r.get(1)?)))?.unwrap_or_default())
    }

    pub(crate) fn instance_of_blob(&self, blob: i64) -> Result<Option<String>, Fault> {
        self.one("SELECT sop FROM instance WHERE blob = ?1 LIMIT 1", [blob], |r| r.get(0))
    }
}

struct Packed {
    found: InstanceFound,
    frames: Vec<u8>,
}

fn read_instance(r: &rusqlite::Row<'_>) -> rusqlite::Result<Packed> {
    let found = InstanceFound {
        study: r.get(0)?,
        series: r.get(1)?,
        sop: r.get(2)?,
        sop_class: r.get(3)?,
        transfer_syntax: r.get(4)?,
        pat: r.get(5)?,
        class: unsigned(r.get(6)?),
        source: r.get(7)?,
        number: r.get(8)?,
        received: Instant::from_micros(r.get(9)?),
        frames: Vec::new(),
        metadata: Metadata(r.get(11)?),
        blob: read_blob(r, 12)?,
        study_class: unsigned(r.get(18)?),
        overlay: r.get::<_, Option<Vec<u8>>>(19)?.map(Overlay),
    };
    Ok(Packed { found, frames: r.get(10)? })
}

fn finish_instance(packed: Packed) -> Result<InstanceFound, Fault> {
    Ok(InstanceFound { frames: decode_frames(&packed.frames)?, ..packed.found })
}
