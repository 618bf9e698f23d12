//! The patient index of a running node over its FHIR doors: `$match` (IHE PDQm ITI-119) and `$ihe-pix` (PIXm ITI-83).

use crate::fhir_rest::Scene;
use serde_json::{Value, json};

const HOSPITAL: &str = "urn:oid:2.16.484.1";
const CLINIC: &str = "urn:oid:2.16.484.2";

fn jose(id: &str) -> Value {
    json!({
        "resourceType": "Patient", "id": id,
        "identifier": [{ "system": HOSPITAL, "value": "H-1" }, { "system": CLINIC, "value": "C-9" }],
        "name": [{ "family": "Peña Ibarra", "given": ["José Ángel"] }],
        "birthDate": "1958-11-02", "gender": "male",
        "telecom": [{ "system": "phone", "value": "951 555 0100" }]
    })
}

fn asked(patient: Value, more: Value) -> Value {
    let mut parameters = vec![json!({ "name": "resource", "resource": patient })];
    parameters.extend(more.as_array().cloned().unwrap_or_default());
    json!({ "resourceType": "Parameters", "parameter": parameters })
}

fn grade(entry: &Value) -> &str {
    let all = entry["search"]["extension"].as_array().expect("extensions");
    let grade = all.iter().find(|e| e["url"] == "http://hl7.org/fhir/StructureDefinition/match-grade");
    grade.and_then(|g| g["valueCode"].as_str()).expect("a grade")
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_found_by_what_is_known_of_them_with_a_grade_a_score_and_why() {
    let scene = Scene::open().await;
    scene.put(&jose("jose")).await;
    scene.put(&crate::fhir_rest::patient("other", "Muñoz Ñandú")).await;
    let slip = json!({
        "resourceType": "Patient", "name": [{ "family": "PENA IBARRA", "given": ["Jose Angel"] }],
        "birthDate": "1958-11-20", "telecom": [{ "system": "phone", "value": "+52 951 555 0100" }]
    });
    let answer = scene.ask("POST", "/fhir/Patient/$match", &[], Some(&asked(slip.clone(), json!([])))).await;
    let bundle = answer.json();
    assert_eq!((answer.status, answer.ids()), (200, vec!["jose".to_owned()]), "{bundle}");
    let entry = &bundle["entry"][0];
    assert_eq!((&bundle["type"], &entry["search"]["mode"]), (&json!("searchset"), &json!("match")));
    let score = entry["search"]["score"].as_f64().expect("a score");
    assert!(score > 0.5 && score <= 1.0, "{score}");
    assert!(["certain", "probable"].contains(&grade(entry)), "{entry}");
    let why = entry["search"]["extension"][1]["extension"].as_array().expect("why");
    assert!(why.iter().any(|f| f["url"] == "first-surname"), "{why:?}");
    let address = entry["fullUrl"].as_str().expect("an address");
    assert!(address.ends_with("/fhir/Patient/jose"), "{address}");

    // What the operation gives is a Bundle that validates here.
    let valid = scene.ask("POST", "/fhir/Bundle/$validate", &[], Some(&bundle)).await.json();
    let errors: Vec<&Value> =
        valid["issue"].as_array().expect("issues").iter().filter(|i| i["severity"] == "error").collect();
    assert!(errors.is_empty(), "{errors:?}");

    let exact = json!([{ "name": "onlyCertainMatches", "valueBoolean": true }, { "name": "count", "valueInteger": 3 }]);
    let sure = scene.ask("POST", "/fhir/Patient/$match", &[], Some(&asked(jose("x"), exact.clone()))).await;
    assert_eq!(sure.ids(), ["jose"], "{}", sure.text);
    assert_eq!(grade(&sure.json()["entry"][0]), "certain");
    scene.put(&jose("twice")).await;
    let unsure = scene.ask("POST", "/fhir/Patient/$match", &[], Some(&asked(jose("x"), exact))).await;
    assert_eq!(unsure.ids(), Vec::<String>::new(), "two that are certain are none");

    // A Patient without Parameters around it, and XML, are understood too.
    let bare = scene.ask("POST", "/fhir/Patient/$match", &[], Some(&slip)).await;
    assert_eq!(bare.ids().len(), 2, "{}", bare.text);
    let xml = scene.ask("POST", "/fhir/Patient/$match?_format=xml", &[], Some(&slip)).await;
    assert!(xml.text.contains("<Bundle") && xml.text.contains("match-grade"), "{}", xml.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_about_nobody_or_of_another_type_is_refused_in_fhirs_form() {
    let scene = Scene::open().await;
    let cases = [
        ("/fhir/Patient/$match", json!({ "resourceType": "Parameters" }), 400),
        ("/fhir/Patient/$match", asked(json!({ "resourceType": "Patient", "active": true }), json!([])), 400),
        ("/fhir/Patient/$match", asked(json!({ "resourceType": "Observation" }), json!([])), 400),
        ("/fhir/Patient/$match", asked(jose("x"), json!([{ "name": "count", "valueInteger": 0 }])), 400),
        ("/fhir/Observation/$match", asked(jose("x"), json!([])), 501),
        ("/fhir/Patient/$match", json!("{"), 400),
    ];
    for (path, body, status) in cases {
        let answer = scene.ask("POST", path, &[], Some(&body)).await;
        let outcome = answer.json();
        assert_eq!(outcome["resourceType"], "OperationOutcome", "{path} {body}: {}", answer.text);
        assert!(answer.status == status || answer.status == 422, "{path} {body}: {}", answer.status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_numbers_of_somebody_are_given_and_of_nobody_are_not() {
    let scene = Scene::open().await;
    scene.put(&jose("jose")).await;
    let found = scene.get(&format!("/fhir/Patient/$ihe-pix?sourceIdentifier={HOSPITAL}|H-1")).await.json();
    let parameters = found["parameter"].as_array().expect("parameters");
    let numbers: Vec<&str> =
        parameters.iter().filter_map(|p| p["valueIdentifier"]["value"].as_str()).collect();
    assert_eq!(
        (numbers, &parameters[1]["valueReference"]["reference"]),
        (vec!["C-9"], &json!("Patient/jose"))
    );
    let narrow = format!("/fhir/Patient/$ihe-pix?sourceIdentifier={CLINIC}|C-9&targetSystem={HOSPITAL}");
    assert_eq!(scene.get(&narrow).await.json()["parameter"][0]["valueIdentifier"]["value"], "H-1");
    let nobody = scene.get(&format!("/fhir/Patient/$ihe-pix?sourceIdentifier={HOSPITAL}|H-2")).await;
    assert_eq!((nobody.status, &nobody.json()["resourceType"]), (404, &json!("OperationOutcome")));
    let bare = scene.get("/fhir/Patient/$ihe-pix?sourceIdentifier=H-1").await;
    assert_eq!(bare.status, 400, "{}", bare.text);
}
