//! The file's format: an eight-byte mark, a table of strings, then the sections; read by `badiano_fhir::schema`.
//!
//! Whole numbers are LEB128. A string is its index in the table; index 0 is the empty string. A list is its
//! length and its items. Strings are numbered by first use, so that the same input gives the same bytes.

use std::collections::HashMap;

/// Changes with the format; the reader refuses another one.
const MARK: &[u8; 8] = b"BFHIR4\0\x01";

pub struct Writer {
    index: HashMap<String, u64>,
    strings: Vec<String>,
    body: Vec<u8>,
}

impl Default for Writer {
    fn default() -> Self {
        let mut writer = Writer { index: HashMap::new(), strings: Vec::new(), body: Vec::new() };
        writer.intern("");
        writer
    }
}

impl Writer {
    fn intern(&mut self, text: &str) -> u64 {
        if let Some(&at) = self.index.get(text) {
            return at;
        }
        let at = self.strings.len() as u64;
        self.strings.push(text.to_owned());
        self.index.insert(text.to_owned(), at);
        at
    }

    pub fn number(&mut self, n: u64) {
        leb128(n, &mut self.body);
    }

    pub fn string(&mut self, text: &str) {
        let at = self.intern(text);
        self.number(at);
    }

    pub fn strings<'t>(&mut self, texts: impl ExactSizeIterator<Item = &'t str>) {
        self.number(texts.len() as u64);
        for text in texts {
            self.string(text);
        }
    }

    pub fn finish(self) -> Vec<u8> {
        let mut out = MARK.to_vec();
        leb128(self.strings.len() as u64, &mut out);
        for text in &self.strings {
            leb128(text.len() as u64, &mut out);
            out.extend_from_slice(text.as_bytes());
        }
        out.extend_from_slice(&self.body);
        out
    }
}

fn leb128(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_stored_once_and_numbers_take_seven_bits_a_byte() {
        let mut writer = Writer::default();
        writer.string("a");
        writer.string("");
        writer.string("a");
        writer.number(300);
        assert_eq!(writer.finish(), [MARK.as_slice(), &[2, 0, 1, b'a', 1, 0, 1, 0xAC, 0x02]].concat());
    }
}
