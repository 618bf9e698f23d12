//! Clinical documents (CDA R2) through their doors: kept as they came, read as FHIR, written again as a summary.

use crate::asking::{Answer, Asker, Sent};
use crate::world::World;
use axum::http::Method;
use base64::Engine;

const PROBLEM: &str = "Diabetes mellitus tipo 2";

fn document(number: &str, patient: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="2.999.7" extension="{number}"/>
<code code="34133-9" codeSystem="2.16.840.1.113883.6.1"/><title>Resumen clínico</title>
<effectiveTime value="20261120101500-0600"/><confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/>
<recordTarget><patientRole>{patient}<patient><name><given>Íñigo</given><family>Zúñiga</family></name>
<administrativeGenderCode code="M" codeSystem="2.16.840.1.113883.5.1"/><birthTime value="19580215"/></patient></patientRole></recordTarget>
<author><time value="20261120"/><assignedAuthor><id root="2.999.8" extension="CED-1"/><assignedPerson><name><given>Luz</given><family>Ríos</family></name></assignedPerson></assignedAuthor></author>
<component><structuredBody><component><section><templateId root="2.16.840.1.113883.10.20.22.2.5.1"/>
<code code="11450-4" codeSystem="2.16.840.1.113883.6.1"/><title>Problemas</title><text>{PROBLEM}</text>
<entry><act classCode="ACT" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.3"/><id root="2.999.9" extension="P-{number}"/>
<code code="CONC" codeSystem="2.16.840.1.113883.5.6"/><statusCode code="active"/>
<entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.4"/>
<id root="2.999.9" extension="O-{number}"/><code code="55607006" codeSystem="2.16.840.1.113883.6.96"/><statusCode code="completed"/>
<value xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CD" code="E11" codeSystem="2.16.840.1.113883.6.3" displayName="{PROBLEM}"/>
</observation></entryRelationship></act></entry></section></component></structuredBody></component></ClinicalDocument>"#
    )
}

fn numbered(number: &str) -> String {
    format!(r#"<id root="2.999.6" extension="{number}"/>"#)
}

async fn post(world: &World, scripts: &Asker, text: &str) -> Answer {
    let sent = Sent { kind: "application/xml".into(), bytes: text.as_bytes().to_vec() };
    scripts.ask(&world.norte, &Method::POST, "/api/cda", &sent).await
}

async fn get(world: &World, scripts: &Asker, path: &str) -> Answer {
    scripts.ask(&world.norte, &Method::GET, path, &Sent::default()).await
}

fn json(answer: &Answer) -> serde_json::Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("JSON: {}", answer.whole))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_kept_as_it_came_with_what_it_says_and_never_twice() {
    let world = World::new().await;
    let scripts = world.rightful(&world.norte, "scripts").await;
    let text = document("D-1", &numbered("N-77"));
    let taken = post(&world, &scripts, &text).await;
    assert_eq!(taken.status, 201, "{}", taken.whole);
    let taken = json(&taken);
    let (kept, patient) =
        (taken["document"].as_str().expect("a name"), taken["patient"].as_str().expect("one"));

    let reference = json(&get(&world, &scripts, &format!("/fhir/{kept}")).await);
    let data = reference["content"][0]["attachment"]["data"].as_str().expect("the original");
    let original = base64::engine::general_purpose::STANDARD.decode(data).expect("base64");
    assert_eq!(original, text.as_bytes(), "byte for byte");
    assert_eq!(reference["subject"]["reference"].as_str(), Some(patient));
    assert_eq!(reference["author"][0]["display"].as_str(), Some("Luz Ríos"), "{reference}");

    let id = patient.strip_prefix("Patient/").expect("a patient");
    let conditions = get(&world, &scripts, &format!("/fhir/Condition?patient={id}")).await;
    let conditions = json(&conditions);
    assert_eq!(conditions["entry"].as_array().map_or(0, Vec::len), 1, "{conditions}");

    let again = post(&world, &scripts, &text).await;
    assert_eq!(again.status, 200, "{}", again.whole);
    assert_eq!(json(&again)["wrote"].as_array().map_or(9, Vec::len), 0, "nothing is written twice");
    let other = post(&world, &scripts, &text.replace(PROBLEM, "Otra cosa")).await;
    assert_eq!(other.status, 409, "another document under its number: {}", other.whole);

    let second = post(&world, &scripts, &document("D-2", &numbered("N-77"))).await;
    assert_eq!(json(&second)["patient"].as_str(), Some(patient), "the same person: {}", second.whole);

    let summary = get(&world, &scripts, &format!("/api/cda/{id}")).await;
    assert_eq!(summary.status, 200, "{}", summary.whole);
    assert!(summary.kind.starts_with("application/xml"), "{}", summary.kind);
    for said in ["ClinicalDocument", "2.16.840.1.113883.3.215.11.1.1", PROBLEM, "Zúñiga", "N-77"] {
        assert!(summary.whole.contains(said), "{said}: {}", summary.whole);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_document_of_somebody_known_by_a_number_is_refused_and_nothing_is_kept() {
    let world = World::new().await;
    let scripts = world.rightful(&world.norte, "scripts").await;
    for wrong in ["", "<a/>", "<ClinicalDocument", "{}", &document("D-9", "")] {
        let answer = post(&world, &scripts, wrong).await;
        assert!(matches!(answer.status, 400 | 422), "{wrong}: {}", answer.whole);
    }
    let kept = json(&get(&world, &scripts, "/fhir/DocumentReference?_summary=count").await);
    assert_eq!(kept["total"].as_u64(), Some(0), "{kept}");
    let nobody = get(&world, &scripts, "/api/cda/nobody").await;
    assert_eq!(nobody.status, 404, "{}", nobody.whole);
}
