//! Pictures whose pixels are decoded before they are wrapped: PNG (W3C, third edition) and TIFF (revision 6.0, the first page).

use super::{NotWrapped, PICTURE_BYTES_MAX};
use std::io::Cursor;
use tiff::decoder::{Decoder, DecodingResult, Limits};

/// Pixels in rows, the samples of each together.
pub(super) struct Plain {
    /// Rows and columns.
    pub size: (u32, u32),
    /// Without the one for transparency.
    pub samples: usize,
    pub alpha: bool,
    /// Samples of 16 bits, else of 8.
    pub wide: bool,
    pub values: Vec<u16>,
}

/// Palettes become colours.
pub(super) fn of_png(bytes: &[u8]) -> Result<Plain, NotWrapped> {
    let wrong = |e: png::DecodingError| NotWrapped(format!("the PNG cannot be read: {e}"));
    let limits = png::Limits { bytes: PICTURE_BYTES_MAX };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(wrong)?;
    let size = (reader.info().height, reader.info().width);
    let length = reader.output_buffer_size().filter(|n| *n <= PICTURE_BYTES_MAX);
    let mut pixels = vec![0; length.ok_or_else(|| NotWrapped("the picture is too large".into()))?];
    let frame = reader.next_frame(&mut pixels).map_err(wrong)?;
    pixels.truncate(frame.buffer_size());
    let (samples, alpha) = match frame.color_type {
        png::ColorType::Grayscale => (1, false),
        png::ColorType::GrayscaleAlpha => (1, true),
        png::ColorType::Rgb => (3, false),
        png::ColorType::Rgba => (3, true),
        png::ColorType::Indexed => return Err(NotWrapped("the palette of the PNG cannot be read".into())),
    };
    let wide = frame.bit_depth == png::BitDepth::Sixteen;
    let values = match wide {
        true => pixels.chunks_exact(2).map(|b| u16::from_be_bytes([b[0], b[1]])).collect(),
        false => pixels.iter().map(|b| u16::from(*b)).collect(),
    };
    Ok(Plain { size, samples, alpha, wide, values })
}

/// Grey and colours of 8 or 16 bits, plain, LZW or Deflate; other TIFF is refused by name. One page: several are several files.
pub(super) fn of_tiff(bytes: &[u8]) -> Result<Plain, NotWrapped> {
    let wrong = |e: tiff::TiffError| NotWrapped(format!("the TIFF cannot be read: {e}"));
    let mut limits = Limits::default();
    limits.decoding_buffer_size = PICTURE_BYTES_MAX;
    limits.intermediate_buffer_size = PICTURE_BYTES_MAX;
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(wrong)?.with_limits(limits);
    if decoder.more_images() {
        return Err(NotWrapped("a TIFF of several pages: send each page as a file, or all as a PDF".into()));
    }
    let (columns, rows) = decoder.dimensions().map_err(wrong)?;
    let (samples, alpha, bits) = match decoder.colortype().map_err(wrong)? {
        tiff::ColorType::Gray(bits) => (1, false, bits),
        tiff::ColorType::GrayA(bits) => (1, true, bits),
        tiff::ColorType::RGB(bits) => (3, false, bits),
        tiff::ColorType::RGBA(bits) => (3, true, bits),
        other => return Err(NotWrapped(format!("a TIFF of this kind is not read: {other:?}"))),
    };
    if !matches!(bits, 8 | 16) {
        return Err(NotWrapped(format!("a TIFF of {bits} bits a sample is not read: send it as PNG")));
    }
    let values: Vec<u16> = match decoder.read_image().map_err(wrong)? {
        DecodingResult::U8(values) => values.into_iter().map(u16::from).collect(),
        DecodingResult::U16(values) => values,
        _ => return Err(NotWrapped("a TIFF of numbers with a sign or a point is not read".into())),
    };
    let wanted = rows as usize * columns as usize * (samples + usize::from(alpha));
    if values.len() != wanted {
        return Err(NotWrapped("the TIFF has fewer samples than its size says".into()));
    }
    Ok(Plain { size: (rows, columns), samples, alpha, wide: bits == 16, values })
}
