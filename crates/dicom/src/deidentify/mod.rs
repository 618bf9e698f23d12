//! De-identification: the Basic Application Level Confidentiality Profile and options that retain (PS3.15 annex E).

mod table;
mod values;

use crate::dataset::DataSet;
use crate::element::{Element, Value};
use crate::part10::{Bulk, Header, Piece, rewrite};
use crate::{dictionary, tags};
use dicom_core::Tag;
use std::fmt;
use table::{Action, action};

/// Dates move back by at most ten years.
const DAYS_MAX: u32 = 3650;
/// Sequences that say who or what without a form that a dummy could have; what is drawn on images may be writing.
const SEQUENCES_REMOVED: &[Tag] = &[tags::GRAPHIC_ANNOTATION_SEQUENCE, tags::FLOW_IDENTIFIER_SEQUENCE];

/// An option of the profile: what stays although the basic profile would take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    Uids,
    Device,
    Institution,
    Characteristics,
    FullDates,
    ModifiedDates,
}

impl Keep {
    pub const ALL: [Keep; 6] = [
        Keep::Uids,
        Keep::Device,
        Keep::Institution,
        Keep::Characteristics,
        Keep::FullDates,
        Keep::ModifiedDates,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Keep::Uids => "uids",
            Keep::Device => "device",
            Keep::Institution => "institution",
            Keep::Characteristics => "characteristics",
            Keep::FullDates => "full-dates",
            Keep::ModifiedDates => "modified-dates",
        }
    }

    pub fn parse(name: &str) -> Option<Keep> {
        Keep::ALL.into_iter().find(|k| k.name() == name)
    }

    /// Code and meaning of context group 7050 (PS3.16).
    pub fn code(self) -> (&'static str, &'static str) {
        match self {
            Keep::Uids => ("113110", "Retain UIDs Option"),
            Keep::Device => ("113109", "Retain Device Identity Option"),
            Keep::Institution => ("113112", "Retain Institution Identity Option"),
            Keep::Characteristics => ("113108", "Retain Patient Characteristics Option"),
            Keep::FullDates => ("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
            Keep::ModifiedDates => {
                ("113107", "Retain Longitudinal Temporal Information Modified Dates Option")
            }
        }
    }
}

/// Why an object cannot be given without telling who it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Burned In Annotation says that the pixels name somebody; cleaning pixels is not offered.
    BurnedIn,
    /// A document (PDF, CDA, a mesh) is not looked into.
    Document,
    /// Its parts cannot be told apart: deflated, or damaged.
    NotRewritable,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Held::BurnedIn => "Burned In Annotation is YES: pixels are not cleaned",
            Held::Document => "an encapsulated document is not looked into",
            Held::NotRewritable => "deflated data sets are not rewritten",
        })
    }
}

/// An object that no longer says who it is of.
#[derive(Debug, Clone, PartialEq)]
pub struct Deidentified {
    pub dataset: DataSet,
    /// The data set to be written: values made anew, pixels from where they are stored.
    pub pieces: Vec<Piece>,
    pub sop_class: String,
    pub sop_instance: String,
    pub study: String,
}

/// A keyed one-way function of a purpose and a value: the same key gives the same pseudonyms, UIDs and shift of dates.
pub type Keyed<'a> = &'a dyn Fn(&str, &str) -> [u8; 32];

/// Takes out of an object what identifies a person, under options.
pub fn deidentify(read: &Header, options: &[Keep], keyed: Keyed<'_>) -> Result<Deidentified, Held> {
    let set = &read.dataset;
    let is_yes = |tag| set.text(tag).is_some_and(|t| t.eq_ignore_ascii_case("YES"));
    if is_yes(tags::BURNED_IN_ANNOTATION) {
        return Err(Held::BurnedIn);
    }
    if set.contains(tags::ENCAPSULATED_DOCUMENT)
        || read.bulk.iter().any(|b| b.path.tag == tags::ENCAPSULATED_DOCUMENT)
    {
        return Err(Held::Document);
    }
    let person = person_of(set);
    let shift = keyed("shift of dates", &person);
    let days = 1 + i64::from(u32::from_be_bytes([shift[0], shift[1], shift[2], shift[3]]) % DAYS_MAX);
    let work = Work { options, keyed, days };
    let mut clean = work.set(set);
    say_so(&mut clean, options, &pseudonym(keyed, &person));
    let bulk: Vec<Bulk> = read.bulk.iter().filter(|b| work.keeps_bulk(b)).cloned().collect();
    let pieces = rewrite(read, &clean, &bulk).ok_or(Held::NotRewritable)?;
    let uid = |tag| clean.uid(tag).filter(|uid| !uid.is_empty());
    Ok(Deidentified {
        // Files are met that say it before the data set alone.
        sop_class: uid(tags::SOP_CLASS_UID).unwrap_or_else(|| read.meta.sop_class.clone()),
        sop_instance: uid(tags::SOP_INSTANCE_UID).unwrap_or_else(|| work.uid(&read.meta.sop_instance)),
        study: uid(tags::STUDY_INSTANCE_UID).unwrap_or_default(),
        dataset: clean,
        pieces,
    })
}

/// By what a person is told apart: the number and its issuer, or the study where there is none.
fn person_of(set: &DataSet) -> String {
    let text = |tag| set.text(tag).unwrap_or_default();
    match text(tags::PATIENT_ID) {
        id if id.is_empty() => text(tags::STUDY_INSTANCE_UID),
        id => format!("{id}\\{}", text(tags::ISSUER_OF_PATIENT_ID)),
    }
}

fn pseudonym(keyed: Keyed<'_>, person: &str) -> String {
    let digest = keyed("pseudonym", person);
    let hex: String = digest[..6].iter().map(|b| format!("{b:02X}")).collect();
    format!("P-{hex}")
}

/// Who it is called now, and by what it became so (PS3.15 E.1.1, PS3.3 C.7.1.1, C.12.1).
fn say_so(set: &mut DataSet, options: &[Keep], pseudonym: &str) {
    set.set_text(tags::PATIENT_NAME, pseudonym);
    set.set_text(tags::PATIENT_ID, pseudonym);
    set.set_text(tags::PATIENT_IDENTITY_REMOVED, "YES");
    set.set_text(tags::DEIDENTIFICATION_METHOD, "DICOM PS3.15 annex E");
    let basic = ("113100", "Basic Application Confidentiality Profile");
    let codes = std::iter::once(basic).chain(options.iter().map(|k| k.code()));
    let items = codes.map(|(code, meaning)| {
        let mut item = DataSet::new();
        item.set_text(tags::CODE_VALUE, code);
        item.set_text(tags::CODING_SCHEME_DESIGNATOR, "DCM");
        item.set_text(tags::CODE_MEANING, meaning);
        item
    });
    set.set_items(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE, items.collect());
    let dates = match () {
        () if options.contains(&Keep::FullDates) => "UNMODIFIED",
        () if options.contains(&Keep::ModifiedDates) => "MODIFIED",
        () => "REMOVED",
    };
    set.set_text(tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED, dates);
}

struct Work<'a> {
    options: &'a [Keep],
    keyed: Keyed<'a>,
    days: i64,
}

impl Work<'_> {
    fn set(&self, set: &DataSet) -> DataSet {
        let mut clean = DataSet::with_charset(set.charset().clone());
        for element in set {
            if let Some(element) = self.element(set, element) {
                clean.put(element);
            }
        }
        clean
    }

    fn element(&self, set: &DataSet, element: &Element) -> Option<Element> {
        let empty = || Some(Element::empty(element.tag, element.vr));
        // What the dictionary does not know, or a sequence that was not read as one, may hold anything.
        if !is_known(element) {
            return None;
        }
        match (action(element.tag, self.options), &element.value) {
            (Action::Remove, _) => None,
            (Action::Empty, _) => empty(),
            (Action::Dummy, Value::Items(_)) if !values::replaced_whole(element.tag) => {
                Some(self.inside(element))
            }
            (Action::Dummy, _) => values::dummy(element),
            (Action::Shift, _) => values::shifted(set, element, self.days).or_else(empty),
            (Action::Uid, Value::Bytes(_)) => Some(self.uids(set, element)),
            (Action::Keep | Action::Inside | Action::Uid, Value::Items(_)) => Some(self.inside(element)),
            (Action::Keep, _) if element.tag == tags::PATIENT_AGE => Some(aged(set, element)),
            (Action::Keep | Action::Inside, _) => Some(element.clone()),
            (Action::Uid, Value::Fragments(_)) => None,
        }
    }

    fn inside(&self, element: &Element) -> Element {
        let items = element.items().iter().map(|item| self.set(item)).collect();
        Element { value: Value::Items(items), ..element.clone() }
    }

    /// A new UID for each, the same wherever it stands. UIDs that the standard itself gave name no one.
    fn uids(&self, set: &DataSet, element: &Element) -> Element {
        let (texts, _) = set.texts_of(element);
        let new: Vec<String> = texts.iter().map(|uid| self.uid(uid)).collect();
        let mut to = DataSet::new();
        to.set_text_as(element.tag, element.meaning(), &new.join("\\"));
        to.remove(element.tag).unwrap_or_else(|| Element::empty(element.tag, element.vr))
    }

    fn uid(&self, uid: &str) -> String {
        match uid {
            "" => String::new(),
            known if known.starts_with("1.2.840.10008.") || self.options.contains(&Keep::Uids) => {
                known.to_owned()
            }
            uid => new_uid(&(self.keyed)("uid", uid)),
        }
    }

    /// Large values stay where every attribute on their path stays as it is.
    fn keeps_bulk(&self, bulk: &Bulk) -> bool {
        let stays = |tag: Tag| {
            dictionary::keyword(tag).is_some()
                && matches!(action(tag, self.options), Action::Keep | Action::Inside)
        };
        stays(bulk.path.tag) && bulk.path.items.iter().all(|(tag, _)| stays(*tag))
    }
}

fn is_known(element: &Element) -> bool {
    let is_sequence = dictionary::vr(element.tag) == dicom_core::VR::SQ;
    let was_read = !is_sequence || element.is_empty() || !matches!(element.value, Value::Bytes(_));
    was_read && dictionary::keyword(element.tag).is_some()
}

/// Ages above 89 years single people out.
fn aged(set: &DataSet, element: &Element) -> Element {
    let years = set.texts_of(element).0.first().and_then(|t| t.strip_suffix('Y')?.trim().parse::<u32>().ok());
    if years.is_none_or(|y| y <= 89) {
        return element.clone();
    }
    let mut to = DataSet::new();
    to.set_text(element.tag, "090Y");
    to.remove(element.tag).unwrap_or_else(|| element.clone())
}

/// A UID derived from a UUID (PS3.5 B.2) of a version of our own.
fn new_uid(digest: &[u8; 32]) -> String {
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[6] = (bytes[6] & 0x0F) | 0x80;
    bytes[8] = (bytes[8] & 0x3F) | 0x80;
    format!("2.25.{}", u128::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests;
