//! One data element: tag, value representation and value (PS3.5 sections 6.2 and 7).

use dicom_core::{Tag, VR};

use crate::dataset::DataSet;
use crate::dictionary;

/// The value of an element. Bytes are as they stand in a little-endian data set, whatever the source was.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Bytes(Box<[u8]>),
    Items(Vec<DataSet>),
    /// Encapsulated pixel data: the Basic Offset Table first, then the fragments (PS3.5 A.4).
    Fragments(Vec<Box<[u8]>>),
}

/// One data element.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    pub tag: Tag,
    pub vr: VR,
    pub value: Value,
}

impl Element {
    /// An element without a value: what a key is answered with that nothing is known of.
    pub fn empty(tag: Tag, vr: VR) -> Element {
        let value = if vr == VR::SQ { Value::Items(Vec::new()) } else { Value::Bytes(Box::default()) };
        Element { tag, vr, value }
    }

    /// The value bytes; empty for sequences and fragments.
    pub fn bytes(&self) -> &[u8] {
        match &self.value {
            Value::Bytes(bytes) => bytes,
            _ => &[],
        }
    }

    pub fn items(&self) -> &[DataSet] {
        match &self.value {
            Value::Items(items) => items,
            _ => &[],
        }
    }

    /// The VR to read the value by: that of the dictionary where a public element came as UN.
    pub fn meaning(&self) -> VR {
        match (self.vr, &self.value) {
            (VR::UN, Value::Bytes(_)) => match dictionary::vr(self.tag) {
                VR::SQ => VR::UN,
                vr => vr,
            },
            (vr, _) => vr,
        }
    }

    /// No value bytes, no items, no fragments.
    pub fn is_empty(&self) -> bool {
        match &self.value {
            Value::Bytes(bytes) => bytes.is_empty(),
            Value::Items(items) => items.is_empty(),
            Value::Fragments(fragments) => fragments.is_empty(),
        }
    }
}

/// Characters under Specific Character Set (PS3.5 6.1.2.2).
pub fn has_charset(vr: VR) -> bool {
    matches!(vr, VR::SH | VR::LO | VR::ST | VR::PN | VR::LT | VR::UC | VR::UT)
}

/// A value of characters.
pub fn is_text(vr: VR) -> bool {
    has_charset(vr)
        || matches!(
            vr,
            VR::AE | VR::AS | VR::CS | VR::DA | VR::DS | VR::DT | VR::IS | VR::TM | VR::UI | VR::UR
        )
}

/// Text that is one value whatever it holds: a backslash is a character, leading spaces count.
pub fn is_single_text(vr: VR) -> bool {
    matches!(vr, VR::ST | VR::LT | VR::UT | VR::UR)
}

/// Bytes of one number, the unit in which byte order turns; 1 for text and bytes.
pub fn unit(vr: VR) -> usize {
    match vr {
        VR::US | VR::SS | VR::OW | VR::AT => 2,
        VR::UL | VR::SL | VR::FL | VR::OF | VR::OL => 4,
        VR::FD | VR::OD | VR::SV | VR::UV | VR::OV => 8,
        _ => 1,
    }
}

/// Explicit VR encodings give these a length of 32 bits (PS3.5 7.1.2).
pub fn has_long_length(vr: VR) -> bool {
    matches!(
        vr,
        VR::OB
            | VR::OD
            | VR::OF
            | VR::OL
            | VR::OV
            | VR::OW
            | VR::SQ
            | VR::UC
            | VR::UN
            | VR::UR
            | VR::UT
            | VR::SV
            | VR::UV
    )
}

/// The byte that makes a value even: NUL for UIDs and bytes, space for text.
pub fn padding(vr: VR) -> u8 {
    if is_text(vr) && vr != VR::UI { b' ' } else { 0 }
}

/// Turns the byte order of a value in place.
pub fn swap(vr: VR, bytes: &mut [u8]) {
    let unit = unit(vr);
    if unit > 1 {
        bytes.chunks_exact_mut(unit).for_each(<[u8]>::reverse);
    }
}
