//! Puts the structure definitions back to R4 (4.0.1): the packer of the files added fields of its own and of R5.
//!
//! The same package carries HL7's data elements (one definition for each element), which it left alone. They decide:
//! what they do not know goes, what they know otherwise is taken from them, and what is missing is put in its place.

use super::{list, text};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

const FHIR_VERSION: &str = "4.0.1";
/// Longer ids are not possible (type `id`), so elements with longer paths have no data element.
const ID_MAX: usize = 64;

/// Data elements by path; a path may have several (one for each specialization of Quantity).
type Known<'v> = HashMap<&'v str, Vec<&'v Value>>;

pub fn restore(structures: Vec<Value>, data_elements: &[Value]) -> Result<Vec<Value>, String> {
    let mut known: Known = HashMap::new();
    let mut order: HashMap<&str, Vec<&str>> = HashMap::new();
    for element in data_elements.iter().flat_map(|d| list(&d["snapshot"], "element")) {
        let path = text(element, "path");
        let owner = path.split('.').next().unwrap_or(path);
        order.entry(owner).or_default().push(path);
        known.entry(path).or_default().push(element);
    }
    let mut restored = Vec::new();
    for mut structure in structures {
        if text(&structure, "fhirVersion") != FHIR_VERSION || text(&structure, "kind") == "logical" {
            continue;
        }
        if text(&structure, "kind") == "resource" {
            let order = order.get(text(&structure, "type")).map_or(&[][..], Vec::as_slice);
            restore_one(&mut structure, &known, order);
        } else if text(&structure, "name") == "Meta" {
            let elements = std::mem::take(&mut structure["snapshot"]["element"]);
            let keep = |e: &Value| is_inherited(text(e, "path")) || known.contains_key(text(e, "path"));
            let elements = elements.as_array().into_iter().flatten().filter(|e| keep(e)).cloned().collect();
            structure["snapshot"]["element"] = Value::Array(elements);
        }
        restored.push(structure);
    }
    if restored.is_empty() { Err("no structure definitions".to_owned()) } else { Ok(restored) }
}

/// The root, and what every element or type has.
fn is_inherited(path: &str) -> bool {
    !path.contains('.') || path.ends_with(".id") || path.ends_with(".extension")
}

fn restore_one(structure: &mut Value, known: &Known, order: &[&str]) {
    let Value::Array(elements) = structure["snapshot"]["element"].take() else { return };
    // A backbone element has no data element of its own; it stays when something known stands in it.
    let with_children: HashSet<&str> =
        known.keys().flat_map(|path| path.match_indices('.').map(|(at, _)| &path[..at])).collect();
    let mut kept: Vec<Value> = Vec::with_capacity(elements.len());
    let mut paths: HashSet<String> = HashSet::new();
    for element in elements {
        let path = text(&element, "path").to_owned();
        let orphan = path.rsplit_once('.').is_some_and(|(owner, _)| !paths.contains(owner));
        let undecided = "de-".len() + path.len() > ID_MAX || !element["contentReference"].is_null();
        let element = match known.get(path.as_str()) {
            _ if orphan => continue,
            Some(versions) if versions.iter().any(|v| same(v, &element)) => element,
            Some(versions) => versions[0].clone(),
            None if !path.contains('.') || with_children.contains(path.as_str()) || undecided => element,
            None => continue,
        };
        paths.insert(path);
        kept.push(element);
    }
    put_missing(&mut kept, known, order);
    structure["snapshot"]["element"] = Value::Array(kept);
}

/// Inserts each known element that is absent after the known one before it.
fn put_missing(kept: &mut Vec<Value>, known: &Known, order: &[&str]) {
    let mut before: Option<&str> = None;
    for path in order {
        if !kept.iter().any(|e| text(e, "path") == *path) {
            let at = before.and_then(|b| kept.iter().rposition(|e| text(e, "path").starts_with(b)));
            kept.insert(at.map_or(kept.len(), |at| at + 1), known[path][0].clone());
        }
        before = Some(path);
    }
}

/// Equal in all that a reader of data is told.
fn same(a: &Value, b: &Value) -> bool {
    ["min", "max", "type", "binding", "isModifier", "isSummary", "contentReference", "constraint"]
        .iter()
        .all(|key| sorted(&a[*key]) == sorted(&b[*key]))
}

/// Lists in one order, without extensions: the packer reordered targets.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(sorted).collect();
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(object) => {
            let mut keys: Vec<&String> = object.keys().filter(|k| *k != "extension").collect();
            keys.sort();
            Value::Object(keys.into_iter().map(|k| (k.clone(), sorted(&object[k]))).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_the_packer_added_goes_and_what_it_took_comes_back() {
        let element = |path: &str, max: &str| json!({ "path": path, "min": 0, "max": max });
        let structure = json!({ "kind": "resource", "type": "Thing", "fhirVersion": "4.0.1", "snapshot": { "element": [
            element("Thing", "*"), element("Thing.id", "1"), element("Thing.code", "*"), element("Thing.added", "1"),
            element("Thing.part", "*"), element("Thing.part.name", "1"),
            element("Thing.extra", "*"), element("Thing.extra.name", "1"),
        ] } });
        let later = json!({ "kind": "resource", "type": "Later", "fhirVersion": "4.3.0" });
        let known: Vec<Value> =
            [("Thing.id", "1"), ("Thing.code", "1"), ("Thing.taken", "1"), ("Thing.part.name", "1")]
                .iter()
                .map(|(path, max)| json!({ "snapshot": { "element": [element(path, max)] } }))
                .collect();
        let restored = restore(vec![structure, later], &known).expect("restored");
        assert_eq!(restored.len(), 1, "a structure of another version goes");
        let elements = list(&restored[0]["snapshot"], "element");
        let paths: Vec<&str> = elements.iter().map(|e| text(e, "path")).collect();
        assert_eq!(
            paths,
            ["Thing", "Thing.id", "Thing.code", "Thing.taken", "Thing.part", "Thing.part.name"]
        );
        assert_eq!(text(&elements[2], "max"), "1", "a changed cardinality comes from the data element");
    }
}
