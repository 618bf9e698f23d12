//! Attributes that take part in matching: their level, their bytes in a row, their folded forms (PS3.4 C.6.1.1, C.2.2.2).

use badiano_dicom::query::Level;
use badiano_kernel::Fault;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Attributes by which studies are found without walking through them.
pub(super) const INDEXED: [u32; 8] = [
    0x0010_0010, // Patient's Name
    0x0010_0020, // Patient ID
    0x0008_0050, // Accession Number
    0x0008_0060, // Modality
    0x0008_0090, // Referring Physician's Name
    0x0008_1030, // Study Description
    0x0020_0010, // Study ID
    0x0040_0253, // Performed Procedure Step ID
];

/// Attributes of the study outside the patient's group.
const STUDY_TAGS: [u32; 16] = [
    0x0008_0020, // Study Date
    0x0008_0030, // Study Time
    0x0008_0050, // Accession Number
    0x0008_0051, // Issuer of Accession Number Sequence
    0x0008_0090, // Referring Physician's Name
    0x0008_0201, // Timezone Offset From UTC
    0x0008_1030, // Study Description
    0x0008_1032, // Procedure Code Sequence
    0x0008_1048, // Physician(s) of Record
    0x0008_1060, // Name of Physician(s) Reading Study
    0x0008_1080, // Admitting Diagnoses Description
    0x0020_000D, // Study Instance UID
    0x0020_0010, // Study ID
    0x0032_1032, // Requesting Physician
    0x0032_1060, // Requested Procedure Description
    0x0032_4000, // Study Comments
];

const SERIES_TAGS: [u32; 26] = [
    0x0008_0021, // Series Date
    0x0008_0031, // Series Time
    0x0008_0060, // Modality
    0x0008_0068, // Presentation Intent Type
    0x0008_0070, // Manufacturer
    0x0008_0080, // Institution Name
    0x0008_1010, // Station Name
    0x0008_103E, // Series Description
    0x0008_103F, // Series Description Code Sequence
    0x0008_1040, // Institutional Department Name
    0x0008_1050, // Performing Physician's Name
    0x0008_1070, // Operators' Name
    0x0008_1090, // Manufacturer's Model Name
    0x0018_0015, // Body Part Examined
    0x0018_1030, // Protocol Name
    0x0018_5100, // Patient Position
    0x0020_000E, // Series Instance UID
    0x0020_0011, // Series Number
    0x0020_0052, // Frame of Reference UID
    0x0020_0060, // Laterality
    0x0040_0244, // Performed Procedure Step Start Date
    0x0040_0245, // Performed Procedure Step Start Time
    0x0040_0253, // Performed Procedure Step ID
    0x0040_0254, // Performed Procedure Step Description
    0x0040_0275, // Request Attributes Sequence
    0x0040_1001, // Requested Procedure ID
];

/// Person names (VR PN).
const NAME_TAGS: [u32; 8] =
    [0x0008_0090, 0x0008_1048, 0x0008_1050, 0x0008_1060, 0x0008_1070, 0x0010_0010, 0x0010_1001, 0x0032_1032];

/// Free descriptions: compared without regard to case and accents, as names are.
const DESCRIPTION_TAGS: [u32; 4] = [0x0008_1030, 0x0008_103E, 0x0018_1030, 0x0040_0254];

pub(crate) fn level_of(tag: u32) -> Level {
    if tag >> 16 == 0x0010 || STUDY_TAGS.contains(&tag) {
        Level::Study
    } else if SERIES_TAGS.contains(&tag) {
        Level::Series
    } else {
        Level::Instance
    }
}

pub(super) fn is_name(tag: u32) -> bool {
    NAME_TAGS.contains(&tag)
}

/// Attributes of the study (the patient's too), of the series and of the instance, each in the order of the tags.
pub(super) fn split_by_level(attributes: &[(u32, String)]) -> [Vec<(u32, String)>; 3] {
    let mut split = [Vec::new(), Vec::new(), Vec::new()];
    for attribute in attributes {
        let at = match level_of(attribute.0) {
            Level::Patient | Level::Study => 0,
            Level::Series => 1,
            Level::Instance => 2,
        };
        split[at].push(attribute.clone());
    }
    split.iter_mut().for_each(|part| part.sort());
    split
}

pub(super) fn value(attributes: &[(u32, String)], tag: u32) -> Option<&str> {
    attributes.iter().find(|(t, _)| *t == tag).map(|(_, v)| v.as_str())
}

/// Fills gaps: an attribute that was not there or empty. The answer says whether anything was gained.
pub(super) fn merge(all: &mut Vec<(u32, String)>, more: &[(u32, String)]) -> bool {
    let mut gained = false;
    for (tag, text) in more.iter().filter(|(_, text)| !text.is_empty()) {
        match all.iter_mut().find(|(t, _)| t == tag) {
            Some((_, old)) if old.is_empty() => old.clone_from(text),
            Some(_) => continue,
            None => all.push((*tag, text.clone())),
        }
        gained = true;
    }
    all.sort();
    gained
}

/// Lower case, no accents, white space and empty name components collapsed: `MUÑOZ^José^` is `munoz^jose`.
pub fn fold_name(text: &str) -> String {
    let plain: String = text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    words.join(" ").trim_end_matches('^').to_owned()
}

/// The words of a name, folded: of every component and group.
pub(super) fn words(name: &str) -> Vec<String> {
    let folded = fold_name(name);
    folded.split(['^', '=', ' ', ',', '-', '\\']).filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

/// A value in the form in which it is compared.
pub(super) fn fold(tag: u32, text: &str) -> String {
    if is_name(tag) || DESCRIPTION_TAGS.contains(&tag) {
        fold_name(text)
    } else {
        text.trim_matches([' ', '\0']).to_owned()
    }
}

/// Every form under which a value is found: each of several values, each group of a name.
pub(super) fn folded_forms(tag: u32, text: &str) -> Vec<String> {
    let mut forms: Vec<String> = Vec::new();
    for one in text.split('\\') {
        if is_name(tag) {
            forms.extend(one.split('=').map(|group| fold(tag, group)));
        } else {
            forms.push(fold(tag, one));
        }
    }
    forms.retain(|f| !f.is_empty());
    forms.sort();
    forms.dedup();
    forms
}

fn put_number(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(u8::try_from(n & 0x7f).unwrap_or(0) | 0x80);
        n >>= 7;
    }
    out.push(u8::try_from(n).unwrap_or(0));
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut n = 0u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        n |= u64::from(first & 0x7f) << shift;
        if *first < 0x80 {
            return Some(n);
        }
    }
    None
}

pub(super) fn encode(attributes: &[(u32, String)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (tag, text) in attributes {
        out.extend_from_slice(&tag.to_le_bytes());
        put_number(&mut out, text.len() as u64);
        out.extend_from_slice(text.as_bytes());
    }
    out
}

pub(super) fn decode(mut bytes: &[u8]) -> Result<Vec<(u32, String)>, Fault> {
    fn one(bytes: &mut &[u8]) -> Option<(u32, String)> {
        let (tag, rest) = bytes.split_first_chunk::<4>()?;
        *bytes = rest;
        let length = usize::try_from(take_number(bytes)?).ok()?;
        let (text, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        Some((u32::from_le_bytes(*tag), String::from_utf8(text.to_vec()).ok()?))
    }
    let mut all = Vec::new();
    while !bytes.is_empty() {
        all.push(one(&mut bytes).ok_or_else(|| Fault::unavailable("stored attributes are damaged"))?);
    }
    Ok(all)
}

/// Frames follow each other with small gaps, so gap and length are written, not offsets.
pub(super) fn encode_frames(frames: &[(u64, u64)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0u64;
    for (offset, length) in frames {
        put_number(&mut out, offset.wrapping_sub(at));
        put_number(&mut out, *length);
        at = offset.wrapping_add(*length);
    }
    out
}

pub(super) fn decode_frames(mut bytes: &[u8]) -> Result<Vec<(u64, u64)>, Fault> {
    let mut frames = Vec::new();
    let mut at = 0u64;
    while !bytes.is_empty() {
        let read = take_number(&mut bytes).zip(take_number(&mut bytes));
        let (gap, length) = read.ok_or_else(|| Fault::unavailable("stored frame offsets are damaged"))?;
        let offset = at.wrapping_add(gap);
        frames.push((offset, length));
        at = offset.wrapping_add(length);
    }
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_folds_to_lower_case_without_accents() {
        assert_eq!(fold_name("MUÑOZ  Güemes^José María^^"), "munoz guemes^jose maria");
        assert_eq!(folded_forms(0x0010_0010, "Yamada^Tarou=山田^太郎"), ["yamada^tarou", "山田^太郎"]);
    }

    #[test]
    fn attributes_and_frames_come_back_from_their_bytes() {
        let attributes = vec![(0x0010_0010, "Muñoz^José".to_owned()), (0x0020_0013, String::new())];
        assert_eq!(decode(&encode(&attributes)).expect("they were just written"), attributes);
        let frames = vec![(1_000, 500), (1_508, 500), (10, 5)];
        assert_eq!(decode_frames(&encode_frames(&frames)).expect("they were just written"), frames);
        assert!(decode(&[1, 2, 3]).is_err());
        assert!(decode_frames(&[0x80]).is_err());
    }
}
