//! Search parameters, compartments and operations as the base standard defines them (FHIR R4, searchparameter.html,
//! compartmentdefinition.html, operationdefinition.html).

/// The type of a search parameter (search.html#ptypes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SearchKind {
    Number,
    Date,
    String,
    Token,
    Reference,
    Composite,
    Quantity,
    Uri,
    Special,
}

/// One search parameter. Base parameters exist once for several types: `base` lists them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchParam {
    /// As it stands in a question: `family`.
    pub code: &'static str,
    /// The types it is for; `Resource` and `DomainResource` stand for all.
    pub base: Vec<&'static str>,
    pub kind: SearchKind,
    /// FHIRPath, with one alternative for each base; empty for `_text`, `_content`, `_query`.
    pub expression: &'static str,
    /// Of a reference: the types it may point to.
    pub target: Vec<&'static str>,
    /// Of a composite: the url of each part's parameter, and the part's expression from the composite's own.
    pub components: Vec<(&'static str, &'static str)>,
    pub url: &'static str,
}

/// What belongs to a patient, an encounter, ...
#[derive(Debug)]
pub struct Compartment {
    pub name: &'static str,
    /// Resource type, and the search parameters whose reference puts a resource in; `{def}` is the resource itself.
    pub members: Vec<(&'static str, Vec<&'static str>)>,
}

/// An operation of the base standard.
#[derive(Debug)]
pub struct Operation {
    pub url: &'static str,
    /// Without the `$`.
    pub code: &'static str,
    pub system: bool,
    pub type_level: bool,
    pub instance: bool,
    pub affects_state: bool,
    /// The resource types it is for.
    pub resources: Vec<&'static str>,
    pub parameters: Vec<Parameter>,
}

/// A parameter of an operation.
#[derive(Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub is_out: bool,
    pub min: u32,
    /// Nothing for `*`.
    pub max: Option<u32>,
    /// Empty where the parameter has parts.
    pub type_name: &'static str,
    /// Of a string that is used as a search parameter.
    pub search_type: &'static str,
    pub targets: Vec<&'static str>,
    pub parts: Vec<Parameter>,
}
