//! Cases for what profiles ask: how often, slices of each kind, bindings, rules, references, extensions.

use super::{Definitions, Issue, Severity, validate_with};
use crate::value::Value;
use crate::{fhir, json};

const URL: &str = "http://example.org/StructureDefinition/p";

fn parse(text: &str) -> Value {
    json::parse(text.as_bytes()).expect("well-formed")
}

/// A profile on a type from the elements of its differential.
fn profile(url: &str, kind: &str, elements: &str) -> Value {
    let base = format!("http://hl7.org/fhir/StructureDefinition/{kind}");
    let mut made = fhir!({
        "resourceType": "StructureDefinition", "url": url, "type": kind, "kind": "resource",
        "derivation": "constraint", "baseDefinition": base,
    });
    made.set("differential", fhir!({ "element": (parse(elements)) }));
    made
}

fn errors(resource: &Value, definitions: &Definitions) -> Vec<String> {
    let issues = validate_with(resource, definitions, &[URL.to_owned()]);
    let told = |i: &Issue| format!("{}: {}", i.expression, i.text_en.split(" (profile").next().unwrap_or(""));
    issues.iter().filter(|i| i.is_error()).map(told).collect()
}

fn check(kind: &str, elements: &str, cases: &[(&str, &[&str])]) {
    let mut definitions = Definitions::new();
    definitions.add(profile(URL, kind, elements));
    for (resource, expected) in cases {
        assert_eq!(errors(&parse(resource), &definitions), *expected, "{resource}");
    }
}

#[test]
fn cardinality_fixed_values_patterns_and_types_of_a_profile_are_checked() {
    let elements = r#"[
        {"id":"Patient","path":"Patient"},
        {"id":"Patient.birthDate","path":"Patient.birthDate","min":1},
        {"id":"Patient.photo","path":"Patient.photo","max":"0"},
        {"id":"Patient.name.use","path":"Patient.name.use","fixedCode":"official"},
        {"id":"Patient.maritalStatus","path":"Patient.maritalStatus","patternCodeableConcept":{"coding":[{"code":"M"}]}},
        {"id":"Patient.deceased[x]","path":"Patient.deceased[x]","type":[{"code":"boolean"}]}]"#;
    check(
        "Patient",
        elements,
        &[
            (
                r#"{"resourceType":"Patient","birthDate":"1980","name":[{"use":"official","text":"a"}],"deceasedBoolean":true,
                "maritalStatus":{"coding":[{"system":"urn:x","code":"S"},{"code":"M","display":"casada"}]}}"#,
                &[],
            ),
            (
                r#"{"resourceType":"Patient","photo":[{"url":"a"}],"name":[{"text":"a","use":"usual"}],"deceasedDateTime":"2020",
                "maritalStatus":{"coding":[{"code":"S"}]}}"#,
                &[
                    "Patient.birthDate: must be there at least 1 times, found 0",
                    "Patient.photo: may be there 0 times at most, found 1",
                    "Patient.name[0].use: must be exactly \"official\"",
                    "Patient.maritalStatus: must hold {\"coding\":[{\"code\":\"M\"}]}",
                    "Patient.deceased.ofType(dateTime): must be of type boolean",
                ],
            ),
        ],
    );
}

#[test]
fn slices_are_told_apart_by_value_and_counted() {
    let elements = r#"[
        {"id":"Patient","path":"Patient"},
        {"id":"Patient.identifier","path":"Patient.identifier","slicing":{"discriminator":[{"type":"value","path":"system"}],"rules":"closed","ordered":true}},
        {"id":"Patient.identifier:curp","path":"Patient.identifier","sliceName":"curp","min":1,"max":"1"},
        {"id":"Patient.identifier:curp.system","path":"Patient.identifier.system","min":1,"fixedUri":"urn:curp"},
        {"id":"Patient.identifier:curp.value","path":"Patient.identifier.value","min":1},
        {"id":"Patient.identifier:local","path":"Patient.identifier","sliceName":"local"},
        {"id":"Patient.identifier:local.system","path":"Patient.identifier.system","min":1,"fixedUri":"urn:local"}]"#;
    let with = |list: &str| format!(r#"{{"resourceType":"Patient","identifier":[{list}]}}"#);
    let curp = r#"{"system":"urn:curp","value":"x"}"#;
    let local = r#"{"system":"urn:local"}"#;
    check(
        "Patient",
        elements,
        &[
            (&with(&format!("{curp},{local},{local}")), &[]),
            (&with(local), &["Patient.identifier: slice curp must be there at least 1 times, found 0"]),
            (
                &with(&format!("{curp},{curp}")),
                &["Patient.identifier: slice curp may be there 1 times at most, found 2"],
            ),
            (
                &with(r#"{"system":"urn:curp"}"#),
                &["Patient.identifier[0].value: must be there at least 1 times, found 0"],
            ),
            (
                &with(&format!("{local},{curp}")),
                &["Patient.identifier[1]: stands after a slice that must follow it"],
            ),
            (
                &with(&format!(r#"{curp},{{"system":"urn:other"}}"#)),
                &["Patient.identifier[1]: belongs to no slice, and the slicing is closed"],
            ),
        ],
    );
}

#[test]
fn slices_by_pattern_type_existence_and_nested_slices_are_told_apart() {
    let elements = r#"[
        {"id":"Observation","path":"Observation"},
        {"id":"Observation.value[x]","path":"Observation.value[x]","slicing":{"discriminator":[{"type":"type","path":"$this"}],"rules":"open"}},
        {"id":"Observation.value[x]:valueQuantity","path":"Observation.value[x]","sliceName":"valueQuantity"},
        {"id":"Observation.value[x]:valueQuantity.unit","path":"Observation.value[x].unit","min":1},
        {"id":"Observation.category","path":"Observation.category","slicing":{"discriminator":[{"type":"pattern","path":"$this"}],"rules":"open"}},
        {"id":"Observation.category:a","path":"Observation.category","sliceName":"a","min":1,"patternCodeableConcept":{"coding":[{"code":"a"}]}},
        {"id":"Observation.category:a/b","path":"Observation.category","sliceName":"a/b","max":"0","patternCodeableConcept":{"text":"b"}},
        {"id":"Observation.note","path":"Observation.note","slicing":{"discriminator":[{"type":"exists","path":"time"}],"rules":"open"}},
        {"id":"Observation.note:dated","path":"Observation.note","sliceName":"dated","max":"1"},
        {"id":"Observation.note:dated.time","path":"Observation.note.time","min":1}]"#;
    let with = |rest: &str| {
        format!(r#"{{"resourceType":"Observation","status":"final","code":{{"text":"x"}},{rest}}}"#)
    };
    let a = r#""category":[{"coding":[{"code":"a"}]}]"#;
    check(
        "Observation",
        elements,
        &[
            (&with(&format!(r#"{a},"valueString":"x","note":[{{"text":"1"}},{{"text":"2"}}]"#)), &[]),
            (
                &with(&format!(r#"{a},"valueQuantity":{{"value":1}}"#)),
                &["Observation.value.ofType(Quantity).unit: must be there at least 1 times, found 0"],
            ),
            (
                &with(r#""issued":"2026-01-02T03:04:05Z""#),
                &["Observation.category: slice a must be there at least 1 times, found 0"],
            ),
            (
                &with(r#""category":[{"coding":[{"code":"a"}],"text":"b"}]"#),
                &["Observation.category: slice a/b may be there 0 times at most, found 1"],
            ),
            (
                &with(&format!(r#"{a},"note":[{{"text":"1","time":"2020"}},{{"text":"2","time":"2021"}}]"#)),
                &["Observation.note: slice dated may be there 1 times at most, found 2"],
            ),
        ],
    );
}

#[test]
fn a_derived_profile_asks_what_its_base_asks_too() {
    let mut definitions = Definitions::new();
    let base = "http://example.org/StructureDefinition/base";
    definitions.add(profile(base, "Patient", r#"[{"id":"Patient.gender","path":"Patient.gender","min":1},{"id":"Patient.name","path":"Patient.name","min":1}]"#));
    let derived = profile(URL, "Patient", r#"[{"id":"Patient.name","path":"Patient.name","min":2}]"#);
    definitions.add(derived.with("baseDefinition", base));
    let found = errors(&fhir!({ "resourceType": "Patient", "name": [{ "text": "a" }] }), &definitions);
    let expected = [
        "Patient.gender: must be there at least 1 times, found 0",
        "Patient.name: must be there at least 2 times, found 1",
    ];
    assert_eq!(found, expected);
}

#[test]
fn bindings_rules_and_targets_of_a_profile_are_checked() {
    let mut definitions = Definitions::new();
    definitions.add(parse(r#"{"resourceType":"CodeSystem","url":"urn:s","content":"complete","concept":[{"code":"a","concept":[{"code":"a1"}]},{"code":"b"}]}"#));
    definitions.add(parse(r#"{"resourceType":"ValueSet","url":"urn:set","compose":{"include":[{"system":"urn:s","filter":[{"property":"concept","op":"is-a","value":"a"}]}]}}"#));
    definitions.add(profile(
        "http://example.org/target",
        "Patient",
        r#"[{"id":"Patient.active","path":"Patient.active","min":1}]"#,
    ));
    definitions.add(profile(URL, "Observation", r#"[
        {"id":"Observation.code","path":"Observation.code","binding":{"strength":"required","valueSet":"urn:set|1"}},
        {"id":"Observation.method","path":"Observation.method","binding":{"strength":"extensible","valueSet":"urn:set"}},
        {"id":"Observation.subject","path":"Observation.subject","type":[{"code":"Reference","targetProfile":["http://example.org/target"]}]},
        {"id":"Observation.note","path":"Observation.note","constraint":[{"key":"n-1","severity":"error","human":"short","expression":"text.length() < 3"}]}]"#));
    let observation = |code: &str, rest: &str| {
        parse(&format!(
            r#"{{"resourceType":"Observation","status":"final","code":{{"coding":[{{"system":"urn:s","code":"{code}"}}]}}{rest}}}"#
        ))
    };
    let contained = |active: &str| {
        format!(
            r##","contained":[{{"resourceType":"Patient","id":"p"{active}}}],"subject":{{"reference":"#p"}}"##
        )
    };
    assert_eq!(
        errors(&observation("a1", &contained(r#","active":true"#)), &definitions),
        Vec::<String>::new()
    );
    assert_eq!(
        errors(&observation("b", ""), &definitions),
        ["Observation.code: the code is not in the required value set urn:set"]
    );
    assert_eq!(
        errors(&observation("a", &contained("")), &definitions),
        ["Observation.subject: refers to a resource that fits none of http://example.org/target"]
    );
    let to_group = observation("a", r#","subject":{"reference":"Group/1"}"#);
    assert_eq!(
        errors(&to_group, &definitions),
        ["Observation.subject: must refer to http://example.org/target"]
    );
    let long = observation("a", r#","note":[{"text":"abc"}]"#);
    assert_eq!(errors(&long, &definitions), ["Observation.note[0]: rule n-1 is broken: short"]);
    let other = observation("a", r#","method":{"coding":[{"system":"urn:s","code":"b"}]}"#);
    let told = validate_with(&other, &definitions, &[URL.to_owned()]);
    let warnings: Vec<&Issue> = told
        .iter()
        .filter(|i| i.severity == Severity::Warning && i.expression == "Observation.method")
        .collect();
    assert_eq!(warnings.len(), 1, "an extensible binding warns: {told:?}");
}

#[test]
fn extensions_are_held_to_their_definitions_and_places() {
    let definitions = Definitions::new();
    let with = |at: &str| parse(&format!(r#"{{"resourceType":"Patient",{at}}}"#));
    let place = r#"{"url":"http://hl7.org/fhir/StructureDefinition/patient-birthPlace","valueAddress":{"city":"Mérida"}}"#;
    let told = |resource: &Value| -> Vec<String> {
        let issues = validate_with(resource, &definitions, &[]);
        issues.iter().filter(|i| i.is_error()).map(|i| i.expression.clone()).collect()
    };
    assert_eq!(told(&with(&format!(r#""extension":[{place}]"#))), Vec::<String>::new());
    assert_eq!(
        told(&with(&format!(r#""name":[{{"text":"a","extension":[{place}]}}]"#))),
        ["Patient.name[0].extension[0]"]
    );
    let animal = |part: &str| {
        with(&format!(
            r#""extension":[{{"url":"http://hl7.org/fhir/StructureDefinition/patient-animal","extension":[{{"url":"{part}","valueCodeableConcept":{{"text":"perro"}}}}]}}]"#
        ))
    };
    assert_eq!(told(&animal("species")), Vec::<String>::new());
    assert_eq!(
        told(&animal("especie")),
        ["Patient.extension[0].extension[0]", "Patient.extension[0].extension"]
    );
    assert_eq!(
        told(&with(r#""extension":[{"url":"lugar","valueString":"x"}]"#)),
        ["Patient.extension[0].url"]
    );
}

#[test]
fn entries_of_a_bundle_are_found_and_their_addresses_checked() {
    let definitions = Definitions::new();
    let bundle = |url: &str, to: &str| {
        parse(&format!(
            r#"{{"resourceType":"Bundle","type":"collection","entry":[
            {{"fullUrl":"{url}","resource":{{"resourceType":"Patient","id":"1"}}}},
            {{"fullUrl":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520","resource":{{"resourceType":"Observation","status":"final","code":{{"text":"x"}},"encounter":{{"reference":"{to}"}}}}}}]}}"#
        ))
    };
    let told = |resource: &Value| -> Vec<String> {
        validate_with(resource, &definitions, &[])
            .iter()
            .filter(|i| i.is_error())
            .map(|i| i.expression.clone())
            .collect()
    };
    assert_eq!(told(&bundle("http://h/Patient/1", "Encounter/2")), Vec::<String>::new());
    assert_eq!(told(&bundle("Patient/1", "Encounter/2")), ["Bundle.entry[0].fullUrl"]);
    assert_eq!(told(&bundle("http://h/Patient/2", "Encounter/2")), ["Bundle.entry[0].fullUrl"]);
    let uuid = "urn:uuid:d757873d-ec9a-4326-a141-556f43239520";
    assert_eq!(
        told(&bundle(uuid, uuid)),
        ["Bundle.entry[1].resource.encounter"],
        "a patient is no encounter"
    );
}

#[test]
fn profiles_that_name_each_other_end_and_an_unknown_one_is_told() {
    let mut definitions = Definitions::new();
    definitions.add(profile(URL, "Patient", &format!(r#"[{{"id":"Patient.link.other","path":"Patient.link.other","type":[{{"code":"Reference","targetProfile":["{URL}"]}}]}}]"#)));
    let circle =
        parse(r##"{"resourceType":"Patient","link":[{"other":{"reference":"#"},"type":"seealso"}]}"##);
    assert_eq!(errors(&circle, &definitions), Vec::<String>::new());
    let claims = fhir!({ "resourceType": "Patient", "meta": { "profile": ["http://nowhere"] } });
    let told = validate_with(&claims, &Definitions::new(), &[]);
    assert_eq!((told[0].severity, told[0].expression.as_str()), (Severity::Warning, "Patient"));
}

#[test]
fn every_base_profile_and_extension_can_be_made() {
    let definitions = Definitions::new();
    for url in [
        "vitalsigns",
        "bodyweight",
        "bp",
        "lipidprofile",
        "patient-animal",
        "SimpleQuantity",
        "MoneyQuantity",
    ] {
        assert!(definitions.knows(&format!("http://hl7.org/fhir/StructureDefinition/{url}")), "{url}");
    }
    let weight = parse(
        r#"{"resourceType":"Observation","meta":{"profile":["http://hl7.org/fhir/StructureDefinition/bodyweight"]},
        "status":"final","code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},"subject":{"reference":"Patient/1"},
        "effectiveDateTime":"2026-01-02","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],
        "valueQuantity":{"value":70,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}"#,
    );
    let wrong = |i: &Issue| i.is_error().then(|| i.expression.clone());
    assert_eq!(
        validate_with(&weight, &definitions, &[]).iter().filter_map(wrong).collect::<Vec<_>>(),
        Vec::<String>::new()
    );
    let stones = weight.with(
        "valueQuantity",
        parse(r#"{"value":11,"unit":"st","system":"http://unitsofmeasure.org","code":"[stone_av]"}"#),
    );
    let told: Vec<String> = validate_with(&stones, &definitions, &[]).iter().filter_map(wrong).collect();
    assert_eq!(told, ["Observation.value.ofType(Quantity).code"]);
}
