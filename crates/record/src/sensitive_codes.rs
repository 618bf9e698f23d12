//! Which codes make a resource sensitive: ranges of CIE-10, single codes of LOINC and SNOMED CT (table `sensitive_codes.csv`). Pure.
//!
//! Pregnancy, delivery and the puerperium are not among them: who attends an emergency must know of them. What is there of reproduction
//! is what a person may want nobody else to know: abortion, contraception, infertility.

use crate::class::DataClass;
use badiano_fhir::Value;
use badiano_mexico::naming;
use std::sync::LazyLock;

/// Each way in which a code system is named, and its word in the table.
const SYSTEMS: &[(&str, &str)] = &[
    (naming::CIE10, "icd10"),
    (naming::CIE10_OID, "icd10"),
    ("http://hl7.org/fhir/sid/icd-10-cm", "icd10"),
    ("urn:oid:2.16.840.1.113883.6.90", "icd10"),
    ("http://loinc.org", "loinc"),
    ("urn:oid:2.16.840.1.113883.6.1", "loinc"),
    ("http://snomed.info/sct", "snomed"),
    ("urn:oid:2.16.840.1.113883.6.96", "snomed"),
];

struct Range {
    system: &'static str,
    from: &'static str,
    to: &'static str,
    class: DataClass,
}

static RANGES: LazyLock<Vec<Range>> = LazyLock::new(|| {
    let range = |line: &'static str| {
        let mut cells = line.split(',');
        let mut cell = || cells.next().expect("the table has four columns");
        let (system, from, to) = (cell(), cell(), cell());
        let class = DataClass::from_code(cell()).expect("the table names classes that are");
        Range { system, from, to, class }
    };
    include_str!("sensitive_codes.csv").lines().skip(1).map(range).collect()
});

/// The sensitive classes that the codes anywhere in a resource name, as a mask.
pub fn classes_in(value: &Value) -> u64 {
    match value {
        Value::Array(items) => items.iter().fold(0, |mask, item| mask | classes_in(item)),
        Value::Object(object) => {
            let own = match (value.str_of("system"), value.str_of("code")) {
                ("", _) | (_, "") => 0,
                (system, code) => of_code(system, code),
            };
            object.iter().fold(own, |mask, (_, item)| mask | classes_in(item))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn of_code(system: &str, code: &str) -> u64 {
    let Some((_, word)) = SYSTEMS.iter().find(|(name, _)| *name == system) else { return 0 };
    let plain: String = code.chars().filter(|c| *c != '.').map(|c| c.to_ascii_uppercase()).collect();
    let within = |r: &&Range| match *word {
        "icd10" => r.from <= cut(&plain, r.from) && cut(&plain, r.to) <= r.to,
        _ => code == r.from,
    };
    RANGES.iter().filter(|r| r.system == *word).filter(within).fold(0, |mask, r| mask | r.class.bit())
}

/// A category holds what is below it: `F32.1` is compared with `F99` as `F32`. Letters of codes that are not ASCII match nothing.
fn cut<'a>(code: &'a str, limit: &str) -> &'a str {
    code.get(..limit.len()).unwrap_or(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use badiano_fhir::fhir;

    fn coded(system: &str, code: &str) -> u64 {
        classes_in(
            &fhir!({ "resourceType": "Condition", "code": { "coding": [{ "system": system, "code": code }] } }),
        )
    }

    #[test]
    fn a_code_within_a_range_is_sensitive_with_and_without_its_dot_and_its_neighbours_are_not() {
        for (code, class) in [
            ("B20", DataClass::Hiv.bit()),
            ("B24X", DataClass::Hiv.bit()),
            ("b23.8", DataClass::Hiv.bit()),
            ("F32.1", DataClass::MentalHealth.bit()),
            ("F329", DataClass::MentalHealth.bit()),
            ("O04.9", DataClass::Reproduction.bit()),
            ("O80", 0),
            ("Z61.5", DataClass::Violence.bit()),
            ("Y07.0", DataClass::Violence.bit()),
            ("B19.9", 0),
            ("B25", 0),
            ("Z61.7", 0),
            ("Z61", 0),
            ("Z20.5", 0),
            ("Z38", 0),
            ("Z", 0),
            ("", 0),
            ("Ñ1", 0),
        ] {
            assert_eq!(coded(naming::CIE10, code), class, "{code}");
            assert_eq!(coded(naming::CIE10_OID, code), class, "{code}");
        }
        assert_eq!(coded("http://loinc.org", "20447-9"), DataClass::Hiv.bit());
        assert_eq!(coded("http://loinc.org", "20447-90"), 0);
        assert_eq!(coded("http://snomed.info/sct", "86406008"), DataClass::Hiv.bit());
        assert_eq!(coded("http://somebody.example", "B20"), 0);
    }
}
