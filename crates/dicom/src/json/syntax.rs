//! JSON text to a tree that keeps numbers as written (RFC 8259); duplicate names are refused.

use std::fmt;

/// Longer texts are refused before they are read.
pub const JSON_BYTES_MAX: usize = 32 << 20;
/// Objects and arrays inside one another: three for each DICOM sequence.
const DEPTH_MAX: usize = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonErrorKind {
    TooLong,
    TooDeep,
    /// Not JSON.
    Syntax,
    /// Not XML, or not the native model in it.
    Xml(&'static str),
    /// JSON, and not the DICOM JSON model.
    Model(&'static str),
}

/// A refusal with where it happened: bytes into the text, or the tag that was being read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    pub kind: JsonErrorKind,
    pub position: usize,
    /// The path of the attribute, for errors of the model.
    pub place: String,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            JsonErrorKind::TooLong => write!(f, "more than {JSON_BYTES_MAX} bytes"),
            JsonErrorKind::TooDeep => write!(f, "JSON nested too deep at byte {}", self.position),
            JsonErrorKind::Syntax => write!(f, "not JSON at byte {}", self.position),
            JsonErrorKind::Xml(what) => write!(f, "{what} at byte {}", self.position),
            JsonErrorKind::Model(what) => write!(f, "{what} at {}", self.place),
        }
    }
}

impl std::error::Error for JsonError {}

/// A JSON value.
#[derive(Debug)]
pub(super) enum Json {
    Null,
    Bool,
    /// As written.
    Number(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

type Result<T> = std::result::Result<T, JsonError>;

pub(super) fn read(bytes: &[u8]) -> Result<Json> {
    let error = |kind, position| JsonError { kind, position, place: String::new() };
    if bytes.len() > JSON_BYTES_MAX {
        return Err(error(JsonErrorKind::TooLong, 0));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| error(JsonErrorKind::Syntax, e.valid_up_to()))?;
    let mut reader = Reader { text: text.strip_prefix('\u{FEFF}').unwrap_or(text), at: 0 };
    let value = reader.value(0)?;
    reader.space();
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.bad()),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn bad(&self) -> JsonError {
        JsonError { kind: JsonErrorKind::Syntax, position: self.at, place: String::new() }
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, literal: &str) -> Result<()> {
        match self.text[self.at..].starts_with(literal) {
            true => {
                self.at += literal.len();
                Ok(())
            }
            false => Err(self.bad()),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Json> {
        if depth > DEPTH_MAX {
            return Err(JsonError { kind: JsonErrorKind::TooDeep, ..self.bad() });
        }
        self.space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Json::Text),
            Some(b't') => self.take("true").map(|()| Json::Bool),
            Some(b'f') => self.take("false").map(|()| Json::Bool),
            Some(b'n') => self.take("null").map(|()| Json::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.bad()),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json> {
        self.take("{")?;
        let mut members: Vec<(String, Json)> = Vec::new();
        let mut names = std::collections::HashSet::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Json::Object(members));
        }
        loop {
            self.space();
            let name = self.string()?;
            self.space();
            self.take(":")?;
            let value = self.value(depth + 1)?;
            if !names.insert(name.clone()) {
                return Err(self.bad());
            }
            members.push((name, value));
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                _ => {
                    self.take("}")?;
                    return Ok(Json::Object(members));
                }
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json> {
        self.take("[")?;
        let mut values = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Json::Array(values));
        }
        loop {
            values.push(self.value(depth + 1)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                _ => {
                    self.take("]")?;
                    return Ok(Json::Array(values));
                }
            }
        }
    }

    fn number(&mut self) -> Result<Json> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let whole = self.digits()?;
        if whole > 1 && self.text.as_bytes()[self.at - whole] == b'0' {
            return Err(self.bad());
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Json::Number(self.text[start..self.at].to_owned()))
    }

    fn digits(&mut self) -> Result<usize> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        match self.at - start {
            0 => Err(self.bad()),
            count => Ok(count),
        }
    }

    fn string(&mut self) -> Result<String> {
        self.take("\"")?;
        let mut value = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.find(|c| c == '"' || c == '\\' || c < ' ').ok_or_else(|| self.bad())?;
            value.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(value);
                }
                Some(b'\\') => value.push(self.escape()?),
                _ => return Err(self.bad()),
            }
        }
    }

    fn escape(&mut self) -> Result<char> {
        self.at += 1;
        let letter = self.peek().ok_or_else(|| self.bad())?;
        let c = match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(self.bad()),
        };
        self.at += 1;
        Ok(c)
    }

    fn unicode(&mut self) -> Result<char> {
        self.at += 1;
        let high = self.hex4()?;
        let code = match high {
            0xD800..=0xDBFF => {
                self.take("\\u")?;
                match self.hex4()? {
                    low @ 0xDC00..=0xDFFF => 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00),
                    _ => return Err(self.bad()),
                }
            }
            code => code,
        };
        char::from_u32(code).ok_or_else(|| self.bad())
    }

    fn hex4(&mut self) -> Result<u32> {
        let digits = self.text.get(self.at..self.at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|d| u32::from_str_radix(d, 16).ok()).ok_or_else(|| self.bad())?;
        self.at += 4;
        Ok(code)
    }
}
