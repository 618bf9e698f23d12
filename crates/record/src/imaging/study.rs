//! The ImagingStudy of each study, kept in line with the archive by a job (FHIR R4 ImagingStudy).

use super::attributes::number;
use super::imaging_study_id;
use crate::ledger::{self, case_of};
use crate::node::Node;
use crate::orders;
use crate::resources::{Precondition, Writer};
use badiano_dicom::query::{Condition, Level, Query};
use badiano_dicom::{Tag, tags};
use badiano_fhir::{Value, fhir};
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_store::{FoundRow, Tx, View};

/// Studies brought up to date in one run.
const STUDIES_A_RUN: usize = 50;
/// Cases that are looked at in one write after a crash.
const REVIEWED_AT_ONCE: usize = 1_000;
/// Series of one study that its ImagingStudy lists.
const SERIES_MAX: usize = 2_000;

impl Node {
    /// Brings ImagingStudy resources up to date with what arrived. Returns how many.
    pub async fn refresh_imaging_studies(&self, now: Instant) -> Result<usize, Fault> {
        let grown = self.store().read(|view| view.documents("study-grown", ""))?;
        let mut done = 0;
        for document in grown.into_iter().take(STUDIES_A_RUN) {
            let study = document.key.clone();
            let writer =
                self.session(Principal::Job { name: "imaging-study" }, Purpose::Operations, now).writer();
            self.store().write(move |tx| refresh(tx, &writer, &study)).await?;
            done += 1;
        }
        Ok(done)
    }
}

impl Node {
    /// After objects were undone: a study that lost all of them leaves the ledger, the others are brought up to date.
    pub(crate) fn review_studies(&self, now: Instant) -> Result<(), Fault> {
        let kind = ledger::kind_of(ledger::IMAGING);
        let mut after = String::new();
        loop {
            let studies = self.store().read(|view| view.work_ids(&kind, &after, REVIEWED_AT_ONCE))?;
            let Some(last) = studies.last() else { return Ok(()) };
            after.clone_from(last);
            let job = Principal::Job { name: "start-after-crash" };
            let writer = self.session(job, Purpose::Operations, now).writer();
            self.store().write(move |tx| review(tx, &writer, &studies)).wait()?;
        }
    }
}

fn review(tx: &mut Tx<'_>, writer: &Writer, studies: &[String]) -> Result<(), Fault> {
    for study in studies {
        let Some(case) = case_of(tx, study)?.filter(ledger::Case::is_imaged) else { continue };
        if tx.study_instances(study)? == 0 {
            ledger::undo_images(tx, writer, &case)?;
        } else {
            tx.replace_document("study-grown", study, b"", writer.now)?;
        }
    }
    Ok(())
}

fn refresh(tx: &mut Tx<'_>, writer: &Writer, study: &str) -> Result<(), Fault> {
    let Some(reading) = case_of(tx, study)?.filter(ledger::Case::is_imaged) else {
        if tx.study_instances(study)? == 0 {
            writer.delete(tx, "ImagingStudy", &imaging_study_id(study), Precondition::None)?;
        }
        return tx.drop_document("study-grown", study);
    };
    let rows = rows_of(tx, Level::Study, study, 1)?;
    let Some(row) = rows.first() else {
        // All of it was rejected: the study is no longer given.
        writer.delete(tx, "ImagingStudy", &imaging_study_id(study), Precondition::None)?;
        return tx.drop_document("study-grown", study);
    };
    let series = rows_of(tx, Level::Series, study, SERIES_MAX)?;
    let step = orders::step_for(tx, study, &reading.accession)?;
    let mut resource = resource_of(study, &reading.patient, row, &series, writer);
    if let Some(step) = step {
        resource.push("basedOn", fhir!({ "reference": (format!("ServiceRequest/{}", step.order)) }));
    }
    crate::resources::check(&resource)?;
    writer.put(tx, resource, Precondition::None, "imaging-study")?;
    tx.drop_document("study-grown", study)?;
    if let Some(patient) = tx.get("Patient", &reading.patient)? {
        orders::register_at_hub(tx, writer, &patient.body)?;
    }
    Ok(())
}

/// Series of a study: UID, modality, objects.
pub(crate) fn series_of_study(view: &View<'_>, study: &str) -> Result<Vec<(String, String, u64)>, Fault> {
    let rows = rows_of(view, Level::Series, study, SERIES_MAX)?;
    let named = |row: &FoundRow| {
        let own = |tag| text(row, tag).to_owned();
        (own(tags::SERIES_INSTANCE_UID), own(tags::MODALITY), row.instances_count)
    };
    Ok(rows.iter().map(named).collect())
}

fn rows_of(view: &View<'_>, level: Level, study: &str, limit: usize) -> Result<Vec<FoundRow>, Fault> {
    let conditions = vec![(tags::STUDY_INSTANCE_UID, Condition::Single(study.to_owned()))];
    let query = Query { level, conditions, combined_date_time: false, fuzzy: false, limit, offset: 0 };
    Ok(view.dicom_find(&query, &|_| true)?.rows)
}

fn text(row: &FoundRow, tag: Tag) -> &str {
    row.attributes.iter().find(|(t, _)| *t == number(tag)).map_or("", |(_, v)| v.as_str())
}

fn resource_of(study: &str, patient: &str, row: &FoundRow, series: &[FoundRow], writer: &Writer) -> Value {
    let mut resource = fhir!({
        "resourceType": "ImagingStudy",
        "id": (imaging_study_id(study)),
        "identifier": [{ "system": "urn:dicom:uid", "value": (format!("urn:oid:{study}")) }],
        "status": "available",
        "subject": { "reference": (format!("Patient/{patient}")) },
        "numberOfSeries": (series.len()),
        "numberOfInstances": (usize::try_from(row.instances_count).unwrap_or(0))
    });
    let accession = text(row, tags::ACCESSION_NUMBER);
    if !accession.is_empty() {
        resource.push("identifier", orders::accession_identifier(accession));
    }
    for modality in row.modalities.iter().filter(|m| !m.is_empty()) {
        resource.push(
            "modality",
            fhir!({ "system": "http://dicom.nema.org/resources/ontology/DCM", "code": (modality.as_str()) }),
        );
    }
    if let Some(started) = date_time(text(row, tags::STUDY_DATE), text(row, tags::STUDY_TIME), &writer.zone) {
        resource.set("started", started);
    }
    if !text(row, tags::STUDY_DESCRIPTION).is_empty() {
        resource.set("description", text(row, tags::STUDY_DESCRIPTION));
    }
    for one in series {
        resource.push("series", series_of(one));
    }
    resource
}

fn series_of(row: &FoundRow) -> Value {
    let modality = match text(row, tags::MODALITY) {
        "" => "OT",
        known => known,
    };
    let mut series = fhir!({
        "uid": (text(row, tags::SERIES_INSTANCE_UID)),
        "modality": { "system": "http://dicom.nema.org/resources/ontology/DCM", "code": modality },
        "numberOfInstances": (usize::try_from(row.instances_count).unwrap_or(0))
    });
    if let Ok(n) = text(row, tags::SERIES_NUMBER).trim().parse::<u32>() {
        series.set("number", i64::from(n));
    }
    if !text(row, tags::SERIES_DESCRIPTION).is_empty() {
        series.set("description", text(row, tags::SERIES_DESCRIPTION));
    }
    series
}

/// DA and TM as a FHIR dateTime in the node's zone; a date alone where there is no time.
fn date_time(date: &str, time: &str, zone: &str) -> Option<String> {
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if date.len() != 8 || !all_digits(date) {
        return None;
    }
    let day = format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]);
    let clock = time.get(..6).filter(|t| all_digits(t));
    let Some(clock) = clock else {
        return badiano_kernel::time::Span::parse_fhir(&day, zone).map(|_| day);
    };
    let civil = format!("{day}T{}:{}:{}", &clock[..2], &clock[2..4], &clock[4..]);
    badiano_kernel::time::Span::parse_fhir(&civil, zone).map(|s| s.from.to_rfc3339_in(zone))
}
