//! Pixels of one frame: decoded, windowed, scaled and encoded for display (PS3.3 C.7.6.3, C.11; PS3.18 8.3.5).

mod decode;
mod encode;
mod info;
mod jpeg;
mod jpeg2000;
mod lut;
mod plain;
mod render;
mod rle;
mod scale;

use std::fmt;

pub use decode::{Frame, decode_frame};
pub use encode::{jpeg, png};
pub use info::{ImageInfo, Photometric};
pub use lut::{Lut, Modality, Palette, Window, WindowFunction};
pub use plain::{is_expandable, plain_frame, plain_length, plain_photometric};
pub use render::{Rendered, View, render};
pub use scale::fit;

/// Decoded bytes of one frame; larger ones are refused.
pub const FRAME_BYTES_MAX: usize = 512 << 20;

/// Why a frame cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PixelError {
    /// Not offered by this version: the transfer syntax, photometric interpretation or form, by name.
    Unsupported(String),
    /// An attribute that an image must have is absent or wrong.
    Attribute(&'static str),
    /// The frame's bytes are not what its attributes and transfer syntax say.
    Corrupt(&'static str),
    TooLarge,
}

impl fmt::Display for PixelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PixelError::Unsupported(what) => write!(f, "{what} is not supported"),
            PixelError::Attribute(what) => write!(f, "{what} is absent or wrong"),
            PixelError::Corrupt(what) => write!(f, "the frame is corrupt: {what}"),
            PixelError::TooLarge => write!(f, "the frame has more than {FRAME_BYTES_MAX} bytes"),
        }
    }
}

impl std::error::Error for PixelError {}

#[cfg(test)]
mod tests;
