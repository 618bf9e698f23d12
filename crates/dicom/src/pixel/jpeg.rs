//! JPEG baseline, extended of 8 bits, and lossless of 2 to 16 bits (PS3.5 A.4.1, ISO/IEC 10918-1).

use jpeg_decoder::{ColorTransform, Decoder, Error, PixelFormat};

use super::decode::Samples;
use super::info::{ImageInfo, Photometric};
use super::{FRAME_BYTES_MAX, PixelError};

/// The samples as they come out of the decoder.
pub(super) fn decode(info: &ImageInfo, bytes: &[u8]) -> Result<Samples, PixelError> {
    let head = Head::of(bytes);
    if !head.lossless && head.precision > 8 {
        return Err(PixelError::Unsupported(format!("decoding lossy JPEG of {} bits", head.precision)));
    }
    let mut decoder = Decoder::new(bytes);
    decoder.set_max_decoding_buffer_size(FRAME_BYTES_MAX);
    decoder.read_info().map_err(refusal)?;
    let found = decoder.info().ok_or(PixelError::Corrupt("no JPEG frame"))?;
    if usize::from(found.width) != info.columns || usize::from(found.height) != info.rows {
        return Err(PixelError::Corrupt("the JPEG frame has other rows and columns than the image"));
    }
    let wanted = if found.pixel_format == PixelFormat::RGB24 { 3 } else { 1 };
    if found.pixel_format == PixelFormat::CMYK32 || wanted != info.samples {
        return Err(PixelError::Corrupt("the JPEG frame has another number of colours than the image"));
    }
    // Lossless frames keep the colours of the photometric interpretation. Lossy ones hold YCbCr, unless marked as RGB
    // (by Adobe's marker or by the names of the components) or called RGB without a mark that says otherwise.
    let as_is = head.lossless || head.is_rgb() || (info.photometric == Photometric::Rgb && !head.marked);
    if wanted == 3 {
        decoder.set_color_transform(if as_is { ColorTransform::RGB } else { ColorTransform::YCbCr });
    }
    let decoded = decoder.decode().map_err(refusal)?;
    let pixels = info.rows * info.columns;
    match found.pixel_format {
        PixelFormat::L8 if decoded.len() >= pixels => {
            Ok(Samples::One(decoded.iter().take(pixels).map(|byte| u32::from(*byte)).collect()))
        }
        PixelFormat::L16 if decoded.len() >= pixels * 2 => {
            let cells = decoded.chunks_exact(2).take(pixels);
            Ok(Samples::One(cells.map(|pair| u32::from(u16::from_ne_bytes([pair[0], pair[1]]))).collect()))
        }
        PixelFormat::RGB24 if decoded.len() >= pixels * 3 => {
            let photometric = if head.lossless { info.photometric } else { Photometric::Rgb };
            Ok(Samples::Three { shades: decoded, photometric, exact: true })
        }
        _ => Err(PixelError::Corrupt("the JPEG frame is too short")),
    }
}

fn refusal(error: Error) -> PixelError {
    match error {
        Error::Unsupported(_) => PixelError::Unsupported("decoding this process of JPEG".into()),
        _ => PixelError::Corrupt("not a JPEG frame that can be read"),
    }
}

/// What the markers before the scan say.
#[derive(Default)]
struct Head {
    lossless: bool,
    precision: u8,
    /// A JFIF or Adobe marker is there.
    marked: bool,
    adobe_transform: Option<u8>,
    components: Vec<u8>,
}

impl Head {
    fn of(bytes: &[u8]) -> Head {
        let mut head = Head::default();
        let mut at = 2;
        while let Some([0xFF, marker, high, low]) = bytes.get(at..at + 4) {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let segment = bytes.get(at + 4..at + 2 + length.max(2)).unwrap_or_default();
            match marker {
                0xC4 | 0xC8 | 0xCC => {}
                0xC0..=0xCF => {
                    head.lossless = matches!(marker, 0xC3 | 0xC7 | 0xCB | 0xCF);
                    head.precision = segment.first().copied().unwrap_or(8);
                    head.components = segment.iter().skip(6).step_by(3).copied().collect();
                }
                0xE0 if segment.starts_with(b"JFIF") => head.marked = true,
                0xEE if segment.starts_with(b"Adobe") => {
                    head.marked = true;
                    head.adobe_transform = segment.get(11).copied();
                }
                0xDA => break,
                _ => {}
            }
            at += 2 + length.max(2);
        }
        head
    }

    fn is_rgb(&self) -> bool {
        self.adobe_transform == Some(0) || self.components == *b"RGB"
    }
}
