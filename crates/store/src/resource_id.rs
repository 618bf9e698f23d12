//! A logical id as rows keep it: a UUID in its usual form as its 16 bytes, anything else as text (FHIR R4, datatypes: id).

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};

/// An id on its way into a row or a condition. Keys of documents are always text, since they are listed in their order.
#[derive(Debug, Clone, Copy)]
pub(crate) enum IdCell<'a> {
    Uuid([u8; 16]),
    Text(&'a str),
}

impl<'a> IdCell<'a> {
    pub fn of(id: &'a str) -> Self {
        uuid(id).map_or(IdCell::Text(id), IdCell::Uuid)
    }
}

impl ToSql for IdCell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            IdCell::Uuid(bytes) => ValueRef::Blob(bytes),
            IdCell::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// An id out of a row.
pub(crate) struct IdText(pub String);

impl FromSql for IdText {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Text(_) => value.as_str().map(|text| IdText(text.to_owned())),
            ValueRef::Blob(bytes) => {
                let bytes = bytes.try_into().map_err(|_| FromSqlError::InvalidType)?;
                Ok(IdText(text_of(bytes)))
            }
            _ => Err(FromSqlError::InvalidType),
        }
    }
}

/// The bytes of a UUID in the one form that [`text_of`] gives back: lower case, with hyphens.
fn uuid(text: &str) -> Option<[u8; 16]> {
    if text.len() != 36 {
        return None;
    }
    let mut bytes = [0u8; 16];
    let mut half = 0;
    for (at, c) in text.bytes().enumerate() {
        let digit = match (at, c) {
            (8 | 13 | 18 | 23, b'-') => continue,
            (8 | 13 | 18 | 23, _) => return None,
            (_, b'0'..=b'9') => c - b'0',
            (_, b'a'..=b'f') => c - b'a' + 10,
            _ => return None,
        };
        bytes[half / 2] |= if half % 2 == 0 { digit << 4 } else { digit };
        half += 1;
    }
    Some(bytes)
}

fn text_of(bytes: [u8; 16]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.into_iter().enumerate() {
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
    fn an_id_comes_back_from_its_row_as_it_was() {
        let id = badiano_kernel::id::random_uuid();
        let bytes = uuid(&id).expect("a UUID in its usual form");
        assert_eq!(text_of(bytes), id);
        for other in [
            "p1",
            "",
            &id.to_uppercase(),
            &id[1..],
            &id.replace('-', "0"),
            "0000000000000-0000-0000-000000000000",
        ] {
            assert!(uuid(other).is_none(), "{other} stays text");
        }
    }
}
