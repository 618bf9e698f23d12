//! The File Meta Information, group 0002 (PS3.10 section 7.1).

use dicom_core::VR;

use crate::dataset::DataSet;
use crate::dictionary::Coding;
use crate::element;
use crate::tags;

/// 128 bytes and `DICM`.
pub(super) const PREAMBLE_LENGTH: usize = 132;
/// Who writes our files and speaks in our associations (PS3.7 D.3.3.2); a UUID-derived UID.
pub const IMPLEMENTATION_CLASS_UID: &str = "2.25.163793556976672594178047959259702969234";
pub const IMPLEMENTATION_VERSION_NAME: &str = "BADIANO_0_1";

/// What group 0002 says; empty where it does not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileMeta {
    pub sop_class: String,
    pub sop_instance: String,
    pub transfer_syntax: String,
    pub implementation_class: String,
    pub implementation_version: String,
    pub source_aet: String,
    /// All of group 0002.
    pub dataset: DataSet,
}

impl FileMeta {
    pub(super) fn of(set: &DataSet) -> FileMeta {
        let text = |tag| set.text(tag).unwrap_or_default();
        FileMeta {
            sop_class: text(tags::MEDIA_STORAGE_SOP_CLASS_UID),
            sop_instance: text(tags::MEDIA_STORAGE_SOP_INSTANCE_UID),
            transfer_syntax: text(tags::TRANSFER_SYNTAX_UID),
            implementation_class: text(tags::IMPLEMENTATION_CLASS_UID),
            implementation_version: text(tags::IMPLEMENTATION_VERSION_NAME),
            source_aet: text(tags::SOURCE_APPLICATION_ENTITY_TITLE),
            dataset: set.clone(),
        }
    }
}

/// Where the data set of a Part 10 file begins, told from its first bytes: behind the last element of group 0002, which is
/// explicit VR little endian whatever follows. `None` when the bytes end before that.
pub fn data_set_start(file: &[u8]) -> Option<u64> {
    if file.get(128..PREAMBLE_LENGTH)? != b"DICM" {
        return None;
    }
    let mut at = PREAMBLE_LENGTH;
    loop {
        // A file may consist of nothing but group 0002.
        let Some(tag) = file.get(at..at + 4) else { return (at == file.len()).then_some(at as u64) };
        if tag[..2] != [2, 0] {
            return Some(at as u64);
        }
        let vr = VR::from_binary([*file.get(at + 4)?, *file.get(at + 5)?])?;
        let length = if element::has_long_length(vr) {
            let bytes = file.get(at + 8..at + 12)?;
            at += 12;
            u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize
        } else {
            let bytes = file.get(at + 6..at + 8)?;
            at += 8;
            usize::from(u16::from_le_bytes([bytes[0], bytes[1]]))
        };
        at = at.checked_add(length)?;
    }
}

/// Preamble, `DICM` and group 0002 for an object that came over the network: what precedes its bytes in storage.
pub fn write_file_meta(
    sop_class: &str,
    sop_instance: &str,
    transfer_syntax: &str,
    source_aet: &str,
) -> Vec<u8> {
    let mut set = DataSet::new();
    set.set_bytes(tags::FILE_META_INFORMATION_VERSION, VR::OB, [0, 1]);
    set.set_text(tags::MEDIA_STORAGE_SOP_CLASS_UID, sop_class);
    set.set_text(tags::MEDIA_STORAGE_SOP_INSTANCE_UID, sop_instance);
    set.set_text(tags::TRANSFER_SYNTAX_UID, transfer_syntax);
    set.set_text(tags::IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_CLASS_UID);
    set.set_text(tags::IMPLEMENTATION_VERSION_NAME, IMPLEMENTATION_VERSION_NAME);
    if !source_aet.is_empty() {
        set.set_text(tags::SOURCE_APPLICATION_ENTITY_TITLE, source_aet);
    }
    let group = set.write(Coding::ExplicitLittle);
    let length = u32::try_from(group.len()).expect("a few UIDs are far below 4 GiB");
    let mut length_element = DataSet::new();
    length_element.set_bytes(tags::FILE_META_INFORMATION_GROUP_LENGTH, VR::UL, length.to_le_bytes());
    let mut file = vec![0_u8; 128];
    file.extend_from_slice(b"DICM");
    file.extend(length_element.write(Coding::ExplicitLittle));
    file.extend(group);
    file
}
