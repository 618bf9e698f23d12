//! JPEG 2000 Part 1, lossless and lossy (PS3.5 A.4.4, ISO/IEC 15444-1).

use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};
use memchr::memmem;

use super::PixelError;
use super::decode::Samples;
use super::info::{ImageInfo, Photometric};

/// Start of codestream and the size marker, which must follow it.
const CODESTREAM: &[u8] = b"\xFF\x4F\xFF\x51";
/// Samples are computed in binary floating point of 24 bits; deeper ones would not be exact.
const PRECISION_MAX: u8 = 16;
/// Tiles are numbered in 16 bits (ISO/IEC 15444-1 A.4.2).
const TILES_MAX: u64 = 65_535;

pub(super) fn decode(info: &ImageInfo, bytes: &[u8]) -> Result<Samples, PixelError> {
    let size = Size::of(bytes).ok_or(PixelError::Corrupt("no JPEG 2000 codestream"))?;
    if size.width != info.columns as u64 || size.height != info.rows as u64 {
        return Err(PixelError::Corrupt("the JPEG 2000 frame has other rows and columns than the image"));
    }
    if size.components != info.samples {
        return Err(PixelError::Corrupt("the JPEG 2000 frame has another number of colours than the image"));
    }
    if size.precision > PRECISION_MAX || size.subsampled || size.tiles.is_none_or(|tiles| tiles > TILES_MAX) {
        return Err(PixelError::Unsupported("decoding this form of JPEG 2000".into()));
    }
    let settings = DecodeSettings { resolve_palette_indices: false, strict: true, target_resolution: None };
    let refused = PixelError::Corrupt("not a JPEG 2000 frame that can be read");
    let image = Image::new(&bytes[size.codestream..], &settings).map_err(|_| refused.clone())?;
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(|_| refused)?;
    let pixels = info.rows * info.columns;
    let components = decoded.components();
    if components.len() != info.samples || components.iter().any(|c| c.samples().len() < pixels) {
        return Err(PixelError::Corrupt("the JPEG 2000 frame is too short"));
    }
    let greatest = ((1_u32 << size.precision) - 1) as f32;
    // The decoder lifts signed samples as it lifts unsigned ones; here they come down again.
    let lift = if size.signed { 1_u32 << (size.precision - 1) } else { 0 };
    let cell = |sample: &f32| (sample.round().clamp(0.0, greatest) as u32).wrapping_sub(lift);
    if let [grey] = components {
        return Ok(Samples::One(grey.samples().iter().take(pixels).map(cell).collect()));
    }
    let shift = size.precision.saturating_sub(8);
    let mut shades = Vec::with_capacity(pixels * 3);
    for pixel in 0..pixels {
        shades.extend(components.iter().map(|c| (cell(&c.samples()[pixel]) >> shift) as u8));
    }
    // The colour transformation of the codestream (YBR_RCT, YBR_ICT) is undone by the decoder.
    let photometric = match info.photometric {
        Photometric::YbrFull => Photometric::YbrFull,
        _ => Photometric::Rgb,
    };
    Ok(Samples::Three { shades, photometric, exact: shift == 0 })
}

/// The size marker (ISO/IEC 15444-1 A.5.1).
struct Size {
    codestream: usize,
    width: u64,
    height: u64,
    tiles: Option<u64>,
    components: usize,
    precision: u8,
    signed: bool,
    subsampled: bool,
}

impl Size {
    fn of(bytes: &[u8]) -> Option<Size> {
        // A boxed stream is not allowed in DICOM, and is met.
        let codestream = memmem::find(bytes.get(..bytes.len().min(64 << 10))?, CODESTREAM)?;
        let marker = bytes.get(codestream + 4..)?;
        let long = |at: usize| {
            marker.get(at..at + 4).map(|b| u64::from(u32::from_be_bytes([b[0], b[1], b[2], b[3]])))
        };
        let components = usize::from(u16::from_be_bytes([*marker.get(36)?, *marker.get(37)?]));
        let (width, height) = (long(4)?, long(8)?);
        // A tile of no size gives no number.
        let across = |length: u64, tile: u64| length.checked_add(tile)?.checked_div(tile);
        let tiles = across(width, long(20)?).zip(across(height, long(24)?)).map(|(x, y)| x.saturating_mul(y));
        let each = marker.get(38..38 + components * 3)?;
        let depth = *each.first()?;
        let alike = each.chunks_exact(3).all(|component| component == [depth, 1, 1]);
        Some(Size {
            codestream,
            width: width.checked_sub(long(12)?)?,
            height: height.checked_sub(long(16)?)?,
            tiles,
            components,
            precision: (depth & 0x7F) + 1,
            signed: depth & 0x80 != 0,
            subsampled: !alike,
        })
    }
}
