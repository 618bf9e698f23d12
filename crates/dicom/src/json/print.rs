//! A data set and its bulk to JSON text (PS3.18 F.2).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dicom_core::{Tag, VR};

use crate::dataset::{DataSet, SPECIFIC_CHARACTER_SET};
use crate::dictionary::hex;
use crate::element::{Element, Value, is_text};
use crate::part10::Bulk;

/// Whole numbers beyond this lose digits in readers that know only binary floating point.
const EXACT_INTEGER_MAX: u64 = (1 << 53) - 1;

/// The object of one data set. Each bulk value stands in its place with the URI that `uri` gives it. Text is UTF-8, so
/// Specific Character Set reads `ISO_IR 192`. Encapsulated fragments that are not bulk have no form here: only their VR.
pub fn print(set: &DataSet, bulk: &[Bulk], uri: &dyn Fn(&Bulk) -> String) -> String {
    let mut out = String::with_capacity(4096);
    let mut path = Vec::new();
    Printer { bulk, uri }.set(&mut out, set, &mut path);
    out
}

/// An array of objects, as answers to queries and metadata requests are.
pub fn print_all(sets: &[DataSet]) -> String {
    let mut out = String::from("[");
    for (index, set) in sets.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&print(set, &[], &|_| String::new()));
    }
    out.push(']');
    out
}

struct Printer<'a> {
    bulk: &'a [Bulk],
    uri: &'a dyn Fn(&Bulk) -> String,
}

impl Printer<'_> {
    fn set(&self, out: &mut String, set: &DataSet, path: &mut Vec<(Tag, usize)>) {
        let mut here: Vec<&Bulk> = self.bulk.iter().filter(|bulk| bulk.path.items == *path).collect();
        here.sort_by_key(|bulk| bulk.path.tag);
        here.dedup_by_key(|bulk| bulk.path.tag);
        let mut here = here.into_iter().peekable();
        out.push('{');
        let mut first = true;
        for element in set {
            if element.tag.1 == 0 {
                continue;
            }
            while let Some(bulk) = here.next_if(|bulk| bulk.path.tag < element.tag) {
                self.bulk(out, bulk, &mut first);
            }
            // A value that was put back counts, not its reference.
            here.next_if(|bulk| bulk.path.tag == element.tag);
            begin(out, element.tag, vr_of(element), &mut first);
            self.value(out, set, element, path);
            out.push('}');
        }
        for bulk in here {
            self.bulk(out, bulk, &mut first);
        }
        out.push('}');
    }

    fn bulk(&self, out: &mut String, bulk: &Bulk, first: &mut bool) {
        begin(out, bulk.path.tag, bulk.vr, first);
        out.push_str(",\"BulkDataURI\":");
        text(out, &(self.uri)(bulk));
        out.push('}');
    }

    fn value(&self, out: &mut String, set: &DataSet, element: &Element, path: &mut Vec<(Tag, usize)>) {
        match &element.value {
            Value::Items(items) if !items.is_empty() => {
                out.push_str(",\"Value\":[");
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    path.push((element.tag, index));
                    self.set(out, item, path);
                    path.pop();
                }
                out.push(']');
            }
            Value::Bytes(bytes) if !bytes.is_empty() => scalars(out, set, element),
            _ => {}
        }
    }
}

fn vr_of(element: &Element) -> VR {
    match element.value {
        Value::Items(_) => VR::SQ,
        _ => element.meaning(),
    }
}

fn begin(out: &mut String, tag: Tag, vr: VR, first: &mut bool) {
    if !std::mem::take(first) {
        out.push(',');
    }
    let _ = write!(out, "\"{}\":{{\"vr\":\"{}\"", hex(tag), vr.to_string());
}

fn scalars(out: &mut String, set: &DataSet, element: &Element) {
    let vr = element.meaning();
    if element.tag == SPECIFIC_CHARACTER_SET {
        out.push_str(",\"Value\":[\"ISO_IR 192\"]");
        return;
    }
    let (values, _) = set.texts_of(element);
    let number = matches!(vr, VR::US | VR::SS | VR::UL | VR::SL | VR::SV | VR::UV | VR::FL | VR::FD | VR::AT);
    if !number && !is_text(vr) {
        out.push_str(",\"InlineBinary\":\"");
        STANDARD.encode_string(element.bytes(), out);
        out.push('"');
        return;
    }
    if values.is_empty() {
        return;
    }
    out.push_str(",\"Value\":[");
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        match vr {
            _ if value.is_empty() => out.push_str("null"),
            VR::PN => person_name(out, value),
            VR::DS | VR::IS | VR::US | VR::SS | VR::UL | VR::SL | VR::FL | VR::FD | VR::SV | VR::UV => {
                match number_text(value) {
                    Some(number) => out.push_str(&number),
                    None => text(out, value),
                }
            }
            _ => text(out, value),
        }
    }
    out.push(']');
}

/// Component groups (F.2.2): alphabetic, ideographic, phonetic.
fn person_name(out: &mut String, value: &str) {
    out.push('{');
    let mut first = true;
    for (name, group) in ["Alphabetic", "Ideographic", "Phonetic"].iter().zip(value.splitn(3, '=')) {
        if group.is_empty() {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.push(',');
        }
        let _ = write!(out, "\"{name}\":");
        text(out, group);
    }
    out.push('}');
}

/// A decimal as a JSON number with the digits that were written; `None` for what is no number, or a whole number whose
/// digits a reader may lose.
fn number_text(value: &str) -> Option<String> {
    let (sign, rest) = match value.as_bytes().first()? {
        b'-' => ("-", &value[1..]),
        b'+' => ("", &value[1..]),
        _ => ("", value),
    };
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let exact = fraction.is_empty() && exponent.is_none();
    if exact && !whole.is_empty() && whole.parse::<u64>().map_or(true, |n| n > EXACT_INTEGER_MAX) {
        return None;
    }
    let mut number = format!("{sign}{}", if whole.is_empty() { "0" } else { whole });
    if !fraction.is_empty() {
        let _ = write!(number, ".{fraction}");
    }
    if let Some(exponent) = exponent {
        let power = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if power.is_empty() || !digits(power) {
            return None;
        }
        let _ = write!(number, "e{exponent}");
    }
    Some(number)
}

pub(super) fn text(out: &mut String, value: &str) {
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
