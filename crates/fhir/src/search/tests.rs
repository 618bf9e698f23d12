//! Extraction by type, questions by their texts, and both together.

use super::*;
use crate::fhir;
use crate::value::Value;
use badiano_kernel::FaultKind;
use badiano_kernel::time::Span;

const ZONE: &str = "America/Mexico_City";

fn json(text: &str) -> Value {
    crate::json::parse(text.as_bytes()).expect("a test resource")
}

fn patient() -> Value {
    json(
        r#"{"resourceType":"Patient","id":"p1",
        "meta":{"lastUpdated":"2026-01-02T03:04:05.678Z","profile":["http://x/p|1"],"tag":[{"system":"t","code":"a"}],"source":"urn:s"},
        "identifier":[{"system":"urn:curp","value":"MUAL800517","type":{"text":"CURP","coding":[{"system":"v2","code":"NI"}]}}],
        "active":true,
        "name":[{"text":"Luis Muñoz Ávila","family":"Muñoz Ávila","given":["Luis","José"]}],
        "telecom":[{"system":"phone","value":"55 1234"},{"system":"email","value":"a@b.mx"}],
        "gender":"male","birthDate":"1980-05-17","deceasedBoolean":false,
        "address":[{"line":["Calle 5"],"city":"Mérida","state":"Yucatán","postalCode":"97000","country":"MX"}],
        "generalPractitioner":[{"reference":"Practitioner/d1"}],
        "link":[{"other":{"reference":"Patient/p0"},"type":"replaces"}]}"#,
    )
}

fn observation() -> Value {
    json(
        r##"{"resourceType":"Observation","id":"o1","status":"final",
        "contained":[{"resourceType":"Device","id":"d"}],
        "code":{"coding":[{"system":"http://loinc.org","code":"85354-9","display":"Presión arterial"}],"text":"TA"},
        "subject":{"reference":"Patient/p1"},"encounter":{"reference":"Encounter/e1"},
        "performer":[{"identifier":{"system":"urn:cedula","value":"123"}},{"reference":"Patient/p2"}],
        "device":{"reference":"#d"},
        "effectivePeriod":{"start":"2026-03-01T10:00:00-06:00"},
        "valueQuantity":{"value":5.40,"unit":"miligramos","system":"http://unitsofmeasure.org","code":"mg"},
        "component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},
          "valueQuantity":{"value":120,"unit":"mm[Hg]","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}"##,
    )
}

fn values<'e>(entries: &'e [Entry], param: &str) -> Vec<&'e Key> {
    entries.iter().filter(|e| *e.param == *param).map(|e| &e.key).collect()
}

fn token(system: &str, code: &str, text: &str) -> Key {
    Key::Token { system: system.into(), code: code.into(), text: text.into() }
}

fn local(kind: &str, id: &str) -> Key {
    Key::Reference { kind: kind.into(), id: id.into(), url: "".into(), identifier: None }
}

/// `given` and `family` as folded texts.
fn folded(entries: &[Entry], param: &str) -> Vec<String> {
    let texts = values(entries, param).into_iter().map(|key| match key {
        Key::Text { folded, .. } => folded.to_string(),
        other => panic!("{param} is no text: {other:?}"),
    });
    texts.collect()
}

#[test]
fn a_patient_says_what_its_parameters_ask() {
    let entries = extract(&patient(), ZONE);
    assert_eq!(values(&entries, "_id"), [&token("", "p1", "")]);
    assert_eq!(values(&entries, "identifier"), [&token("urn:curp", "MUAL800517", "CURP")]);
    assert_eq!(values(&entries, "identifier:of-type"), [&token("v2|NI", "MUAL800517", "")]);
    assert_eq!(values(&entries, "active"), [&token("", "true", "")]);
    assert_eq!(values(&entries, "gender"), [&token("http://hl7.org/fhir/administrative-gender", "male", "")]);
    assert_eq!(values(&entries, "phone"), [&token("phone", "55 1234", "")]);
    assert_eq!(values(&entries, "email"), [&token("email", "a@b.mx", "")]);
    assert_eq!(values(&entries, "telecom").len(), 2);
    assert_eq!(values(&entries, "deceased"), [&token("", "false", "")], "false and present is not deceased");
    assert_eq!(folded(&entries, "family"), ["munoz avila"]);
    assert_eq!(folded(&entries, "given"), ["luis", "jose"]);
    assert_eq!(folded(&entries, "name"), ["luis munoz avila", "munoz avila", "luis", "jose"]);
    assert_eq!(folded(&entries, "address"), ["calle 5", "merida", "yucatan", "97000", "mx"]);
    assert_eq!(folded(&entries, "address-city"), ["merida"]);
    assert_eq!(values(&entries, "general-practitioner"), [&local("Practitioner", "d1")]);
    assert_eq!(values(&entries, "link"), [&local("Patient", "p0")]);
    assert_eq!(values(&entries, "_tag"), [&token("t", "a", "")]);
    assert_eq!(values(&entries, "_profile").len(), 1);
    assert_eq!(values(&entries, "_source"), [&Key::Uri("urn:s".into())]);
    let Span { from, to } = Span::parse_fhir("1980-05-17", ZONE).expect("a date");
    assert_eq!(values(&entries, "birthdate"), [&Key::Date { from, to }]);
    let Span { from, to } = Span::parse_fhir("2026-01-02T03:04:05.678Z", ZONE).expect("an instant");
    assert_eq!(values(&entries, "_lastUpdated"), [&Key::Date { from, to }]);
    assert!(values(&entries, "death-date").is_empty());
}

#[test]
fn an_observation_says_codes_quantities_components_and_combinations() {
    let entries = extract(&observation(), ZONE);
    let code = token("http://loinc.org", "85354-9", "Presión arterial");
    assert_eq!(values(&entries, "code"), [&code, &token("", "", "TA")]);
    assert_eq!(values(&entries, "subject"), [&local("Patient", "p1")]);
    assert_eq!(values(&entries, "patient"), [&local("Patient", "p1")]);
    assert_eq!(values(&entries, "status"), [&token("http://hl7.org/fhir/observation-status", "final", "")]);
    assert!(values(&entries, "device").is_empty(), "contained");
    let performers = values(&entries, "performer");
    assert!(
        matches!(performers[0], Key::Reference { identifier: Some((s, v)), .. } if &**s == "urn:cedula" && &**v == "123")
    );
    assert_eq!(performers[1], &local("Patient", "p2"));
    let Key::Date { from, to } = values(&entries, "date")[0] else { panic!("no date") };
    assert_eq!(from.to_rfc3339(), "2026-03-01T16:00:00.000Z");
    assert_eq!(to.micros, i64::MAX, "a period without an end is open");
    let quantities = values(&entries, "value-quantity");
    assert_eq!(quantities.len(), 2, "by code and by the written unit");
    let Key::Quantity { low, high, code, canonical: Some((base_low, _, base)), .. } = quantities[0] else {
        panic!("no canonical form: {quantities:?}")
    };
    assert!((low - 5.395).abs() < 1e-9 && (high - 5.405).abs() < 1e-9);
    assert!((base_low - 0.005_395).abs() < 1e-12);
    assert_eq!((&**code, &**base), ("mg", "g"));
    let combinations = values(&entries, "component-code-value-quantity");
    assert!(matches!(combinations[..], [Key::Composite(parts)] if parts.len() == 2));
    assert_eq!(
        values(&entries, "combo-code-value-quantity").len(),
        5,
        "two codes by two units, and the component"
    );
    assert_eq!(values(&entries, "combo-code").len(), 3);
}

#[test]
fn the_other_types_of_values_are_read_too() {
    let invoice =
        fhir!({ "resourceType": "Invoice", "totalNet": { "value": (json("12.5")), "currency": "MXN" } });
    let money = extract(&invoice, ZONE);
    assert!(matches!(&values(&money, "totalnet")[..], [Key::Quantity { code, .. }] if &**code == "MXN"));
    let risk = json(
        r#"{"resourceType":"RiskAssessment","prediction":[{"probabilityRange":{"low":{"value":1},"high":{"value":3}}},{"probabilityDecimal":0.25}]}"#,
    );
    let numbers = extract(&risk, ZONE);
    assert_eq!(values(&numbers, "probability").len(), 2);
    assert_eq!(values(&numbers, "probability")[0], &Key::Number { low: 1.0, high: 3.0 });
    let timed = json(
        r#"{"resourceType":"ServiceRequest","occurrenceTiming":{"event":["2026-01-05","2026-01-01"],"repeat":{"boundsPeriod":{"end":"2026-02-01"}}}}"#,
    );
    assert!(
        matches!(values(&extract(&timed, ZONE), "occurrence")[0], Key::Date { from, .. } if from.micros == i64::MIN)
    );
    let set = json(
        r#"{"resourceType":"ValueSet","url":"http://x/vs","compose":{"include":[{"valueSet":["http://x/other|2"]}]}}"#,
    );
    let entries = extract(&set, ZONE);
    assert_eq!(values(&entries, "url"), [&Key::Uri("http://x/vs".into())]);
    let message = json(
        r#"{"resourceType":"Bundle","type":"message","entry":[{"resource":{"resourceType":"MessageHeader","id":"m"}},{"resource":{"resourceType":"Patient","id":"p"}}]}"#,
    );
    assert_eq!(values(&extract(&message, ZONE), "message"), [&local("MessageHeader", "m")]);
    let library = json(
        r#"{"resourceType":"Library","relatedArtifact":[{"type":"depends-on","resource":"http://x/a|1"},{"type":"successor","resource":"http://x/b"}]}"#,
    );
    let entries = extract(&library, ZONE);
    assert!(
        matches!(&values(&entries, "depends-on")[..], [Key::Reference { url, .. }] if &**url == "http://x/a")
    );
    let condition = json(
        r#"{"resourceType":"Condition","onsetAge":{"value":50,"unit":"años","system":"http://unitsofmeasure.org","code":"a"}}"#,
    );
    assert!(matches!(
        values(&extract(&condition, ZONE), "onset-age")[0],
        Key::Quantity { canonical: Some(_), .. }
    ));
    let variant = json(
        r#"{"resourceType":"MolecularSequence","referenceSeq":{"chromosome":{"coding":[{"code":"1"}]}},"variant":[{"start":5,"end":9}]}"#,
    );
    assert_eq!(values(&extract(&variant, ZONE), "chromosome-variant-coordinate").len(), 1);
}

#[test]
fn every_type_extracts_from_an_empty_and_from_a_wrong_resource_without_a_panic() {
    for kind in crate::schema::resource_types() {
        assert!(extract(&fhir!({ "resourceType": (*kind) }), ZONE).len() <= 1, "{kind}");
        let mut wrong = fhir!({ "resourceType": (*kind) });
        for parameter in parameters(kind) {
            for name in parameter.expression.split(['.', ' ', '(', ')', '|']).filter(|n| !n.is_empty()) {
                wrong.set(
                    name,
                    json(r#"[{"code":[1,null,"x"],"reference":5,"value":{"a":[]}},[],null,-1,"%","\u0000"]"#),
                );
            }
        }
        extract(&wrong, "No/Zone");
        compartment_patients(&wrong);
    }
    assert!(extract(&fhir!({ "resourceType": "Paciente" }), ZONE).is_empty());
}

#[test]
fn a_resource_is_in_the_compartments_of_its_patients() {
    assert_eq!(compartment_patients(&patient()), ["p1"], "a patient's own");
    assert_eq!(compartment_patients(&observation()), ["p1", "p2"], "subject, then performer");
    let organization = fhir!({ "resourceType": "Organization", "id": "x" });
    assert!(compartment_patients(&organization).is_empty());
    let appointment = json(
        r#"{"resourceType":"Appointment","participant":[{"actor":{"reference":"Practitioner/1"}},{"actor":{"reference":"Patient/7/_history/2"}},{"actor":{"reference":"http://other/Patient/8"}}]}"#,
    );
    assert_eq!(compartment_patients(&appointment), ["7"], "a patient of another server is not ours");
}

fn question(kind: &str, text: &str, strict: bool) -> Result<Parsed, badiano_kernel::Fault> {
    let pairs: Vec<(String, String)> = text
        .split('&')
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name.to_owned(), value.to_owned())
        })
        .collect();
    parse(kind, &pairs, strict, ZONE)
}

fn one(kind: &str, text: &str) -> Filter {
    let mut filters = question(kind, text, true).unwrap_or_else(|f| panic!("{text}: {f}")).query.filters;
    assert_eq!(filters.len(), 1, "{text}");
    filters.remove(0)
}

#[test]
fn tokens_are_read_with_their_systems_and_escapes() {
    for (text, system, code) in [
        ("code=a", None, Some("a")),
        ("code=s|a", Some("s"), Some("a")),
        ("code=|a", Some(""), Some("a")),
        ("code=s|", Some("s"), None),
        (r"code=s|a\,b\|c\$d\\e", Some("s"), Some(r"a,b|c$d\e")),
    ] {
        let Filter::Param { any_of, .. } = one("Observation", text) else { panic!("{text}") };
        let expected = Test::Token { system: system.map(Into::into), code: code.map(Into::into) };
        assert_eq!(any_of, [expected], "{text}");
    }
    let Filter::Param { any_of, modifier, .. } = one("Observation", "code:not=a,b,,s|c") else { panic!() };
    assert_eq!((any_of.len(), modifier), (3, Modifier::Not));
    let Filter::Param { any_of, .. } = one("Patient", "identifier:of-type=v2|NI|X") else { panic!() };
    assert!(matches!(&any_of[0], Test::OfType { value, .. } if &**value == "X"));
}

#[test]
fn chains_and_has_name_the_types_they_go_through() {
    let Filter::Chain { param, target, filter } = one("Observation", "patient.identifier=x") else {
        panic!()
    };
    assert_eq!((&*param, &*target), ("patient", "Patient"));
    assert!(matches!(*filter, Filter::Param { .. }));
    let Filter::Any(any) = one("Observation", "subject.name=x") else { panic!("several types have a name") };
    assert_eq!(any.len(), 2, "Location and Patient; Device says device-name, Group nothing");
    assert!(matches!(one("Observation", "subject:Patient.name:exact=x"), Filter::Chain { .. }));
    let Filter::Has { source, filter, .. } =
        one("Patient", "_has:Observation:patient:_has:AuditEvent:entity:agent=1")
    else {
        panic!()
    };
    assert_eq!(&*source, "Observation");
    assert!(matches!(*filter, Filter::Has { .. }));
    for bad in [
        "patient.nothing=x",
        "code.x=1",
        "_has:Observation:code:code=1",
        "_has:Nothing:patient:code=1",
        "subject:Encounter.status=x",
    ] {
        assert_eq!(question("Observation", bad, true).expect_err(bad).kind, FaultKind::Invalid, "{bad}");
        assert_eq!(question("Observation", bad, false).expect(bad).unknown.len(), 1, "{bad}");
    }
    let deep = format!("{}name=x", "general-practitioner:Organization.".to_owned() + &"partof.".repeat(9));
    assert_eq!(question("Patient", &deep, true).expect_err("deep").kind, FaultKind::TooCostly);
}

#[test]
fn result_parameters_are_read_and_limited() {
    let parsed = question(
        "Observation",
        "_sort=-date,_id&_count=5000&_offset=20&_total=none&_include=Observation:subject:Patient&_include:iterate=Patient:organization&_revinclude=Provenance:target&_summary=count&_elements=id,code",
        true,
    )
    .expect("a question");
    let query = parsed.query;
    assert_eq!((query.count, query.offset, query.total), (COUNT_MAX, 20, Total::None));
    assert_eq!(query.sort[0], Sort { param: "date".into(), descending: true });
    assert_eq!((query.include.len(), query.revinclude.len(), query.include[1].iterate), (2, 1, true));
    assert_eq!(question("Patient", "gender=male", true).expect("plain").query.count, COUNT);
}

#[test]
fn what_is_not_understood_is_refused_or_listed_never_dropped() {
    for (text, kind) in [
        ("_text=x", FaultKind::NotSupported),
        ("_content=x", FaultKind::NotSupported),
        ("date=ayer", FaultKind::Invalid),
        ("date=gt2024-13", FaultKind::Invalid),
        ("value-quantity=x|s|mg", FaultKind::Invalid),
        ("value-quantity=1|mg", FaultKind::Invalid),
        ("code:missing=quizá", FaultKind::Invalid),
        ("code:exact=x", FaultKind::Invalid),
        ("code-value-quantity=a", FaultKind::Invalid),
        ("_count=-1", FaultKind::Invalid),
        ("_total=some", FaultKind::Invalid),
        ("_include=Observation:code", FaultKind::Invalid),
        ("_sort=code-value-quantity", FaultKind::NotSupported),
    ] {
        for strict in [true, false] {
            assert_eq!(question("Observation", text, strict).expect_err(text).kind, kind, "{text}");
        }
    }
    let lenient = question("Observation", "foo=1&code=&status=final", false).expect("lenient");
    assert_eq!(lenient.unknown, ["foo", "code"]);
    assert_eq!(lenient.query.filters.len(), 1);
    assert_eq!(question("Observation", "foo=1", true).expect_err("strict").place, "foo");
    let many = vec!["a"; ALTERNATIVES_MAX + 1].join(",");
    assert_eq!(
        question("Observation", &format!("code={many}"), true).expect_err("many").kind,
        FaultKind::TooCostly
    );
    let pairs = vec!["code=a"; PARAMETERS_MAX + 1].join("&");
    assert_eq!(question("Observation", &pairs, true).expect_err("pairs").kind, FaultKind::TooCostly);
    assert!(question("Paciente", "x=1", false).is_err());
}

/// Whether the patient or the observation of these tests fits a question.
fn fits(kind: &str, text: &str) -> bool {
    let (p, o) = (patient(), observation());
    let resource = if kind == "Patient" { &p } else { &o };
    let query = question(kind, text, true).unwrap_or_else(|f| panic!("{text}: {f}")).query;
    let resolve =
        |kind: &str, id: &str| [&p, &o].into_iter().find(|r| r.resource_type() == kind && r.id() == id);
    let of_type = |kind: &str| [&p, &o].into_iter().filter(|r| r.resource_type() == kind).collect();
    matches(
        resource,
        &query.filters,
        ZONE,
        &Others { resolve: &resolve, of_type: &of_type, terminology: None },
    )
    .expect("an answer")
}

#[test]
fn a_resource_fits_exactly_the_questions_that_it_should() {
    for (kind, text, expected) in [
        ("Patient", "name=MUNOZ", true),
        ("Patient", "name=avila", false),
        ("Patient", "name:contains=ávila", true),
        ("Patient", "family:exact=Muñoz Ávila", true),
        ("Patient", "family:exact=Munoz Avila", false),
        ("Patient", "identifier=urn:curp|MUAL800517", true),
        ("Patient", "identifier=urn:other|MUAL800517", false),
        ("Patient", "identifier:of-type=v2|NI|MUAL800517", true),
        ("Patient", "identifier:text=curp", true),
        ("Patient", "gender=male", true),
        ("Patient", "gender=http://hl7.org/fhir/administrative-gender|male", true),
        ("Patient", "gender:not=female", true),
        ("Patient", "death-date:missing=true", true),
        ("Patient", "birthdate=1980-05", true),
        ("Patient", "birthdate=1980-05-18", false),
        ("Patient", "birthdate=lt1980-05-18", true),
        ("Patient", "birthdate=after:1980-05-17", false),
        ("Patient", "birthdate=ge1980-05-17&birthdate=le1980-05-17", true),
        ("Patient", "_lastUpdated=2026-01-01", true),
        ("Patient", "_id=p1,p2", true),
        ("Patient", "_has:Observation:patient:code=85354-9", true),
        ("Patient", "_has:Observation:patient:code=other", false),
        ("Observation", "patient.family=muñoz", true),
        ("Observation", "subject:Patient.birthdate=1981", false),
        ("Observation", "subject=p1", true),
        ("Observation", "subject=Patient/p1", true),
        ("Observation", "subject=Group/p1", false),
        ("Observation", "performer:identifier=urn:cedula|123", true),
        ("Observation", "date=sa2026-02-28", true),
        ("Observation", "date=eb2026-03-02", false),
        ("Observation", "value-quantity=5.4", true),
        ("Observation", "value-quantity=5.4||mg", true),
        ("Observation", "value-quantity=5.4||miligramos", true),
        ("Observation", "value-quantity=0.0054|http://unitsofmeasure.org|g", true),
        ("Observation", "value-quantity=5.3|http://unitsofmeasure.org|mg", false),
        ("Observation", "value-quantity=gt5|http://unitsofmeasure.org|mg", true),
        ("Observation", "value-quantity=ap5.5||mg", true),
        ("Observation", "component-code-value-quantity=8480-6$gt100", true),
        ("Observation", "component-code-value-quantity=8480-6$gt130", false),
        ("Observation", "code:text=presion", true),
        ("Observation", "code:text=ta", true),
        ("Observation", "_filter=status eq final and (date lt 2020 or value-quantity gt 5)", true),
        ("Observation", "_filter=not (status eq final)", false),
        ("Observation", "_filter=patient.name co \"ávila\" and device pr false", true),
        ("Observation", "_filter=code eq http://loinc.org|85354-9", true),
        ("Observation", "_filter=date po 2026-03-05", true),
    ] {
        assert_eq!(fits(kind, text), expected, "{kind}?{text}");
    }
}

#[test]
fn a_filter_expression_that_is_wrong_or_hostile_is_refused() {
    for (text, kind) in [
        ("", FaultKind::Invalid),
        ("status eq", FaultKind::Invalid),
        ("status eq final and", FaultKind::Invalid),
        ("(status eq final", FaultKind::Invalid),
        ("status eq \"final", FaultKind::Invalid),
        ("status eq final x", FaultKind::Invalid),
        ("nothing eq 1", FaultKind::Invalid),
        ("status xx final", FaultKind::NotSupported),
        ("component[code eq x].value eq 1", FaultKind::NotSupported),
        (&"(".repeat(5_000)[..], FaultKind::TooCostly),
        (&"status eq a or ".repeat(5_000)[..], FaultKind::TooCostly),
    ] {
        let fault = question("Observation", &format!("_filter={text}"), false).expect_err(text);
        assert_eq!(fault.kind, kind, "{:.40}: {fault}", text);
    }
}

#[test]
fn no_pair_makes_the_reader_panic() {
    let names = [
        "code",
        "date",
        "subject",
        "_has",
        ":",
        ".",
        "Patient",
        "_filter",
        "_sort",
        "value-quantity",
        "missing",
        "é",
        "_include",
    ];
    let texts = [
        "a",
        "|",
        ",",
        "$",
        "\\",
        "gt",
        "2024",
        "-",
        "\"",
        "(",
        ")",
        " eq ",
        "é",
        "1e9",
        "Patient/1",
        ":",
        "",
        "ap",
        "not",
    ];
    let mut seed = 77_u64;
    let mut next = |of: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % of
    };
    let (mut answered, cases) = (0, 30_000);
    for _ in 0..cases {
        let name: String = (0..1 + next(5)).map(|_| names[next(names.len())]).collect();
        let value: String = (0..next(6)).map(|_| texts[next(texts.len())]).collect();
        answered += usize::from(parse("Observation", &[(name, value)], false, ZONE).is_ok());
    }
    assert!(answered > 0 && answered < cases, "seed 77: {answered} of {cases} answered");
}
