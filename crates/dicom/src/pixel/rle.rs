//! RLE Lossless: byte planes, each packed by runs (PS3.5 Annex G).

use super::PixelError;
use super::info::ImageInfo;

/// Samples plane by plane, little endian.
pub(super) fn decode(info: &ImageInfo, bytes: &[u8]) -> Result<Vec<u8>, PixelError> {
    let size = info.bits_allocated as usize / 8;
    let pixels = info.rows * info.columns;
    let planes = size * info.samples;
    let word = |at: usize| -> Option<usize> {
        let word = bytes.get(at * 4..at * 4 + 4)?;
        usize::try_from(u32::from_le_bytes([word[0], word[1], word[2], word[3]])).ok()
    };
    if size == 0 || bytes.len() < 64 || word(0) != Some(planes) || planes > 15 {
        return Err(PixelError::Corrupt("the RLE header does not fit the image"));
    }
    let mut plain = vec![0_u8; pixels * planes];
    for plane in 0..planes {
        let (sample, significance) = (plane / size, plane % size);
        let start = word(plane + 1).unwrap_or(usize::MAX);
        let end = match plane + 1 < planes {
            true => word(plane + 2).unwrap_or(usize::MAX),
            false => bytes.len(),
        };
        let segment = bytes.get(start..end).filter(|_| start >= 64);
        let segment = segment.ok_or(PixelError::Corrupt("an RLE segment lies outside the frame"))?;
        // The most significant byte comes first.
        let first = sample * pixels * size + (size - 1 - significance);
        unpack(segment, &mut plain, first, size, pixels)?;
    }
    Ok(plain)
}

/// Unpacks one segment into every `step`th byte from `at`.
fn unpack(segment: &[u8], out: &mut [u8], first: usize, step: usize, count: usize) -> Result<(), PixelError> {
    let mut done = 0;
    let mut at = 0;
    while done < count {
        let control = *segment.get(at).ok_or(PixelError::Corrupt("an RLE segment is too short"))?;
        at += 1;
        match control {
            0..=127 => {
                let run = (usize::from(control) + 1).min(count - done);
                let bytes =
                    segment.get(at..at + run).ok_or(PixelError::Corrupt("an RLE segment is too short"))?;
                at += usize::from(control) + 1;
                for byte in bytes {
                    out[first + done * step] = *byte;
                    done += 1;
                }
            }
            128 => {}
            129.. => {
                let byte = *segment.get(at).ok_or(PixelError::Corrupt("an RLE segment is too short"))?;
                at += 1;
                for _ in 0..(257 - usize::from(control)).min(count - done) {
                    out[first + done * step] = byte;
                    done += 1;
                }
            }
        }
    }
    Ok(())
}
