//! Modality and VOI transformations, windows and palettes (PS3.3 C.11.1, C.11.2, C.7.6.3.1.5).

use crate::dataset::DataSet;
use crate::tags;
use dicom_core::Tag;

/// A look-up table: input below `first` takes the first entry, beyond the end the last.
#[derive(Debug, Clone, PartialEq)]
pub struct Lut {
    pub first: i64,
    /// Bits of each entry, 8 to 16.
    pub bits: u32,
    pub entries: Vec<u16>,
}

impl Lut {
    pub fn at(&self, value: i64) -> u16 {
        let last = self.entries.len().saturating_sub(1);
        let index = usize::try_from(value.saturating_sub(self.first).max(0)).unwrap_or(last).min(last);
        self.entries.get(index).copied().unwrap_or(0)
    }

    /// Descriptor and data of an item; `None` when they do not fit each other.
    pub(super) fn of(set: &DataSet, descriptor: Tag, data: Tag, signed: bool) -> Option<Lut> {
        let words = words(set.get(descriptor)?.bytes());
        let [count, first, bits] = words.as_slice() else { return None };
        let count = if *count == 0 { 65_536 } else { usize::from(*count) };
        let first = if signed { i64::from(*first as i16) } else { i64::from(*first) };
        let bytes = set.get(data)?.bytes();
        let entries: Vec<u16> = match bytes.len() {
            length if length >= count * 2 => self::words(bytes),
            length if length >= count => bytes.iter().map(|byte| u16::from(*byte)).collect(),
            _ => return None,
        };
        Some(Lut {
            first,
            bits: u32::from(*bits).clamp(8, 16),
            entries: entries.into_iter().take(count).collect(),
        })
    }
}

pub(super) fn words(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// Stored values to modality values.
#[derive(Debug, Clone, PartialEq)]
pub enum Modality {
    Rescale { slope: f64, intercept: f64 },
    Lut(Lut),
}

impl Modality {
    pub const IDENTITY: Modality = Modality::Rescale { slope: 1.0, intercept: 0.0 };

    /// From the data set or the Pixel Value Transformation item of a frame.
    pub(super) fn of(set: &DataSet, signed: bool) -> Option<Modality> {
        let item = set.item(tags::MODALITY_LUT_SEQUENCE);
        if let Some(lut) = item.and_then(|item| Lut::of(item, tags::LUT_DESCRIPTOR, tags::LUT_DATA, signed)) {
            return Some(Modality::Lut(lut));
        }
        let slope = set.float(tags::RESCALE_SLOPE)?;
        let intercept = set.float(tags::RESCALE_INTERCEPT).unwrap_or(0.0);
        Some(Modality::Rescale { slope, intercept })
    }

    pub fn apply(&self, stored: i64) -> f64 {
        match self {
            Modality::Rescale { slope, intercept } => stored as f64 * slope + intercept,
            Modality::Lut(lut) => f64::from(lut.at(stored)),
        }
    }
}

/// VOI LUT Function (0028,1056).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WindowFunction {
    #[default]
    Linear,
    LinearExact,
    Sigmoid,
}

impl WindowFunction {
    /// The defined term; an unknown one is `None`.
    pub fn of(term: &str) -> Option<WindowFunction> {
        match term.trim().to_ascii_uppercase().as_str() {
            "" | "LINEAR" => Some(WindowFunction::Linear),
            "LINEAR_EXACT" | "LINEAR-EXACT" => Some(WindowFunction::LinearExact),
            "SIGMOID" => Some(WindowFunction::Sigmoid),
            _ => None,
        }
    }
}

/// Window centre and width in modality values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    pub center: f64,
    pub width: f64,
    pub function: WindowFunction,
}

impl Window {
    /// Where a value lies between black (0) and white (1) (PS3.3 C.11.2.1.2, C.11.2.1.3).
    pub fn apply(&self, value: f64) -> f64 {
        let (center, width) = (self.center, self.width);
        match self.function {
            WindowFunction::Linear => {
                let (center, width) = (center - 0.5, (width - 1.0).max(0.0));
                if value <= center - width / 2.0 {
                    0.0
                } else if value > center + width / 2.0 {
                    1.0
                } else {
                    (value - center) / width + 0.5
                }
            }
            WindowFunction::LinearExact => {
                if value <= center - width / 2.0 {
                    0.0
                } else if value > center + width / 2.0 {
                    1.0
                } else {
                    (value - center) / width + 0.5
                }
            }
            WindowFunction::Sigmoid => 1.0 / (1.0 + (-4.0 * (value - center) / width).exp()),
        }
    }

    /// All windows of a data set or of the Frame VOI LUT item of a frame; those without a positive width are left out.
    pub(super) fn all(set: &DataSet) -> Vec<Window> {
        let function =
            set.text(tags::VOILUT_FUNCTION).and_then(|term| WindowFunction::of(&term)).unwrap_or_default();
        let widths = set.floats(tags::WINDOW_WIDTH);
        let pairs = set.floats(tags::WINDOW_CENTER).into_iter().zip(widths);
        pairs
            .filter(|(_, width)| *width > 0.0)
            .map(|(center, width)| Window { center, width, function })
            .collect()
    }
}

/// Red, green and blue of PALETTE COLOR.
#[derive(Debug, Clone, PartialEq)]
pub struct Palette {
    pub red: Lut,
    pub green: Lut,
    pub blue: Lut,
}

impl Palette {
    pub(super) fn of(set: &DataSet, signed: bool) -> Option<Palette> {
        let lut = |descriptor, data| Lut::of(set, descriptor, data, signed);
        Some(Palette {
            red: lut(
                tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
                tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            )?,
            green: lut(
                tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
                tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            )?,
            blue: lut(
                tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
                tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            )?,
        })
    }

    pub fn at(&self, value: i64) -> [u8; 3] {
        let shade = |lut: &Lut| {
            // Entries of 16 bits that only use the lower 8 are met; the descriptor says 8 then.
            let entry = lut.at(value);
            if lut.bits > 8 { (entry >> (lut.bits - 8)) as u8 } else { entry as u8 }
        };
        [shade(&self.red), shade(&self.green), shade(&self.blue)]
    }
}
