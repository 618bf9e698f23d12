//! The FHIR door of a running node (HL7 FHIR R4, http.html, search.html), asked as a client asks it.

use crate::place::{Place, Running, builder};
use badiano_record::NodeRole;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub struct Scene {
    place: Place,
    token: String,
    client: reqwest::Client,
    _running: Running,
}

/// An answer with its headers.
pub struct Answer {
    pub status: u16,
    headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.text))
    }
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|h| h.to_str().ok()).unwrap_or("")
    }
    pub fn ids(&self) -> Vec<String> {
        let body = self.json();
        let entries = body["entry"].as_array().cloned().unwrap_or_default();
        entries.iter().filter_map(|e| e["resource"]["id"].as_str().map(str::to_owned)).collect()
    }
    pub fn link(&self, relation: &str) -> Option<String> {
        let body = self.json();
        let links = body["link"].as_array().cloned().unwrap_or_default();
        let link = links.iter().find(|l| l["relation"] == relation)?;
        let url = link["url"].as_str().expect("a url");
        assert!(url.starts_with("http://127.0.0.1:"), "links lead back over the door that was used: {url}");
        Some(url[url.find("/fhir").expect("the base")..].to_owned())
    }
}

impl Scene {
    pub async fn open() -> Scene {
        let place = Place::new(NodeRole::Hospital, "NLSSA999101");
        let token = place.token().await;
        let running = place.start();
        Scene { place, token, client: builder().build().expect("a client"), _running: running }
    }

    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let method = method.parse().expect("a method");
        let mut request = self.client.request(method, self.place.url(path)).bearer_auth(&self.token);
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/fhir+json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body.as_str().map_or_else(|| body.to_string(), str::to_owned));
        }
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Answer { status, headers, text: answer.text().await.expect("a text") }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], None).await
    }

    pub async fn put(&self, resource: &Value) -> Answer {
        let path = format!("/fhir/{}/{}", text(resource, "resourceType"), text(resource, "id"));
        let answer = self.ask("PUT", &path, &[], Some(resource)).await;
        assert!(matches!(answer.status, 200 | 201), "{} {}", answer.status, answer.text);
        answer
    }
}

pub fn text<'v>(of: &'v Value, key: &str) -> &'v str {
    of[key].as_str().expect("a text")
}

pub fn patient(id: &str, family: &str) -> Value {
    json!({
        "resourceType": "Patient",
        "id": id,
        "text": { "status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>" },
        "name": [{ "family": family }],
        "birthDate": "1980-05-17",
        "contact": [{ "name": { "text": "contacto" }, "gender": "male" }]
    })
}

pub fn observation(id: &str, patient: &str, value: i64) -> Value {
    json!({
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": { "coding": [{ "system": "http://loinc.org", "code": "8867-4" }] },
        "subject": { "reference": format!("Patient/{patient}") },
        "effectiveDateTime": "2026-01-02",
        "valueQuantity": { "value": value }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_gets_the_form_the_part_and_the_version_that_it_asks_for() {
    let scene = Scene::open().await;
    let made = scene.put(&patient("p1", "Muñoz")).await;
    assert_eq!((made.status, made.header("etag")), (201, "W/\"1\""));
    assert!(made.header("location").ends_with("/fhir/Patient/p1/_history/1"), "{}", made.header("location"));

    let part = scene.get("/fhir/Patient/p1?_elements=birthDate&_pretty=true").await;
    let body = part.json();
    assert!(part.text.starts_with("{\n"), "pretty: {}", part.text);
    assert_eq!((&body["birthDate"], &body["contact"]), (&json!("1980-05-17"), &Value::Null));
    assert_eq!(body["meta"]["tag"][0]["code"], "SUBSETTED");
    assert!(scene.get("/fhir/Patient/p1?_summary=text").await.json()["name"].is_null());
    assert!(
        scene.get("/fhir/Patient?_summary=true").await.json()["entry"][0]["resource"]["contact"].is_null()
    );
    assert!(scene.get("/fhir/Patient/p1?_format=xml").await.text.contains("<family value=\"Muñoz\"/>"));

    let known = scene.ask("GET", "/fhir/Patient/p1", &[("if-none-match", "W/\"1\"")], None).await;
    assert_eq!((known.status, known.text.as_str()), (304, ""));
    let since = made.header("last-modified").to_owned();
    assert_eq!(
        scene.ask("GET", "/fhir/Patient/p1", &[("if-modified-since", &since)], None).await.status,
        304
    );
    let head = scene.ask("HEAD", "/fhir/Patient/p1", &[], None).await;
    assert_eq!((head.status, head.text.as_str(), head.header("etag")), (200, "", "W/\"1\""));

    let changed = patient("p1", "Ruiz");
    let minimal = scene
        .ask(
            "PUT",
            "/fhir/Patient/p1",
            &[("prefer", "return=minimal"), ("if-match", "W/\"1\"")],
            Some(&changed),
        )
        .await;
    assert_eq!((minimal.status, minimal.text.as_str(), minimal.header("etag")), (200, "", "W/\"2\""));
    let late = scene.ask("PUT", "/fhir/Patient/p1", &[("if-match", "W/\"1\"")], Some(&changed)).await;
    assert_eq!((late.status, late.json()["resourceType"].as_str()), (412, Some("OperationOutcome")));
    let told = [("prefer", "return=OperationOutcome")];
    let told = scene.ask("PUT", "/fhir/Patient/p1", &told, Some(&changed)).await;
    assert_eq!(told.json()["resourceType"], "OperationOutcome");

    assert_eq!(scene.ask("DELETE", "/fhir/Patient/p1", &[], None).await.status, 204);
    assert_eq!(scene.ask("DELETE", "/fhir/Patient/p1", &[], None).await.status, 204, "deleted is deleted");
    assert_eq!(scene.get("/fhir/Patient/p1").await.status, 410);
    assert_eq!(scene.get("/fhir/Patient/p1/_history/2").await.status, 200);
    assert_eq!(scene.get("/fhir/Nobody/1/2/3").await.json()["resourceType"], "OperationOutcome");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_understood_is_refused_when_strict_and_told_when_not() {
    let scene = Scene::open().await;
    scene.put(&patient("p1", "Ruiz")).await;
    let lenient = scene.get("/fhir/Patient?foo=1&_count=5").await;
    let body = lenient.json();
    assert_eq!((lenient.status, &body["total"]), (200, &json!(1)));
    assert_eq!(body["entry"][1]["search"]["mode"], "outcome");
    assert!(text(&body["entry"][1]["resource"]["issue"][0], "diagnostics").contains("foo"));
    assert_eq!(lenient.link("self").as_deref(), Some("/fhir/Patient?_count=5"), "only what was understood");
    let strict = scene.ask("GET", "/fhir/Patient?foo=1", &[("prefer", "handling=strict")], None).await;
    assert_eq!(strict.status, 400);
    assert_eq!(
        scene.get("/fhir/Patient?birthdate=ayer").await.status,
        400,
        "a wrong value is never passed over"
    );
    let count = scene.get("/fhir/Patient?family=ruiz&_summary=count").await.json();
    assert_eq!((&count["total"], &count["entry"]), (&json!(1), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_hit_is_on_one_page_whatever_is_written_between_and_no_address_names_a_person() {
    let scene = Scene::open().await;
    for n in 0..25 {
        scene.put(&patient(&format!("p{n}"), "Ruíz Ñandú")).await;
    }
    for start in [
        "/fhir/Patient?_count=4",
        "/fhir/Patient?family=ruiz&_count=4",
        "/fhir/Patient?_sort=birthdate&_count=4",
    ] {
        let mut seen = Vec::new();
        let mut page = scene.get(start).await;
        for step in 0.. {
            assert_eq!(page.status, 200, "{}", page.text);
            assert_eq!(page.json()["total"], 25, "{start}, page {step}");
            seen.extend(page.ids());
            // One that was shown changes, one that was not, and one is new.
            scene.put(&patient(&format!("p{}", 24 - step), "Ruíz Ñandú")).await;
            scene.put(&patient(&format!("p{step}"), "Ruíz Ñandú")).await;
            let id = format!("n{step}{}", start.len());
            scene.put(&patient(&id, "Ruíz Ñandú")).await;
            scene.ask("DELETE", &format!("/fhir/Patient/{id}"), &[], None).await;
            let Some(next) = page.link("next") else { break };
            assert!(!next.to_lowercase().contains("ruiz"), "{next}");
            page = scene.get(&next).await;
        }
        let distinct: BTreeSet<_> = seen.iter().collect();
        assert_eq!((seen.len(), distinct.len()), (25, 25), "{start}: {seen:?}");
    }
    let own = scene.get("/fhir/Patient?family=ruiz").await.link("self").expect("a self link");
    assert!(!own.contains("family"), "{own}");
    assert_eq!(scene.get(&own).await.json()["total"], 25, "the sealed address is the same search");
    assert_eq!(scene.get("/fhir/Patient?_page=AAAA").await.status, 400);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let posted =
        scene.ask("POST", "/fhir/Patient/_search?_count=3", &form, Some(&json!("family=RUIZ+nandu"))).await;
    assert_eq!((posted.ids().len(), &posted.json()["total"]), (3, &json!(25)));
    assert_eq!(scene.get(&posted.link("next").expect("more")).await.ids().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_types_compartments_lists_and_the_past_are_asked_too() {
    let scene = Scene::open().await;
    for resource in [
        patient("p1", "Ruiz"),
        patient("p2", "Lara"),
        observation("o1", "p1", 60),
        observation("o2", "p2", 61),
    ] {
        scene.put(&resource).await;
    }
    let subject = json!({ "reference": "Patient/p1" });
    scene
        .put(&json!({ "resourceType": "List", "id": "l", "status": "current", "mode": "working", "subject": subject,
            "entry": [{ "item": { "reference": "Observation/o2" } }] }))
        .await;
    let both = scene.get("/fhir?_type=Patient,Observation&_count=3").await;
    assert_eq!((both.ids(), &both.json()["total"]), (vec!["o2".into(), "o1".into(), "p2".into()], &json!(4)));
    assert_eq!(scene.get(&both.link("next").expect("more")).await.ids(), ["p1"]);
    assert_eq!(scene.get("/fhir?_id=p1,o2").await.ids(), ["o2", "p1"]);
    assert_eq!(scene.get("/fhir/Patient/p1/Observation").await.ids(), ["o1"]);
    assert_eq!(scene.get("/fhir/Patient/p1/Observation?code=none").await.ids(), Vec::<String>::new());
    assert_eq!(scene.get("/fhir/Observation?_list=l").await.ids(), ["o2"]);

    let middle = scene.put(&observation("o1", "p1", 62)).await.json()["meta"]["lastUpdated"].clone();
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    scene.put(&observation("o1", "p1", 63)).await;
    scene.ask("DELETE", "/fhir/Observation/o2", &[], None).await;
    let one = scene.get("/fhir/Observation/o1/_history").await.json();
    assert_eq!(one["total"], 3);
    assert_eq!(one["entry"][0]["response"]["etag"], "W/\"3\"");
    let middle = middle.as_str().expect("an instant").replace('+', "%2B");
    let then = scene.get(&format!("/fhir/Observation/o1/_history?_at={middle}")).await.json();
    assert_eq!(then["entry"][0]["resource"]["valueQuantity"]["value"], 62, "{then}");
    let all = scene.get("/fhir/Observation/_history?_count=2").await;
    assert_eq!(all.json()["entry"][0]["request"], json!({ "method": "DELETE", "url": "Observation/o2" }));
    let mut seen = all.json()["entry"].as_array().expect("a page").len();
    let mut next = all.link("next");
    while let Some(at) = next {
        let page = scene.get(&at).await;
        seen += page.json()["entry"].as_array().map_or(0, Vec::len);
        next = page.link("next");
    }
    assert_eq!(seen, 5, "three versions of o1, one of o2 and its deletion");
    let since = scene.get(&format!("/fhir/_history?_since={middle}")).await.json();
    assert_eq!(since["entry"].as_array().map(Vec::len), Some(3), "{since}");
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_and_patches_change_the_one_that_is_meant() {
    let scene = Scene::open().await;
    let condition = [("if-none-exist", "identifier=urn:x|1")];
    let group = json!({ "resourceType": "Organization", "name": "Uno", "identifier": [{ "system": "urn:x", "value": "1" }] });
    let first = scene.ask("POST", "/fhir/Organization", &condition, Some(&group)).await;
    let second = scene.ask("POST", "/fhir/Organization", &condition, Some(&group)).await;
    assert_eq!((first.status, second.status), (201, 200));
    assert_eq!(first.json()["id"], second.json()["id"]);
    let mut renamed = group.clone();
    renamed["name"] = json!("Dos");
    let updated = scene.ask("PUT", "/fhir/Organization?identifier=urn:x|1", &[], Some(&renamed)).await;
    assert_eq!((updated.status, updated.json()["id"].clone()), (200, first.json()["id"].clone()));
    assert_eq!(
        scene.ask("PUT", "/fhir/Organization", &[], Some(&renamed)).await.status,
        400,
        "no condition at all"
    );

    let at = format!("/fhir/Organization/{}", text(&first.json(), "id"));
    let json_patch = [("content-type", "application/json-patch+json")];
    let patch = json!([{ "op": "replace", "path": "/name", "value": "Tres" }]);
    let patched = scene.ask("PATCH", &at, &json_patch, Some(&patch)).await;
    assert_eq!((patched.status, text(&patched.json(), "name")), (200, "Tres"));
    let parts = json!([{ "name": "type", "valueCode": "replace" }, { "name": "path", "valueString": "Organization.name" },
        { "name": "value", "valueString": "Cuatro" }]);
    let fhir_patch =
        json!({ "resourceType": "Parameters", "parameter": [{ "name": "operation", "part": parts }] });
    let patched = scene.ask("PATCH", "/fhir/Organization?identifier=urn:x|1", &[], Some(&fhir_patch)).await;
    assert_eq!((patched.status, text(&patched.json(), "name")), (200, "Cuatro"), "{}", patched.text);
    let wrong = json!([{ "op": "remove", "path": "/nothing" }]);
    assert_eq!(scene.ask("PATCH", &at, &json_patch, Some(&wrong)).await.status, 400);

    let mut other = group.clone();
    other["id"] = json!("other");
    scene.put(&other).await;
    for (method, body) in [("PUT", Some(&group)), ("DELETE", None)] {
        let several = scene.ask(method, "/fhir/Organization?identifier=urn:x|1", &[], body).await;
        assert_eq!(several.status, 412, "{method}: {}", several.text);
    }
    assert_eq!(scene.ask("POST", "/fhir/Organization", &condition, Some(&group)).await.status, 412);
    let both = scene.ask("DELETE", "/fhir/Organization?identifier=urn:x|1&_count=2", &[], None).await;
    assert_eq!(both.status, 204);
    assert_eq!(scene.get("/fhir/Organization?_summary=count").await.json()["total"], 0);
}
