//! Segments and what is in them, cut where they are asked for (HL7 v2.5.1 sections 2.4 to 2.6).

use super::{Message, SegmentSpan, escape};
use std::borrow::Cow;

/// One segment of a message.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'m> {
    message: &'m Message,
    span: SegmentSpan,
}

impl<'m> Segment<'m> {
    pub(super) fn new(message: &'m Message, span: SegmentSpan) -> Self {
        Segment { message, span }
    }
    pub fn message(&self) -> &'m Message {
        self.message
    }
    pub(crate) fn raw_name(&self) -> [u8; 3] {
        let name = &self.message.bytes[self.span.start as usize..];
        *name.first_chunk::<3>().expect("a segment begins with its name")
    }
    /// `PID`.
    pub fn name(&self) -> &'m str {
        let start = self.span.start as usize;
        std::str::from_utf8(&self.message.bytes[start..start + 3]).unwrap_or("")
    }
    /// Byte offset of its name.
    pub fn position(&self) -> usize {
        self.span.start as usize
    }
    /// The whole segment as received, without its ending.
    pub fn raw(&self) -> &'m [u8] {
        &self.message.bytes[self.span.start as usize..self.span.end as usize]
    }
    pub(super) fn is_header(&self) -> bool {
        super::is_header(self.raw())
    }
    /// How many fields it has, counted as the standard counts (MSH-1 is the separator).
    pub fn field_count(&self) -> usize {
        self.span.count as usize + usize::from(self.is_header())
    }
    /// A field, counted from 1; an empty part where there is none.
    pub fn field(&self, number: usize) -> Part<'m> {
        let header = self.is_header();
        if header && number == 1 {
            return Part::new(self.message, self.span.start + 3, self.span.start + 4, Depth::Whole);
        }
        let at = number.wrapping_sub(1 + usize::from(header));
        if at >= self.span.count as usize {
            return Part::new(self.message, self.span.end, self.span.end, Depth::Field);
        }
        let own =
            &self.message.fields[self.span.first as usize..(self.span.first + self.span.count) as usize];
        let end = own.get(at + 1).map_or(self.span.end, |next| next - 1);
        // MSH-2 is the delimiters themselves.
        let depth = if header && number == 2 { Depth::Whole } else { Depth::Field };
        Part::new(self.message, own[at], end, depth)
    }
    pub fn fields(&self) -> impl Iterator<Item = (usize, Part<'m>)> + use<'m> {
        let this = *self;
        (1..=this.field_count()).map(move |n| (n, this.field(n)))
    }
}

/// How deep a part is; what is `Whole` is not cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    Field,
    Repetition,
    Component,
    Subcomponent,
    Whole,
}

/// A field, a repetition, a component or a subcomponent: a span of the message.
///
/// Asking a field for a component asks its first repetition; asking a component for a component gives itself as the first.
#[derive(Debug, Clone, Copy)]
pub struct Part<'m> {
    message: &'m Message,
    start: u32,
    end: u32,
    depth: Depth,
}

impl<'m> Part<'m> {
    fn new(message: &'m Message, start: u32, end: u32, depth: Depth) -> Self {
        Part { message, start, end, depth }
    }
    pub fn message(&self) -> &'m Message {
        self.message
    }
    pub fn raw(&self) -> &'m [u8] {
        &self.message.bytes[self.start as usize..self.end as usize]
    }
    /// Byte offsets from the beginning of the message.
    pub fn span(&self) -> (usize, usize) {
        (self.start as usize, self.end as usize)
    }
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }
    /// `""`: the sender says that there is no value, and that an old one is to go.
    pub fn is_null(&self) -> bool {
        self.raw() == b"\"\""
    }
    /// The text: decoded and unescaped.
    pub fn text(&self) -> Cow<'m, str> {
        let decoded = self.message.charset.decode(self.raw());
        if self.depth == Depth::Whole {
            return decoded;
        }
        escape::unescape(decoded, &self.message.delimiters, self.message.charset)
    }
    pub fn repetitions(&self) -> impl Iterator<Item = Part<'m>> + use<'m> {
        self.cut(Depth::Field, Depth::Repetition, self.message.delimiters.repetition)
    }
    pub fn components(&self) -> impl Iterator<Item = Part<'m>> + use<'m> {
        let one = self.repetition(1);
        one.cut(Depth::Repetition, Depth::Component, self.message.delimiters.component)
    }
    pub fn subcomponents(&self) -> impl Iterator<Item = Part<'m>> + use<'m> {
        let one = self.component(1);
        one.cut(Depth::Component, Depth::Subcomponent, self.message.delimiters.subcomponent)
    }
    /// A repetition, counted from 1; an empty part where there is none.
    pub fn repetition(&self, number: usize) -> Part<'m> {
        self.nth(Depth::Field, Depth::Repetition, self.message.delimiters.repetition, number)
    }
    pub fn component(&self, number: usize) -> Part<'m> {
        let one = self.repetition(1);
        one.nth(Depth::Repetition, Depth::Component, self.message.delimiters.component, number)
    }
    pub fn subcomponent(&self, number: usize) -> Part<'m> {
        let one = self.component(1);
        one.nth(Depth::Component, Depth::Subcomponent, self.message.delimiters.subcomponent, number)
    }

    /// The n-th component of a field or repetition; the n-th subcomponent of a component: a data type reads the same at both.
    pub(crate) fn piece(&self, number: usize) -> Part<'m> {
        if self.depth >= Depth::Component { self.subcomponent(number) } else { self.component(number) }
    }

    fn nth(self, from: Depth, into: Depth, sign: u8, number: usize) -> Part<'m> {
        let none = Part { start: self.end, depth: into, ..self };
        match number.checked_sub(1) {
            Some(0) if self.depth > from => self,
            Some(n) => self.cut(from, into, sign).nth(n).unwrap_or(none),
            None => none,
        }
    }
    /// The parts between signs; the part itself where it is deeper already.
    fn cut(self, from: Depth, into: Depth, sign: u8) -> impl Iterator<Item = Part<'m>> + use<'m> {
        let (mut at, mut done) = (self.start, false);
        let deeper = self.depth > from;
        std::iter::from_fn(move || {
            if done {
                return None;
            }
            let rest = &self.message.bytes[at as usize..self.end as usize];
            let length = if deeper { None } else { memchr::memchr(sign, rest) };
            let start = at;
            let end = match length.and_then(|n| u32::try_from(n).ok()) {
                Some(n) => start + n,
                None => self.end,
            };
            done = length.is_none();
            at = (end + 1).min(self.end);
            Some(Part { start, end, depth: if deeper { self.depth } else { into }, ..self })
        })
    }
}
