//! What a data set says of its image (PS3.3 C.7.6.3, C.7.6.16 for frames of enhanced objects).

use super::lut::{Lut, Modality, Palette, Window};
use super::{FRAME_BYTES_MAX, PixelError};
use crate::dataset::{DataSet, TagPath};
use crate::part10::Header;
use crate::tags;
use dicom_core::VR;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Photometric {
    Monochrome1,
    Monochrome2,
    Rgb,
    PaletteColor,
    YbrFull,
    YbrFull422,
    YbrIct,
    YbrRct,
}

/// The image of one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageInfo {
    pub rows: usize,
    pub columns: usize,
    /// 1 or 3.
    pub samples: usize,
    /// 1, 8, 16 or 32.
    pub bits_allocated: u32,
    pub bits_stored: u32,
    pub high_bit: u32,
    pub signed: bool,
    pub photometric: Photometric,
    /// Colours stand plane by plane.
    pub planar: bool,
    pub frames: usize,
    pub modality: Modality,
    pub windows: Vec<Window>,
    pub voi_luts: Vec<Lut>,
    pub palette: Option<Palette>,
    /// Stored values that stand for no picture, both ends included.
    pub padding: Option<(i64, i64)>,
    /// Presentation LUT Shape INVERSE.
    pub inverse: bool,
    /// Samples of 8 bits stand in words of 16 (VR OW): in big-endian data sets each pair is turned.
    pub in_words: bool,
}

impl ImageInfo {
    /// The image of frame `frame` (from 0) of a stored object.
    pub fn of_header(header: &Header, frame: usize) -> Result<ImageInfo, PixelError> {
        let mut info = ImageInfo::of(&header.dataset, frame)?;
        info.in_words =
            header.bulk.iter().any(|bulk| bulk.path == TagPath::root(tags::PIXEL_DATA) && bulk.vr == VR::OW);
        Ok(info)
    }

    /// The image of frame `frame` (from 0).
    pub fn of(set: &DataSet, frame: usize) -> Result<ImageInfo, PixelError> {
        let whole =
            |tag, name| set.int(tag).and_then(|n| u32::try_from(n).ok()).ok_or(PixelError::Attribute(name));
        let rows = whole(tags::ROWS, "Rows")? as usize;
        let columns = whole(tags::COLUMNS, "Columns")? as usize;
        let samples = whole(tags::SAMPLES_PER_PIXEL, "Samples per Pixel").unwrap_or(1) as usize;
        let bits_allocated = whole(tags::BITS_ALLOCATED, "Bits Allocated")?;
        let bits_stored = whole(tags::BITS_STORED, "Bits Stored").unwrap_or(bits_allocated);
        let high_bit = whole(tags::HIGH_BIT, "High Bit").unwrap_or(bits_stored.wrapping_sub(1));
        let signed = set.int(tags::PIXEL_REPRESENTATION) == Some(1);
        if rows == 0 || columns == 0 || rows > 0xFFFF || columns > 0xFFFF {
            return Err(PixelError::Attribute("Rows or Columns"));
        }
        if !matches!(samples, 1 | 3) {
            return Err(PixelError::Unsupported(format!("an image of {samples} samples per pixel")));
        }
        if !matches!(bits_allocated, 1 | 8 | 16 | 32) {
            return Err(PixelError::Unsupported(format!("an image of {bits_allocated} bits allocated")));
        }
        if bits_stored == 0
            || bits_stored > bits_allocated
            || high_bit >= bits_allocated
            || high_bit + 1 < bits_stored
        {
            return Err(PixelError::Attribute("Bits Stored or High Bit"));
        }
        if rows * columns * samples * (bits_allocated as usize).div_ceil(8) > FRAME_BYTES_MAX {
            return Err(PixelError::TooLarge);
        }
        let photometric = photometric(set, samples)?;
        let groups = FrameGroups::of(set, frame);
        let voi = groups.item(tags::FRAME_VOILUT_SEQUENCE).unwrap_or(set);
        let values = groups.item(tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE).unwrap_or(set);
        let frames =
            set.int(tags::NUMBER_OF_FRAMES).and_then(|n| usize::try_from(n).ok()).unwrap_or(1).max(1);
        let luts = voi.items(tags::VOILUT_SEQUENCE).iter();
        Ok(ImageInfo {
            rows,
            columns,
            samples,
            bits_allocated,
            bits_stored,
            high_bit,
            signed,
            photometric,
            planar: set.int(tags::PLANAR_CONFIGURATION) == Some(1),
            frames,
            modality: Modality::of(values, signed).unwrap_or(Modality::IDENTITY),
            windows: Window::all(voi),
            voi_luts: luts
                .filter_map(|item| Lut::of(item, tags::LUT_DESCRIPTOR, tags::LUT_DATA, signed))
                .collect(),
            palette: Palette::of(set, signed).filter(|_| photometric == Photometric::PaletteColor),
            padding: set.int(tags::PIXEL_PADDING_VALUE).map(|value| {
                let other = set.int(tags::PIXEL_PADDING_RANGE_LIMIT).unwrap_or(value);
                (value.min(other), value.max(other))
            }),
            inverse: set.text(tags::PRESENTATION_LUT_SHAPE).as_deref() == Some("INVERSE"),
            in_words: set.get(tags::PIXEL_DATA).is_some_and(|element| element.vr == VR::OW),
        })
    }

    pub fn is_grey(&self) -> bool {
        matches!(self.photometric, Photometric::Monochrome1 | Photometric::Monochrome2)
    }
}

fn photometric(set: &DataSet, samples: usize) -> Result<Photometric, PixelError> {
    let term = set.text(tags::PHOTOMETRIC_INTERPRETATION).unwrap_or_default();
    let (photometric, wanted) = match term.as_str() {
        "MONOCHROME1" => (Photometric::Monochrome1, 1),
        "MONOCHROME2" => (Photometric::Monochrome2, 1),
        "PALETTE COLOR" => (Photometric::PaletteColor, 1),
        "RGB" => (Photometric::Rgb, 3),
        "YBR_FULL" => (Photometric::YbrFull, 3),
        "YBR_FULL_422" => (Photometric::YbrFull422, 3),
        "YBR_ICT" => (Photometric::YbrIct, 3),
        "YBR_RCT" => (Photometric::YbrRct, 3),
        "" => return Err(PixelError::Attribute("Photometric Interpretation")),
        // A code string of the standard at most 16 long; cut, lest a file put more into an error text.
        term => {
            let term: String = term.chars().filter(char::is_ascii).take(16).collect();
            return Err(PixelError::Unsupported(format!("photometric interpretation {term}")));
        }
    };
    match wanted == samples {
        true => Ok(photometric),
        false => Err(PixelError::Attribute("Samples per Pixel")),
    }
}

/// The functional groups of one frame of an enhanced object.
struct FrameGroups<'a> {
    frame: Option<&'a DataSet>,
    shared: Option<&'a DataSet>,
}

impl<'a> FrameGroups<'a> {
    fn of(set: &'a DataSet, frame: usize) -> Self {
        FrameGroups {
            frame: set.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE).get(frame),
            shared: set.item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE),
        }
    }

    fn item(&self, sequence: dicom_core::Tag) -> Option<&'a DataSet> {
        let of = |groups: Option<&'a DataSet>| groups.and_then(|groups| groups.item(sequence));
        of(self.frame).or_else(|| of(self.shared))
    }
}
