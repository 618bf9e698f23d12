//! Samples to the grey or colour that is shown: modality, VOI, polarity, size (PS3.4 N.2, PS3.18 8.3.5.1).

use super::decode::Frame;
use super::info::{ImageInfo, Photometric};
use super::lut::Window;
use super::scale;

/// A table over stored values is made up to this many of them.
const TABLE_MAX: i64 = 1 << 17;

/// How a frame is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct View {
    /// In place of the image's own windows and look-up tables; for grey images.
    pub window: Option<Window>,
    /// Width and height to fit into, the shape kept.
    pub viewport: Option<(u32, u32)>,
}

/// Pixels of 8 bits, one sample (grey) or three (RGB) each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub width: usize,
    pub height: usize,
    pub samples: usize,
    pub data: Vec<u8>,
}

/// Shows a decoded frame. The first window of the image is taken, then its first VOI LUT, then the frame's own least and
/// greatest value, padding left out.
pub fn render(info: &ImageInfo, frame: &Frame, view: &View) -> Rendered {
    let (samples, data) = match frame {
        Frame::Rgb(data) => (3, data.clone()),
        Frame::Grey { values, signed } => (1, grey(info, values, *signed, view.window)),
    };
    let rendered = Rendered { width: info.columns, height: info.rows, samples, data };
    match view.viewport {
        Some((width, height)) => scale::fit(&rendered, width, height),
        None => rendered,
    }
}

enum Voi<'a> {
    Window(Window),
    Lut(&'a super::Lut),
    /// From the least to the greatest value.
    Span(f64, f64),
}

fn grey(info: &ImageInfo, values: &[u32], signed: bool, asked: Option<Window>) -> Vec<u8> {
    let stored = values.iter().map(|raw| Frame::value(*raw, signed));
    let (least, greatest) = stored.clone().fold((i64::MAX, i64::MIN), |(l, g), v| (l.min(v), g.max(v)));
    let voi = match (asked.or(info.windows.first().copied()), info.voi_luts.first()) {
        (Some(window), _) => Voi::Window(window),
        (None, Some(lut)) if asked.is_none() => Voi::Lut(lut),
        _ => span(info, stored.clone()),
    };
    let inverse = (info.photometric == Photometric::Monochrome1) != info.inverse;
    let shade = |value: i64| -> u8 {
        let value = info.modality.apply(value);
        let level = match &voi {
            Voi::Window(window) => window.apply(value),
            Voi::Lut(lut) => f64::from(lut.at(value.round() as i64)) / f64::from((1_u32 << lut.bits) - 1),
            Voi::Span(low, high) if high > low => (value - low) / (high - low),
            // One value only: black below, nothing above.
            Voi::Span(..) => 0.0,
        };
        let level = level.clamp(0.0, 1.0);
        ((if inverse { 1.0 - level } else { level }) * 255.0).round() as u8
    };
    if greatest.saturating_sub(least) >= TABLE_MAX {
        return stored.map(shade).collect();
    }
    let table: Vec<u8> = (least..=greatest).map(shade).collect();
    // `least <= value <= greatest` by the fold above.
    stored.map(|value| table.get((value - least) as usize).copied().unwrap_or(0)).collect()
}

fn span(info: &ImageInfo, stored: impl Iterator<Item = i64>) -> Voi<'_> {
    let (least, greatest) = stored
        .filter(|value| info.padding.is_none_or(|(low, high)| *value < low || *value > high))
        .fold((i64::MAX, i64::MIN), |(l, g), v| (l.min(v), g.max(v)));
    if least > greatest {
        return Voi::Span(0.0, 0.0);
    }
    // A look-up table or a negative slope may turn the order.
    match &info.modality {
        super::Modality::Rescale { .. } => {
            let (a, b) = (info.modality.apply(least), info.modality.apply(greatest));
            Voi::Span(a.min(b), a.max(b))
        }
        super::Modality::Lut(lut) => {
            let entries = (least.max(lut.first)..=greatest.min(lut.first + lut.entries.len() as i64))
                .map(|v| lut.at(v));
            let ends = [lut.at(least), lut.at(greatest)];
            let (low, high) = entries.chain(ends).fold((u16::MAX, 0), |(l, g), v| (l.min(v), g.max(v)));
            Voi::Span(f64::from(low), f64::from(high))
        }
    }
}
