//! An object in another native transfer syntax while it streams: headers written anew, bulk values as they are stored (PS3.5 annex A).

use dicom_core::{Tag, VR};

use super::{Bulk, Header};
use crate::dataset::write::{header, item_header, write_element};
use crate::dataset::{DataSet, TagPath};
use crate::dictionary::Coding;
use crate::element::{Element, Value};
use crate::pixel::{self, ImageInfo};
use crate::tags;

const UNDEFINED: usize = 0xFFFF_FFFF;
const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_DELIMITER: Tag = Tag(0xFFFE, 0xE00D);
const SEQUENCE_DELIMITER: Tag = Tag(0xFFFE, 0xE0DD);

/// Values whose VR is US or SS as the pixels are (PS3.6, "US or SS"); implicit VR does not say which.
const AS_THE_PIXELS: &[Tag] = &[
    tags::SMALLEST_IMAGE_PIXEL_VALUE,
    tags::LARGEST_IMAGE_PIXEL_VALUE,
    tags::SMALLEST_PIXEL_VALUE_IN_SERIES,
    tags::LARGEST_PIXEL_VALUE_IN_SERIES,
    tags::PIXEL_PADDING_VALUE,
    tags::PIXEL_PADDING_RANGE_LIMIT,
];

/// Where compressed frames stand: nothing of it is true of native pixels.
const OFFSET_TABLES: &[Tag] = &[tags::EXTENDED_OFFSET_TABLE, tags::EXTENDED_OFFSET_TABLE_LENGTHS];

/// Frames that become larger are not expanded: one stands in memory as a whole.
pub const EXPANDED_FRAME_BYTES_MAX: usize = 128 << 20;

/// What follows next in the object as it is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Made(Vec<u8>),
    /// A range of the stored bytes.
    Stored {
        offset: u64,
        length: u64,
    },
    /// A frame (from 0) of the pixel data, to be expanded to native pixels of so many bytes.
    Expanded {
        frame: usize,
        length: usize,
    },
}

/// The data set of an object in another coding, from implicit to explicit VR little endian or back: pixel bytes stay what
/// they are, compressed frames are expanded. `None` where more would have to change (byte order, deflation), or cannot.
pub fn recode(read: &Header, to: Coding) -> Option<Vec<Piece>> {
    let little = |c| matches!(c, Coding::ImplicitLittle | Coding::ExplicitLittle);
    if !little(read.coding) || !little(to) || read.inflated {
        return None;
    }
    let expanded = match read.bulk.iter().any(|b| b.encapsulated) {
        true => Some(Expansion::of(read, to)?),
        false => None,
    };
    let signed = read.dataset.int(tags::PIXEL_REPRESENTATION) == Some(1);
    let set = expanded.as_ref().map_or(&read.dataset, |e| &e.set);
    let mut out = Recoding { to, signed, expanded: expanded.as_ref(), pieces: Vec::new(), made: Vec::new() };
    let bulk: Vec<&Bulk> = read.bulk.iter().collect();
    out.set(set, &bulk, 0);
    out.close();
    Some(out.pieces)
}

/// An object in the coding in which it stands, with another data set about the same pixels, which are sent as they are stored.
/// Of the large values those in `bulk` go along. `None` for a deflated object: its bytes cannot be taken by range.
pub fn rewrite(read: &Header, set: &DataSet, bulk: &[Bulk]) -> Option<Vec<Piece>> {
    if read.inflated {
        return None;
    }
    let bulk: Vec<&Bulk> = bulk.iter().collect();
    let mut out =
        Recoding { to: read.coding, signed: false, expanded: None, pieces: Vec::new(), made: Vec::new() };
    out.set(set, &bulk, 0);
    out.close();
    Some(out.pieces)
}

/// What becomes of compressed pixel data.
struct Expansion {
    /// The data set as it is true of native pixels.
    set: DataSet,
    vr: VR,
    frames: usize,
    frame_bytes: usize,
}

impl Expansion {
    fn of(read: &Header, to: Coding) -> Option<Expansion> {
        let info = ImageInfo::of_header(read, 0).ok()?;
        let pixels = TagPath::root(tags::PIXEL_DATA);
        let in_icon = |b: &Bulk| b.path.items.first().is_some_and(|(t, _)| *t == tags::ICON_IMAGE_SEQUENCE);
        let only_pixels = read.bulk.iter().all(|b| !b.encapsulated || b.path == pixels || in_icon(b));
        if !pixel::is_expandable(&read.transfer_syntax) || !only_pixels || read.frames.len() != info.frames {
            return None;
        }
        let frame_bytes = pixel::plain_length(&info).ok().filter(|n| *n <= EXPANDED_FRAME_BYTES_MAX)?;
        // A native value has its length in 32 bits.
        frame_bytes.checked_mul(info.frames).filter(|all| *all < UNDEFINED - 1)?;
        let mut set = read.dataset.clone();
        if let Some(term) = pixel::plain_photometric(&info, &read.transfer_syntax) {
            set.set_text(tags::PHOTOMETRIC_INTERPRETATION, term);
        }
        if info.samples > 1 {
            set.set_ints(tags::PLANAR_CONFIGURATION, &[0]);
        }
        for tag in OFFSET_TABLES {
            set.remove(*tag);
        }
        // A compressed icon is left out: it is optional, and a picture of the picture.
        if read.bulk.iter().any(|b| b.encapsulated && in_icon(b)) {
            set.remove(tags::ICON_IMAGE_SEQUENCE);
        }
        let wide = info.bits_allocated > 8 || to == Coding::ImplicitLittle;
        Some(Expansion { set, vr: if wide { VR::OW } else { VR::OB }, frames: info.frames, frame_bytes })
    }
}

struct Recoding<'a> {
    to: Coding,
    signed: bool,
    expanded: Option<&'a Expansion>,
    pieces: Vec<Piece>,
    made: Vec<u8>,
}

impl Recoding<'_> {
    /// The elements of a set and the bulk values that stand in it, at this depth of their paths, in the order of tags.
    fn set(&mut self, set: &DataSet, bulk: &[&Bulk], depth: usize) {
        let mut here: Vec<&Bulk> = bulk.iter().copied().filter(|b| b.path.items.len() == depth).collect();
        here.sort_by_key(|b| b.path.tag);
        let mut here = here.into_iter().peekable();
        for element in set {
            while let Some(value) = here.next_if(|b| b.path.tag < element.tag) {
                self.bulk(value);
            }
            if element.tag.1 == 0 && element.tag.0 > 2 {
                continue;
            }
            let below: Vec<&Bulk> = bulk
                .iter()
                .copied()
                .filter(|b| b.path.items.get(depth).is_some_and(|(tag, _)| *tag == element.tag))
                .collect();
            match &element.value {
                Value::Items(items) if !below.is_empty() => self.sequence(element, items, &below, depth),
                _ => self.element(element),
            }
        }
        here.for_each(|value| self.bulk(value));
    }

    fn element(&mut self, element: &Element) {
        if self.signed && element.vr == VR::US && AS_THE_PIXELS.contains(&element.tag) {
            let signed = Element { vr: VR::SS, ..element.clone() };
            return write_element(&signed, &mut self.made, self.to);
        }
        write_element(element, &mut self.made, self.to);
    }

    /// With delimiters: its length would count bytes that are not read here.
    fn sequence(&mut self, element: &Element, items: &[DataSet], bulk: &[&Bulk], depth: usize) {
        header(&mut self.made, element.tag, VR::SQ, UNDEFINED, self.to);
        for (number, item) in items.iter().enumerate() {
            item_header(&mut self.made, ITEM, UNDEFINED as u32, self.to);
            let inside: Vec<&Bulk> =
                bulk.iter().copied().filter(|b| b.path.items[depth].1 == number).collect();
            self.set(item, &inside, depth + 1);
            item_header(&mut self.made, ITEM_DELIMITER, 0, self.to);
        }
        item_header(&mut self.made, SEQUENCE_DELIMITER, 0, self.to);
    }

    fn bulk(&mut self, bulk: &Bulk) {
        match self.expanded {
            Some(expansion) if bulk.encapsulated => return self.pixels(bulk.path.tag, expansion),
            Some(_) if OFFSET_TABLES.contains(&bulk.path.tag) => return,
            None if bulk.encapsulated => return self.fragments(bulk),
            _ => {}
        }
        let odd = bulk.length % 2;
        let length = usize::try_from(bulk.length + odd).unwrap_or(UNDEFINED);
        header(&mut self.made, bulk.path.tag, bulk.vr, length, self.to);
        self.close();
        self.pieces.push(Piece::Stored { offset: bulk.offset, length: bulk.length });
        if odd == 1 {
            self.made.push(0);
        }
    }

    /// Compressed pixel data as they stand.
    fn fragments(&mut self, bulk: &Bulk) {
        header(&mut self.made, bulk.path.tag, bulk.vr, UNDEFINED, self.to);
        self.close();
        self.pieces.push(Piece::Stored { offset: bulk.offset, length: bulk.length });
        item_header(&mut self.made, SEQUENCE_DELIMITER, 0, self.to);
    }

    fn pixels(&mut self, tag: Tag, expansion: &Expansion) {
        let all = expansion.frames * expansion.frame_bytes;
        header(&mut self.made, tag, expansion.vr, all + all % 2, self.to);
        self.close();
        let length = expansion.frame_bytes;
        self.pieces.extend((0..expansion.frames).map(|frame| Piece::Expanded { frame, length }));
        if all % 2 == 1 {
            self.made.push(0);
        }
    }

    fn close(&mut self) {
        if !self.made.is_empty() {
            self.pieces.push(Piece::Made(std::mem::take(&mut self.made)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part10::Parser;

    /// A set with a small and a large value, the large one also inside a sequence.
    fn sample() -> DataSet {
        let mut icon = DataSet::new();
        icon.set_text(tags::ROWS, "4");
        icon.set_bytes(tags::PIXEL_DATA, VR::OW, vec![7; 70_000]);
        let mut set = DataSet::new();
        set.set_text(tags::PATIENT_ID, "1");
        set.set_items(tags::ICON_IMAGE_SEQUENCE, vec![DataSet::new(), icon]);
        set.set_text(tags::PIXEL_REPRESENTATION, "1");
        set.set_text_as(tags::PIXEL_PADDING_VALUE, VR::SS, "-2000");
        set.set_bytes(tags::PIXEL_DATA, VR::OW, vec![9; 100_000]);
        set
    }

    fn put_together(pieces: &[Piece], stored: &[u8]) -> Vec<u8> {
        pieces
            .iter()
            .flat_map(|piece| match piece {
                Piece::Made(bytes) => bytes.clone(),
                Piece::Stored { offset, length } => {
                    stored[*offset as usize..(*offset + *length) as usize].to_vec()
                }
                Piece::Expanded { .. } => panic!("nothing here is compressed"),
            })
            .collect()
    }

    fn read(bytes: &[u8], syntax: &str) -> Header {
        let mut parser = Parser::data_set(syntax, 0).expect("a syntax");
        parser.feed(bytes).expect("it is read");
        parser.finish().expect("it is whole")
    }

    #[test]
    fn an_object_there_and_back_holds_the_same_values() {
        let set = sample();
        let (implicit, explicit) = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1");
        let began = set.write(Coding::ExplicitLittle);
        let there = put_together(
            &recode(&read(&began, explicit), Coding::ImplicitLittle).expect("only headers change"),
            &began,
        );
        assert_eq!(DataSet::read(&there, Coding::ImplicitLittle).expect("read").int(tags::ROWS), None);
        let back = put_together(
            &recode(&read(&there, implicit), Coding::ExplicitLittle).expect("only headers change"),
            &there,
        );
        assert_eq!(DataSet::read(&back, Coding::ExplicitLittle).expect("read"), set);
    }

    #[test]
    fn compressed_frames_are_expanded_and_the_header_says_so() {
        let mut set = DataSet::new();
        set.set_text(tags::PHOTOMETRIC_INTERPRETATION, "RGB");
        for (tag, n) in [
            (tags::SAMPLES_PER_PIXEL, 3),
            (tags::PLANAR_CONFIGURATION, 1),
            (tags::ROWS, 1),
            (tags::COLUMNS, 2),
            (tags::BITS_ALLOCATED, 8),
            (tags::BITS_STORED, 8),
            (tags::HIGH_BIT, 7),
            (tags::PIXEL_REPRESENTATION, 0),
        ] {
            set.set_ints(tag, &[n]);
        }
        let mut bytes = set.write(Coding::ExplicitLittle);
        bytes.extend([0xE0, 0x7F, 0x10, 0, b'O', b'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
        bytes.extend([0xFE, 0xFF, 0x00, 0xE0, 0, 0, 0, 0]);
        // Three planes of two literal bytes each.
        let mut frame = Vec::new();
        for n in [3_u32, 64, 67, 70] {
            frame.extend(n.to_le_bytes());
        }
        frame.resize(64, 0);
        frame.extend([1, 10, 11, 1, 20, 21, 1, 30, 31, 0]);
        bytes.extend([0xFE, 0xFF, 0x00, 0xE0]);
        bytes.extend((frame.len() as u32).to_le_bytes());
        bytes.extend(&frame);
        bytes.extend([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
        let read = read(&bytes, "1.2.840.10008.1.2.5");
        let pieces = recode(&read, Coding::ExplicitLittle).expect("RLE is expanded");
        let [Piece::Made(made), Piece::Expanded { frame: 0, length: 6 }] = &pieces[..] else {
            panic!("{pieces:?}")
        };
        let mut whole = made.clone();
        let info = ImageInfo::of_header(&read, 0).expect("an image");
        let plain = pixel::plain_frame(&info, &read.transfer_syntax, &frame).expect("a frame");
        assert_eq!(plain, [10, 20, 30, 11, 21, 31], "colours pixel by pixel");
        whole.extend(plain);
        let set = DataSet::read(&whole, Coding::ExplicitLittle).expect("a native data set");
        assert_eq!(set.int(tags::PLANAR_CONFIGURATION), Some(0));
        let pixels = set.get(tags::PIXEL_DATA).expect("pixel data");
        assert_eq!(pixels.value, Value::Bytes([10, 20, 30, 11, 21, 31].into()));
    }

    #[test]
    fn pixels_that_would_have_to_change_are_not_recoded() {
        let set = sample();
        let bytes = set.write(Coding::ExplicitBig);
        assert_eq!(recode(&read(&bytes, "1.2.840.10008.1.2.2"), Coding::ImplicitLittle), None);
    }
}
