//! Files that are no DICOM taken in as objects of a patient: found, given and shown like any other, and refused with a reason.

use crate::modality::study;
use crate::place::{Place, client};
use badiano_dicom::part10::{Header, Parser};
use badiano_dicom::tags;
use badiano_record::NodeRole;
use serde_json::{Value, json};
use std::process::Command;

/// One red pixel.
const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0,
    0, 1, 8, 2, 0, 0, 0, 0x90, 0x77, 0x53, 0xde, 0, 0, 0, 0x0c, b'I', b'D', b'A', b'T', 0x08, 0xd7, 0x63,
    0xf8, 0xcf, 0xc0, 0, 0, 3, 1, 1, 0, 0x18, 0xdd, 0x8d, 0xb0, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae,
    0x42, 0x60, 0x82,
];
const PDF: &[u8] = b"%PDF-1.7\nconsentimiento\n%%EOF\n";

async fn wrap(place: &Place, token: &str, query: &str, file: &[u8]) -> (u16, Value) {
    let request = client().post(place.url(&format!("/api/wrap?{query}"))).bearer_auth(token);
    let answer = request.body(file.to_vec()).send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.expect("a body")).unwrap_or(Value::Null))
}

async fn given(place: &Place, token: &str, path: &str, accept: &str) -> (u16, Vec<u8>) {
    let request = client().get(place.url(path)).bearer_auth(token).header("accept", accept);
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.bytes().await.expect("a body").to_vec())
}

async fn store(place: &Place, token: &str, file: &[u8]) {
    let kind = "multipart/related; type=\"application/dicom\"; boundary=linde";
    let head = b"--linde\r\nContent-Type: application/dicom\r\n\r\n";
    let body = [&head[..], file, b"\r\n--linde--"].concat();
    let request = client().post(place.url("/dicomweb/studies")).bearer_auth(token);
    let answer = request.header("content-type", kind).body(body).send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200);
}

/// The instance as it is kept, and its bytes.
async fn object(place: &Place, token: &str, wrapped: &Value) -> (Header, Vec<u8>) {
    let uid = |name: &str| wrapped[name].as_str().expect("a UID").to_owned();
    let path =
        format!("/dicomweb/studies/{}/series/{}/instances/{}", uid("study"), uid("series"), uid("sop"));
    let (status, bytes) = given(place, token, &path, "application/dicom; transfer-syntax=*").await;
    assert_eq!(status, 200);
    let mut parser = Parser::part10();
    parser.feed(&bytes).expect("it reads");
    (parser.finish().expect("it is whole"), bytes)
}

/// DCMTK reads it too, where it is installed.
fn dcmdump(bytes: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), bytes).expect("written");
    let dump = Command::new("dcmdump").arg(file.path()).output().expect("DCMTK is installed");
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    String::from_utf8_lossy(&dump.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_and_a_document_join_a_study_and_speak_with_its_voice() {
    let place = Place::new(NodeRole::Hospital, "NLSSA000001");
    let token = place.token().await;
    let _running = place.start();
    let study = study(7, 1, 1);
    let first = study.instance(1).expect("an instance").file;
    store(&place, &token, &first).await;
    let of = format!("study={}", study.uid());
    let (status, picture) = wrap(&place, &token, &format!("{of}&title=Herida"), PNG).await;
    assert_eq!((status, picture["kind"].as_str()), (200, Some("png")), "{picture}");
    let (status, document) = wrap(&place, &token, &format!("{of}&title=Consentimiento"), PDF).await;
    assert_eq!((status, document["kind"].as_str()), (200, Some("pdf")), "{document}");

    let (_, series) = place.get(&format!("/dicomweb/studies/{}/series", study.uid()), &token).await;
    assert_eq!(series.as_array().map(Vec::len), Some(3), "each file is a series: {series}");
    let mut parser = Parser::part10();
    parser.feed(&first).expect("it reads");
    let sent = parser.finish().expect("it is whole").dataset;
    for wrapped in [&picture, &document] {
        let (header, bytes) = object(&place, &token, wrapped).await;
        for tag in [tags::PATIENT_ID, tags::PATIENT_NAME, tags::STUDY_DATE, tags::ACCESSION_NUMBER] {
            assert_eq!(header.dataset.text(tag), sent.text(tag), "{tag}");
        }
        assert!(dcmdump(&bytes).contains("MediaStorageSOPClassUID"));
    }
    let (header, bytes) = object(&place, &token, &document).await;
    assert_eq!(header.dataset.text(tags::DOCUMENT_TITLE).as_deref(), Some("Consentimiento"));
    assert!(bytes.windows(PDF.len()).any(|w| w == PDF), "the document as it came");
    let path = |of: &Value| {
        let uid = |name: &str| of[name].as_str().expect("a UID").to_owned();
        format!("/dicomweb/studies/{}/series/{}/instances/{}", uid("study"), uid("series"), uid("sop"))
    };
    let (status, shown) = given(&place, &token, &format!("{}/rendered", path(&picture)), "image/png").await;
    assert_eq!(status, 200);
    assert!(shown.starts_with(b"\x89PNG"), "shown like any other image");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_belongs_to_somebody_and_is_of_a_kind_that_is_wrapped() {
    let place = Place::new(NodeRole::Hospital, "NLSSA000001");
    let token = place.token().await;
    let _running = place.start();
    let person = json!({ "resourceType": "Patient", "name": [{ "family": "Muñoz", "given": ["Ana"] }], "gender": "female", "birthDate": "1980-02-03" });
    let made = client().post(place.url("/fhir/Patient")).bearer_auth(&token).json(&person);
    let made = made.send().await.expect("an answer");
    let patient: Value = made.json().await.expect("a patient");
    let of = format!("patient={}", patient["id"].as_str().expect("an id"));
    let (status, wrapped) = wrap(&place, &token, &format!("{of}&origin=capture"), PNG).await;
    assert_eq!(status, 200, "{wrapped}");
    let (header, _) = object(&place, &token, &wrapped).await;
    assert_eq!(header.dataset.text(tags::PATIENT_NAME).as_deref(), Some("Muñoz^Ana"));
    assert_eq!(wrapped["sop_class"], "1.2.840.10008.5.1.4.1.1.7");
    let (status, found) = place.get("/dicomweb/studies?PatientName=MUNOZ*", &token).await;
    assert_eq!((status, found.as_array().map(Vec::len)), (200, Some(1)), "{found}");

    let long = format!("{of}&title={}", "x".repeat(65));
    let cases: [(&str, &[u8], u16); 8] = [
        ("", PNG, 400),
        (&of, b"hola", 501),
        (&of, b"", 501),
        (&of, &PNG[..40], 501),
        (&long, PNG, 400),
        ("patient=nobody", PNG, 404),
        ("accession=NONE", PNG, 404),
        ("patient=nobody&origin=painting", PNG, 400),
    ];
    for (query, file, expected) in cases {
        let (status, answer) = wrap(&place, &token, query, file).await;
        assert_eq!(status, expected, "{query}: {answer}");
        assert!(answer.to_string().len() > 20, "and a reason: {answer}");
    }
    let (_, found) = place.get("/dicomweb/studies", &token).await;
    assert_eq!(found.as_array().map(Vec::len), Some(1), "what was refused left nothing: {found}");
}
