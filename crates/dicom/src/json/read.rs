//! JSON text to data sets (PS3.18 F.2); bulk data stay references for the caller to fetch.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dicom_core::VR;

use super::syntax::{Json, JsonError, JsonErrorKind, read};
use crate::charset::Charset;
use crate::dataset::{DataSet, SPECIFIC_CHARACTER_SET, TagPath};
use crate::dictionary;
use crate::element::is_text;
use crate::part10::DEPTH_MAX;

/// A value that stands elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkReference {
    pub path: TagPath,
    pub vr: VR,
    pub uri: String,
}

/// One object of the JSON text.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// Text is in UTF-8 and (0008,0005) says so, whatever the JSON said of it.
    pub dataset: DataSet,
    pub bulk: Vec<BulkReference>,
}

type Result<T> = std::result::Result<T, JsonError>;

/// Reads one object or an array of objects.
pub fn parse(text: &[u8]) -> Result<Vec<Parsed>> {
    match read(text)? {
        Json::Array(sets) => sets.iter().map(from_tree).collect(),
        set => Ok(vec![from_tree(&set)?]),
    }
}

/// One object of the model.
pub(super) fn from_tree(json: &Json) -> Result<Parsed> {
    let mut reader = Reader { bulk: Vec::new(), path: Vec::new() };
    let mut dataset = reader.set(json)?;
    if !dataset.is_empty() {
        dataset.set_bytes(SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192");
    }
    Ok(Parsed { dataset, bulk: reader.bulk })
}

struct Reader {
    bulk: Vec<BulkReference>,
    path: Vec<(crate::Tag, usize)>,
}

impl Reader {
    fn bad(&self, what: &'static str, name: &str) -> JsonError {
        // Names are attribute tags: no patient data. What is no tag is not repeated.
        let name = if name.len() == 8 && name.bytes().all(|b| b.is_ascii_hexdigit()) {
            name
        } else {
            "an attribute"
        };
        let mut place: String =
            self.path.iter().map(|(tag, item)| format!("{}/{item}/", dictionary::hex(*tag))).collect();
        place.push_str(name);
        JsonError { kind: JsonErrorKind::Model(what), position: 0, place }
    }

    fn set(&mut self, json: &Json) -> Result<DataSet> {
        let Json::Object(members) = json else { return Err(self.bad("a data set is an object", "")) };
        if self.path.len() > DEPTH_MAX {
            return Err(self.bad("sequences are nested too deep", ""));
        }
        let mut set = DataSet::with_charset(Charset::utf8());
        for (name, value) in members {
            self.element(&mut set, name, value)?;
        }
        Ok(set)
    }

    fn element(&mut self, set: &mut DataSet, name: &str, json: &Json) -> Result<()> {
        let tag = Some(name)
            .filter(|name| name.len() == 8)
            .and_then(dictionary::parse_tag)
            .ok_or_else(|| self.bad("an attribute is named by eight hexadecimal digits", name))?;
        let Json::Object(members) = json else { return Err(self.bad("an attribute is an object", name)) };
        let member = |key: &str| members.iter().find(|(name, _)| name == key).map(|(_, value)| value);
        let vr = match member("vr") {
            Some(Json::Text(vr)) => {
                let vr = <[u8; 2]>::try_from(vr.as_bytes()).ok().and_then(VR::from_binary);
                vr.ok_or_else(|| self.bad("vr is no value representation", name))?
            }
            None => dictionary::vr(tag),
            Some(_) => return Err(self.bad("vr is a string", name)),
        };
        if tag == SPECIFIC_CHARACTER_SET || tag.1 == 0 {
            return Ok(());
        }
        match (member("Value"), member("InlineBinary"), member("BulkDataURI")) {
            (Some(Json::Array(values)), None, None) if vr == VR::SQ => {
                let mut items = Vec::with_capacity(values.len());
                for (index, value) in values.iter().enumerate() {
                    self.path.push((tag, index));
                    items.push(match value {
                        Json::Null => DataSet::with_charset(Charset::utf8()),
                        value => self.set(value)?,
                    });
                    self.path.pop();
                }
                set.set_items(tag, items);
            }
            (Some(Json::Array(values)), None, None) => {
                let text = self.values(vr, values, name)?;
                if !is_text(vr) && !is_number(vr) {
                    return Err(self.bad("binary values stand in InlineBinary or BulkDataURI", name));
                }
                if is_number(vr) {
                    let bytes = DataSet::number_bytes(vr, &text)
                        .ok_or_else(|| self.bad("a value is no number of its value representation", name))?;
                    set.set_bytes(tag, vr, bytes);
                } else {
                    set.set_text_as(tag, vr, &text);
                }
            }
            (None, Some(Json::Text(base64)), None) => {
                let bytes =
                    STANDARD.decode(base64).map_err(|_| self.bad("InlineBinary is no base64", name))?;
                set.set_bytes(tag, vr, bytes);
            }
            (None, None, Some(Json::Text(uri))) => {
                let path = TagPath { items: self.path.clone(), tag };
                self.bulk.push(BulkReference { path, vr, uri: uri.clone() });
            }
            (None, None, None) if vr == VR::SQ => set.set_items(tag, Vec::new()),
            (None, None, None) => set.set_bytes(tag, vr, []),
            _ => return Err(self.bad("an attribute has one of Value, InlineBinary and BulkDataURI", name)),
        }
        Ok(())
    }

    /// The values as they stand in a data set, parted by backslashes.
    fn values(&self, vr: VR, values: &[Json], name: &str) -> Result<String> {
        let mut texts = Vec::with_capacity(values.len());
        for value in values {
            texts.push(match value {
                Json::Null => String::new(),
                Json::Text(text) if vr != VR::PN => text.clone(),
                Json::Number(number) if matches!(vr, VR::IS | VR::DS) || is_number(vr) => number.clone(),
                Json::Object(groups) if vr == VR::PN => self.person_name(groups, name)?,
                // Met in the wild, and clear.
                Json::Text(text) => text.clone(),
                _ => return Err(self.bad("a value is not of its value representation", name)),
            });
        }
        let single = crate::element::is_single_text(vr);
        if !single && texts.iter().any(|text| text.contains('\\')) {
            return Err(self.bad("a value holds a backslash", name));
        }
        if single && texts.len() > 1 {
            return Err(self.bad("this value representation has one value", name));
        }
        Ok(texts.join("\\"))
    }

    fn person_name(&self, groups: &[(String, Json)], name: &str) -> Result<String> {
        let mut parts = [""; 3];
        for (key, value) in groups {
            let at = ["Alphabetic", "Ideographic", "Phonetic"].iter().position(|group| group == key);
            match (at, value) {
                (Some(at), Json::Text(text)) => parts[at] = text,
                (Some(_), Json::Null) => {}
                _ => return Err(self.bad("a person name has Alphabetic, Ideographic and Phonetic", name)),
            }
        }
        Ok(parts.join("=").trim_end_matches('=').to_owned())
    }
}

fn is_number(vr: VR) -> bool {
    matches!(vr, VR::US | VR::SS | VR::UL | VR::SL | VR::SV | VR::UV | VR::FL | VR::FD | VR::AT)
}
