//! Whether a code is in a value set, told from the definitions that are here (FHIR R4, valueset.html#compose).
//!
//! The answer has three values: yes, no, and "cannot be told" where a code system lives elsewhere (SNOMED CT, LOINC).

use super::Definitions;
use crate::json;
use crate::value::Value;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError};

/// Value sets that name others, that name others.
const DEPTH_MAX: usize = 8;
/// The open form of the packed terminology; the real one is under 3 MB.
const OPEN_BYTES_MAX: usize = 16 << 20;

/// One code system or value set a line: what R4 publishes, reduced; its origin is written beside it.
static PACKED: &[u8] = include_bytes!("../../../../data/fhir-r4/terminology.ndjson.zst");

/// A code system's codes with the code above each, for `is-a`.
#[derive(Debug)]
pub(crate) struct CodeSystem {
    is_complete: bool,
    ignores_case: bool,
    parents: HashMap<Box<str>, Option<Box<str>>>,
}

impl CodeSystem {
    fn read(resource: &Value) -> Self {
        let ignores_case = resource["caseSensitive"].as_bool() == Some(false);
        let mut system = CodeSystem {
            is_complete: resource.str_of("content") == "complete",
            ignores_case,
            parents: HashMap::new(),
        };
        system.concepts(&resource["concept"], None);
        system
    }

    fn concepts(&mut self, concepts: &Value, parent: Option<&str>) {
        for concept in concepts.items() {
            let code = self.folded(concept.str_of("code"));
            self.concepts(&concept["concept"], Some(&code));
            // A hierarchy may be told by properties instead of nesting.
            let property = concept["property"]
                .items()
                .iter()
                .find(|p| p.str_of("code") == "subsumedBy" || p.str_of("code") == "parent");
            let told = property.and_then(|p| p["valueCode"].as_str());
            let parent = parent.or(told).map(Into::into);
            self.parents.insert(code.into(), parent);
        }
    }

    fn folded(&self, code: &str) -> String {
        if self.ignores_case { code.to_lowercase() } else { code.to_owned() }
    }

    /// Nothing where the system is a part only, or is not enumerated.
    pub fn has(&self, code: &str) -> Option<bool> {
        if self.parents.contains_key(&*self.folded(code)) {
            return Some(true);
        }
        (self.is_complete && !self.parents.is_empty()).then_some(false)
    }

    fn is_below(&self, code: &str, ancestor: &str) -> bool {
        let (mut at, ancestor) = (self.folded(code), self.folded(ancestor));
        for _ in 0..64 {
            match self.parents.get(&*at) {
                Some(Some(parent)) if **parent == *ancestor => return true,
                Some(Some(parent)) => at = parent.to_string(),
                _ => return false,
            }
        }
        false
    }
}

/// The published value sets and code systems by url, as lines that are read when they are asked for.
fn published() -> &'static HashMap<(bool, &'static str), &'static str> {
    static PUBLISHED: OnceLock<HashMap<(bool, &'static str), &'static str>> = OnceLock::new();
    PUBLISHED.get_or_init(|| {
        let open = zstd::bulk::decompress(PACKED, OPEN_BYTES_MAX)
            .expect("the compiled-in terminology is whole: a test opens it");
        let open: &'static str = String::from_utf8(open).expect("it is JSON, a test reads it").leak();
        let url = |line: &'static str| line.split("\"url\":\"").nth(1)?.split('"').next();
        let rows = open.lines().filter_map(|line| {
            Some(((line.starts_with("{\"resourceType\":\"CodeSystem\""), url(line)?), line))
        });
        rows.collect()
    })
}

fn read_published(is_system: bool, url: &str) -> Option<Value> {
    json::parse(published().get(&(is_system, url))?.as_bytes()).ok()
}

impl Definitions {
    pub(crate) fn code_system(&self, url: &str) -> Option<Arc<CodeSystem>> {
        let url = url.split('|').next().unwrap_or(url);
        let known = self.hierarchies.read().unwrap_or_else(PoisonError::into_inner).get(url).cloned();
        known.unwrap_or_else(|| {
            let made = match self.code_systems.get(url) {
                Some(loaded) => Some(CodeSystem::read(loaded)),
                None => read_published(true, url).as_ref().map(CodeSystem::read),
            };
            let made = made.map(Arc::new);
            self.hierarchies.write().unwrap_or_else(PoisonError::into_inner).insert(url.into(), made.clone());
            made
        })
    }

    fn value_set(&self, url: &str) -> Option<Arc<Value>> {
        let known = self.opened.read().unwrap_or_else(PoisonError::into_inner).get(url).cloned();
        known.unwrap_or_else(|| {
            let found =
                self.value_sets.get(url).cloned().or_else(|| read_published(false, url)).map(Arc::new);
            self.opened.write().unwrap_or_else(PoisonError::into_inner).insert(url.into(), found.clone());
            found
        })
    }

    /// Whether a code is in a value set; without a system, whether any system of the set has it. Nothing when it cannot
    /// be told.
    pub fn contains(&self, value_set: &str, system: Option<&str>, code: &str) -> Option<bool> {
        self.in_set(value_set, system, code, 0)
    }

    fn in_set(&self, url: &str, system: Option<&str>, code: &str, depth: usize) -> Option<bool> {
        let url = url.split('|').next().unwrap_or(url);
        if depth > DEPTH_MAX {
            return None;
        }
        let set = self.value_set(url)?;
        let compose = &set["compose"];
        if compose["include"].items().is_empty() {
            let listed = set["expansion"]["contains"].items();
            return (!listed.is_empty()).then(|| listed_in(listed, system, code));
        }
        let included = any(compose["include"].items().iter().map(|i| self.in_part(i, system, code, depth)));
        if included == Some(false) {
            return Some(false);
        }
        match any(compose["exclude"].items().iter().map(|e| self.in_part(e, system, code, depth))) {
            Some(false) => included,
            Some(true) => Some(false),
            None => None,
        }
    }

    /// One `include` or `exclude`: everything that it says must hold.
    fn in_part(&self, part: &Value, system: Option<&str>, code: &str, depth: usize) -> Option<bool> {
        let mut answer = Some(true);
        if let Some(own) = part["system"].as_str() {
            if system.is_some_and(|s| s != own.split('|').next().unwrap_or(own)) {
                return Some(false);
            }
            answer = self.in_system(part, own, code);
        }
        for import in part["valueSet"].items().iter().filter_map(Value::as_str) {
            answer = both(answer, self.in_set(import, system, code, depth + 1));
        }
        answer
    }

    fn in_system(&self, part: &Value, own: &str, code: &str) -> Option<bool> {
        let listed = part["concept"].items();
        let known = self.code_system(own);
        if !listed.is_empty() {
            let ignores_case = known.is_some_and(|k| k.ignores_case);
            let same = |c: &Value| {
                c.str_of("code") == code || ignores_case && c.str_of("code").eq_ignore_ascii_case(code)
            };
            return Some(listed.iter().any(same));
        }
        let filters = part["filter"].items();
        let Some(known) = known else {
            return if filters.is_empty() { outside(own, code) } else { None };
        };
        if filters.is_empty() {
            return known.has(code).or_else(|| outside(own, code));
        }
        let mut answer = known.has(code);
        for filter in filters {
            let value = filter.str_of("value");
            let holds = match (filter.str_of("property"), filter.str_of("op")) {
                (_, "is-a") => Some(known.folded(code) == known.folded(value) || known.is_below(code, value)),
                (_, "descendent-of") => Some(known.is_below(code, value)),
                (_, "is-not-a") => {
                    Some(known.folded(code) != known.folded(value) && !known.is_below(code, value))
                }
                _ => None,
            };
            // A hierarchy that is not here may say more than what is.
            answer = both(answer, if known.is_complete { holds } else { holds.filter(|h| *h) });
        }
        answer
    }
}

/// Systems that are a grammar and not a list: units, languages, media types. Nothing for others.
fn outside(system: &str, code: &str) -> Option<bool> {
    match system {
        "http://unitsofmeasure.org" => Some(crate::fhirpath::quantity::is_ucum(code)),
        "urn:iso:std:iso:4217" => Some(code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase())),
        "urn:ietf:bcp:13" => Some(code.contains('/')),
        "urn:ietf:bcp:47" => {
            let mut parts = code.split('-');
            let first = parts
                .next()
                .is_some_and(|p| (2..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphabetic()));
            Some(
                first
                    && parts
                        .all(|p| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric())),
            )
        }
        _ => None,
    }
}

fn listed_in(contains: &[Value], system: Option<&str>, code: &str) -> bool {
    contains.iter().any(|c| {
        c.str_of("code") == code && system.is_none_or(|s| c.str_of("system") == s)
            || listed_in(c["contains"].items(), system, code)
    })
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
