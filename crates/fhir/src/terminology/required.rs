//! Membership in the value sets of required bindings (FHIR R4, terminologies.html#required), as far as they can be spelled out.

use crate::schema;

/// A value set with its codes.
#[derive(Debug)]
pub struct RequiredSet {
    /// Without version.
    pub url: &'static str,
    /// Otherwise its codes live in a system outside the standard (UCUM, BCP 13, ISO 4217, LOINC) and `systems` is empty.
    pub is_enumerated: bool,
    /// Systems with (code, display), both sorted.
    pub systems: Vec<(&'static str, Vec<(&'static str, &'static str)>)>,
}

impl RequiredSet {
    /// For elements of type `code`, which have no system.
    pub fn has_code(&self, code: &str) -> bool {
        self.systems.iter().any(|(_, codes)| find(codes, code).is_some())
    }
    pub fn has(&self, system: &str, code: &str) -> bool {
        self.display(system, code).is_some()
    }
    /// The display (it may be empty), or nothing for a code outside the set.
    pub fn display(&self, system: &str, code: &str) -> Option<&'static str> {
        let (_, codes) = self.systems.iter().find(|(s, _)| *s == system)?;
        find(codes, code)
    }
}

fn find(codes: &[(&'static str, &'static str)], code: &str) -> Option<&'static str> {
    codes.binary_search_by(|(c, _)| (*c).cmp(code)).ok().map(|at| codes[at].1)
}

/// A value set that some required binding names, with or without a version in the url.
pub fn required_set(url: &str) -> Option<&'static RequiredSet> {
    let url = url.split('|').next().unwrap_or(url);
    let all = schema::value_sets();
    all.binary_search_by(|v| v.url.cmp(url)).ok().map(|at| &all[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_a_required_binding_are_known_with_their_display() {
        let gender = required_set("http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1").expect("bound");
        assert!(gender.has_code("female") && !gender.has_code("femenino"));
        assert_eq!(gender.display("http://hl7.org/fhir/administrative-gender", "male"), Some("Male"));
        assert!(!gender.has("http://example.org", "male"), "another system");
    }

    #[test]
    fn only_sets_of_outside_systems_are_not_spelled_out() {
        let open: Vec<&str> =
            schema::value_sets().iter().filter(|v| !v.is_enumerated).map(|v| v.url).collect();
        let expected = [
            "http://hl7.org/fhir/ValueSet/currencies",
            "http://hl7.org/fhir/ValueSet/mimetypes",
            "http://hl7.org/fhir/ValueSet/timezones",
            "http://hl7.org/fhir/ValueSet/ucum-units",
            "http://loinc.org/vs/LL379-9",
        ];
        assert_eq!(open, expected);
    }
}
