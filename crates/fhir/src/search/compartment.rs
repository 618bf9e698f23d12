//! Searches in a compartment (FHIR R4, compartmentdefinition.html): what belongs to one patient, encounter, practitioner or device.

use super::query::{Filter, Modifier, Test};
use crate::schema;
use badiano_kernel::Fault;

/// The filter for the resources of a type that are in a compartment.
pub fn in_compartment(compartment: &str, id: &str, kind: &str) -> Result<Filter, Fault> {
    let definition = schema::compartment(compartment)
        .ok_or_else(|| Fault::not_found("FHIR R4 has no compartment of this name"))?;
    let member = definition.members.iter().find(|(member, _)| *member == kind);
    let codes = member.map(|(_, codes)| &codes[..]).unwrap_or_default();
    let test = |kind: &str| Test::Reference { kind: Some(kind.into()), id: id.into(), url: "".into() };
    let mut any: Vec<Filter> = Vec::new();
    if kind == compartment {
        let own = Test::Token { system: None, code: Some(id.into()) };
        any.push(Filter::Param { param: "_id".into(), modifier: Modifier::None, any_of: vec![own] });
    }
    for code in codes {
        // `{def}`: the resource itself, which `_id` finds.
        if super::parameter(kind, code).is_some() {
            let any_of = vec![test(compartment)];
            any.push(Filter::Param { param: (*code).into(), modifier: Modifier::None, any_of });
        }
    }
    match any.len() {
        0 => Err(Fault::not_found("no resource of this type is in this compartment")),
        1 => Ok(any.remove(0)),
        _ => Ok(Filter::Any(any)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compartment_asks_each_of_its_parameters() {
        let Ok(Filter::Any(any)) = in_compartment("Patient", "p", "Observation") else {
            panic!("subject or performer")
        };
        assert_eq!(any.len(), 2);
        assert!(in_compartment("Patient", "p", "Organization").is_err(), "nobody's");
        assert!(in_compartment("Nobody", "p", "Observation").is_err());
    }
}
