//! Cases for each rule of the validator.

use super::*;
use crate::fhir;

fn found(resource: &Value) -> Vec<(IssueType, String)> {
    validate(resource).into_iter().map(|i| (i.code, i.expression)).collect()
}

fn one(resource: &Value, code: IssueType, expression: &str) {
    assert_eq!(found(resource), [(code, expression.to_owned())], "{}", crate::json::to_string(resource));
}

pub(crate) fn patient() -> Value {
    fhir!({
        "resourceType": "Patient",
        "id": "p-1",
        "meta": { "lastUpdated": "2026-01-02T03:04:05.678-06:00", "profile": ["http://example.org/p"] },
        "text": { "status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Ana</p></div>" },
        "contained": [{ "resourceType": "Organization", "id": "o", "name": "Hospital" }],
        "extension": [{ "url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueAddress": { "city": "Mérida" } }],
        "identifier": [{ "use": "official", "system": "urn:oid:2.16.840.1.113883.4.629", "value": "X" }],
        "active": true,
        "name": [{ "family": "Núñez", "given": ["Ana", null], "_given": [null, { "extension": [{ "url": "http://x", "valueString": "y" }] }] }],
        "telecom": [{ "system": "phone", "value": "555", "rank": 1i64 }],
        "gender": "female",
        "birthDate": "1980-02-29",
        "_birthDate": { "id": "b" },
        "deceasedBoolean": false,
        "contact": [{ "relationship": [{ "text": "madre" }], "name": { "text": "Eva" } }],
        "managingOrganization": { "reference": "#o" },
    })
}

fn observation() -> Value {
    fhir!({
        "resourceType": "Observation",
        "status": "final",
        "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs" }] }],
        "code": { "coding": [{ "system": "http://loinc.org", "code": "29463-7" }] },
        "subject": { "reference": "Patient/p-1" },
        "effectiveDateTime": "2026-01-02T03:04:05Z",
        "valueQuantity": { "value": (Value::Number("70.50".into())), "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg" },
        "component": [{ "code": { "text": "x" }, "valueString": "y", "referenceRange": [{ "text": "z" }] }],
    })
}

#[test]
fn valid_resources_have_no_issues() {
    for resource in [patient(), observation()] {
        assert_eq!(validate(&resource), [], "{}", resource.resource_type());
    }
    let bundle = fhir!({
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            { "fullUrl": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "resource": (patient()), "request": { "method": "POST", "url": "Patient" } },
            { "resource": (observation()), "request": { "method": "PUT", "url": "Observation/1" } },
        ],
    });
    assert_eq!(validate(&bundle), []);
}

#[test]
fn what_is_no_resource_is_refused() {
    for value in [
        Value::Null,
        fhir!([]),
        fhir!({}),
        fhir!({ "resourceType": "Nada" }),
        fhir!({ "resourceType": "DomainResource" }),
    ] {
        one(&value, IssueType::Structure, "");
    }
}

#[test]
fn an_unknown_element_is_told_by_its_place() {
    one(&patient().with("nombre", "x"), IssueType::Structure, "Patient.nombre");
    one(&observation().with("value", "x"), IssueType::Structure, "Observation.value");
    let mut deep = patient();
    deep.set("contact", fhir!([{ "name": { "text": "a", "apellido": "b" } }]));
    one(&deep, IssueType::Structure, "Patient.contact[0].name.apellido");
    one(&patient().with("_name", fhir!([{ "id": "a" }])), IssueType::Structure, "Patient._name");
    one(
        &patient().with("maritalStatus", fhir!({ "resourceType": "CodeableConcept", "text": "x" })),
        IssueType::Structure,
        "Patient.maritalStatus.resourceType",
    );
}

#[test]
fn cardinality_is_checked_both_ways() {
    let mut missing = observation();
    missing.as_object_mut().expect("an object").remove("status");
    one(&missing, IssueType::Required, "Observation.status");
    one(
        &observation().with("component", fhir!([{ "valueString": "y" }])),
        IssueType::Required,
        "Observation.component[0].code",
    );
    one(&patient().with("gender", fhir!(["female"])), IssueType::Structure, "Patient.gender");
    one(&patient().with("name", fhir!({ "family": "x" })), IssueType::Structure, "Patient.name");
    let shadow_only = observation();
    let mut shadow_only = shadow_only;
    shadow_only.as_object_mut().expect("an object").remove("status");
    shadow_only.set("_status", fhir!({ "extension": [{ "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown" }] }));
    assert_eq!(validate(&shadow_only), [], "an extension stands for a required primitive");
}

#[test]
fn a_choice_has_one_type_only() {
    one(&patient().with("deceasedDateTime", "2020"), IssueType::Structure, "Patient.deceased");
    let wrong_unit = observation().with("valueQuantity", fhir!({ "value": "70" }));
    one(&wrong_unit, IssueType::Structure, "Observation.value.ofType(Quantity).value");
    one(
        &observation().with("valueHumanName", fhir!({ "text": "x" })),
        IssueType::Structure,
        "Observation.valueHumanName",
    );
}

#[test]
fn json_types_and_texts_of_primitives_are_checked() {
    one(&patient().with("active", "true"), IssueType::Structure, "Patient.active");
    one(&patient().with("birthDate", "1980-02-30"), IssueType::Value, "Patient.birthDate");
    one(&patient().with("id", "a_b"), IssueType::Value, "Patient.id");
    one(
        &patient().with("telecom", fhir!([{ "rank": "0", "value": "x" }])),
        IssueType::Structure,
        "Patient.telecom[0].rank",
    );
    let zero = fhir!([{ "rank": 0i64, "value": "x" }]);
    one(&patient().with("telecom", zero), IssueType::Value, "Patient.telecom[0].rank");
    one(
        &patient().with("multipleBirthInteger", Value::Number("1.0".into())),
        IssueType::Value,
        "Patient.multipleBirth.ofType(integer)",
    );
    one(&patient().with("language", "es  MX"), IssueType::Value, "Patient.language");
    one(&patient().with("implicitRules", "a b"), IssueType::Value, "Patient.implicitRules");
    one(&observation().with("issued", "2026-01-02"), IssueType::Value, "Observation.issued");
    one(
        &observation().with("effectiveDateTime", "2026-01-02T03:04:05"),
        IssueType::Value,
        "Observation.effective.ofType(dateTime)",
    );
}

#[test]
fn empty_things_and_nulls_are_refused() {
    one(&patient().with("name", fhir!([])), IssueType::Structure, "Patient.name");
    one(&patient().with("name", fhir!([{}])), IssueType::Structure, "Patient.name[0]");
    one(&patient().with("name", fhir!([null])), IssueType::Structure, "Patient.name[0]");
    one(&patient().with("gender", Value::Null), IssueType::Structure, "Patient.gender");
    one(&patient().with("gender", ""), IssueType::Value, "Patient.gender");
    one(
        &patient().with("name", fhir!([{ "given": ["", "b"] }])),
        IssueType::Value,
        "Patient.name[0].given[0]",
    );
    one(
        &patient().with("name", fhir!([{ "given": [null, "b"] }])),
        IssueType::Structure,
        "Patient.name[0].given[0]",
    );
    let short = fhir!([{ "given": ["a", "b"], "_given": [{ "id": "x" }] }]);
    one(&patient().with("name", short), IssueType::Structure, "Patient.name[0].given");
    let single = fhir!([{ "given": ["a"], "_given": { "id": "x" } }]);
    one(&patient().with("name", single), IssueType::Structure, "Patient.name[0].given");
    one(&patient().with("_birthDate", fhir!({})), IssueType::Structure, "Patient.birthDate");
    one(
        &patient().with("_birthDate", fhir!({ "value": "x" })),
        IssueType::Structure,
        "Patient.birthDate.value",
    );
}

#[test]
fn codes_of_required_bindings_are_checked() {
    one(&patient().with("gender", "femenino"), IssueType::CodeInvalid, "Patient.gender");
    one(&observation().with("status", "terminado"), IssueType::CodeInvalid, "Observation.status");
    let invoice = |currency: &str| fhir!({ "resourceType": "Invoice", "status": "draft", "totalNet": { "value": 1i64, "currency": currency } });
    assert_eq!(validate(&invoice("MXN")), []);
    one(&invoice("pesos"), IssueType::CodeInvalid, "Invoice.totalNet.currency");
    let allergy = |code: &str| {
        fhir!({ "resourceType": "AllergyIntolerance", "patient": { "reference": "Patient/1" },
            "clinicalStatus": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": code }] } })
    };
    assert_eq!(validate(&allergy("active")), []);
    one(&allergy("activa"), IssueType::CodeInvalid, "AllergyIntolerance.clinicalStatus");
}

#[test]
fn references_go_to_the_types_that_the_standard_allows() {
    let to = |reference: &str| observation().with("subject", fhir!({ "reference": reference }));
    for good in [
        "Patient/1",
        "https://h.mx/fhir/Group/2",
        "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
        "Patient/1/_history/2",
        "Patient?identifier=x",
        "https://h.mx/documento",
    ] {
        assert_eq!(validate(&to(good)), [], "{good}");
    }
    for bad in ["Practitioner/1", "https://h.mx/fhir/Encounter/2", "Medication/1/_history/2"] {
        one(&to(bad), IssueType::Structure, "Observation.subject");
    }
    one(&to("Paciente/1"), IssueType::Value, "Observation.subject.reference");
    one(&to("#nadie"), IssueType::NotFound, "Observation.subject.reference");
    let typed =
        fhir!({ "reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "type": "Practitioner" });
    one(&observation().with("subject", typed), IssueType::Structure, "Observation.subject");
    one(
        &observation().with("subject", fhir!({ "type": "Patient" })),
        IssueType::Required,
        "Observation.subject",
    );
}

#[test]
fn contained_resources_and_bundles_are_entered() {
    let inner = fhir!({ "resourceType": "Organization", "id": "o", "nombre": "x" });
    let nameless = [
        (IssueType::Structure, "Patient.contained[0].nombre".to_owned()),
        (IssueType::Invariant, "Patient.contained[0]".to_owned()),
    ];
    assert_eq!(found(&patient().with("contained", fhir!([inner]))), nameless, "org-1 asks for a name");
    let nested = fhir!({ "resourceType": "Organization", "id": "o", "name": "a", "contained": [{ "resourceType": "Basic", "id": "b", "code": { "text": "x" } }] });
    one(
        &patient().with("contained", fhir!([nested])),
        IssueType::Invariant,
        "Patient.contained[0].contained",
    );
    let nameless = fhir!([{ "resourceType": "Organization", "name": "a" }, { "resourceType": "Organization", "id": "o", "name": "a" }]);
    one(&patient().with("contained", nameless), IssueType::Required, "Patient.contained[0].id");
    let wrong = observation().with("status", "x");
    let bundle = fhir!({ "resourceType": "Bundle", "type": "collection", "entry": [{ "resource": (patient()) }, { "resource": wrong }] });
    one(&bundle, IssueType::CodeInvalid, "Bundle.entry[1].resource.status");
    let from_outside = observation().with("subject", fhir!({ "reference": "#o" }));
    let bundle = fhir!({ "resourceType": "Bundle", "type": "collection", "entry": [{ "resource": (patient()) }, { "resource": from_outside }] });
    one(&bundle, IssueType::NotFound, "Bundle.entry[1].resource.subject.reference");
}

#[test]
fn extensions_have_a_value_or_parts_and_the_type_of_their_definition() {
    let with = |extension: Value| patient().with("extension", fhir!([extension]));
    one(&with(fhir!({ "url": "http://x" })), IssueType::Invariant, "Patient.extension[0]");
    one(&with(fhir!({ "valueString": "x" })), IssueType::Required, "Patient.extension[0].url");
    let both =
        fhir!({ "url": "http://x", "valueString": "x", "extension": [{ "url": "y", "valueCode": "z" }] });
    one(&with(both), IssueType::Invariant, "Patient.extension[0]");
    let wrong =
        fhir!({ "url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueString": "x" });
    one(&with(wrong), IssueType::Structure, "Patient.extension[0].value");
    let modifier = patient().with("modifierExtension", fhir!([{ "url": "http://x", "valueString": "x" }]));
    one(&modifier, IssueType::Extension, "Patient.modifierExtension[0].url");
    assert!(is_valid(&modifier), "a warning only");
}

#[test]
fn a_narrative_that_acts_is_refused() {
    let text = fhir!({ "status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><script>x</script></div>" });
    one(&patient().with("text", text), IssueType::Invalid, "Patient.text.div");
}

#[test]
fn depth_and_the_number_of_issues_are_bounded() {
    let mut item = fhir!({ "linkId": "x", "text": "y" });
    for _ in 0..100 {
        item = fhir!({ "linkId": "x", "item": [item] });
    }
    let issues =
        validate(&fhir!({ "resourceType": "QuestionnaireResponse", "status": "completed", "item": [item] }));
    assert_eq!(issues.len(), 1);
    assert_eq!((issues[0].severity, issues[0].code), (Severity::Fatal, IssueType::TooCostly));
    let many = Value::Array(vec![fhir!({ "nada": "x" }); 10_000]);
    let issues = validate(&patient().with("name", many));
    assert_eq!(issues.len(), ISSUES_MAX + 1);
    assert_eq!(issues[ISSUES_MAX].code, IssueType::TooCostly);
}

#[test]
fn issue_texts_never_hold_values() {
    let secret = "GARC800229MYNRNN09";
    let text = |v: &str| Value::from(v);
    let mut resource = patient();
    for (key, value) in [
        ("gender", text(secret)),
        ("birthDate", text(secret)),
        ("active", text(secret)),
        ("managingOrganization", fhir!({ "reference": secret })),
    ] {
        resource.set(key, value);
    }
    let issues = validate(&resource);
    assert_eq!(issues.len(), 5, "what is contained is not referred to any more");
    for issue in issues {
        assert!(!format!("{issue:?}").contains(secret), "{issue:?}");
    }
}

/// A walk over a valid resource that puts one wrong value in one place, each place in turn.
fn mutate(value: &Value, path: &str, made: &mut Vec<(Value, String)>, rebuild: &dyn Fn(Value) -> Value) {
    match value {
        Value::Object(object) => {
            for (key, item) in object.iter() {
                if key == "resourceType" || key.starts_with('_') {
                    continue;
                }
                let with = |new: Value| {
                    let mut changed = value.clone();
                    changed.set(key, new);
                    rebuild(changed)
                };
                mutate(item, &format!("{path}.{key}"), made, &with);
            }
            let mut extra = value.clone();
            extra.set("noSuchElement", "x");
            made.push((rebuild(extra), format!("{path}.noSuchElement")));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate().filter(|(_, item)| !item.is_null()) {
                let with = |new: Value| {
                    let mut changed = items.clone();
                    changed[index] = new;
                    rebuild(Value::Array(changed))
                };
                mutate(item, &format!("{path}[{index}]"), made, &with);
            }
        }
        _ => made.push((rebuild(fhir!({ "noSuchElement": "x" })), path.to_owned())),
    }
}

#[test]
fn a_wrong_value_at_any_place_is_found_at_that_place() {
    for resource in [patient(), observation()] {
        let mut made = Vec::new();
        mutate(&resource, resource.resource_type(), &mut made, &|v| v);
        assert!(made.len() > 20, "{} cases", made.len());
        for (changed, place) in made {
            let place = place
                .replace("valueQuantity", "value.ofType(Quantity)")
                .replace("component[0].valueString", "component[0].value.ofType(string)")
                .replace("valueAddress", "value.ofType(Address)")
                .replace("valueString", "value.ofType(string)")
                .replace("effectiveDateTime", "effective.ofType(dateTime)")
                .replace("deceasedBoolean", "deceased.ofType(boolean)");
            let places: Vec<String> = validate(&changed).into_iter().map(|i| i.expression).collect();
            assert!(places.contains(&place), "expected {place}, found {places:?}");
        }
    }
}
