//! Identifiers as types that are made only by checking.

use crate::fault::Fault;
use crate::time::Instant;
use std::fmt;

/// A FHIR logical id: `[A-Za-z0-9\-\.]{1,64}` (FHIR R4, datatypes: id).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogicalId(String);

impl LogicalId {
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
        if fits {
            Ok(LogicalId(text.to_owned()))
        } else {
            Err(Fault::invalid("a logical id has 1 to 64 of the characters A-Z, a-z, 0-9, '-' and '.'"))
        }
    }

    /// A new id: a UUID version 7 (RFC 9562 section 5.7), of which 74 bits are random. Ids that are made one after another stand
    /// beside each other in an index, so that a bundle of a hundred resources touches a few pages of it and not a hundred.
    pub fn random() -> Self {
        let mut bytes: [u8; 16] = random_bytes();
        let millis = u64::try_from(Instant::now().micros.div_euclid(1_000)).unwrap_or(0);
        bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        LogicalId(uuid_text(bytes, 7))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LogicalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A DICOM unique identifier: digits and dots, at most 64, no component with a leading zero (PS3.5 section 9).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(String);

impl Uid {
    /// Exact reading, after the padding of PS3.5 (one trailing NUL or spaces) is taken off.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let text = text.trim_matches(['\0', ' ']);
        let component = |c: &str| {
            !c.is_empty() && c.bytes().all(|b| b.is_ascii_digit()) && (c == "0" || !c.starts_with('0'))
        };
        if text.len() <= 64 && text.split('.').all(component) {
            Ok(Uid(text.to_owned()))
        } else {
            Err(Fault::invalid(
                "a UID has at most 64 digits and dots, no component empty or with a leading zero",
            ))
        }
    }

    /// As real devices write them: leading zeros in a component are let through; still only digits and dots.
    pub fn parse_lenient(text: &str) -> Result<Self, Fault> {
        let text = text.trim_matches(['\0', ' ']);
        if (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            Ok(Uid(text.to_owned()))
        } else {
            Err(Fault::invalid("a UID has 1 to 64 digits and dots"))
        }
    }

    /// A new UID under the UUID-derived root 2.25 (PS3.5 annex B.2).
    pub fn random() -> Self {
        Uid(format!("2.25.{}", u128::from_be_bytes(random_bytes())))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Random bytes from the operating system.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A random UUID version 4 (RFC 9562), lower case with hyphens.
pub fn random_uuid() -> String {
    uuid_text(random_bytes(), 4)
}

/// Sets version and variant, and writes the usual form.
fn uuid_text(mut b: [u8; 16], version: u8) -> String {
    b[6] = (b[6] & 0x0f) | (version << 4);
    b[8] = (b[8] & 0x3f) | 0x80;
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(36);
    for (at, byte) in b.into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_keeps_to_its_alphabet_and_length() {
        assert!(Uid::parse("1.2.840.10008.1.1\0").is_ok());
        assert!(Uid::parse("1.02.3").is_err());
        assert!(Uid::parse_lenient("1.02.3").is_ok());
        assert!(Uid::parse("1..3").is_err());
        assert!(Uid::parse(&"1".repeat(65)).is_err());
        assert!(Uid::random().as_str().len() <= 64);
    }

    #[test]
    fn a_logical_id_refuses_what_would_break_a_url() {
        assert!(LogicalId::parse("a/b").is_err());
        assert!(LogicalId::parse("").is_err());
        assert!(LogicalId::parse(LogicalId::random().as_str()).is_ok());
    }

    #[test]
    fn ids_are_uuids_that_rise_with_time_and_never_meet() {
        let first = LogicalId::random();
        std::thread::sleep(std::time::Duration::from_millis(2));
        let mut later: Vec<LogicalId> = (0..1_000).map(|_| LogicalId::random()).collect();
        assert!(
            later
                .iter()
                .all(|id| *id > first && id.as_str().len() == 36 && id.as_str().as_bytes()[14] == b'7')
        );
        later.sort();
        later.dedup();
        assert_eq!(later.len(), 1_000);
        assert_eq!(random_uuid().as_bytes()[14], b'4');
    }
}
