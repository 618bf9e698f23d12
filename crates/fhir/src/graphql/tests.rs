//! Queries as FHIR's own page writes them (FHIR R4, graphql.html), over a few resources in memory.

use super::{Answer, Found, Source, read, run};
use crate::value::Value;
use crate::{fhir, json};
use badiano_kernel::{Fault, FaultKind, Instant};

struct Few(Vec<Value>);

impl Source for Few {
    fn read(&self, kind: &str, id: &str) -> Result<Option<Value>, Fault> {
        Ok(self.0.iter().find(|r| r.resource_type() == kind && r.id() == id).cloned())
    }
    /// Every parameter but `_count` is one that refers to the patient.
    fn search(&self, kind: &str, pairs: &[(String, String)]) -> Result<Found, Fault> {
        let fits = |r: &&Value| {
            let own = r["subject"].str_of("reference");
            pairs.iter().filter(|(n, _)| !n.starts_with('_')).all(|(_, v)| v == own)
        };
        let hits: Vec<Value> =
            self.0.iter().filter(|r| r.resource_type() == kind).filter(fits).cloned().collect();
        Ok(Found { total: Some(hits.len()), hits, ..Found::default() })
    }
}

fn few() -> Few {
    Few(vec![
        fhir!({
            "resourceType": "Patient", "id": "p", "active": true, "birthDate": "1980-02-03",
            "name": [
                { "use": "official", "family": "Núñez", "given": ["Ana", "María"] },
                { "use": "usual", "given": ["Anita"] }
            ],
            "telecom": [{ "system": "phone", "value": "55" }, { "system": "email", "value": "a@b" }],
            "managingOrganization": { "reference": "Organization/nowhere" }
        }),
        json::parse(
            br#"{"resourceType":"Observation","id":"o","status":"final","code":{"text":"peso"},
            "subject":{"reference":"Patient/p"},"valueQuantity":{"value":72.50,"unit":"kg"}}"#,
        )
        .expect("JSON"),
    ])
}

fn ask(focus: Option<&str>, query: &str) -> Answer {
    let few = few();
    let focus = focus.and_then(|id| few.0.iter().find(|r| r.id() == id)).cloned();
    let document = read(query).unwrap_or_else(|e| panic!("{query}: {e}"));
    run(&document, None, &Value::Null, focus.as_ref(), &few, Instant::from_seconds(0)).expect("an answer")
}

fn data(focus: Option<&str>, query: &str) -> String {
    let answer = ask(focus, query);
    assert_eq!(answer.errors, [], "{query}");
    json::to_string(&answer.data)
}

#[test]
fn fields_aliases_and_lists_filtered_by_arguments() {
    assert_eq!(data(Some("p"), "{ id active }"), r#"{"id":"p","active":true}"#);
    assert_eq!(
        data(Some("p"), r#"{ names: name(use: "official") { family given } }"#),
        r#"{"names":[{"family":"Núñez","given":["Ana","María"]}]}"#
    );
    assert_eq!(data(Some("p"), "{ name(use: usual) { given } }"), r#"{"name":[{"given":["Anita"]}]}"#);
    assert_eq!(
        data(Some("p"), r#"{ telecom(fhirpath: "system = 'email'") { value } }"#),
        r#"{"telecom":[{"value":"a@b"}]}"#
    );
    assert_eq!(
        data(Some("p"), "{ telecom(_offset: 1, _count: 1) { system } }"),
        r#"{"telecom":[{"system":"email"}]}"#
    );
    assert_eq!(data(Some("p"), "{ contact { name { family } } }"), "{}");
}

#[test]
fn directives_flatten_slice_and_choose() {
    assert_eq!(
        data(Some("p"), "{ name @flatten { given @flatten family } }"),
        r#"{"given":["Ana","María","Anita"],"family":["Núñez"]}"#
    );
    assert_eq!(
        data(Some("p"), "{ name @flatten @first { given @first family @singleton } }"),
        r#"{"given":["Ana"],"family":"Núñez"}"#
    );
    assert_eq!(
        data(Some("p"), r#"{ telecom @slice(fhirpath: "system") @flatten { value } }"#),
        r#"{"value.phone":"55","value.email":"a@b"}"#
    );
    assert_eq!(data(Some("p"), "{ id @skip(if: true) active @include(if: true) }"), r#"{"active":true}"#);
}

#[test]
fn references_are_followed_and_those_that_refer_are_found() {
    let both = "{ code { text } subject { reference resource { ... on Patient { birthDate } ... on Group { id } } } }";
    assert_eq!(
        data(Some("o"), both),
        r#"{"code":{"text":"peso"},"subject":{"reference":"Patient/p","resource":{"birthDate":"1980-02-03"}}}"#
    );
    let back = "{ id ObservationList(_reference: patient) { id } }";
    assert_eq!(data(Some("p"), back), r#"{"id":"p","ObservationList":[{"id":"o"}]}"#);
    let lost = ask(Some("p"), "{ managingOrganization { resource { id } } }");
    assert_eq!(lost.errors.len(), 1);
    assert_eq!(
        data(Some("p"), "{ managingOrganization { reference resource(optional: true) { id } } }"),
        r#"{"managingOrganization":{"reference":"Organization/nowhere"}}"#
    );
    assert_eq!(data(Some("o"), "{ subject { resource(type: Group) { id } } }"), r#"{"subject":{}}"#);
}

#[test]
fn a_choice_of_types_is_asked_by_its_name_or_with_its_type() {
    let by_type = "{ value { ... on Quantity { value unit } ... on CodeableConcept { text } } }";
    assert_eq!(data(Some("o"), by_type), r#"{"value":{"value":72.50,"unit":"kg"}}"#);
    assert_eq!(data(Some("o"), "{ valueQuantity { unit } }"), r#"{"valueQuantity":{"unit":"kg"}}"#);
}

#[test]
fn the_system_reads_and_searches_with_fragments_and_variables() {
    assert_eq!(
        data(None, "query Q { Patient(id: p) { ...who } } fragment who on Patient { id resourceType }"),
        r#"{"Patient":{"id":"p","resourceType":"Patient"}}"#
    );
    assert_eq!(data(None, "{ GroupList(_count: 2) { id } }"), r#"{"GroupList":[]}"#);
    assert_eq!(
        data(None, "{ ObservationConnection(_count: 1) { count edges { mode resource { id } } } }"),
        r#"{"ObservationConnection":{"count":1,"edges":[{"mode":"match","resource":{"id":"o"}}]}}"#
    );
    let document =
        read("query($id: ID!, $all: Boolean = false) { Patient(id: $id) { id active @include(if: $all) } }");
    let variables = fhir!({ "id": "p" });
    let answer = run(&document.expect("read"), None, &variables, None, &few(), Instant::from_seconds(0));
    assert_eq!(json::to_string(&answer.expect("an answer").data), r#"{"Patient":{"id":"p"}}"#);
}

#[test]
fn what_is_wrong_deep_or_endless_is_refused() {
    for wrong in
        ["", "{", "{ }", "{ a( }", "mutation { a }", "{ \"a\" }", "{ a(b: ) }", "{ a @ }", "...x", "{ ..a }"]
    {
        assert!(read(wrong).is_err(), "{wrong}");
    }
    let deep = format!("{}{}", "{ a ".repeat(100), "}".repeat(100));
    assert_eq!(read(&deep).expect_err("deep").kind, FaultKind::TooCostly);
    let lists = format!("{{ a(b: {}1) }}", "[".repeat(10_000));
    assert!(read(&lists).is_err());
    let wide = format!("{{ {} }}", "a ".repeat(3_000));
    assert_eq!(read(&wide).expect_err("wide").kind, FaultKind::TooCostly);
    let few = few();
    let endless = read("{ ...a } fragment a on Patient { id ...a }").expect("read");
    let ran = run(&endless, None, &Value::Null, Some(&few.0[0]), &few, Instant::from_seconds(0));
    assert_eq!(ran.expect_err("endless").kind, FaultKind::TooCostly);
    let no_fields = ask(Some("p"), "{ name id { x } }");
    assert_eq!(no_fields.errors.len(), 2, "{:?}", no_fields.errors);
}
