//! Bytes of a text value to characters, code extensions included (PS3.5 section 6.1.2.5, ISO/IEC 2022).

use super::{Charset, Repertoire};

const BROKEN: &str = "bytes do not fit the Specific Character Set";
const UNDECLARED: &str = "text is not ASCII and no Specific Character Set says what it is";
const ESC: u8 = 0x1B;

pub(super) fn decode(bytes: &[u8], charset: &Charset) -> (String, Option<&'static str>) {
    if bytes.is_ascii() && !bytes.contains(&ESC) {
        return (String::from_utf8_lossy(bytes).into_owned(), None);
    }
    match charset.first() {
        Repertoire::Utf8 => match std::str::from_utf8(bytes) {
            Ok(text) => (text.to_owned(), None),
            Err(_) => (String::from_utf8_lossy(bytes).into_owned(), Some(BROKEN)),
        },
        first @ (Repertoire::Gb18030 | Repertoire::Gbk) => {
            let (text, broken) = first.decode_all(bytes);
            (text, broken.then_some(BROKEN))
        }
        Repertoire::Ascii if charset.terms().len() < 2 && !bytes.contains(&ESC) => {
            let text = match std::str::from_utf8(bytes) {
                Ok(text) => text.to_owned(),
                Err(_) => bytes.iter().copied().map(char::from).collect(),
            };
            (text, Some(UNDECLARED))
        }
        first => Iso2022::new(first).decode(bytes),
    }
}

/// The two code elements in use while reading.
struct Iso2022 {
    start_g0: Repertoire,
    start_g1: Option<Repertoire>,
    g0: Repertoire,
    g1: Option<Repertoire>,
    text: String,
    broken: bool,
}

impl Iso2022 {
    fn new(first: Repertoire) -> Self {
        let (g0, g1) = match first {
            Repertoire::Ascii => (Repertoire::Ascii, None),
            Repertoire::JisX0201 => (Repertoire::JisX0201, Some(first)),
            // A value 1 of two bytes is not allowed, and is met.
            Repertoire::JisX0208 | Repertoire::JisX0212 => (Repertoire::Ascii, None),
            other => (Repertoire::Ascii, Some(other)),
        };
        Iso2022 { start_g0: g0, start_g1: g1, g0, g1, text: String::new(), broken: false }
    }

    fn decode(mut self, bytes: &[u8]) -> (String, Option<&'static str>) {
        let mut at = 0;
        while at < bytes.len() {
            at += self.step(&bytes[at..]);
        }
        (self.text, self.broken.then_some(BROKEN))
    }

    /// Reads one character or escape sequence; how many bytes it took, at least one.
    fn step(&mut self, rest: &[u8]) -> usize {
        let byte = rest[0];
        match byte {
            ESC => self.escape(rest),
            0x00..=0x20 | 0x7F => {
                if matches!(byte, b'\r' | b'\n' | 0x0C | b'\t') {
                    self.reset();
                }
                self.text.push(char::from(byte));
                1
            }
            0x21..=0x7E => match (self.g0, rest.get(1)) {
                (Repertoire::JisX0208 | Repertoire::JisX0212, Some(low @ 0x21..=0x7E)) => {
                    self.push(self.g0.char_of_pair([byte | 0x80, low | 0x80]));
                    2
                }
                (Repertoire::JisX0208 | Repertoire::JisX0212, _) => {
                    self.push(None);
                    1
                }
                _ => {
                    // JIS X 0201 has yen and overline at 5C and 7E; as delimiter and in names they stay as they are.
                    if byte == b'\\' || byte == b'^' || byte == b'=' {
                        self.reset();
                    }
                    self.text.push(char::from(byte));
                    1
                }
            },
            _ => self.high(byte, rest.get(1).copied()),
        }
    }

    fn high(&mut self, byte: u8, next: Option<u8>) -> usize {
        match self.g1 {
            Some(set @ (Repertoire::KsX1001 | Repertoire::Gb2312)) => match next {
                Some(low @ 0x80..=0xFF) => {
                    self.push(set.char_of_pair([byte, low]));
                    return 2;
                }
                _ => self.push(None),
            },
            Some(set) => self.push(set.char_of(byte)),
            None => self.push(None),
        }
        1
    }

    fn push(&mut self, c: Option<char>) {
        self.broken |= c.is_none();
        self.text.push(c.unwrap_or(char::REPLACEMENT_CHARACTER));
    }

    /// At a delimiter the first value of Specific Character Set is in force again. What was designated where it has
    /// nothing stays: many devices do not repeat the escape sequence in each component of a name.
    fn reset(&mut self) {
        self.g0 = self.start_g0;
        if self.start_g1.is_some() {
            self.g1 = self.start_g1;
        }
    }

    fn escape(&mut self, rest: &[u8]) -> usize {
        match rest.get(1..) {
            Some([b'(', b'B', ..]) => self.g0 = Repertoire::Ascii,
            Some([b'(', b'J', ..]) => self.g0 = Repertoire::JisX0201,
            Some([b')', b'I', ..]) => self.g1 = Some(Repertoire::JisX0201),
            Some([b'$', b'B' | b'@', ..]) => self.g0 = Repertoire::JisX0208,
            Some([b'$', b'(', b'D', ..]) => {
                self.g0 = Repertoire::JisX0212;
                return 4;
            }
            Some([b'$', b')', b'C', ..]) => {
                self.g1 = Some(Repertoire::KsX1001);
                return 4;
            }
            Some([b'$', b')', b'A', ..]) => {
                self.g1 = Some(Repertoire::Gb2312);
                return 4;
            }
            Some([b'-', last, ..]) if Repertoire::of_final(*last).is_some() => {
                self.g1 = Repertoire::of_final(*last)
            }
            _ => {
                self.push(None);
                return 1;
            }
        }
        3
    }
}
