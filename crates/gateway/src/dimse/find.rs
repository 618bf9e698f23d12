//! C-FIND of patient root and study root (PS3.4 annex C).

use super::answer;
use super::rim::Association;
use badiano_dicom::dataset::DataSet;
use badiano_dicom::dimse::sop_class as sop;
use badiano_dicom::dimse::{Request, Response, SendRefused, Status};
use badiano_dicom::query::{Level, conditions_from_dataset};
use badiano_dicom::{Tag, tags};
use badiano_kernel::Fault;
use badiano_record::imaging::FoundImage;

/// Matches in one answer; a question that has more is told to narrow itself.
const MATCHES_MAX: usize = 10_000;

pub(super) fn find(
    association: &mut Association,
    context: u8,
    request: &Request,
    bytes: &[u8],
) -> Result<(), SendRefused> {
    match matches(association, context, request, bytes) {
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

fn matches(
    association: &Association,
    context: u8,
    request: &Request,
    bytes: &[u8],
) -> Result<Vec<DataSet>, Fault> {
    let unreadable = |_| Fault::invalid("the identifier cannot be read");
    let identifier =
        DataSet::read(bytes, answer::coding(&association.provider, context)).map_err(unreadable)?;
    let level = level_of(&identifier, request.sop_class.as_str())?;
    let (mut query, returns) = conditions_from_dataset(&identifier, level);
    query.limit = MATCHES_MAX + 1;
    let found = association.session()?.find_images(&query)?;
    if found.len() > MATCHES_MAX {
        return Err(Fault::too_costly("more than 10,000 matches: narrow the question"));
    }
    let ae = &association.gate.options.ae_title;
    Ok(found.iter().map(|f| set_of(f, level, &returns, &identifier, ae)).collect())
}

fn level_of(identifier: &DataSet, class: &str) -> Result<Level, Fault> {
    let text = identifier.text(tags::QUERY_RETRIEVE_LEVEL).unwrap_or_default();
    match text.as_str() {
        "PATIENT" if class == sop::PATIENT_ROOT_FIND => Ok(Level::Patient),
        "STUDY" => Ok(Level::Study),
        "SERIES" => Ok(Level::Series),
        "IMAGE" => Ok(Level::Instance),
        _ => Err(Fault::invalid("the query/retrieve level is not one of the model").at("(0008,0052)")),
    }
}

/// The keys that were asked for; empty where the archive does not know them.
fn set_of(found: &FoundImage, level: Level, returns: &[Tag], identifier: &DataSet, ae: &str) -> DataSet {
    let mut all = DataSet::new();
    all.set_text(tags::SPECIFIC_CHARACTER_SET, "ISO_IR 192");
    for (number, text) in &found.attributes {
        all.set_text(Tag((number >> 16) as u16, (number & 0xFFFF) as u16), text);
    }
    let count = |n: u64| n.to_string();
    match level {
        Level::Patient => {}
        Level::Study => {
            all.set_text(tags::MODALITIES_IN_STUDY, &found.modalities.join("\\"));
            all.set_text(tags::NUMBER_OF_STUDY_RELATED_SERIES, &count(found.series));
            all.set_text(tags::NUMBER_OF_STUDY_RELATED_INSTANCES, &count(found.instances));
        }
        Level::Series => {
            all.set_text(tags::NUMBER_OF_SERIES_RELATED_INSTANCES, &count(found.instances));
        }
        Level::Instance => {}
    }
    let mut set = DataSet::new();
    set.set_text(tags::SPECIFIC_CHARACTER_SET, "ISO_IR 192");
    for tag in returns {
        match all.get(*tag) {
            Some(element) => set.put(element.clone()),
            None => {
                set.set_text(*tag, "");
            }
        }
    }
    set.set_text(
        tags::QUERY_RETRIEVE_LEVEL,
        &identifier.text(tags::QUERY_RETRIEVE_LEVEL).unwrap_or_default(),
    );
    set.set_text(tags::RETRIEVE_AE_TITLE, ae);
    in_charset(set, identifier)
}

/// The character set that the question was asked in, where it can say the answer; UTF-8 otherwise.
pub(super) fn in_charset(mut set: DataSet, identifier: &DataSet) -> DataSet {
    let asked = identifier.texts(tags::SPECIFIC_CHARACTER_SET).join("\\");
    let wanted = if asked.is_empty() { "ISO_IR 100" } else { asked.as_str() };
    let (charset, issue) = badiano_dicom::charset::Charset::parse(wanted);
    if issue.is_none() {
        let mut other = set.clone();
        if other.set_charset(&charset).is_empty() {
            set = other;
        }
    }
    set
}
