//! The value sets and code systems that R4 publishes, one a line, with what membership needs (FHIR R4, terminologies.html).

use super::{list, text};
use serde_json::{Map, Value};

/// What is kept of each; the rest is for people.
const KEPT: [&str; 7] = ["resourceType", "url", "version", "content", "caseSensitive", "valueSet", "compose"];

/// Lines in the order of the package.
pub fn lines(resources: &[Value]) -> String {
    let mut out = String::new();
    for resource in resources {
        let is_system = text(resource, "resourceType") == "CodeSystem";
        if !is_system && text(resource, "resourceType") != "ValueSet" {
            continue;
        }
        let mut kept = Map::new();
        for key in KEPT {
            if !resource[key].is_null() {
                kept.insert(key.to_owned(), resource[key].clone());
            }
        }
        if is_system {
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
        for key in ["code", "display"] {
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
