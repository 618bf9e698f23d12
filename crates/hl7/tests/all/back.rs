//! Messages of FHIR: what is read of a message, written and read again says the same (the tables, read both ways).

use crate::families::{ADMISSION, DOCUMENT, IMMUNIZATION, PRESCRIPTION, SCHEDULE};
use crate::maps::{OMI, ORU, message};
use crate::messages::samples;
use crate::mutations::Numbers;
use badiano_fhir::{Value, fhir, json};
use badiano_hl7::Message;
use badiano_hl7::map::back::{Stamp, from_fhir};
use badiano_hl7::map::{Naming, Tables, map};

const STAMP: Stamp<'_> = Stamp { sender: ("BADIANO", "HGN"), now: "20261123100000", control_id: "B1" };

fn bundle(bytes: &[u8]) -> Value {
    map(&Message::parse(bytes).expect("a message"), &Tables::standard(), &Naming::default()).bundle()
}

fn written(bundle: &Value) -> Vec<u8> {
    from_fhir(bundle, None, &Tables::standard(), &Naming::default(), STAMP).expect("a message").bytes
}

/// Every smallest value with its path, without literal references and what is derived of them.
fn facts(bundle: &Value) -> Vec<String> {
    fn walk(value: &Value, path: &str, out: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                for (key, inner) in
                    object.iter().filter(|(k, _)| !["reference", "fullUrl", "request", "url"].contains(k))
                {
                    walk(inner, &format!("{path}.{key}"), out);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, path, out)),
            other => out.push(format!("{path}={}", json::to_string(other))),
        }
    }
    let mut out = Vec::new();
    for entry in bundle["entry"].items() {
        let resource = &entry["resource"];
        if resource.resource_type() != "MessageHeader" {
            walk(resource, resource.resource_type(), &mut out);
        }
    }
    out.sort();
    out
}

fn families() -> Vec<(&'static str, Vec<u8>)> {
    let mut all: Vec<(&str, Vec<u8>)> =
        samples().iter().map(|(name, bytes)| (*name, bytes.to_vec())).collect();
    for (kind, body) in [
        ("ADT^A01^ADT_A01", ADMISSION),
        ("VXU^V04^VXU_V04", IMMUNIZATION),
        ("RDE^O11^RDE_O11", PRESCRIPTION),
        ("SIU^S12^SIU_S12", SCHEDULE),
        ("MDM^T02^MDM_T02", DOCUMENT),
        ("OMI^O23^OMI_O23", OMI),
        ("ORU^R01^ORU_R01", ORU),
    ] {
        all.push((kind, message(kind, body)));
    }
    all
}

#[test]
fn what_a_message_says_is_written_and_read_again() {
    for (kind, bytes) in families() {
        let first = bundle(&bytes);
        let message = written(&first);
        let second = bundle(&message);
        let (said, again) = (facts(&first), facts(&second));
        let lost: Vec<&String> = said.iter().filter(|f| !again.contains(f)).collect();
        let text = String::from_utf8_lossy(&message).replace('\r', "\n");
        assert!(
            lost.len() * 50 <= said.len(),
            "{kind}: {} of {} lost: {lost:#?}\n{text}",
            lost.len(),
            said.len()
        );
    }
}

#[test]
fn written_twice_is_written_the_same() {
    for (kind, bytes) in families() {
        let second = bundle(&written(&bundle(&bytes)));
        let (two, three) = (written(&second), written(&bundle(&written(&second))));
        let show = |b: &[u8]| String::from_utf8_lossy(b).replace('\r', "\n");
        assert_eq!(show(&two), show(&three), "{kind}");
        assert_eq!(json::to_string(&bundle(&two)), json::to_string(&bundle(&three)), "{kind}");
    }
}

#[test]
fn generated_messages_reach_a_fixpoint() {
    let seed = 0x5EED_BAC2_1123;
    let mut numbers = Numbers(seed);
    let samples = families();
    let words =
        ["A", "MUÑOZ PEÑA", "20260229", "20260101", "^", "^^^X&1.2.3&ISO", "~", "Y", "2", "S", "a\\T\\b", ""];
    let mut cases = 0;
    for case in 0..60 {
        let (kind, bytes) = &samples[case % samples.len()];
        let text = String::from_utf8_lossy(bytes).replace("\r\n", "\r");
        let mut segments: Vec<Vec<String>> = text
            .split(['\r', '\n'])
            .filter(|s| s.len() > 3)
            .map(|s| s.split('|').map(str::to_owned).collect())
            .collect();
        for _ in 0..3 {
            let count = segments.len();
            let segment = &mut segments[1 + numbers.below(count - 1)];
            let field = 1 + numbers.below(segment.len().max(2) - 1);
            if let Some(field) = segment.get_mut(field) {
                *field = words[numbers.below(words.len())].to_owned();
            }
        }
        let changed: Vec<String> = segments.iter().map(|s| s.join("|")).collect();
        let Ok(message) = Message::parse(changed.join("\r").into_bytes()) else { continue };
        let first = map(&message, &Tables::standard(), &Naming::default()).bundle();
        if first["entry"].items().is_empty() {
            continue;
        }
        let second = bundle(&written(&first));
        let third = bundle(&written(&second));
        let fourth = bundle(&written(&third));
        assert_eq!(facts(&third), facts(&fourth), "{kind}, seed {seed:#x}, case {case}: {changed:#?}");
        cases += 1;
    }
    println!("seed {seed:#x}: {cases} messages");
    assert!(cases > 40);
}

#[test]
fn a_bundle_of_others_becomes_a_message_of_the_kind_its_resources_are_sent_in() {
    let patient = fhir!({ "resourceType": "Patient", "identifier": [{ "system": "urn:oid:1.2.3", "value": "E-1" }],
        "name": [{ "family": "RÍOS", "given": ["LUZ"] }], "gender": "female" });
    let glucose = fhir!({ "resourceType": "Observation", "id": "g", "status": "final",
        "code": { "coding": [{ "system": "http://loinc.org", "code": "2345-7", "display": "Glucosa" }] },
        "valueQuantity": { "value": 90_i64, "unit": "mg/dL", "system": "http://unitsofmeasure.org", "code": "mg/dL" } });
    let report = fhir!({ "resourceType": "DiagnosticReport", "status": "final", "code": { "text": "Química" },
        "result": [{ "reference": "Observation/g" }], "conclusion": "Normal" });
    let of = |kind: &str, resource: Value| fhir!({ "fullUrl": (format!("http://x/{kind}/g")), "resource": resource });
    let entries = vec![of("Patient", patient), of("Observation", glucose), of("DiagnosticReport", report)];
    let made = fhir!({ "resourceType": "Bundle", "type": "collection", "entry": entries });
    let text = String::from_utf8(written(&made)).expect("UTF-8");
    assert!(text.starts_with("MSH|^~\\&|BADIANO|HGN|||20261123100000||ORU^R01^ORU_R01|B1|P|2.5.1"), "{text}");
    assert!(text.contains("|E-1^^^&1.2.3&ISO|") && text.contains("RÍOS^LUZ"), "{text}");
    assert!(text.contains("NM|2345-7^Glucosa^LN||90|mg/dL^^UCUM|"), "{text}");
    let again = bundle(text.as_bytes());
    let report = again["entry"].items().iter().find(|e| e["resource"].resource_type() == "DiagnosticReport");
    assert_eq!(report.map(|r| r["resource"].str_of("conclusion")), Some("Normal"));
}
