//! Part of a resource: `_summary` and `_elements` (FHIR R4, search.html#summary, search.html#elements).

use crate::fhir;
use crate::schema::{Element, TypeRef};
use crate::value::{Object, Value};
use badiano_kernel::Fault;
use std::borrow::Cow;

/// Elements that one request may name.
const ELEMENTS_MAX: usize = 200;
/// Always there: they say what the rest is.
const NAMING: [&str; 3] = ["resourceType", "id", "meta"];

/// What is to be seen of each resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Subset {
    #[default]
    Whole,
    /// The elements that the standard marks as summary.
    Summary,
    /// The narrative, and what a resource must have.
    Text,
    /// All but the narrative.
    Data,
    /// These elements of the root, and what a resource must have.
    Elements(Vec<Box<str>>),
}

impl Subset {
    /// From `_summary` (without `count`, which concerns searches) and `_elements`; elements outrank a summary.
    pub fn parse(summary: Option<&str>, elements: Option<&str>) -> Result<Self, Fault> {
        let names: Vec<Box<str>> = elements
            .unwrap_or("")
            .split(',')
            .map(str::trim)
            .filter(|n| !n.is_empty())
            // `Patient.name` names an element of one type, for answers that hold several.
            .map(Into::into)
            .collect();
        if names.len() > ELEMENTS_MAX {
            return Err(Fault::too_costly(format!("more than {ELEMENTS_MAX} elements")).at("_elements"));
        }
        match summary {
            _ if !names.is_empty() => Ok(Subset::Elements(names)),
            None | Some("false") => Ok(Subset::Whole),
            Some("true") => Ok(Subset::Summary),
            Some("text") => Ok(Subset::Text),
            Some("data") => Ok(Subset::Data),
            Some(_) => Err(Fault::invalid("must be true, text, data, count or false").at("_summary")),
        }
    }

    /// The part of a resource; a part is tagged as `SUBSETTED`.
    pub fn of<'r>(&self, resource: &'r Value) -> Cow<'r, Value> {
        let (Some(content), Value::Object(object)) = (TypeRef::of(resource.resource_type()), resource) else {
            return Cow::Borrowed(resource);
        };
        let kind = resource.resource_type();
        let part = match self {
            Subset::Whole => return Cow::Borrowed(resource),
            Subset::Summary => summary(content, object),
            Subset::Text => kept(content, object, |name, element| name == "text" || element.min > 0),
            Subset::Data => kept(content, object, |name, _| name != "text"),
            Subset::Elements(names) => kept(content, object, |name, element| {
                element.min > 0
                    || element.is_modifier
                    || names.iter().any(|n| names_it(n, kind, name, element))
            }),
        };
        Cow::Owned(tagged(part))
    }
}

/// `name`, `Patient.name`, and `value` for `valueQuantity`.
fn names_it(wanted: &str, kind: &str, property: &str, element: &Element) -> bool {
    let bare = match wanted.split_once('.') {
        Some((of, rest)) if of == kind => rest,
        Some((of, _)) if TypeRef::of(of).is_some() => return false,
        _ => wanted,
    };
    let root = bare.split('.').next().unwrap_or(bare);
    root == property || root == element.name
}

/// A resource with those properties of its root that are asked for.
fn kept(content: TypeRef, object: &Object, wanted: impl Fn(&str, &Element) -> bool) -> Object {
    let mut out = Object::new();
    for (name, value) in object.iter() {
        // `_birthDate` goes with `birthDate`.
        let property = name.strip_prefix('_').unwrap_or(name);
        let keep =
            NAMING.contains(&name) || content.property(property).is_some_and(|c| wanted(property, c.element));
        if keep {
            out.push(name, value.clone());
        }
    }
    out
}

fn summary(content: TypeRef, object: &Object) -> Object {
    let mut out = Object::new();
    for (name, value) in object.iter() {
        if name == "resourceType" {
            out.push(name, value.clone());
            continue;
        }
        let property = name.strip_prefix('_').unwrap_or(name);
        let Some(child) = content.property(property) else { continue };
        if !child.element.is_summary && child.element.min == 0 {
            continue;
        }
        let value = if child.is_primitive() || property != name {
            value.clone()
        } else {
            summary_of(child.type_ref(), value)
        };
        out.push(name, value);
    }
    out
}

fn summary_of(content: TypeRef, value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(|v| summary_of(content, v)).collect()),
        Value::Object(object) => {
            let content = TypeRef::of(value.resource_type()).unwrap_or(content);
            Value::Object(summary(content, object))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn tagged(part: Object) -> Value {
    let mut part = Value::Object(part);
    let mut meta = part["meta"].clone();
    meta.push(
        "tag",
        fhir!({ "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED" }),
    );
    let at = part
        .as_object()
        .map_or(0, |o| o.iter().take_while(|(k, _)| matches!(*k, "resourceType" | "id")).count());
    if let Some(object) = part.as_object_mut() {
        object.insert(at, "meta", meta);
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patient() -> Value {
        fhir!({
            "resourceType": "Patient",
            "id": "p",
            "text": { "status": "generated", "div": "<div/>" },
            "active": true,
            "_birthDate": { "extension": [{ "url": "urn:x", "valueBoolean": true }] },
            "birthDate": "1980",
            "name": [{ "family": "Ruiz", "extension": [{ "url": "urn:x", "valueBoolean": true }] }],
            "contact": [{ "gender": "male" }],
            "deceasedBoolean": false,
            "link": [{ "other": { "reference": "Patient/q" }, "type": "seealso" }]
        })
    }

    fn names(of: &Value) -> Vec<String> {
        of.as_object().expect("a resource").iter().map(|(k, _)| k.to_owned()).collect()
    }

    fn part(summary: Option<&str>, elements: Option<&str>) -> Value {
        Subset::parse(summary, elements).expect("a subset").of(&patient()).into_owned()
    }

    #[test]
    fn a_summary_holds_what_the_standard_marks_and_says_that_it_is_a_part() {
        let seen = part(Some("true"), None);
        assert_eq!(
            names(&seen),
            [
                "resourceType",
                "id",
                "meta",
                "active",
                "_birthDate",
                "birthDate",
                "name",
                "deceasedBoolean",
                "link"
            ]
        );
        assert_eq!(names(&seen["name"][0]), ["family"], "extensions are no summary");
        assert_eq!(seen["link"][0]["other"].str_of("reference"), "Patient/q");
        assert_eq!(seen["meta"]["tag"][0].str_of("code"), "SUBSETTED");
    }

    #[test]
    fn text_and_data_are_the_two_halves_and_false_is_the_whole() {
        assert_eq!(names(&part(Some("text"), None)), ["resourceType", "id", "meta", "text"]);
        assert!(!names(&part(Some("data"), None)).contains(&"text".to_owned()));
        assert_eq!(part(Some("false"), None), patient());
    }

    #[test]
    fn elements_bring_what_is_named_and_what_changes_its_meaning() {
        let seen = part(None, Some("birthDate, Patient.name,Observation.contact,deceased"));
        assert_eq!(
            names(&seen),
            [
                "resourceType",
                "id",
                "meta",
                "active",
                "_birthDate",
                "birthDate",
                "name",
                "deceasedBoolean",
                "link"
            ],
            "active, deceased and link are modifiers"
        );
        let observation = fhir!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" }, "valueString": "y", "note": [{ "text": "z" }] });
        let seen = Subset::parse(None, Some("value")).expect("a subset").of(&observation).into_owned();
        assert_eq!(names(&seen), ["resourceType", "meta", "status", "code", "valueString"]);
    }
}
