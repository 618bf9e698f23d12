//! Structure definitions (FHIR R4, structuredefinition.html), reduced to what is checked: types, profiles, extensions.

use super::write::Writer;
use super::{list, text, type_name};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const CHOICE: u64 = 1;
const MODIFIER: u64 = 2;
const SUMMARY: u64 = 4;
const XML_ATTRIBUTE: u64 = 8;
const MUST_SUPPORT: u64 = 16;
const ABSTRACT: u64 = 1;

/// Writes the invariants, then base types, profiles and extensions; gives the value sets of required bindings.
pub fn write(
    out: &mut Writer,
    base: &[Value],
    profiles: &[Value],
    extensions: &[Value],
) -> Result<BTreeSet<String>, String> {
    let (constraints, base): (Vec<&Value>, Vec<&Value>) =
        base.iter().partition(|s| text(s, "derivation") == "constraint");
    let mut profiles: Vec<&Value> = profiles.iter().chain(constraints).collect();
    let mut base = base;
    let mut extensions: Vec<&Value> = extensions.iter().collect();
    base.sort_by_key(|s| text(s, "name"));
    profiles.sort_by_key(|s| text(s, "url"));
    extensions.sort_by_key(|s| text(s, "url"));
    let mut maker = Maker { out, invariants: BTreeMap::new(), bound: BTreeSet::new() };
    maker.invariants([&base[..], &profiles, &extensions].concat().as_slice());
    for group in [base, profiles, extensions] {
        maker.out.number(group.len() as u64);
        for structure in group {
            maker.structure(structure)?;
        }
    }
    Ok(maker.bound)
}

struct Maker<'w> {
    out: &'w mut Writer,
    /// The place of each in the written list, by its key and its text (two structures may use one key differently).
    invariants: BTreeMap<(String, String), u64>,
    bound: BTreeSet<String>,
}

fn elements(structure: &Value) -> &[Value] {
    list(&structure["snapshot"], "element")
}

impl Maker<'_> {
    fn invariants(&mut self, structures: &[&Value]) {
        let mut all: BTreeMap<(String, String), &Value> = BTreeMap::new();
        for constraint in structures.iter().flat_map(|s| elements(s)).flat_map(|e| list(e, "constraint")) {
            all.entry(invariant_key(constraint)).or_insert(constraint);
        }
        self.out.number(all.len() as u64);
        for (at, (key, constraint)) in all.into_iter().enumerate() {
            self.out.string(text(constraint, "key"));
            self.out.number(u64::from(text(constraint, "severity") == "error"));
            self.out.string(text(constraint, "expression"));
            self.out.string(text(constraint, "human"));
            self.invariants.insert(key, at as u64);
        }
    }

    fn structure(&mut self, structure: &Value) -> Result<(), String> {
        self.out.string(text(structure, "url"));
        self.out.string(text(structure, "name"));
        self.out.string(text(structure, "type"));
        self.out.number(match text(structure, "kind") {
            "primitive-type" => 0,
            "complex-type" => 1,
            "resource" => 2,
            other => return Err(format!("unknown kind of structure {other}")),
        });
        self.out.number(if structure["abstract"] == true { ABSTRACT } else { 0 });
        self.out.string(type_name_of_base(text(structure, "baseDefinition")));
        let contexts = list(structure, "context");
        self.out.number(contexts.len() as u64);
        for context in contexts {
            self.out.string(text(context, "type"));
            self.out.string(text(context, "expression"));
        }
        let kept: Vec<&Value> =
            elements(structure).iter().filter(|e| !is_primitive_value(structure, e)).collect();
        self.out.number(kept.len() as u64);
        for element in kept {
            self.element(element)?;
        }
        Ok(())
    }

    fn element(&mut self, element: &Value) -> Result<(), String> {
        let path = text(element, "path");
        let id = text(element, "id");
        self.out.string(path);
        self.out.string(if id == path { "" } else { id });
        let xml_attribute = list(element, "representation").iter().any(|r| r == "xmlAttr");
        let flags = [
            (path.ends_with("[x]"), CHOICE),
            (element["isModifier"] == true, MODIFIER),
            (element["isSummary"] == true, SUMMARY),
            (xml_attribute, XML_ATTRIBUTE),
            (element["mustSupport"] == true, MUST_SUPPORT),
        ];
        self.out.number(flags.iter().filter(|(set, _)| *set).map(|(_, bit)| bit).sum());
        self.out.number(element["min"].as_u64().unwrap_or(0));
        self.out.number(max(text(element, "max"))?);
        self.out.number(element["maxLength"].as_u64().unwrap_or(0));
        self.types(element, path);
        self.out.string(text(element, "contentReference").trim_start_matches('#'));
        self.binding(element)?;
        for prefix in ["fixed", "pattern"] {
            let value = element.as_object().into_iter().flatten().find(|(key, _)| key.starts_with(prefix));
            self.out.string(&value.map_or(String::new(), |(_, v)| v.to_string()));
        }
        let constraints = list(element, "constraint");
        self.out.number(constraints.len() as u64);
        for constraint in constraints {
            let at = self.invariants[&invariant_key(constraint)];
            self.out.number(at);
        }
        self.slicing(&element["slicing"]);
        Ok(())
    }

    fn types(&mut self, element: &Value, path: &str) {
        let name = path.rsplit('.').next().unwrap_or(path);
        let types = list(element, "type");
        self.out.number(types.len() as u64);
        for use_of in types {
            let code = type_code(use_of, element);
            let property = match name.strip_suffix("[x]") {
                Some(stem) => format!("{stem}{}{}", code[..1].to_ascii_uppercase(), &code[1..]),
                None => name.to_owned(),
            };
            self.out.string(code);
            self.out.string(&property);
            for key in ["targetProfile", "profile"] {
                let names = list(use_of, key).iter().filter_map(Value::as_str).map(type_name);
                self.out.strings(names.collect::<Vec<_>>().into_iter());
            }
        }
    }

    fn binding(&mut self, element: &Value) -> Result<(), String> {
        let binding = &element["binding"];
        let value_set = text(binding, "valueSet").split('|').next().unwrap_or("");
        let strength = match text(binding, "strength") {
            "" => 0,
            "example" => 1,
            "preferred" => 2,
            "extensible" => 3,
            "required" => 4,
            other => return Err(format!("unknown binding strength {other}")),
        };
        if strength == 4 && !value_set.is_empty() {
            self.bound.insert(value_set.to_owned());
        }
        self.out.number(strength);
        self.out.string(value_set);
        Ok(())
    }

    /// As `type:path` of each discriminator and the rules; nothing where the element is not sliced.
    fn slicing(&mut self, slicing: &Value) {
        let discriminators: Vec<String> = list(slicing, "discriminator")
            .iter()
            .map(|d| format!("{}:{}", text(d, "type"), text(d, "path")))
            .collect();
        self.out.strings(discriminators.iter().map(String::as_str).collect::<Vec<_>>().into_iter());
        self.out.string(text(slicing, "rules"));
    }
}

fn invariant_key(constraint: &Value) -> (String, String) {
    let said =
        [text(constraint, "expression"), text(constraint, "human"), text(constraint, "severity")].join("\n");
    (text(constraint, "key").to_owned(), said)
}

/// The value of a primitive is the JSON value itself, not a child.
fn is_primitive_value(structure: &Value, element: &Value) -> bool {
    text(structure, "kind") == "primitive-type" && text(element, "path").ends_with(".value")
}

/// The FHIR type: the files give ids and urls as FHIRPath's System types, with the FHIR type in an extension.
fn type_code<'v>(use_of: &'v Value, element: &Value) -> &'v str {
    let code = text(use_of, "code");
    if !code.starts_with("http://hl7.org/fhirpath/") {
        return code;
    }
    if text(&element["base"], "path") == "Resource.id" {
        return "id";
    }
    let said =
        list(use_of, "extension").iter().find(|e| text(e, "url").ends_with("structuredefinition-fhir-type"));
    said.map_or("string", |e| e["valueUrl"].as_str().unwrap_or("string"))
}

fn type_name_of_base(canonical: &str) -> &str {
    canonical.strip_prefix("http://hl7.org/fhir/StructureDefinition/").unwrap_or(canonical)
}

/// 0 for `*`, else one more than the number.
pub fn max(text: &str) -> Result<u64, String> {
    if text == "*" {
        return Ok(0);
    }
    text.parse::<u64>().map(|n| n + 1).map_err(|_| format!("cardinality {text} is not a number"))
}
