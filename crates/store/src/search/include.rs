//! `_include` and `_revinclude`, with `:iterate` (search.html#include).

use super::finder::{Candidate, Finder};
use badiano_fhir::schema::{self, SearchKind, SearchParam};
use badiano_fhir::search::query::{Include, Query};
use badiano_fhir::search::{Key, parameters};
use badiano_kernel::Fault;
use std::collections::HashSet;
use std::rc::Rc;

/// Resources that a page may bring along.
pub const INCLUDED_MAX: usize = 5_000;

/// What the hits of a page bring along, none of them twice.
pub(super) fn included(
    finder: &Finder<'_, '_>,
    query: &Query,
    hits: &[Rc<Candidate>],
) -> Result<Vec<Rc<Candidate>>, Fault> {
    let mut known: HashSet<i64> = hits.iter().map(|h| h.rid).collect();
    let mut all: Vec<Rc<Candidate>> = Vec::new();
    let mut round: Vec<Rc<Candidate>> = hits.to_vec();
    let mut first = true;
    while !round.is_empty() {
        let mut next = Vec::new();
        for on in &round {
            for include in query.include.iter().filter(|i| first || i.iterate) {
                referred(finder, include, on, &mut next)?;
            }
            for include in query.revinclude.iter().filter(|i| first || i.iterate) {
                referring(finder, include, on, &mut next)?;
            }
        }
        next.retain(|one| known.insert(one.rid));
        all.extend(next.iter().cloned());
        if all.len() > INCLUDED_MAX {
            return Err(Fault::too_costly(
                "the page brings too many resources along: ask for a smaller page",
            ));
        }
        round = next;
        first = false;
    }
    Ok(all)
}

fn referred(
    finder: &Finder<'_, '_>,
    include: &Include,
    on: &Candidate,
    out: &mut Vec<Rc<Candidate>>,
) -> Result<(), Fault> {
    if &*include.source != "*" && *include.source != *on.kind {
        return Ok(());
    }
    let only = if &*include.param == "*" { None } else { Some(finder.view.number(&include.param)) };
    for (param, key) in on.keys.references() {
        let Key::Reference { kind, id, .. } = key else { continue };
        let asked =
            only.is_none_or(|p| p == Some(param)) && include.target.as_ref().is_none_or(|t| *t == kind);
        if !asked || id.is_empty() {
            continue;
        }
        let Some(kind) = finder.view.number(&kind) else { continue };
        if let Some(rid) = finder.rid_of(kind, &id)? {
            out.extend(finder.load(rid)?);
        }
    }
    Ok(())
}

fn referring(
    finder: &Finder<'_, '_>,
    include: &Include,
    on: &Candidate,
    out: &mut Vec<Rc<Candidate>>,
) -> Result<(), Fault> {
    if include.target.as_ref().is_some_and(|t| **t != *on.kind) {
        return Ok(());
    }
    let sources: Vec<&str> = match &*include.source {
        "*" => schema::resource_types().to_vec(),
        one => vec![one],
    };
    for source in sources {
        let params: Vec<&str> = match &*include.param {
            "*" => referring_parameters(source, &on.kind),
            one => vec![one],
        };
        for param in params {
            referring_by(finder, source, param, on, out)?;
        }
    }
    Ok(())
}

/// The parameters of a type that may refer to another.
fn referring_parameters(source: &str, target: &str) -> Vec<&'static str> {
    let may = |p: &&SearchParam| {
        p.kind == SearchKind::Reference
            && p.target.iter().any(|t| matches!(*t, "Resource" | "Any") || *t == target)
    };
    parameters(source).into_iter().filter(may).map(|p| p.code).collect()
}

fn referring_by(
    finder: &Finder<'_, '_>,
    source: &str,
    param: &str,
    on: &Candidate,
    out: &mut Vec<Rc<Candidate>>,
) -> Result<(), Fault> {
    let rows = finder.referrers(source, param, &on.kind, &on.id, &[], INCLUDED_MAX)?;
    let rows = rows.ok_or_else(|| {
        Fault::too_costly("the page brings too many resources along: ask for a smaller page")
    })?;
    for rid in rows {
        if let Some(other) = finder.load(rid)?
            && *other.kind == *source
            && finder.references(&other, param, &on.kind).any(|id| *id == *on.id)
        {
            out.push(other);
        }
    }
    Ok(())
}
