//! Prints what opening the definitions and validating, reading and printing costs on this machine (validation.html).

use badiano_fhir::{Value, fhir, json, schema, validate, xml};
use std::time::Instant;

fn main() {
    let before = resident_kb();
    let start = Instant::now();
    schema::open();
    println!(
        "definitions: {:.1} ms, {} kB resident",
        start.elapsed().as_secs_f64() * 1e3,
        resident_kb() - before
    );
    for resource in [patient(), observation()] {
        let kind = resource.resource_type().to_owned();
        let text = json::to_string(&resource);
        let as_xml = xml::to_string(&resource).expect("the example is valid");
        let issues = validate::validate(&resource);
        println!("{kind}: {} bytes of JSON, {} of XML, {} issues", text.len(), as_xml.len(), issues.len());
        rate("validate", || validate::validate(&resource).len());
        rate("parse JSON", || json::parse(text.as_bytes()).is_ok().into());
        rate("parse XML", || xml::parse(as_xml.as_bytes()).is_ok().into());
        rate("print XML", || xml::to_string(&resource).map_or(0, |t| t.len()));
    }
}

/// Calls for a second, in one thread.
fn rate(what: &str, mut call: impl FnMut() -> usize) {
    let (start, mut calls) = (Instant::now(), 0_u32);
    while start.elapsed().as_secs_f64() < 1.0 {
        for _ in 0..100 {
            std::hint::black_box(call());
        }
        calls += 100;
    }
    println!("  {what}: {:.0}/s", f64::from(calls) / start.elapsed().as_secs_f64());
}

fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
}

fn patient() -> Value {
    fhir!({
        "resourceType": "Patient",
        "id": "p-1",
        "meta": { "versionId": "1", "lastUpdated": "2026-01-02T03:04:05.678-06:00" },
        "text": { "status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Ana Núñez</p></div>" },
        "identifier": [
            { "use": "official", "system": "urn:oid:2.16.840.1.113883.4.629", "value": "X", "type": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "NI" }] } },
            { "system": "urn:oid:1.2.3", "value": "7" },
        ],
        "active": true,
        "name": [{ "use": "official", "family": "Núñez", "given": ["Ana", "María"] }],
        "telecom": [{ "system": "phone", "value": "55 5555 5555", "use": "mobile" }],
        "gender": "female",
        "birthDate": "1980-02-29",
        "address": [{ "line": ["Calle 1"], "city": "Mérida", "state": "Yucatán", "postalCode": "97000", "country": "MX" }],
        "contact": [{ "relationship": [{ "text": "madre" }], "name": { "text": "Eva" } }],
        "managingOrganization": { "reference": "Organization/o" },
    })
}

fn observation() -> Value {
    fhir!({
        "resourceType": "Observation",
        "id": "o-1",
        "meta": { "versionId": "1", "lastUpdated": "2026-01-02T03:04:05.678-06:00" },
        "status": "final",
        "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs" }] }],
        "code": { "coding": [{ "system": "http://loinc.org", "code": "29463-7", "display": "Body weight" }], "text": "Peso" },
        "subject": { "reference": "Patient/p-1" },
        "encounter": { "reference": "Encounter/e-1" },
        "effectiveDateTime": "2026-01-02T03:04:05-06:00",
        "issued": "2026-01-02T03:04:05.000-06:00",
        "valueQuantity": { "value": (Value::Number("70.50".into())), "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg" },
    })
}
