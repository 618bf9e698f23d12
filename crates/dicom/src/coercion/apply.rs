//! Rules applied to the header of one object: what fits is changed, what was there before is said (PS3.3 C.12.1.1.9).

use super::{Attribute, Change, Rule, When};
use crate::charset::Charset;
use crate::dataset::{DataSet, SPECIFIC_CHARACTER_SET};
use crate::dictionary;
use crate::element::{Element, Value};
use crate::part10::{Bulk, Header, Piece, rewrite};
use crate::tags;
use dicom_core::{Tag, VR};
use serde::{Deserialize, Serialize};
use std::cell::OnceCell;
use std::collections::BTreeSet;

/// What is known around an object that arrives.
pub struct Around<'a> {
    /// AE title of the sender, or the name of the door.
    pub ae: &'a str,
    /// CLUES of the sender.
    pub institution: &'a str,
    /// Who makes the change: Modifying System (LO).
    pub system: &'a str,
    /// When: a value of VR DT.
    pub now: &'a str,
    /// The worklist entry that the object belongs to; asked at most once.
    pub worklist: &'a dyn Fn() -> Option<DataSet>,
}

/// One attribute that became another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    pub attribute: String,
    /// Values parted by a backslash; empty where there was none.
    pub was: String,
    pub now: String,
}

/// A rule that was followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followed {
    pub rule: String,
    pub version: u32,
    pub changed: Vec<Changed>,
    /// What could not be done, without values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_done: Vec<String>,
}

/// An object with a header that rules have corrected.
#[derive(Debug, Clone, PartialEq)]
pub struct Coerced {
    pub dataset: DataSet,
    /// Large values that go along.
    pub bulk: Vec<Bulk>,
    /// Every rule that fitted, in order.
    pub followed: Vec<Followed>,
}

impl Coerced {
    /// The data set to be given: values made anew, pixels from where they are stored. `None` for a deflated object.
    pub fn pieces(&self, read: &Header) -> Option<Vec<Piece>> {
        rewrite(read, &self.dataset, &self.bulk)
    }
}

/// Follows the rules that fit an object as it came, in order; nothing when none of them changes anything.
pub fn coerce(read: &Header, rules: &[&Rule], around: &Around<'_>) -> Option<Coerced> {
    let entry = OnceCell::new();
    let mut work = Work {
        set: read.dataset.clone(),
        replaced: BTreeSet::new(),
        around,
        entry: &entry,
        changed: Vec::new(),
    };
    let mut followed = Vec::new();
    for rule in rules.iter().filter(|rule| rule.when.fits(&read.dataset, around.ae, around.institution)) {
        let not_done = rule.changes.iter().filter_map(|change| work.change(change).err()).collect();
        let changed = std::mem::take(&mut work.changed);
        followed.push(Followed { rule: rule.name.clone(), version: rule.version, changed, not_done });
    }
    if followed.is_empty() {
        return None;
    }
    let Work { mut set, replaced, .. } = work;
    if followed.iter().any(|f| !f.changed.is_empty()) {
        say_what_was(&mut set, &read.dataset, &followed, around);
    }
    let goes = |b: &&Bulk| !replaced.contains(&b.path.items.first().map_or(b.path.tag, |(tag, _)| *tag));
    let bulk = read.bulk.iter().filter(goes).cloned().collect();
    Some(Coerced { dataset: set, bulk, followed })
}

impl When {
    /// Whether an object of a sender is meant.
    pub fn fits(&self, set: &DataSet, ae: &str, institution: &str) -> bool {
        let any = |patterns: &[String], text: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| fits_pattern(pattern, text))
        };
        let text = |tag| set.text(tag).unwrap_or_default();
        any(&self.ae, ae)
            && any(&self.institution, institution)
            && any(&self.modality, &text(tags::MODALITY))
            && any(&self.sop_class, &text(tags::SOP_CLASS_UID))
            && self.attributes.iter().all(|(attribute, patterns)| {
                let texts = attribute.texts(set);
                texts.iter().any(|t| any(patterns, t)) || (texts.is_empty() && any(patterns, ""))
            })
    }
}

/// `*` any characters, `?` one.
fn fits_pattern(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut back) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                back = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match back {
                Some((star, from)) => {
                    back = Some((star, from + 1));
                    p = star + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Whether a value may stand under a VR (PS3.5 table 6.2-1). No value always may.
pub(super) fn fits(vr: VR, value: &str) -> bool {
    if value.is_empty() {
        return true;
    }
    let longest = match vr {
        VR::AE | VR::CS | VR::DS | VR::SH => 16,
        VR::AS => 4,
        VR::DA => 8,
        VR::TM => 14,
        VR::DT => 26,
        VR::IS => 12,
        VR::LO | VR::UI => 64,
        VR::PN => 64 * 3 + 2,
        _ => return DataSet::number_bytes(vr, value).is_some() || crate::element::is_text(vr),
    };
    let formed = |one: &str| {
        let digits = |n: usize| one.len() == n && one.bytes().all(|b| b.is_ascii_digit());
        match vr {
            VR::DA => digits(8),
            VR::IS => one.trim().parse::<i32>().is_ok(),
            VR::DS => one.trim().parse::<f64>().is_ok(),
            VR::CS => {
                one.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b' ' | b'_'))
            }
            VR::UI => one.bytes().all(|b| b.is_ascii_digit() || b == b'.'),
            VR::TM => one.bytes().all(|b| b.is_ascii_digit() || b == b'.'),
            VR::AS => one.len() == 4 && one.as_bytes()[..3].iter().all(u8::is_ascii_digit),
            _ => !one.chars().any(|c| c.is_control()),
        }
    };
    value.split('\\').all(|one| one.is_empty() || (one.chars().count() <= longest && formed(one)))
}

struct Work<'a> {
    set: DataSet,
    /// Of the data set itself: elements that went or became others, large values in them too.
    replaced: BTreeSet<Tag>,
    around: &'a Around<'a>,
    entry: &'a OnceCell<Option<DataSet>>,
    changed: Vec<Changed>,
}

impl Work<'_> {
    fn change(&mut self, change: &Change) -> Result<(), String> {
        match change {
            Change::Set { attribute, value } => self.put(attribute, std::slice::from_ref(value)),
            Change::Fill { attribute, .. } if self.has(attribute) => Ok(()),
            Change::Fill { attribute, value } => self.put(attribute, std::slice::from_ref(value)),
            Change::Remove { attribute } => {
                self.remove(attribute);
                Ok(())
            }
            Change::Copy { from, to, fill } => {
                let texts = from.texts(&self.set);
                if texts.is_empty() || (*fill && self.has(to)) { Ok(()) } else { self.put(to, &texts) }
            }
            Change::Map { attribute, values, otherwise } => {
                let mapped = |one: &String| values.get(one).or(otherwise.as_ref()).unwrap_or(one).clone();
                let texts: Vec<String> = attribute.texts(&self.set).iter().map(mapped).collect();
                if texts.is_empty() { Ok(()) } else { self.put(attribute, &texts) }
            }
            Change::Affix { attribute, without_prefix, without_suffix, prefix, suffix } => {
                let bare = |one: &String| {
                    let one = one.strip_prefix(without_prefix.as_str()).unwrap_or(one);
                    let one = one.strip_suffix(without_suffix.as_str()).unwrap_or(one);
                    format!("{prefix}{one}{suffix}")
                };
                let texts: Vec<String> = attribute.texts(&self.set).iter().map(bare).collect();
                if texts.is_empty() { Ok(()) } else { self.put(attribute, &texts) }
            }
            Change::Worklist { attributes, fill } => self.take_from_worklist(attributes, *fill),
            Change::Charset { is } => {
                self.reread(is);
                Ok(())
            }
        }
    }

    fn has(&self, attribute: &Attribute) -> bool {
        attribute.find(&self.set).is_some_and(|(_, element)| !element.is_empty())
    }

    fn put(&mut self, attribute: &Attribute, texts: &[String]) -> Result<(), String> {
        let vr = attribute.text_vr().ok_or_else(|| format!("«{attribute}» has no value written as text"))?;
        if !texts.iter().all(|text| fits(vr, text)) {
            return Err(format!("«{attribute}» cannot have this value"));
        }
        let was = attribute.texts(&self.set).join("\\");
        let joined = texts.join("\\");
        if was == joined && attribute.find(&self.set).is_some() {
            return Ok(());
        }
        if !crate::charset::encode(&joined, self.set.charset()).1.is_empty() {
            self.set.set_charset(&Charset::utf8());
        }
        if !attribute.put(&mut self.set, vr, texts) {
            return Err(format!("the items before «{attribute}» are not there"));
        }
        if let Some(tag) = attribute.public() {
            self.replaced.insert(tag);
        }
        self.note(attribute, was, joined);
        Ok(())
    }

    fn remove(&mut self, attribute: &Attribute) {
        let was = attribute.texts(&self.set).join("\\");
        let root = attribute.root(&self.set);
        if let Some(tag) = root.filter(|_| attribute.is_root()) {
            self.replaced.insert(tag);
        }
        if attribute.remove(&mut self.set).is_some() {
            self.note(attribute, was, String::new());
        }
    }

    fn note(&mut self, attribute: &Attribute, was: String, now: String) {
        self.changed.push(Changed { attribute: attribute.to_string(), was, now });
    }

    fn take_from_worklist(&mut self, attributes: &[Attribute], fill: bool) -> Result<(), String> {
        let entry = self.entry.get_or_init(|| (self.around.worklist)());
        let entry = entry.as_ref().ok_or("no entry of the worklist is of this object and patient")?;
        for attribute in attributes {
            let Some((inner, element)) = attribute.find(entry).filter(|(_, e)| !e.is_empty()) else {
                continue;
            };
            if fill && self.has(attribute) {
                continue;
            }
            if let Value::Items(items) = &element.value {
                self.put_items(attribute, items);
                continue;
            }
            self.put(attribute, &inner.texts_of(element).0)?;
        }
        Ok(())
    }

    fn put_items(&mut self, attribute: &Attribute, items: &[DataSet]) {
        let Some(tag) = attribute.public() else { return };
        if self.set.items(tag) == items {
            return;
        }
        if self.set.charset() != &Charset::utf8() {
            self.set.set_charset(&Charset::utf8());
        }
        let was = self.set.items(tag).len();
        self.set.set_items(tag, items.to_vec());
        self.replaced.insert(tag);
        self.note(attribute, format!("{was} items"), format!("{} items", items.len()));
    }

    fn reread(&mut self, term: &str) {
        let before = self.set.clone();
        self.set = declared(&self.set, &Charset::parse(term).0);
        self.set.set_charset(&Charset::utf8());
        let was = before.texts(SPECIFIC_CHARACTER_SET).join("\\");
        for element in &before {
            let (old, new) = (before.texts_of(element).0, self.set.texts(element.tag));
            if old != new
                && element.tag != SPECIFIC_CHARACTER_SET
                && !matches!(element.value, Value::Items(_))
            {
                let changed = Attribute::of(element.tag);
                self.note(&changed, old.join("\\"), new.join("\\"));
            }
        }
        if was != "ISO_IR 192" {
            self.note(&Attribute::of(SPECIFIC_CHARACTER_SET), was, "ISO_IR 192".to_owned());
        }
    }
}

/// The same bytes, said to be in another character set, in items too.
fn declared(set: &DataSet, charset: &Charset) -> DataSet {
    let mut out = DataSet::with_charset(charset.clone());
    for element in set.iter().filter(|e| e.tag != SPECIFIC_CHARACTER_SET) {
        out.put(match &element.value {
            Value::Items(items) => {
                let items = items.iter().map(|item| declared(item, charset)).collect();
                Element { value: Value::Items(items), ..element.clone() }
            }
            _ => element.clone(),
        });
    }
    out
}

/// One more item of Original Attributes: every element of the object that went or became another, as it was.
fn say_what_was(set: &mut DataSet, before: &DataSet, followed: &[Followed], around: &Around<'_>) {
    // In the character set of the object as it is now, so that only what says something else differs.
    let mut before = before.clone();
    before.set_charset(set.charset());
    let mut was = DataSet::with_charset(set.charset().clone());
    for element in &before {
        let is_text_of_it = element.tag != SPECIFIC_CHARACTER_SET && element.tag.1 != 0;
        if is_text_of_it && set.get(element.tag) != Some(element) && dictionary::vr(element.tag) != VR::OB {
            was.put(element.clone());
        }
    }
    let mut item = DataSet::with_charset(set.charset().clone());
    let names: Vec<String> = followed.iter().map(|f| format!("{} {}", f.rule, f.version)).collect();
    let system: String = format!("{}: {}", around.system, names.join(", ")).chars().take(64).collect();
    item.set_text(tags::SOURCE_OF_PREVIOUS_VALUES, around.ae);
    item.set_text(tags::ATTRIBUTE_MODIFICATION_DATE_TIME, around.now);
    item.set_text(tags::MODIFYING_SYSTEM, &system);
    item.set_text(tags::REASON_FOR_THE_ATTRIBUTE_MODIFICATION, "COERCE");
    item.set_items(tags::MODIFIED_ATTRIBUTES_SEQUENCE, vec![was]);
    let mut items = set.items(tags::ORIGINAL_ATTRIBUTES_SEQUENCE).to_vec();
    items.push(item);
    set.set_items(tags::ORIGINAL_ATTRIBUTES_SEQUENCE, items);
}
