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
    /// All values under one parameter.
    pub fn of(&self, param: i64) -> impl Iterator<Item = &Key> {
        self.all.iter().filter(move |(p, _)| *p == param).map(|(_, k)| k)
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
            out.push(5);
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
            5 => Key::Reference {
                kind: self.text()?,
                id: self.text()?,
                url: self.text()?,
                identifier: match self.byte()? {
                    0 => None,
                    _ => Some((self.text()?, self.text()?)),
                },
            },
            6 => Key::Uri(self.text()?),
            7 if depth < 4 => {
                let count = usize::try_from(self.number()?).ok().filter(|n| *n <= 64)?;
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
        for cut in 1..bytes.len() {
            // A cut either falls between two entries or is noticed.
            if let Ok(fewer) = Keys::decode(&bytes[..cut]) {
                assert!(fewer.all.len() < keys.all.len(), "cut at {cut}");
            }
        }
    }
}
