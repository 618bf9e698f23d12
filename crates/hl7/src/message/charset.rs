//! Character sets: what MSH-18 says, what the bytes are, and reading and writing them (HL7 v2.5.1 table 0211).

use super::error::IssueKind;
use encoding_rs::{Encoding, WINDOWS_1252};
use std::borrow::Cow;

/// The character set a message is read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    Ascii,
    Utf8,
    /// Also for ISO 8859-1, of which it is a superset for all that is printed.
    Windows1252,
    /// Another of the ISO 8859 family.
    Other(&'static Encoding),
    /// Said to be UTF-8 and in part not: each piece is read as UTF-8 where it is that, else as Windows-1252.
    Mixed,
}

impl Charset {
    /// A name of table 0211, or one of the names that senders write in its place. `None`: not known.
    pub fn of_name(name: &str) -> Option<Charset> {
        let key: String =
            name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
        match key.as_str() {
            "ASCII" | "USASCII" | "ISOIR6" | "646" | "ISO646" => Some(Charset::Ascii),
            "UNICODEUTF8" | "UTF8" | "UNICODE" | "ISOIR192" => Some(Charset::Utf8),
            "88591" | "ISO88591" | "ISOIR100" | "LATIN1" => Some(Charset::Windows1252),
            "WINDOWS1252" | "CP1252" | "WIN1252" | "1252" | "ANSI" => Some(Charset::Windows1252),
            _ => {
                let part = key.strip_prefix("ISO").unwrap_or(&key).strip_prefix("8859")?;
                let encoding = Encoding::for_label(format!("iso-8859-{part}").as_bytes())?;
                Some(Charset::Other(encoding))
            }
        }
    }

    /// What to write into MSH-18 of an answer in this character set; empty for ASCII.
    pub fn name(self) -> String {
        match self {
            Charset::Ascii => String::new(),
            Charset::Utf8 | Charset::Mixed => "UNICODE UTF-8".to_owned(),
            Charset::Windows1252 => "8859/1".to_owned(),
            Charset::Other(e) => e.name().replacen("ISO-8859-", "8859/", 1),
        }
    }

    /// Text of bytes; never fails: what a character set does not know becomes U+FFFD.
    pub fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        if let Ok(text) = std::str::from_utf8(bytes)
            && (matches!(self, Charset::Ascii | Charset::Utf8 | Charset::Mixed) || bytes.is_ascii())
        {
            return Cow::Borrowed(text);
        }
        match self {
            Charset::Ascii | Charset::Windows1252 | Charset::Mixed => {
                WINDOWS_1252.decode_without_bom_handling(bytes).0
            }
            Charset::Utf8 => String::from_utf8_lossy(bytes),
            Charset::Other(encoding) => encoding.decode_without_bom_handling(bytes).0,
        }
    }

    /// Bytes of text, and how many characters had to become `?` because the character set has no place for them.
    pub fn encode(self, text: &str) -> (Vec<u8>, usize) {
        let encoding = match self {
            Charset::Utf8 | Charset::Mixed => return (text.as_bytes().to_vec(), 0),
            _ if text.is_ascii() => return (text.as_bytes().to_vec(), 0),
            Charset::Ascii => None,
            Charset::Windows1252 => Some(WINDOWS_1252),
            Charset::Other(encoding) => Some(encoding),
        };
        let (mut bytes, mut lost) = (Vec::with_capacity(text.len()), 0);
        let mut one = [0u8; 4];
        for character in text.chars() {
            let utf8: &str = character.encode_utf8(&mut one);
            if utf8.is_ascii() {
                bytes.extend_from_slice(utf8.as_bytes());
                continue;
            }
            match encoding.map(|e| e.encode(utf8)) {
                Some((written, _, false)) => bytes.extend_from_slice(&written),
                _ => {
                    bytes.push(b'?');
                    lost += 1;
                }
            }
        }
        (bytes, lost)
    }
}

/// The character set to read a message in: bytes that are UTF-8 are read so whatever MSH-18 says, and others never are.
pub(crate) fn decide(declared: &str, bytes: &[u8]) -> (Charset, Option<IssueKind>) {
    let said = Charset::of_name(declared);
    let unknown = (said.is_none() && !declared.is_empty()).then_some(IssueKind::CharsetUnknown);
    if bytes.is_ascii() {
        return (said.unwrap_or(Charset::Ascii), unknown);
    }
    let undeclared = declared.is_empty().then_some(IssueKind::CharsetUndeclared);
    let is_utf8 = std::str::from_utf8(bytes).is_ok();
    match (said, is_utf8) {
        (Some(Charset::Utf8), true) => (Charset::Utf8, None),
        (Some(said @ (Charset::Windows1252 | Charset::Other(_))), false) => (said, None),
        (Some(Charset::Utf8), false) => (Charset::Mixed, Some(IssueKind::CharsetDiffers)),
        (None, true) => (Charset::Utf8, undeclared.or(unknown)),
        (None, false) => (Charset::Windows1252, undeclared.or(unknown)),
        (Some(_), true) => (Charset::Utf8, Some(IssueKind::CharsetDiffers)),
        (Some(_), false) => (Charset::Windows1252, Some(IssueKind::CharsetDiffers)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_table_and_of_the_street_are_known() {
        for (name, charset) in [
            ("UNICODE UTF-8", Charset::Utf8),
            ("utf-8", Charset::Utf8),
            ("8859/1", Charset::Windows1252),
            ("ISO-8859-1", Charset::Windows1252),
            ("WINDOWS-1252", Charset::Windows1252),
            ("ASCII", Charset::Ascii),
            ("8859/15", Charset::Other(encoding_rs::ISO_8859_15)),
        ] {
            assert_eq!(Charset::of_name(name), Some(charset), "{name}");
        }
        assert_eq!(Charset::of_name("JAS2020"), None);
        assert_eq!(Charset::of_name("8859/15").map(Charset::name).as_deref(), Some("8859/15"));
    }

    #[test]
    fn what_a_character_set_lacks_becomes_a_question_mark_and_is_counted() {
        assert_eq!(Charset::Windows1252.encode("Ñuño €"), (b"\xd1u\xf1o \x80".to_vec(), 0));
        assert_eq!(Charset::Windows1252.encode("漢ñ"), (b"?\xf1".to_vec(), 1));
        assert_eq!(Charset::Ascii.encode("Ñ"), (b"?".to_vec(), 1));
    }
}
