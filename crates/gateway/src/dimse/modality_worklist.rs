//! Modality Worklist C-FIND (PS3.4 annex K): scheduled steps with the patient as known now, in the modality's character set.

use super::answer;
use super::find::in_charset;
use super::rim::Association;
use badiano_dicom::dataset::DataSet;
use badiano_dicom::dimse::{Request, Response, SendRefused, Status};
use badiano_dicom::query::{Condition, Level, conditions_from_dataset, matches};
use badiano_dicom::{Tag, dictionary, tags};
use badiano_fhir::Value;
use badiano_kernel::Fault;
use badiano_mexico::naming;
use badiano_record::orders::WorklistItem;

/// Steps in one answer.
const STEPS_MAX: usize = 1_000;

pub(super) fn find(
    association: &mut Association,
    context: u8,
    request: &Request,
    bytes: &[u8],
) -> Result<(), SendRefused> {
    match steps(association, context, bytes) {
        Err(fault) => association.provider.respond(context, answer::failure(request, &fault), false),
        Ok(sets) => {
            for set in &sets {
                let pending = Response::to(request, Status::PENDING);
                answer::respond_with(&mut association.provider, context, pending, set)?;
            }
            association.provider.respond(context, Response::to(request, Status::SUCCESS), false)
        }
    }
}

fn steps(association: &Association, context: u8, bytes: &[u8]) -> Result<Vec<DataSet>, Fault> {
    let unreadable = |_| Fault::invalid("the identifier cannot be read");
    let identifier =
        DataSet::read(bytes, answer::coding(&association.provider, context)).map_err(unreadable)?;
    let (query, _) = conditions_from_dataset(&identifier, Level::Study);
    let session = association.session()?;
    let mut shown: Vec<WorklistItem> = Vec::new();
    let mut sets = Vec::new();
    for item in session.worklist()? {
        let set = set_of(&item);
        if query.conditions.iter().all(|(tag, condition)| fits(&set, *tag, condition)) {
            sets.push(in_charset(only_asked(&set, &identifier), &identifier));
            shown.push(item);
        }
        if sets.len() >= STEPS_MAX {
            break;
        }
    }
    session.note_worklist(&shown)?;
    Ok(sets)
}

fn fits(set: &DataSet, tag: Tag, condition: &Condition) -> bool {
    let step = set.items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE).first();
    let holder = if set.contains(tag) { Some(set) } else { step.filter(|s| s.contains(tag)) };
    // A key that the worklist does not keep is matched by everything, as an optional key that is not supported.
    let Some(holder) = holder else { return true };
    matches(condition, dictionary::vr(tag), &holder.texts(tag).join("\\"), false)
}

/// The keys of the identifier and no others; a sequence asked for without keys is given whole.
fn only_asked(set: &DataSet, identifier: &DataSet) -> DataSet {
    let mut out = DataSet::new();
    out.set_text(tags::SPECIFIC_CHARACTER_SET, "ISO_IR 192");
    for key in identifier {
        if key.tag.1 == 0 || key.tag == tags::SPECIFIC_CHARACTER_SET {
            continue;
        }
        let asked = key.items().first().filter(|i| !i.is_empty());
        match (set.get(key.tag), asked) {
            (Some(element), Some(keys)) if !element.items().is_empty() => {
                out.set_items(key.tag, element.items().iter().map(|i| only_keys(i, keys)).collect());
            }
            (Some(element), _) => out.put(element.clone()),
            (None, _) => out.put(badiano_dicom::element::Element::empty(key.tag, key.vr)),
        }
    }
    out
}

fn only_keys(item: &DataSet, keys: &DataSet) -> DataSet {
    let mut out = DataSet::with_charset(item.charset().clone());
    for key in keys {
        match item.get(key.tag) {
            Some(element) => out.put(element.clone()),
            None => out.put(badiano_dicom::element::Element::empty(key.tag, key.vr)),
        }
    }
    out
}

/// One entry with everything it can say (PS3.4 table K.6-1).
fn set_of(item: &WorklistItem) -> DataSet {
    let (step, patient) = (&item.step, &item.patient);
    let utf8 = badiano_dicom::charset::Charset::utf8();
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
    set.set_text(tags::PATIENT_NAME, &person_name(patient));
    set.set_text(tags::PATIENT_ID, &record_number(patient));
    set.set_text(tags::PATIENT_BIRTH_DATE, &patient.str_of("birthDate").replace('-', ""));
    set.set_text(tags::PATIENT_SEX, sex(patient));
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

/// Coding scheme designators (PS3.16 table 8-1); a hospital's own codes begin with 99.
fn scheme(system: &str) -> &str {
    match system {
        "http://loinc.org" => "LN",
        "http://snomed.info/sct" => "SCT",
        _ => "99LOCAL",
    }
}

/// `APELLIDO1 APELLIDO2^NOMBRES` (PS3.5 6.2.1.2).
pub(super) fn person_name(patient: &Value) -> String {
    let names = patient["name"].items();
    let official = names.iter().find(|n| n.str_of("use") == "official").or(names.first());
    let Some(name) = official else { return String::new() };
    let given: Vec<&str> = name["given"].items().iter().filter_map(Value::as_str).collect();
    let clean = |s: &str| s.replace(['^', '=', '\\'], " ");
    format!("{}^{}", clean(name.str_of("family")), clean(&given.join(" "))).trim_end_matches('^').to_owned()
}

/// The hospital's own number; any other but the CURP where there is none.
pub(super) fn record_number(patient: &Value) -> String {
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
