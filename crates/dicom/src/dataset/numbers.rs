//! Numbers in values, binary and in characters (PS3.5 Table 6.2-1).

use dicom_core::VR;

use crate::element::unit;

/// One binary number.
enum Number {
    Int(i128),
    Single(f32),
    Double(f64),
    Tag(u16, u16),
}

fn numbers(vr: VR, bytes: &[u8]) -> Vec<Number> {
    let size = if vr == VR::AT { 4 } else { unit(vr) };
    let read = |chunk: &[u8]| -> Number {
        // `chunks_exact` gives `size` bytes, and the VR chose `size`.
        let mut wide = [0_u8; 8];
        wide[..chunk.len()].copy_from_slice(chunk);
        let low = u64::from_le_bytes(wide);
        match vr {
            VR::US | VR::OW => Number::Int(i128::from(low as u16)),
            VR::SS => Number::Int(i128::from(low as u16 as i16)),
            VR::UL | VR::OL => Number::Int(i128::from(low as u32)),
            VR::SL => Number::Int(i128::from(low as u32 as i32)),
            VR::SV => Number::Int(i128::from(low as i64)),
            VR::FL | VR::OF => Number::Single(f32::from_bits(low as u32)),
            VR::FD | VR::OD => Number::Double(f64::from_bits(low)),
            VR::AT => Number::Tag(low as u16, (low >> 16) as u16),
            _ => Number::Int(i128::from(low)),
        }
    };
    bytes.chunks_exact(size).map(read).collect()
}

fn is_binary(vr: VR) -> bool {
    matches!(vr, VR::US | VR::SS | VR::UL | VR::SL | VR::SV | VR::UV | VR::FL | VR::FD | VR::AT)
}

/// Each number in decimal (with an exponent where it is very large or small), each tag in hexadecimal; nothing for values of bytes.
pub(super) fn texts(vr: VR, bytes: &[u8]) -> Vec<String> {
    if !is_binary(vr) {
        return Vec::new();
    }
    let text = |number| match number {
        Number::Int(n) => n.to_string(),
        Number::Single(n) => format!("{n:?}").trim_end_matches(".0").to_owned(),
        Number::Double(n) => format!("{n:?}").trim_end_matches(".0").to_owned(),
        Number::Tag(group, element) => format!("{group:04X}{element:04X}"),
    };
    numbers(vr, bytes).into_iter().map(text).collect()
}

/// The bytes of numbers given in characters; `None` for a VR that is not binary or text that is no such number.
pub(super) fn bytes(vr: VR, text: &str) -> Option<Vec<u8>> {
    if !is_binary(vr) {
        return None;
    }
    let mut bytes = Vec::new();
    for value in text.split('\\').map(str::trim).filter(|value| !value.is_empty()) {
        match vr {
            VR::US => bytes.extend(value.parse::<u16>().ok()?.to_le_bytes()),
            VR::SS => bytes.extend(value.parse::<i16>().ok()?.to_le_bytes()),
            VR::UL => bytes.extend(value.parse::<u32>().ok()?.to_le_bytes()),
            VR::SL => bytes.extend(value.parse::<i32>().ok()?.to_le_bytes()),
            VR::UV => bytes.extend(value.parse::<u64>().ok()?.to_le_bytes()),
            VR::SV => bytes.extend(value.parse::<i64>().ok()?.to_le_bytes()),
            VR::FL => bytes.extend(value.parse::<f32>().ok()?.to_le_bytes()),
            VR::FD => bytes.extend(value.parse::<f64>().ok()?.to_le_bytes()),
            _ => {
                let number = u32::from_str_radix(value, 16).ok().filter(|_| value.len() == 8)?;
                bytes.extend(((number >> 16) as u16).to_le_bytes());
                bytes.extend(((number & 0xFFFF) as u16).to_le_bytes());
            }
        }
    }
    Some(bytes)
}

pub(super) fn ints(vr: VR, bytes: &[u8]) -> Vec<i64> {
    match vr {
        VR::IS | VR::DS => values(bytes)
            .filter_map(|value| {
                value.strip_prefix('+').unwrap_or(value).parse().ok().or_else(|| {
                    // `512.0` stands in IS of real files.
                    value.parse::<f64>().ok().filter(|n| n.fract() == 0.0 && n.abs() < 9e15).map(|n| n as i64)
                })
            })
            .collect(),
        vr if is_binary(vr) || matches!(vr, VR::OW | VR::OL | VR::OV) => numbers(vr, bytes)
            .into_iter()
            .filter_map(|number| match number {
                Number::Int(n) => i64::try_from(n).ok(),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

pub(super) fn floats(vr: VR, bytes: &[u8]) -> Vec<f64> {
    match vr {
        VR::IS | VR::DS => {
            values(bytes).filter_map(|value| value.parse::<f64>().ok().filter(|n| n.is_finite())).collect()
        }
        vr if is_binary(vr) || matches!(vr, VR::OW | VR::OF | VR::OD | VR::OL | VR::OV) => numbers(vr, bytes)
            .into_iter()
            .filter_map(|number| match number {
                Number::Int(n) => Some(n as f64),
                Number::Single(n) => Some(f64::from(n)),
                Number::Double(n) => Some(n),
                Number::Tag(..) => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn values(bytes: &[u8]) -> impl Iterator<Item = &str> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    text.split('\\').map(|value| value.trim_matches(['\0', ' ']))
}
