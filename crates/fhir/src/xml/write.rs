//! The element tree to FHIR XML (FHIR R4, xml.html): elements in the order of the standard.

use super::{DEPTH_MAX, NAMESPACE};
use crate::narrative;
use crate::primitive::Primitive;
use crate::schema::{self, Child, TypeRef};
use crate::value::{Object, Value};
use std::fmt;

/// Why a value cannot be written as XML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unprintable {
    pub what: &'static str,
    /// The path of the element in its type: `HumanName.family`.
    pub place: String,
}

impl fmt::Display for Unprintable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}
impl std::error::Error for Unprintable {}

/// Prints a resource without white space. Only what the schema knows can be printed.
pub fn to_string(resource: &Value) -> Result<String, Unprintable> {
    let mut out = String::with_capacity(2048);
    out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    write_resource(resource, true, 0, &mut out)?;
    Ok(out)
}

type Step = Result<(), Unprintable>;

fn unprintable<T>(what: &'static str, place: impl Into<String>) -> Result<T, Unprintable> {
    Err(Unprintable { what, place: place.into() })
}

fn write_resource(resource: &Value, is_outermost: bool, depth: usize, out: &mut String) -> Step {
    let kind = resource.resource_type();
    let (Value::Object(object), Some(node)) = (resource, TypeRef::of(kind)) else {
        return unprintable("is not a resource of R4", "");
    };
    if !schema::is_resource_type(kind) {
        return unprintable("is not a resource of R4", "");
    }
    let namespace = if is_outermost { format!(" xmlns=\"{NAMESPACE}\"") } else { String::new() };
    write_element(kind, &namespace, object, node, true, depth, out)
}

/// One property: its value, its extensions, what it is.
type Part<'v> = (Child, Option<&'v Value>, Option<&'v Value>);

/// A tag with its attributes (already written ones in `attributes`), its children, its end.
fn write_element(
    tag: &str,
    attributes: &str,
    object: &Object,
    node: TypeRef,
    is_resource: bool,
    depth: usize,
    out: &mut String,
) -> Step {
    if depth > DEPTH_MAX {
        return unprintable("is nested deeper than 100 levels", node.path());
    }
    let parts = parts(object, node, is_resource)?;
    out.push('<');
    out.push_str(tag);
    let (in_tag, inside): (Vec<Part>, Vec<Part>) =
        parts.into_iter().partition(|(c, ..)| c.element.is_xml_attribute);
    for (child, value, shadow) in in_tag {
        match (value, shadow) {
            (Some(Value::String(text)), None) => {
                write_attribute(child.element.name, text, child.element.path, out)?
            }
            _ => return unprintable("must be a string without extensions", child.element.path),
        }
    }
    out.push_str(attributes);
    if inside.is_empty() {
        out.push_str("/>");
        return Ok(());
    }
    out.push('>');
    for part in inside {
        write_part(part, depth, out)?;
    }
    end(tag, out);
    Ok(())
}

fn end(tag: &str, out: &mut String) {
    out.push_str("</");
    out.push_str(tag);
    out.push('>');
}

/// The properties of an object in the order of the standard.
fn parts(object: &Object, node: TypeRef, is_resource: bool) -> Result<Vec<Part<'_>>, Unprintable> {
    let mut parts: Vec<Part> = Vec::with_capacity(object.len());
    for (key, value) in object.iter().filter(|(key, _)| !(is_resource && *key == "resourceType")) {
        let name = key.strip_prefix('_').unwrap_or(key);
        let Some(child) = node.property(name) else {
            return unprintable("is not defined in R4", format!("{}.{key}", node.path()));
        };
        let is_shadow = name.len() < key.len();
        let same = |part: &&mut Part| std::ptr::eq(part.0.of, child.of);
        match parts.iter_mut().find(same) {
            Some(part) if is_shadow => part.2 = Some(value),
            Some(part) => part.1 = Some(value),
            None if is_shadow => parts.push((child, None, Some(value))),
            None => parts.push((child, Some(value), None)),
        }
    }
    parts.sort_by_key(|(child, ..)| child.element.position());
    Ok(parts)
}

fn write_part((child, value, shadow): Part, depth: usize, out: &mut String) -> Step {
    if !child.element.is_list() {
        return write_item(child, value, shadow, depth, out);
    }
    let arrays = [value, shadow].into_iter().flatten().all(|v| matches!(v, Value::Array(_)));
    if !arrays {
        return unprintable("must be an array", child.element.path);
    }
    let count = value.map_or(0, |v| v.items().len()).max(shadow.map_or(0, |v| v.items().len()));
    for index in 0..count {
        write_item(child, nth(value, index), nth(shadow, index), depth, out)?;
    }
    Ok(())
}

/// An item of a list; `null` stands for none.
fn nth(list: Option<&Value>, index: usize) -> Option<&Value> {
    list?.items().get(index).filter(|item| !item.is_null())
}

fn write_item(
    child: Child,
    value: Option<&Value>,
    shadow: Option<&Value>,
    depth: usize,
    out: &mut String,
) -> Step {
    let (tag, place) = (child.of.property, child.element.path);
    if let Some(primitive) = child.of.primitive {
        return write_primitive(child, primitive, value, shadow, depth, out);
    }
    match value {
        Some(resource) if child.of.is_any_resource() => {
            out.push('<');
            out.push_str(tag);
            out.push('>');
            write_resource(resource, false, depth + 2, out)?;
            end(tag, out);
            Ok(())
        }
        Some(Value::Object(object)) => {
            write_element(tag, "", object, child.type_ref(), false, depth + 1, out)
        }
        _ => unprintable("must be an object", place),
    }
}

fn write_primitive(
    child: Child,
    primitive: Primitive,
    value: Option<&Value>,
    shadow: Option<&Value>,
    depth: usize,
    out: &mut String,
) -> Step {
    let place = child.element.path;
    let text = match value {
        Some(Value::String(text) | Value::Number(text)) => Some(&**text),
        Some(Value::Bool(b)) => Some(if *b { "true" } else { "false" }),
        None => None,
        Some(_) => return unprintable("must be a primitive", place),
    };
    if primitive == Primitive::Xhtml {
        // It goes out as it stands, so it must be safe as it stands.
        return match (text, shadow) {
            (Some(div), None) if narrative::is_writable(div) => {
                out.push_str(div.trim());
                Ok(())
            }
            _ => unprintable("is not a narrative that may be written", place),
        };
    }
    let mut attribute = String::new();
    if let Some(text) = text {
        write_attribute("value", text, place, &mut attribute)?;
    }
    let none = Object::new();
    let shadow = match shadow {
        Some(Value::Object(object)) => object,
        None if text.is_some() => &none,
        _ => return unprintable("has no value and no extension", place),
    };
    write_element(child.of.property, &attribute, shadow, child.type_ref(), false, depth + 1, out)
}

fn write_attribute(name: &str, text: &str, place: &str, out: &mut String) -> Step {
    if text.contains(narrative::is_forbidden) {
        return unprintable("has a character that XML cannot carry", place);
    }
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Otherwise a reader would make spaces of them (XML 1.0, 3.3.3).
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            c => out.push(c),
        }
    }
    out.push('"');
    Ok(())
}
