//! Types, elements and a cursor over them (FHIR R4, elementdefinition.html).

use super::schema;
use crate::fhirpath::Expression;
use crate::primitive::Primitive;
use crate::terminology::RequiredSet;
use std::sync::OnceLock;

/// What a structure describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Primitive,
    Complex,
    Resource,
}

/// A base type, a resource, a profile or an extension.
#[derive(Debug)]
pub struct Structure {
    pub url: &'static str,
    pub name: &'static str,
    /// The type that is described; of a base type its own name.
    pub type_name: &'static str,
    pub kind: Kind,
    pub is_abstract: bool,
    /// The name of the base type, or the url of the base profile; empty for `Element` and `Resource`.
    pub base: &'static str,
    /// Where an extension may stand, as (`element`, path), (`fhirpath`, expression) or (`extension`, url).
    pub contexts: Vec<(&'static str, &'static str)>,
    /// Where its elements stand in the table, the root first.
    pub(super) range: std::ops::Range<usize>,
}

impl Structure {
    /// In the order of the standard, the root first; of a profile with slices.
    pub fn elements(&self) -> &'static [Element] {
        &schema().elements[self.range.clone()]
    }
}

/// One element of a structure.
#[derive(Debug)]
pub struct Element {
    /// `Patient.contact.name`; a choice keeps its `[x]`.
    pub path: &'static str,
    /// The path with slices (`Observation.category:VSCat`); equal to the path in base types.
    pub id: &'static str,
    /// The last part of the path, without `[x]`.
    pub name: &'static str,
    pub is_choice: bool,
    pub is_modifier: bool,
    pub is_summary: bool,
    /// Written as an attribute in XML (`id`, `url` of an extension).
    pub is_xml_attribute: bool,
    pub must_support: bool,
    pub min: u32,
    /// Nothing for `*`.
    pub max: Option<u32>,
    /// In characters; nothing where the standard sets none.
    pub max_length: Option<u32>,
    pub types: Vec<TypeUse>,
    /// The path whose content this element repeats, or empty.
    pub content: &'static str,
    pub binding: Option<Binding>,
    /// JSON text of the value it must equal, or empty.
    pub fixed: &'static str,
    /// JSON text that its value must hold, or empty.
    pub pattern: &'static str,
    pub invariants: Vec<&'static Invariant>,
    /// Of a sliced element: `value:code`, `type:$this`, ... and the rules (`open`, `closed`, `openAtEnd`).
    pub discriminators: Vec<&'static str>,
    pub slicing_rules: &'static str,
    /// Of base types: direct children in order, and their JSON properties sorted by name.
    pub(super) children: Vec<u32>,
    pub(super) properties: Vec<Property>,
    /// Those of `invariants` that are run as FHIRPath: the others are in the validator's own code.
    pub(super) checked: Vec<&'static Invariant>,
    /// Of the children: those with a minimum above 0.
    pub(super) required: Vec<u32>,
    pub(super) at: u32,
}

impl Element {
    /// The invariants that a validator runs as FHIRPath.
    pub(crate) fn checked_invariants(&self) -> &[&'static Invariant] {
        &self.checked
    }
    /// Where it stands in the table: grows in the order of the standard.
    pub(crate) fn position(&self) -> u32 {
        self.at
    }
    /// Whether JSON has an array here.
    pub fn is_list(&self) -> bool {
        self.max != Some(1) && self.max != Some(0)
    }
}

/// One JSON property: the element and which of its types.
#[derive(Debug, Clone, Copy)]
pub(super) struct Property {
    pub name: &'static str,
    pub element: u32,
    pub of: u16,
}

/// One type that an element may have.
#[derive(Debug)]
pub struct TypeUse {
    /// `Quantity`, `code`, `BackboneElement`.
    pub code: &'static str,
    /// The property's name in JSON and XML: `valueQuantity`.
    pub property: &'static str,
    pub primitive: Option<Primitive>,
    /// What a reference or canonical may point to, by type name (`Patient`); empty or `Resource` for anything.
    pub targets: Vec<&'static str>,
    /// Profiles that the value must fit, by name where they are base ones (`SimpleQuantity`).
    pub profiles: Vec<&'static str>,
    /// The element whose children the value has.
    pub(super) node: u32,
}

impl TypeUse {
    /// Any resource may stand here: `contained`, `Bundle.entry.resource`.
    pub fn is_any_resource(&self) -> bool {
        self.code == "Resource"
    }
    pub fn type_ref(&self) -> TypeRef {
        TypeRef { at: self.node }
    }
}

/// How binding a value set is (terminologies.html#strength).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    Example,
    Preferred,
    Extensible,
    Required,
}

/// The value set of a coded element.
#[derive(Debug)]
pub struct Binding {
    pub strength: Strength,
    /// The canonical, without version.
    pub value_set: &'static str,
    pub(super) at: Option<u32>,
}

impl Binding {
    /// The codes, where the binding is required and the set could be spelled out.
    pub fn codes(&self) -> Option<&'static RequiredSet> {
        self.at.map(|at| &schema().value_sets[at as usize])
    }
}

/// Rules whose published text says something else than is meant: FHIR's `boolean` is no system `Boolean`.
const ERRATA: [(&str, &str); 1] = [("que-7", "operator = 'exists' implies (answer is boolean)")];

/// A rule in FHIRPath (conformance-rules.html#constraints).
#[derive(Debug)]
pub struct Invariant {
    pub key: &'static str,
    /// Otherwise a warning.
    pub is_error: bool,
    pub expression: &'static str,
    /// In English, as published.
    pub human: &'static str,
    pub(super) compiled: OnceLock<Option<Expression>>,
}

impl Invariant {
    /// Compiled on first use; nothing where the published text is no expression.
    pub(crate) fn compiled(&self) -> Option<&Expression> {
        let corrected = ERRATA.iter().find(|(key, _)| *key == self.key).map(|(_, text)| *text);
        let text = corrected.unwrap_or(self.expression);
        self.compiled.get_or_init(|| Expression::parse(text).ok()).as_ref()
    }
}

/// A cursor: a type, or an element with children of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeRef {
    at: u32,
}

/// What a property of a type is.
#[derive(Debug, Clone, Copy)]
pub struct Child {
    pub element: &'static Element,
    /// The type that the property's name tells.
    pub of: &'static TypeUse,
}

impl Child {
    pub fn is_primitive(&self) -> bool {
        self.of.primitive.is_some()
    }
    /// Where to go on; a primitive has `id` and `extension`.
    pub fn type_ref(&self) -> TypeRef {
        self.of.type_ref()
    }
}

impl TypeRef {
    /// A type or resource by its name.
    pub fn of(type_name: &str) -> Option<TypeRef> {
        if type_name.contains('.') {
            return None;
        }
        schema().by_path.get(type_name).map(|&at| TypeRef { at })
    }
    /// The content at a path: `Patient.contact`, `Patient.name`, `Observation.valueQuantity`.
    pub fn at(path: &str) -> Option<TypeRef> {
        let mut parts = path.split('.');
        let root = TypeRef::of(parts.next()?)?;
        parts.try_fold(root, |node, part| {
            node.child(part.trim_end_matches("[x]")).map(|child| child.type_ref())
        })
    }
    pub fn element(self) -> &'static Element {
        &schema().elements[self.at as usize]
    }
    /// `Patient`, `HumanName`, `Patient.contact`.
    pub fn path(self) -> &'static str {
        self.element().path
    }
    /// What a JSON property is; only the names that JSON and XML have (`valueQuantity`, not `value`).
    pub fn property(self, name: &str) -> Option<Child> {
        let properties = &self.element().properties;
        let at = properties.binary_search_by(|p| p.name.cmp(name)).ok()?;
        let Property { element, of, .. } = properties[at];
        let element = &schema().elements[element as usize];
        Some(Child { element, of: &element.types[of as usize] })
    }
    /// What a name in a path is: like [`TypeRef::property`], and `value` alone finds a choice with its first type.
    pub fn child(self, name: &str) -> Option<Child> {
        if let Some(child) = self.property(name) {
            return Some(child);
        }
        let element = self.children().find(|e| e.is_choice && e.name == name)?;
        Some(Child { element, of: element.types.first()? })
    }
    /// The direct children that must be there.
    pub fn required(self) -> impl Iterator<Item = &'static Element> {
        self.element().required.iter().map(|&at| &schema().elements[at as usize])
    }
    /// The direct children in the order of the standard.
    pub fn children(self) -> impl Iterator<Item = &'static Element> {
        self.element().children.iter().map(|&at| &schema().elements[at as usize])
    }
}
