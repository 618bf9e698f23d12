//! Writing a data set, explicit or implicit VR little endian (PS3.5 section 7.1, Annex A).

use std::io::Write as _;

use dicom_core::{Tag, VR};

use super::DataSet;
use crate::dictionary::Coding;
use crate::element::{Element, Value, has_long_length, padding, swap};

const UNDEFINED: u32 = 0xFFFF_FFFF;

impl DataSet {
    /// The encoded data set; sequences and items with their lengths, values of odd length padded. Group lengths are
    /// left out (retired), except those of groups 0000 and 0002 as they stand.
    pub fn write(&self, coding: Coding) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        match coding {
            Coding::DeflatedLittle => {
                self.write_to(&mut out, Coding::ExplicitLittle);
                let level = flate2::Compression::default();
                let mut deflater = flate2::write::DeflateEncoder::new(Vec::new(), level);
                deflater.write_all(&out).expect("writing to memory does not fail");
                out = deflater.finish().expect("writing to memory does not fail");
                if out.len() % 2 == 1 {
                    out.push(0);
                }
            }
            coding => self.write_to(&mut out, coding),
        }
        out
    }

    fn write_to(&self, out: &mut Vec<u8>, coding: Coding) {
        for element in self {
            if element.tag.1 == 0 && element.tag.0 > 2 {
                continue;
            }
            write_element(element, out, coding);
        }
    }
}

pub(crate) fn write_element(element: &Element, out: &mut Vec<u8>, coding: Coding) {
    match &element.value {
        Value::Bytes(bytes) => {
            let odd = bytes.len() % 2;
            header(out, element.tag, element.vr, bytes.len() + odd, coding);
            let start = out.len();
            out.extend_from_slice(bytes);
            if coding == Coding::ExplicitBig {
                swap(element.vr, &mut out[start..]);
            }
            if odd == 1 {
                out.push(padding(element.vr));
            }
        }
        Value::Items(items) => {
            header(out, element.tag, VR::SQ, 0, coding);
            let start = out.len();
            for item in items {
                item_header(out, Tag(0xFFFE, 0xE000), 0, coding);
                let at = out.len();
                item.write_to(out, coding);
                patch(out, at, coding);
            }
            patch(out, start, coding);
        }
        Value::Fragments(fragments) => {
            header(out, element.tag, element.vr, UNDEFINED as usize, coding);
            for fragment in fragments {
                let odd = fragment.len() % 2;
                item_header(out, Tag(0xFFFE, 0xE000), length32(fragment.len() + odd), coding);
                out.extend_from_slice(fragment);
                out.extend(std::iter::repeat_n(0, odd));
            }
            item_header(out, Tag(0xFFFE, 0xE0DD), 0, coding);
        }
    }
}

/// Lengths of data sets in memory are below 2^32; should one not be, an undefined length is the only true one.
fn length32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(UNDEFINED)
}

fn word(out: &mut Vec<u8>, value: u16, coding: Coding) {
    match coding {
        Coding::ExplicitBig => out.extend(value.to_be_bytes()),
        _ => out.extend(value.to_le_bytes()),
    }
}

fn long(value: u32, coding: Coding) -> [u8; 4] {
    match coding {
        Coding::ExplicitBig => value.to_be_bytes(),
        _ => value.to_le_bytes(),
    }
}

pub(crate) fn item_header(out: &mut Vec<u8>, tag: Tag, length: u32, coding: Coding) {
    word(out, tag.0, coding);
    word(out, tag.1, coding);
    out.extend(long(length, coding));
}

/// Writes the length of what was written since `start` into the four bytes before it.
fn patch(out: &mut [u8], start: usize, coding: Coding) {
    let length = long(length32(out.len() - start), coding);
    out[start - 4..start].copy_from_slice(&length);
}

pub(crate) fn header(out: &mut Vec<u8>, tag: Tag, vr: VR, length: usize, coding: Coding) {
    word(out, tag.0, coding);
    word(out, tag.1, coding);
    if coding == Coding::ImplicitLittle {
        out.extend(long(length32(length), coding));
        return;
    }
    // A short VR whose value outgrew 16 bits is written as UN (PS3.5 6.2.2).
    let short = u16::try_from(length).ok().filter(|_| !has_long_length(vr));
    match short {
        Some(length) => {
            out.extend(vr.to_bytes());
            word(out, length, coding);
        }
        None => {
            out.extend(if has_long_length(vr) { vr.to_bytes() } else { *b"UN" });
            out.extend([0, 0]);
            out.extend(long(length32(length), coding));
        }
    }
}
