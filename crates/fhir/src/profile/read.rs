//! Structure definitions, loaded or compiled in, as rows of rules (FHIR R4, structuredefinition.html).

use super::rule::{Constraint, Row, Rule, RuleBinding, RuleType, Slicing, short, steps};
use crate::fhirpath::Expression;
use crate::json;
use crate::schema::{Element, Strength, Structure};
use crate::value::{Object, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// Of a definition that is compiled in: its snapshot.
pub(super) fn compiled_in(structure: &Structure) -> Vec<Row> {
    structure.elements().iter().map(|e| Row { id: e.id.to_owned(), rule: of_element(e) }).collect()
}

fn of_element(element: &Element) -> Rule {
    let value = |text: &str| json::parse(text.as_bytes()).ok().filter(|_| !text.is_empty());
    let names = |names: &[&str]| names.iter().map(|n| short(n)).collect();
    let slicing = (!element.slicing_rules.is_empty()).then(|| Slicing {
        discriminators: element
            .discriminators
            .iter()
            .filter_map(|d| d.split_once(':'))
            .map(discriminator)
            .collect(),
        rules: element.slicing_rules.into(),
        is_ordered: false,
    });
    Rule {
        min: Some(element.min),
        max: Some(element.max),
        types: element
            .types
            .iter()
            .map(|t| RuleType {
                code: t.code.into(),
                profiles: names(&t.profiles),
                targets: names(&t.targets),
            })
            .collect(),
        fixed: value(element.fixed),
        pattern: value(element.pattern),
        binding: element
            .binding
            .as_ref()
            .map(|b| RuleBinding { strength: b.strength, value_set: b.value_set.into() }),
        constraints: element
            .invariants
            .iter()
            .map(|i| constraint(i.key, i.is_error, i.human, i.expression))
            .collect(),
        length_max: element.max_length,
        slicing,
        must_support: element.must_support,
        ..Rule::default()
    }
}

fn discriminator((kind, path): (&str, &str)) -> (Box<str>, Vec<super::rule::Step>) {
    (kind.into(), steps(path))
}

fn constraint(key: &str, is_error: bool, human: &str, expression: &str) -> Arc<Constraint> {
    let expression = Expression::parse(expression).ok();
    Arc::new(Constraint { key: key.into(), is_error, human: human.into(), expression })
}

/// The rows of `snapshot` or `differential`.
pub(super) fn rows(elements: &[Value]) -> Vec<Row> {
    // Older definitions have no ids: they are told from the paths and the names of slices, in order.
    let mut last_id: HashMap<&str, String> = HashMap::new();
    let mut rows = Vec::with_capacity(elements.len());
    for element in elements {
        let path = element.str_of("path");
        let slice = element.str_of("sliceName");
        let made = match path.rsplit_once('.') {
            Some((owner, name)) => {
                let owner = last_id.get(owner).map_or(owner, String::as_str);
                format!("{owner}.{name}{}{slice}", if slice.is_empty() { "" } else { ":" })
            }
            None => path.to_owned(),
        };
        let said = element.str_of("id");
        let id = if said.contains('.') || !path.contains('.') { said } else { made.as_str() };
        let id = if id.is_empty() { made.as_str() } else { id };
        rows.push(Row { id: id.to_owned(), rule: of_json(element) });
        last_id.insert(path, made);
    }
    rows
}

fn of_json(element: &Value) -> Rule {
    let count = |key: &str| element[key].as_i64().and_then(|n| u32::try_from(n).ok());
    let valued = |prefix: &str| choice(element, prefix).cloned();
    let max = match element.str_of("max") {
        "" => None,
        "*" => Some(None),
        number => number.parse().ok().map(Some),
    };
    let constraints = element["constraint"].items().iter().filter(|c| !c.str_of("expression").is_empty());
    Rule {
        min: count("min"),
        max,
        types: element["type"].items().iter().map(rule_type).collect(),
        fixed: valued("fixed"),
        pattern: valued("pattern"),
        binding: binding(&element["binding"]),
        constraints: constraints
            .map(|c| {
                let is_error = c.str_of("severity") != "warning";
                constraint(c.str_of("key"), is_error, c.str_of("human"), c.str_of("expression"))
            })
            .collect(),
        length_max: count("maxLength"),
        value_min: valued("minValue"),
        value_max: valued("maxValue"),
        slicing: slicing(&element["slicing"]),
        must_support: element["mustSupport"].as_bool() == Some(true),
        ..Rule::default()
    }
}

fn choice<'v>(element: &'v Value, prefix: &str) -> Option<&'v Value> {
    let is_choice =
        |key: &str| key.strip_prefix(prefix).is_some_and(|t| t.starts_with(|c: char| c.is_ascii_uppercase()));
    element.as_object().into_iter().flat_map(Object::iter).find(|(key, _)| is_choice(key)).map(|(_, v)| v)
}

fn rule_type(said: &Value) -> RuleType {
    let names = |key: &str| said[key].items().iter().filter_map(Value::as_str).map(short).collect();
    RuleType { code: said.str_of("code").into(), profiles: names("profile"), targets: names("targetProfile") }
}

fn binding(said: &Value) -> Option<RuleBinding> {
    let strength = match said.str_of("strength") {
        "required" => Strength::Required,
        "extensible" => Strength::Extensible,
        "preferred" => Strength::Preferred,
        "example" => Strength::Example,
        _ => return None,
    };
    let value_set = said.str_of("valueSet");
    let value_set = value_set.split('|').next().unwrap_or(value_set);
    (!value_set.is_empty()).then(|| RuleBinding { strength, value_set: value_set.into() })
}

fn slicing(said: &Value) -> Option<Slicing> {
    said.as_object()?;
    let discriminators = said["discriminator"].items().iter();
    Some(Slicing {
        discriminators: discriminators.map(|d| discriminator((d.str_of("type"), d.str_of("path")))).collect(),
        rules: said.str_of("rules").into(),
        is_ordered: said["ordered"].as_bool() == Some(true),
    })
}
