//! What `:in`, `:not-in`, `:above` and `:below` of tokens stand for, spelled out before a question is asked of an index
//! (FHIR R4, search.html#token).

use super::query::{Filter, Modifier, Test};
use crate::terminology::{Terminology, ValueSet};
use badiano_kernel::Fault;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Codes that one question may stand for.
pub const CODES_MAX: usize = 500_000;

/// Codes by their systems.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Codes {
    by_system: HashMap<Box<str>, HashSet<Box<str>>>,
}

impl Codes {
    fn add(&mut self, system: &str, code: &str) {
        match self.by_system.get_mut(system) {
            Some(codes) => {
                codes.insert(code.into());
            }
            None => {
                self.by_system.insert(system.into(), HashSet::from([code.into()]));
            }
        }
    }

    /// Whether a token is one of them. An element of type `code` has no system of its own: any will do.
    pub fn has(&self, system: &str, code: &str) -> bool {
        if system.is_empty() {
            return self.by_system.values().any(|codes| codes.contains(code));
        }
        self.by_system.get(system).is_some_and(|codes| codes.contains(code))
    }

    pub fn len(&self) -> usize {
        self.by_system.values().map(HashSet::len).sum()
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The codes alone, some of them of several systems.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        self.by_system.values().flatten().map(|code| &**code)
    }
}

/// Whether a question has to be spelled out at all.
pub fn needs_codes(filters: &[Filter]) -> bool {
    filters.iter().any(|filter| match filter {
        Filter::All(all) | Filter::Any(all) => needs_codes(all),
        Filter::Not(one) => needs_codes(std::slice::from_ref(one)),
        Filter::Chain { filter, .. } | Filter::Has { filter, .. } => {
            needs_codes(std::slice::from_ref(filter))
        }
        Filter::Param { modifier, any_of, .. } => is_of_codes(*modifier, any_of),
        Filter::Compartment { .. } => false,
    })
}

fn is_of_codes(modifier: Modifier, any_of: &[Test]) -> bool {
    match modifier {
        Modifier::In | Modifier::NotIn => true,
        Modifier::Above | Modifier::Below => matches!(any_of, [Test::Token { .. }, ..]),
        _ => false,
    }
}

/// Finds the value set that a question names.
pub type FindSet<'f> = dyn Fn(&str) -> Result<Arc<ValueSet>, Fault> + 'f;

/// The same question with every code named.
pub fn with_codes(filters: &[Filter], known: &Terminology, set: &FindSet<'_>) -> Result<Vec<Filter>, Fault> {
    filters.iter().map(|filter| one_with_codes(filter, known, set)).collect()
}

fn one_with_codes(filter: &Filter, known: &Terminology, set: &FindSet<'_>) -> Result<Filter, Fault> {
    let inner = |filter: &Filter| one_with_codes(filter, known, set).map(Box::new);
    Ok(match filter {
        Filter::All(all) => Filter::All(with_codes(all, known, set)?),
        Filter::Any(any) => Filter::Any(with_codes(any, known, set)?),
        Filter::Not(one) => Filter::Not(inner(one)?),
        Filter::Chain { param, target, filter } => {
            Filter::Chain { param: param.clone(), target: target.clone(), filter: inner(filter)? }
        }
        Filter::Has { source, param, filter } => {
            Filter::Has { source: source.clone(), param: param.clone(), filter: inner(filter)? }
        }
        Filter::Param { param, modifier, any_of } if is_of_codes(*modifier, any_of) => {
            let codes = codes_of(*modifier, any_of, known, set).map_err(|fault| fault.at(&**param))?;
            let modifier = if *modifier == Modifier::NotIn { Modifier::Not } else { Modifier::None };
            Filter::Param { param: param.clone(), modifier, any_of: vec![Test::Codes(Arc::new(codes))] }
        }
        Filter::Param { .. } | Filter::Compartment { .. } => filter.clone(),
    })
}

fn codes_of(
    modifier: Modifier,
    any_of: &[Test],
    known: &Terminology,
    set: &FindSet<'_>,
) -> Result<Codes, Fault> {
    let mut codes = Codes::default();
    for test in any_of {
        match test {
            Test::Uri(url) => {
                known.each_code(&set(url)?, CODES_MAX, &mut |system, code| codes.add(system, code))?;
            }
            Test::Token { system, code } => {
                let (system, code) = of_a_system(system.as_deref(), code.as_deref())?;
                let all =
                    known.hierarchy(system, code, modifier == Modifier::Below).ok_or_else(no_hierarchy)?;
                all.iter().for_each(|code| codes.add(system, code));
            }
            _ => return Err(Fault::bug("a modifier of codes beside another kind of value")),
        }
    }
    Ok(codes)
}

/// Both parts of `system|code`, which the hierarchy of a code cannot be told without.
pub(super) fn of_a_system<'t>(
    system: Option<&'t str>,
    code: Option<&'t str>,
) -> Result<(&'t str, &'t str), Fault> {
    match (system, code) {
        (Some(system), Some(code)) if !system.is_empty() => Ok((system, code)),
        _ => Err(Fault::invalid("above and below of a code take system|code")),
    }
}

pub(super) fn no_hierarchy() -> Fault {
    Fault::invalid(
        "the code, or its code system, is not known here: what lies above and below it cannot be told",
    )
}
