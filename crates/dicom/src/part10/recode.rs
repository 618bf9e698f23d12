//! An object in another native transfer syntax while it streams: headers written anew, bulk values as they are stored (PS3.5 annex A).

use dicom_core::{Tag, VR};

use super::{Bulk, Header};
use crate::dataset::DataSet;
use crate::dataset::write::{header, item_header, write_element};
use crate::dictionary::Coding;
use crate::element::{Element, Value};
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

/// What follows next in the object as it is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Made(Vec<u8>),
    /// A range of the stored bytes.
    Stored {
        offset: u64,
        length: u64,
    },
}

/// The data set of an object in another coding, from implicit to explicit VR little endian or back: pixel bytes stay what
/// they are. `None` where more than the headers would have to change (byte order, deflation, encapsulated pixels).
pub fn recode(read: &Header, to: Coding) -> Option<Vec<Piece>> {
    let little = |c| matches!(c, Coding::ImplicitLittle | Coding::ExplicitLittle);
    let encapsulated = read.bulk.iter().any(|b| b.encapsulated);
    if !little(read.coding) || !little(to) || read.inflated || encapsulated {
        return None;
    }
    let signed = read.dataset.int(tags::PIXEL_REPRESENTATION) == Some(1);
    let mut out = Recoding { to, signed, pieces: Vec::new(), made: Vec::new() };
    let bulk: Vec<&Bulk> = read.bulk.iter().collect();
    out.set(&read.dataset, &bulk, 0);
    out.close();
    Some(out.pieces)
}

struct Recoding {
    to: Coding,
    signed: bool,
    pieces: Vec<Piece>,
    made: Vec<u8>,
}

impl Recoding {
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
        let odd = bulk.length % 2;
        let length = usize::try_from(bulk.length + odd).unwrap_or(UNDEFINED);
        header(&mut self.made, bulk.path.tag, bulk.vr, length, self.to);
        self.close();
        self.pieces.push(Piece::Stored { offset: bulk.offset, length: bulk.length });
        if odd == 1 {
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
    fn pixels_that_would_have_to_change_are_not_recoded() {
        let set = sample();
        let bytes = set.write(Coding::ExplicitBig);
        assert_eq!(recode(&read(&bytes, "1.2.840.10008.1.2.2"), Coding::ImplicitLittle), None);
    }
}
