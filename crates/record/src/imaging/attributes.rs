//! Which attributes of an object take part in matching and listing (PS3.4 C.6), and what they say of the patient.

use badiano_dicom::dataset::DataSet;
use badiano_dicom::{Tag, tags};
use badiano_fhir::{Value, fhir};

/// Everything that QIDO-RS and C-FIND give back, by level; the store knows the level of each.
const KEPT: &[Tag] = &[
    tags::SPECIFIC_CHARACTER_SET,
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_SEX,
    tags::PATIENT_AGE,
    tags::PATIENT_SIZE,
    tags::PATIENT_WEIGHT,
    tags::STUDY_DATE,
    tags::STUDY_TIME,
    tags::ACCESSION_NUMBER,
    tags::REFERRING_PHYSICIAN_NAME,
    tags::STUDY_DESCRIPTION,
    tags::STUDY_ID,
    tags::STUDY_INSTANCE_UID,
    tags::TIMEZONE_OFFSET_FROM_UTC,
    tags::SERIES_DATE,
    tags::SERIES_TIME,
    tags::MODALITY,
    tags::MANUFACTURER,
    tags::INSTITUTION_NAME,
    tags::STATION_NAME,
    tags::SERIES_DESCRIPTION,
    tags::BODY_PART_EXAMINED,
    tags::PROTOCOL_NAME,
    tags::SERIES_INSTANCE_UID,
    tags::SERIES_NUMBER,
    tags::LATERALITY,
    tags::PERFORMED_PROCEDURE_STEP_START_DATE,
    tags::PERFORMED_PROCEDURE_STEP_START_TIME,
    tags::PERFORMED_PROCEDURE_STEP_ID,
    tags::SOP_CLASS_UID,
    tags::SOP_INSTANCE_UID,
    tags::INSTANCE_NUMBER,
    tags::CONTENT_DATE,
    tags::CONTENT_TIME,
    tags::ROWS,
    tags::COLUMNS,
    tags::BITS_ALLOCATED,
    tags::NUMBER_OF_FRAMES,
    tags::IMAGE_TYPE,
    tags::PHOTOMETRIC_INTERPRETATION,
];

/// Longest text that the index keeps of one attribute.
const TEXT_MAX: usize = 1024;

/// The attributes as the store wants them: tag number and text, several values parted by a backslash.
pub(super) fn of(dataset: &DataSet) -> Vec<(u32, String)> {
    let text = |tag: &Tag| {
        let values = dataset.texts(*tag);
        let joined = values.join("\\");
        (!joined.is_empty()).then(|| (number(*tag), joined.chars().take(TEXT_MAX).collect()))
    };
    KEPT.iter().filter(|t| **t != tags::SPECIFIC_CHARACTER_SET).filter_map(text).collect()
}

pub(super) fn number(tag: Tag) -> u32 {
    u32::from(tag.0) << 16 | u32::from(tag.1)
}

/// The system under which a number that only images know is kept.
pub(super) fn patient_system(issuer: &str) -> String {
    if issuer.is_empty() {
        "urn:badiano:dicom-patient-id".to_owned()
    } else {
        format!("urn:badiano:authority:{issuer}")
    }
}

/// The patient as the object names them, for a person that no registration knows.
pub(super) fn patient_in(dataset: &DataSet) -> Value {
    let text = |tag: Tag| dataset.text(tag).unwrap_or_default();
    let mut patient = fhir!({ "resourceType": "Patient", "active": true });
    let id = text(tags::PATIENT_ID);
    if !id.is_empty() {
        let system = patient_system(&text(tags::ISSUER_OF_PATIENT_ID));
        patient.push("identifier", fhir!({ "system": system, "value": id }));
    }
    if let Some(name) = human_name(&text(tags::PATIENT_NAME)) {
        patient.push("name", name);
    }
    match text(tags::PATIENT_SEX).as_str() {
        "M" => patient.set("gender", "male"),
        "F" => patient.set("gender", "female"),
        "O" => patient.set("gender", "other"),
        _ => {}
    }
    let born = text(tags::PATIENT_BIRTH_DATE);
    if born.len() == 8 && born.bytes().all(|b| b.is_ascii_digit()) {
        patient.set("birthDate", format!("{}-{}-{}", &born[..4], &born[4..6], &born[6..]));
    }
    patient
}

/// A person name of PS3.5 6.2.1: the alphabetic group, family and given.
fn human_name(name: &str) -> Option<Value> {
    let alphabetic = name.split('=').next().unwrap_or_default();
    let mut parts = alphabetic.split('^').map(str::trim);
    let (family, given, middle) =
        (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    if family.is_empty() && given.is_empty() {
        return None;
    }
    let mut human = fhir!({ "text": (alphabetic.replace('^', " ").trim()) });
    if !family.is_empty() {
        human.set("family", family);
    }
    for part in [given, middle].into_iter().filter(|p| !p.is_empty()) {
        human.push("given", part);
    }
    Some(human)
}
