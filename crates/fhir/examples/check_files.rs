//! Validates JSON files given as arguments and takes each through XML and back; a Bundle's entries one by one (validation.html).
//! With `--profiles` first, also against the base profiles and extensions that they claim.

use badiano_fhir::{Value, json, validate, xml};
use std::collections::BTreeMap;

fn main() -> Result<(), String> {
    let (mut resources, mut invalid, mut changed) = (0, 0, 0);
    let mut kinds: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let definitions = validate::Definitions::new();
    let mut files: Vec<String> = std::env::args().skip(1).collect();
    let with_profiles = files.first().is_some_and(|f| f == "--profiles");
    files.drain(..usize::from(with_profiles));
    for file in files {
        let text = std::fs::read(&file).map_err(|e| format!("{file}: {e}"))?;
        let value = json::parse(&text).map_err(|e| format!("{file}: {e}"))?;
        let entries: Vec<&Value> = match value.resource_type() {
            "Bundle" => value["entry"].items().iter().map(|e| &e["resource"]).collect(),
            _ => vec![&value],
        };
        for resource in entries {
            resources += 1;
            let issues = match with_profiles {
                true => validate::validate_with(resource, &definitions, &[]),
                false => validate::validate(resource),
            };
            let errors: Vec<_> = issues.into_iter().filter(validate::Issue::is_error).collect();
            invalid += usize::from(!errors.is_empty());
            for issue in errors {
                let place =
                    issue.expression.split(|c: char| c == '[' || c.is_ascii_digit()).collect::<String>();
                let kind = kinds.entry(format!("{} {}", issue.text_en, place)).or_default();
                *kind = (kind.0 + 1, format!("{file} {}", issue.expression));
            }
            let back = xml::to_string(resource).map_err(|e| e.to_string());
            let back = back.and_then(|x| xml::parse(x.as_bytes()).map_err(|e| e.to_string()));
            match back {
                Ok(back) if sorted(&back) == sorted(resource) => {}
                Ok(_) => changed += 1,
                Err(why) => {
                    changed += 1;
                    kinds.entry(format!("XML: {why}")).or_default().0 += 1;
                }
            }
        }
    }
    for (what, (count, last)) in &kinds {
        println!("{count:6}  {what}  (last: {last})");
    }
    println!("{resources} resources, {invalid} with errors, {changed} changed by XML");
    Ok(())
}

/// The same with properties in one order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut fields: Vec<(&str, &Value)> = object.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            let mut out = badiano_fhir::value::Object::new();
            for (key, value) in fields {
                out.push(key, sorted(value));
            }
            Value::Object(out)
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
