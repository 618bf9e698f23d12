//! `:above` and `:below` of references: the parts of a resource, or the wholes that it is part of, take its place in the question
//! (search.html#reference). What may not be seen has no parts and is none.

use super::finder::Finder;
use badiano_fhir::search::query::Test;
use badiano_fhir::search::{Filter, LEVELS_MAX, Modifier, parent_parameter};
use badiano_kernel::Fault;
use std::collections::BTreeSet;

/// Parts of one resource, all levels together.
const PARTS_MAX: usize = 10_000;

impl Finder<'_, '_> {
    /// The filters with parts and wholes named one by one.
    pub fn with_parts(&self, filters: &[Filter]) -> Result<Vec<Filter>, Fault> {
        filters.iter().map(|filter| self.one_with_parts(filter)).collect()
    }

    fn one_with_parts(&self, filter: &Filter) -> Result<Filter, Fault> {
        let inner = |filter: &Filter| self.one_with_parts(filter).map(Box::new);
        Ok(match filter {
            Filter::All(all) => Filter::All(self.with_parts(all)?),
            Filter::Any(any) => Filter::Any(self.with_parts(any)?),
            Filter::Not(one) => Filter::Not(inner(one)?),
            Filter::Chain { param, target, filter } => {
                Filter::Chain { param: param.clone(), target: target.clone(), filter: inner(filter)? }
            }
            Filter::Has { source, param, filter } => {
                Filter::Has { source: source.clone(), param: param.clone(), filter: inner(filter)? }
            }
            Filter::Param { param, modifier: modifier @ (Modifier::Above | Modifier::Below), any_of }
                if matches!(any_of[..], [Test::Reference { .. }, ..]) =>
            {
                let mut all = BTreeSet::new();
                for test in any_of {
                    let Test::Reference { kind: Some(kind), id, .. } = test else { continue };
                    let found = match modifier {
                        Modifier::Below => self.parts(kind, id)?,
                        _ => self.wholes(kind, id)?,
                    };
                    all.extend(found.into_iter().map(|id| (kind.clone(), id)));
                }
                let test = |(kind, id): (Box<str>, String)| Test::Reference {
                    kind: Some(kind),
                    id: id.into(),
                    url: "".into(),
                };
                let any_of = all.into_iter().map(test).collect();
                Filter::Param { param: param.clone(), modifier: Modifier::None, any_of }
            }
            Filter::Param { .. } | Filter::Compartment { .. } => filter.clone(),
        })
    }

    /// A resource and what is part of it, level by level.
    fn parts(&self, kind: &str, id: &str) -> Result<BTreeSet<String>, Fault> {
        let mut all = BTreeSet::from([id.to_owned()]);
        let Some(parent) = parent_parameter(kind) else { return Ok(all) };
        let mut level = vec![id.to_owned()];
        while !level.is_empty() {
            let mut next = Vec::new();
            for whole in &level {
                let rows = self.referrers(kind, parent, kind, whole, &[], PARTS_MAX)?;
                for rid in rows.ok_or_else(too_many)? {
                    if let Some(part) = self.load(rid)?
                        && self.references(&part, parent, kind).any(|of| *of == **whole)
                        && all.insert(part.id.clone())
                    {
                        next.push(part.id.clone());
                    }
                }
            }
            if all.len() > PARTS_MAX {
                return Err(too_many());
            }
            level = next;
        }
        Ok(all)
    }

    /// A resource and what it is part of.
    fn wholes(&self, kind: &str, id: &str) -> Result<BTreeSet<String>, Fault> {
        let mut all = BTreeSet::from([id.to_owned()]);
        let (Some(parent), Some(number)) = (parent_parameter(kind), self.view.number(kind)) else {
            return Ok(all);
        };
        let mut at = id.to_owned();
        for _ in 0..LEVELS_MAX {
            let rid = self.rid_of(number, &at)?;
            let Some(part) = rid.map(|rid| self.load(rid)).transpose()?.flatten() else { break };
            let Some(whole) = self.references(&part, parent, kind).next().map(String::from) else { break };
            if !all.insert(whole.clone()) {
                break;
            }
            at = whole;
        }
        Ok(all)
    }
}

fn too_many() -> Fault {
    Fault::too_costly(format!("a resource has more than {PARTS_MAX} parts: ask for one of them"))
}
