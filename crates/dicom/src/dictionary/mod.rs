//! Data elements by tag and keyword, SOP classes and transfer syntaxes by UID (PS3.6).

mod storage;
mod transfer_syntax;

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, DataDictionaryEntryRef, VirtualVr};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::StandardDataDictionary;

pub use storage::STORAGE_SOP_CLASSES;
pub use transfer_syntax::{Coding, TRANSFER_SYNTAXES, TransferSyntax, transfer_syntax, uids};

/// A SOP class of the standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SopClass {
    pub uid: &'static str,
    pub name: &'static str,
    pub retired: bool,
}

/// The storage SOP class with this UID; `None` for private and non-storage classes.
pub fn sop_class(uid: &str) -> Option<&'static SopClass> {
    STORAGE_SOP_CLASSES.iter().find(|class| class.uid == uid)
}

fn entry(tag: Tag) -> Option<&'static DataDictionaryEntryRef<'static>> {
    // `by_tag` borrows the dictionary it is called on; the unit value is a constant.
    const DICTIONARY: &StandardDataDictionary = &StandardDataDictionary;
    // Odd groups are private (PS3.5 7.1): repeating groups such as 60xx and 7Fxx do not reach them.
    if is_private(tag) { None } else { DICTIONARY.by_tag(tag) }
}

/// A private element: its group is odd.
pub fn is_private(tag: Tag) -> bool {
    tag.0 % 2 == 1
}

/// The keyword of PS3.6: `PatientName`. `None` for private and unknown tags.
pub fn keyword(tag: Tag) -> Option<&'static str> {
    entry(tag).map(|e| e.alias()).filter(|k| !matches!(*k, "PrivateCreator" | "GenericGroupLength"))
}

/// The VR that implicit VR reading gives: where PS3.6 offers a choice, `US` for US or SS and `OW` for OB or OW.
/// Unknown tags are `UN`, private creators `LO`, group lengths `UL`.
pub fn vr(tag: Tag) -> VR {
    match tag.1 {
        0 => return VR::UL,
        0x10..=0xFF if is_private(tag) => return VR::LO,
        _ => {}
    }
    entry(tag).map_or(VR::UN, |e| match e.vr() {
        VirtualVr::Exact(vr) => vr,
        other => other.relaxed(),
    })
}

/// Whether the VR is US or SS after Pixel Representation (0028,0103).
pub fn is_us_or_ss(tag: Tag) -> bool {
    entry(tag).is_some_and(|e| e.vr() == VirtualVr::Xs)
}

/// The tag of a keyword of PS3.6, exact in case.
pub fn tag_of(keyword: &str) -> Option<Tag> {
    const DICTIONARY: &StandardDataDictionary = &StandardDataDictionary;
    match keyword {
        "PrivateCreator" | "GenericGroupLength" => None,
        _ => DICTIONARY.by_name(keyword).map(|e| e.tag()),
    }
}

/// A tag as eight hexadecimal digits or as a keyword (PS3.18 8.3.4.1): `00100010`, `PatientName`.
pub fn parse_tag(text: &str) -> Option<Tag> {
    if text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        let number = u32::from_str_radix(text, 16).ok()?;
        return Some(Tag((number >> 16) as u16, (number & 0xFFFF) as u16));
    }
    tag_of(text)
}

/// Eight upper-case hexadecimal digits, the form of the JSON model.
pub fn hex(tag: Tag) -> String {
    format!("{:04X}{:04X}", tag.0, tag.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_keywords_lead_to_each_other() {
        assert_eq!(parse_tag("00100010"), Some(Tag(0x0010, 0x0010)));
        assert_eq!(parse_tag("PatientName"), Some(Tag(0x0010, 0x0010)));
        assert_eq!(keyword(Tag(0x0010, 0x0010)), Some("PatientName"));
        assert_eq!(vr(Tag(0x0010, 0x0010)), VR::PN);
        assert_eq!(vr(Tag(0x0009, 0x0010)), VR::LO);
        assert_eq!(vr(Tag(0x0009, 0x1010)), VR::UN);
        assert_eq!((vr(Tag(0x7FE1, 0x0010)), vr(Tag(0x6002, 0x0010))), (VR::LO, VR::US));
        assert_eq!(keyword(Tag(0x0009, 0x0010)), None);
        assert_eq!(parse_tag("0010001"), None);
        assert_eq!(parse_tag("patientname"), None);
    }

    #[test]
    fn storage_classes_are_named_and_distinct() {
        assert_eq!(sop_class("1.2.840.10008.5.1.4.1.1.2").map(|c| c.name), Some("CT Image Storage"));
        assert!(sop_class("1.2.840.10008.1.1").is_none());
        let mut uids: Vec<_> = STORAGE_SOP_CLASSES.iter().map(|c| c.uid).collect();
        uids.sort_unstable();
        uids.dedup();
        assert_eq!(uids.len(), STORAGE_SOP_CLASSES.len());
    }
}
