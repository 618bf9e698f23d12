//! The operations of the FHIR door of a running node (HL7 FHIR R4, operations.html), asked as a client asks them.

use crate::fhir_rest::{Answer, Scene, observation, patient};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A patient with observations before and after 2025, a doctor who made them, and somebody else's.
async fn with_care(scene: &Scene) {
    scene.put(&patient("p1", "Muñoz")).await;
    scene.put(&patient("p2", "Ruiz")).await;
    scene.put(&json!({ "resourceType": "Practitioner", "id": "doc" })).await;
    scene.put(&json!({ "resourceType": "Organization", "id": "lab", "name": "Laboratorio" })).await;
    let encounter = json!({
        "resourceType": "Encounter", "id": "e1", "status": "finished",
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB" },
        "subject": { "reference": "Patient/p1" }, "serviceProvider": { "reference": "Organization/lab" },
        "period": { "start": "2026-01-02" }
    });
    scene.put(&encounter).await;
    for n in 0..30 {
        let mut one = observation(&format!("o{n}"), "p1", n);
        one["performer"] = json!([{ "reference": "Practitioner/doc" }]);
        one["effectiveDateTime"] = json!(if n < 10 { "2024-05-01" } else { "2026-01-02" });
        if n == 0 {
            one["encounter"] = json!({ "reference": "Encounter/e1" });
        }
        scene.put(&one).await;
    }
    scene.put(&observation("other", "p2", 1)).await;
}

fn named(answer: &Answer) -> BTreeSet<String> {
    let body = answer.json();
    let entries = body["entry"].as_array().cloned().unwrap_or_default();
    let name = |e: &Value| {
        Some(format!("{}/{}", e["resource"]["resourceType"].as_str()?, e["resource"]["id"].as_str()?))
    };
    entries.iter().filter_map(name).collect()
}

fn matched(answer: &Answer) -> usize {
    let body = answer.json();
    let entries = body["entry"].as_array().cloned().unwrap_or_default();
    entries.iter().filter(|e| e["search"]["mode"] == "match").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_of_a_patient_is_all_that_belongs_to_them_and_whom_it_names_and_nothing_of_others() {
    let scene = Scene::open().await;
    with_care(&scene).await;
    let all = scene.get("/fhir/Patient/p1/$everything").await;
    assert_eq!(all.status, 200, "{}", all.text);
    let given = named(&all);
    for one in ["Patient/p1", "Encounter/e1", "Observation/o29", "Practitioner/doc", "Organization/lab"] {
        assert!(given.contains(one), "{one} in {given:?}");
    }
    assert_eq!((given.len(), matched(&all), &all.json()["total"]), (34, 32, &json!(32)));
    assert!(!given.contains("Patient/p2") && !given.contains("Observation/other"));

    let (mut seen, mut page) = (BTreeSet::new(), scene.get("/fhir/Patient/p1/$everything?_count=7").await);
    let mut pages = 1;
    loop {
        let ids = named(&page);
        let new = ids.iter().filter(|id| !seen.contains(*id)).count();
        assert!(new > 0 && matched(&page) <= 7);
        seen.extend(ids);
        let Some(next) = page.link("next") else { break };
        page = scene.get(&next).await;
        pages += 1;
    }
    assert_eq!((seen, pages), (given, 5), "every one of them is on some page");

    let typed = named(&scene.get("/fhir/Patient/p1/$everything?_type=Observation,Practitioner").await);
    assert_eq!(typed.len(), 31, "{typed:?}");
    let old = scene.get("/fhir/Patient/p1/$everything?end=2025-01-01&_type=Observation").await;
    assert_eq!(matched(&old), 10);
    let sent = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "start", "valueDate": "2025-01-01" }, { "name": "_type", "valueCode": "Observation" }
    ] });
    let new = scene.ask("POST", "/fhir/Patient/p1/$everything", &[], Some(&sent)).await;
    assert_eq!(matched(&new), 20, "{}", new.text);
    let later = scene.get("/fhir/Patient/p1/$everything?_since=2999-01-01").await;
    assert_eq!(matched(&later), 0);

    let visit = named(&scene.get("/fhir/Encounter/e1/$everything").await);
    assert!(visit.contains("Encounter/e1") && visit.contains("Observation/o0"), "{visit:?}");
    assert!(!visit.contains("Observation/o1"));
    for (path, status) in [
        ("/fhir/Patient/nobody/$everything", 404),
        ("/fhir/Observation/o1/$everything", 501),
        ("/fhir/Patient/p1/$everything?_type=Nothing", 400),
        ("/fhir/Patient/p1/$everything?start=soon", 400),
    ] {
        let refused = scene.get(path).await;
        assert_eq!(
            (refused.status, &refused.json()["resourceType"]),
            (status, &json!("OperationOutcome")),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_curp_in_a_question_names_the_patient_and_stands_in_no_address_that_is_answered() {
    let scene = Scene::open().await;
    let person = &badiano_testkit::people::population(11, 1)[0];
    let known = badiano_fhir::json::to_string(&person.patient("urn:x"));
    let mut known: Value = serde_json::from_str(&known).expect("a patient");
    known["id"] = json!("p1");
    scene.put(&known).await;
    let curp = person.curp.as_str();
    for n in 0..3 {
        scene.put(&observation(&format!("o{n}"), "p1", n)).await;
    }
    for (path, hits) in [
        (format!("/fhir/Observation?patient={curp}&_count=2"), 2),
        (format!("/fhir/Observation?subject=Patient/{curp}"), 3),
        (format!("/fhir/Patient/{curp}/Observation?_count=2"), 2),
        (format!("/fhir/Patient/{curp}/$everything?_count=2"), 2),
        (format!("/fhir/Patient?_has:Observation:patient:subject=Patient/{curp}"), 1),
    ] {
        let answer = scene.get(&path).await;
        assert_eq!((answer.status, answer.ids().len()), (200, hits), "{path} {}", answer.text);
        let body = answer.json();
        for link in body["link"].as_array().expect("links") {
            assert!(!link.to_string().contains(curp), "{link}");
        }
        if let Some(next) = answer.link("next") {
            assert_eq!(scene.get(&next).await.status, 200);
        }
    }
    assert_eq!(scene.get(&format!("/fhir/Patient/{curp}")).await.json()["id"], "p1");
}

fn severities(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    assert_eq!((answer.status, &body["resourceType"]), (200, &json!("OperationOutcome")), "{}", answer.text);
    let issues = body["issue"].as_array().expect("issues");
    issues.iter().map(|i| i["severity"].as_str().expect("a code").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_is_validated_without_being_written_against_profiles_that_are_kept_here_too() {
    let scene = Scene::open().await;
    let good = observation("o1", "p1", 1);
    let ask = async |path: &str, body: &Value| scene.ask("POST", path, &[], Some(body)).await;
    assert!(!severities(&ask("/fhir/Observation/$validate", &good).await).contains(&"error".to_owned()));
    let mut bad = good.clone();
    bad["status"] = json!("finished");
    assert!(severities(&ask("/fhir/Observation/$validate", &bad).await).contains(&"error".to_owned()));
    let wrapped = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "resource", "resource": good },
        { "name": "profile", "valueUri": "http://hl7.org/fhir/StructureDefinition/bodyweight" }
    ] });
    let found = ask("/fhir/Observation/$validate", &wrapped).await;
    assert!(severities(&found).contains(&"error".to_owned()), "a pulse is no weight: {}", found.text);
    assert_eq!(scene.get("/fhir/Observation/o1").await.status, 404, "nothing was written");

    let profile = json!({
        "resourceType": "StructureDefinition", "id": "estricto", "url": "https://ejemplo.mx/StructureDefinition/estricto",
        "name": "Estricto", "status": "active", "kind": "resource", "abstract": false, "type": "Observation",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation", "derivation": "constraint",
        "differential": { "element": [
            { "id": "Observation", "path": "Observation" },
            { "id": "Observation.note", "path": "Observation.note", "min": 1 }
        ] }
    });
    scene.put(&profile).await;
    let against = "/fhir/Observation/$validate?profile=https://ejemplo.mx/StructureDefinition/estricto";
    assert!(severities(&ask(against, &good).await).contains(&"error".to_owned()), "a note is missing");
    let mut noted = good.clone();
    noted["note"] = json!([{ "text": "sin novedad" }]);
    assert!(!severities(&ask(against, &noted).await).contains(&"error".to_owned()));

    scene.put(&good).await;
    assert!(!severities(&scene.get("/fhir/Observation/o1/$validate").await).contains(&"error".to_owned()));
    let kept = "/fhir/Observation/o1/$validate?profile=https://ejemplo.mx/StructureDefinition/estricto";
    assert!(severities(&scene.get(kept).await).contains(&"error".to_owned()));
    for (path, body, status) in [
        ("/fhir/Observation/$validate", json!({ "resourceType": "Parameters" }), 400),
        ("/fhir/Patient/$validate", good.clone(), 400),
        ("/fhir/Observation/$validate?mode=never", good.clone(), 400),
        ("/fhir/Observation/nothing/$validate", good.clone(), 404),
        ("/fhir/Nonsense/$validate", good.clone(), 404),
    ] {
        let refused = ask(path, &body).await;
        assert_eq!(
            (refused.status, &refused.json()["resourceType"]),
            (status, &json!("OperationOutcome")),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_added_and_taken_away_as_a_new_version() {
    let scene = Scene::open().await;
    scene.put(&patient("p1", "Muñoz")).await;
    let tags = |codes: &[&str]| {
        let codings: Vec<Value> = codes.iter().map(|c| json!({ "system": "urn:x", "code": c })).collect();
        json!({ "resourceType": "Parameters", "parameter": [{ "name": "meta", "valueMeta": { "tag": codings } }] })
    };
    let added = scene.ask("POST", "/fhir/Patient/p1/$meta-add", &[], Some(&tags(&["a", "b"]))).await;
    assert_eq!(added.status, 200, "{}", added.text);
    let again = scene.ask("POST", "/fhir/Patient/p1/$meta-add", &[], Some(&tags(&["b", "c"]))).await;
    let of = |answer: &Answer| {
        let meta = answer.json()["parameter"][0]["valueMeta"].clone();
        let tags = meta["tag"].as_array().cloned().unwrap_or_default();
        let codes: Vec<String> = tags.iter().filter_map(|t| t["code"].as_str().map(str::to_owned)).collect();
        (codes, meta["versionId"].as_str().unwrap_or("").to_owned())
    };
    assert_eq!(of(&again), (vec!["a".into(), "b".into(), "c".into()], "3".into()));
    let taken = scene.ask("POST", "/fhir/Patient/p1/$meta-delete", &[], Some(&tags(&["a", "z"]))).await;
    assert_eq!(of(&taken), (vec!["b".into(), "c".into()], "4".into()));
    assert_eq!(of(&scene.get("/fhir/Patient/p1/$meta").await), of(&taken));
    assert_eq!(of(&scene.get("/fhir/Patient/p1/_history/2/$meta").await).0, ["a", "b"]);
    assert_eq!(scene.get("/fhir/Patient?_tag=urn:x|c").await.ids(), ["p1"]);
    assert!(scene.get("/fhir/Patient?_tag=urn:x|a").await.ids().is_empty());
    let late = scene
        .ask("POST", "/fhir/Patient/p1/$meta-add", &[("if-match", "W/\"1\"")], Some(&tags(&["q"])))
        .await;
    assert_eq!(late.status, 412);
    let empty = scene.ask("POST", "/fhir/Patient/p1/$meta-add", &[], None).await;
    assert_eq!(empty.status, 400);
}
