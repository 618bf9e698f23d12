//! The character repertoires that DICOM names and their code tables (PS3.3 Tables C.12-2 to C.12-5).

use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, ISO_8859_2, ISO_8859_3, ISO_8859_4, ISO_8859_5, ISO_8859_6,
    ISO_8859_7, ISO_8859_8, ISO_8859_15, WINDOWS_874,
};

/// One repertoire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repertoire {
    /// ISO-IR 6.
    Ascii,
    /// ISO-IR 100.
    Latin1,
    /// ISO-IR 101.
    Latin2,
    /// ISO-IR 109.
    Latin3,
    /// ISO-IR 110.
    Latin4,
    /// ISO-IR 144.
    Cyrillic,
    /// ISO-IR 127.
    Arabic,
    /// ISO-IR 126.
    Greek,
    /// ISO-IR 138.
    Hebrew,
    /// ISO-IR 148.
    Latin5,
    /// ISO-IR 203.
    Latin9,
    /// ISO-IR 166.
    Thai,
    /// ISO-IR 13: JIS X 0201.
    JisX0201,
    /// ISO-IR 87: JIS X 0208.
    JisX0208,
    /// ISO-IR 159: JIS X 0212.
    JisX0212,
    /// ISO-IR 149: KS X 1001.
    KsX1001,
    /// ISO-IR 58: GB 2312.
    Gb2312,
    /// ISO-IR 192.
    Utf8,
    Gb18030,
    Gbk,
}

use Repertoire::*;

/// Numbers of the ISO register, as they stand in the defined terms, and the final byte that designates each to G1
/// after `ESC -` (single byte) or `ESC $ )` (two bytes).
const REGISTER: &[(Repertoire, &str, u8)] = &[
    (Ascii, "6", b'B'),
    (Latin1, "100", b'A'),
    (Latin2, "101", b'B'),
    (Latin3, "109", b'C'),
    (Latin4, "110", b'D'),
    (Cyrillic, "144", b'L'),
    (Arabic, "127", b'G'),
    (Greek, "126", b'F'),
    (Hebrew, "138", b'H'),
    (Latin5, "148", b'M'),
    (Latin9, "203", b'b'),
    (Thai, "166", b'T'),
    (JisX0201, "13", b'I'),
    (JisX0208, "87", b'B'),
    (JisX0212, "159", b'D'),
    (KsX1001, "149", b'C'),
    (Gb2312, "58", b'A'),
    (Utf8, "192", 0),
];

impl Repertoire {
    /// The repertoire of a defined term; an empty term is ISO-IR 6. `ISO-IR 100`, `ISO IR 100`, `ISO_IR_100`, `UTF-8`
    /// and `ISO8859-1` are understood too.
    pub fn of_term(term: &str) -> Option<Repertoire> {
        let term: String =
            term.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
        match term.as_str() {
            "" | "ASCII" | "USASCII" | "ISO646" => return Some(Ascii),
            "UTF8" => return Some(Utf8),
            "GB18030" => return Some(Gb18030),
            "GBK" => return Some(Gbk),
            "ISO88591" | "LATIN1" => return Some(Latin1),
            _ => {}
        }
        let number = term.strip_prefix("ISO2022IR").or_else(|| term.strip_prefix("ISOIR"))?;
        REGISTER.iter().find(|(_, n, _)| *n == number).map(|(repertoire, ..)| *repertoire)
    }

    /// The defined term, with or without code extensions.
    pub fn term(self, extended: bool) -> String {
        match self {
            Gb18030 => "GB18030".into(),
            Gbk => "GBK".into(),
            Utf8 => "ISO_IR 192".into(),
            Ascii if !extended => String::new(),
            other => {
                let number = REGISTER.iter().find(|(r, ..)| *r == other).map_or("6", |(_, n, _)| n);
                let two_byte = matches!(other, JisX0208 | JisX0212 | KsX1001 | Gb2312);
                format!("{} {number}", if extended || two_byte { "ISO 2022 IR" } else { "ISO_IR" })
            }
        }
    }

    /// The repertoire that a final byte designates as a 96-character set in G1.
    pub(super) fn of_final(byte: u8) -> Option<Repertoire> {
        REGISTER.iter().find(|(r, _, f)| *f == byte && r.is_single_byte_g1()).map(|(r, ..)| *r)
    }

    pub(super) fn final_byte(self) -> u8 {
        REGISTER.iter().find(|(r, ..)| *r == self).map_or(b'B', |(_, _, f)| *f)
    }

    /// A 96-character set of one byte a character.
    pub(super) fn is_single_byte_g1(self) -> bool {
        !matches!(self, Ascii | JisX0201 | JisX0208 | JisX0212 | KsX1001 | Gb2312 | Utf8 | Gb18030 | Gbk)
    }

    fn table(self) -> &'static Encoding {
        match self {
            Latin2 => ISO_8859_2,
            Latin3 => ISO_8859_3,
            Latin4 => ISO_8859_4,
            Cyrillic => ISO_8859_5,
            Arabic => ISO_8859_6,
            Greek => ISO_8859_7,
            Hebrew => ISO_8859_8,
            Latin9 => ISO_8859_15,
            Thai => WINDOWS_874,
            JisX0208 | JisX0212 => EUC_JP,
            KsX1001 => EUC_KR,
            Gb2312 | Gbk => GBK,
            Gb18030 => GB18030,
            // Those with a rule of their own never come here; a table that fits nothing is the safe answer.
            Ascii | Latin1 | Latin5 | JisX0201 | Utf8 => BIG5,
        }
    }

    /// The character of a byte from 0x80 on in a single-byte repertoire.
    pub(super) fn char_of(self, byte: u8) -> Option<char> {
        match self {
            Latin1 => Some(char::from(byte)),
            Latin5 => Some(LATIN5.iter().find(|(b, _)| *b == byte).map_or(char::from(byte), |(_, c)| *c)),
            JisX0201 => match byte {
                0xA1..=0xDF => char::from_u32(0xFF61 + u32::from(byte - 0xA1)),
                _ => None,
            },
            // The tables of the web put C1 controls or other letters below 0xA0; DICOM has none there.
            _ if byte < 0xA0 || !self.is_single_byte_g1() => None,
            _ => self.decode_exact(&[byte]),
        }
    }

    /// The character of a pair in a two-byte repertoire, both bytes with the high bit set.
    pub(super) fn char_of_pair(self, pair: [u8; 2]) -> Option<char> {
        match self {
            JisX0208 | KsX1001 | Gb2312 => self.decode_exact(&pair),
            JisX0212 => self.decode_exact(&[0x8F, pair[0], pair[1]]),
            _ => None,
        }
    }

    /// Whole text in a repertoire of variable length; U+FFFD where it breaks.
    pub(super) fn decode_all(self, bytes: &[u8]) -> (String, bool) {
        let (text, broken) = self.table().decode_without_bom_handling(bytes);
        (text.into_owned(), broken)
    }

    fn decode_exact(self, bytes: &[u8]) -> Option<char> {
        let text = self.table().decode_without_bom_handling_and_without_replacement(bytes)?;
        let mut chars = text.chars();
        chars.next().filter(|_| chars.next().is_none())
    }

    /// The bytes of a character outside ASCII, high bits set; `None` when the repertoire does not have it.
    pub(super) fn bytes_of(self, c: char) -> Option<Vec<u8>> {
        match self {
            Ascii => None,
            Utf8 => Some(c.to_string().into_bytes()),
            Latin1 => u8::try_from(u32::from(c)).ok().filter(|b| *b >= 0xA0).map(|b| vec![b]),
            Latin5 => match LATIN5.iter().find(|(_, l)| *l == c) {
                Some((byte, _)) => Some(vec![*byte]),
                None => Latin1.bytes_of(c).filter(|b| LATIN5.iter().all(|(x, _)| [*x] != b.as_slice())),
            },
            JisX0201 => match u32::from(c) {
                code @ 0xFF61..=0xFF9F => u8::try_from(code - 0xFF61 + 0xA1).ok().map(|b| vec![b]),
                _ => None,
            },
            _ => {
                let text = c.to_string();
                let (bytes, _, unmappable) = self.table().encode(&text);
                let bytes = bytes.into_owned();
                let fits = !unmappable
                    && match self {
                        Gb18030 | Gbk => true,
                        JisX0212 => bytes.len() == 3 && bytes[0] == 0x8F,
                        JisX0208 | KsX1001 | Gb2312 => bytes.len() == 2 && bytes.iter().all(|b| *b >= 0xA1),
                        _ => bytes.len() == 1 && bytes[0] >= 0xA0,
                    };
                fits.then_some(if self == JisX0212 {
                    bytes.get(1..).unwrap_or_default().to_vec()
                } else {
                    bytes
                })
            }
        }
    }
}

/// Where ISO 8859-9 differs from ISO 8859-1.
const LATIN5: [(u8, char); 6] =
    [(0xD0, 'Ğ'), (0xDD, 'İ'), (0xDE, 'Ş'), (0xF0, 'ğ'), (0xFD, 'ı'), (0xFE, 'ş')];
