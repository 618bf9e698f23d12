//! XML as a tree for CDA (XML 1.0; CDA R2): no DTD, no entities of its own, limits on everything.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;
use std::fmt;

/// Longest document, in bytes: a scanned report may stand in it.
pub const DOCUMENT_BYTES_MAX: usize = 32 << 20;
/// Deeper nesting is refused: no CDA needs it, and recursion must end.
pub const DEPTH_MAX: usize = 100;
/// Elements in one document.
pub const ELEMENTS_MAX: usize = 500_000;
/// Attributes of one element.
pub const ATTRIBUTES_MAX: usize = 64;
/// HL7's own additions to CDA; their names are read with `sdtc:` before them.
const SDTC: &str = "urn:hl7-org:sdtc";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Why a text is no CDA that we read, and where it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CdaError {
    pub what: &'static str,
    /// In bytes, from the beginning.
    pub position: u64,
}

impl fmt::Display for CdaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.position, self.what)
    }
}
impl std::error::Error for CdaError {}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Element(Element),
    Text(String),
}

/// An element: its name without prefix (`sdtc:` kept), attributes in their order (`xsi:type` kept), what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub nodes: Vec<Node>,
}

impl Element {
    pub fn new(name: &str) -> Element {
        Element { name: name.to_owned(), ..Element::default() }
    }
    /// With an attribute; an empty value is left out.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Element {
        if !value.is_empty() {
            self.attributes.push((name.to_owned(), value.to_owned()));
        }
        self
    }
    #[must_use]
    pub fn holding(mut self, child: impl Into<Option<Element>>) -> Element {
        self.nodes.extend(child.into().map(Node::Element));
        self
    }
    #[must_use]
    pub fn all(mut self, children: impl IntoIterator<Item = Element>) -> Element {
        self.nodes.extend(children.into_iter().map(Node::Element));
        self
    }
    #[must_use]
    pub fn saying(mut self, text: &str) -> Element {
        self.nodes.push(Node::Text(text.to_owned()));
        self
    }

    /// An attribute's text, trimmed; empty where there is none.
    pub fn attr(&self, name: &str) -> &str {
        self.attributes.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.trim())
    }
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.nodes.iter().filter_map(|n| match n {
            Node::Element(e) => Some(e),
            Node::Text(_) => None,
        })
    }
    pub fn children<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Element> {
        self.elements().filter(move |e| e.name == name)
    }
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.elements().find(|e| e.name == name)
    }
    /// The element at a path of first children.
    pub fn at(&self, path: &[&str]) -> Option<&Element> {
        path.iter().try_fold(self, |e, name| e.child(name))
    }
    /// Whether it says something: an element with a nullFlavor says that there is nothing.
    pub fn says(&self) -> bool {
        self.attr("nullFlavor").is_empty()
    }
    pub fn has_template(&self, root: &str) -> bool {
        self.children("templateId").any(|t| t.attr("root") == root)
    }
    /// All text in it, blanks folded.
    pub fn text(&self) -> String {
        let mut all = String::new();
        self.gather(&mut all);
        all.split_whitespace().collect::<Vec<_>>().join(" ")
    }
    fn gather(&self, out: &mut String) {
        for node in &self.nodes {
            match node {
                Node::Text(text) => out.push_str(text),
                Node::Element(element) => {
                    element.gather(out);
                    out.push(' ');
                }
            }
        }
    }

    /// The element as XML; text and attributes are escaped.
    pub fn print(&self, out: &mut String) {
        out.push('<');
        out.push_str(&self.name);
        for (name, value) in &self.attributes {
            out.push(' ');
            out.push_str(name);
            out.push_str("=\"");
            escape(value, out);
            out.push('"');
        }
        if self.nodes.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        for node in &self.nodes {
            match node {
                Node::Text(text) => escape(text, out),
                Node::Element(element) => element.print(out),
            }
        }
        out.push_str("</");
        out.push_str(&self.name);
        out.push('>');
    }
}

pub(super) fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if is_forbidden(c) => {}
            c => out.push(c),
        }
    }
}

/// Characters that XML 1.0 does not allow.
fn is_forbidden(c: char) -> bool {
    (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// Reads a document. UTF-8 is expected; a text that is none is read as Windows-1252, as old senders write.
pub(super) fn parse(bytes: &[u8]) -> Result<Element, CdaError> {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        return Err(CdaError {
            what: "the document is longer than 32 MiB",
            position: DOCUMENT_BYTES_MAX as u64,
        });
    }
    let (text, _) = match encoding_rs::Encoding::for_bom(bytes) {
        Some((encoding, _)) => encoding.decode_with_bom_removal(bytes),
        None if std::str::from_utf8(bytes).is_ok() => encoding_rs::UTF_8.decode_with_bom_removal(bytes),
        None => encoding_rs::WINDOWS_1252.decode_with_bom_removal(bytes),
    };
    let mut reader = Reader { xml: NsReader::from_str(&text), elements: 0 };
    reader.xml.config_mut().check_end_names = true;
    let read = reader.document();
    read.map_err(|what| CdaError { what, position: reader.xml.buffer_position() })
}

struct Reader<'t> {
    xml: NsReader<&'t [u8]>,
    elements: usize,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Element, &'static str> {
        let mut open: Vec<Element> = Vec::new();
        let mut root: Option<Element> = None;
        loop {
            let (resolved, event) = self.xml.read_resolved_event().map_err(|_| "not well-formed XML")?;
            let sdtc = matches!(resolved, ResolveResult::Bound(Namespace(SDTC)));
            match event {
                Event::Start(start) => {
                    if open.len() == DEPTH_MAX {
                        return Err("nested deeper than 100 levels");
                    }
                    if open.is_empty() && root.is_some() {
                        return Err("something follows the document");
                    }
                    let element = self.element(&start, sdtc)?;
                    open.push(element);
                }
                Event::Empty(start) => {
                    let element = self.element(&start, sdtc)?;
                    place(&mut open, &mut root, element)?;
                }
                Event::End(_) => {
                    let closed = open.pop().ok_or("an end without a beginning")?;
                    place(&mut open, &mut root, closed)?;
                }
                Event::Text(text) => {
                    add_text(&mut open, &text)?;
                }
                Event::CData(text) => add_text(&mut open, &text)?,
                Event::GeneralRef(name) => {
                    let character = name.resolve_char_ref().map_err(|_| "no such character")?;
                    let named = match (character, &*name) {
                        (Some(c), _) => c,
                        (None, "amp") => '&',
                        (None, "lt") => '<',
                        (None, "gt") => '>',
                        (None, "quot") => '"',
                        (None, "apos") => '\'',
                        _ => return Err("an entity that XML does not define"),
                    };
                    if is_forbidden(named) {
                        return Err("a character that XML does not allow");
                    }
                    add_text(&mut open, named.encode_utf8(&mut [0; 4]))?;
                }
                Event::DocType(_) => return Err("a DTD is not allowed"),
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => break,
            }
        }
        if !open.is_empty() {
            return Err("the text ends inside an element");
        }
        root.ok_or("there is no element")
    }

    fn element(&mut self, start: &BytesStart<'_>, sdtc: bool) -> Result<Element, &'static str> {
        self.elements += 1;
        if self.elements > ELEMENTS_MAX {
            return Err("more than 500,000 elements");
        }
        let local = start.local_name();
        let local: &str = local.as_ref();
        let mut made = Element::new(&if sdtc { format!("sdtc:{local}") } else { local.to_owned() });
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| "an attribute is not well formed or stands twice")?;
            if made.attributes.len() == ATTRIBUTES_MAX {
                return Err("an element has more than 64 attributes");
            }
            let key: &str = attribute.key.as_ref();
            if key == "xmlns" || key.starts_with("xmlns:") {
                continue;
            }
            let (space, local) = self.xml.resolver().resolve_attribute(attribute.key);
            let is_xsi = matches!(space, ResolveResult::Bound(Namespace(XSI))) || key == "xsi:type";
            let local: &str = local.as_ref();
            let name = if is_xsi { format!("xsi:{local}") } else { local.to_owned() };
            let text = attribute.normalized_value(XmlVersion::Implicit1_0);
            let text = text.map_err(|_| "an attribute has an entity that XML does not define")?;
            made.attributes.push((name, text.into_owned()));
        }
        Ok(made)
    }
}

fn place(open: &mut [Element], root: &mut Option<Element>, element: Element) -> Result<(), &'static str> {
    match open.last_mut() {
        Some(around) => around.nodes.push(Node::Element(element)),
        None if root.is_none() => *root = Some(element),
        None => return Err("something follows the document"),
    }
    Ok(())
}

fn add_text(open: &mut [Element], text: &str) -> Result<(), &'static str> {
    match open.last_mut() {
        Some(around) => match around.nodes.last_mut() {
            Some(Node::Text(before)) => before.push_str(text),
            _ => around.nodes.push(Node::Text(text.to_owned())),
        },
        None if text.trim().is_empty() => {}
        None => return Err("text stands outside the document"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_xml_is_refused_with_its_reason() {
        let deep = "<a>".repeat(DEPTH_MAX + 1);
        for (text, why) in [
            ("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", "a DTD is not allowed"),
            ("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>", "a DTD is not allowed"),
            ("<a>&lol;</a>", "an entity that XML does not define"),
            ("<a b=\"&lol;\"/>", "an attribute has an entity that XML does not define"),
            (deep.as_str(), "nested deeper than 100 levels"),
            ("<a></b>", "not well-formed XML"),
            ("<a>", "the text ends inside an element"),
            ("<a/><b/>", "something follows the document"),
            ("", "there is no element"),
            ("hola", "text stands outside the document"),
        ] {
            assert_eq!(parse(text.as_bytes()).map_err(|e| e.what), Err(why), "{text:.60}");
        }
    }

    #[test]
    fn text_in_an_old_character_set_keeps_its_accents() {
        let read = parse(b"<a>Mu\xF1oz</a>").expect("XML");
        assert_eq!(read.text(), "Muñoz");
    }

    #[test]
    fn what_is_printed_is_read_back() {
        let made = Element::new("a").with("b", "x & \"y\"").saying("1 < 2 ñ").holding(Element::new("c"));
        let mut text = String::new();
        made.print(&mut text);
        assert_eq!(parse(text.as_bytes()), Ok(made));
    }
}
