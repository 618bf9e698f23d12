//! What `$everything` asks for (FHIR R4, operation-patient-everything.html, operation-encounter-everything.html).

use super::query::{Filter, Modifier, Test};
use super::test_value::value;
use crate::schema::{self, SearchKind};
use badiano_kernel::Fault;

/// The parameters that say when care was given; what has none of them is given whatever dates are asked for.
const CARE_DATES: [&str; 24] = [
    "authored",
    "authored-on",
    "authoredon",
    "collected",
    "created",
    "date",
    "datetime",
    "datewritten",
    "effective",
    "effective-time",
    "entered-date",
    "event-date",
    "identified",
    "occurrence",
    "onset-date",
    "period",
    "received",
    "recorded",
    "recorded-date",
    "sent",
    "start-date",
    "started",
    "whenhandedover",
    "whenprepared",
];

/// The types that may belong to a compartment, its own among them.
pub fn types_in(compartment: &str) -> Vec<&'static str> {
    let Some(definition) = schema::compartment(compartment) else { return Vec::new() };
    let named = |kind: &&'static str| {
        let member = definition.members.iter().find(|(member, _)| member == kind);
        *kind == compartment || member.is_some_and(|(_, codes)| !codes.is_empty())
    };
    schema::resource_types().iter().copied().filter(named).collect()
}

/// The filters of `$everything` about one patient or encounter, with care from `start` to `end` where these are given.
pub fn everything(
    compartment: &str,
    id: &str,
    start: Option<&str>,
    end: Option<&str>,
    zone: &str,
) -> Result<Vec<Filter>, Fault> {
    let mut all = vec![Filter::Compartment { name: compartment.into(), id: id.into() }];
    for (name, prefix, text) in [("start", "ge", start), ("end", "le", end)] {
        let Some(text) = text else { continue };
        let test = value(SearchKind::Date, &format!("{prefix}{text}"), None, zone).map_err(|f| f.at(name))?;
        all.push(Filter::Any(vec![undated(), dated(&test)]));
    }
    Ok(all)
}

fn undated() -> Filter {
    let missing = |code: &&str| Filter::Param {
        param: (*code).into(),
        modifier: Modifier::Missing(true),
        any_of: Vec::new(),
    };
    Filter::All(CARE_DATES.iter().map(missing).collect())
}

fn dated(test: &Test) -> Filter {
    let fits = |code: &&str| Filter::Param {
        param: (*code).into(),
        modifier: Modifier::None,
        any_of: vec![test.clone()],
    };
    Filter::Any(CARE_DATES.iter().map(fits).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir;
    use crate::search::{Others, matches};
    use crate::value::Value;

    fn is_given(resource: &Value, start: Option<&str>, end: Option<&str>) -> bool {
        let filters = everything("Patient", "p", start, end, "UTC").expect("filters");
        let others = Others { resolve: &|_, _| None, of_type: &|_| Vec::new(), terminology: None };
        matches(resource, &filters, "UTC", &others).expect("decided")
    }

    #[test]
    fn care_in_the_time_and_what_has_no_time_are_given_and_others_are_not() {
        let condition = fhir!({
            "resourceType": "Condition", "onsetDateTime": "2019", "recordedDate": "2024-02-01",
            "subject": { "reference": "Patient/p" }
        });
        assert!(is_given(&condition, None, None));
        assert!(is_given(&condition, Some("2024"), None), "recorded then");
        assert!(is_given(&condition, None, Some("2020")), "begun then");
        assert!(!is_given(&condition, Some("2025"), None));
        let patient = fhir!({ "resourceType": "Patient", "id": "p", "birthDate": "1950-01-01" });
        assert!(is_given(&patient, Some("2025"), Some("2026")), "a person has no care date");
        assert!(!is_given(&patient.with("id", "q"), None, None));
        assert!(everything("Patient", "p", Some("soon"), None, "UTC").is_err());
    }

    #[test]
    fn a_compartment_names_its_types_and_its_own() {
        let patient = types_in("Patient");
        assert!(patient.contains(&"Patient") && patient.contains(&"Observation"));
        assert!(!patient.contains(&"Organization"));
        assert!(types_in("Encounter").contains(&"Encounter"));
        assert!(types_in("Nobody").is_empty());
    }
}
