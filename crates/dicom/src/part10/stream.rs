//! The state machine that reads elements from pieces of input (PS3.5 section 7.1 to 7.5, A.4).

use dicom_core::{Tag, VR};

use super::{
    Bulk, DEPTH_MAX, FRAGMENTS_MAX, FRAMES_MAX, HEADER_BYTES_MAX, LUT_KEPT_MAX, ParseError, ParseErrorKind,
    VALUE_KEPT_MAX,
};
use crate::charset::Charset;
use crate::dataset::{DataSet, SPECIFIC_CHARACTER_SET, TagPath};
use crate::dictionary::{self, Coding};
use crate::element::{Element, Value, has_long_length, swap};
use crate::tags;

const UNDEFINED: u32 = 0xFFFF_FFFF;
const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_DELIMITER: Tag = Tag(0xFFFE, 0xE00D);
const SEQUENCE_DELIMITER: Tag = Tag(0xFFFE, 0xE0DD);
const EXTENDED_OFFSET_TABLE: Tag = Tag(0x7FE0, 0x0001);
/// What an element or item costs besides the bytes of its value.
const OVERHEAD: usize = 64;
/// More issues than this say nothing new.
const ISSUES_MAX: usize = 100;

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    Header,
    All,
    /// Group 0002 only; stops before the first other element.
    FileMeta,
}

/// One fragment of the pixel data.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fragment {
    pub offset: u64,
    pub length: u32,
    pub starts_code_stream: bool,
}

impl Fragment {
    pub fn item_offset(&self) -> u64 {
        self.offset - 8
    }
}

/// Where the pixel data of the data set (not of an item) stand.
#[derive(Debug, Default)]
pub(super) struct Pixels {
    /// Offset and length of native pixel data.
    pub native: Option<(u64, u64)>,
    pub fragments: Vec<Fragment>,
    pub basic_offsets: Vec<u64>,
    pub extended_offsets: Vec<u64>,
    /// There were more fragments than are located.
    pub uncounted: bool,
}

/// What was read.
pub(super) struct Read {
    pub dataset: DataSet,
    pub bulk: Vec<Bulk>,
    pub pixels: Option<Pixels>,
    pub issues: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Header,
    LongHeader,
    Value { tag: Tag, vr: VR, length: usize },
    Skip { left: u64 },
    FragmentHeader,
    FragmentValue { length: usize },
    FragmentSkip { left: u64 },
    Padding,
}

/// A data set that is being filled.
#[derive(Default)]
struct Building {
    elements: Vec<Element>,
    charset: Charset,
    signed: bool,
}

enum Kind {
    Set(Building),
    Sequence { tag: Tag, items: Vec<DataSet>, coding_around: Coding },
}

struct Level {
    kind: Kind,
    /// Where it ends, when its length is defined.
    end: Option<u64>,
    /// Where the nearest defined length around ends.
    limit: u64,
}

/// Encapsulated pixel data that are being read.
struct Encapsulated {
    tag: Tag,
    vr: VR,
    start: u64,
    root: bool,
    /// Fragments seen, the Basic Offset Table counted.
    seen: usize,
    kept: Vec<Box<[u8]>>,
    current: Fragment,
    /// First bytes of the current fragment.
    head: Vec<u8>,
}

pub(super) struct Stream {
    coding: Coding,
    keep: Keep,
    base: u64,
    position: u64,
    pending: Vec<u8>,
    state: State,
    stack: Vec<Level>,
    encapsulated: Option<Encapsulated>,
    meta_end: Option<u64>,
    meta_deflated: bool,
    stopped: bool,
    kept: usize,
    bulk: Vec<Bulk>,
    pixels: Option<Pixels>,
    extended_offsets: Vec<u64>,
    issues: Vec<String>,
}

type Result<T> = std::result::Result<T, ParseError>;

impl Stream {
    pub fn new(coding: Coding, keep: Keep, position: u64, base: u64) -> Stream {
        let root = Level { kind: Kind::Set(Building::default()), end: None, limit: u64::MAX };
        Stream {
            coding,
            keep,
            base,
            position,
            pending: Vec::new(),
            state: State::Header,
            stack: vec![root],
            encapsulated: None,
            meta_end: None,
            meta_deflated: false,
            stopped: false,
            kept: 0,
            bulk: Vec::new(),
            pixels: None,
            extended_offsets: Vec::new(),
            issues: Vec::new(),
        }
    }

    pub fn file_meta() -> Stream {
        Stream::new(Coding::ExplicitLittle, Keep::FileMeta, 132, 0)
    }

    pub fn position(&self) -> u64 {
        self.position
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Takes bytes; how many. Fewer than given only when the File Meta Information came to its end.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<usize> {
        let mut at = 0;
        loop {
            if self.stopped {
                return Ok(at);
            }
            let rest = &chunk[at..];
            match self.state {
                State::Skip { left } | State::FragmentSkip { left } => {
                    at += self.skip(left, rest);
                    if matches!(self.state, State::Skip { .. } | State::FragmentSkip { .. }) {
                        return Ok(at);
                    }
                    continue;
                }
                State::Padding => {
                    if rest.iter().any(|byte| *byte != 0) {
                        return Err(self.error(ParseErrorKind::Misplaced, None));
                    }
                    self.position += rest.len() as u64;
                    return Ok(chunk.len());
                }
                _ => {}
            }
            let take = self.needed().saturating_sub(self.pending.len()).min(rest.len());
            self.pending.extend_from_slice(&rest[..take]);
            at += take;
            if self.pending.len() < self.needed() {
                return Ok(at);
            }
            self.step()?;
        }
    }

    fn needed(&self) -> usize {
        match self.state {
            State::LongHeader => 12,
            State::Value { length, .. } | State::FragmentValue { length } => length,
            _ => 8,
        }
    }

    /// Passes over bulk; how many bytes of `rest` belonged to it.
    fn skip(&mut self, left: u64, rest: &[u8]) -> usize {
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
        self.position += take as u64;
        let left = left - take as u64;
        let fragment = matches!(self.state, State::FragmentSkip { .. });
        if let Some(pixels) = self.encapsulated.as_mut().filter(|_| fragment) {
            let wanted = 4_usize.saturating_sub(pixels.head.len()).min(take);
            pixels.head.extend_from_slice(&rest[..wanted]);
        }
        match (fragment, left) {
            (false, 0) => self.next_header(),
            (false, left) => self.state = State::Skip { left },
            (true, 0) => self.end_fragment(),
            (true, left) => self.state = State::FragmentSkip { left },
        }
        take
    }

    fn step(&mut self) -> Result<()> {
        match self.state {
            State::Header => self.header(),
            State::LongHeader => {
                let header = std::mem::take(&mut self.pending);
                let vr = VR::from_binary([header[4], header[5]]).unwrap_or(VR::UN);
                let length = self.long(&header[8..12]);
                self.open(self.tag(&header), vr, length, 12)
            }
            State::Value { tag, vr, .. } => {
                let bytes = std::mem::take(&mut self.pending);
                self.position += bytes.len() as u64;
                self.value(tag, vr, bytes);
                self.next_header();
                Ok(())
            }
            State::FragmentHeader => self.fragment_header(),
            State::FragmentValue { .. } => {
                let bytes = std::mem::take(&mut self.pending);
                self.position += bytes.len() as u64;
                if let Some(pixels) = &mut self.encapsulated {
                    if pixels.root && pixels.seen == 1 {
                        let offsets = bytes
                            .chunks_exact(4)
                            .map(|b| u64::from(u32::from_le_bytes([b[0], b[1], b[2], b[3]])));
                        self.pixels.get_or_insert_default().basic_offsets = offsets.collect();
                    }
                    pixels.kept.push(bytes.into());
                }
                self.end_fragment();
                Ok(())
            }
            State::Skip { .. } | State::FragmentSkip { .. } | State::Padding => Ok(()),
        }
    }

    /// Eight bytes: the whole header of implicit VR, items and short VRs.
    fn header(&mut self) -> Result<()> {
        let tag = self.tag(&self.pending);
        if self.keep == Keep::FileMeta && self.at_end_of_meta(tag) {
            self.stopped = true;
            return Ok(());
        }
        if self.position + 8 > self.level().limit {
            return Err(self.error(ParseErrorKind::BeyondParent, Some(tag)));
        }
        if self.stack.len() == 1 && self.pending.iter().all(|byte| *byte == 0) {
            self.issue("zero bytes follow the data set");
            self.position += 8;
            self.pending.clear();
            self.state = State::Padding;
            return Ok(());
        }
        if tag.0 == 0xFFFE {
            let header = std::mem::take(&mut self.pending);
            let length = self.long(&header[4..8]);
            return self.delimiter(tag, length);
        }
        if matches!(self.level().kind, Kind::Sequence { .. }) {
            return Err(self.error(ParseErrorKind::Misplaced, Some(tag)));
        }
        if self.coding == Coding::ImplicitLittle {
            let header = std::mem::take(&mut self.pending);
            let length = self.long(&header[4..8]);
            let vr = self.implicit_vr(tag);
            return self.open(tag, vr, length, 8);
        }
        let letters = [self.pending[4], self.pending[5]];
        match VR::from_binary(letters) {
            Some(vr) if !has_long_length(vr) => {
                let header = std::mem::take(&mut self.pending);
                let length = u32::from(self.word(&header[6..8]));
                self.open(tag, vr, length, 8)
            }
            Some(_) => {
                self.state = State::LongHeader;
                Ok(())
            }
            // VRs that this version does not know have the long form (PS3.5 6.2).
            None if letters.iter().all(u8::is_ascii_uppercase) => {
                self.issue(&format!("{tag} has an unknown value representation: kept as UN"));
                self.state = State::LongHeader;
                Ok(())
            }
            None => Err(self.error(ParseErrorKind::BadVr, Some(tag))),
        }
    }

    fn at_end_of_meta(&self, tag: Tag) -> bool {
        tag.0 != 2 || (self.meta_deflated && self.meta_end == Some(self.position))
    }

    /// The VR that PS3.5 Annex A.1 gives an element without one.
    fn implicit_vr(&self, tag: Tag) -> VR {
        match dictionary::vr(tag) {
            VR::US if dictionary::is_us_or_ss(tag) && self.is_signed() => VR::SS,
            vr => vr,
        }
    }

    /// Pixel Representation of this data set or of the nearest around it.
    fn is_signed(&self) -> bool {
        self.stack.iter().any(|level| matches!(&level.kind, Kind::Set(set) if set.signed))
    }

    /// An element whose header of `header_length` bytes was read.
    fn open(&mut self, tag: Tag, vr: VR, length: u32, header_length: u64) -> Result<()> {
        let start = self.position;
        self.position += header_length;
        self.charge(OVERHEAD, tag)?;
        if length == UNDEFINED {
            return self.open_undefined(tag, vr, start);
        }
        let end = self.position + u64::from(length);
        if end > self.level().limit {
            self.position = start;
            return Err(self.error(ParseErrorKind::BeyondParent, Some(tag)));
        }
        if vr == VR::SQ {
            return self.open_sequence(tag, Some(end), self.coding);
        }
        let root = self.stack.len() == 1;
        if tag.1 == 0 && !matches!(tag.0, 0 | 2) {
            // Group lengths are retired and would be wrong after any change.
            self.state = State::Skip { left: u64::from(length) };
            if length == 0 {
                self.next_header();
            }
            return Ok(());
        }
        let offsets = root && tag == EXTENDED_OFFSET_TABLE && length as usize <= 8 * FRAMES_MAX;
        if self.is_bulk(tag, u64::from(length)) && !offsets {
            self.add_bulk(tag, vr, self.position, u64::from(length), false);
            if root
                && matches!(tag, tags::PIXEL_DATA | tags::FLOAT_PIXEL_DATA | tags::DOUBLE_FLOAT_PIXEL_DATA)
            {
                let offset = self.base + self.position;
                self.pixels.get_or_insert_default().native = Some((offset, u64::from(length)));
            }
            self.state = State::Skip { left: u64::from(length) };
            if length == 0 {
                self.next_header();
            }
            return Ok(());
        }
        self.charge(length as usize, tag)?;
        self.state = State::Value { tag, vr, length: length as usize };
        Ok(())
    }

    fn open_undefined(&mut self, tag: Tag, vr: VR, start: u64) -> Result<()> {
        match vr {
            VR::OB | VR::OW if self.encapsulated.is_none() => {
                self.encapsulated = Some(Encapsulated {
                    tag,
                    vr,
                    start: self.position,
                    root: self.stack.len() == 1 && tag == tags::PIXEL_DATA && self.keep == Keep::Header,
                    seen: 0,
                    kept: Vec::new(),
                    current: Fragment { offset: 0, length: 0, starts_code_stream: false },
                    head: Vec::new(),
                });
                self.state = State::FragmentHeader;
                Ok(())
            }
            VR::SQ => self.open_sequence(tag, None, self.coding),
            // UN of undefined length is a sequence in implicit VR (PS3.5 6.2.2 note 4).
            VR::UN if self.coding != Coding::ExplicitBig => {
                self.open_sequence(tag, None, Coding::ImplicitLittle)
            }
            _ => {
                self.position = start;
                Err(self.error(ParseErrorKind::UndefinedLength, Some(tag)))
            }
        }
    }

    fn open_sequence(&mut self, tag: Tag, end: Option<u64>, coding_inside: Coding) -> Result<()> {
        if self.stack.len() >= 2 * DEPTH_MAX {
            return Err(self.error(ParseErrorKind::TooDeep, Some(tag)));
        }
        let kind = Kind::Sequence { tag, items: Vec::new(), coding_around: self.coding };
        let limit = end.unwrap_or(self.level().limit);
        self.stack.push(Level { kind, end, limit });
        self.coding = coding_inside;
        self.next_header();
        Ok(())
    }

    /// An item, or the end of an item or sequence.
    fn delimiter(&mut self, tag: Tag, length: u32) -> Result<()> {
        let start = self.position;
        self.position += 8;
        let in_sequence = matches!(self.level().kind, Kind::Sequence { .. });
        match tag {
            ITEM if in_sequence => {
                self.charge(OVERHEAD, tag)?;
                let end = (length != UNDEFINED).then(|| self.position + u64::from(length));
                let around = self.level().limit;
                if end.is_some_and(|end| end > around) {
                    self.position = start;
                    return Err(self.error(ParseErrorKind::BeyondParent, Some(tag)));
                }
                let charset = self.charset_around();
                let set = Building { charset, ..Building::default() };
                self.stack.push(Level { kind: Kind::Set(set), end, limit: end.unwrap_or(around) });
                self.next_header();
                Ok(())
            }
            ITEM_DELIMITER if !in_sequence && self.stack.len() > 1 => {
                if self.level().end.is_none() {
                    self.close();
                } else {
                    self.issue("an item of defined length holds a delimiter");
                }
                self.next_header();
                Ok(())
            }
            SEQUENCE_DELIMITER if in_sequence => {
                if self.level().end.is_none() {
                    self.close();
                } else {
                    self.issue("a sequence of defined length holds a delimiter");
                }
                self.next_header();
                Ok(())
            }
            _ => {
                self.position = start;
                Err(self.error(ParseErrorKind::Misplaced, Some(tag)))
            }
        }
    }

    fn charset_around(&self) -> Charset {
        let sets = self.stack.iter().rev().filter_map(|level| match &level.kind {
            Kind::Set(set) => Some(set.charset.clone()),
            Kind::Sequence { .. } => None,
        });
        sets.into_iter().next().unwrap_or_default()
    }

    fn fragment_header(&mut self) -> Result<()> {
        let header = std::mem::take(&mut self.pending);
        let (tag, length) = (self.tag(&header), self.long(&header[4..8]));
        let end = self.position + 8 + if tag == ITEM { u64::from(length) } else { 0 };
        let Some(pixels) = &mut self.encapsulated else {
            return Err(self.error(ParseErrorKind::Misplaced, Some(tag)));
        };
        match tag {
            _ if end > self.stack.last().map_or(u64::MAX, |level| level.limit) => {
                Err(self.error(ParseErrorKind::BeyondParent, Some(tag)))
            }
            ITEM if length == UNDEFINED => Err(self.error(ParseErrorKind::UndefinedLength, Some(tag))),
            ITEM => {
                self.position += 8;
                pixels.seen += 1;
                let offset = self.base + self.position;
                pixels.current = Fragment { offset, length, starts_code_stream: false };
                pixels.head.clear();
                let table = pixels.root && pixels.seen == 1 && length as usize <= 4 * FRAMES_MAX;
                let keep_all = self.keep == Keep::All;
                if keep_all {
                    self.charge(OVERHEAD + length as usize, tag)?;
                }
                self.state = match keep_all || table {
                    true => State::FragmentValue { length: length as usize },
                    false => State::FragmentSkip { left: u64::from(length) },
                };
                if length == 0 && !(keep_all || table) {
                    self.end_fragment();
                }
                Ok(())
            }
            SEQUENCE_DELIMITER => {
                self.end_encapsulated();
                Ok(())
            }
            _ => Err(self.error(ParseErrorKind::Misplaced, Some(tag))),
        }
    }

    fn end_fragment(&mut self) {
        self.state = State::FragmentHeader;
        let Some(pixels) = &mut self.encapsulated else { return };
        if !pixels.root || pixels.seen < 2 {
            return;
        }
        let found = self.pixels.get_or_insert_default();
        if found.fragments.len() >= FRAGMENTS_MAX {
            found.uncounted = true;
            return;
        }
        let head = &pixels.head;
        // JPEG and JPEG-LS, JPEG 2000, and its boxed form.
        let starts =
            [&[0xFF, 0xD8][..], &[0xFF, 0x4F], &[0, 0, 0, 12]].iter().any(|mark| head.starts_with(mark));
        found.fragments.push(Fragment { starts_code_stream: starts, ..pixels.current });
    }

    fn end_encapsulated(&mut self) {
        let end = self.position;
        self.position += 8;
        let Some(pixels) = self.encapsulated.take() else { return };
        if pixels.root {
            self.pixels.get_or_insert_default();
        }
        if self.keep == Keep::All {
            self.push(Element { tag: pixels.tag, vr: pixels.vr, value: Value::Fragments(pixels.kept) });
        } else {
            self.add_bulk(pixels.tag, pixels.vr, pixels.start, end - pixels.start, true);
        }
        self.next_header();
    }

    fn is_bulk(&self, tag: Tag, length: u64) -> bool {
        let lut = matches!(
            tag,
            tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DATA
                | tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA
                | tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA
                | tags::LUT_DATA
        );
        match self.keep {
            Keep::Header => tag.0 == 0x7FE0 || length > if lut { LUT_KEPT_MAX } else { VALUE_KEPT_MAX },
            Keep::All | Keep::FileMeta => false,
        }
    }

    fn add_bulk(&mut self, tag: Tag, vr: VR, start: u64, length: u64, encapsulated: bool) {
        let items = self.stack.iter().filter_map(|level| match &level.kind {
            Kind::Sequence { tag, items, .. } => Some((*tag, items.len())),
            Kind::Set(_) => None,
        });
        let path = TagPath { items: items.collect(), tag };
        self.bulk.push(Bulk { path, vr, offset: self.base + start, length, encapsulated });
    }

    fn value(&mut self, tag: Tag, vr: VR, mut bytes: Vec<u8>) {
        if self.coding == Coding::ExplicitBig {
            swap(vr, &mut bytes);
        }
        if self.keep == Keep::Header && self.stack.len() == 1 && tag == EXTENDED_OFFSET_TABLE {
            let length = bytes.len() as u64;
            let numbers = bytes.chunks_exact(8).map(|chunk| {
                let mut wide = [0_u8; 8];
                wide.copy_from_slice(chunk);
                u64::from_le_bytes(wide)
            });
            self.extended_offsets = numbers.collect();
            self.kept = self.kept.saturating_sub(bytes.len());
            self.add_bulk(tag, vr, self.position - length, length, false);
            return;
        }
        if self.keep == Keep::FileMeta {
            if tag == tags::FILE_META_INFORMATION_GROUP_LENGTH && bytes.len() == 4 {
                let length = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                self.meta_end = Some(self.position + u64::from(length));
            }
            if tag == tags::TRANSFER_SYNTAX_UID {
                self.meta_deflated = String::from_utf8_lossy(&bytes).trim_end_matches(['\0', ' '])
                    == dictionary::uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN;
            }
        }
        let value = match vr {
            VR::UN if dictionary::vr(tag) == VR::SQ => self.sequence_in_un(tag, &bytes).map(Value::Items),
            _ => None,
        };
        match value {
            Some(items) => self.push(Element { tag, vr: VR::SQ, value: items }),
            None => self.push(Element { tag, vr, value: Value::Bytes(bytes.into()) }),
        }
    }

    /// The items of a known sequence that a relay without a dictionary wrote as UN: they are in implicit VR (PS3.5
    /// 6.2.2 note 4). `None` when they are not. Inside implicit VR there is no UN, so this never nests.
    fn sequence_in_un(&self, tag: Tag, bytes: &[u8]) -> Option<Vec<DataSet>> {
        let mut stream = Stream::new(Coding::ImplicitLittle, Keep::All, 0, 0);
        let set = Building { charset: self.charset_around(), ..Building::default() };
        stream.stack = vec![Level { kind: Kind::Set(set), end: None, limit: u64::MAX }];
        let length = u32::try_from(bytes.len()).ok()?;
        stream.feed(&[tag.0.to_le_bytes(), tag.1.to_le_bytes()].concat()).ok()?;
        stream.feed(&length.to_le_bytes()).ok()?;
        stream.feed(bytes).ok()?;
        let read = stream.finish().ok()?;
        Some(read.dataset.items(tag).to_vec())
    }

    /// Adds an element to the data set that is being filled.
    fn push(&mut self, element: Element) {
        let mut unknown = None;
        if let Some(Level { kind: Kind::Set(set), .. }) = self.stack.last_mut() {
            if element.tag == SPECIFIC_CHARACTER_SET {
                let value = String::from_utf8_lossy(element.bytes()).replace('\0', " ");
                (set.charset, unknown) = Charset::parse(&value);
            }
            if element.tag == tags::PIXEL_REPRESENTATION {
                set.signed = element.bytes().first() == Some(&1);
            }
            set.elements.push(element);
        }
        if let Some(unknown) = unknown {
            self.issue(&unknown);
        }
    }

    /// Ends the innermost item or sequence.
    fn close(&mut self) {
        let Some(level) = self.stack.pop() else { return };
        match level.kind {
            Kind::Set(set) => {
                let set = self.built(set);
                if let Some(Level { kind: Kind::Sequence { items, .. }, .. }) = self.stack.last_mut() {
                    items.push(set);
                }
            }
            Kind::Sequence { tag, items, coding_around } => {
                self.coding = coding_around;
                self.push(Element { tag, vr: VR::SQ, value: Value::Items(items) });
            }
        }
    }

    fn built(&mut self, set: Building) -> DataSet {
        let (set, disorder) = DataSet::of_elements(set.elements, set.charset);
        if disorder {
            self.issue("elements are out of order or stand twice; the last of each counts");
        }
        set
    }

    /// Ready for the next header; items and sequences that end here are closed.
    fn next_header(&mut self) {
        self.state = State::Header;
        while self.stack.len() > 1 && self.level().end == Some(self.position) {
            self.close();
        }
    }

    /// Ends the File Meta Information: the bytes after it that were read, and its elements.
    pub fn end_meta(mut self) -> Result<(Vec<u8>, DataSet)> {
        let pending = std::mem::take(&mut self.pending);
        let whole = matches!(self.state, State::Header) && self.stack.len() == 1;
        let deflated = self.meta_deflated && self.meta_end == Some(self.position);
        if !(whole && (self.stopped || pending.is_empty() || deflated)) {
            self.position += pending.len() as u64;
            return Err(self.error(ParseErrorKind::Truncated, None));
        }
        Ok((pending, self.finish()?.dataset))
    }

    /// The input has ended.
    pub fn finish(mut self) -> Result<Read> {
        let between = matches!(self.state, State::Header | State::Padding) && self.stack.len() == 1;
        let padding = self.pending.iter().all(|byte| *byte == 0);
        if !between || !padding {
            self.position += self.pending.len() as u64;
            return Err(self.error(ParseErrorKind::Truncated, None));
        }
        let dataset = match self.stack.pop() {
            Some(Level { kind: Kind::Set(set), .. }) => self.built(set),
            _ => DataSet::new(),
        };
        let extended_offsets = std::mem::take(&mut self.extended_offsets);
        let pixels = self.pixels.map(|pixels| Pixels { extended_offsets, ..pixels });
        Ok(Read { dataset, bulk: self.bulk, pixels, issues: self.issues })
    }

    fn level(&self) -> &Level {
        self.stack.last().expect("the data set itself is never closed while bytes come")
    }

    fn charge(&mut self, bytes: usize, tag: Tag) -> Result<()> {
        self.kept = self.kept.saturating_add(bytes);
        if self.kept > HEADER_BYTES_MAX {
            return Err(self.error(ParseErrorKind::TooLarge, Some(tag)));
        }
        Ok(())
    }

    fn issue(&mut self, text: &str) {
        if self.issues.len() < ISSUES_MAX && !self.issues.iter().any(|known| known == text) {
            self.issues.push(text.to_owned());
        }
    }

    fn error(&self, kind: ParseErrorKind, tag: Option<Tag>) -> ParseError {
        ParseError { kind, position: self.position, tag }
    }

    fn word(&self, bytes: &[u8]) -> u16 {
        match self.coding {
            Coding::ExplicitBig => u16::from_be_bytes([bytes[0], bytes[1]]),
            _ => u16::from_le_bytes([bytes[0], bytes[1]]),
        }
    }

    fn long(&self, bytes: &[u8]) -> u32 {
        match self.coding {
            Coding::ExplicitBig => u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
            _ => u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
        }
    }

    fn tag(&self, header: &[u8]) -> Tag {
        Tag(self.word(&header[0..2]), self.word(&header[2..4]))
    }
}
