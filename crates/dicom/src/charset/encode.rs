//! Text to the bytes of a value, with escape sequences where more than one repertoire is declared (PS3.5 section 6.1.2.5).

use super::{Charset, Repertoire};

pub(super) fn encode(text: &str, charset: &Charset) -> (Vec<u8>, Vec<char>) {
    if text.is_ascii() {
        return (text.as_bytes().to_vec(), Vec::new());
    }
    if charset.first() == Repertoire::Utf8 {
        return (text.as_bytes().to_vec(), Vec::new());
    }
    let mut writer = Writer { charset, active: charset.first(), bytes: Vec::new(), unfit: Vec::new() };
    for c in text.chars() {
        writer.push(c);
    }
    writer.ascii();
    (writer.bytes, writer.unfit)
}

struct Writer<'a> {
    charset: &'a Charset,
    /// The repertoire that the last escape sequence chose.
    active: Repertoire,
    bytes: Vec<u8>,
    unfit: Vec<char>,
}

impl Writer<'_> {
    fn push(&mut self, c: char) {
        if c.is_ascii() {
            self.ascii();
            if matches!(c, '\\' | '^' | '=' | '\r' | '\n' | '\t' | '\u{c}') {
                self.active = self.charset.first();
            }
            // The guard above keeps this within one byte.
            self.bytes.push(c as u8);
            return;
        }
        let candidates = std::iter::once(self.active).chain(self.charset.terms().iter().copied());
        let found = candidates.into_iter().find_map(|set| set.bytes_of(c).map(|bytes| (set, bytes)));
        match found {
            Some((set, bytes)) => {
                self.designate(set);
                // Two-byte sets of G0 are written without the high bit.
                let g0 = in_g0(set);
                self.bytes.extend(bytes.into_iter().map(|b| if g0 { b & 0x7F } else { b }));
            }
            None => {
                self.ascii();
                self.bytes.push(b'?');
                if !self.unfit.contains(&c) {
                    self.unfit.push(c);
                }
            }
        }
    }

    /// Before ASCII, a two-byte set in G0 must be put away.
    fn ascii(&mut self) {
        if in_g0(self.active) {
            self.bytes.extend_from_slice(b"\x1B(B");
            self.active = Repertoire::Ascii;
        }
    }

    fn designate(&mut self, set: Repertoire) {
        if set == self.active {
            return;
        }
        self.ascii();
        match set {
            Repertoire::JisX0208 => self.bytes.extend_from_slice(b"\x1B$B"),
            Repertoire::JisX0212 => self.bytes.extend_from_slice(b"\x1B$(D"),
            Repertoire::KsX1001 | Repertoire::Gb2312 => {
                self.bytes.extend_from_slice(b"\x1B$)");
                self.bytes.push(set.final_byte());
            }
            Repertoire::JisX0201 => self.bytes.extend_from_slice(b"\x1B)I"),
            _ => self.bytes.extend_from_slice(&[0x1B, b'-', set.final_byte()]),
        }
        self.active = set;
    }
}

fn in_g0(set: Repertoire) -> bool {
    matches!(set, Repertoire::JisX0208 | Repertoire::JisX0212)
}
