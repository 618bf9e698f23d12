//! The name of an attribute as a rule says it: keyword, tag, private element by its creator, or a place inside sequences (PS3.5 7.8.1).

use crate::dataset::DataSet;
use crate::dictionary;
use crate::element::{Element, Value};
use crate::tags;
use dicom_core::{Tag, VR};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Sequences inside sequences that a name may pass through.
const DEPTH_MAX: usize = 8;
/// What a rule never writes: by these objects are told apart and found, or the pixels read.
const UNTOUCHED: &[Tag] = &[
    tags::SPECIFIC_CHARACTER_SET,
    tags::SOP_CLASS_UID,
    tags::SOP_INSTANCE_UID,
    tags::STUDY_INSTANCE_UID,
    tags::SERIES_INSTANCE_UID,
    tags::ORIGINAL_ATTRIBUTES_SEQUENCE,
    tags::SAMPLES_PER_PIXEL,
    tags::PHOTOMETRIC_INTERPRETATION,
    tags::PLANAR_CONFIGURATION,
    tags::NUMBER_OF_FRAMES,
    tags::ROWS,
    tags::COLUMNS,
    tags::BITS_ALLOCATED,
    tags::BITS_STORED,
    tags::HIGH_BIT,
    tags::PIXEL_REPRESENTATION,
    tags::LOSSY_IMAGE_COMPRESSION,
    tags::LOSSY_IMAGE_COMPRESSION_RATIO,
    tags::LOSSY_IMAGE_COMPRESSION_METHOD,
];

/// `PatientName`, `00100010`, `0029xx10:SIEMENS CSA HEADER`, `RequestAttributesSequence/0/RequestedProcedureID`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Attribute {
    items: Vec<(Tag, usize)>,
    last: Name,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Public(Tag),
    /// Group, element within the block, and whose block it is.
    Private(u16, u8, String),
}

impl Attribute {
    pub fn of(tag: Tag) -> Attribute {
        Attribute { items: Vec::new(), last: Name::Public(tag) }
    }

    /// Where it begins in the data set itself; nothing for a private one that the data set has not.
    pub(super) fn root(&self, set: &DataSet) -> Option<Tag> {
        match self.items.first() {
            Some((tag, _)) => Some(*tag),
            None => self.last.tag(set),
        }
    }

    /// Whether it stands in the data set itself, in no sequence.
    pub(super) fn is_root(&self) -> bool {
        self.items.is_empty()
    }

    /// The element, where it is.
    pub(super) fn find<'s>(&self, set: &'s DataSet) -> Option<(&'s DataSet, &'s Element)> {
        let mut set = set;
        for (sequence, item) in &self.items {
            set = set.items(*sequence).get(*item)?;
        }
        Some((set, set.get(self.last.tag(set)?)?))
    }

    /// Its values as text; of a private element of unknown form its characters.
    pub(super) fn texts(&self, set: &DataSet) -> Vec<String> {
        let Some((inner, element)) = self.find(set) else { return Vec::new() };
        let texts = inner.texts_of(element).0;
        if !texts.is_empty() || element.vr != VR::UN {
            return texts;
        }
        inner.texts_of(&Element { vr: VR::LO, ..element.clone() }).0
    }

    /// How its value is written; nothing where text cannot say it or a rule may not.
    pub(super) fn text_vr(&self) -> Option<VR> {
        let Name::Public(tag) = self.last else { return None };
        let vr = dictionary::vr(tag);
        let textual = crate::element::is_text(vr) || DataSet::number_bytes(vr, "1").is_some();
        (self.may_be_written() && dictionary::keyword(tag).is_some() && textual).then_some(vr)
    }

    /// Whether a rule may set or remove it.
    pub(super) fn may_be_written(&self) -> bool {
        let allowed = |tag: Tag| {
            let pixels = matches!(tag.0, 0x7F00..=0x7FE0) || tag.0 & 0xFF00 == 0x6000;
            tag.0 > 4 && !pixels && tag.1 != 0 && !UNTOUCHED.contains(&tag)
        };
        match (self.items.first(), &self.last) {
            (Some((tag, _)), Name::Public(_)) => allowed(*tag),
            (None, Name::Public(tag)) => allowed(*tag),
            (_, Name::Private(..)) => true,
        }
    }

    /// Puts an element there; items that are missing are made when they are next in their sequence. `false` when they are not.
    pub(super) fn put(&self, set: &mut DataSet, vr: VR, texts: &[String]) -> bool {
        let Name::Public(tag) = self.last else { return false };
        put_in(set, &self.items, tag, vr, texts)
    }

    pub(super) fn remove(&self, set: &mut DataSet) -> Option<Element> {
        remove_in(set, &self.items, &self.last)
    }

    pub(super) fn public(&self) -> Option<Tag> {
        match (&self.last, self.items.is_empty()) {
            (Name::Public(tag), true) => Some(*tag),
            _ => None,
        }
    }
}

impl Name {
    fn tag(&self, set: &DataSet) -> Option<Tag> {
        match self {
            Name::Public(tag) => Some(*tag),
            Name::Private(group, element, creator) => {
                let block = (0x10..=0xFF_u16).find(|block| {
                    set.text(Tag(*group, *block)).is_some_and(|named| named.trim() == creator)
                })?;
                Some(Tag(*group, block << 8 | u16::from(*element)))
            }
        }
    }
}

fn put_in(set: &mut DataSet, items: &[(Tag, usize)], tag: Tag, vr: VR, texts: &[String]) -> bool {
    let Some(((sequence, item), rest)) = items.split_first() else {
        set.set_text_as(tag, vr, &texts.join("\\"));
        return true;
    };
    let mut all = set.items(*sequence).to_vec();
    if *item == all.len() {
        all.push(DataSet::with_charset(set.charset().clone()));
    }
    let done = all.get_mut(*item).is_some_and(|inner| put_in(inner, rest, tag, vr, texts));
    if done {
        set.set_items(*sequence, all);
    }
    done
}

fn remove_in(set: &mut DataSet, items: &[(Tag, usize)], last: &Name) -> Option<Element> {
    let Some(((sequence, item), rest)) = items.split_first() else {
        let tag = last.tag(set)?;
        return set.remove(tag);
    };
    let mut all = set.items(*sequence).to_vec();
    let gone = all.get_mut(*item).and_then(|inner| remove_in(inner, rest, last))?;
    set.put(Element { tag: *sequence, vr: VR::SQ, value: Value::Items(all) });
    Some(gone)
}

impl FromStr for Attribute {
    type Err = String;

    fn from_str(text: &str) -> Result<Attribute, String> {
        let unknown = |part: &str| {
            format!(
                "«{part}» is no attribute: a keyword of PS3.6, eight hexadecimal digits, or 0029xx10:CREATOR"
            )
        };
        let (path, creator) = match text.split_once(':') {
            Some((path, creator)) => (path, Some(creator)),
            None => (text, None),
        };
        let parts: Vec<&str> = path.split('/').collect();
        let (last, before) = parts.split_last().ok_or_else(|| unknown(text))?;
        if before.len() % 2 == 1 || before.len() > 2 * DEPTH_MAX {
            return Err(unknown(text));
        }
        let mut items = Vec::new();
        for pair in before.chunks_exact(2) {
            let sequence = dictionary::parse_tag(pair[0]).ok_or_else(|| unknown(pair[0]))?;
            if dictionary::vr(sequence) != VR::SQ {
                return Err(format!("«{}» is no sequence", pair[0]));
            }
            items.push((sequence, pair[1].parse().map_err(|_| unknown(text))?));
        }
        let last = match creator {
            None => {
                let tag = dictionary::parse_tag(last).ok_or_else(|| unknown(last))?;
                if dictionary::is_private(tag) {
                    return Err(format!("«{last}» is private: say whose, as in 0029xx10:CREATOR"));
                }
                Name::Public(tag)
            }
            Some(creator) => private(last, creator).ok_or_else(|| unknown(text))?,
        };
        Ok(Attribute { items, last })
    }
}

fn private(text: &str, creator: &str) -> Option<Name> {
    let (group, element) = text.split_once("xx")?;
    let hexadecimal = |t: &str, n: usize| t.len() == n && t.bytes().all(|b| b.is_ascii_hexdigit());
    if !hexadecimal(group, 4) || !hexadecimal(element, 2) || creator.trim().is_empty() {
        return None;
    }
    let group = u16::from_str_radix(group, 16).ok().filter(|g| g % 2 == 1)?;
    Some(Name::Private(group, u8::from_str_radix(element, 16).ok()?, creator.trim().to_owned()))
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |tag: Tag| match dictionary::keyword(tag) {
            Some(keyword) => keyword.to_owned(),
            None => dictionary::hex(tag),
        };
        for (sequence, item) in &self.items {
            write!(f, "{}/{item}/", name(*sequence))?;
        }
        match &self.last {
            Name::Public(tag) => f.write_str(&name(*tag)),
            Name::Private(group, element, creator) => write!(f, "{group:04X}xx{element:02X}:{creator}"),
        }
    }
}

impl TryFrom<String> for Attribute {
    type Error = String;
    fn try_from(text: String) -> Result<Attribute, String> {
        text.parse()
    }
}

impl From<Attribute> for String {
    fn from(attribute: Attribute) -> String {
        attribute.to_string()
    }
}
