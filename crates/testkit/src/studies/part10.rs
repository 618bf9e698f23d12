//! DICOM files written element by element, explicit VR little endian (PS3.5 section 7.1, PS3.10 section 7).
//!
//! Short on purpose and independent of the product's own writer, so that each can be checked against the other.

use std::collections::BTreeMap;

/// Specific Character Set of the text in a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// ISO 8859-1.
    IsoIr100,
    /// UTF-8.
    IsoIr192,
}

impl Charset {
    pub const fn term(self) -> &'static str {
        match self {
            Charset::IsoIr100 => "ISO_IR 100",
            Charset::IsoIr192 => "ISO_IR 192",
        }
    }

    /// What the set cannot hold becomes `?`.
    pub fn encode(self, text: &str) -> Vec<u8> {
        match self {
            Charset::IsoIr192 => text.as_bytes().to_vec(),
            Charset::IsoIr100 => text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect(),
        }
    }
}

/// (group, element)
pub type Tag = (u16, u16);

/// A data set being built; elements are written in the order of their tags, whatever the order they were put in.
#[derive(Debug, Clone)]
pub struct Elements {
    charset: Charset,
    elements: BTreeMap<Tag, (&'static str, Vec<u8>)>,
}

pub const EXPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1";
/// UUID-derived, of this kit.
const IMPLEMENTATION_CLASS_UID: &str = "2.25.163203410127434936114093170301586224437";
const IMPLEMENTATION_VERSION: &str = "BADIANO_TESTKIT";

impl Elements {
    pub fn new(charset: Charset) -> Elements {
        Elements { charset, elements: BTreeMap::new() }
    }

    /// Any text VR. Several values are parted by `\`.
    pub fn text(&mut self, tag: Tag, vr: &'static str, value: &str) -> &mut Self {
        let encoded = match vr {
            "LO" | "LT" | "PN" | "SH" | "ST" | "UC" | "UT" => self.charset.encode(value),
            _ => value.as_bytes().to_vec(),
        };
        self.bytes(tag, vr, encoded)
    }
    /// Values of US.
    pub fn unsigned(&mut self, tag: Tag, values: &[u16]) -> &mut Self {
        self.bytes(tag, "US", values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }
    /// Values of SS.
    pub fn signed(&mut self, tag: Tag, values: &[i16]) -> &mut Self {
        self.bytes(tag, "SS", values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }
    /// Values of UL.
    pub fn long(&mut self, tag: Tag, value: u32) -> &mut Self {
        self.bytes(tag, "UL", value.to_le_bytes().to_vec())
    }
    /// Values of FD.
    pub fn double(&mut self, tag: Tag, value: f64) -> &mut Self {
        self.bytes(tag, "FD", value.to_le_bytes().to_vec())
    }
    /// A value of AT.
    pub fn tag(&mut self, tag: Tag, value: Tag) -> &mut Self {
        self.bytes(tag, "AT", [value.0.to_le_bytes(), value.1.to_le_bytes()].concat())
    }
    /// The value as it stands; odd lengths are padded.
    pub fn bytes(&mut self, tag: Tag, vr: &'static str, mut value: Vec<u8>) -> &mut Self {
        if value.len() % 2 == 1 {
            value.push(if matches!(vr, "UI" | "OB" | "UN") { 0 } else { b' ' });
        }
        self.elements.insert(tag, (vr, value));
        self
    }
    /// A sequence, items with their lengths.
    pub fn sequence(&mut self, tag: Tag, items: &[Elements]) -> &mut Self {
        let mut value = Vec::new();
        for item in items {
            let encoded = item.encode();
            value.extend_from_slice(&[0xFE, 0xFF, 0x00, 0xE0]);
            value.extend_from_slice(&length(encoded.len()).to_le_bytes());
            value.extend_from_slice(&encoded);
        }
        self.bytes(tag, "SQ", value)
    }
    /// A sequence of one coded concept.
    pub fn coded(&mut self, tag: Tag, code: &str, system: &str, meaning: &str) -> &mut Self {
        let mut item = Elements::new(self.charset);
        item.text((0x0008, 0x0100), "SH", code).text((0x0008, 0x0102), "SH", system).text(
            (0x0008, 0x0104),
            "LO",
            meaning,
        );
        self.sequence(tag, &[item])
    }

    pub fn charset(&self) -> Charset {
        self.charset
    }

    pub fn encode(&self) -> Vec<u8> {
        let size = self.elements.values().map(|(_, v)| v.len() + 12).sum();
        let mut out = Vec::with_capacity(size);
        for ((group, element), (vr, value)) in &self.elements {
            out.extend_from_slice(&group.to_le_bytes());
            out.extend_from_slice(&element.to_le_bytes());
            out.extend_from_slice(vr.as_bytes());
            if matches!(*vr, "OB" | "OW" | "OF" | "OD" | "OL" | "OV" | "SQ" | "UC" | "UN" | "UR" | "UT") {
                out.extend_from_slice(&[0, 0]);
                out.extend_from_slice(&length(value.len()).to_le_bytes());
            } else {
                let short = u16::try_from(value.len()).expect("the builder's short values are below 64 KiB");
                out.extend_from_slice(&short.to_le_bytes());
            }
            out.extend_from_slice(value);
        }
        out
    }

    /// A Part 10 file: preamble, file meta information, data set.
    pub fn file(&self, sop_class: &str, sop_instance: &str) -> Vec<u8> {
        let mut meta = Elements::new(Charset::IsoIr192);
        meta.bytes((0x0002, 0x0001), "OB", vec![0, 1])
            .text((0x0002, 0x0002), "UI", sop_class)
            .text((0x0002, 0x0003), "UI", sop_instance)
            .text((0x0002, 0x0010), "UI", EXPLICIT_VR_LITTLE_ENDIAN)
            .text((0x0002, 0x0012), "UI", IMPLEMENTATION_CLASS_UID)
            .text((0x0002, 0x0013), "SH", IMPLEMENTATION_VERSION);
        let meta = meta.encode();
        let mut group = Elements::new(Charset::IsoIr192);
        group.long((0x0002, 0x0000), length(meta.len()));
        let mut out = vec![0; 128];
        out.extend_from_slice(b"DICM");
        out.extend(group.encode());
        out.extend(meta);
        out.extend(self.encode());
        out
    }
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a synthetic value is below 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_bytes_that_part_10_says() {
        let mut elements = Elements::new(Charset::IsoIr100);
        elements.text((0x0010, 0x0010), "PN", "Muñoz").text((0x0008, 0x0005), "CS", "ISO_IR 100");
        assert_eq!(
            elements.encode(),
            b"\x08\0\x05\0CS\x0a\0ISO_IR 100\x10\0\x10\0PN\x06\0Mu\xf1oz ".to_vec()
        );
        let file = elements.file("1.2.3", "1.2.4");
        assert_eq!(&file[128..136], b"DICM\x02\0\0\0");
        let group_length = u32::from_le_bytes(file[140..144].try_into().expect("four bytes")) as usize;
        assert_eq!(&file[144 + group_length..], elements.encode());
    }

    #[test]
    fn items_of_a_sequence_have_their_lengths() {
        let mut elements = Elements::new(Charset::IsoIr192);
        elements.coded((0x0008, 0x2218), "51185008", "SCT", "Tórax");
        let bytes = elements.encode();
        assert_eq!(&bytes[..8], b"\x08\0\x18\x22SQ\0\0");
        let outer = u32::from_le_bytes(bytes[8..12].try_into().expect("four bytes")) as usize;
        let inner = u32::from_le_bytes(bytes[16..20].try_into().expect("four bytes")) as usize;
        assert_eq!((outer, inner), (bytes.len() - 12, bytes.len() - 20));
    }
}
