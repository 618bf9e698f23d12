//! A shown picture as `image/jpeg` or `image/png` (PS3.18 8.7.3.5).

use jpeg_encoder::{ColorType, Encoder};

use super::PixelError;
use super::render::Rendered;

/// JPEG with quality 1 to 100.
pub fn jpeg(picture: &Rendered, quality: u8) -> Result<Vec<u8>, PixelError> {
    let side = |length: usize| u16::try_from(length).map_err(|_| PixelError::TooLarge);
    let (width, height) = (side(picture.width)?, side(picture.height)?);
    let colour = if picture.samples == 3 { ColorType::Rgb } else { ColorType::Luma };
    let mut bytes = Vec::new();
    let encoder = Encoder::new(&mut bytes, quality.clamp(1, 100));
    encoder.encode(&picture.data, width, height, colour).map_err(|_| PixelError::TooLarge)?;
    Ok(bytes)
}

/// PNG, without loss.
pub fn png(picture: &Rendered) -> Result<Vec<u8>, PixelError> {
    let side = |length: usize| u32::try_from(length).map_err(|_| PixelError::TooLarge);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side(picture.width)?, side(picture.height)?);
    encoder.set_color(if picture.samples == 3 { png::ColorType::Rgb } else { png::ColorType::Grayscale });
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(|_| PixelError::TooLarge)?;
    writer.write_image_data(&picture.data).map_err(|_| PixelError::TooLarge)?;
    writer.finish().map_err(|_| PixelError::TooLarge)?;
    Ok(bytes)
}
