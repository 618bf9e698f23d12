//! Rejection notes: objects that are no longer to be given, hidden by a Key Object Selection and brought back when that was wrong
//! (IHE RAD TF-2 4.66, Imaging Object Change Management).

use super::attributes::number;
use crate::audit::Act;
use crate::ledger::{self, ArrivedObject};
use crate::orders;
use crate::resources::Writer;
use crate::session::Session;
use badiano_dicom::charset::Charset;
use badiano_dicom::dataset::DataSet;
use badiano_dicom::dictionary::{Coding, uids};
use badiano_dicom::{json, tags};
use badiano_kernel::Fault;
use badiano_kernel::id::Uid;
use badiano_store::{Aside, InstanceRow, Stub, Tx};
use std::collections::{BTreeMap, BTreeSet};

/// Key Object Selection Document Storage.
pub const KEY_OBJECT_SELECTION: &str = "1.2.840.10008.5.1.4.1.1.88.59";
/// Objects that one note names.
pub const REFERENCES_MAX: usize = 20_000;
/// Rows of the list of what was rejected.
const LISTED_MAX: usize = 500;
/// Characters of a comment (VR UT has no limit of its own).
const COMMENT_MAX: usize = 1_024;

/// Why objects are rejected (context group 7011, PS3.16).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Quality,
    PatientSafety,
    WrongWorklistEntry,
    RetentionExpired,
}

impl Reason {
    pub const ALL: [Reason; 4] =
        [Reason::Quality, Reason::PatientSafety, Reason::WrongWorklistEntry, Reason::RetentionExpired];

    pub const fn code(self) -> &'static str {
        match self {
            Reason::Quality => "113001",
            Reason::PatientSafety => "113037",
            Reason::WrongWorklistEntry => "113038",
            Reason::RetentionExpired => "113039",
        }
    }

    pub const fn meaning(self) -> &'static str {
        match self {
            Reason::Quality => "Rejected for Quality Reasons",
            Reason::PatientSafety => "Rejected for Patient Safety Reasons",
            Reason::WrongWorklistEntry => "Incorrect Modality Worklist Entry",
            Reason::RetentionExpired => "Data Retention Policy Expired",
        }
    }

    pub fn from_code(code: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|r| r.code() == code)
    }
}

/// What a rejection note says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    reason: Reason,
    /// Study, series, SOP class and instance.
    references: Vec<[String; 4]>,
}

/// An object that is not given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    pub study: String,
    pub series: String,
    pub sop: String,
    pub sop_class: String,
    pub reason: String,
    /// SOP Instance UID of the note.
    pub note: String,
    pub at: String,
    /// The note came before the object.
    pub awaited: bool,
}

/// What is to be rejected of a study: all of it, some series, or some objects.
#[derive(Debug, Clone, Default)]
pub struct Which {
    pub series: Vec<String>,
    pub objects: Vec<String>,
}

/// The rejection that an object is; nothing where it is another object or another kind of key objects.
pub(super) fn note_in(sop_class: &str, set: &DataSet) -> Result<Option<Note>, Fault> {
    if sop_class != KEY_OBJECT_SELECTION {
        return Ok(None);
    }
    let title = set.item(tags::CONCEPT_NAME_CODE_SEQUENCE);
    let of_dcm = title.filter(|t| t.text(tags::CODING_SCHEME_DESIGNATOR).as_deref() == Some("DCM"));
    let Some(reason) = of_dcm.and_then(|t| Reason::from_code(&t.text(tags::CODE_VALUE)?)) else {
        return Ok(None);
    };
    let mut references = Vec::new();
    for study in set.items(tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE) {
        for series in study.items(tags::REFERENCED_SERIES_SEQUENCE) {
            for object in series.items(tags::REFERENCED_SOP_SEQUENCE) {
                references.push([
                    study.uid(tags::STUDY_INSTANCE_UID).unwrap_or_default(),
                    series.uid(tags::SERIES_INSTANCE_UID).unwrap_or_default(),
                    object.uid(tags::REFERENCED_SOP_CLASS_UID).unwrap_or_default(),
                    object.uid(tags::REFERENCED_SOP_INSTANCE_UID).unwrap_or_default(),
                ]);
            }
        }
    }
    references.retain(|[study, _, _, sop]| !study.is_empty() && !sop.is_empty());
    if references.len() > REFERENCES_MAX {
        return Err(Fault::too_costly("a rejection note names at most 20,000 objects"));
    }
    Ok(Some(Note { reason, references }))
}

/// An object that was rejected before it came, or comes again. `true` when it is not to be taken in.
pub(super) fn stays_out(tx: &mut Tx<'_>, aside: Option<&Aside>) -> Result<bool, Fault> {
    match aside {
        None => Ok(false),
        Some(one) if one.awaited => Ok(false),
        // What went because its time was over may be brought again as new (RAD TF-2 4.66.4.1.3).
        Some(one) if one.reason == Reason::RetentionExpired.code() => {
            tx.destroy_aside(&one.sop)?;
            Ok(false)
        }
        Some(_) => Ok(true),
    }
}

/// Hides an object that a note named before it came, if it is of the note's patient.
pub(super) fn hide_awaited(
    tx: &mut Tx<'_>,
    writer: &Writer,
    row: &InstanceRow,
    aside: Option<Aside>,
) -> Result<(), Fault> {
    let Some(one) = aside.filter(|a| a.awaited && a.pat == row.pat) else { return Ok(()) };
    tx.set_aside(row.sop.as_str(), &one.by, &one.reason, writer.now)?;
    settle(tx, writer, row.study.as_str())
}

/// Hides what a note names, as far as it is of the note's patient and the sender may see it, then the note itself.
pub(super) fn follow(
    tx: &mut Tx<'_>,
    writer: &Writer,
    sees: &dyn Fn(&Stub) -> bool,
    note: &Note,
    row: &InstanceRow,
    patient: &str,
) -> Result<(), Fault> {
    let (by, reason) = (row.sop.as_str(), note.reason.code());
    let (mut hidden, mut passed) = (0_u32, 0_u32);
    let mut studies = BTreeSet::from([row.study.as_str().to_owned()]);
    for [study, series, sop_class, sop] in &note.references {
        match tx.instance(sop)? {
            Some(found) if found.pat == row.pat && found.study == *study && sees(&found.stub()) => {
                tx.set_aside(sop, by, reason, writer.now)?;
                studies.insert(study.clone());
                hidden += 1;
            }
            Some(_) => passed += 1,
            None => tx.await_aside(&Aside {
                sop: sop.clone(),
                study: study.clone(),
                series: series.clone(),
                by: by.to_owned(),
                reason: reason.to_owned(),
                at: writer.now,
                pat: row.pat,
                class: row.class,
                source: row.source.clone(),
                sop_class: sop_class.clone(),
                awaited: true,
            })?,
        }
    }
    tx.set_aside(by, by, reason, writer.now)?;
    for study in &studies {
        settle(tx, writer, study)?;
    }
    let what = format!("{by}: {hidden} objects rejected, {reason}; {passed} named and not rejected");
    writer.leaf(tx, Act::Update, "reject-objects", &[patient.to_owned()], &what)
}

/// After objects were hidden or brought back: a study that lost all leaves the lists unless it has a report; the others are brought up to date.
fn settle(tx: &mut Tx<'_>, writer: &Writer, study: &str) -> Result<(), Fault> {
    if tx.study_instances(study)? == 0
        && let Some(case) = ledger::case_of(tx, study)?.filter(ledger::Case::is_imaged)
        && case.report.is_none()
    {
        ledger::undo_images(tx, writer, &case)?;
    }
    tx.replace_document("study-grown", study, writer.now.micros.to_string().as_bytes(), writer.now)?;
    Ok(())
}

impl Session {
    /// Rejects objects of a study by a note that is made here and kept like one that came. The answer is the note's UID.
    pub async fn reject(
        &self,
        study: &str,
        which: &Which,
        reason: Reason,
        comment: &str,
    ) -> Result<String, Fault> {
        if reason == Reason::RetentionExpired {
            return Err(Fault::invalid("what is past its time is taken out by the rules of retention"));
        }
        if comment.chars().count() > COMMENT_MAX {
            return Err(Fault::too_costly("a comment has at most 1,024 characters"));
        }
        let all = self.archived(study, None)?;
        let named = |i: &&super::ArchivedInstance| {
            (which.series.is_empty() && which.objects.is_empty())
                || which.series.contains(&i.series)
                || which.objects.contains(&i.sop)
        };
        let chosen: Vec<&super::ArchivedInstance> = all.iter().filter(named).collect();
        let first = chosen.first().ok_or_else(|| Fault::not_found("no such objects in this study"))?;
        if chosen.len() > REFERENCES_MAX {
            return Err(Fault::too_costly("a rejection note names at most 20,000 objects"));
        }
        let like = json::parse(&first.metadata()?)
            .ok()
            .and_then(|all| all.into_iter().next())
            .ok_or_else(|| Fault::unavailable("the metadata of an object cannot be read"))?;
        let zone = &self.node().settings().zone;
        let (sop, set) = note_of(
            &like.dataset,
            &chosen,
            reason,
            comment,
            &self.principal().to_string(),
            &self.now().to_compact_in(zone),
        );
        let mut receiving =
            self.receive_data_set(KEY_OBJECT_SELECTION, &sop, uids::EXPLICIT_VR_LITTLE_ENDIAN, "")?;
        receiving.feed(&set.write(Coding::ExplicitLittle))?;
        receiving.finish_in(Some(study)).await.map_err(|refused| refused.fault)?;
        Ok(sop)
    }

    /// What of a study is not given.
    pub fn rejected_of(&self, study: &str) -> Result<Vec<Rejected>, Fault> {
        self.listed_aside(self.node().store().read(|view| view.asides_of(study))?, study)
    }

    /// What was rejected last, of everybody this session may see.
    pub fn rejected(&self) -> Result<Vec<Rejected>, Fault> {
        self.listed_aside(self.node().store().read(|view| view.asides(LISTED_MAX))?, "all")
    }

    fn listed_aside(&self, found: Vec<Aside>, what: &str) -> Result<Vec<Rejected>, Fault> {
        self.may_see_images()?;
        let seen: Vec<Aside> = found.into_iter().filter(|a| self.sees(&a.stub())).collect();
        let mut patients = Vec::new();
        for pat in seen.iter().map(|a| a.pat).collect::<BTreeSet<_>>() {
            let key = self.node().store().read(|view| crate::patient_index::key_of(view, pat))?;
            patients.extend(key.map(|k| k.id));
        }
        self.note(Act::Read, "rejected-objects", &patients, what)?;
        let rejected = |a: Aside| Rejected {
            study: a.study,
            series: a.series,
            sop: a.sop,
            sop_class: a.sop_class,
            reason: a.reason,
            note: a.by,
            at: a.at.to_rfc3339(),
            awaited: a.awaited,
        };
        Ok(seen.into_iter().map(rejected).collect())
    }

    /// Gives objects again that were rejected, and forgets notes that wait for theirs; the notes themselves stay hidden. The answer is how many.
    pub async fn restore_rejected(&self, study: &str, objects: &[String]) -> Result<usize, Fault> {
        self.may_store_images()?;
        let found = self.node().store().read(|view| view.asides_of(study))?;
        let wanted = |a: &Aside| {
            self.sees(&a.stub()) && a.by != a.sop && (objects.is_empty() || objects.contains(&a.sop))
        };
        let chosen: Vec<Aside> = found.into_iter().filter(|a| wanted(a)).collect();
        if chosen.is_empty() {
            return Err(Fault::not_found("no such rejected objects in this study"));
        }
        let (writer, count, study) = (self.writer(), chosen.len(), study.to_owned());
        let write = move |tx: &mut Tx<'_>| {
            let mut patients = BTreeMap::new();
            for one in &chosen {
                let Some(row) = tx.bring_back(&one.sop)? else { continue };
                let key = crate::patient_index::key_of(tx, row.pat)?;
                let key = key.ok_or_else(|| Fault::bug("a study is of a patient"))?;
                let object = arrived(&row, &key.id);
                let step = orders::step_for(tx, &object.study_uid, &object.accession)?;
                let step = step.filter(|s| s.patient == key.id);
                ledger::follow_object(tx, &writer, object, step.as_ref())?;
                *patients.entry(key.id).or_insert(0_u32) += 1;
            }
            settle(tx, &writer, &study)?;
            let patients: Vec<String> = patients.into_keys().collect();
            let what = format!("{study}: {count} objects given again");
            writer.leaf(tx, Act::Update, "restore-objects", &patients, &what)
        };
        self.node().store().write(write).await?;
        Ok(count)
    }
}

/// An object that came back, as the lists want it.
fn arrived(row: &InstanceRow, patient: &str) -> ArrivedObject {
    let text = |tag| {
        let wanted = number(tag);
        row.attributes.iter().find(|(t, _)| *t == wanted).map(|(_, v)| v.clone()).unwrap_or_default()
    };
    ArrivedObject {
        study_uid: row.study.as_str().to_owned(),
        patient: patient.to_owned(),
        unmatched: false,
        accession: text(tags::ACCESSION_NUMBER),
        modality: text(tags::MODALITY),
        description: text(tags::STUDY_DESCRIPTION),
        is_image: !row.frames.is_empty(),
    }
}

fn coded(value: &str, scheme: &str, meaning: &str) -> DataSet {
    let mut item = DataSet::with_charset(Charset::utf8());
    item.set_text(tags::CODE_VALUE, value);
    item.set_text(tags::CODING_SCHEME_DESIGNATOR, scheme);
    item.set_text(tags::CODE_MEANING, meaning);
    item
}

/// A Key Object Selection Document (PS3.3 A.35.4, PS3.16 TID 2010) about objects of one study; its UID and the data set.
fn note_of(
    like: &DataSet,
    objects: &[&super::ArchivedInstance],
    reason: Reason,
    comment: &str,
    observer: &str,
    now: &str,
) -> (String, DataSet) {
    let (sop, series) = (Uid::random().as_str().to_owned(), Uid::random().as_str().to_owned());
    let mut set = DataSet::new();
    set.set_charset(&Charset::utf8());
    let (date, time) = now.split_at_checked(8).unwrap_or((now, ""));
    for (tag, text) in [
        (tags::SOP_CLASS_UID, KEY_OBJECT_SELECTION),
        (tags::SOP_INSTANCE_UID, &sop),
        (tags::SERIES_INSTANCE_UID, &series),
        (tags::MODALITY, "KO"),
        (tags::MANUFACTURER, "Badiano"),
        (tags::CONTENT_DATE, date),
        (tags::CONTENT_TIME, time),
        (tags::SERIES_NUMBER, "1"),
        (tags::INSTANCE_NUMBER, "1"),
        (tags::VALUE_TYPE, "CONTAINER"),
        (tags::CONTINUITY_OF_CONTENT, "SEPARATE"),
    ] {
        set.set_text(tag, text);
    }
    for tag in [
        tags::STUDY_DATE,
        tags::STUDY_TIME,
        tags::ACCESSION_NUMBER,
        tags::REFERRING_PHYSICIAN_NAME,
        tags::PATIENT_NAME,
        tags::PATIENT_ID,
        tags::ISSUER_OF_PATIENT_ID,
        tags::PATIENT_BIRTH_DATE,
        tags::PATIENT_SEX,
        tags::STUDY_INSTANCE_UID,
        tags::STUDY_ID,
    ] {
        set.set_text(tag, &like.texts(tag).join("\\"));
    }
    set.set_items(tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE, Vec::new());
    set.set_items(tags::CONCEPT_NAME_CODE_SEQUENCE, vec![coded(reason.code(), "DCM", reason.meaning())]);
    let mut template = DataSet::with_charset(Charset::utf8());
    template.set_text(tags::MAPPING_RESOURCE, "DCMR");
    template.set_text(tags::TEMPLATE_IDENTIFIER, "2010");
    set.set_items(tags::CONTENT_TEMPLATE_SEQUENCE, vec![template]);
    set.set_items(tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE, vec![evidence(objects)]);
    let mut content = vec![observed_by(observer)];
    if !comment.is_empty() {
        let mut text = DataSet::with_charset(Charset::utf8());
        text.set_text(tags::RELATIONSHIP_TYPE, "CONTAINS");
        text.set_text(tags::VALUE_TYPE, "TEXT");
        text.set_items(
            tags::CONCEPT_NAME_CODE_SEQUENCE,
            vec![coded("113012", "DCM", "Key Object Description")],
        );
        text.set_text(tags::TEXT_VALUE, comment);
        content.push(text);
    }
    content.extend(objects.iter().map(|object| {
        let mut item = DataSet::with_charset(Charset::utf8());
        item.set_text(tags::RELATIONSHIP_TYPE, "CONTAINS");
        item.set_text(tags::VALUE_TYPE, if object.frames > 0 { "IMAGE" } else { "COMPOSITE" });
        item.set_items(tags::REFERENCED_SOP_SEQUENCE, vec![reference(object)]);
        item
    }));
    set.set_items(tags::CONTENT_SEQUENCE, content);
    (sop, set)
}

/// Who says so (PS3.16 TID 1003).
fn observed_by(name: &str) -> DataSet {
    let mut item = DataSet::with_charset(Charset::utf8());
    item.set_text(tags::RELATIONSHIP_TYPE, "HAS OBS CONTEXT");
    item.set_text(tags::VALUE_TYPE, "PNAME");
    item.set_items(tags::CONCEPT_NAME_CODE_SEQUENCE, vec![coded("121008", "DCM", "Person Observer Name")]);
    item.set_text(tags::PERSON_NAME, &name.replace(['^', '=', '\\'], " "));
    item
}

fn reference(object: &super::ArchivedInstance) -> DataSet {
    let mut item = DataSet::with_charset(Charset::utf8());
    item.set_text(tags::REFERENCED_SOP_CLASS_UID, &object.sop_class);
    item.set_text(tags::REFERENCED_SOP_INSTANCE_UID, &object.sop);
    item
}

fn evidence(objects: &[&super::ArchivedInstance]) -> DataSet {
    let mut by_series: BTreeMap<&str, Vec<DataSet>> = BTreeMap::new();
    for object in objects {
        by_series.entry(&object.series).or_default().push(reference(object));
    }
    let series = by_series.into_iter().map(|(uid, objects)| {
        let mut item = DataSet::with_charset(Charset::utf8());
        item.set_text(tags::SERIES_INSTANCE_UID, uid);
        item.set_items(tags::REFERENCED_SOP_SEQUENCE, objects);
        item
    });
    let mut item = DataSet::with_charset(Charset::utf8());
    item.set_items(tags::REFERENCED_SERIES_SEQUENCE, series.collect());
    item.set_text(tags::STUDY_INSTANCE_UID, objects.first().map_or("", |o| &o.study));
    item
}
