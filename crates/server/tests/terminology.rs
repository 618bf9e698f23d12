//! The terminology service of a running node (FHIR R4, terminology-service.html), asked as a client asks it.

use crate::fhir_rest::{Answer, Scene};
use serde_json::{Value, json};

fn code_system(version: &str, more: &str) -> Value {
    json!({
        "resourceType": "CodeSystem", "id": format!("partes-{version}"), "url": "http://hospital.mx/partes",
        "version": version, "name": "Partes", "status": "active", "content": "complete", "caseSensitive": true,
        "valueSet": "http://hospital.mx/partes/todas",
        "concept": [{ "code": "cuerpo", "display": "Body", "concept": [
            { "code": "mano", "display": "Hand", "designation": [{ "language": "es-MX", "value": "Mano" }] },
            { "code": more, "display": more }] }]
    })
}

fn parameter(answer: &Answer, name: &str) -> Value {
    let body = answer.json();
    let found = body["parameter"].as_array().and_then(|all| all.iter().find(|p| p["name"] == name).cloned());
    let value = found
        .and_then(|p| p.as_object()?.iter().find(|(k, _)| k.starts_with("value")).map(|(_, v)| v.clone()));
    value.unwrap_or(Value::Null)
}

fn codes(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let contains = body["expansion"]["contains"].as_array().cloned().unwrap_or_default();
    contains.iter().filter_map(|c| c["code"].as_str().map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_r4_publishes_is_served_without_being_loaded() {
    let scene = Scene::open().await;
    let looked = scene
        .get("/fhir/CodeSystem/$lookup?system=http://hl7.org/fhir/administrative-gender&code=female")
        .await;
    assert_eq!((looked.status, parameter(&looked, "display")), (200, json!("Female")), "{}", looked.text);
    let set = "http://hl7.org/fhir/ValueSet/administrative-gender";
    let expanded = scene.get(&format!("/fhir/ValueSet/$expand?url={set}")).await;
    assert_eq!(codes(&expanded), ["male", "female", "other", "unknown"]);
    let judged = scene.get(&format!("/fhir/ValueSet/$validate-code?url={set}&code=femenino")).await;
    assert_eq!((judged.status, parameter(&judged, "result")), (200, json!(false)), "{}", judged.text);
    let as_xml = scene.get(&format!("/fhir/ValueSet/$expand?url={set}&count=1&_format=xml")).await;
    assert!(
        as_xml.text.contains("<ValueSet xmlns") && as_xml.text.contains(r#"<total value="4"/>"#),
        "{}",
        as_xml.text
    );
    let unknown = scene.get("/fhir/ValueSet/$expand?url=http://nadie.mx/vs").await;
    assert_eq!((unknown.status, unknown.json()["issue"][0]["code"].as_str()), (404, Some("not-found")));
    let everything = scene.get("/fhir/ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/ucum-units").await;
    assert_eq!(
        (everything.status, everything.json()["issue"][0]["code"].as_str()),
        (413, Some("too-costly"))
    );
    let told = scene.get("/fhir/metadata?mode=terminology").await.json();
    assert_eq!(told["resourceType"], "TerminologyCapabilities");
    assert!(told["codeSystem"].as_array().is_some_and(|all| all.len() > 1_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_system_is_used_at_once_in_each_version_and_gone_when_it_is_deleted() {
    let scene = Scene::open().await;
    let look = |code: &str, more: &str| {
        let path = format!("/fhir/CodeSystem/$lookup?system=http://hospital.mx/partes&code={code}{more}");
        let scene = &scene;
        async move { scene.get(&path).await }
    };
    assert_eq!(look("mano", "").await.status, 404, "nothing is known before it is written");
    scene.put(&code_system("1.0", "pie")).await;
    let found = look("mano", "&displayLanguage=es").await;
    assert_eq!((found.status, parameter(&found, "display")), (200, json!("Mano")), "{}", found.text);
    scene.put(&code_system("2.0", "dedo")).await;
    assert_eq!(look("pie", "").await.status, 404, "the newest version answers");
    assert_eq!(look("pie", "&version=1.0").await.status, 200);
    assert_eq!(look("dedo", "").await.status, 200);
    let all = scene.get("/fhir/ValueSet/$expand?url=http://hospital.mx/partes/todas").await;
    assert_eq!(codes(&all), ["cuerpo", "mano", "dedo"]);
    let one = scene.get("/fhir/CodeSystem/partes-1.0/$validate-code?code=pie").await;
    assert_eq!(parameter(&one, "result"), json!(true), "{}", one.text);
    let above = scene
        .get("/fhir/CodeSystem/$subsumes?system=http://hospital.mx/partes&codeA=cuerpo&codeB=dedo")
        .await;
    assert_eq!(parameter(&above, "outcome"), json!("subsumes"));
    let gone = scene.ask("DELETE", "/fhir/CodeSystem/partes-2.0", &[], None).await;
    assert!((200..300).contains(&gone.status), "{}", gone.text);
    assert_eq!(look("dedo", "").await.status, 404);
    assert_eq!(look("pie", "").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_come_as_parameters_with_value_sets_of_their_own() {
    let scene = Scene::open().await;
    scene.put(&code_system("1.0", "pie")).await;
    let compose = json!({ "include": [{ "system": "http://hospital.mx/partes",
        "filter": [{ "property": "concept", "op": "descendent-of", "value": "cuerpo" }] }] });
    let set = json!({ "resourceType": "ValueSet", "status": "active", "compose": compose });
    let asked = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "valueSet", "resource": set }, { "name": "filter", "valueString": "man" },
        { "name": "includeDesignations", "valueBoolean": true }] });
    let expanded = scene.ask("POST", "/fhir/ValueSet/$expand", &[], Some(&asked)).await;
    assert_eq!(codes(&expanded), ["mano"], "{}", expanded.text);
    assert!(expanded.text.contains("es-MX"));
    let judged = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "valueSet", "resource": set },
        { "name": "codeableConcept", "valueCodeableConcept": { "coding": [
            { "system": "http://otro.mx", "code": "x" }, { "system": "http://hospital.mx/partes", "code": "pie" }] } }] });
    let judged = scene.ask("POST", "/fhir/ValueSet/$validate-code", &[], Some(&judged)).await;
    assert_eq!(parameter(&judged, "result"), json!(true), "{}", judged.text);
    let bad = json!({ "resourceType": "Parameters", "parameter": [{ "name": "count", "valueString": "many" },
        { "name": "valueSet", "resource": set }] });
    assert_eq!(scene.ask("POST", "/fhir/ValueSet/$expand", &[], Some(&bad)).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closure_table_grows_by_the_lines_of_new_codes() {
    let scene = Scene::open().await;
    scene.put(&code_system("1.0", "pie")).await;
    let ask = |more: Vec<Value>| {
        let mut all = vec![json!({ "name": "name", "valueString": "indice" })];
        all.extend(more);
        json!({ "resourceType": "Parameters", "parameter": all })
    };
    let code = |code: &str| json!({ "name": "concept", "valueCoding": { "system": "http://hospital.mx/partes", "code": code } });
    let early = scene.ask("POST", "/fhir/$closure", &[], Some(&ask(vec![code("mano")]))).await;
    assert_eq!(early.status, 404, "a table begins with its name alone");
    let begun = scene.ask("POST", "/fhir/$closure", &[], Some(&ask(vec![]))).await;
    assert_eq!((begun.status, begun.json()["version"].as_str()), (200, Some("0")), "{}", begun.text);
    let first = scene.ask("POST", "/fhir/$closure", &[], Some(&ask(vec![code("mano")]))).await.json();
    assert_eq!((first["version"].as_str(), &first["group"]), (Some("1"), &Value::Null));
    let second = scene.ask("POST", "/fhir/$closure", &[], Some(&ask(vec![code("cuerpo")]))).await.json();
    let element = &second["group"][0]["element"][0];
    assert_eq!(
        (&element["code"], &element["target"][0]["code"]),
        (&json!("mano"), &json!("cuerpo")),
        "{second}"
    );
    let again = ask(vec![json!({ "name": "version", "valueString": "1" })]);
    let again = scene.ask("POST", "/fhir/$closure", &[], Some(&again)).await.json();
    assert_eq!(again["group"], second["group"]);
}
