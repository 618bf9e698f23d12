//! Writing messages: segments from numbered fields, endings CR (HL7 v2.5.1 section 2.6).

use super::charset::Charset;
use super::delimiters::{Delimiters, USUAL};
use super::escape;

/// A message in the making.
#[derive(Debug, Clone)]
pub struct MessageWriter {
    delimiters: Delimiters,
    text: String,
}

/// A segment in the making: fields by number, as they are written (already escaped where they are built of parts).
#[derive(Debug, Clone)]
pub struct SegmentWriter {
    name: &'static str,
    delimiters: Delimiters,
    fields: Vec<String>,
}

impl SegmentWriter {
    /// Puts text into a field, escaped.
    #[must_use]
    pub fn text(self, number: usize, text: &str) -> Self {
        let escaped = escape::escape(text, &self.delimiters);
        self.raw(number, escaped)
    }
    /// Puts components into a field, each escaped; empty ones at the end are left out.
    #[must_use]
    pub fn components(self, number: usize, texts: &[&str]) -> Self {
        let joined = self.joined(texts);
        self.raw(number, joined)
    }
    /// Adds a repetition of components to a field.
    #[must_use]
    pub fn repetition(mut self, number: usize, texts: &[&str]) -> Self {
        let joined = self.joined(texts);
        let sign = char::from(self.delimiters.repetition);
        let field = self.slot(number);
        if !field.is_empty() {
            field.push(sign);
        }
        field.push_str(&joined);
        self
    }
    /// Puts what is written already.
    #[must_use]
    pub fn raw(mut self, number: usize, written: impl Into<String>) -> Self {
        *self.slot(number) = written.into();
        self
    }

    fn slot(&mut self, number: usize) -> &mut String {
        if self.fields.len() < number {
            self.fields.resize(number, String::new());
        }
        &mut self.fields[number.max(1) - 1]
    }
    fn joined(&self, texts: &[&str]) -> String {
        let kept = texts.iter().rposition(|t| !t.is_empty()).map_or(0, |last| last + 1);
        let sign = char::from(self.delimiters.component).to_string();
        texts[..kept].iter().map(|t| escape::escape(t, &self.delimiters)).collect::<Vec<_>>().join(&sign)
    }
    fn print(&self, out: &mut String) {
        let sign = char::from(self.delimiters.field);
        out.push_str(self.name);
        // MSH-1 is the separator itself.
        let fields = if self.name == "MSH" { self.fields.get(1..).unwrap_or(&[]) } else { &self.fields };
        let kept = fields.iter().rposition(|f| !f.is_empty()).map_or(0, |last| last + 1);
        for field in &fields[..kept] {
            out.push(sign);
            out.push_str(field);
        }
        out.push('\r');
    }
}

impl Default for MessageWriter {
    fn default() -> Self {
        MessageWriter::new(USUAL)
    }
}

impl MessageWriter {
    pub fn new(delimiters: Delimiters) -> Self {
        MessageWriter { delimiters, text: String::new() }
    }
    pub fn delimiters(&self) -> Delimiters {
        self.delimiters
    }
    /// A segment to fill; MSH comes with its delimiters.
    pub fn segment(&self, name: &'static str) -> SegmentWriter {
        let empty = SegmentWriter { name, delimiters: self.delimiters, fields: Vec::new() };
        if name == "MSH" { empty.raw(2, self.delimiters.encoding_characters()) } else { empty }
    }
    pub fn push(&mut self, segment: &SegmentWriter) {
        segment.print(&mut self.text);
    }
    /// The message in a character set, and how many characters that set had no place for.
    pub fn finish(self, charset: Charset) -> (Vec<u8>, usize) {
        charset.encode(&self.text)
    }
}
