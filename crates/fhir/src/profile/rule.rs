//! What a profile asks of each element: a tree beside the base type's (FHIR R4, profiling.html, elementdefinition.html).
//!
//! A slice stands beside the element that it is a slice of, and holds only what it adds: an item is checked against
//! both. That makes a derived profile its base's tree with the differential laid over it.

use crate::fhirpath::Expression;
use crate::schema::{self, Element, Strength, TypeRef};
use crate::value::Value;
use std::sync::Arc;

/// One element, or one slice of it. What is `None` is left as the base type has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rule {
    /// Without `[x]`.
    pub name: Box<str>,
    pub slice: Box<str>,
    pub min: Option<u32>,
    /// The inner nothing is `*`.
    pub max: Option<Option<u32>>,
    pub types: Vec<RuleType>,
    pub fixed: Option<Value>,
    pub pattern: Option<Value>,
    pub binding: Option<RuleBinding>,
    pub constraints: Vec<Arc<Constraint>>,
    pub length_max: Option<u32>,
    pub value_min: Option<Value>,
    pub value_max: Option<Value>,
    pub slicing: Option<Slicing>,
    pub must_support: bool,
    pub children: Vec<Rule>,
    pub slices: Vec<Rule>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct RuleType {
    pub code: Box<str>,
    /// By name where they are base types, by url elsewhere.
    pub profiles: Vec<Box<str>>,
    pub targets: Vec<Box<str>>,
}

#[derive(Debug, Clone)]
pub(crate) struct RuleBinding {
    pub strength: Strength,
    pub value_set: Box<str>,
}

#[derive(Debug)]
pub(crate) struct Constraint {
    pub key: Box<str>,
    pub is_error: bool,
    pub human: Box<str>,
    /// Nothing where the text is no expression.
    pub expression: Option<Expression>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Slicing {
    /// (`value`, steps), (`type`, steps), ...
    pub discriminators: Vec<(Box<str>, Vec<Step>)>,
    /// `open`, `closed`, `openAtEnd`.
    pub rules: Box<str>,
    pub is_ordered: bool,
}

/// One step of a discriminator's path (profiling.html#discriminator: a restricted FHIRPath).
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Name(Box<str>),
    Extension(Box<str>),
    OfType(Box<str>),
    Resolve,
}

/// `code.coding`, `$this`, `extension('url').value`, `subject.resolve()`.
pub(crate) fn steps(path: &str) -> Vec<Step> {
    let mut found = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let argument = |rest: &str| rest.split(['\'', '"']).nth(1).unwrap_or("").to_owned();
        let close = rest.find(')').map_or(rest.len(), |at| at + 1);
        let length = if rest.starts_with("extension(") {
            found.push(Step::Extension(argument(rest).into()));
            close
        } else if let Some(of) = rest.strip_prefix("ofType(") {
            found.push(Step::OfType(of.split(')').next().unwrap_or("").into()));
            close
        } else if rest.starts_with("resolve(") {
            found.push(Step::Resolve);
            close
        } else {
            let end = rest.find('.').unwrap_or(rest.len());
            match &rest[..end] {
                "$this" => {}
                name => found.push(Step::Name(name.trim_end_matches("[x]").into())),
            }
            end
        };
        rest = rest[length..].trim_start_matches('.');
    }
    found
}

/// One row of a structure definition before it is put in its place.
pub(crate) struct Row {
    /// `Observation.value[x]:valueQuantity.code`.
    pub id: String,
    pub rule: Rule,
}

impl Rule {
    /// Lays rows over the tree.
    pub fn lay(&mut self, rows: Vec<Row>, type_name: &str) {
        for row in rows {
            let place = self.place(&row.id, type_name);
            place.take(row.rule);
        }
    }

    /// The rule of an id, made where it is not there.
    fn place(&mut self, id: &str, type_name: &str) -> &mut Rule {
        let mut at = self;
        let mut content = TypeRef::of(type_name);
        for segment in segments(id).into_iter().skip(1) {
            let (name, slice) = segment.split_once(':').unwrap_or((segment, ""));
            let bare = name.trim_end_matches("[x]");
            let child = content.and_then(|c| c.child(bare));
            // `valueQuantity` in place of `value[x]` is the slice of that type.
            let typed = child.filter(|c| c.element.is_choice && c.element.name != bare);
            let (bare, slice) = match typed {
                Some(child) => (child.element.name, if slice.is_empty() { bare } else { slice }),
                None => (bare, slice),
            };
            at = at.child_or_new(bare);
            let mut reached = 0;
            while reached < slice.len() {
                reached = slice[reached + 1..].find('/').map_or(slice.len(), |at| reached + 1 + at);
                at = at.slice_or_new(bare, &slice[..reached]);
            }
            let of_slice = content.and_then(|c| c.property(slice)).filter(|c| c.element.is_choice);
            if let Some(of_slice) = of_slice.filter(|_| at.types.is_empty() && !slice.is_empty()) {
                at.types = vec![RuleType { code: of_slice.of.code.into(), ..RuleType::default() }];
            }
            content = of_slice.or(child).map(|c| c.type_ref());
        }
        at
    }

    fn child_or_new(&mut self, name: &str) -> &mut Rule {
        let at = self.children.iter().position(|c| &*c.name == name).unwrap_or_else(|| {
            self.children.push(Rule { name: name.into(), ..Rule::default() });
            self.children.len() - 1
        });
        &mut self.children[at]
    }

    fn slice_or_new(&mut self, name: &str, slice: &str) -> &mut Rule {
        let at = self.slices.iter().position(|c| &*c.slice == slice).unwrap_or_else(|| {
            self.slices.push(Rule { name: name.into(), slice: slice.into(), ..Rule::default() });
            self.slices.len() - 1
        });
        &mut self.slices[at]
    }

    /// What a later definition says goes before what was said.
    fn take(&mut self, said: Rule) {
        self.min = said.min.or(self.min);
        self.max = said.max.or(self.max);
        if !said.types.is_empty() {
            self.types = said.types;
        }
        self.fixed = said.fixed.or(self.fixed.take());
        self.pattern = said.pattern.or(self.pattern.take());
        self.binding = said.binding.or(self.binding.take());
        self.length_max = said.length_max.or(self.length_max);
        self.value_min = said.value_min.or(self.value_min.take());
        self.value_max = said.value_max.or(self.value_max.take());
        self.must_support |= said.must_support;
        for constraint in said.constraints {
            self.constraints.retain(|c| c.key != constraint.key);
            self.constraints.push(constraint);
        }
        if let Some(slicing) = said.slicing {
            let known = self.slicing.take().map(|s| s.discriminators);
            let mut slicing = slicing;
            if slicing.discriminators.is_empty() {
                slicing.discriminators = known.unwrap_or_default();
            }
            self.slicing = Some(slicing);
        }
    }

    pub fn child(&self, name: &str) -> Option<&Rule> {
        self.children.iter().find(|c| &*c.name == name)
    }

    /// Whether it asks for anything of a value (not of how often it is there).
    pub fn asks_nothing(&self) -> bool {
        self.types.is_empty()
            && self.fixed.is_none()
            && self.pattern.is_none()
            && self.binding.is_none()
            && self.constraints.is_empty()
            && self.length_max.is_none()
            && self.value_min.is_none()
            && self.value_max.is_none()
            && self.children.is_empty()
            && self.slices.is_empty()
    }

    /// Takes away what the base type asks for already, so that a snapshot costs no more than its differential.
    pub fn prune(&mut self, base: Option<TypeRef>, element: Option<&'static Element>) {
        if let Some(element) = element {
            self.prune_as(element);
        }
        self.children.retain_mut(|child| {
            let known = base.and_then(|b| b.child(&child.name));
            child.prune(known.map(|k| k.type_ref()), known.map(|k| k.element));
            !(child.asks_nothing() && child.min.is_none() && child.max.is_none())
        });
        for slice in &mut self.slices {
            let of =
                slice.types.first().filter(|_| slice.types.len() == 1).and_then(|t| TypeRef::of(&t.code));
            let base = if base.is_some_and(|b| b.path().contains('.')) { base } else { of.or(base) };
            slice.prune(base, None);
            if let Some(element) = element {
                slice.prune_types(element);
            }
        }
    }

    fn prune_as(&mut self, element: &'static Element) {
        self.min = self.min.filter(|min| *min > element.min);
        self.max = self.max.filter(|max| *max != element.max);
        self.length_max = self.length_max.filter(|max| Some(*max) != element.max_length);
        if let (Some(mine), Some(base)) = (&self.binding, &element.binding)
            && mine.strength == base.strength
            && *mine.value_set == *base.value_set
        {
            self.binding = None;
        }
        self.constraints.retain(|c| element.invariants.iter().all(|i| *i.key != *c.key));
        self.prune_types(element);
    }

    fn prune_types(&mut self, element: &'static Element) {
        let all = |mine: &[Box<str>], base: &[&'static str]| {
            mine.len() == base.len() && mine.iter().all(|m| base.contains(&&**m))
        };
        let same = self.types.len() == element.types.len()
            && self.types.iter().all(|mine| {
                let base = element.types.iter().find(|b| *b.code == *mine.code);
                base.is_some_and(|b| all(&mine.profiles, &b.profiles) && all(&mine.targets, &b.targets))
            });
        if same {
            self.types.clear();
        }
    }
}

/// The parts of an id; a slice's name may hold points only in brackets, which R4 does not have.
fn segments(id: &str) -> Vec<&str> {
    id.split('.').collect()
}

/// A base type by its name, anything else by its url without version.
pub(crate) fn short(canonical: &str) -> Box<str> {
    let url = canonical.split('|').next().unwrap_or(canonical);
    match url.strip_prefix("http://hl7.org/fhir/StructureDefinition/") {
        Some(name) if schema::structure(name).is_some() => name.into(),
        _ => url.into(),
    }
}
