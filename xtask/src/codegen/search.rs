//! Search parameters and compartments (FHIR R4, searchparameter.html, compartmentdefinition.html), reduced.

use super::write::Writer;
use super::{list, text, type_name};
use serde_json::Value;

const VERSION: &str = "4.0.1";

pub fn write_parameters(out: &mut Writer, parameters: &[Value]) -> Result<(), String> {
    let mut parameters: Vec<&Value> = parameters.iter().filter(|p| text(p, "version") == VERSION).collect();
    parameters.sort_by_key(|p| (text(p, "code"), text(p, "url")));
    out.number(parameters.len() as u64);
    for parameter in parameters {
        out.string(text(parameter, "url"));
        out.string(text(parameter, "code"));
        out.number(kind(text(parameter, "type"))?);
        out.string(text(parameter, "expression"));
        out.strings(list(parameter, "base").iter().filter_map(Value::as_str).collect::<Vec<_>>().into_iter());
        out.strings(
            list(parameter, "target").iter().filter_map(Value::as_str).collect::<Vec<_>>().into_iter(),
        );
        let components = list(parameter, "component");
        out.number(components.len() as u64);
        for component in components {
            out.string(text(component, "definition"));
            out.string(text(component, "expression"));
        }
    }
    Ok(())
}

/// The place of a type in the reader's list.
fn kind(name: &str) -> Result<u64, String> {
    const KINDS: [&str; 9] =
        ["number", "date", "string", "token", "reference", "composite", "quantity", "uri", "special"];
    let at = KINDS.iter().position(|k| *k == name);
    at.map(|at| at as u64).ok_or_else(|| format!("unknown search parameter type {name}"))
}

/// Only what a compartment holds: a resource type without parameters is not in it.
pub fn write_compartments(out: &mut Writer, compartments: &[Value]) -> Result<(), String> {
    let mut compartments: Vec<&Value> = compartments.iter().collect();
    compartments.sort_by_key(|c| text(c, "code"));
    out.number(compartments.len() as u64);
    for compartment in compartments {
        out.string(type_name(text(compartment, "code")));
        let members: Vec<&Value> =
            list(compartment, "resource").iter().filter(|r| !list(r, "param").is_empty()).collect();
        if members.is_empty() {
            return Err(format!("compartment {} is empty", text(compartment, "code")));
        }
        out.number(members.len() as u64);
        for member in members {
            out.string(text(member, "code"));
            out.strings(
                list(member, "param").iter().filter_map(Value::as_str).collect::<Vec<_>>().into_iter(),
            );
        }
    }
    Ok(())
}
