//! A compressed frame as native pixel data, for who takes no other: every stored value as the encoder was given it (PS3.5 8.1.1, A.4).
//!
//! Lossless frames come out exactly; lossy ones as they are seen, which is what they are. What cannot be told exactly is refused.

use super::decode::Samples;
use super::info::{ImageInfo, Photometric};
use super::{FRAME_BYTES_MAX, PixelError, jpeg, jpeg2000, rle};
use crate::dictionary::{transfer_syntax, uids};

/// Whether frames in this transfer syntax can be given as native ones.
pub fn is_expandable(transfer_syntax_uid: &str) -> bool {
    [
        uids::RLE_LOSSLESS,
        uids::JPEG_BASELINE,
        uids::JPEG_EXTENDED,
        uids::JPEG_LOSSLESS,
        uids::JPEG_LOSSLESS_SV1,
        uids::JPEG_2000_LOSSLESS,
        uids::JPEG_2000,
    ]
    .contains(&transfer_syntax_uid)
}

/// Bytes of one native frame of this image.
pub fn plain_length(info: &ImageInfo) -> Result<usize, PixelError> {
    let length = info.rows * info.columns * info.samples * (info.bits_allocated as usize / 8);
    match (info.bits_allocated, length) {
        (8 | 16 | 32, 1..=FRAME_BYTES_MAX) => Ok(length),
        (8 | 16 | 32, _) => Err(PixelError::TooLarge),
        (bits, _) => Err(PixelError::Unsupported(format!("expanding frames of {bits} bits a sample"))),
    }
}

/// What native frames of this image are called (PS3.3 C.7.6.3.1.2): decoders undo the colour transformations of their own.
pub fn plain_photometric(info: &ImageInfo, transfer_syntax_uid: &str) -> Option<&'static str> {
    let lossy = [uids::JPEG_BASELINE, uids::JPEG_EXTENDED].contains(&transfer_syntax_uid);
    match info.photometric {
        _ if info.samples == 3 && lossy => Some("RGB"),
        Photometric::YbrIct | Photometric::YbrRct => Some("RGB"),
        _ => None,
    }
}

/// One frame as native pixel data, little endian, colours pixel by pixel. `bytes` are all its fragments together.
pub fn plain_frame(info: &ImageInfo, transfer_syntax_uid: &str, bytes: &[u8]) -> Result<Vec<u8>, PixelError> {
    let length = plain_length(info)?;
    if info.photometric == Photometric::YbrFull422
        && plain_photometric(info, transfer_syntax_uid) != Some("RGB")
    {
        return Err(PixelError::Unsupported("expanding YBR_FULL_422".into()));
    }
    let samples = match transfer_syntax_uid {
        uids::RLE_LOSSLESS => return Ok(by_pixel(info, rle::decode(info, bytes)?)),
        uids::JPEG_BASELINE | uids::JPEG_EXTENDED | uids::JPEG_LOSSLESS | uids::JPEG_LOSSLESS_SV1 => {
            jpeg::decode(info, bytes)?
        }
        uids::JPEG_2000_LOSSLESS | uids::JPEG_2000 => jpeg2000::decode(info, bytes)?,
        other => {
            let name = transfer_syntax(other).map_or("an unknown transfer syntax", |t| t.name);
            return Err(PixelError::Unsupported(format!("expanding {name}")));
        }
    };
    match samples {
        Samples::One(cells) => in_cells(info, &cells, length),
        Samples::Three { exact: false, .. } => {
            Err(PixelError::Unsupported("expanding colours of more than 8 bits".into()))
        }
        Samples::Three { shades, .. } if info.bits_allocated == 8 && shades.len() >= length => {
            Ok(shades[..length].to_vec())
        }
        Samples::Three { .. } => Err(PixelError::Corrupt("colours of another size than the image's")),
    }
}

fn in_cells(info: &ImageInfo, cells: &[u32], length: usize) -> Result<Vec<u8>, PixelError> {
    let size = info.bits_allocated as usize / 8;
    // A negative value has ones up to the top; in a cell it keeps those that fit.
    let fits = |cell: u32| size == 4 || cell >> (8 * size) == 0 || info.signed;
    let mut plain = Vec::with_capacity(length);
    for cell in cells {
        if !fits(*cell) {
            return Err(PixelError::Corrupt("a value that does not fit its cell"));
        }
        plain.extend_from_slice(&cell.to_le_bytes()[..size]);
    }
    Ok(plain)
}

/// Planes of samples put together pixel by pixel.
fn by_pixel(info: &ImageInfo, planes: Vec<u8>) -> Vec<u8> {
    if info.samples == 1 {
        return planes;
    }
    let (size, pixels) = (info.bits_allocated as usize / 8, info.rows * info.columns);
    let mut plain = Vec::with_capacity(planes.len());
    for pixel in 0..pixels {
        for sample in 0..info.samples {
            let at = (sample * pixels + pixel) * size;
            plain.extend_from_slice(&planes[at..at + size]);
        }
    }
    plain
}
