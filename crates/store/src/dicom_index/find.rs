//! Questions over the archive: C-FIND and QIDO-RS in one form (PS3.4 C.4.1, PS3.18 10.6). Newest study first.

use super::attributes::{decode, level_of};
use super::lead::Leading;
use super::matching::{all_fit, combined, number};
use crate::body;
use crate::faults::OrFault;
use crate::packs::BlobRef;
use crate::resources::Stub;
use crate::view::{View, unsigned};
use badiano_dicom::query::{Condition, Level, Query};
use badiano_dicom::tags;
use badiano_kernel::{Fault, Instant};
use rusqlite::Row;
use std::collections::HashMap;

/// Studies that one question may walk through when no index leads it.
pub const STUDIES_WALKED_MAX: u64 = 1_000_000;
/// Rows of one answer.
pub const ROWS_MAX: usize = 100_000;

pub(super) const STUDY_UID: u32 = 0x0020_000D;
pub(super) const SERIES_UID: u32 = 0x0020_000E;
pub(super) const SOP_UID: u32 = 0x0008_0018;
const SOP_CLASS_UID: u32 = 0x0008_0016;
pub(super) const MODALITIES_IN_STUDY: u32 = 0x0008_0061;

/// An instance with what is needed to serve it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceFound {
    pub study: String,
    pub series: String,
    pub sop: String,
    pub sop_class: String,
    pub transfer_syntax: String,
    pub pat: i64,
    pub class: u64,
    /// Classes of all instances of the study together.
    pub study_class: u64,
    pub source: String,
    /// Instance Number, 0 when there is none.
    pub number: i64,
    pub received: Instant,
    pub frames: Vec<(u64, u64)>,
    pub blob: BlobRef,
    pub metadata: Metadata,
    pub overlay: Option<Overlay>,
}

/// How an object is given whose header was corrected, in a form of its writer's: the blob stays as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay(pub(super) Vec<u8>);

impl Overlay {
    pub fn pack(bytes: &[u8]) -> Result<Overlay, Fault> {
        body::pack(bytes).map(Overlay)
    }

    pub fn open(&self) -> Result<Vec<u8>, Fault> {
        body::unpack(&self.0)
    }
}

/// The DICOM JSON of an instance as it lies in its row: frames and objects are served without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata(pub(super) Vec<u8>);

impl Metadata {
    /// Packs the JSON on the calling thread, so that the writer has less to do.
    pub fn pack(json: &[u8]) -> Result<Metadata, Fault> {
        body::pack(json).map(Metadata)
    }

    pub fn open(&self) -> Result<Vec<u8>, Fault> {
        body::unpack(&self.0)
    }
}

impl InstanceFound {
    /// What decides who may see it: the study as a whole.
    pub fn stub(&self) -> Stub {
        Stub {
            kind: "ImagingStudy".to_owned(),
            id: self.study.clone(),
            pat: self.pat,
            class: self.study_class,
            source: self.source.clone(),
        }
    }
}

/// One row of an answer; what its level has not is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRow {
    /// Of this level and those above it, in the order of the tags.
    pub attributes: Vec<(u32, String)>,
    pub study: String,
    pub series: String,
    pub sop: String,
    pub sop_class: String,
    pub transfer_syntax: String,
    /// Studies of the patient, at the level of patients.
    pub studies_count: u64,
    /// Series of the study (of the patient).
    pub series_count: u64,
    /// Instances of the series, study or patient.
    pub instances_count: u64,
    pub modalities: Vec<String>,
    pub pat: i64,
    pub class: u64,
    pub source: String,
    pub received: Instant,
}

/// What fits and may be seen, and what it cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DicomAnswer {
    pub rows: Vec<FoundRow>,
    /// Rows of indexes and studies that were read to find them.
    pub touched: u64,
}

struct Study {
    n: i64,
    row: FoundRow,
    attributes: Vec<u8>,
}

const STUDY_COLUMNS: &str =
    "t.n, t.uid, t.pat, t.class, t.source, t.modalities, t.series, t.instances, t.received, t.attributes";

impl View<'_> {
    /// The rows that fit, may be seen and lie on the page: newest study first, series and instances in their order.
    pub fn dicom_find(&self, query: &Query, visible: &dyn Fn(&Stub) -> bool) -> Result<DicomAnswer, Fault> {
        let query = &about_studies(query);
        let mut page = Page { skip: query.offset, room: query.limit.min(ROWS_MAX), rows: Vec::new() };
        let mut patients: HashMap<(i64, String), usize> = HashMap::new();
        let touched = self.each_study(query, &mut |mut study| {
            if !query.conditions.is_empty() {
                study.open()?;
                if !all_fit(query, &study.row.attributes, |tag| is_of(tag, Level::Study)) {
                    return Ok(true);
                }
            }
            if !visible(&study.stub()) {
                return Ok(true);
            }
            if query.level == Level::Study && page.skip > 0 {
                page.skip -= 1;
                return Ok(true);
            }
            study.open()?;
            match query.level {
                Level::Patient => {
                    page.rows_of_patients(&mut patients, study.row);
                    Ok(true)
                }
                Level::Study => Ok(page.take(study.row)),
                Level::Series | Level::Instance => self.below(query, &study, &mut page),
            }
        })?;
        if query.level == Level::Patient {
            page.rows = page.rows.into_iter().skip(query.offset).take(query.limit.min(ROWS_MAX)).collect();
        }
        Ok(DicomAnswer { rows: page.rows, touched })
    }

    /// Studies newest first, as an index leads, until the caller has enough; the answer is how many rows were read.
    fn each_study(
        &self,
        query: &Query,
        each: &mut dyn FnMut(Study) -> Result<bool, Fault>,
    ) -> Result<u64, Fault> {
        let moments = moments(query);
        let mut leading = Leading::new(self, &moments);
        let lead = leading.choose(query)?;
        let (mut walked, mut last) = (0, None);
        self.led(&lead, (&moments.0, &moments.1), STUDY_COLUMNS, |row| {
            walked += 1;
            if walked > STUDIES_WALKED_MAX {
                return Err(Fault::too_costly("the question fits too many studies: narrow it"));
            }
            let study = read_study(row).or_fault()?;
            // A study bears a value once for itself and once for each of its series.
            if last.replace(study.n) == Some(study.n) { Ok(true) } else { each(study) }
        })?;
        Ok(leading.touched + walked)
    }

    /// Series, or instances, of one study. The answer says whether the page has room for more.
    fn below(&self, query: &Query, study: &Study, page: &mut Page) -> Result<bool, Fault> {
        let sql = "SELECT n, uid, modality, instances, received, attributes FROM series WHERE study = ?1 ORDER BY n";
        let all = self.all(sql, [study.n], |r| {
            Ok((
                r.get::<_, i64>(0)?,
                r.get::<_, String>(1)?,
                r.get::<_, String>(2)?,
                unsigned(r.get(3)?),
                Instant::from_micros(r.get(4)?),
                r.get::<_, Vec<u8>>(5)?,
            ))
        })?;
        for (n, uid, modality, instances, received, bytes) in all {
            let mut own = decode(&bytes)?;
            put(&mut own, SERIES_UID, &uid);
            if !all_fit(query, &own, |tag| is_of(tag, Level::Series)) {
                continue;
            }
            let mut row = study.row.clone();
            row.attributes.append(&mut own);
            row.attributes.sort();
            (row.series, row.instances_count, row.received) = (uid, instances, received);
            row.modalities = if modality.is_empty() { Vec::new() } else { vec![modality] };
            let more = match query.level {
                Level::Instance => self.instances_below(query, n, &row, page)?,
                _ => page.take(row),
            };
            if !more {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn instances_below(
        &self,
        query: &Query,
        series: i64,
        above: &FoundRow,
        page: &mut Page,
    ) -> Result<bool, Fault> {
        let sql = "SELECT sop, sop_class, transfer_syntax, received, attributes FROM instance WHERE series = ?1 \
                   ORDER BY number, n";
        let all = self.all(sql, [series], |r| {
            let texts: [String; 3] = [r.get(0)?, r.get(1)?, r.get(2)?];
            Ok((texts, Instant::from_micros(r.get(3)?), r.get::<_, Vec<u8>>(4)?))
        })?;
        for ([sop, sop_class, transfer_syntax], received, bytes) in all {
            let mut own = decode(&bytes)?;
            put(&mut own, SOP_UID, &sop);
            put(&mut own, SOP_CLASS_UID, &sop_class);
            if !all_fit(query, &own, |tag| is_of(tag, Level::Instance)) {
                continue;
            }
            let mut row = FoundRow { sop, sop_class, transfer_syntax, received, ..above.clone() };
            row.attributes.append(&mut own);
            row.attributes.sort();
            if !page.take(row) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A patient's studies, newest first.
    pub fn studies_of(&self, pat: i64, visible: &dyn Fn(&Stub) -> bool) -> Result<Vec<FoundRow>, Fault> {
        let sql =
            format!("SELECT {STUDY_COLUMNS} FROM study t WHERE t.pat = ?1 ORDER BY t.moment DESC, t.n DESC");
        let mut found = Vec::new();
        for mut study in self.all(&sql, [pat], read_study)? {
            if visible(&study.stub()) {
                study.open()?;
                found.push(study.row);
            }
        }
        Ok(found)
    }
}

struct Page {
    skip: usize,
    room: usize,
    rows: Vec<FoundRow>,
}

impl Page {
    /// Takes a row or skips it; says whether there is room for more.
    fn take(&mut self, row: FoundRow) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
        } else if self.rows.len() < self.room {
            self.rows.push(row);
        }
        self.rows.len() < self.room
    }

    /// One row a patient, with the sums over the studies that fit and may be seen.
    fn rows_of_patients(&mut self, known: &mut HashMap<(i64, String), usize>, mut row: FoundRow) {
        let id = super::attributes::value(&row.attributes, 0x0010_0020).unwrap_or_default().to_owned();
        if let Some(at) = known.get(&(row.pat, id.clone())) {
            let standing = &mut self.rows[*at];
            standing.studies_count += 1;
            standing.series_count += row.series_count;
            standing.instances_count += row.instances_count;
            for modality in row.modalities {
                if !standing.modalities.contains(&modality) {
                    standing.modalities.push(modality);
                }
            }
            return;
        }
        if self.rows.len() >= ROWS_MAX {
            return;
        }
        row.attributes.retain(|(tag, _)| tag >> 16 == 0x0010);
        row.studies_count = 1;
        row.study.clear();
        known.insert((row.pat, id), self.rows.len());
        self.rows.push(row);
    }
}

/// At which level a condition is looked at. The study's own UID and modalities belong to the study.
fn is_of(tag: u32, level: Level) -> bool {
    let at = match tag {
        MODALITIES_IN_STUDY => Level::Study,
        SOP_UID | SOP_CLASS_UID => Level::Instance,
        _ => level_of(tag),
    };
    at == level
}

fn put(attributes: &mut Vec<(u32, String)>, tag: u32, value: &str) {
    attributes.retain(|(t, _)| *t != tag);
    attributes.push((tag, value.to_owned()));
}

/// The stretch of the list of studies that conditions on date (and time) leave.
fn moments(query: &Query) -> (String, String) {
    let plain = |t: &str| t.replace(['.', ':', '-', ' '], "");
    let end = |t: &str| format!("{}\u{10ffff}", plain(t));
    if let Some((from, to)) = combined(query) {
        // The beginning without its time: a study of less precision may lie inside.
        let from: String = plain(&from).chars().take(8).collect();
        return (from, if to.is_empty() { end("\u{10ffff}") } else { end(&to) });
    }
    let mut stretch = (String::new(), end("\u{10ffff}"));
    for (tag, condition) in &query.conditions {
        if number(*tag) != super::STUDY_DATE {
            continue;
        }
        match condition {
            Condition::Single(one) if !one.is_empty() => stretch = (plain(one), end(one)),
            Condition::Range { from, to } => {
                stretch.0 = from.as_deref().map(plain).unwrap_or_default();
                if let Some(to) = to.as_deref().filter(|t| !t.is_empty()) {
                    stretch.1 = end(to);
                }
            }
            _ => {}
        }
    }
    stretch
}

fn read_study(r: &Row<'_>) -> rusqlite::Result<Study> {
    let modalities: String = r.get(5)?;
    let row = FoundRow {
        attributes: Vec::new(),
        study: r.get(1)?,
        series: String::new(),
        sop: String::new(),
        sop_class: String::new(),
        transfer_syntax: String::new(),
        studies_count: 0,
        series_count: unsigned(r.get(6)?),
        instances_count: unsigned(r.get(7)?),
        modalities: modalities.split('\\').filter(|m| !m.is_empty()).map(str::to_owned).collect(),
        pat: r.get(2)?,
        class: unsigned(r.get(3)?),
        source: r.get(4)?,
        received: Instant::from_micros(r.get(8)?),
    };
    Ok(Study { n: r.get(0)?, row, attributes: r.get(9)? })
}

impl Study {
    fn stub(&self) -> Stub {
        Stub {
            kind: "ImagingStudy".to_owned(),
            id: self.row.study.clone(),
            pat: self.row.pat,
            class: self.row.class,
            source: self.row.source.clone(),
        }
    }

    /// Makes the attributes of the row ready; the second time nothing is left to do.
    fn open(&mut self) -> Result<(), Fault> {
        if !self.row.attributes.is_empty() {
            return Ok(());
        }
        let row = &mut self.row;
        row.attributes = decode(&self.attributes)?;
        put(&mut row.attributes, STUDY_UID, &row.study);
        put(&mut row.attributes, MODALITIES_IN_STUDY, &row.modalities.join("\\"));
        row.attributes.sort();
        Ok(())
    }
}

/// Above the series, a modality that is asked for is one of the study's (PS3.18 table 10.6.1-5 knows only that one there).
fn about_studies(query: &Query) -> Query {
    let mut query = query.clone();
    if query.level <= Level::Study {
        for (tag, _) in &mut query.conditions {
            if number(*tag) == super::MODALITY {
                *tag = tags::MODALITIES_IN_STUDY;
            }
        }
    }
    query
}
