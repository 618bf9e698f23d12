//! Search entries of a resource as bytes beside its body: they decide what fits (FHIR R4, search.html).

use badiano_fhir::search::Key;
use badiano_kernel::{Fault, Instant};

/// What a resource says, by the number of the parameter.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Keys {
    all: Vec<(i64, Key)>,
}

impl Keys {
    pub fn push(&mut self, param: i64, key: Key) {
        self.all.push((param, key));
    }
    pub fn iter(&self) -> impl Iterator<Item = (i64, &Key)> {
        self.all.iter().map(|(p, k)| (*p, k))
    }
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (param, key) in &self.all {
            put_number(&mut out, u64::try_from(*param).unwrap_or(0));
            encode_key(&mut out, key);
        }
        out
    }
    pub fn decode(bytes: &[u8]) -> Result<Keys, Fault> {
        let mut at = Reader { bytes };
        let mut keys = Keys::default();
        while !at.bytes.is_empty() {
            let read = at.number().and_then(|p| Some((i64::try_from(p).ok()?, at.key(0)?)));
            let (param, key) = read.ok_or_else(|| Fault::unavailable("stored search entries are damaged"))?;
            keys.push(param, key);
        }
        Ok(keys)
    }
}

/// Search entries as they are stored: a question looks at one or two of dozens, so only those become values.
pub(crate) struct Stored {
    bytes: Vec<u8>,
    /// The number of each entry's parameter, and where its value begins.
    places: Vec<(i64, usize)>,
}

impl Stored {
    /// Walks all entries once: what is damaged is refused here, and later reading cannot fail.
    pub fn new(bytes: Vec<u8>) -> Result<Stored, Fault> {
        let mut places = Vec::with_capacity(bytes.len() / 24);
        let mut at = Reader { bytes: &bytes };
        while !at.bytes.is_empty() {
            let param = at.number().and_then(|p| i64::try_from(p).ok());
            let place = bytes.len() - at.bytes.len();
            let entry = param.and_then(|param| at.pass(0).map(|()| (param, place)));
            places.push(entry.ok_or_else(|| Fault::unavailable("stored search entries are damaged"))?);
        }
        Ok(Stored { bytes, places })
    }

    /// All values under one parameter.
    pub fn of(&self, param: i64) -> impl Iterator<Item = Key> {
        self.places.iter().filter(move |(p, _)| *p == param).filter_map(|(_, place)| self.key(*place))
    }

    /// The parameters that the resource says something under, one for each value.
    pub fn params(&self) -> impl Iterator<Item = i64> {
        self.places.iter().map(|(param, _)| *param)
    }

    /// All references, by the number of their parameter.
    pub fn references(&self) -> impl Iterator<Item = (i64, Key)> {
        let references = self.places.iter().filter(|(_, place)| self.bytes[*place] == REFERENCE);
        references.filter_map(|(param, place)| Some((*param, self.key(*place)?)))
    }

    fn key(&self, place: usize) -> Option<Key> {
        Reader { bytes: self.bytes.get(place..)? }.key(0)
    }
}

/// The form of an entry that refers to something.
const REFERENCE: u8 = 5;
/// Composites within one another.
const DEPTH_MAX: usize = 4;
/// Components of a composite.
const COMPONENTS_MAX: usize = 64;

fn put_number(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(u8::try_from(n & 0x7f).unwrap_or(0) | 0x80);
        n >>= 7;
    }
    out.push(u8::try_from(n).unwrap_or(0));
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn encode_key(out: &mut Vec<u8>, key: &Key) {
    match key {
        Key::Token { system, code, text } => {
            out.push(0);
            [system, code, text].into_iter().for_each(|t| put_text(out, t));
        }
        Key::Text { folded, exact } => {
            out.push(1);
            [folded, exact].into_iter().for_each(|t| put_text(out, t));
        }
        Key::Date { from, to } => {
            out.push(2);
            out.extend_from_slice(&from.micros.to_le_bytes());
            out.extend_from_slice(&to.micros.to_le_bytes());
        }
        Key::Number { low, high } => {
            out.push(3);
            [low, high].into_iter().for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
        }
        Key::Quantity { low, high, system, code, canonical } => {
            out.push(4);
            [low, high].into_iter().for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
            [system, code].into_iter().for_each(|t| put_text(out, t));
            out.push(u8::from(canonical.is_some()));
            if let Some((low, high, unit)) = canonical {
                [low, high].into_iter().for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
                put_text(out, unit);
            }
        }
        Key::Reference { kind, id, url, identifier } => {
            out.push(REFERENCE);
            [kind, id, url].into_iter().for_each(|t| put_text(out, t));
            out.push(u8::from(identifier.is_some()));
            if let Some((system, value)) = identifier {
                [system, value].into_iter().for_each(|t| put_text(out, t));
            }
        }
        Key::Uri(uri) => {
            out.push(6);
            put_text(out, uri);
        }
        Key::Composite(parts) => {
            out.push(7);
            put_number(out, parts.len() as u64);
            parts.iter().for_each(|p| encode_key(out, p));
        }
        Key::Missing => out.push(8),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let (now, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(now)
    }
    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|b| b[0])
    }
    fn number(&mut self) -> Option<u64> {
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let b = self.byte()?;
            n |= u64::from(b & 0x7f) << shift;
            if b < 0x80 {
                return Some(n);
            }
        }
        None
    }
    fn text(&mut self) -> Option<Box<str>> {
        let length = usize::try_from(self.number()?).ok()?;
        std::str::from_utf8(self.take(length)?).ok().map(Into::into)
    }
    fn eight(&mut self) -> Option<[u8; 8]> {
        self.take(8)?.try_into().ok()
    }
    fn float(&mut self) -> Option<f64> {
        self.eight().map(f64::from_le_bytes)
    }
    fn moment(&mut self) -> Option<Instant> {
        self.eight().map(|b| Instant::from_micros(i64::from_le_bytes(b)))
    }
    /// Goes past a value without making it.
    fn pass(&mut self, depth: usize) -> Option<()> {
        match self.byte()? {
            0 => self.pass_texts(3),
            1 => self.pass_texts(2),
            2 | 3 => self.take(16).map(drop),
            4 => {
                self.take(16)?;
                self.pass_texts(2)?;
                match self.byte()? {
                    0 => Some(()),
                    _ => self.take(16).map(drop).and_then(|()| self.pass_texts(1)),
                }
            }
            REFERENCE => {
                self.pass_texts(3)?;
                match self.byte()? {
                    0 => Some(()),
                    _ => self.pass_texts(2),
                }
            }
            6 => self.pass_texts(1),
            7 if depth < DEPTH_MAX => {
                let count = usize::try_from(self.number()?).ok().filter(|n| *n <= COMPONENTS_MAX)?;
                (0..count).try_for_each(|_| self.pass(depth + 1))
            }
            8 => Some(()),
            _ => None,
        }
    }
    fn pass_texts(&mut self, count: usize) -> Option<()> {
        (0..count).try_for_each(|_| {
            let length = usize::try_from(self.number()?).ok()?;
            std::str::from_utf8(self.take(length)?).ok().map(drop)
        })
    }
    fn key(&mut self, depth: usize) -> Option<Key> {
        Some(match self.byte()? {
            0 => Key::Token { system: self.text()?, code: self.text()?, text: self.text()? },
            1 => Key::Text { folded: self.text()?, exact: self.text()? },
            2 => Key::Date { from: self.moment()?, to: self.moment()? },
            3 => Key::Number { low: self.float()?, high: self.float()? },
            4 => Key::Quantity {
                low: self.float()?,
                high: self.float()?,
                system: self.text()?,
                code: self.text()?,
                canonical: match self.byte()? {
                    0 => None,
                    _ => Some((self.float()?, self.float()?, self.text()?)),
                },
            },
            REFERENCE => Key::Reference {
                kind: self.text()?,
                id: self.text()?,
                url: self.text()?,
                identifier: match self.byte()? {
                    0 => None,
                    _ => Some((self.text()?, self.text()?)),
                },
            },
            6 => Key::Uri(self.text()?),
            7 if depth < DEPTH_MAX => {
                let count = usize::try_from(self.number()?).ok().filter(|n| *n <= COMPONENTS_MAX)?;
                Key::Composite((0..count).map(|_| self.key(depth + 1)).collect::<Option<Vec<Key>>>()?)
            }
            8 => Key::Missing,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_entries_come_back_from_their_bytes() {
        let mut keys = Keys::default();
        let token =
            Key::Token { system: "http://loinc.org".into(), code: "8480-6".into(), text: "presión".into() };
        let canonical = Some((1.0, 2.0, "g".into()));
        let quantity =
            Key::Quantity { low: -1.5, high: 2.5, system: "u".into(), code: "mg".into(), canonical };
        keys.push(1, token.clone());
        keys.push(300, Key::Text { folded: "munoz".into(), exact: "Muñoz".into() });
        keys.push(2, Key::Date { from: Instant::from_micros(-5), to: Instant::from_micros(7) });
        keys.push(3, Key::Composite(vec![token, quantity]));
        let identifier = Some(("s".into(), "v".into()));
        keys.push(4, Key::Reference { kind: "Patient".into(), id: "p".into(), url: "".into(), identifier });
        let bytes = keys.encode();
        assert_eq!(Keys::decode(&bytes).expect("they were just written"), keys);
        let stored = Stored::new(bytes.clone()).expect("they were just written");
        for (param, key) in keys.iter() {
            assert!(stored.of(param).eq(std::iter::once(key.clone())), "parameter {param}");
        }
        assert_eq!(stored.params().collect::<Vec<_>>(), [1, 300, 2, 3, 4]);
        assert_eq!(stored.references().map(|(param, _)| param).collect::<Vec<_>>(), [4]);
        for cut in 1..bytes.len() {
            let (walked, read) = (Stored::new(bytes[..cut].to_vec()), Keys::decode(&bytes[..cut]));
            assert_eq!(walked.is_ok(), read.is_ok(), "cut at {cut}: both see the same damage");
            // A cut either falls between two entries or is noticed.
            if let Ok(fewer) = Keys::decode(&bytes[..cut]) {
                assert!(fewer.all.len() < keys.all.len(), "cut at {cut}");
            }
        }
    }
}
