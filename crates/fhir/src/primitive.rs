//! The primitive types and what their text may be (FHIR R4, datatypes.html#primitive).

/// A primitive type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Primitive {
    Base64Binary,
    Boolean,
    Canonical,
    Code,
    Date,
    DateTime,
    Decimal,
    Id,
    Instant,
    Integer,
    Markdown,
    Oid,
    PositiveInt,
    String,
    Time,
    UnsignedInt,
    Uri,
    Url,
    Uuid,
    Xhtml,
}

/// Bytes of a string, markdown or code (datatypes.html#string: "not more than 1,048,576 characters").
pub const STRING_CHARACTERS_MAX: usize = 1_048_576;

/// What the text of a primitive breaks, in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrong {
    pub en: &'static str,
    pub es: &'static str,
}

const ALL: [(&str, Primitive); 20] = [
    ("base64Binary", Primitive::Base64Binary),
    ("boolean", Primitive::Boolean),
    ("canonical", Primitive::Canonical),
    ("code", Primitive::Code),
    ("date", Primitive::Date),
    ("dateTime", Primitive::DateTime),
    ("decimal", Primitive::Decimal),
    ("id", Primitive::Id),
    ("instant", Primitive::Instant),
    ("integer", Primitive::Integer),
    ("markdown", Primitive::Markdown),
    ("oid", Primitive::Oid),
    ("positiveInt", Primitive::PositiveInt),
    ("string", Primitive::String),
    ("time", Primitive::Time),
    ("unsignedInt", Primitive::UnsignedInt),
    ("uri", Primitive::Uri),
    ("url", Primitive::Url),
    ("uuid", Primitive::Uuid),
    ("xhtml", Primitive::Xhtml),
];

/// What JSON has for a primitive (json.html#primitive).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonForm {
    String,
    Number,
    Boolean,
}

impl Primitive {
    pub fn of(name: &str) -> Option<Primitive> {
        ALL.binary_search_by(|(n, _)| (*n).cmp(name)).ok().map(|at| ALL[at].1)
    }

    pub fn name(self) -> &'static str {
        ALL[self as usize].0
    }

    pub fn json_form(self) -> JsonForm {
        match self {
            Primitive::Boolean => JsonForm::Boolean,
            Primitive::Decimal | Primitive::Integer | Primitive::PositiveInt | Primitive::UnsignedInt => {
                JsonForm::Number
            }
            _ => JsonForm::String,
        }
    }

    /// Whether the text is a value of the type. XHTML is looked into by the validator.
    pub fn check(self, text: &str) -> Result<(), Wrong> {
        let (fits, en, es) = match self {
            Primitive::Boolean => {
                (matches!(text, "true" | "false"), "must be true or false", "debe ser true o false")
            }
            Primitive::Integer => (
                is_integer(text, i64::from(i32::MIN)),
                "must be a whole number of 32 bits, without decimals or leading zeros",
                "debe ser un entero de 32 bits, sin decimales ni ceros a la izquierda",
            ),
            Primitive::UnsignedInt => {
                (is_integer(text, 0), "must be a whole number from 0", "debe ser un entero desde 0")
            }
            Primitive::PositiveInt => {
                (is_integer(text, 1), "must be a whole number from 1", "debe ser un entero desde 1")
            }
            Primitive::Decimal => {
                (is_decimal(text), "must be a decimal number", "debe ser un número decimal")
            }
            Primitive::String | Primitive::Markdown => return check_string(text),
            Primitive::Xhtml => (!text.is_empty(), "must not be empty", "no debe estar vacío"),
            Primitive::Uri | Primitive::Url | Primitive::Canonical => (
                !text.is_empty() && !text.contains(char::is_whitespace),
                "must be a URI without spaces",
                "debe ser un URI sin espacios",
            ),
            Primitive::Oid => (is_oid(text), "must be urn:oid: and an OID", "debe ser urn:oid: y un OID"),
            Primitive::Uuid => (
                text.strip_prefix("urn:uuid:").is_some_and(is_uuid),
                "must be urn:uuid: and a UUID in lower case",
                "debe ser urn:uuid: y un UUID en minúsculas",
            ),
            Primitive::Code => (
                is_code(text),
                "must be a code: no space at its ends, none doubled",
                "debe ser un código: sin espacios en los extremos ni dobles",
            ),
            Primitive::Id => (
                is_id(text),
                "must be 1 to 64 of A-Z, a-z, 0-9, '-' and '.'",
                "debe tener de 1 a 64 de A-Z, a-z, 0-9, '-' y '.'",
            ),
            Primitive::Base64Binary => (
                is_base64(text),
                "must be base64 in whole groups of four",
                "debe ser base64 en grupos de cuatro",
            ),
            Primitive::Date => (
                is_date(text),
                "must be a date: YYYY, YYYY-MM or YYYY-MM-DD",
                "debe ser una fecha: AAAA, AAAA-MM o AAAA-MM-DD",
            ),
            Primitive::DateTime => (
                is_date(text) || is_instant(text),
                "must be a date, or a date with time to seconds and a time zone",
                "debe ser una fecha, o una fecha con hora hasta segundos y zona horaria",
            ),
            Primitive::Instant => (
                is_instant(text),
                "must be a date with time to seconds and a time zone",
                "debe ser una fecha con hora hasta segundos y zona horaria",
            ),
            Primitive::Time => (is_time(text), "must be a time: hh:mm:ss", "debe ser una hora: hh:mm:ss"),
        };
        if fits { Ok(()) } else { Err(Wrong { en, es }) }
    }
}

fn check_string(text: &str) -> Result<(), Wrong> {
    if text.bytes().all(|b| b.is_ascii_whitespace()) {
        return Err(Wrong {
            en: "must not be empty or only spaces",
            es: "no debe estar vacío ni ser solo espacios",
        });
    }
    if text.bytes().any(|b| b < 0x20 && !matches!(b, b'\t' | b'\r' | b'\n')) {
        return Err(Wrong {
            en: "must not hold control characters",
            es: "no debe tener caracteres de control",
        });
    }
    if text.len() > STRING_CHARACTERS_MAX && text.chars().count() > STRING_CHARACTERS_MAX {
        return Err(Wrong { en: "is longer than 1,048,576 characters", es: "pasa de 1,048,576 caracteres" });
    }
    Ok(())
}

fn is_integer(text: &str, least: i64) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits == "0" || (!digits.starts_with('0') && is_digits(digits));
    plain && text.parse::<i64>().is_ok_and(|n| (least..=i64::from(i32::MAX)).contains(&n))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_decimal(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    (whole == "0" || (!whole.starts_with('0') && is_digits(whole)))
        && fraction.is_none_or(is_digits)
        && exponent.is_none_or(|e| is_digits(e.strip_prefix(['+', '-']).unwrap_or(e)))
}

fn is_code(text: &str) -> bool {
    let mut after_space = true;
    for c in text.chars() {
        // The white space of the published pattern: a no-break space is a character like another.
        let space = matches!(c, ' ' | '\t' | '\r' | '\n');
        if (space && after_space) || (c < ' ' && !space) {
            return false;
        }
        after_space = space;
    }
    !after_space
}

fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
}

fn is_oid(text: &str) -> bool {
    let Some(mut arcs) = text.strip_prefix("urn:oid:").map(|t| t.split('.')) else { return false };
    let first = arcs.next().is_some_and(|a| matches!(a, "0" | "1" | "2"));
    let mut rest = arcs.peekable();
    first && rest.peek().is_some() && rest.all(|a| a == "0" || (is_digits(a) && !a.starts_with('0')))
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => matches!(b, b'0'..=b'9' | b'a'..=b'f'),
        })
}

fn is_base64(text: &str) -> bool {
    let (mut count, mut padding) = (0_usize, 0_usize);
    for b in text.bytes() {
        match b {
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            b'=' => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {}
            _ => return false,
        }
        count += 1;
    }
    count > 0 && count.is_multiple_of(4) && padding <= 2
}

/// The digits of a range as a number.
fn digits(text: &[u8]) -> Option<u32> {
    text.iter().try_fold(0_u32, |n, b| {
        let digit = b.is_ascii_digit().then(|| u32::from(b - b'0'))?;
        n.checked_mul(10)?.checked_add(digit)
    })
}

fn is_date(text: &str) -> bool {
    let b = text.as_bytes();
    let Some(year) = b.get(..4).and_then(digits).filter(|y| *y > 0) else { return false };
    if b.len() == 4 {
        return true;
    }
    let Some(month) = b.get(5..7).and_then(digits).filter(|m| (1..=12).contains(m)) else { return false };
    if b[4] != b'-' || b.len() == 7 {
        return b[4] == b'-';
    }
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    b.len() == 10 && b[7] == b'-' && digits(&b[8..]).is_some_and(|d| (1..=last).contains(&d))
}

fn is_time(text: &str) -> bool {
    let b = text.as_bytes();
    let part = |from: usize, most: u32| b.get(from..from + 2).and_then(digits).is_some_and(|n| n <= most);
    // A leap second is 60.
    part(0, 23)
        && b.get(2) == Some(&b':')
        && part(3, 59)
        && b.get(5) == Some(&b':')
        && part(6, 60)
        && (b.len() == 8 || (b[8] == b'.' && b.len() > 9 && b[9..].iter().all(u8::is_ascii_digit)))
}

fn is_instant(text: &str) -> bool {
    let Some((date, rest)) = text.split_once('T') else { return false };
    let Some(zone_at) = rest.find(['Z', '+', '-']) else { return false };
    let (time, zone) = rest.split_at(zone_at);
    date.len() == 10 && is_date(date) && is_time(time) && is_zone(zone)
}

fn is_zone(zone: &str) -> bool {
    if zone == "Z" {
        return true;
    }
    let b = zone.as_bytes();
    let (Some(hours), Some(minutes)) = (b.get(1..3).and_then(digits), b.get(4..).and_then(digits)) else {
        return false;
    };
    b.len() == 6 && b[3] == b':' && ((hours < 14 && minutes < 60) || (hours == 14 && minutes == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_primitive_takes_its_own_texts_and_refuses_others() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("boolean", &["true", "false"], &["True", "1", ""]),
            (
                "integer",
                &["0", "-1", "2147483647", "-2147483648"],
                &["01", "1.0", "2147483648", "+1", "", "-"],
            ),
            ("unsignedInt", &["0", "7"], &["-1", "1e3"]),
            ("positiveInt", &["1"], &["0", "-1"]),
            ("decimal", &["0", "-0.50", "1e10", "1.2E-3"], &["01", ".5", "1.", "1e", "NaN", ""]),
            ("string", &["Ñandú", "a\nb"], &["", "  ", "\u{1}"]),
            ("uri", &["http://a", "urn:x"], &["", "a b"]),
            (
                "oid",
                &["urn:oid:2.16.840.1"],
                &["urn:oid:3.1", "2.16", "urn:oid:1", "urn:oid:1.01", "urn:oid:1..2"],
            ),
            (
                "uuid",
                &["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"],
                &["urn:uuid:C757873D-EC9A-4326-A141-556F43239520", "c757873d-ec9a-4326-a141-556f43239520"],
            ),
            ("code", &["a", "a b"], &["", " a", "a ", "a  b"]),
            ("id", &["a-1.B"], &["", "a_b", "ñ", &"x".repeat(65).leak()[..]]),
            ("base64Binary", &["QUJD", "QQ==", "QU JD\n"], &["QUJ", "Q===", "QQ=A", "", "!!!!"]),
            (
                "date",
                &["2024", "2024-02", "2024-02-29"],
                &["2023-02-29", "2024-13", "24", "0000", "2024-1-1", "2024x02"],
            ),
            (
                "dateTime",
                &["2024", "2024-02-29T10:00:00Z", "2024-02-29T10:00:00.123-06:00", "2016-12-31T23:59:60Z"],
                &[
                    "2024-02-29T10:00:00",
                    "2024-02-29T10:00Z",
                    "2024-02-29T24:00:00Z",
                    "2024-02-29T10:00:00+15:00",
                ],
            ),
            (
                "instant",
                &["2024-02-29T10:00:00+14:00"],
                &["2024-02-29", "2024-02T10:00:00Z", "2024-02-29T10:00:00.Z"],
            ),
            ("time", &["00:00:00", "23:59:59.5"], &["24:00:00", "10:00", "10:00:00Z", "10:00:00."]),
        ];
        for (name, good, bad) in cases {
            let primitive = Primitive::of(name).expect("a primitive");
            assert_eq!(primitive.name(), *name);
            for text in *good {
                assert_eq!(primitive.check(text), Ok(()), "{name} {text:?}");
            }
            for text in *bad {
                assert!(primitive.check(text).is_err(), "{name} {text:?}");
            }
        }
    }

    #[test]
    fn no_text_makes_a_check_panic() {
        let pieces =
            ["2024", "-02", "-30", "T", "é", "10:00:00", ".", "Z", "+", "", "urn:oid:", "=", "\u{0}", "𝒳"];
        let mut seed = 7_u64;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..(seed % 6) {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text.push_str(pieces[(seed >> 33) as usize % pieces.len()]);
            }
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            for (_, primitive) in ALL {
                let _ = primitive.check(&text);
            }
        }
    }
}
