//! Reading and printing FHIR JSON (FHIR R4, json.html): exact numbers, no duplicate keys, bounded depth, positions in errors.

use crate::value::{Object, Value};
use std::fmt;

/// Deeper nesting is refused: no FHIR resource needs it, and recursion must end.
pub const DEPTH_MAX: usize = 128;

/// Why a text is not JSON, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    pub what: &'static str,
    /// Counted from 1.
    pub line: usize,
    /// In bytes, counted from 1.
    pub column: usize,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.what)
    }
}
impl std::error::Error for JsonError {}

/// Reads one JSON value; a byte order mark before it and white space around it are allowed, nothing else.
pub fn parse(text: &[u8]) -> Result<Value, JsonError> {
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let mut reader = Reader { text, at: 0 };
    let value = reader.document();
    value.map_err(|what| {
        let before = &text[..reader.at.min(text.len())];
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |p| p + 1);
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        JsonError { what, line, column: before.len() - line_start + 1 }
    })
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
}

type Step<T> = Result<T, &'static str>;

impl Reader<'_> {
    fn document(&mut self) -> Step<Value> {
        let value = self.value(0)?;
        self.space();
        if self.at == self.text.len() { Ok(value) } else { Err("something follows the value") }
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.get(self.at) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Step<Value> {
        if depth > DEPTH_MAX {
            return Err("nested deeper than 128 levels");
        }
        self.space();
        match self.text.get(self.at) {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => Err("expected a value"),
            None => Err("the text ends where a value was expected"),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Step<Value> {
        if self.text[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(value)
        } else {
            Err("expected true, false or null")
        }
    }

    fn object(&mut self, depth: usize) -> Step<Value> {
        self.at += 1;
        let mut object = Object::new();
        self.space();
        if self.text.get(self.at) == Some(&b'}') {
            self.at += 1;
            return Ok(Value::Object(object));
        }
        loop {
            self.space();
            if self.text.get(self.at) != Some(&b'"') {
                return Err("expected a property name in quotes");
            }
            let key = self.string()?;
            if object.get(&key).is_some() {
                return Err("the same property stands twice in one object");
            }
            self.space();
            if self.text.get(self.at) != Some(&b':') {
                return Err("expected ':' after a property name");
            }
            self.at += 1;
            let value = self.value(depth + 1)?;
            object.push(key, value);
            self.space();
            match self.text.get(self.at) {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Object(object));
                }
                _ => return Err("expected ',' or '}' in an object"),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Step<Value> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.text.get(self.at) == Some(&b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            match self.text.get(self.at) {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::Array(items));
                }
                _ => return Err("expected ',' or ']' in an array"),
            }
        }
    }

    fn number(&mut self) -> Step<Value> {
        let start = self.at;
        let digits = |r: &mut Self| {
            let from = r.at;
            while let Some(b'0'..=b'9') = r.text.get(r.at) {
                r.at += 1;
            }
            r.at - from
        };
        if self.text.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        let leading_zero = self.text.get(self.at) == Some(&b'0');
        let whole = digits(self);
        if whole == 0 || (leading_zero && whole > 1) {
            return Err("a number has no leading zero and at least one digit");
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            if digits(self) == 0 {
                return Err("a digit must follow the decimal point");
            }
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.text.get(self.at) {
                self.at += 1;
            }
            if digits(self) == 0 {
                return Err("a digit must follow the exponent sign");
            }
        }
        let text = std::str::from_utf8(&self.text[start..self.at]).expect("digits and signs are ASCII");
        Ok(Value::Number(text.into()))
    }

    fn string(&mut self) -> Step<Box<str>> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.text.get(self.at) {
                Some(b'"') => {
                    let plain = &self.text[start..self.at];
                    self.at += 1;
                    return std::str::from_utf8(plain).map(Into::into).map_err(|_| "the text is not UTF-8");
                }
                Some(b'\\') => return self.string_with_escapes(start),
                Some(0..=0x1f) => return Err("a control character stands in a string without an escape"),
                Some(_) => self.at += 1,
                None => return Err("a string does not end"),
            }
        }
    }

    fn string_with_escapes(&mut self, start: usize) -> Step<Box<str>> {
        let mut out = self.text[start..self.at].to_vec();
        loop {
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return String::from_utf8(out).map(Into::into).map_err(|_| "the text is not UTF-8");
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape(&mut out)?;
                }
                Some(0..=0x1f) => return Err("a control character stands in a string without an escape"),
                Some(&b) => {
                    out.push(b);
                    self.at += 1;
                }
                None => return Err("a string does not end"),
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Step<()> {
        let kind = *self.text.get(self.at).ok_or("a string does not end")?;
        self.at += 1;
        let plain = match kind {
            b'"' | b'\\' | b'/' => kind,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let c = self.unicode_escape()?;
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err("an unknown escape in a string"),
        };
        out.push(plain);
        Ok(())
    }

    fn unicode_escape(&mut self) -> Step<char> {
        let first = self.hex4()?;
        if !(0xD800..0xE000).contains(&first) {
            return char::from_u32(first).ok_or("not a character");
        }
        let low_follows = first < 0xDC00 && self.text[self.at..].starts_with(b"\\u");
        if !low_follows {
            return Err("half of a surrogate pair stands alone");
        }
        self.at += 2;
        let second = self.hex4()?;
        if !(0xDC00..0xE000).contains(&second) {
            return Err("half of a surrogate pair stands alone");
        }
        char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)).ok_or("not a character")
    }

    fn hex4(&mut self) -> Step<u32> {
        let digits = self.text.get(self.at..self.at + 4).ok_or("four hexadecimal digits must follow \\u")?;
        let all_hex = digits.iter().all(u8::is_ascii_hexdigit);
        let text = std::str::from_utf8(digits).ok().filter(|_| all_hex);
        self.at += 4;
        text.and_then(|t| u32::from_str_radix(t, 16).ok()).ok_or("four hexadecimal digits must follow \\u")
    }
}

/// Prints without white space.
pub fn to_string(value: &Value) -> String {
    let mut out = String::with_capacity(1024);
    print(value, &mut out);
    out
}

/// Prints with two spaces a level, for people.
pub fn to_string_pretty(value: &Value) -> String {
    let mut out = String::with_capacity(2048);
    print_pretty(value, 0, &mut out);
    out.push('\n');
    out
}

/// Appends the value without white space.
pub fn print(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => out.push_str(n),
        Value::String(s) => quote(s, out),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                print(item, out);
            }
            out.push(']');
        }
        Value::Object(o) => {
            out.push('{');
            for (i, (key, item)) in o.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                quote(key, out);
                out.push(':');
                print(item, out);
            }
            out.push('}');
        }
    }
}

fn print_pretty(value: &Value, level: usize, out: &mut String) {
    let new_line = |level: usize, out: &mut String| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", level));
    };
    match value {
        Value::Array(items) if !items.is_empty() => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                new_line(level + 1, out);
                print_pretty(item, level + 1, out);
            }
            new_line(level, out);
            out.push(']');
        }
        Value::Object(o) if !o.is_empty() => {
            out.push('{');
            for (i, (key, item)) in o.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                new_line(level + 1, out);
                quote(key, out);
                out.push_str(": ");
                print_pretty(item, level + 1, out);
            }
            new_line(level, out);
            out.push('}');
        }
        other => print(other, out),
    }
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    let mut from = 0;
    for (at, b) in text.bytes().enumerate() {
        let escape = match b {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(&text[from..at]);
        if escape.is_empty() {
            out.push_str(&format!("\\u{b:04x}"));
        } else {
            out.push_str(escape);
        }
        from = at + 1;
    }
    out.push_str(&text[from..]);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir;

    #[test]
    fn what_was_read_is_printed_the_same() {
        let text = r#"{"resourceType":"Observation","value":0.50,"e":1E+2,"s":"Ñu\"\\\n","a":[null,true,{}],"o":[]}"#;
        let value = parse(text.as_bytes()).expect("well-formed");
        assert_eq!(to_string(&value), text);
        assert_eq!(parse(to_string_pretty(&value).as_bytes()).expect("well-formed"), value);
    }

    #[test]
    fn hostile_texts_are_refused_with_a_place() {
        let deep = "[".repeat(100_000);
        let cases: [(&str, usize, usize); 12] = [
            ("", 1, 1),
            ("{\"a\":1,\"a\":2}", 1, 11),
            ("{\n\"a\":01}", 2, 7),
            ("\"\\ud800\"", 1, 8),
            ("\"a", 1, 3),
            ("[1,]", 1, 4),
            ("1 2", 1, 3),
            ("nul", 1, 1),
            ("\"\u{1}\"", 1, 2),
            ("{\"a\" 1}", 1, 6),
            ("-", 1, 2),
            (&deep, 1, 130),
        ];
        for (text, line, column) in cases {
            let error = parse(text.as_bytes()).expect_err("refused");
            assert_eq!((error.line, error.column), (line, column), "{} in {:.20}", error.what, text);
        }
        assert!(parse(b"\"\xff\"").is_err());
    }

    #[test]
    fn values_are_built_in_the_shape_of_json() {
        let family = String::from("Muñoz");
        let patient = fhir!({ "resourceType": "Patient", "active": true, "name": [{ "family": family, "given": ["Ana"] }] });
        assert_eq!(patient["name"][0].str_of("family"), "Muñoz");
        assert_eq!(patient["name"][7].str_of("family"), "");
    }
}
