//! What is no DICOM object made into one: photographs, pictures, video and documents with the patient, the order and the author
//! (PS3.3 A.8 secondary capture, A.32 visible light, A.45 encapsulated documents; PS3.5 A.4).

mod jpeg;
mod mp4;
mod plain;

use crate::charset::Charset;
use crate::dataset::DataSet;
use crate::dataset::write::{header, item_header};
use crate::dictionary::{Coding, uids};
use crate::tags;
use dicom_core::{Tag, VR};
use plain::Plain;

/// Pixels of a picture that is decoded here, all samples together.
pub const PICTURE_BYTES_MAX: usize = 256 << 20;
/// A file that is wrapped: it stands in memory as a whole.
pub const FILE_BYTES_MAX: usize = 128 << 20;

/// Frames of a video: a day of them.
const VIDEO_FRAMES_MAX: u32 = 86_400 * 60;
const MILLISECONDS_A_FRAME_MAX: f64 = 60_000.0;

/// What a file was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Jpeg,
    Png,
    Tiff,
    Mp4,
    Pdf,
    Cda,
}

/// How a picture came to be, which decides its class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Origin {
    /// A photograph of the patient (VL Photographic).
    #[default]
    Photograph,
    /// A screen or a paper that was captured (Secondary Capture).
    Capture,
}

/// Why a file is not wrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotWrapped(pub String);

/// An object that lacks who it is of: class, transfer syntax, what the file itself says, and its bulk as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Wrapped {
    pub kind: Kind,
    pub sop_class: &'static str,
    pub transfer_syntax: &'static str,
    pub modality: &'static str,
    /// What the file says of itself: rows, columns, colours, media type.
    pub set: DataSet,
    bulk: Bulk,
}

#[derive(Debug, Clone, PartialEq)]
enum Bulk {
    /// One frame or one stream, as it is.
    Encapsulated(Vec<u8>),
    Pixels(Vec<u8>),
    Document(Vec<u8>),
}

const VL_PHOTOGRAPHIC: &str = "1.2.840.10008.5.1.4.1.1.77.1.4";
const VIDEO_PHOTOGRAPHIC: &str = "1.2.840.10008.5.1.4.1.1.77.1.4.1";
const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";
const ENCAPSULATED_PDF: &str = "1.2.840.10008.5.1.4.1.1.104.1";
const ENCAPSULATED_CDA: &str = "1.2.840.10008.5.1.4.1.1.104.2";
const JPEG_BASELINE: &str = "1.2.840.10008.1.2.4.50";
const JPEG_EXTENDED: &str = "1.2.840.10008.1.2.4.51";
const JPEG_LOSSLESS: &str = "1.2.840.10008.1.2.4.70";

/// What a file is, by its own bytes; its name and declared type say nothing.
pub fn kind_of(bytes: &[u8]) -> Option<Kind> {
    let head = &bytes[..bytes.len().min(4_096)];
    if head.starts_with(&[0xFF, 0xD8, 0xFF]) {
        return Some(Kind::Jpeg);
    }
    if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some(Kind::Png);
    }
    if head.starts_with(b"II*\0") || head.starts_with(b"MM\0*") {
        return Some(Kind::Tiff);
    }
    if head.get(4..8) == Some(b"ftyp") {
        return Some(Kind::Mp4);
    }
    if head.starts_with(b"%PDF-") {
        return Some(Kind::Pdf);
    }
    let text = String::from_utf8_lossy(head);
    let is_cda = text.contains("<ClinicalDocument") && text.contains("urn:hl7-org:v3");
    (text.trim_start_matches('\u{feff}').trim_start().starts_with('<') && is_cda).then_some(Kind::Cda)
}

/// Wraps a file. What it is, is read from its bytes; compressed pixels pass untouched.
pub fn wrap(bytes: Vec<u8>, origin: Origin) -> Result<Wrapped, NotWrapped> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(NotWrapped("the file is larger than 128 MiB".into()));
    }
    match kind_of(&bytes) {
        Some(Kind::Jpeg) => photograph(bytes, origin),
        Some(Kind::Png) => picture(plain::of_png(&bytes)?, Kind::Png, origin),
        Some(Kind::Tiff) => picture(plain::of_tiff(&bytes)?, Kind::Tiff, origin),
        Some(Kind::Mp4) => video(bytes),
        Some(kind @ (Kind::Pdf | Kind::Cda)) => Ok(document(bytes, kind)),
        None => Err(NotWrapped("neither JPEG, PNG, TIFF, MP4 (H.264), PDF nor CDA".into())),
    }
}

fn class_of(origin: Origin) -> (&'static str, &'static str) {
    match origin {
        Origin::Photograph => (VL_PHOTOGRAPHIC, "XC"),
        Origin::Capture => (SECONDARY_CAPTURE, "OT"),
    }
}

/// Rows, columns, samples, bits and photometric interpretation (PS3.3 C.7.6.3).
fn pixels_of(set: &mut DataSet, (rows, columns): (u32, u32), samples: u32, bits: u32, photometric: &str) {
    for (tag, value) in [
        (tags::SAMPLES_PER_PIXEL, samples),
        (tags::ROWS, rows),
        (tags::COLUMNS, columns),
        (tags::BITS_ALLOCATED, if bits > 8 { 16 } else { 8 }),
        (tags::BITS_STORED, bits),
        (tags::HIGH_BIT, bits - 1),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        set.set_ints(tag, &[i64::from(value)]);
    }
    if samples > 1 {
        set.set_ints(tags::PLANAR_CONFIGURATION, &[0]);
    }
    set.set_text(tags::PHOTOMETRIC_INTERPRETATION, photometric);
}

fn fits_16_bits((rows, columns): (u32, u32)) -> Result<(), NotWrapped> {
    match (1..=0xFFFF).contains(&rows) && (1..=0xFFFF).contains(&columns) {
        true => Ok(()),
        false => Err(NotWrapped("a picture has at most 65,535 rows and columns".into())),
    }
}

fn photograph(bytes: Vec<u8>, origin: Origin) -> Result<Wrapped, NotWrapped> {
    let facts = jpeg::read(&bytes)?;
    fits_16_bits((facts.rows, facts.columns))?;
    let transfer_syntax = match facts.process {
        jpeg::Process::Baseline => JPEG_BASELINE,
        jpeg::Process::Extended => JPEG_EXTENDED,
        jpeg::Process::Lossless => JPEG_LOSSLESS,
    };
    let (sop_class, modality) = class_of(origin);
    let mut set = DataSet::new();
    pixels_of(&mut set, (facts.rows, facts.columns), facts.samples, facts.bits, facts.photometric);
    if facts.process != jpeg::Process::Lossless {
        lossy(
            &mut set,
            "ISO_10918_1",
            &bytes,
            f64::from(facts.rows) * f64::from(facts.columns) * f64::from(facts.samples),
        );
    }
    Ok(Wrapped {
        kind: Kind::Jpeg,
        sop_class,
        transfer_syntax,
        modality,
        set,
        bulk: Bulk::Encapsulated(bytes),
    })
}

/// Lossy Image Compression and what it saved (PS3.3 C.7.6.1.1.5).
fn lossy(set: &mut DataSet, method: &str, bytes: &[u8], plain: f64) {
    set.set_text(tags::LOSSY_IMAGE_COMPRESSION, "01");
    set.set_text(
        tags::LOSSY_IMAGE_COMPRESSION_RATIO,
        &format!("{:.2}", (plain / bytes.len() as f64).max(0.01)),
    );
    set.set_text(tags::LOSSY_IMAGE_COMPRESSION_METHOD, method);
}

/// A PNG or TIFF is decoded: no transfer syntax holds it as it is. What is transparent is put on white.
fn picture(plain: Plain, kind: Kind, origin: Origin) -> Result<Wrapped, NotWrapped> {
    fits_16_bits(plain.size)?;
    let Plain { size, samples, alpha, wide, mut values } = plain;
    if alpha {
        values = on_white(&values, samples, if wide { u16::MAX } else { 255 });
    }
    // Colours of 16 bits have no photometric interpretation that viewers read (PS3.3 A.32.4 wants 8).
    let bits = if wide && samples == 1 && origin == Origin::Capture { 16 } else { 8 };
    let bytes = match (wide, bits) {
        (true, 16) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        (true, _) => values.iter().map(|v| (v >> 8) as u8).collect(),
        (false, _) => values.iter().map(|v| *v as u8).collect(),
    };
    let (sop_class, modality) = class_of(origin);
    let mut set = DataSet::new();
    pixels_of(&mut set, size, samples as u32, bits, if samples == 1 { "MONOCHROME2" } else { "RGB" });
    set.set_text(tags::LOSSY_IMAGE_COMPRESSION, "00");
    Ok(Wrapped {
        kind,
        sop_class,
        transfer_syntax: uids::EXPLICIT_VR_LITTLE_ENDIAN,
        modality,
        set,
        bulk: Bulk::Pixels(bytes),
    })
}

fn on_white(values: &[u16], samples: usize, white: u16) -> Vec<u16> {
    let blend = |value: u16, alpha: u16| {
        let (value, alpha, white) = (u32::from(value), u32::from(alpha), u32::from(white));
        ((value * alpha + white * (white - alpha)) / white) as u16
    };
    values
        .chunks_exact(samples + 1)
        .flat_map(|pixel| pixel[..samples].iter().map(|v| blend(*v, pixel[samples])).collect::<Vec<u16>>())
        .collect()
}

fn video(bytes: Vec<u8>) -> Result<Wrapped, NotWrapped> {
    let facts = mp4::read(&bytes)?;
    fits_16_bits((facts.rows, facts.columns))?;
    let mut set = DataSet::new();
    pixels_of(&mut set, (facts.rows, facts.columns), 3, 8, "YBR_PARTIAL_420");
    set.set_ints(tags::NUMBER_OF_FRAMES, &[i64::from(facts.frames)]);
    let each = facts.milliseconds / f64::from(facts.frames.max(1));
    if !(1.0..=MILLISECONDS_A_FRAME_MAX).contains(&each) || facts.frames > VIDEO_FRAMES_MAX {
        return Err(NotWrapped("the video's frames and time are not those of a video".into()));
    }
    set.set_text(tags::FRAME_TIME, &format!("{each:.4}"));
    set.set_text(tags::CINE_RATE, &format!("{:.0}", (1_000.0 / each).max(1.0)));
    set.set_bytes(tags::FRAME_INCREMENT_POINTER, VR::AT, vec![0x18, 0x00, 0x63, 0x10]);
    lossy(
        &mut set,
        "ISO_14496_10",
        &bytes,
        f64::from(facts.rows) * f64::from(facts.columns) * 3.0 * f64::from(facts.frames),
    );
    Ok(Wrapped {
        kind: Kind::Mp4,
        sop_class: VIDEO_PHOTOGRAPHIC,
        transfer_syntax: facts.transfer_syntax,
        modality: "XC",
        set,
        bulk: Bulk::Encapsulated(bytes),
    })
}

fn document(bytes: Vec<u8>, kind: Kind) -> Wrapped {
    let (sop_class, media) = match kind {
        Kind::Pdf => (ENCAPSULATED_PDF, "application/pdf"),
        _ => (ENCAPSULATED_CDA, "text/XML"),
    };
    let mut set = DataSet::new();
    set.set_text(tags::MIME_TYPE_OF_ENCAPSULATED_DOCUMENT, media);
    set.set_ints(tags::ENCAPSULATED_DOCUMENT_LENGTH, &[i64::try_from(bytes.len()).unwrap_or(0)]);
    set.set_text(tags::BURNED_IN_ANNOTATION, "YES");
    Wrapped {
        kind,
        sop_class,
        transfer_syntax: uids::EXPLICIT_VR_LITTLE_ENDIAN,
        modality: "DOC",
        set,
        bulk: Bulk::Document(bytes),
    }
}

impl Wrapped {
    pub fn is_picture(&self) -> bool {
        !matches!(self.bulk, Bulk::Document(_))
    }

    /// The whole data set: what is said around it (patient, study, author), what the file says, and its bytes.
    pub fn write(self, around: &DataSet) -> Vec<u8> {
        let mut all = around.clone();
        all.set_charset(&Charset::utf8());
        self.set.iter().for_each(|element| all.put(element.clone()));
        all.set_text(tags::SOP_CLASS_UID, self.sop_class);
        all.set_text(tags::MODALITY, self.modality);
        let wide = self.set.int(tags::BITS_ALLOCATED) == Some(16);
        let (tag, vr) = match &self.bulk {
            Bulk::Pixels(_) if wide => (tags::PIXEL_DATA, VR::OW),
            _ => (tags::PIXEL_DATA, VR::OB),
        };
        if let Bulk::Document(bytes) = self.bulk {
            all.set_bytes(tags::ENCAPSULATED_DOCUMENT, VR::OB, bytes);
            return all.write(Coding::ExplicitLittle);
        }
        let mut out = all.write(Coding::ExplicitLittle);
        match self.bulk {
            Bulk::Document(bytes) | Bulk::Pixels(bytes) => {
                header(&mut out, tag, vr, bytes.len() + bytes.len() % 2, Coding::ExplicitLittle);
                append_even(&mut out, bytes);
            }
            Bulk::Encapsulated(bytes) => {
                header(&mut out, tag, vr, 0xFFFF_FFFF, Coding::ExplicitLittle);
                item_header(&mut out, ITEM, 0, Coding::ExplicitLittle);
                let length = u32::try_from(bytes.len() + bytes.len() % 2).expect("a file is far below 4 GiB");
                item_header(&mut out, ITEM, length, Coding::ExplicitLittle);
                append_even(&mut out, bytes);
                item_header(&mut out, SEQUENCE_DELIMITER, 0, Coding::ExplicitLittle);
            }
        }
        out
    }
}

const ITEM: Tag = Tag(0xFFFE, 0xE000);
const SEQUENCE_DELIMITER: Tag = Tag(0xFFFE, 0xE0DD);

fn append_even(out: &mut Vec<u8>, bytes: Vec<u8>) {
    let odd = bytes.len() % 2 == 1;
    out.extend(bytes);
    if odd {
        out.push(0);
    }
}

#[cfg(test)]
mod tests;
