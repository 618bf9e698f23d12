//! A message as it was received: every byte kept, segments and fields as spans into it (HL7 v2.5.1 chapter 2).
//!
//! Reading finds segments and fields in one pass; repetitions, components and subcomponents are cut where they are asked
//! for. Endings may be CR, LF or CRLF, mixed; blank lines, a byte order mark and framing left in are passed over. A line
//! that is no segment belongs to the field before it. Nothing is ever dropped: `pieces` put together are the input.

mod charset;
mod delimiters;
mod error;
mod escape;
mod file;
mod location;
mod part;
mod rebuild;
mod write;

pub use charset::Charset;
pub use delimiters::{Delimiters, USUAL};
pub use error::{Issue, IssueKind, ParseError};
pub use escape::{escape, unescape};
pub use file::{File, FilePart};
pub use location::Location;
pub use part::{Part, Segment};
pub use write::{MessageWriter, SegmentWriter};

use location::is_segment_name;
use std::borrow::Cow;

/// Longest message, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// Segments in one message.
pub const SEGMENTS_MAX: usize = 200_000;
/// Fields in one message.
pub const FIELDS_MAX: usize = 4_000_000;
/// Issues that are kept of one message; more are of no more use.
pub const ISSUES_MAX: usize = 100;

/// A message read; it owns the bytes.
#[derive(Debug, Clone)]
pub struct Message {
    bytes: Vec<u8>,
    segments: Vec<SegmentSpan>,
    /// Where each field begins: the byte after its separator.
    fields: Vec<u32>,
    delimiters: Delimiters,
    charset: Charset,
    issues: Vec<Issue>,
}

#[derive(Debug, Clone, Copy)]
struct SegmentSpan {
    start: u32,
    end: u32,
    /// Index of its first field, and how many.
    first: u32,
    count: u32,
}

impl Message {
    /// Reads one message. Bytes that are none are given back by the error's absence of them: keep a copy where the
    /// original must be kept whatever comes (house, invariant 6).
    pub fn parse(bytes: impl Into<Vec<u8>>) -> Result<Message, ParseError> {
        let bytes = bytes.into();
        let mut reading = Reading::begin(&bytes)?;
        reading.run()?;
        let Reading { delimiters, segments, fields, mut issues, .. } = reading;
        let unread =
            Message { bytes, segments, fields, delimiters, charset: Charset::Ascii, issues: Vec::new() };
        let (charset, odd) = {
            let header = unread.segments("MSH").next().ok_or(ParseError::NoMessage)?;
            let declared = header.field(18).repetition(1).raw();
            charset::decide(Charset::Ascii.decode(declared).trim(), &unread.bytes)
        };
        if let Some(kind) = odd {
            let position = unread.bytes.iter().position(|b| !b.is_ascii()).unwrap_or(0);
            issues.insert(0, Issue { kind, position });
        }
        Ok(Message { charset, issues, ..unread })
    }

    /// The message as received.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
    pub fn delimiters(&self) -> &Delimiters {
        &self.delimiters
    }
    /// The character set it is read in, which may not be the one that MSH-18 names.
    pub fn charset(&self) -> Charset {
        self.charset
    }
    /// What was odd; at most [`ISSUES_MAX`].
    pub fn issues(&self) -> &[Issue] {
        &self.issues
    }

    /// All segments in their order.
    pub fn all_segments(&self) -> impl Iterator<Item = Segment<'_>> {
        self.segments.iter().map(|span| Segment::new(self, *span))
    }
    /// The segments of a name, in their order.
    pub fn segments<'m>(&'m self, name: &str) -> impl Iterator<Item = Segment<'m>> {
        let name: [u8; 3] = name.as_bytes().try_into().unwrap_or_default();
        self.all_segments().filter(move |s| s.raw_name() == name)
    }
    /// The text at a place (`PID-3.1`), decoded and unescaped; empty where there is nothing. A place of no field is empty.
    pub fn get(&self, place: &str) -> Cow<'_, str> {
        Location::parse(place).and_then(|l| self.part(&l)).map_or(Cow::Borrowed(""), |p| p.text())
    }
    /// The part of the message at a place; `None` where no such segment is, or the place names a whole segment.
    pub fn part(&self, place: &Location) -> Option<Part<'_>> {
        let found = self.all_segments().filter(|s| s.raw_name() == place.segment);
        let field = found.into_iter().nth(place.occurrence.checked_sub(1)?)?.field(place.field);
        let part = match (place.repetition, place.component) {
            _ if place.field == 0 => return None,
            (0, 0) => return Some(field),
            (repetition, component) => (field.repetition(repetition.max(1)), component),
        };
        Some(match (part.1, place.subcomponent) {
            (0, _) => part.0,
            (component, 0) => part.0.component(component),
            (component, subcomponent) => part.0.component(component).subcomponent(subcomponent),
        })
    }
    /// `ADT^A04`: MSH-9 without the structure.
    pub fn kind(&self) -> String {
        let (code, trigger) = (self.get("MSH-9.1"), self.get("MSH-9.2"));
        if trigger.is_empty() { code.into_owned() } else { format!("{code}^{trigger}") }
    }
    /// MSH-10.
    pub fn control_id(&self) -> Cow<'_, str> {
        self.get("MSH-10")
    }

    /// Every byte in order, cut at what was found: gaps, segment names, fields with the separator before them.
    /// Put together they are the input.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let mut cuts: Vec<usize> = vec![0];
        for segment in &self.segments {
            cuts.push(segment.start as usize);
            let own = &self.fields[segment.first as usize..(segment.first + segment.count) as usize];
            cuts.extend(own.iter().map(|start| *start as usize - 1));
            cuts.push(segment.end as usize);
        }
        cuts.push(self.bytes.len());
        (1..cuts.len()).map(move |i| &self.bytes[cuts[i - 1]..cuts[i]])
    }
}

/// The pass over the bytes.
struct Reading<'b> {
    bytes: &'b [u8],
    /// Bytes from here on are framing.
    end: usize,
    start: usize,
    delimiters: Delimiters,
    /// The first line break of the message is a lone LF: segments end so.
    ends_with_lf: bool,
    segments: Vec<SegmentSpan>,
    fields: Vec<u32>,
    issues: Vec<Issue>,
    headers: usize,
}

const BOM: [u8; 3] = [0xEF, 0xBB, 0xBF];

fn is_blank(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | b' ' | b'\t')
}

/// Blanks, and what MLLP and files leave around a message: VT, FS, NUL, SUB.
fn is_noise(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, 0x0B | 0x1C | 0x00 | 0x1A)
}

impl<'b> Reading<'b> {
    fn begin(bytes: &'b [u8]) -> Result<Reading<'b>, ParseError> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(ParseError::TooLong { limit: MESSAGE_BYTES_MAX });
        }
        if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
            return Err(ParseError::WideCharacters);
        }
        let mut issues = Vec::new();
        let marked = bytes.starts_with(&BOM);
        if marked {
            issues.push(Issue { kind: IssueKind::ByteOrderMark, position: 0 });
        }
        let after_mark = if marked { BOM.len() } else { 0 };
        let noise = bytes[after_mark..].iter().take_while(|b| is_noise(**b)).count();
        let start = after_mark + noise;
        if start == bytes.len() {
            return Err(ParseError::Empty);
        }
        if noise > 0 {
            issues.push(Issue { kind: IssueKind::NoiseBefore, position: after_mark });
        }
        if !is_header(&bytes[start..]) {
            return Err(ParseError::NoHeader { position: start });
        }
        let separator = bytes.get(start + 3).copied().filter(|b| delimiters::may_delimit(*b));
        let separator = separator.ok_or(ParseError::FieldSeparator { position: start + 3 })?;
        let rest = &bytes[start + 4..];
        let length = memchr::memchr3(separator, b'\r', b'\n', rest).unwrap_or(rest.len());
        let (delimiters, whole) = Delimiters::read(separator, &rest[..length]);
        if !whole {
            issues.push(Issue { kind: IssueKind::EncodingCharacters, position: start + 4 });
        }
        let first_break = memchr::memchr2(b'\r', b'\n', rest).map(|i| rest[i]);
        let end = bytes.len() - bytes.iter().rev().take_while(|b| is_noise(**b)).count();
        if bytes[end..].iter().any(|b| !is_blank(*b)) {
            issues.push(Issue { kind: IssueKind::NoiseAfter, position: end });
        }
        let ends_with_lf = first_break == Some(b'\n');
        let (segments, fields) = (Vec::with_capacity(16), Vec::with_capacity(bytes.len() / 8 + 16));
        Ok(Reading { bytes, end, start, delimiters, ends_with_lf, segments, fields, issues, headers: 0 })
    }

    fn run(&mut self) -> Result<(), ParseError> {
        let (bytes, base) = (self.bytes, self.start);
        self.open(base)?;
        let mut resume = base;
        for at in memchr::memchr3_iter(self.delimiters.field, b'\r', b'\n', &bytes[base..self.end]) {
            let at = at + base;
            if at < resume {
                continue;
            }
            if bytes[at] == self.delimiters.field {
                if self.fields.len() == FIELDS_MAX {
                    return Err(ParseError::TooManyFields { limit: FIELDS_MAX, position: at });
                }
                self.fields.push(offset(at + 1));
                continue;
            }
            let blanks = bytes[at..self.end].iter().take_while(|b| is_blank(**b)).count();
            let next = at + blanks;
            if self.begins_segment(at, next) {
                self.close(at);
                if matches!(bytes[next - 1], b' ' | b'\t') {
                    self.note(IssueKind::LeadingBlank, next);
                }
                self.open(next)?;
            } else {
                self.note(IssueKind::LineBreakInField, at);
                // Right after a segment's name the line break stands where the separator should: field 1 begins.
                if self.segments.last().is_some_and(|s| s.start as usize + 3 == at) {
                    self.fields.push(offset(at + 1));
                }
            }
            resume = next;
        }
        self.close(self.end);
        if self.headers == 0 { Err(ParseError::NoMessage) } else { Ok(()) }
    }

    /// Whether a line break at `at` ends a segment, with the next text at `next`.
    fn begins_segment(&self, at: usize, next: usize) -> bool {
        let Some(name) = self.bytes[next..self.end].first_chunk::<3>() else { return false };
        if !is_segment_name(*name) {
            return false;
        }
        match self.bytes[..self.end].get(next + 3) {
            Some(b) if *b == self.delimiters.field => true,
            // A segment without fields; after a lone LF in a message whose segments end in CR it is rather text.
            None | Some(b'\r' | b'\n') => self.ends_with_lf || self.bytes[at..next].contains(&b'\r'),
            Some(_) => false,
        }
    }

    fn open(&mut self, at: usize) -> Result<(), ParseError> {
        if self.segments.len() == SEGMENTS_MAX {
            return Err(ParseError::TooManySegments { limit: SEGMENTS_MAX, position: at });
        }
        if self.bytes[at..].starts_with(b"MSH") {
            self.headers += 1;
            if self.headers > 1 {
                return Err(ParseError::SecondMessage { position: at });
            }
        }
        self.segments.push(SegmentSpan {
            start: offset(at),
            end: 0,
            first: offset(self.fields.len()),
            count: 0,
        });
        Ok(())
    }

    fn close(&mut self, at: usize) {
        let fields = offset(self.fields.len());
        if let Some(open) = self.segments.last_mut() {
            open.end = offset(at);
            open.count = fields - open.first;
        }
    }

    fn note(&mut self, kind: IssueKind, position: usize) {
        if self.issues.len() < ISSUES_MAX {
            self.issues.push(Issue { kind, position });
        }
    }
}

fn is_header(bytes: &[u8]) -> bool {
    [b"MSH", b"FHS", b"BHS"].iter().any(|h| bytes.starts_with(*h))
}

/// Offsets fit: a message is no longer than [`MESSAGE_BYTES_MAX`].
fn offset(at: usize) -> u32 {
    u32::try_from(at).expect("a message is at most 16 MiB")
}
