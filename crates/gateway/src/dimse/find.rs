//! C-FIND of patient root and study root (PS3.4 annex C).

use super::rim::Association;
use super::work::Work;
use super::{answer, retrieve};
use badiano_dicom::dataset::DataSet;
use badiano_dicom::dimse::{Request, Response, SendRefused, Status};
use badiano_dicom::query::Level;
use badiano_dicom::{Tag, tags};
use badiano_kernel::Fault;
use badiano_record::imaging::FoundImage;

/// Matches in one answer; a question that has more is told to narrow itself.
const MATCHES_MAX: usize = 10_000;

/// One C-FIND whose matches go out one by one.
pub(super) struct Finding {
    pub context: u8,
    pub request: Request,
    identifier: DataSet,
    level: Level,
    returns: Vec<Tag>,
    found: std::vec::IntoIter<FoundImage>,
    cancelled: bool,
}

pub(super) fn find(
    association: &mut Association,
    context: u8,
    request: &Request,
    bytes: &[u8],
) -> Result<(), SendRefused> {
    match begin(association, context, request, bytes) {
        Err(fault) => association.provider.respond(context, answer::failure(request, &fault), false),
        Ok(finding) => {
            association.work.push(Work::Finding(Box::new(finding)));
            Ok(())
        }
    }
}

fn begin(association: &Association, context: u8, request: &Request, bytes: &[u8]) -> Result<Finding, Fault> {
    let (identifier, mut query, returns) = retrieve::question(association, context, request, bytes)?;
    query.limit = MATCHES_MAX + 1;
    let found = association.session()?.find_images(&query)?;
    if found.len() > MATCHES_MAX {
        return Err(Fault::too_costly("more than 10,000 matches: narrow the question"));
    }
    Ok(Finding {
        context,
        request: request.clone(),
        identifier,
        level: query.level,
        returns,
        found: found.into_iter(),
        cancelled: false,
    })
}

impl Finding {
    pub fn cancel(&mut self) {
        self.cancelled = true;
    }

    /// One match, or the end; `false` when it is over.
    pub fn step(&mut self, association: &mut Association) -> Result<bool, SendRefused> {
        let next = if self.cancelled { None } else { self.found.next() };
        let Some(found) = next else {
            let status = if self.cancelled { Status::CANCEL } else { Status::SUCCESS };
            association.provider.respond(self.context, Response::to(&self.request, status), false)?;
            return Ok(false);
        };
        let ae = &association.gate.options.ae_title;
        let set = set_of(&found, self.level, &self.returns, &self.identifier, ae);
        let pending = Response::to(&self.request, Status::PENDING);
        answer::respond_with(&mut association.provider, self.context, pending, &set)?;
        Ok(true)
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
        Level::Patient => {
            all.set_text(tags::NUMBER_OF_PATIENT_RELATED_STUDIES, &count(found.studies));
            all.set_text(tags::NUMBER_OF_PATIENT_RELATED_SERIES, &count(found.series));
            all.set_text(tags::NUMBER_OF_PATIENT_RELATED_INSTANCES, &count(found.instances));
        }
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
    if identifier.contains(tags::INSTANCE_AVAILABILITY) {
        set.set_text(tags::INSTANCE_AVAILABILITY, "ONLINE");
    }
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
