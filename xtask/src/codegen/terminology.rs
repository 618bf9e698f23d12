//! The value sets, code systems and concept maps that R4 publishes, one a line, with what the operations need (FHIR R4, terminologies.html).

use super::{list, text};
use serde_json::{Map, Value};

/// What is kept of each; the rest is narrative and administration.
const KEPT: [&str; 18] = [
    "resourceType",
    "url",
    "version",
    "name",
    "title",
    "status",
    "language",
    "content",
    "caseSensitive",
    "hierarchyMeaning",
    "supplements",
    "valueSet",
    "compose",
    "property",
    "sourceUri",
    "sourceCanonical",
    "targetCanonical",
    "group",
];
const KINDS: [&str; 3] = ["CodeSystem", "ValueSet", "ConceptMap"];
/// What is kept of each concept; concepts within it follow.
const KEPT_OF_CONCEPT: [&str; 5] = ["code", "display", "definition", "designation", "property"];

/// Lines in the order of the package.
pub fn lines(resources: &[Value]) -> String {
    let mut out = String::new();
    for resource in resources {
        if !KINDS.contains(&text(resource, "resourceType")) {
            continue;
        }
        let mut kept = Map::new();
        for key in KEPT {
            if !resource[key].is_null() {
                kept.insert(key.to_owned(), resource[key].clone());
            }
        }
        if text(resource, "resourceType") == "CodeSystem" {
            kept.insert("concept".to_owned(), concepts(list(resource, "concept")));
        }
        out.push_str(&Value::Object(kept).to_string());
        out.push('\n');
    }
    out
}

fn concepts(all: &[Value]) -> Value {
    let one = |concept: &Value| {
        let mut kept = Map::new();
        for key in KEPT_OF_CONCEPT {
            if !concept[key].is_null() {
                kept.insert(key.to_owned(), concept[key].clone());
            }
        }
        if !list(concept, "concept").is_empty() {
            kept.insert("concept".to_owned(), concepts(list(concept, "concept")));
        }
        Value::Object(kept)
    };
    Value::Array(all.iter().map(one).collect())
}
