//! The words that extraction, question and store share (FHIR R4, search.html).

use super::codes::Codes;
use badiano_kernel::Instant;
use std::sync::Arc;

/// One value that a resource says under one search parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The code of the search parameter: `code`, `date`, `identifier`.
    pub param: Box<str>,
    pub key: Key,
}

/// A value in the form in which it is compared.
#[derive(Debug, Clone, PartialEq)]
pub enum Key {
    /// `system` is empty for "no system". `text` is the display for `:text`.
    Token { system: Box<str>, code: Box<str>, text: Box<str> },
    /// `folded`: lower case, no accents (Ñ folds to n), white space collapsed; `exact`: as written.
    Text { folded: Box<str>, exact: Box<str> },
    /// The half-open span that a date of partial precision stands for.
    Date { from: Instant, to: Instant },
    /// The range that the written precision stands for.
    Number { low: f64, high: f64 },
    /// `canonical` is the value in UCUM base units with its unit code, where the unit is UCUM.
    Quantity {
        low: f64,
        high: f64,
        system: Box<str>,
        code: Box<str>,
        canonical: Option<(f64, f64, Box<str>)>,
    },
    /// A reference inside this server (`kind` and `id` set) or elsewhere (`url` set); `identifier` for logical references.
    Reference { kind: Box<str>, id: Box<str>, url: Box<str>, identifier: Option<(Box<str>, Box<str>)> },
    /// A URI or canonical (without its version).
    Uri(Box<str>),
    /// The value of each component, for a composite parameter.
    Composite(Vec<Key>),
    /// The element is absent: what `:missing=true` finds.
    Missing,
}

/// A question over one type of resource, parsed and checked against the definitions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// The type that is asked for; empty for a question over `kinds`.
    pub kind: Box<str>,
    /// The types of a question over several.
    pub kinds: Vec<Box<str>>,
    /// All must hold.
    pub filters: Vec<Filter>,
    /// First is most important; empty means newest change first.
    pub sort: Vec<Sort>,
    /// Page size, already within the server's limit.
    pub count: usize,
    /// Where the page begins, counted in hits from `after` or from the first.
    pub offset: usize,
    /// The place after which the page begins, as the store gave it with the page before.
    pub after: Option<Vec<u8>>,
    pub total: Total,
    pub include: Vec<Include>,
    pub revinclude: Vec<Include>,
}

impl Query {
    /// The types that are asked for.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        let several = self.kinds.iter().map(|kind| &**kind);
        several.chain((!self.kind.is_empty()).then_some(&*self.kind))
    }
}

/// `_total`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Total {
    None,
    /// Where it is cheap: what holds when nothing is asked for.
    #[default]
    Estimate,
    Accurate,
}

/// `_sort` by one parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Sort {
    pub param: Box<str>,
    pub descending: bool,
}

/// `_include=Source:param[:Target]`; `param` `*` stands for all of the source's references.
#[derive(Debug, Clone, PartialEq)]
pub struct Include {
    pub source: Box<str>,
    pub param: Box<str>,
    pub target: Option<Box<str>>,
    pub iterate: bool,
}

/// One condition. `_id` and `_lastUpdated` are filters on those parameter names like any other.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// One parameter against alternatives (`a,b` = either).
    Param {
        param: Box<str>,
        modifier: Modifier,
        any_of: Vec<Test>,
    },
    /// `subject:Patient.name=x`: the referenced resource of a type must itself fit.
    Chain {
        param: Box<str>,
        target: Box<str>,
        filter: Box<Filter>,
    },
    /// `_has:Observation:patient:code=x`: a resource that refers to this one must fit.
    Has {
        source: Box<str>,
        param: Box<str>,
        filter: Box<Filter>,
    },
    /// What belongs to one patient, encounter, practitioner or device, of whatever type.
    Compartment {
        name: Box<str>,
        id: Box<str>,
    },
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Modifier {
    #[default]
    None,
    /// `:missing`, with whether absence is asked for.
    Missing(bool),
    Exact,
    Contains,
    Text,
    Not,
    Above,
    Below,
    In,
    NotIn,
    OfType,
    Identifier,
}

/// Comparison prefixes (search.html#prefix).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Prefix {
    #[default]
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
    Sa,
    Eb,
    Ap,
}

/// One alternative of a parameter, in the form of the parameter's type.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// `|code` asks for no system (`system: Some("")`), `code` for any (`None`), `system|` for any code (`code: None`).
    Token {
        system: Option<Box<str>>,
        code: Option<Box<str>>,
    },
    /// `of-type`: type system, type code, value.
    OfType {
        system: Box<str>,
        code: Box<str>,
        value: Box<str>,
    },
    Text {
        folded: Box<str>,
        exact: Box<str>,
    },
    Date {
        prefix: Prefix,
        from: Instant,
        to: Instant,
    },
    Number {
        prefix: Prefix,
        low: f64,
        high: f64,
    },
    Quantity {
        prefix: Prefix,
        low: f64,
        high: f64,
        system: Option<Box<str>>,
        code: Option<Box<str>>,
        canonical: Option<(f64, f64, Box<str>)>,
    },
    Reference {
        kind: Option<Box<str>>,
        id: Box<str>,
        url: Box<str>,
    },
    Uri(Box<str>),
    /// Codes that a value set or a hierarchy stands for, spelled out by [`with_codes`](super::with_codes).
    Codes(Arc<Codes>),
    Composite(Vec<Test>),
}
