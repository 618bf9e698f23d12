//! What of clinical content is sensitive by its codes: ICD-10 (CIE-10 in Mexico), LOINC and SNOMED CT. A table of our own; a label
//! (`meta.security`) says it too, whatever the code.
//!
//! Pregnancy, delivery and the puerperium are not among them: who attends an emergency must know of them. What is there is what a
//! person may want nobody else to know: abortion, contraception, infertility, sexual violence.

use crate::class::DataClass;
use badiano_fhir::Value;

/// Ranges of ICD-10 categories, both ends included, compared by as many signs as they have.
const ICD_10: &[(&str, &str, DataClass)] = &[
    ("B20", "B24", DataClass::Hiv),
    ("F00", "F99", DataClass::MentalHealth),
    ("N46", "N46", DataClass::Reproduction),
    ("N97", "N97", DataClass::Reproduction),
    ("O00", "O08", DataClass::Reproduction),
    ("O98.7", "O98.7", DataClass::Hiv),
    ("R75", "R75", DataClass::Hiv),
    ("T74.2", "T74.2", DataClass::Reproduction),
    ("X60", "X84", DataClass::MentalHealth),
    ("Y05", "Y05", DataClass::Reproduction),
    ("Z11.4", "Z11.4", DataClass::Hiv),
    ("Z20.6", "Z20.6", DataClass::Hiv),
    ("Z21", "Z21", DataClass::Hiv),
    ("Z30", "Z31", DataClass::Reproduction),
    ("Z64.0", "Z64.0", DataClass::Reproduction),
    ("Z71.7", "Z71.7", DataClass::Hiv),
];

/// Tests of HIV (antibody, antigen, nucleic acid, CD4 count) and scales of mental health.
const LOINC: &[(&str, DataClass)] = &[
    ("10351-5", DataClass::Hiv),
    ("14092-1", DataClass::Hiv),
    ("20447-9", DataClass::Hiv),
    ("21008-8", DataClass::Hiv),
    ("24467-3", DataClass::Hiv),
    ("24012-7", DataClass::Hiv),
    ("25835-0", DataClass::Hiv),
    ("29893-5", DataClass::Hiv),
    ("30361-0", DataClass::Hiv),
    ("31201-7", DataClass::Hiv),
    ("33866-5", DataClass::Hiv),
    ("34591-8", DataClass::Hiv),
    ("40732-0", DataClass::Hiv),
    ("42600-7", DataClass::Hiv),
    ("42768-2", DataClass::Hiv),
    ("43009-0", DataClass::Hiv),
    ("48345-3", DataClass::Hiv),
    ("49580-4", DataClass::Hiv),
    ("5220-9", DataClass::Hiv),
    ("53379-4", DataClass::Hiv),
    ("56888-1", DataClass::Hiv),
    ("62469-2", DataClass::Hiv),
    ("68961-2", DataClass::Hiv),
    ("69668-2", DataClass::Hiv),
    ("75622-1", DataClass::Hiv),
    ("7917-8", DataClass::Hiv),
    ("7918-6", DataClass::Hiv),
    ("80387-4", DataClass::Hiv),
    ("89374-3", DataClass::Hiv),
    ("44249-1", DataClass::MentalHealth),
    ("44261-6", DataClass::MentalHealth),
    ("69737-5", DataClass::MentalHealth),
    ("70274-6", DataClass::MentalHealth),
];

/// Concepts at the top of what is sensitive, and the commonest below; a hierarchy that is loaded is not asked here.
const SNOMED_CT: &[(&str, DataClass)] = &[
    ("86406008", DataClass::Hiv),
    ("165816005", DataClass::Hiv),
    ("62479008", DataClass::Hiv),
    ("91947003", DataClass::Hiv),
    ("111880001", DataClass::Hiv),
    ("74732009", DataClass::MentalHealth),
    ("35489007", DataClass::MentalHealth),
    ("370143000", DataClass::MentalHealth),
    ("13746004", DataClass::MentalHealth),
    ("58214004", DataClass::MentalHealth),
    ("197480006", DataClass::MentalHealth),
    ("66590003", DataClass::MentalHealth),
    ("191816009", DataClass::MentalHealth),
    ("82313006", DataClass::MentalHealth),
    ("17369002", DataClass::Reproduction),
    ("386639001", DataClass::Reproduction),
    ("57797005", DataClass::Reproduction),
    ("15296000", DataClass::Reproduction),
    ("248110007", DataClass::Reproduction),
];

/// Deeper than any resource of FHIR goes where codes stand.
const DEPTH_MAX: usize = 16;

/// The sensitive classes that the codes of a resource name, as a mask.
pub fn classes_of_codes(resource: &Value) -> u64 {
    let mut mask = 0;
    look(resource, 0, &mut mask);
    mask
}

fn look(value: &Value, depth: usize, mask: &mut u64) {
    if depth > DEPTH_MAX {
        return;
    }
    if let Some(object) = value.as_object() {
        let (system, code) = (value.str_of("system"), value.str_of("code"));
        if !code.is_empty() {
            *mask |= class_of(system, code).map_or(0, DataClass::bit);
        }
        object.iter().for_each(|(_, part)| look(part, depth + 1, mask));
    } else {
        value.items().iter().for_each(|part| look(part, depth + 1, mask));
    }
}

fn class_of(system: &str, code: &str) -> Option<DataClass> {
    let listed = |all: &[(&str, DataClass)]| all.iter().find(|(c, _)| *c == code).map(|(_, class)| *class);
    match system {
        "http://loinc.org" => listed(LOINC),
        "http://snomed.info/sct" => listed(SNOMED_CT),
        _ if is_icd_10(system) => of_icd_10(code),
        _ => None,
    }
}

/// HL7's names of ICD-10 and its clinical modification, and what Mexican senders call CIE-10.
fn is_icd_10(system: &str) -> bool {
    let last = system.rsplit(['/', ':']).next().unwrap_or("").to_ascii_lowercase();
    matches!(
        last.as_str(),
        "icd-10"
            | "icd-10-cm"
            | "icd10"
            | "cie-10"
            | "cie10"
            | "2.16.840.1.113883.6.3"
            | "2.16.840.1.113883.6.90"
    )
}

/// `B200` and `B20.0` are the same code.
fn of_icd_10(code: &str) -> Option<DataClass> {
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    let code = plain(code).to_ascii_uppercase();
    let within = |from: &str, to: &str| {
        let (from, to) = (plain(from), plain(to));
        let head = code.get(..from.len()).unwrap_or("");
        head >= from.as_str() && head <= to.as_str()
    };
    ICD_10.iter().find(|(from, to, _)| within(from, to)).map(|(_, _, class)| *class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use badiano_fhir::fhir;

    fn of(system: &str, code: &str) -> u64 {
        let coding = fhir!({ "system": system, "code": code });
        classes_of_codes(&fhir!({ "resourceType": "Condition", "code": { "coding": [coding] } }))
    }

    #[test]
    fn a_code_of_any_of_the_systems_is_sensitive_with_or_without_its_point_and_its_neighbours_are_not() {
        let icd = "http://hl7.org/fhir/sid/icd-10";
        for (system, code, class) in [
            (icd, "B20", DataClass::Hiv),
            (icd, "B240", DataClass::Hiv),
            (icd, "b23.8", DataClass::Hiv),
            ("urn:cie-10", "Z21X", DataClass::Hiv),
            (icd, "F32.1", DataClass::MentalHealth),
            (icd, "O04.9", DataClass::Reproduction),
            (icd, "Z713", DataClass::Other),
            (icd, "Z71.7", DataClass::Hiv),
            ("http://loinc.org", "56888-1", DataClass::Hiv),
            ("http://snomed.info/sct", "35489007", DataClass::MentalHealth),
        ] {
            let expected = if class == DataClass::Other { 0 } else { class.bit() };
            assert_eq!(of(system, code), expected, "{system} {code}");
        }
        for (system, code) in
            [(icd, "B25"), (icd, "B19.9"), (icd, "G00"), (icd, "O80"), (icd, "Z32"), ("urn:x", "B20")]
        {
            assert_eq!(of(system, code), 0, "{system} {code}");
        }
    }

    #[test]
    fn a_code_is_found_wherever_in_the_resource_it_stands() {
        let reason = fhir!({ "coding": [{ "system": "http://hl7.org/fhir/sid/icd-10", "code": "F20.0" }] });
        let request = fhir!({ "resourceType": "MedicationRequest", "reasonCode": [reason] });
        assert_eq!(classes_of_codes(&request), DataClass::MentalHealth.bit());
    }
}
