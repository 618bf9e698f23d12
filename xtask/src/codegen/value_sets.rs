//! Value sets of required bindings, spelled out as far as the package's own code systems reach (valueset.html#compose).

use super::write::Writer;
use super::{list, text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Value sets that name others, that name others: no official one is deeper than three.
const DEPTH_MAX: usize = 8;

/// Codes with their displays, by system.
type Codes = BTreeMap<String, BTreeMap<String, String>>;

struct Terminology<'v> {
    value_sets: HashMap<&'v str, &'v Value>,
    systems: HashMap<&'v str, &'v Value>,
}

/// `bound`: the canonicals of the value sets that are needed, without versions.
pub fn write(out: &mut Writer, resources: &[Value], bound: &BTreeSet<String>) -> Result<(), String> {
    let mut terminology = Terminology { value_sets: HashMap::new(), systems: HashMap::new() };
    for resource in resources {
        match text(resource, "resourceType") {
            "ValueSet" => terminology.value_sets.insert(text(resource, "url"), resource),
            "CodeSystem" => terminology.systems.insert(text(resource, "url"), resource),
            _ => None,
        };
    }
    out.number(bound.len() as u64);
    for url in bound {
        out.string(url);
        let codes = terminology.expand(url, 0);
        out.number(u64::from(codes.is_some()));
        let codes = codes.unwrap_or_default();
        out.number(codes.len() as u64);
        for (system, concepts) in &codes {
            out.string(system);
            out.number(concepts.len() as u64);
            for (code, display) in concepts {
                out.string(code);
                out.string(display);
            }
        }
    }
    Ok(())
}

impl Terminology<'_> {
    /// Nothing where the set cannot be spelled out from what the package holds.
    fn expand(&self, url: &str, depth: usize) -> Option<Codes> {
        let url = url.split('|').next().unwrap_or(url);
        let value_set = self.value_sets.get(url).filter(|_| depth < DEPTH_MAX)?;
        let compose = &value_set["compose"];
        let mut codes = Codes::new();
        for include in list(compose, "include") {
            for (system, concepts) in self.include(include, depth)? {
                codes.entry(system).or_default().extend(concepts);
            }
        }
        for exclude in list(compose, "exclude") {
            for (system, concepts) in self.include(exclude, depth)? {
                if let Some(kept) = codes.get_mut(&system) {
                    kept.retain(|code, _| !concepts.contains_key(code));
                }
            }
        }
        if codes.values().all(BTreeMap::is_empty) { None } else { Some(codes) }
    }

    fn include(&self, include: &Value, depth: usize) -> Option<Codes> {
        let imported = list(include, "valueSet");
        let system = text(include, "system");
        if !imported.is_empty() {
            // A system beside imported sets asks for what both hold; no bound set of R4 does so.
            if !system.is_empty() || imported.len() > 1 {
                return None;
            }
            return self.expand(imported[0].as_str()?, depth + 1);
        }
        let filters = list(include, "filter");
        let listed = list(include, "concept");
        let known = self.systems.get(system).filter(|s| text(s, "content") == "complete");
        let mut concepts = BTreeMap::new();
        if listed.is_empty() {
            let known = known?;
            match filters {
                [] => collect(list(known, "concept"), &mut concepts),
                [filter] => filtered(list(known, "concept"), filter, &mut concepts)?,
                _ => return None,
            }
        } else {
            let mut all = BTreeMap::new();
            if let Some(known) = known {
                collect(list(known, "concept"), &mut all);
            }
            for concept in listed {
                let code = text(concept, "code");
                let display = concept["display"].as_str().map(str::to_owned);
                let display = display.or_else(|| all.get(code).cloned()).unwrap_or_default();
                concepts.insert(code.to_owned(), display);
            }
        }
        Some(Codes::from([(system.to_owned(), concepts)]))
    }
}

fn collect(concepts: &[Value], into: &mut BTreeMap<String, String>) {
    for concept in concepts {
        into.insert(text(concept, "code").to_owned(), text(concept, "display").to_owned());
        collect(list(concept, "concept"), into);
    }
}

/// `is-a` and `descendent-of` by nesting; anything else is not decided here.
fn filtered(concepts: &[Value], filter: &Value, into: &mut BTreeMap<String, String>) -> Option<()> {
    let with_itself = match text(filter, "op") {
        "is-a" => true,
        "descendent-of" => false,
        _ => return None,
    };
    let root = find(concepts, text(filter, "value"))?;
    collect(list(root, "concept"), into);
    if with_itself {
        into.insert(text(root, "code").to_owned(), text(root, "display").to_owned());
    }
    // A hierarchy that is told by properties instead of nesting is not read: an `is-a` without children is doubtful.
    (!list(root, "concept").is_empty()).then_some(())
}

fn find<'v>(concepts: &'v [Value], code: &str) -> Option<&'v Value> {
    concepts
        .iter()
        .find_map(|c| if text(c, "code") == code { Some(c) } else { find(list(c, "concept"), code) })
}
