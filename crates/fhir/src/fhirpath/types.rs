//! Type names and what is a kind of what (FHIRPath N1, types; FHIR R4, fhirpath.html).

use super::item::{Item, Node};
use super::temporal::TemporalKind;
use crate::schema;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Space {
    /// Not said: FHIR's first, then the system's.
    Any,
    Fhir,
    System,
}

/// A type as an expression names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TypeName {
    space: Space,
    name: Box<str>,
}

const SYSTEM: [&str; 9] =
    ["Any", "Boolean", "Integer", "Decimal", "String", "Date", "DateTime", "Time", "Quantity"];

impl TypeName {
    /// Nothing for a type that neither FHIR R4 nor the system has.
    pub fn new(space: &str, name: &str) -> Option<Self> {
        let system = SYSTEM.contains(&name);
        let fhir = schema::structure(name).is_some();
        let space = match space {
            "" if system || fhir => Space::Any,
            "FHIR" if fhir => Space::Fhir,
            // `System.Patient` is a question with the answer no.
            "System" if system || fhir => Space::System,
            _ => return None,
        };
        Some(TypeName { space, name: name.into() })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// `is`: the type or one made from it.
    pub fn includes(&self, item: &Item<'_>) -> bool {
        match item {
            Item::Node(node) => {
                self.space != Space::System && node.type_name().is_some_and(|t| self.covers(t))
            }
            Item::Type { .. } => false,
            _ => {
                self.space != Space::Fhir
                    && system_name(item).is_some_and(|name| name == &*self.name || &*self.name == "Any")
            }
        }
    }

    /// `as` and `ofType`: a primitive must be of exactly this type, since `code` is written apart from `string`.
    pub fn selects(&self, item: &Item<'_>) -> bool {
        match item {
            Item::Node(node) if node.is_primitive() => {
                self.space != Space::System && node.type_name() == Some(&*self.name)
            }
            _ => self.includes(item),
        }
    }

    /// Whether a FHIR type is this one or made from it.
    pub fn covers(&self, name: &str) -> bool {
        let mut name = name;
        // The longest way up is Age, Quantity, Element.
        for _ in 0..8 {
            if name == &*self.name {
                return true;
            }
            match schema::structure(name) {
                Some(structure) if !structure.base.is_empty() => name = structure.base,
                _ => return false,
            }
        }
        false
    }
}

/// The name of a computed value's type.
pub(super) fn system_name(item: &Item<'_>) -> Option<&'static str> {
    Some(match item {
        Item::Boolean(_) => "Boolean",
        Item::Integer(_) => "Integer",
        Item::Decimal(_) => "Decimal",
        Item::String(_) => "String",
        Item::Temporal(t) => match t.kind {
            TemporalKind::Date => "Date",
            TemporalKind::DateTime => "DateTime",
            TemporalKind::Time => "Time",
        },
        Item::Quantity(_) => "Quantity",
        Item::Node(_) | Item::Type { .. } => return None,
    })
}

/// What `type()` answers.
pub(super) fn type_of<'a>(item: &Item<'a>) -> Item<'a> {
    match item {
        Item::Node(node) => Item::Type { space: "FHIR", name: node_name(node) },
        _ => Item::Type { space: "System", name: system_name(item).unwrap_or("Any") },
    }
}

fn node_name<'a>(node: &Node<'a>) -> &'a str {
    node.type_name().unwrap_or("Element")
}
