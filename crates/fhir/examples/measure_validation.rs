//! Measures validation from text to issues on one core, as lines of the bench: base definitions, and a base profile with its
//! bindings, slices and invariants (FHIR R4, validation.html; observation-vitalsigns.html).

use badiano_fhir::json;
use badiano_fhir::validate::{Definitions, Issue, validate, validate_with};
use std::time::Instant;

/// Of one run; enough that the first use of a rule, when it is compiled, does not count.
const ROUNDS: usize = 20_000;
const WEIGHT: &str = "http://hl7.org/fhir/StructureDefinition/bodyweight";

const PATIENT: &str = r#"{"resourceType":"Patient","id":"p-1","meta":{"versionId":"1","lastUpdated":"2026-01-02T03:04:05.678-06:00"},
"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Ana Núñez</p></div>"},
"identifier":[{"use":"official","system":"urn:oid:2.16.840.1.113883.4.629","value":"X"},{"system":"urn:oid:1.2.3","value":"7"}],
"active":true,"name":[{"use":"official","family":"Núñez","given":["Ana","María"]}],
"telecom":[{"system":"phone","value":"55 5555 5555","use":"mobile"}],"gender":"female","birthDate":"1980-02-29",
"address":[{"line":["Calle 1"],"city":"Mérida","state":"Yucatán","postalCode":"97000","country":"MX"}],
"contact":[{"relationship":[{"text":"madre"}],"name":{"text":"Eva"}}],"managingOrganization":{"reference":"Organization/o"}}"#;
const OBSERVATION: &str = r#"{"resourceType":"Observation","id":"o-1","meta":{"versionId":"1","lastUpdated":"2026-01-02T03:04:05.678-06:00"},
"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>70.50 kg</p></div>"},"status":"final",
"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],
"code":{"coding":[{"system":"http://loinc.org","code":"29463-7","display":"Body weight"}],"text":"Peso"},
"subject":{"reference":"Patient/p-1"},"encounter":{"reference":"Encounter/e-1"},"effectiveDateTime":"2026-01-02T03:04:05-06:00",
"valueQuantity":{"value":70.50,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}"#;
const CONDITION: &str = r#"{"resourceType":"Condition","id":"c-1","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},
"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"encounter-diagnosis"}]}],
"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10","code":"E11.9"}],"text":"Diabetes"},"subject":{"reference":"Patient/p-1"},
"encounter":{"reference":"Encounter/e-1"},"onsetDateTime":"2019-05","recordedDate":"2026-01-02"}"#;

fn main() -> Result<(), String> {
    let began = Instant::now();
    let definitions = Definitions::new();
    let asked = [WEIGHT.to_owned()];
    let by_profile = |text: &str| check(text, |value| validate_with(value, &definitions, &asked));
    by_profile(OBSERVATION)?;
    line("validate_ready_ms", began.elapsed().as_secs_f64() * 1e3, "ms", "lower");
    let base = |text: &str| check(text, validate);
    line("validate_res_core_s", rate(&[PATIENT, OBSERVATION, CONDITION], base)?, "1/s", "higher");
    line("validate_profile_res_core_s", rate(&[OBSERVATION], by_profile)?, "1/s", "higher");
    Ok(())
}

fn check(text: &str, validate: impl Fn(&badiano_fhir::Value) -> Vec<Issue>) -> Result<(), String> {
    let value = json::parse(text.as_bytes()).map_err(|e| e.to_string())?;
    match validate(&value).into_iter().find(Issue::is_error) {
        Some(issue) => Err(format!("{}: {}", issue.expression, issue.text_en)),
        None => Ok(()),
    }
}

/// Resources a second of this process's own time: other work on the machine does not count.
fn rate(texts: &[&str], check: impl Fn(&str) -> Result<(), String>) -> Result<f64, String> {
    texts.iter().try_for_each(|text| check(text))?;
    let began = cpu_seconds()?;
    for round in 0..ROUNDS {
        check(texts[round % texts.len()])?;
    }
    Ok(ROUNDS as f64 / (cpu_seconds()? - began))
}

/// User and system time, from nanoseconds that the kernel keeps of the one thread.
fn cpu_seconds() -> Result<f64, String> {
    let said = std::fs::read_to_string("/proc/self/schedstat").map_err(|e| e.to_string())?;
    let nanoseconds = said.split(' ').next().and_then(|n| n.parse::<f64>().ok());
    nanoseconds.map(|n| n / 1e9).ok_or_else(|| "no time in /proc/self/schedstat".to_owned())
}

fn line(measure: &str, value: f64, unit: &str, better: &str) {
    println!(
        r#"{{"measure":"{measure}","value":{value},"unit":"{unit}","ratio_to":null,"better":"{better}"}}"#
    );
}
