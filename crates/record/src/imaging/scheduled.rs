//! An entry of the modality worklist as a data set: who is to be examined, why and when (PS3.4 table K.6-1).

use crate::orders::WorklistItem;
use badiano_dicom::charset::Charset;
use badiano_dicom::dataset::DataSet;
use badiano_dicom::tags;
use badiano_fhir::Value;
use badiano_mexico::naming;

/// One entry with everything it can say.
pub fn worklist_entry(item: &WorklistItem) -> DataSet {
    let (step, patient) = (&item.step, &item.patient);
    let utf8 = Charset::utf8();
    let mut scheduled = DataSet::with_charset(utf8.clone());
    scheduled.set_text(tags::MODALITY, &step.modality);
    scheduled.set_text(tags::SCHEDULED_STATION_AE_TITLE, &step.station_ae);
    scheduled.set_text(tags::SCHEDULED_PROCEDURE_STEP_START_DATE, step.start.get(..8).unwrap_or_default());
    scheduled.set_text(tags::SCHEDULED_PROCEDURE_STEP_START_TIME, step.start.get(8..).unwrap_or_default());
    scheduled.set_text(tags::SCHEDULED_PROCEDURE_STEP_DESCRIPTION, &step.description);
    scheduled.set_text(tags::SCHEDULED_PROCEDURE_STEP_ID, &step.id);
    scheduled.set_text(tags::SCHEDULED_PERFORMING_PHYSICIAN_NAME, "");
    scheduled.set_text(tags::SCHEDULED_STATION_NAME, "");
    scheduled.set_text(tags::SCHEDULED_PROCEDURE_STEP_LOCATION, "");
    let mut set = DataSet::new();
    set.set_text(tags::SPECIFIC_CHARACTER_SET, "ISO_IR 192");
    set.set_text(tags::ACCESSION_NUMBER, &step.accession);
    set.set_text(tags::REFERRING_PHYSICIAN_NAME, &step.referrer);
    set.set_text(tags::REQUESTING_PHYSICIAN, &step.referrer);
    put_patient(&mut set, patient);
    set.set_text(tags::STUDY_INSTANCE_UID, &step.study_uid);
    set.set_text(tags::REQUESTED_PROCEDURE_DESCRIPTION, &step.description);
    let requested =
        if step.requested_procedure.is_empty() { &step.accession } else { &step.requested_procedure };
    set.set_text(tags::REQUESTED_PROCEDURE_ID, requested);
    set.set_text(tags::REQUESTED_PROCEDURE_PRIORITY, "ROUTINE");
    if let Some((code, system, display)) = &step.procedure_code {
        let mut coded = DataSet::with_charset(utf8);
        coded.set_text(tags::CODE_VALUE, &code.chars().take(16).collect::<String>());
        coded.set_text(tags::CODING_SCHEME_DESIGNATOR, scheme(system));
        coded.set_text(tags::CODE_MEANING, &display.chars().take(64).collect::<String>());
        set.set_items(tags::REQUESTED_PROCEDURE_CODE_SEQUENCE, vec![coded]);
    }
    set.set_items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE, vec![scheduled]);
    set
}

/// The patient as the record knows them (PS3.3 C.7.1.1).
pub(crate) fn put_patient(set: &mut DataSet, patient: &Value) {
    set.set_text(tags::PATIENT_NAME, &person_name(patient));
    set.set_text(tags::PATIENT_ID, &record_number(patient));
    set.set_text(tags::PATIENT_BIRTH_DATE, &patient.str_of("birthDate").replace('-', ""));
    set.set_text(tags::PATIENT_SEX, sex(patient));
}

/// Coding scheme designators (PS3.16 table 8-1); a hospital's own codes begin with 99.
fn scheme(system: &str) -> &str {
    match system {
        "http://loinc.org" => "LN",
        "http://snomed.info/sct" => "SCT",
        _ => "99LOCAL",
    }
}

/// `APELLIDO1 APELLIDO2^NOMBRES` (PS3.5 6.2.1.2).
fn person_name(patient: &Value) -> String {
    let names = patient["name"].items();
    let official = names.iter().find(|n| n.str_of("use") == "official").or(names.first());
    let Some(name) = official else { return String::new() };
    let given: Vec<&str> = name["given"].items().iter().filter_map(Value::as_str).collect();
    let clean = |s: &str| s.replace(['^', '=', '\\'], " ");
    format!("{}^{}", clean(name.str_of("family")), clean(&given.join(" "))).trim_end_matches('^').to_owned()
}

/// The hospital's own number; any other but the CURP where there is none.
fn record_number(patient: &Value) -> String {
    let all = patient["identifier"].items();
    let is_mr = |i: &&Value| i["type"]["coding"].items().iter().any(|c| c.str_of("code") == "MR");
    let own = all
        .iter()
        .find(is_mr)
        .or_else(|| all.iter().find(|i| naming::by_system(i.str_of("system")).is_none()));
    own.map(|i| i.str_of("value").to_owned()).unwrap_or_default()
}

fn sex(patient: &Value) -> &'static str {
    match patient.str_of("gender") {
        "male" => "M",
        "female" => "F",
        "other" => "O",
        _ => "",
    }
}
