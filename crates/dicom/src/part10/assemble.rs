//! The data set of an object whose header and bulk data came apart (PS3.18 sections 8.7.3 and 10.5, PS3.5 annex A.4).

use dicom_core::{Tag, VR};

use crate::dataset::DataSet;
use crate::dataset::write::{header, item_header, write_element};
use crate::dictionary::{Coding, transfer_syntax};
use crate::tags;

/// The longest value that an explicit length can say.
pub const VALUE_BYTES_MAX: u64 = 0xFFFF_FFFE;

/// A value that stands elsewhere, in pieces of these lengths; the caller knows each by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apart {
    pub tag: Tag,
    pub vr: VR,
    pub pieces: Vec<(usize, u64)>,
    /// Each piece is a frame in a compression.
    pub encapsulated: bool,
}

/// What follows next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assembled {
    Made(Vec<u8>),
    /// All of a piece that the caller has.
    Piece(usize),
}

const CODING: Coding = Coding::ExplicitLittle;

/// Header and values in the order of their tags, in explicit VR little endian. No value is longer than [`VALUE_BYTES_MAX`].
pub fn assemble(dataset: &DataSet, mut apart: Vec<Apart>) -> Vec<Assembled> {
    apart.sort_by_key(|value| value.tag);
    let mut out = Vec::new();
    let mut made = Vec::new();
    let mut apart = apart.iter().peekable();
    for element in dataset.iter().filter(|e| e.tag.0 > 2 && e.tag.1 != 0) {
        while let Some(value) = apart.next_if(|value| value.tag < element.tag) {
            put(value, &mut made, &mut out);
        }
        write_element(element, &mut made, CODING);
    }
    apart.for_each(|value| put(value, &mut made, &mut out));
    out.push(Assembled::Made(made));
    out
}

fn put(value: &Apart, made: &mut Vec<u8>, out: &mut Vec<Assembled>) {
    let whole: u64 = value.pieces.iter().map(|(_, length)| length).sum();
    let said = if value.encapsulated { u64::from(u32::MAX) } else { whole + whole % 2 };
    header(made, value.tag, value.vr, usize::try_from(said).unwrap_or(usize::MAX), CODING);
    if value.encapsulated {
        item_header(made, Tag(0xFFFE, 0xE000), 0, CODING);
    }
    for (number, length) in &value.pieces {
        if value.encapsulated {
            let even = u32::try_from(length + length % 2).unwrap_or(u32::MAX);
            item_header(made, Tag(0xFFFE, 0xE000), even, CODING);
        }
        out.push(Assembled::Made(std::mem::take(made)));
        out.push(Assembled::Piece(*number));
        if value.encapsulated && length % 2 == 1 {
            made.push(0);
        }
    }
    match value.encapsulated {
        true => item_header(made, Tag(0xFFFE, 0xE0DD), 0, CODING),
        false if whole % 2 == 1 => made.push(0),
        false => {}
    }
}

/// Media types of compressed pixels with the ends of their transfer syntaxes below 1.2.840.10008.1.2, the default first (PS3.18 table 8.7.3-2).
const COMPRESSIONS: [(&str, &[&str]); 10] = [
    ("image/jpeg", &["4.70", "4.50", "4.51", "4.57"]),
    ("image/dicom-rle", &["5"]),
    ("image/jls", &["4.80", "4.81"]),
    ("image/jp2", &["4.90", "4.91"]),
    ("image/jpx", &["4.92", "4.93"]),
    ("image/jphc", &["4.201", "4.202", "4.203"]),
    ("image/jxl", &["4.110", "4.111", "4.112"]),
    ("video/mpeg", &["4.100", "4.101"]),
    ("video/mpeg2", &["4.100", "4.101"]),
    ("video/mp4", &["4.102", "4.103", "4.104", "4.105", "4.106", "4.107", "4.108"]),
];

/// The transfer syntax of pixels of a media type: the one that the metadata say where the type allows it, else what the first bytes tell
/// (JPEG), else the type's default. `None` for bytes without compression.
pub fn compression_of(media_type: &str, said: Option<&str>, first: &[u8]) -> Option<&'static str> {
    let (_, ends) = COMPRESSIONS.iter().find(|(kind, _)| *kind == media_type)?;
    let said = said.and_then(|uid| uid.strip_prefix("1.2.840.10008.1.2."));
    let named = ends.iter().find(|end| said == Some(**end)).copied();
    let told = || if media_type == "image/jpeg" { jpeg_process(first) } else { None };
    let end = named.or_else(told).or(ends.first().copied())?;
    transfer_syntax(&format!("1.2.840.10008.1.2.{end}")).map(|syntax| syntax.uid)
}

/// Told from the frame header (ITU-T T.81 table B.1).
fn jpeg_process(first: &[u8]) -> Option<&'static str> {
    let mut at = 2;
    loop {
        let [0xFF, marker, high, low] = first.get(at..at + 4)? else { return None };
        match marker {
            0xC0 => return Some("4.50"),
            0xC1 => return Some("4.51"),
            0xC3 => return Some("4.70"),
            _ => at += 2 + usize::from(u16::from_be_bytes([*high, *low])),
        }
    }
}

/// The bytes that the header says the native pixels have; `None` where it does not tell.
pub fn native_length(dataset: &DataSet) -> Option<u64> {
    let number = |tag| dataset.int(tag).and_then(|n| u64::try_from(n).ok());
    let photometric = dataset.text(tags::PHOTOMETRIC_INTERPRETATION).unwrap_or_default();
    if photometric.contains("42") {
        return None;
    }
    let frames = number(tags::NUMBER_OF_FRAMES).unwrap_or(1);
    let samples = number(tags::SAMPLES_PER_PIXEL).unwrap_or(1);
    let pixels = number(tags::ROWS)?.checked_mul(number(tags::COLUMNS)?)?.checked_mul(samples)?;
    let bits = pixels.checked_mul(frames)?.checked_mul(number(tags::BITS_ALLOCATED)?)?;
    Some(bits.div_ceil(8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part10::{Parser, write_file_meta};

    fn header_of(rows: i64, frames: i64) -> DataSet {
        let mut set = DataSet::new();
        set.set_text(tags::SOP_INSTANCE_UID, "1.2.3");
        set.set_ints(tags::NUMBER_OF_FRAMES, &[frames]);
        set.set_ints(tags::SAMPLES_PER_PIXEL, &[1]);
        set.set_ints(tags::ROWS, &[rows]);
        set.set_ints(tags::COLUMNS, &[3]);
        set.set_ints(tags::BITS_ALLOCATED, &[8]);
        set.set_bytes(Tag(0xFFFC, 0xFFFC), VR::OB, [1, 2]);
        set
    }

    fn file(syntax: &str, set: &DataSet, apart: Vec<Apart>, pieces: &[&[u8]]) -> Vec<u8> {
        let mut file = write_file_meta("1.2.840.10008.5.1.4.1.1.7", "1.2.3", syntax, "");
        for next in assemble(set, apart) {
            match next {
                Assembled::Made(bytes) => file.extend(bytes),
                Assembled::Piece(number) => file.extend_from_slice(pieces[number]),
            }
        }
        file
    }

    fn read(file: &[u8]) -> crate::part10::Header {
        let mut parser = Parser::part10();
        parser.feed(file).expect("it reads");
        parser.finish().expect("it is whole")
    }

    #[test]
    fn native_pixels_stand_between_the_elements_around_them() {
        let set = header_of(3, 1);
        let pixels: Vec<u8> = (0..9).collect();
        let apart = Apart { tag: tags::PIXEL_DATA, vr: VR::OB, pieces: vec![(0, 9)], encapsulated: false };
        let made = file("1.2.840.10008.1.2.1", &set, vec![apart], &[&pixels]);
        let header = read(&made);
        assert_eq!(native_length(&set), Some(9));
        assert_eq!(header.frames.len(), 1);
        let at = usize::try_from(header.frames[0].offset).expect("short");
        assert_eq!(&made[at..at + 9], &pixels[..]);
        assert!(header.dataset.contains(Tag(0xFFFC, 0xFFFC)), "what follows is read");
    }

    #[test]
    fn frames_in_a_compression_are_fragments_of_even_length() {
        let set = header_of(3, 2);
        let apart =
            Apart { tag: tags::PIXEL_DATA, vr: VR::OB, pieces: vec![(0, 5), (1, 4)], encapsulated: true };
        let made = file("1.2.840.10008.1.2.5", &set, vec![apart], &[&[9; 5], &[8; 4]]);
        let header = read(&made);
        assert_eq!(header.frames.len(), 2, "{:?}", header.issues);
        assert!(header.dataset.contains(Tag(0xFFFC, 0xFFFC)));
    }

    #[test]
    fn what_kind_of_jpeg_it_is_stands_in_its_header() {
        let of = |marker: u8| [0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 1, 1, 0xFF, marker, 0, 11];
        let told = |said, first: &[u8]| compression_of("image/jpeg", said, first);
        assert_eq!(told(None, &of(0xC0)), Some("1.2.840.10008.1.2.4.50"));
        assert_eq!(told(None, &of(0xC1)), Some("1.2.840.10008.1.2.4.51"));
        assert_eq!(told(None, &of(0xC3)), Some("1.2.840.10008.1.2.4.70"));
        assert_eq!(told(None, b""), Some("1.2.840.10008.1.2.4.70"));
        assert_eq!(told(Some("1.2.840.10008.1.2.4.57"), b""), Some("1.2.840.10008.1.2.4.57"));
        assert_eq!(told(Some("1.2.840.10008.1.2.4.90"), &of(0xC0)), Some("1.2.840.10008.1.2.4.50"));
        assert_eq!(compression_of("application/octet-stream", None, b""), None);
        for (kind, ends) in COMPRESSIONS {
            assert!(
                ends.iter().all(|end| transfer_syntax(&format!("1.2.840.10008.1.2.{end}")).is_some()),
                "{kind}"
            );
        }
    }
}
