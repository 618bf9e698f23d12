//! A data set: elements in the order of their tags, values as bytes with their character set (PS3.5 section 7).

mod numbers;
mod path;
mod read;
pub(crate) mod write;

use dicom_core::{Tag, VR};

use crate::charset::{self, Charset};
use crate::dictionary;
use crate::element::{self, Element, Value};

pub use path::{NotATagPath, TagPath};

/// Specific Character Set.
pub const SPECIFIC_CHARACTER_SET: Tag = Tag(0x0008, 0x0005);

/// Elements ordered by tag, each tag once, and the character set their text is in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DataSet {
    elements: Vec<Element>,
    charset: Charset,
}

impl DataSet {
    pub fn new() -> DataSet {
        DataSet::default()
    }

    /// An empty data set whose text is in `charset`; an item inherits that of the data set around it.
    pub fn with_charset(charset: Charset) -> DataSet {
        DataSet { elements: Vec::new(), charset }
    }

    /// Puts elements in order; of those that stand twice the last counts. Whether there was anything to mend.
    pub(crate) fn of_elements(mut elements: Vec<Element>, charset: Charset) -> (DataSet, bool) {
        let disorder = !elements.is_sorted_by(|a, b| a.tag < b.tag);
        if disorder {
            elements.sort_by_key(|element| element.tag);
            elements.reverse();
            elements.dedup_by_key(|element| element.tag);
            elements.reverse();
        }
        (DataSet { elements, charset }, disorder)
    }

    pub fn get(&self, tag: Tag) -> Option<&Element> {
        self.position(tag).ok().map(|at| &self.elements[at])
    }

    pub fn contains(&self, tag: Tag) -> bool {
        self.position(tag).is_ok()
    }

    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    pub fn len(&self) -> usize {
        self.elements.len()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Element> {
        self.elements.iter()
    }

    pub fn charset(&self) -> &Charset {
        &self.charset
    }

    /// The first value as text, decoded and trimmed. `None` when absent, empty or not text or number.
    pub fn text(&self, tag: Tag) -> Option<String> {
        self.texts(tag).into_iter().next().filter(|text| !text.is_empty())
    }

    /// All values as text; numbers in decimal, tags (AT) as eight hexadecimal digits. Empty when absent or of bytes.
    pub fn texts(&self, tag: Tag) -> Vec<String> {
        self.get(tag).map(|element| self.texts_of(element).0).unwrap_or_default()
    }

    /// All values of an element of this data set as text, with what did not fit its character set.
    pub fn texts_of(&self, element: &Element) -> (Vec<String>, Option<&'static str>) {
        let vr = element.meaning();
        let bytes = element.bytes();
        if bytes.is_empty() {
            return (Vec::new(), None);
        }
        if !element::is_text(vr) {
            return (numbers::texts(vr, bytes), None);
        }
        let (text, issue) = charset::decode(bytes, &self.charset);
        let text = text.trim_end_matches(['\0', ' ']);
        if element::is_single_text(vr) {
            return (vec![text.to_owned()], issue);
        }
        if text.is_empty() {
            return (Vec::new(), issue);
        }
        (text.split('\\').map(|value| value.trim_matches(['\0', ' ']).to_owned()).collect(), issue)
    }

    /// The first value as a UID, without padding.
    pub fn uid(&self, tag: Tag) -> Option<String> {
        self.text(tag)
    }

    /// The first value as a whole number, from IS or a binary VR.
    pub fn int(&self, tag: Tag) -> Option<i64> {
        self.ints(tag).into_iter().next()
    }

    /// All values as whole numbers; what is no number is left out.
    pub fn ints(&self, tag: Tag) -> Vec<i64> {
        self.get(tag).map(|element| numbers::ints(element.meaning(), element.bytes())).unwrap_or_default()
    }

    /// The first value as a number, from DS, IS or a binary VR.
    pub fn float(&self, tag: Tag) -> Option<f64> {
        self.floats(tag).into_iter().next()
    }

    /// All values as numbers; what is no number is left out.
    pub fn floats(&self, tag: Tag) -> Vec<f64> {
        self.get(tag).map(|element| numbers::floats(element.meaning(), element.bytes())).unwrap_or_default()
    }

    pub fn items(&self, tag: Tag) -> &[DataSet] {
        self.get(tag).map_or(&[], Element::items)
    }

    /// The first item of a sequence.
    pub fn item(&self, tag: Tag) -> Option<&DataSet> {
        self.items(tag).first()
    }

    /// Puts text under the VR of the dictionary, in the character set of this data set. Values are parted by a
    /// backslash. Gives the characters that the character set does not have (written as `?`); [`DataSet::set_charset`]
    /// with UTF-8 leaves none. Tags without a text VR are written as UN.
    pub fn set_text(&mut self, tag: Tag, text: &str) -> Vec<char> {
        let vr = dictionary::vr(tag);
        self.set_text_as(tag, vr, text)
    }

    /// As [`DataSet::set_text`], with the VR given (private elements). Numbers of a binary VR are read from the text.
    pub fn set_text_as(&mut self, tag: Tag, vr: VR, text: &str) -> Vec<char> {
        if let Some(bytes) = numbers::bytes(vr, text) {
            self.set_bytes(tag, vr, bytes);
            return Vec::new();
        }
        let (bytes, unfit) = charset::encode(text, &self.charset);
        self.set_bytes(tag, vr, bytes);
        unfit
    }

    /// The bytes of numbers in characters; `None` when the VR is not binary or one is no number of it.
    pub(crate) fn number_bytes(vr: VR, text: &str) -> Option<Vec<u8>> {
        numbers::bytes(vr, text)
    }

    /// Whole numbers under the VR of the dictionary, binary or IS.
    pub fn set_ints(&mut self, tag: Tag, values: &[i64]) {
        let text: Vec<_> = values.iter().map(i64::to_string).collect();
        self.set_text(tag, &text.join("\\"));
    }

    /// Puts value bytes (little endian) and pads them to an even length.
    pub fn set_bytes(&mut self, tag: Tag, vr: VR, bytes: impl Into<Vec<u8>>) {
        let mut bytes: Vec<u8> = bytes.into();
        if bytes.len() % 2 == 1 {
            bytes.push(element::padding(vr));
        }
        self.put(Element { tag, vr, value: Value::Bytes(bytes.into()) });
    }

    pub fn set_items(&mut self, tag: Tag, items: Vec<DataSet>) {
        self.put(Element { tag, vr: VR::SQ, value: Value::Items(items) });
    }

    /// Puts an element, in place of the one that had its tag. (0008,0005) also says in what the text *from now on* is.
    pub fn put(&mut self, element: Element) {
        if element.tag == SPECIFIC_CHARACTER_SET {
            self.charset = Charset::parse(&String::from_utf8_lossy(element.bytes()).replace('\0', " ")).0;
        }
        // Elements nearly always come in order.
        match self.elements.last() {
            Some(last) if last.tag >= element.tag => match self.position(element.tag) {
                Ok(at) => self.elements[at] = element,
                Err(at) => self.elements.insert(at, element),
            },
            _ => self.elements.push(element),
        }
    }

    pub fn remove(&mut self, tag: Tag) -> Option<Element> {
        let at = self.position(tag).ok()?;
        Some(self.elements.remove(at))
    }

    /// Writes all text anew in `charset`, items too, and sets (0008,0005). Gives the characters that did not fit.
    pub fn set_charset(&mut self, charset: &Charset) -> Vec<char> {
        let mut unfit = self.recode(charset);
        unfit.sort_unstable();
        unfit.dedup();
        if charset.is_default() {
            self.remove(SPECIFIC_CHARACTER_SET);
        } else {
            self.set_bytes(SPECIFIC_CHARACTER_SET, VR::CS, charset.term());
        }
        self.charset = charset.clone();
        unfit
    }

    fn recode(&mut self, charset: &Charset) -> Vec<char> {
        let mut unfit = Vec::new();
        let old = self.charset.clone();
        for element in &mut self.elements {
            let vr = element.meaning();
            match &mut element.value {
                Value::Items(items) => {
                    for item in items {
                        unfit.extend(item.recode(charset));
                        item.remove(SPECIFIC_CHARACTER_SET);
                        item.charset = charset.clone();
                    }
                }
                Value::Bytes(bytes)
                    if element::has_charset(vr) && (!bytes.is_ascii() || bytes.contains(&0x1B)) =>
                {
                    let (mut written, missing) = charset::encode(&charset::decode(bytes, &old).0, charset);
                    if written.len() % 2 == 1 {
                        // Lengthening or dropping the old padding both keep the value.
                        match written.last() {
                            Some(b' ') => drop(written.pop()),
                            _ => written.push(element::padding(vr)),
                        }
                    }
                    *bytes = written.into();
                    unfit.extend(missing);
                }
                _ => {}
            }
        }
        unfit
    }

    fn position(&self, tag: Tag) -> Result<usize, usize> {
        self.elements.binary_search_by(|element| element.tag.cmp(&tag))
    }
}

impl<'a> IntoIterator for &'a DataSet {
    type Item = &'a Element;
    type IntoIter = std::slice::Iter<'a, Element>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests;
