//! Where an element stands inside nested sequences: `00880200/0/7FE00010` (PS3.18 10.4.1.1.6: bulk data references).

use std::fmt;
use std::str::FromStr;

use dicom_core::Tag;

use super::DataSet;
use crate::dictionary::hex;
use crate::element::{Element, Value};

/// The sequences and item numbers (from 0) on the way, then the tag itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TagPath {
    pub items: Vec<(Tag, usize)>,
    pub tag: Tag,
}

impl TagPath {
    pub fn root(tag: Tag) -> TagPath {
        TagPath { items: Vec::new(), tag }
    }
}

impl fmt::Display for TagPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (sequence, item) in &self.items {
            write!(f, "{}/{item}/", hex(*sequence))?;
        }
        f.write_str(&hex(self.tag))
    }
}

/// The text is no path of tags and item numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotATagPath;

impl FromStr for TagPath {
    type Err = NotATagPath;
    fn from_str(text: &str) -> Result<Self, NotATagPath> {
        let tag = |text: &str| -> Result<Tag, NotATagPath> {
            let hexadecimal = text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
            let number = u32::from_str_radix(text, 16).ok().filter(|_| hexadecimal).ok_or(NotATagPath)?;
            Ok(Tag((number >> 16) as u16, (number & 0xFFFF) as u16))
        };
        let mut parts = text.split('/');
        let mut items = Vec::new();
        loop {
            let here = tag(parts.next().ok_or(NotATagPath)?)?;
            match parts.next() {
                None => return Ok(TagPath { items, tag: here }),
                Some(item) => items.push((here, item.parse().map_err(|_| NotATagPath)?)),
            }
        }
    }
}

impl DataSet {
    /// The element at a path.
    pub fn at(&self, path: &TagPath) -> Option<&Element> {
        let mut set = self;
        for (sequence, item) in &path.items {
            set = set.items(*sequence).get(*item)?;
        }
        set.get(path.tag)
    }

    /// Puts an element at a path whose items are there already; `false` when they are not.
    pub fn put_at(&mut self, path: &TagPath, element: Element) -> bool {
        let mut set = self;
        for (sequence, item) in &path.items {
            let Ok(at) = set.position(*sequence) else { return false };
            let Value::Items(items) = &mut set.elements[at].value else { return false };
            let Some(next) = items.get_mut(*item) else { return false };
            set = next;
        }
        set.put(element);
        true
    }
}
