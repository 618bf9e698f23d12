//! Bytes of one frame to samples (PS3.5 section 8, Annexes A and G).

use super::info::{ImageInfo, Photometric};
use super::{PixelError, jpeg, jpeg2000, rle};
use crate::dictionary::{Coding, transfer_syntax, uids};

/// A decoded frame.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// One stored value a pixel, as the two's complement of 32 bits where the image is signed.
    Grey { values: Vec<u32>, signed: bool },
    /// Red, green and blue of 8 bits, pixel by pixel.
    Rgb(Vec<u8>),
}

impl Frame {
    /// A stored value with its sign.
    pub fn value(raw: u32, signed: bool) -> i64 {
        if signed { i64::from(raw as i32) } else { i64::from(raw) }
    }
}

/// Decodes one frame from its bytes (all its fragments together). `frame` counts from 0 and tells one-bit images where
/// in the first byte the frame begins.
pub fn decode_frame(
    info: &ImageInfo,
    transfer_syntax_uid: &str,
    bytes: &[u8],
    frame: usize,
) -> Result<Frame, PixelError> {
    let syntax = transfer_syntax(transfer_syntax_uid);
    let Some(syntax) = syntax else {
        return Err(PixelError::Unsupported("pixel data in a transfer syntax that is not known".into()));
    };
    match syntax.uid {
        uid if !syntax.encapsulated || uid == ENCAPSULATED_UNCOMPRESSED => {
            native(info, bytes, frame, syntax.coding == Coding::ExplicitBig)
        }
        uids::RLE_LOSSLESS => {
            let plain = rle::decode(info, bytes)?;
            native(&ImageInfo { planar: true, ..info.clone() }, &plain, 0, false)
        }
        uids::JPEG_BASELINE | uids::JPEG_EXTENDED | uids::JPEG_LOSSLESS | uids::JPEG_LOSSLESS_SV1 => {
            jpeg::decode(info, bytes)?.frame(info)
        }
        uids::JPEG_2000_LOSSLESS | uids::JPEG_2000 => jpeg2000::decode(info, bytes)?.frame(info),
        _ => Err(PixelError::Unsupported(format!("decoding {} ({})", syntax.name, syntax.uid))),
    }
}

const ENCAPSULATED_UNCOMPRESSED: &str = "1.2.840.10008.1.2.1.98";

/// Samples that stand plainly, in the order of the image's planar configuration.
pub(super) fn native(info: &ImageInfo, bytes: &[u8], frame: usize, big: bool) -> Result<Frame, PixelError> {
    let pixels = info.rows * info.columns;
    if info.photometric == Photometric::YbrFull422 && info.bits_allocated == 8 && bytes.len() < pixels * 3 {
        return shared_colour(pixels, info.columns, bytes);
    }
    if info.bits_allocated == 1 {
        return one_bit(info, bytes, frame);
    }
    let size = info.bits_allocated as usize / 8;
    let count = pixels * info.samples;
    if big && size == 1 && info.in_words {
        if !count.is_multiple_of(2) {
            return Err(PixelError::Unsupported("an odd number of bytes in big-endian words".into()));
        }
        let mut turned = bytes.to_vec();
        turned.chunks_exact_mut(2).for_each(<[u8]>::reverse);
        return native(info, &turned, frame, false);
    }
    if bytes.len() < count * size {
        return Err(PixelError::Corrupt("too few bytes"));
    }
    let read = |chunk: &[u8]| -> u32 {
        let mut wide = [0_u8; 4];
        wide[..size].copy_from_slice(chunk);
        if big {
            wide[..size].reverse();
        }
        u32::from_le_bytes(wide)
    };
    let values = bytes.chunks_exact(size).take(count).map(|chunk| stored(info, read(chunk)));
    if info.samples == 1 {
        return grey_or_palette(info, values.collect());
    }
    // Colour is shown with 8 bits; the upper ones of deeper samples.
    let shift = info.bits_stored.saturating_sub(8);
    let shades: Vec<u8> = values.map(|value| (value >> shift) as u8).collect();
    Ok(Frame::Rgb(colour(info, &shades)))
}

/// The stored value in a cell: the bits under High Bit, the sign spread.
fn stored(info: &ImageInfo, cell: u32) -> u32 {
    let low = info.high_bit + 1 - info.bits_stored;
    let value = cell >> low;
    let unused = 32 - info.bits_stored;
    if info.signed && info.samples == 1 {
        ((value << unused) as i32 >> unused) as u32
    } else {
        value << unused >> unused
    }
}

/// One sample a pixel: grey values, or the palette's colours.
fn grey_or_palette(info: &ImageInfo, values: Vec<u32>) -> Result<Frame, PixelError> {
    if info.photometric != Photometric::PaletteColor {
        return Ok(Frame::Grey { values, signed: info.signed });
    }
    let palette =
        info.palette.as_ref().ok_or_else(|| PixelError::Unsupported("a palette that is not plain".into()))?;
    Ok(Frame::Rgb(values.into_iter().flat_map(|raw| palette.at(Frame::value(raw, info.signed))).collect()))
}

/// What a decoder gives.
pub(super) enum Samples {
    /// A cell a pixel, with whatever stands beside the bits stored.
    One(Vec<u32>),
    /// Three bytes a pixel, to be read as this photometric interpretation; not `exact` where samples had more than 8 bits.
    Three { shades: Vec<u8>, photometric: Photometric, exact: bool },
}

impl Samples {
    fn frame(self, info: &ImageInfo) -> Result<Frame, PixelError> {
        match self {
            Samples::One(cells) => {
                grey_or_palette(info, cells.into_iter().map(|cell| stored(info, cell)).collect())
            }
            Samples::Three { shades, photometric, .. } => {
                Ok(Frame::Rgb(colour(&ImageInfo { photometric, planar: false, ..info.clone() }, &shades)))
            }
        }
    }
}

/// Three samples a pixel as RGB, pixel by pixel.
fn colour(info: &ImageInfo, shades: &[u8]) -> Vec<u8> {
    let pixels = info.rows * info.columns;
    let mut rgb = Vec::with_capacity(pixels * 3);
    for pixel in 0..pixels {
        let [a, b, c] = match info.planar {
            true => [shades[pixel], shades[pixels + pixel], shades[2 * pixels + pixel]],
            false => [shades[3 * pixel], shades[3 * pixel + 1], shades[3 * pixel + 2]],
        };
        rgb.extend(match info.photometric {
            Photometric::YbrFull | Photometric::YbrFull422 | Photometric::YbrIct => ybr_to_rgb(a, b, c),
            Photometric::YbrRct => ybr_rct_to_rgb(a, b, c),
            _ => [a, b, c],
        });
    }
    rgb
}

/// PS3.3 C.7.6.3.1.2, YBR_FULL.
fn ybr_to_rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    let shade = |value: f32| value.round().clamp(0.0, 255.0) as u8;
    [shade(y + 1.402 * cr), shade(y - 0.344_136 * cb - 0.714_136 * cr), shade(y + 1.772 * cb)]
}

/// The reversible transformation, as far as 8 bits hold it.
fn ybr_rct_to_rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    let green = y - ((cb + cr) >> 2);
    [cr + green, green, cb + green].map(|shade| shade.clamp(0, 255) as u8)
}

/// YBR_FULL_422: `Y Y Cb Cr` for each two pixels (PS3.5 8.2).
fn shared_colour(pixels: usize, columns: usize, bytes: &[u8]) -> Result<Frame, PixelError> {
    if bytes.len() < pixels * 2 || !columns.is_multiple_of(2) {
        return Err(PixelError::Corrupt("too few bytes"));
    }
    let pair = |quad: &[u8]| [ybr_to_rgb(quad[0], quad[2], quad[3]), ybr_to_rgb(quad[1], quad[2], quad[3])];
    Ok(Frame::Rgb(bytes.chunks_exact(4).take(pixels / 2).flat_map(pair).flatten().collect()))
}

/// Bits packed over frame borders, the lowest first (PS3.5 8.1.1).
fn one_bit(info: &ImageInfo, bytes: &[u8], frame: usize) -> Result<Frame, PixelError> {
    let pixels = info.rows * info.columns;
    if info.samples != 1 {
        return Err(PixelError::Attribute("Samples per Pixel"));
    }
    let start = frame % 8 * (pixels % 8) % 8;
    if bytes.len() * 8 < start + pixels {
        return Err(PixelError::Corrupt("too few bytes"));
    }
    let bits = (start..start + pixels).map(|bit| u32::from(bytes[bit / 8] >> (bit % 8) & 1));
    grey_or_palette(&ImageInfo { signed: false, ..info.clone() }, bits.collect())
}
