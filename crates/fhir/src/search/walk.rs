//! One walk over a resource for all its search parameters: their paths compiled into a tree of properties.

use super::definition;
use crate::fhirpath::{Expression, SimpleStep, simple_paths};
use crate::schema::{self, Child, SearchKind, SearchParam, TypeRef};
use crate::value::{Object, Value};
use std::collections::HashMap;
use std::sync::OnceLock;

/// What is asked at one place of a resource.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// By property.
    edges: Vec<Edge>,
    pub wanted: Vec<Wanted>,
}

#[derive(Debug)]
struct Edge {
    property: &'static str,
    when: When,
    place: Place,
}

/// Which of the values of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
enum When {
    Always,
    First,
    Equals(Box<str>, Box<str>),
}

/// A value that a parameter wants here.
#[derive(Debug)]
pub(super) struct Wanted {
    /// The parameter's place in the list of its type, or the part of a composite.
    pub at: usize,
    pub kind: SearchKind,
    /// The type of the value: `HumanName`, `date`.
    pub of: &'static str,
    /// Only references to this type.
    pub target: Option<Box<str>>,
    /// The system of a `code` whose required value set has one.
    pub system: &'static str,
    /// The parts of a composite, from here.
    pub parts: Option<Parts>,
}

#[derive(Debug)]
pub(super) struct Parts {
    pub count: usize,
    pub place: Place,
    /// Parts that are asked of the whole resource (`%resource`).
    pub root: Place,
}

impl Parts {
    fn are_found(&self) -> bool {
        (0..self.count).all(|part| self.place.wants(part) || self.root.wants(part))
    }
}

/// A type's parameters with the tree that finds their values.
pub(super) struct TypePlan {
    pub parameters: Vec<&'static SearchParam>,
    /// Beside each parameter: the name that `:of-type` entries stand under.
    pub of_type_names: Vec<String>,
    pub root: Place,
    /// Parameters that are no plain paths, with their expressions.
    pub computed: Vec<(usize, Expression)>,
    /// The parameters that put a resource of this type into a patient's compartment.
    pub compartment: Place,
}

/// The plan of a resource type; nothing for a type that R4 does not have.
pub(super) fn plan(kind: &str) -> Option<&'static TypePlan> {
    static PLANS: OnceLock<HashMap<&'static str, OnceLock<TypePlan>>> = OnceLock::new();
    let plans =
        PLANS.get_or_init(|| schema::resource_types().iter().map(|k| (*k, OnceLock::new())).collect());
    let (kind, plan) = plans.get_key_value(kind)?;
    Some(plan.get_or_init(|| TypePlan::new(kind, definition::parameters(kind))))
}

impl TypePlan {
    pub fn new(kind: &'static str, all: Vec<&'static SearchParam>) -> Self {
        let parameters: Vec<&'static SearchParam> = all.into_iter().filter(|p| is_indexed(p)).collect();
        let of_type_names = parameters.iter().map(|p| format!("{}:of-type", p.code)).collect();
        let mut plan = TypePlan {
            parameters,
            of_type_names,
            root: Place::default(),
            computed: Vec::new(),
            compartment: Place::default(),
        };
        for (at, parameter) in plan.parameters.iter().enumerate() {
            if !plan.root.add_parameter(kind, at, parameter)
                && let Ok(expression) = Expression::parse(parameter.expression)
            {
                plan.computed.push((at, expression));
            }
        }
        let patient = schema::compartment("Patient");
        let member = patient.and_then(|c| c.members.iter().find(|(k, _)| *k == kind));
        for (at, code) in member.map_or(&[][..], |(_, codes)| codes).iter().enumerate() {
            if let Some(parameter) = definition::parameter(kind, code) {
                plan.compartment.add_parameter(kind, at, parameter);
            }
        }
        plan
    }

    /// Whether the parameter at a place of the list leads to anything that the type may have.
    pub fn leads_somewhere(&self, at: usize) -> bool {
        self.root.wants(at) || self.computed.iter().any(|(computed, _)| *computed == at)
    }
}

impl Place {
    fn wants(&self, at: usize) -> bool {
        let whole = |w: &Wanted| w.at == at && w.parts.as_ref().is_none_or(Parts::are_found);
        self.wanted.iter().any(whole) || self.edges.iter().any(|e| e.place.wants(at))
    }

    /// Adds the paths of a parameter that begin at a type; the answer is false when they are not plain.
    fn add_parameter(&mut self, kind: &'static str, at: usize, parameter: &'static SearchParam) -> bool {
        let (Ok(Some(paths)), Some(content)) = (simple_paths(parameter.expression), TypeRef::of(kind)) else {
            return false;
        };
        for path in paths {
            let rest = match path.first() {
                Some(SimpleStep::Name(first))
                    if matches!(&**first, "Resource" | "DomainResource") || **first == *kind =>
                {
                    &path[1..]
                }
                Some(SimpleStep::Name(first)) if schema::structure(first).is_some() => continue,
                _ => &path[..],
            };
            let make =
                |of: &'static str, here: Option<Child>, content: TypeRef, target: Option<&str>| Wanted {
                    at,
                    kind: parameter.kind,
                    of,
                    target: target.map(Into::into),
                    system: here.map_or("", implied_system),
                    parts: (parameter.kind == SearchKind::Composite).then(|| parts(kind, parameter, content)),
                };
            self.add(Spot { content, of: kind, child: None }, rest, None, &make);
        }
        true
    }

    fn add(&mut self, spot: Spot, path: &[SimpleStep], target: Option<&str>, make: Make<'_>) {
        let Some((step, mut rest)) = path.split_first() else {
            self.wanted.push(make(spot.of, spot.child, spot.content, target));
            return;
        };
        match step {
            SimpleStep::Name(name) => {
                let mut when = When::Always;
                let mut cast: Option<&str> = None;
                while let Some((next, after)) = rest.split_first() {
                    match next {
                        // One component of the standard says `DateTime` where it means FHIR's.
                        SimpleStep::OfType(of) if **of == *"DateTime" => cast = Some("dateTime"),
                        SimpleStep::OfType(of) => cast = Some(of),
                        SimpleStep::First => when = When::First,
                        SimpleStep::WhereEquals(field, text) => {
                            when = When::Equals(field.clone(), text.clone())
                        }
                        SimpleStep::Name(_) | SimpleStep::RefersTo(_) | SimpleStep::Root => break,
                    }
                    rest = after;
                }
                for child in children(spot.content, name) {
                    if cast.is_some_and(|of| of != child.of.code) {
                        continue;
                    }
                    let next = Spot { content: child.type_ref(), of: child.of.code, child: Some(child) };
                    self.edge(child.of.property, &when).add(next, rest, target, make);
                }
            }
            SimpleStep::RefersTo(kind) => self.add(spot, rest, Some(kind), make),
            SimpleStep::OfType(of) if **of == *spot.of => self.add(spot, rest, target, make),
            SimpleStep::OfType(_) | SimpleStep::First | SimpleStep::WhereEquals(..) | SimpleStep::Root => {}
        }
    }

    fn edge(&mut self, property: &'static str, when: &When) -> &mut Place {
        let at = match self.edges.iter().position(|e| e.property == property && e.when == *when) {
            Some(at) => at,
            None => {
                let at = self.edges.partition_point(|e| e.property <= property);
                self.edges.insert(at, Edge { property, when: when.clone(), place: Place::default() });
                at
            }
        };
        &mut self.edges[at].place
    }

    /// Calls back with every wanted value below an element.
    pub fn walk<'v>(&self, element: &'v Value, found: &mut dyn FnMut(&Wanted, &'v Value)) {
        for wanted in &self.wanted {
            found(wanted, element);
        }
        if let Value::Object(object) = element
            && !self.edges.is_empty()
        {
            self.walk_object(object, found);
        }
    }

    fn walk_object<'v>(&self, object: &'v Object, found: &mut dyn FnMut(&Wanted, &'v Value)) {
        for (name, value) in object.iter() {
            let from = self.edges.partition_point(|e| e.property < name);
            for edge in self.edges[from..].iter().take_while(|e| e.property == name) {
                let one = std::slice::from_ref(value);
                let values = match value {
                    Value::Array(values) => values.as_slice(),
                    _ => one,
                };
                match &edge.when {
                    When::Always => values.iter().for_each(|v| edge.place.walk(v, found)),
                    When::First => values.iter().take(1).for_each(|v| edge.place.walk(v, found)),
                    When::Equals(field, text) => values
                        .iter()
                        .filter(|v| v.str_of(field) == &**text)
                        .for_each(|v| edge.place.walk(v, found)),
                }
            }
        }
    }
}

/// Makes what is wanted at the end of a path: of a type, at an element, with its content, for references to a type.
type Make<'m> = &'m dyn Fn(&'static str, Option<Child>, TypeRef, Option<&str>) -> Wanted;

/// Where the compilation stands.
#[derive(Clone, Copy)]
struct Spot {
    content: TypeRef,
    of: &'static str,
    child: Option<Child>,
}

/// Special parameters and those without an expression (`_text`, `_content`, `_query`) are no values of a resource.
fn is_indexed(parameter: &SearchParam) -> bool {
    parameter.kind != SearchKind::Special && !parameter.expression.is_empty()
}

/// The properties that a name stands for: one, or one for each type of a choice.
fn children(content: TypeRef, name: &str) -> Vec<Child> {
    match content.property(name) {
        Some(child) => vec![child],
        None => match content.children().find(|e| e.is_choice && e.name == name) {
            Some(element) => element.types.iter().map(|of| Child { element, of }).collect(),
            None => Vec::new(),
        },
    }
}

/// The system that a `code` stands in by its required binding (search.html#token: "the system is implied").
fn implied_system(child: Child) -> &'static str {
    if child.of.code != "code" {
        return "";
    }
    match child.element.binding.as_ref().and_then(|b| b.codes()).map(|set| &set.systems[..]) {
        Some([(system, _)]) => system,
        _ => "",
    }
}

fn parts(resource: &str, composite: &'static SearchParam, content: TypeRef) -> Parts {
    let kinds = definition::component_kinds(composite);
    let (mut place, mut root) = (Place::default(), Place::default());
    for (at, ((_, expression), kind)) in composite.components.iter().zip(kinds).enumerate() {
        for path in simple_paths(expression).ok().flatten().unwrap_or_default() {
            let make = |of: &'static str, here: Option<Child>, _: TypeRef, target: Option<&str>| Wanted {
                at,
                kind,
                of,
                target: target.map(Into::into),
                system: here.map_or("", implied_system),
                parts: None,
            };
            match (path.split_first(), TypeRef::of(resource)) {
                (Some((SimpleStep::Root, rest)), Some(content)) => {
                    root.add(Spot { content, of: "", child: None }, rest, None, &make);
                }
                _ => place.add(Spot { content, of: "", child: None }, &path, None, &make),
            }
        }
    }
    Parts { count: composite.components.len(), place, root }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_of_the_standard_is_found_by_walking_but_one() {
        let mut computed = Vec::new();
        for kind in schema::resource_types() {
            let plan = plan(kind).expect("a type");
            computed
                .extend(plan.computed.iter().map(|(at, _)| format!("{kind}.{}", plan.parameters[*at].code)));
            for (at, parameter) in plan.parameters.iter().enumerate() {
                assert!(plan.leads_somewhere(at), "{kind}.{}: {}", parameter.code, parameter.expression);
            }
        }
        assert_eq!(computed, ["Patient.deceased"]);
    }
}
