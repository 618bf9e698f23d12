//! What a collection holds: elements of a resource, borrowed, and computed values.

use super::decimal::Decimal;
use super::quantity::{Quantity, Unit};
use super::temporal::Temporal;
use crate::primitive::Primitive;
use crate::schema::{self, Child, TypeRef};
use crate::value::{Object, Value};
use std::borrow::Cow;

/// One item of a collection.
#[derive(Debug, Clone)]
pub enum Item<'a> {
    Node(Node<'a>),
    Boolean(bool),
    Integer(i64),
    Decimal(Decimal),
    String(Cow<'a, str>),
    /// A date, a time or both; `kind` tells.
    Temporal(Temporal),
    Quantity(Box<Quantity>),
    /// What `type()` answers.
    Type {
        space: &'static str,
        name: &'a str,
    },
}

/// An element of a resource, with its type where the definitions know it.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    /// `Null` where a primitive has only extensions.
    value: &'a Value,
    /// Of a primitive: the object beside it (`_birthDate`) with `id` and `extension`.
    beside: Option<&'a Value>,
    /// The content's definition, and the type's name.
    content: Option<TypeRef>,
    type_name: Option<&'static str>,
}

static NULL: Value = Value::Null;

impl<'a> Node<'a> {
    /// A resource or, without `resourceType`, an element of unknown type.
    pub fn root(value: &'a Value) -> Self {
        let known = schema::structure(value.resource_type()).filter(|s| s.kind == schema::Kind::Resource);
        Node {
            value,
            beside: None,
            content: known.and_then(|s| TypeRef::of(s.name)),
            type_name: known.map(|s| s.name),
        }
    }

    /// An element of a type that the caller knows: `HumanName`, `date`.
    pub fn typed(value: &'a Value, type_name: &str) -> Self {
        let known = schema::structure(type_name);
        Node {
            value,
            beside: None,
            content: known.and_then(|s| TypeRef::of(s.name)),
            type_name: known.map(|s| s.name),
        }
    }

    /// An element of a resource as its definition has it: the value, what stands beside a primitive, the type.
    pub(crate) fn of_child(value: Option<&'a Value>, beside: Option<&'a Value>, child: Child) -> Self {
        Node {
            value: value.unwrap_or(&NULL),
            beside,
            content: Some(child.type_ref()),
            type_name: Some(child.of.code),
        }
    }

    /// The element as it stands in the resource; `Null` where only extensions are there.
    pub fn value(&self) -> &'a Value {
        self.value
    }
    /// The object with the extensions of a primitive.
    pub fn beside(&self) -> Option<&'a Value> {
        self.beside
    }
    pub fn type_name(&self) -> Option<&'static str> {
        self.type_name
    }
    /// The definition of its children.
    pub(crate) fn content(&self) -> Option<TypeRef> {
        self.content
    }
    pub fn is_primitive(&self) -> bool {
        match self.type_name {
            Some(name) => Primitive::of(name).is_some(),
            None => !matches!(self.value, Value::Object(_) | Value::Array(_)),
        }
    }
    pub fn has_value(&self) -> bool {
        matches!(self.value, Value::Bool(_) | Value::Number(_) | Value::String(_))
    }
    /// The same element, not one that is equal.
    pub(super) fn is_same(&self, other: &Node<'_>) -> bool {
        let same = |a: &Value, b: &Value| std::ptr::eq(a, b) && !a.is_null();
        same(self.value, other.value)
            || matches!((self.beside, other.beside), (Some(a), Some(b)) if self.value.is_null() && same(a, b))
    }

    /// Appends the children of a name; the answer is false for a name that the type does not have.
    pub(crate) fn children_named(&self, name: &str, out: &mut Vec<Item<'a>>) -> bool {
        if self.is_primitive() {
            let known = matches!(name, "id" | "extension" | "value");
            if let Some(Value::Object(beside)) = self.beside {
                let content = TypeRef::of("Element");
                push_children(beside, name, content.and_then(|c| c.property(name)), out);
            }
            return known;
        }
        let Value::Object(object) = self.value else { return true };
        let Some(content) = self.content else {
            push_unknown(object, name, out);
            return true;
        };
        if let Some(child) = content.property(name) {
            // A choice is asked for by its bare name; with its type's name only where the reader is lenient.
            push_children(object, name, Some(child), out);
            return !child.element.is_choice;
        }
        if let Some(choice) = content.children().find(|e| e.is_choice && e.name == name) {
            for of in &choice.types {
                push_children(object, of.property, Some(Child { element: choice, of }), out);
            }
            return true;
        }
        if name == "resourceType" {
            return true;
        }
        // An unknown property is read as it stands: nothing is lost to a lenient reader.
        let before = out.len();
        push_children(object, name, None, out);
        out.len() == before && matches!(content.path(), "Element" | "Resource")
    }

    /// Appends all children.
    pub(super) fn children(&self, out: &mut Vec<Item<'a>>) {
        let object = match (self.value, self.beside) {
            (Value::Object(object), _) | (_, Some(Value::Object(object))) => object,
            _ => return,
        };
        let content = if self.is_primitive() { TypeRef::of("Element") } else { self.content };
        for (name, _) in object.iter() {
            let bare = match name.strip_prefix('_') {
                Some(bare) if object.get(bare).is_some() => continue,
                Some(bare) => bare,
                None => name,
            };
            if bare == "resourceType" || bare == "fhir_comments" {
                continue;
            }
            push_children(object, bare, content.and_then(|c| c.property(bare)), out);
        }
    }

    /// The system's value of a primitive or of a Quantity; nothing for another element, or one without a value.
    pub fn system(&self) -> Option<Item<'a>> {
        let kind = self.type_name.and_then(Primitive::of);
        match self.value {
            Value::Bool(b) => Some(Item::Boolean(*b)),
            Value::Number(n) => {
                let whole = matches!(
                    kind,
                    Some(Primitive::Integer | Primitive::PositiveInt | Primitive::UnsignedInt) | None
                );
                match n.parse::<i64>() {
                    Ok(integer) if whole => Some(Item::Integer(integer)),
                    _ => Decimal::parse(n).map(Item::Decimal),
                }
            }
            Value::String(s) => match kind {
                Some(Primitive::Date) => Temporal::date(s).map(Item::Temporal),
                Some(Primitive::DateTime | Primitive::Instant) => Temporal::date_time(s).map(Item::Temporal),
                Some(Primitive::Time) => Temporal::time(s).map(Item::Temporal),
                _ => Some(Item::String(Cow::Borrowed(s))),
            },
            Value::Object(o) if self.is_quantity(o) => quantity_of(o),
            _ => None,
        }
    }

    fn is_quantity(&self, object: &Object) -> bool {
        match self.type_name {
            Some(
                "Quantity" | "Age" | "Duration" | "Distance" | "Count" | "SimpleQuantity" | "MoneyQuantity",
            ) => true,
            Some(_) => false,
            None => object.get("value").is_some() && object.get("code").or(object.get("unit")).is_some(),
        }
    }
}

fn quantity_of<'a>(object: &Object) -> Option<Item<'a>> {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let value = Decimal::parse(object.get("value")?.as_number()?)?;
    if text("comparator").is_some() {
        return None;
    }
    let unit = match (text("system"), text("code")) {
        (Some("http://unitsofmeasure.org"), Some(code)) => Unit::ucum(code),
        (_, Some(code)) => Unit::Other(code.into()),
        (_, None) => match text("unit") {
            Some(unit) => Unit::Other(unit.into()),
            None => Unit::ucum("1"),
        },
    };
    Some(Item::Quantity(Box::new(Quantity::new(value, unit))))
}

fn push_unknown<'a>(object: &'a Object, name: &str, out: &mut Vec<Item<'a>>) {
    let before = out.len();
    push_children(object, name, None, out);
    if out.len() > before {
        return;
    }
    // Without a definition: `value` finds `valueQuantity`, the name after it being a type.
    for (key, _) in object.iter() {
        if let Some(of) = key.strip_prefix(name).filter(|of| of.starts_with(|c: char| c.is_ascii_uppercase()))
        {
            let mut lower = of.to_owned();
            lower[..1].make_ascii_lowercase();
            let structure = schema::structure(of).or_else(|| schema::structure(&lower));
            let from = out.len();
            push_children(object, key, None, out);
            for item in &mut out[from..] {
                if let (Item::Node(node), Some(s)) = (item, structure) {
                    node.type_name = Some(s.name);
                    node.content = TypeRef::of(s.name);
                }
            }
        }
    }
}

/// Appends what stands under a property, each item of an array with what stands beside it.
fn push_children<'a>(object: &'a Object, name: &str, child: Option<Child>, out: &mut Vec<Item<'a>>) {
    let value = object.get(name);
    let primitive = child.is_none_or(|c| c.is_primitive());
    let beside =
        if primitive && object.len() > usize::from(value.is_some()) { beside_of(object, name) } else { None };
    match (value, beside) {
        (None, None) => {}
        (Some(Value::Array(values)), beside) => {
            let beside = beside.map_or(&[][..], Value::items);
            for at in 0..values.len().max(beside.len()) {
                push_one(values.get(at), beside.get(at), child, out);
            }
        }
        (None, Some(Value::Array(beside))) => {
            for one in beside {
                push_one(None, Some(one), child, out);
            }
        }
        (value, beside) => push_one(value, beside, child, out),
    }
}

fn beside_of<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    object.iter().find(|(k, _)| k.strip_prefix('_') == Some(name)).map(|(_, v)| v)
}

fn push_one<'a>(
    value: Option<&'a Value>,
    beside: Option<&'a Value>,
    child: Option<Child>,
    out: &mut Vec<Item<'a>>,
) {
    let beside = beside.filter(|b| !b.is_null());
    let value = value.unwrap_or(&NULL);
    if value.is_null() && beside.is_none() {
        return;
    }
    let node = match child {
        Some(child) if child.of.is_any_resource() => Node::root(value),
        Some(child) => {
            Node { value, beside, content: Some(child.type_ref()), type_name: Some(child.of.code) }
        }
        None if value.get("resourceType").as_str().is_some() => Node::root(value),
        None => Node { value, beside, content: None, type_name: None },
    };
    out.push(Item::Node(node));
}

impl<'a> Item<'a> {
    /// The element, where it is one.
    pub fn as_node(&self) -> Option<&Node<'a>> {
        match self {
            Item::Node(node) => Some(node),
            _ => None,
        }
    }
    /// The system's value: a primitive element becomes what it holds. An element with children stays itself.
    #[must_use]
    pub fn plain(&self) -> Item<'a> {
        match self {
            Item::Node(node) => node.system().unwrap_or_else(|| self.clone()),
            _ => self.clone(),
        }
    }
    /// As text, the way `toString()` has it; nothing for elements with children.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        Some(match self.plain() {
            Item::Boolean(b) => Cow::Borrowed(if b { "true" } else { "false" }),
            Item::Integer(n) => Cow::Owned(n.to_string()),
            Item::Decimal(d) => Cow::Owned(d.to_string()),
            Item::String(s) => s,
            Item::Temporal(t) => Cow::Owned(t.to_string()),
            Item::Quantity(q) => Cow::Owned(q.to_string()),
            Item::Node(_) | Item::Type { .. } => return None,
        })
    }
    /// As `type()` tells it: `FHIR.HumanName`, `System.Integer`; of what `type()` answers, `System.String`.
    pub fn type_name(&self) -> String {
        match super::types::type_of(self) {
            Item::Type { space, name } => format!("{space}.{name}"),
            _ => String::new(),
        }
    }
    /// The item as FHIR has it: an element as it stands, a computed value as the primitive it would be.
    pub fn to_value(&self) -> Value {
        match self {
            Item::Node(node) => node.value.clone(),
            Item::Boolean(b) => Value::Bool(*b),
            Item::Integer(n) => Value::from(*n),
            Item::Decimal(d) => Value::Number(d.to_string().into()),
            Item::Quantity(q) => {
                let mut value = Value::object();
                value.set("value", Value::Number(q.value.to_string().into()));
                match &q.unit {
                    Unit::Ucum(code) => {
                        value.set("unit", &**code);
                        value.set("system", "http://unitsofmeasure.org");
                        value.set("code", &**code);
                    }
                    Unit::Calendar(unit) => value.set("unit", unit.word()),
                    Unit::Other(unit) => value.set("unit", &**unit),
                }
                value
            }
            Item::Type { space, name } => Value::from(format!("{space}.{name}")),
            Item::String(_) | Item::Temporal(_) => Value::from(self.text().unwrap_or_default().into_owned()),
        }
    }
}
