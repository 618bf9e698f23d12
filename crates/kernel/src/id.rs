//! Identifiers as types that are made only by checking.

use crate::fault::Fault;
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

    /// A new random id (UUID version 4 in its usual form).
    pub fn random() -> Self {
        LogicalId(random_uuid())
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
    let mut b: [u8; 16] = random_bytes();
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    let hex: String = b.iter().map(|x| format!("{x:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
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
}
