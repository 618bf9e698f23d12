//! What a simulated institution says: a person's record, and every bad form of it.

use super::{Behaviour, json};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::{Response, StatusCode};
use std::time::Duration;

pub type Body = http_body_util::combinators::BoxBody<Bytes, std::io::Error>;

/// A person's record at one institution: the person, and six things about them that bear the institution's CLUES.
pub fn record(clues: &str, curp: &str, kind: &str) -> String {
    let mut entries = vec![person(clues, curp)];
    let about = all(clues, &patient_id(clues, curp));
    entries.extend(about.into_iter().filter(|(k, _)| kind == "Patient" || *k == kind).map(|(_, text)| text));
    bundle(&entries, None)
}

fn patient_id(clues: &str, curp: &str) -> String {
    format!("{clues}-{}", &curp[..curp.len().min(18)])
}

fn person(clues: &str, curp: &str) -> String {
    let id = patient_id(clues, curp);
    format!(
        r#"{{"resourceType":"Patient","id":"{id}","meta":{{"versionId":"1","lastUpdated":"2026-01-02T10:00:00Z"}},"identifier":[{{"use":"official","system":"urn:oid:2.16.840.1.113883.4.629","value":"{curp}"}},{{"system":"urn:badiano:clues:{clues}","value":"{id}"}}],"active":true,"name":[{{"use":"official","text":"Persona de {clues}","family":"Persona","given":["de","{clues}"]}}],"gender":"female","birthDate":"1980-01-01"}}"#
    )
}

fn all(clues: &str, patient: &str) -> Vec<(&'static str, String)> {
    let day = clues.bytes().fold(0u32, |n, b| n + u32::from(b)) % 28 + 1;
    let meta = r#""meta":{"versionId":"1","lastUpdated":"2026-01-02T10:00:00Z"}"#;
    let subject = format!(r#"{{"reference":"Patient/{patient}"}}"#);
    let coded = |code: &str, text: &str| {
        format!(
            r#"{{"coding":[{{"system":"http://snomed.info/sct","code":"{code}","display":"{text}"}}],"text":"{text} ({clues})"}}"#
        )
    };
    vec![
        (
            "AllergyIntolerance",
            format!(
                r#"{{"resourceType":"AllergyIntolerance","id":"{clues}-a1",{meta},"clinicalStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}}]}},"code":{},"patient":{subject},"recordedDate":"2025-11-{day:02}"}}"#,
                coded("91936005", "Alergia a la penicilina")
            ),
        ),
        (
            "Condition",
            format!(
                r#"{{"resourceType":"Condition","id":"{clues}-c1",{meta},"code":{},"subject":{subject},"recordedDate":"2025-10-{day:02}"}}"#,
                coded("44054006", "Diabetes mellitus tipo 2")
            ),
        ),
        (
            "Condition",
            format!(
                r#"{{"resourceType":"Condition","id":"{clues}-c2",{meta},"code":{},"subject":{subject},"recordedDate":"2024-09-{day:02}"}}"#,
                coded("38341003", "Hipertensión arterial")
            ),
        ),
        (
            "MedicationRequest",
            format!(
                r#"{{"resourceType":"MedicationRequest","id":"{clues}-m1",{meta},"status":"active","intent":"order","medicationCodeableConcept":{},"subject":{subject},"authoredOn":"2026-01-{day:02}"}}"#,
                coded("109081006", "Metformina 850 mg")
            ),
        ),
        (
            "DiagnosticReport",
            format!(
                r#"{{"resourceType":"DiagnosticReport","id":"{clues}-d1",{meta},"status":"final","code":{},"subject":{subject},"issued":"2026-01-{day:02}T12:00:00Z","conclusion":"Sin alteraciones ({clues})"}}"#,
                coded("169069000", "TC de tórax")
            ),
        ),
        (
            "ImagingStudy",
            format!(
                r#"{{"resourceType":"ImagingStudy","id":"{clues}-i1",{meta},"status":"available","subject":{subject},"started":"2026-01-{day:02}T11:00:00Z","description":"TC de tórax ({clues})","numberOfSeries":2,"numberOfInstances":120}}"#
            ),
        ),
    ]
}

fn bundle(entries: &[String], next: Option<&str>) -> String {
    let link = next.map_or(String::new(), |url| format!(r#""link":[{{"relation":"next","url":"{url}"}}],"#));
    let entries: Vec<String> =
        entries.iter().map(|e| format!(r#"{{"resource":{e},"search":{{"mode":"match"}}}}"#)).collect();
    format!(
        r#"{{"resourceType":"Bundle","type":"searchset","total":1,{link}"entry":[{}]}}"#,
        entries.join(",")
    )
}

fn whole(text: String) -> Response<Body> {
    json(Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed())
}

fn other_than(curp: &str) -> &'static str {
    if curp == "SABC560626MDFLRN01" { "AAPR630321HDFLRC09" } else { "SABC560626MDFLRN01" }
}

/// The answer of a source that behaves badly.
pub async fn hostile(behaviour: Behaviour, own: &str, clues: &str, curp: &str, kind: &str) -> Response<Body> {
    let good = || record(clues, curp, kind);
    match behaviour {
        Behaviour::Hangs => std::future::pending().await,
        Behaviour::Refuses(status) => {
            let mut answer = whole("{}".into());
            *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
            answer
        }
        Behaviour::Drips => json(drips(good())),
        Behaviour::Endless => json(endless(clues, curp)),
        Behaviour::BreaksOff => json(breaks_off(good())),
        Behaviour::WrongPatient => whole(record(clues, other_than(curp), kind)),
        Behaviour::MixesPatients => {
            let (_, of_another) = all(clues, "somebody-else").remove(1);
            whole(good().replacen("\"entry\":[", &format!("\"entry\":[{{\"resource\":{of_another}}},"), 1))
        }
        Behaviour::NobodysEntries => {
            let (_, one) = all(clues, &patient_id(clues, curp)).remove(1);
            whole(bundle(&[one], None))
        }
        Behaviour::Garbage => whole("<html><body>502 Bad Gateway</body></html>".into()),
        Behaviour::Truncated => whole(good()[..good().len() / 2].to_owned()),
        Behaviour::TooDeep => whole(format!(r#"{{"resourceType":"Bundle","x":{}"#, "[".repeat(10_000))),
        Behaviour::NotASearchset => whole(person(clues, curp)),
        Behaviour::WrongType => {
            whole(bundle(&[person(clues, curp), r#"{"resourceType":"Binary","id":"1"}"#.into()], None))
        }
        Behaviour::WithoutIds => whole(good().replace("\"id\":", "\"nobody\":")),
        Behaviour::HugeHeaders => {
            let mut answer = whole(good());
            for n in 0..64 {
                let name = hyper::header::HeaderName::from_bytes(format!("x-{n}").as_bytes());
                let value = hyper::header::HeaderValue::from_str(&"a".repeat(4000));
                answer.headers_mut().insert(name.expect("a name"), value.expect("a value"));
            }
            answer
        }
        Behaviour::RedirectsElsewhere => {
            let mut answer = whole(String::new());
            *answer.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            let to = hyper::header::HeaderValue::from_static("https://localhost:1/fhir/Patient/_search");
            answer.headers_mut().insert("location", to);
            answer
        }
        Behaviour::NextPageElsewhere => {
            whole(bundle(&[person(clues, curp)], Some("https://elsewhere.example/fhir/Patient?_page=2")))
        }
        Behaviour::PagesForEver => {
            let same = format!("{own}/fhir/{kind}?_page=%7C{curp}");
            whole(bundle(&[person(clues, curp)], Some(&same)))
        }
        Behaviour::Answers(_) | Behaviour::Drops | Behaviour::HangsInTheHandshake => whole(good()),
    }
}

fn drips(text: String) -> Body {
    let bytes = Bytes::from(text);
    let slowly = stream::unfold(0, move |at| {
        let bytes = bytes.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            (at < bytes.len()).then(|| (Ok(Frame::data(bytes.slice(at..at + 1))), at + 1))
        }
    });
    BodyExt::boxed(StreamBody::new(slowly))
}

fn endless(clues: &str, curp: &str) -> Body {
    let begin = bundle(&[person(clues, curp)], None);
    let begin = Bytes::from(begin.trim_end_matches("]}").to_owned());
    let again = Bytes::from(format!(r#",{{"resource":{}}}"#, person(clues, curp)).repeat(64));
    let chunks = stream::unfold(true, move |first| {
        let chunk = if first { begin.clone() } else { again.clone() };
        async move { Some((Ok(Frame::data(chunk)), false)) }
    });
    BodyExt::boxed(StreamBody::new(chunks))
}

fn breaks_off(text: String) -> Body {
    let half = Bytes::from(text[..text.len() / 3].to_owned());
    let chunks = vec![Ok(Frame::data(half)), Err(std::io::Error::other("the source went away"))];
    BodyExt::boxed(StreamBody::new(stream::iter(chunks)))
}
