//! Conditions on the concepts of a code system (FHIR R4, valueset.html#compose, codesystem.html#filters).

use super::code_system::{ABSTRACT, At, CodeSystem, INACTIVE};
use super::ecl::Constraint;
use super::strings::Bits;
use crate::value::Value;
use badiano_kernel::Fault;
use regex::{Regex, RegexBuilder};

/// What a compiled pattern may take in memory; patterns are matched in linear time.
const REGEX_BYTES_MAX: usize = 1 << 20;
/// Codes that `in` and `not-in` may list.
const LISTED_MAX: usize = 100_000;

#[derive(Debug)]
pub(crate) enum Filter {
    IsA(Box<str>),
    DescendentOf(Box<str>),
    ChildOf(Box<str>),
    IsNotA(Box<str>),
    Generalizes(Box<str>),
    In(Property, Vec<Box<str>>, bool),
    Matches(Property, Regex),
    Exists(Property, bool),
    Fits(Constraint),
    /// `expressions = true` of SNOMED CT and the like: says nothing about concepts.
    Always,
}

/// What of a concept is compared.
#[derive(Debug)]
pub(crate) enum Property {
    Code,
    Display,
    Definition,
    Inactive,
    Abstract,
    Parent,
    Child,
    Ancestor,
    Own(Box<str>),
}

impl Property {
    fn of(name: &str) -> Property {
        match name {
            "code" | "concept" => Property::Code,
            "display" => Property::Display,
            "definition" => Property::Definition,
            "inactive" => Property::Inactive,
            "notSelectable" | "abstract" => Property::Abstract,
            "parent" => Property::Parent,
            "child" => Property::Child,
            "ancestor" => Property::Ancestor,
            other => Property::Own(other.into()),
        }
    }

    fn any(&self, system: &CodeSystem, at: At, fits: impl Fn(&str) -> bool) -> bool {
        let codes = |all: &[At]| all.iter().any(|at| fits(system.code(*at)));
        let flag = |flag| fits(if system.has_flag(at, flag) { "true" } else { "false" });
        match self {
            Property::Code => fits(system.code(at)),
            Property::Display => fits(system.display(at)),
            Property::Definition => fits(system.definition(at)),
            Property::Inactive => flag(INACTIVE),
            Property::Abstract => flag(ABSTRACT),
            Property::Parent => codes(system.parents.get(at)),
            Property::Child => codes(system.children.get(at)),
            Property::Ancestor => codes(&system.ancestors(at)),
            Property::Own(name) => system.property_values(at, name).any(|value| {
                // A Coding is told by its code.
                fits(value.split(super::code_system::BETWEEN).nth(1).unwrap_or(value))
            }),
        }
    }

    fn is_there(&self, system: &CodeSystem, at: At) -> bool {
        match self {
            Property::Definition => !system.definition(at).is_empty(),
            Property::Display => !system.display(at).is_empty(),
            _ => self.any(system, at, |_| true),
        }
    }
}

impl Filter {
    /// One `filter` of an include or exclude.
    pub fn of(told: &Value) -> Result<Filter, Fault> {
        let (property, op, value) = (told.str_of("property"), told.str_of("op"), told.str_of("value"));
        let own = || Property::of(property);
        let listed = || value.split(',').take(LISTED_MAX).map(|v| v.trim().into()).collect();
        let truth = || match value {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Fault::invalid("the value of an `exists` filter is true or false")),
        };
        Ok(match (property, op) {
            (_, "is-a") => Filter::IsA(value.into()),
            (_, "descendent-of") => Filter::DescendentOf(value.into()),
            (_, "child-of") => Filter::ChildOf(value.into()),
            (_, "is-not-a") => Filter::IsNotA(value.into()),
            (_, "generalizes") => Filter::Generalizes(value.into()),
            ("constraint" | "expression", "=") => Filter::Fits(Constraint::parse(value)?),
            ("expressions", "=") => Filter::Always,
            (_, "=") => Filter::In(own(), vec![value.into()], true),
            // Members of a reference set of SNOMED CT.
            ("concept", "in") => Filter::Fits(Constraint::parse(&format!("^ {value}"))?),
            (_, "in") => Filter::In(own(), listed(), true),
            (_, "not-in") => Filter::In(own(), listed(), false),
            (_, "regex") => Filter::Matches(own(), whole(value)?),
            (_, "exists") => Filter::Exists(own(), truth()?),
            _ => return Err(Fault::not_supported(format!("the filter operator {op:.40} is not offered"))),
        })
    }

    /// Whether the system says anything about what the filter asks for.
    pub fn check(&self, system: &CodeSystem) -> Result<(), Fault> {
        let known = |code: &str| match system.find(code) {
            Some(_) => Ok(()),
            None if !system.is_complete() => Err(unknown_here()),
            None => Err(Fault::invalid("a filter names a code that the code system does not have")),
        };
        match self {
            Filter::IsA(code)
            | Filter::DescendentOf(code)
            | Filter::ChildOf(code)
            | Filter::IsNotA(code)
            | Filter::Generalizes(code) => known(code),
            Filter::In(Property::Own(name), ..)
            | Filter::Matches(Property::Own(name), _)
            | Filter::Exists(Property::Own(name), _)
                if !system.about().properties.iter().any(|p| p.code == **name) =>
            {
                Err(Fault::invalid(format!("the code system has no property {name:.60} that a filter names")))
            }
            _ => Ok(()),
        }
    }

    /// Whether a concept fits.
    pub fn holds(&self, system: &CodeSystem, at: At) -> bool {
        let of = |code: &str| system.find(code);
        match self {
            Filter::IsA(code) => of(code).is_some_and(|a| system.is_a(at, a)),
            Filter::DescendentOf(code) => of(code).is_some_and(|a| system.is_below(at, a)),
            Filter::ChildOf(code) => of(code).is_some_and(|a| system.parents.get(at).contains(&a)),
            Filter::IsNotA(code) => of(code).is_none_or(|a| !system.is_a(at, a)),
            Filter::Generalizes(code) => of(code).is_some_and(|a| system.is_a(a, at)),
            Filter::In(property, listed, wanted) => {
                property.any(system, at, |value| listed.iter().any(|one| **one == *value)) == *wanted
            }
            Filter::Matches(property, pattern) => property.any(system, at, |value| pattern.is_match(value)),
            Filter::Exists(property, wanted) => property.is_there(system, at) == *wanted,
            Filter::Fits(constraint) => constraint.holds(system, at),
            Filter::Always => true,
        }
    }

    /// All concepts that fit.
    pub fn all(&self, system: &CodeSystem) -> Bits {
        let of = |code: &str| system.find(code);
        match self {
            Filter::IsA(code) | Filter::DescendentOf(code) => {
                let Some(above) = of(code) else { return Bits::none(system.len()) };
                let mut found = system.descendants(above);
                if matches!(self, Filter::IsA(_)) {
                    found.add(above);
                }
                found
            }
            Filter::IsNotA(code) => {
                let mut found = Bits::all(system.len());
                if let Some(above) = of(code) {
                    found.drop_all(&system.descendants(above));
                    found.remove(above);
                }
                found
            }
            Filter::Fits(constraint) => constraint.all(system),
            _ => {
                let mut found = Bits::none(system.len());
                for at in (0..system.len()).filter(|at| self.holds(system, *at)) {
                    found.add(at);
                }
                found
            }
        }
    }
}

pub(crate) fn unknown_here() -> Fault {
    Fault::not_found("the value set names a code system, or codes of one, that are not here")
}

/// A pattern that the whole value must fit.
fn whole(pattern: &str) -> Result<Regex, Fault> {
    let built = RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(REGEX_BYTES_MAX).build();
    built.map_err(|_| Fault::invalid("the pattern of a filter cannot be read, or is too large"))
}

impl Filter {
    /// The answers of a LOINC answer list.
    pub fn list(list: &str) -> Filter {
        Filter::In(Property::Own("LIST".into()), vec![list.into()], true)
    }
}
