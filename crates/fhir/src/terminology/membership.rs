//! Whether a code is in a value set, told for one code without spelling the set out (FHIR R4, valueset.html#compose).

use super::code_system::{CodeSystem, INACTIVE};
use super::value_set::{Part, ValueSet};
use super::{Terminology, grammar};
use std::sync::Arc;

/// Value sets that name others, that name others.
const DEPTH_MAX: usize = 16;

impl Terminology {
    /// Whether a code is in a value set; without a system, whether any system of the set has it. Nothing when it cannot
    /// be told.
    pub fn contains(&self, value_set: &str, system: Option<&str>, code: &str) -> Option<bool> {
        self.has(&*self.value_set(value_set)?, system, code)
    }

    /// The same of a value set that is at hand.
    pub fn has(&self, set: &ValueSet, system: Option<&str>, code: &str) -> Option<bool> {
        self.in_set(set, system, code, 0)
    }

    /// Whether a code is one of a system; nothing when it cannot be told.
    pub fn is_code(&self, system: &str, version: &str, code: &str) -> Option<bool> {
        match self.code_system(system, version) {
            Some(known) if known.find(code).is_some() => Some(true),
            Some(known) if known.is_complete() => Some(false),
            _ => grammar::has(system, code),
        }
    }

    fn in_set(&self, set: &ValueSet, system: Option<&str>, code: &str, depth: usize) -> Option<bool> {
        if depth > DEPTH_MAX || set.include.is_empty() {
            return None;
        }
        let included = any(set.include.iter().map(|i| self.in_part(i, system, code, depth)));
        if included == Some(false) {
            return Some(false);
        }
        if !set.with_inactive && self.is_inactive(set, system, code) {
            return Some(false);
        }
        match any(set.exclude.iter().map(|e| self.in_part(e, system, code, depth))) {
            Some(false) => included,
            Some(true) => Some(false),
            None => None,
        }
    }

    /// One `include` or `exclude`: everything that it says must hold.
    pub(super) fn in_part(
        &self,
        part: &Part,
        system: Option<&str>,
        code: &str,
        depth: usize,
    ) -> Option<bool> {
        let mut answer = Some(true);
        if let Some((own, version)) = &part.system {
            if system.is_some_and(|s| s != own) {
                return Some(false);
            }
            answer = self.in_system(part, own, version, code);
        }
        for import in &part.imports {
            let own = self.value_set(import).and_then(|set| self.in_set(&set, system, code, depth + 1));
            answer = both(answer, own);
        }
        answer
    }

    fn in_system(&self, part: &Part, own: &str, version: &str, code: &str) -> Option<bool> {
        let known = self.code_system(own, version);
        if !part.listed.is_empty() {
            let ignores_case = known.is_some_and(|k| k.about.ignores_case);
            return Some(part.find(code, ignores_case).is_some());
        }
        let Some(known) = known else {
            return if part.filters.is_empty() { grammar::has(own, code) } else { None };
        };
        let Some(at) = known.find(code) else {
            return if known.is_complete() {
                Some(false)
            } else {
                grammar::has(own, code).filter(|_| part.filters.is_empty())
            };
        };
        if part.filters.iter().any(|f| f.check(&known).is_err()) {
            return None;
        }
        let holds = part.filters.iter().all(|f| f.holds(&known, at));
        // A hierarchy that is not here may say more than what is.
        if known.is_complete() || part.filters.is_empty() { Some(holds) } else { Some(holds).filter(|h| *h) }
    }

    /// Whether a display is one that a code has, in any language; nothing where the code has none here.
    pub fn is_display(&self, system: &str, version: &str, code: &str, display: &str) -> Option<bool> {
        let known = self.code_system(system, version)?;
        let at = known.find(code)?;
        let wanted = crate::search::fold(display);
        let mut is_any = false;
        let mut fits = |text: &str| {
            is_any |= !text.is_empty();
            !text.is_empty() && crate::search::fold(text) == wanted
        };
        if fits(known.display(at)) || known.designations(at).any(|d| fits(d.value)) {
            return Some(true);
        }
        for more in self.supplements(system) {
            let at = more.find(code);
            if at.is_some_and(|at| fits(more.display(at)) || more.designations(at).any(|d| fits(d.value))) {
                return Some(true);
            }
        }
        is_any.then_some(false)
    }

    /// Of the system that is named, or of those that the set is made of.
    fn is_inactive(&self, set: &ValueSet, system: Option<&str>, code: &str) -> bool {
        let own = set.include.iter().filter_map(|part| part.system.as_ref());
        own.filter(|(url, _)| system.is_none_or(|s| s == url)).any(|(url, version)| {
            let known = self.code_system(url, version);
            known.is_some_and(|k| k.find(code).is_some_and(|at| k.has_flag(at, INACTIVE)))
        })
    }

    /// Whether a code is another, or lies below it; nothing where one is not known.
    pub fn is_a(&self, system: &str, code: &str, above: &str) -> Option<bool> {
        let known = self.code_system(system, "")?;
        Some(known.is_a(known.find(code)?, known.find(above)?))
    }

    /// The codes above a code, or below it, with itself; nothing for a code that is not known.
    pub fn hierarchy(&self, system: &str, code: &str, below: bool) -> Option<Vec<String>> {
        let known: Arc<CodeSystem> = self.code_system(system, "")?;
        let at = known.find(code)?;
        let own = std::iter::once(at);
        Some(if below {
            own.chain(known.descendants(at).iter()).map(|at| known.code(at).to_owned()).collect()
        } else {
            own.chain(known.ancestors(at)).map(|at| known.code(at).to_owned()).collect()
        })
    }
}

fn any(answers: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut found = Some(false);
    for answer in answers {
        match answer {
            Some(true) => return Some(true),
            None => found = None,
            Some(false) => {}
        }
    }
    found
}

fn both(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}
