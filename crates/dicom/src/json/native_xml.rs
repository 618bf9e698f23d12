//! The Native DICOM Model (PS3.19 annex A.1): XML made into the tree of the JSON model, and checked there.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::read::{Parsed, from_tree};
use super::syntax::{JSON_BYTES_MAX, Json, JsonError, JsonErrorKind};

/// Elements inside one another: two for each DICOM sequence.
const DEPTH_MAX: usize = 150;
/// Empty values that one attribute leaves out in a row; each takes memory without standing in the text.
const GAP_MAX: usize = 8;

type Step<T> = Result<T, &'static str>;

/// Reads one document: one object.
pub fn parse_xml(text: &[u8]) -> Result<Parsed, JsonError> {
    if text.len() > JSON_BYTES_MAX {
        return Err(JsonError { kind: JsonErrorKind::TooLong, position: 0, place: String::new() });
    }
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let refused =
        |what, position| JsonError { kind: JsonErrorKind::Xml(what), position, place: String::new() };
    let text = std::str::from_utf8(text).map_err(|e| refused("the text is not UTF-8", e.valid_up_to()))?;
    let mut xml = Reader::from_str(text);
    let tree = document(&mut xml).and_then(|root| match root.name.as_str() {
        "NativeDicomModel" => members(&root),
        _ => Err("the document is no NativeDicomModel"),
    });
    let at = usize::try_from(xml.buffer_position()).unwrap_or(text.len());
    from_tree(&Json::Object(tree.map_err(|what| refused(what, at))?))
}

/// One element with what stands in it.
#[derive(Default)]
struct Node {
    name: String,
    attributes: Vec<(String, String)>,
    children: Vec<Node>,
    text: String,
}

impl Node {
    fn of(start: &BytesStart<'_>) -> Step<Node> {
        let name = start.local_name();
        let name: &str = name.as_ref();
        let mut node = Node { name: name.to_owned(), ..Node::default() };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| "an attribute is not well formed or stands twice")?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value = value.map_err(|_| "an attribute has an entity that XML does not define")?;
            let key = attribute.key.local_name();
            let key: &str = key.as_ref();
            node.attributes.push((key.to_owned(), value.into_owned()));
        }
        Ok(node)
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn children(&self, name: &str) -> impl Iterator<Item = &Node> {
        self.children.iter().filter(move |child| child.name == name)
    }
}

fn document(xml: &mut Reader<&[u8]>) -> Step<Node> {
    // What stands around the root; the root is its only child.
    let mut open = vec![Node::default()];
    loop {
        let event = xml.read_event().map_err(|_| "not well-formed XML")?;
        let is_deepest = open.len() > DEPTH_MAX;
        let here = open.last_mut().ok_or("an end without a beginning")?;
        match event {
            Event::Start(_) if is_deepest => return Err("elements are nested too deep"),
            Event::Start(start) => open.push(Node::of(&start)?),
            Event::Empty(start) => here.children.push(Node::of(&start)?),
            Event::End(_) => {
                let closed = open.pop().ok_or("an end without a beginning")?;
                open.last_mut().ok_or("an end without a beginning")?.children.push(closed);
            }
            Event::Text(text) => here.text.push_str(&text),
            Event::CData(text) => here.text.push_str(&text),
            Event::GeneralRef(name) => {
                let character = name.resolve_char_ref().map_err(|_| "no such character")?;
                here.text.push(match (character, &*name) {
                    (Some(c), _) => c,
                    (None, "amp") => '&',
                    (None, "lt") => '<',
                    (None, "gt") => '>',
                    (None, "quot") => '"',
                    (None, "apos") => '\'',
                    _ => return Err("an entity that XML does not define"),
                });
            }
            Event::DocType(_) => return Err("a DTD is not allowed"),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    let around = open.pop().filter(|_| open.is_empty()).ok_or("the text ends inside an element")?;
    let mut roots = around.children.into_iter();
    match (roots.next(), roots.next()) {
        (Some(root), None) => Ok(root),
        _ => Err("a document has one root"),
    }
}

/// The attributes of a data set or item. A private one may stand with block 00 beside the name of its creator.
fn members(set: &Node) -> Step<Vec<(String, Json)>> {
    let mut members: Vec<(String, Json)> = Vec::new();
    for attribute in set.children("DicomAttribute") {
        let tag = attribute.attribute("tag").ok_or("an attribute has no tag")?;
        let tag = match attribute.attribute("privateCreator") {
            Some(creator) => in_block(&mut members, tag, creator)?,
            None => tag.to_ascii_uppercase(),
        };
        if members.iter().any(|(name, _)| *name == tag) {
            return Err("an attribute stands twice");
        }
        members.push((tag, value_of(attribute)?));
    }
    Ok(members)
}

/// Where a private attribute stands: in its creator's block, which is reserved when nobody has said it (PS3.5 7.8.1).
fn in_block(members: &mut Vec<(String, Json)>, tag: &str, creator: &str) -> Step<String> {
    let tag = tag.to_ascii_uppercase();
    if tag.len() != 8 || !tag.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err("an attribute is named by eight hexadecimal digits");
    }
    let (group, said, element) = (&tag[..4], &tag[4..6], &tag[6..]);
    let reservation = |block: &str| format!("{group}00{block}");
    let owner = |members: &[(String, Json)], block: &str| {
        let name = reservation(block);
        members.iter().find(|(n, _)| *n == name).map(|(_, value)| holds(value, creator))
    };
    let mut blocks = (0x10..=0xFF_u8).map(|b| format!("{b:02X}"));
    let block = match said {
        "00" => {
            blocks.find(|b| owner(members, b) != Some(false)).ok_or("a group has no private block left")?
        }
        said => said.to_owned(),
    };
    match owner(members, &block) {
        Some(true) => {}
        Some(false) => return Err("a private block has two creators"),
        None => members.push((reservation(&block), text_element("LO", creator))),
    }
    Ok(format!("{group}{block}{element}"))
}

fn text_element(vr: &str, text: &str) -> Json {
    let value = Json::Array(vec![Json::Text(text.to_owned())]);
    Json::Object(vec![("vr".into(), Json::Text(vr.into())), ("Value".into(), value)])
}

fn holds(element: &Json, text: &str) -> bool {
    let Json::Object(members) = element else { return false };
    let value = members.iter().find(|(name, _)| name == "Value").map(|(_, value)| value);
    matches!(value, Some(Json::Array(values)) if matches!(values.as_slice(), [Json::Text(t)] if t == text))
}

fn value_of(attribute: &Node) -> Step<Json> {
    let mut made = Vec::new();
    if let Some(vr) = attribute.attribute("vr") {
        made.push(("vr".to_owned(), Json::Text(vr.to_owned())));
    }
    let bulk = attribute.children("BulkData").next();
    let inline = attribute.children("InlineBinary").next();
    if let Some(bulk) = bulk {
        let uri = bulk.attribute("uri").or(bulk.attribute("uuid")).ok_or("BulkData has no uri")?;
        made.push(("BulkDataURI".to_owned(), Json::Text(uri.to_owned())));
    }
    if let Some(inline) = inline {
        let base64 = inline.text.split_whitespace().collect();
        made.push(("InlineBinary".to_owned(), Json::Text(base64)));
    }
    let mut values = numbered(attribute, "Value", |v| Ok(Json::Text(v.text.clone())))?;
    values.extend(numbered(attribute, "PersonName", |name| Ok(person_name(name)))?);
    values.extend(numbered(attribute, "Item", |item| Ok(Json::Object(members(item)?)))?);
    if !values.is_empty() {
        made.push(("Value".to_owned(), Json::Array(values)));
    }
    Ok(Json::Object(made))
}

/// Values in the order of their numbers; one that is left out is empty.
fn numbered(attribute: &Node, kind: &str, read: impl Fn(&Node) -> Step<Json>) -> Step<Vec<Json>> {
    let mut values: Vec<Option<Json>> = Vec::new();
    for node in attribute.children(kind) {
        let number = node.attribute("number").map_or(Some(values.len() + 1), |n| n.trim().parse().ok());
        let next = 1..=values.len() + 1 + GAP_MAX;
        let number = number.filter(|n| next.contains(n)).ok_or("values are not numbered from 1 on")?;
        if values.len() < number {
            values.resize_with(number, || None);
        }
        if values[number - 1].replace(read(node)?).is_some() {
            return Err("two values have one number");
        }
    }
    Ok(values.into_iter().map(|v| v.unwrap_or(Json::Null)).collect())
}

fn person_name(name: &Node) -> Json {
    let group = |kind: &str| {
        let group = name.children(kind).next()?;
        let part = |of: &str| group.children(of).next().map(|p| p.text.as_str()).unwrap_or_default();
        let parts = ["FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix"].map(part).join("^");
        Some((kind.to_owned(), Json::Text(parts.trim_end_matches('^').to_owned())))
    };
    Json::Object(["Alphabetic", "Ideographic", "Phonetic"].into_iter().filter_map(group).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Tag, VR, tags};

    const OBJECT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM" xml:space="preserve">
  <DicomAttribute tag="00080008" vr="CS" keyword="ImageType"><Value number="1">ORIGINAL</Value><Value number="3">AXIAL</Value></DicomAttribute>
  <DicomAttribute tag="00100010" vr="PN"><PersonName number="1"><Alphabetic><FamilyName>Mu&#241;oz &amp; L&#xF3;pez</FamilyName><GivenName>Ana</GivenName></Alphabetic></PersonName></DicomAttribute>
  <DicomAttribute tag="00280010" vr="US"><Value number="1">512</Value></DicomAttribute>
  <DicomAttribute tag="00081140" vr="SQ"><Item number="1"><DicomAttribute tag="00081155" vr="UI"><Value number="1">1.2.3</Value></DicomAttribute>
    <DicomAttribute tag="00420011" vr="OB"><BulkData uri="cid:1"/></DicomAttribute></Item></DicomAttribute>
  <DicomAttribute tag="00091001" vr="OB" privateCreator="ACME"><InlineBinary>AQID
  BA==</InlineBinary></DicomAttribute>
  <DicomAttribute tag="00110002" vr="LO" privateCreator="OTHER"><Value number="1">x</Value></DicomAttribute>
  <DicomAttribute tag="7FE00010" vr="OW"><BulkData uri="pixels"/></DicomAttribute>
</NativeDicomModel>"#;

    #[test]
    fn every_form_of_a_value_is_read() {
        let Parsed { dataset, bulk } = parse_xml(OBJECT.as_bytes()).expect("it reads");
        assert_eq!(dataset.texts(tags::IMAGE_TYPE), ["ORIGINAL", "", "AXIAL"]);
        assert_eq!(dataset.text(tags::PATIENT_NAME).as_deref(), Some("Muñoz & López^Ana"));
        assert_eq!(dataset.int(tags::ROWS), Some(512));
        let item = dataset.item(tags::REFERENCED_IMAGE_SEQUENCE).expect("an item");
        assert_eq!(item.text(tags::REFERENCED_SOP_INSTANCE_UID).as_deref(), Some("1.2.3"));
        assert_eq!(dataset.get(Tag(0x0009, 0x1001)).expect("private").bytes(), [1, 2, 3, 4]);
        assert_eq!(dataset.text(Tag(0x0009, 0x0010)).as_deref(), Some("ACME"), "its block is reserved");
        assert_eq!(dataset.text(Tag(0x0011, 0x0010)).as_deref(), Some("OTHER"));
        assert_eq!(dataset.text(Tag(0x0011, 0x1002)).as_deref(), Some("x"), "block 00 is any block");
        let named: Vec<_> = bulk.iter().map(|b| (b.path.to_string(), b.vr, b.uri.as_str())).collect();
        let inner = "00081140/0/00420011".to_owned();
        assert_eq!(named, [(inner, VR::OB, "cid:1"), ("7FE00010".to_owned(), VR::OW, "pixels")]);
    }

    #[test]
    fn what_is_no_native_model_is_refused() {
        let deep = "<Item>".repeat(200);
        let big = r#"<NativeDicomModel><DicomAttribute tag="00080008" vr="CS"><Value number="4000000000">A</Value></DicomAttribute></NativeDicomModel>"#;
        let twice = r#"<NativeDicomModel><DicomAttribute tag="00080008" vr="CS"/><DicomAttribute tag="00080008" vr="CS"/></NativeDicomModel>"#;
        let entity = r#"<!DOCTYPE x [<!ENTITY a "b">]><NativeDicomModel/>"#;
        for text in
            ["", "<a/>", "<NativeDicomModel>", "<NativeDicomModel/><b/>", &deep, big, twice, entity, "{}"]
        {
            assert!(parse_xml(text.as_bytes()).is_err(), "{text:.40}");
        }
        assert!(parse_xml(b"<NativeDicomModel>\xFF</NativeDicomModel>").is_err());
    }
}
