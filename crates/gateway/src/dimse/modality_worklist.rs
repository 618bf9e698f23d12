//! Modality Worklist C-FIND (PS3.4 annex K): scheduled steps with the patient as known now, in the modality's character set.

use super::answer;
use super::find::in_charset;
use super::rim::Association;
use badiano_dicom::dataset::DataSet;
use badiano_dicom::dimse::{Request, Response, SendRefused, Status};
use badiano_dicom::query::{Condition, Level, conditions_from_dataset, matches};
use badiano_dicom::{Tag, dictionary, tags};
use badiano_kernel::Fault;
use badiano_record::imaging::worklist_entry;
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
        let set = worklist_entry(&item);
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
