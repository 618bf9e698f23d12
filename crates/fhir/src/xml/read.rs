//! FHIR XML to the element tree (FHIR R4, xml.html): the schema decides types and arrays; no DTD, no entities.

use super::{DEPTH_MAX, NAMESPACE};
use crate::narrative;
use crate::primitive::{JsonForm, Primitive};
use crate::schema::{self, Child, TypeRef};
use crate::value::{Object, Value};
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;
use std::fmt;

/// More on one element is refused: FHIR has two, and declarations of namespaces.
const ATTRIBUTES_MAX: usize = 16;
/// What stands for "this primitive has no value" while a list is read.
const NOTHING: Value = Value::Null;

/// Why a text is not FHIR XML, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XmlError {
    pub what: &'static str,
    /// Counted from 1.
    pub line: usize,
    /// In bytes, counted from 1.
    pub column: usize,
}

impl fmt::Display for XmlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.what)
    }
}
impl std::error::Error for XmlError {}

/// Reads one resource. The text is UTF-8. What the schema does not know is refused, since its place in JSON is not
/// told; other rules are left to [`crate::validate`].
pub fn parse(text: &[u8]) -> Result<Value, XmlError> {
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let (read, at) = match std::str::from_utf8(text) {
        Ok(utf8) => {
            let mut reader = Reader { xml: NsReader::from_str(utf8), text: utf8 };
            let read = reader.document();
            (read, usize::try_from(reader.xml.buffer_position()).unwrap_or(text.len()))
        }
        Err(error) => (Err("the text is not UTF-8"), error.valid_up_to()),
    };
    read.map_err(|what| {
        let before = &text[..at.min(text.len())];
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |p| p + 1);
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        XmlError { what, line, column: before.len() - line_start + 1 }
    })
}

type Step<T> = Result<T, &'static str>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Space {
    Fhir,
    Xhtml,
    Other,
}

/// What matters between tags.
enum Item<'t> {
    /// A start tag; `true` when the element is closed with it.
    Start(BytesStart<'t>, Space, bool),
    End,
    Eof,
}

struct Reader<'t> {
    xml: NsReader<&'t [u8]>,
    text: &'t str,
}

impl<'t> Reader<'t> {
    fn document(&mut self) -> Step<Value> {
        let Item::Start(start, space, is_empty) = self.next()? else { return Err("there is no element") };
        let value = self.resource(&start, space, is_empty, 0)?;
        match self.next()? {
            Item::Eof => Ok(value),
            _ => Err("something follows the resource"),
        }
    }

    /// The next tag; white space, comments and instructions are passed over.
    fn next(&mut self) -> Step<Item<'t>> {
        loop {
            let (resolved, event) = self.xml.read_resolved_event().map_err(|_| "not well-formed XML")?;
            let space = match resolved {
                ResolveResult::Bound(Namespace(NAMESPACE)) => Space::Fhir,
                ResolveResult::Bound(Namespace(narrative::NAMESPACE)) => Space::Xhtml,
                _ => Space::Other,
            };
            match event {
                Event::Start(start) => return Ok(Item::Start(start, space, false)),
                Event::Empty(start) => return Ok(Item::Start(start, space, true)),
                Event::End(_) => return Ok(Item::End),
                Event::Eof => return Ok(Item::Eof),
                Event::Text(text) if text.bytes().all(|b| b.is_ascii_whitespace()) => {}
                Event::Text(_) | Event::CData(_) => {
                    return Err("text stands outside an attribute and a narrative");
                }
                Event::GeneralRef(_) => return Err("an entity stands outside an attribute and a narrative"),
                Event::DocType(_) => return Err("a DTD is not allowed"),
                Event::Decl(declaration) => {
                    let encoding =
                        declaration.encoding().transpose().map_err(|_| "the XML declaration is wrong")?;
                    let known = |e: &str| ["utf-8", "us-ascii"].contains(&e.to_ascii_lowercase().as_str());
                    if !encoding.is_none_or(|e| known(&e)) {
                        return Err("the encoding must be UTF-8");
                    }
                }
                Event::Comment(_) | Event::PI(_) => {}
            }
        }
    }

    fn resource(
        &mut self,
        start: &BytesStart<'t>,
        space: Space,
        is_empty: bool,
        depth: usize,
    ) -> Step<Value> {
        if space != Space::Fhir {
            return Err("the element is not in the namespace http://hl7.org/fhir");
        }
        let name = start.local_name();
        let name: &str = name.as_ref();
        if !schema::is_resource_type(name) {
            return Err("the element does not name a resource type of R4");
        }
        let node = TypeRef::of(name).ok_or("the element does not name a resource type of R4")?;
        let mut object = Object::new();
        object.push("resourceType", Value::from(name));
        self.attributes(start, node, &mut object, None)?;
        self.children(node, &mut object, is_empty, depth)?;
        Ok(Value::Object(object))
    }

    /// Attributes that are elements (`id`, `url`) go into the object; `value` is given back where it is expected.
    fn attributes(
        &self,
        start: &BytesStart<'t>,
        node: TypeRef,
        object: &mut Object,
        primitive: Option<Primitive>,
    ) -> Step<Option<Value>> {
        let mut value = None;
        for (count, attribute) in start.attributes().enumerate() {
            let attribute = attribute.map_err(|_| "an attribute is not well formed or stands twice")?;
            if count >= ATTRIBUTES_MAX {
                return Err("an element has more than 16 attributes");
            }
            let key: &str = attribute.key.as_ref();
            if key == "xmlns" || key.starts_with("xmlns:") || key == "xsi:schemaLocation" {
                continue;
            }
            if attribute.value.contains('<') {
                return Err("'<' stands in an attribute");
            }
            let text = attribute.normalized_value(XmlVersion::Implicit1_0);
            let text = text.map_err(|_| "an attribute has an entity that XML does not define")?;
            if text.contains(narrative::is_forbidden) {
                return Err("an attribute has a character that XML does not allow");
            }
            match primitive {
                Some(primitive) if key == "value" => value = Some(primitive_value(primitive, &text)),
                _ => {
                    let child = node.property(key).filter(|child| child.element.is_xml_attribute);
                    let child = child.ok_or("an unknown attribute")?;
                    object.push(child.of.property, Value::from(&*text));
                }
            }
        }
        Ok(value)
    }

    /// The child elements up to the end tag.
    fn children(&mut self, node: TypeRef, object: &mut Object, is_empty: bool, depth: usize) -> Step<()> {
        if depth > DEPTH_MAX {
            return Err("nested deeper than 100 levels");
        }
        if is_empty {
            return Ok(());
        }
        let mut has_list = false;
        loop {
            let before = self.xml.buffer_position();
            let (start, space, child_is_empty) = match self.next()? {
                Item::Start(start, space, child_is_empty) => (start, space, child_is_empty),
                Item::End => break,
                Item::Eof => return Err("the text ends inside an element"),
            };
            let name = start.local_name();
            let child = node.property(name.as_ref()).filter(|child| !child.element.is_xml_attribute);
            let child = child.ok_or("an unknown element")?;
            if child.of.primitive == Some(Primitive::Xhtml) {
                let div = self.narrative(&start, space, child_is_empty, before)?;
                put(object, child, Some(div), None)?;
                continue;
            }
            if space != Space::Fhir {
                return Err("the element is not in the namespace http://hl7.org/fhir");
            }
            if let Some(primitive) = child.of.primitive {
                let mut shadow = Object::new();
                let value = self.attributes(&start, child.type_ref(), &mut shadow, Some(primitive))?;
                self.children(child.type_ref(), &mut shadow, child_is_empty, depth + 1)?;
                if value.is_none() && shadow.is_empty() {
                    return Err("an element has no value, no id and no extension");
                }
                let shadow = (!shadow.is_empty()).then_some(Value::Object(shadow));
                has_list |= child.element.is_list();
                put(object, child, value, shadow)?;
            } else if child.of.is_any_resource() {
                let value = self.inner_resource(&start, child_is_empty, depth + 1)?;
                put(object, child, Some(value), None)?;
            } else {
                let mut inner = Object::new();
                self.attributes(&start, child.type_ref(), &mut inner, None)?;
                self.children(child.type_ref(), &mut inner, child_is_empty, depth + 1)?;
                put(object, child, Some(Value::Object(inner)), None)?;
            }
        }
        if has_list {
            drop_lists_of_nothing(object);
        }
        Ok(())
    }

    /// `contained`, `resource`: an element around one resource.
    fn inner_resource(&mut self, around: &BytesStart<'t>, is_empty: bool, depth: usize) -> Step<Value> {
        let plain = around.attributes().flatten().all(|a| AsRef::<str>::as_ref(&a.key).starts_with("xmlns"));
        if !plain {
            return Err("an unknown attribute");
        }
        if is_empty {
            return Err("a resource is expected in the element");
        }
        let Item::Start(start, space, inner_is_empty) = self.next()? else {
            return Err("a resource is expected in the element");
        };
        let value = self.resource(&start, space, inner_is_empty, depth + 1)?;
        match self.next()? {
            Item::End => Ok(value),
            _ => Err("more than one resource stands in the element"),
        }
    }

    /// The narrative's div as it was written; what may stand in it is [`narrative::check`]'s matter.
    fn narrative(
        &mut self,
        start: &BytesStart<'t>,
        space: Space,
        is_empty: bool,
        before: u64,
    ) -> Step<Value> {
        let declares = start.attributes().flatten().any(|a| AsRef::<str>::as_ref(&a.key) == "xmlns");
        if space != Space::Xhtml || !declares {
            return Err("the narrative's div must declare xmlns=\"http://www.w3.org/1999/xhtml\" itself");
        }
        if !is_empty {
            self.xml.read_to_end(start.name()).map_err(|_| "the narrative does not end")?;
        }
        let from = usize::try_from(before).map_err(|_| "the text is too long")?;
        let to = usize::try_from(self.xml.buffer_position()).map_err(|_| "the text is too long")?;
        let raw = self.text.get(from..to).ok_or("the narrative does not end")?;
        // White space and comments before the div belong to what is around it.
        let at = raw.find("<div").ok_or("the narrative has no div")?;
        Ok(Value::from(&raw[at..]))
    }
}

/// The JSON form of a primitive's text; a text that does not fit stays a string, for the validator to tell.
fn primitive_value(primitive: Primitive, text: &str) -> Value {
    match primitive.json_form() {
        JsonForm::Boolean if text == "true" => Value::Bool(true),
        JsonForm::Boolean if text == "false" => Value::Bool(false),
        JsonForm::Number if Primitive::Decimal.check(text).is_ok() => Value::Number(text.into()),
        _ => Value::from(text),
    }
}

/// Puts a value and its extensions into the object; lists of both stay side by side.
fn put(object: &mut Object, child: Child, value: Option<Value>, shadow: Option<Value>) -> Step<()> {
    let name = child.of.property;
    let shadow_name = || format!("_{name}");
    if !child.element.is_list() {
        if object.get(name).is_some() || (child.is_primitive() && object.get(&shadow_name()).is_some()) {
            return Err("an element stands twice that may stand once");
        }
        if let Some(value) = value {
            object.push(name, value);
        }
        if let Some(shadow) = shadow {
            object.push(shadow_name(), shadow);
        }
        return Ok(());
    }
    let count = object.get(name).map_or(0, |list| list.items().len());
    push(object, name, count, value.unwrap_or(NOTHING));
    if child.is_primitive() && (shadow.is_some() || object.get(&shadow_name()).is_some()) {
        push(object, &shadow_name(), count, shadow.unwrap_or(NOTHING));
    }
    Ok(())
}

/// Appends at a position; a new list is filled up to it.
fn push(object: &mut Object, name: &str, count: usize, value: Value) {
    if let Some(list) = object.get_mut(name).and_then(Value::as_array_mut) {
        list.push(value);
    } else {
        let mut list = vec![NOTHING; count];
        list.push(value);
        object.push(name, Value::Array(list));
    }
}

/// A list of primitives of which none has a value is told by its extensions alone.
fn drop_lists_of_nothing(object: &mut Object) {
    let empty = |value: &Value| matches!(value, Value::Array(items) if items.iter().all(Value::is_null));
    let names: Vec<String> =
        object.iter().filter(|(_, v)| empty(v)).map(|(name, _)| name.to_owned()).collect();
    for name in names {
        object.remove(&name);
    }
}
