//! STOW-RS with metadata in JSON and XML and bulk data beside them (PS3.18 section 10.5): what comes back is what was described.

use crate::modality::study;
use crate::place::{Place, client};
use badiano_dicom::part10::{Header, Parser};
use badiano_dicom::{json, tags};
use badiano_record::NodeRole;
use serde_json::{Value, json};

const JSON: &str = "application/dicom+json";
const XML: &str = "application/dicom+xml";
const BYTES: &str = "application/octet-stream";

fn read(file: &[u8]) -> Header {
    let mut parser = Parser::part10();
    parser.feed(file).expect("it reads");
    parser.finish().expect("it is whole")
}

/// Content type, Content-Location, bytes.
type Part<'p> = (&'p str, &'p str, &'p [u8]);

async fn store(place: &Place, token: &str, at: &str, form: &str, parts: &[Part<'_>]) -> (u16, Value) {
    let mut body = Vec::new();
    for (kind, location, bytes) in parts {
        body.extend_from_slice(format!("--linde\r\nContent-Type: {kind}\r\n").as_bytes());
        if !location.is_empty() {
            body.extend_from_slice(format!("Content-Location: {location}\r\n").as_bytes());
        }
        body.extend_from_slice(b"\r\n");
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--linde--");
    let kind = format!("multipart/related; type=\"{form}\"; boundary=linde");
    let request = client().post(place.url(&format!("/dicomweb/studies{at}"))).bearer_auth(token);
    let answer = request.header("content-type", kind).body(body).send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.expect("a body")).unwrap_or(Value::Null))
}

async fn given(place: &Place, token: &str, uids: &[&str; 3]) -> Vec<u8> {
    let [study, series, sop] = uids;
    let url = place.url(&format!("/dicomweb/studies/{study}/series/{series}/instances/{sop}"));
    let request =
        client().get(url).bearer_auth(token).header("accept", "application/dicom; transfer-syntax=*");
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200);
    answer.bytes().await.expect("a body").to_vec()
}

fn count(answer: &Value, sequence: &str) -> usize {
    answer[sequence]["Value"].as_array().map_or(0, Vec::len)
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_described_in_json_come_back_as_they_were() {
    let place = Place::new(NodeRole::Hospital, "NLSSA000001");
    let token = place.token().await;
    let _running = place.start();
    let study = study(7, 1, 3);
    let files: Vec<Vec<u8>> = (1..=3).map(|n| study.instance(n).expect("an instance").file).collect();
    let headers: Vec<Header> = files.iter().map(|file| read(file)).collect();
    let mut metadata = Vec::new();
    for (number, header) in headers.iter().enumerate() {
        let text = json::print(&header.dataset, &header.bulk, &|_| format!("pixels/{number}"));
        metadata.push(serde_json::from_str::<Value>(&text).expect("JSON"));
    }
    let metadata = Value::Array(metadata).to_string();
    let pixels = |number: usize| {
        let bulk = &headers[number].bulk[0];
        let from = usize::try_from(bulk.offset).expect("short");
        &files[number][from..from + usize::try_from(bulk.length).expect("short")]
    };
    let parts =
        [(JSON, "", metadata.as_bytes()), (BYTES, "pixels/0", pixels(0)), (BYTES, "pixels/1", pixels(1))];
    let (status, answer) = store(&place, &token, "", JSON, &parts).await;
    assert_eq!(status, 202, "the third has no pixels: {answer}");
    assert_eq!((count(&answer, "00081199"), count(&answer, "00081198")), (2, 1), "{answer}");
    let failed = &answer["00081198"]["Value"][0];
    assert_eq!(failed["00081155"]["Value"][0], study.sop_instance_uid(3));
    assert_eq!(failed["00081197"]["Value"][0], 0xC000);
    for (number, sent) in headers.iter().enumerate().take(2) {
        let sop = study.sop_instance_uid(number as u32 + 1);
        let back = given(&place, &token, &[study.uid(), study.series_uid(), &sop]).await;
        let header = read(&back);
        // As values: on its way through this test a number was spelt anew.
        let described = |h: &Header| {
            let text = json::print(&h.dataset, &[], &|_| String::new());
            serde_json::from_str::<Value>(&text).expect("JSON")
        };
        let (mut before, after) = (sent.clone(), described(&header));
        before.dataset.set_charset(&badiano_dicom::charset::Charset::utf8());
        assert_eq!(described(&before), after);
        let bulk = &header.bulk[0];
        let from = usize::try_from(bulk.offset).expect("short");
        assert!(back[from..].starts_with(pixels(number)), "the pixels are the same");
    }
    let short = [(JSON, "", metadata.as_bytes()), (BYTES, "pixels/2", &pixels(2)[..100])];
    let (status, answer) = store(&place, &token, "", JSON, &short).await;
    assert_eq!((status, count(&answer, "00081198")), (409, 3), "too short: {answer}");
    let whole = [(JSON, "", metadata.as_bytes()), (BYTES, "pixels/2", pixels(2))];
    let (status, answer) = store(&place, &token, "/1.2.3", JSON, &whole).await;
    assert_eq!((status, count(&answer, "00081199")), (409, 0), "of another study: {answer}");
    let (status, answer) = store(&place, &token, &format!("/{}", study.uid()), JSON, &whole).await;
    assert_eq!((status, count(&answer, "00081199")), (202, 1), "{answer}");
}

/// Secondary Capture with pixels beside it.
fn capture(sop: &str, more: &str) -> String {
    let mut text = String::from("<NativeDicomModel>");
    let mut add = |tag: &str, vr: &str, value: &str| {
        text.push_str(&format!(
            "<DicomAttribute tag=\"{tag}\" vr=\"{vr}\"><Value number=\"1\">{value}</Value></DicomAttribute>"
        ));
    };
    add("00080016", "UI", "1.2.840.10008.5.1.4.1.1.7");
    add("00080018", "UI", sop);
    add("00080060", "CS", "OT");
    add("00100020", "LO", "X-1");
    add("0020000D", "UI", "2.25.77");
    add("0020000E", "UI", "2.25.78");
    for (tag, number) in [("00280002", "1"), ("00280010", "4"), ("00280011", "5"), ("00280100", "8")] {
        add(tag, "US", number);
    }
    add("00280004", "CS", "MONOCHROME2");
    add("00283003", "LO", "&#209;and&#250; &amp; compa&#241;&#237;a");
    text.push_str(more);
    text.push_str("<DicomAttribute tag=\"7FE00010\" vr=\"OW\"><BulkData uri=\"p\"/></DicomAttribute></NativeDicomModel>");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_described_in_xml_are_stored_native_and_compressed() {
    let place = Place::new(NodeRole::Hospital, "NLSSA000001");
    let token = place.token().await;
    let _running = place.start();
    let one = capture("2.25.79", "");
    let parts = [(XML, "", one.as_bytes()), (BYTES, "p", &[7; 20][..])];
    let (status, answer) = store(&place, &token, "/2.25.77", XML, &parts).await;
    assert_eq!((status, count(&answer, "00081199")), (200, 1), "{answer}");
    let back = given(&place, &token, &["2.25.77", "2.25.78", "2.25.79"]).await;
    let header = read(&back);
    assert_eq!(header.transfer_syntax, "1.2.840.10008.1.2.1");
    assert_eq!(header.dataset.text(tags::LUT_EXPLANATION).as_deref(), Some("Ñandú & compañía"));
    assert_eq!(header.frames.len(), 1);

    let frames = "<DicomAttribute tag=\"00280008\" vr=\"IS\"><Value number=\"1\">2</Value></DicomAttribute>";
    let two = capture("2.25.80", frames);
    let rle = "image/dicom-rle";
    let parts = [(XML, "", two.as_bytes()), (rle, "p", &[1; 70][..]), (rle, "p", &[2; 71][..])];
    let (status, answer) = store(&place, &token, "", XML, &parts).await;
    assert_eq!(status, 200, "{answer}");
    let header = read(&given(&place, &token, &["2.25.77", "2.25.78", "2.25.80"]).await);
    assert_eq!(header.transfer_syntax, "1.2.840.10008.1.2.5");
    assert_eq!(header.frames.len(), 2, "each part is a frame");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_understood_stores_nothing() {
    let place = Place::new(NodeRole::Hospital, "NLSSA000001");
    let token = place.token().await;
    let _running = place.start();
    let whole = capture("2.25.79", "");
    let bulk = (BYTES, "p", &[7; 20][..]);
    let cases: [(&str, Vec<Part<'_>>, u16); 7] = [
        (XML, vec![(XML, "", b"<html/>"), bulk], 400),
        (XML, vec![(XML, "", whole.as_bytes()), (XML, "", b"<NativeDicomModel>"), bulk], 400),
        (XML, vec![bulk], 400),
        (XML, vec![(XML, "", whole.as_bytes()), (BYTES, "", b"x")], 400),
        (JSON, vec![(JSON, "", b"[{\"00080018\":{\"vr\":\"UI\",\"Value\":[{}]}}]")], 400),
        (JSON, vec![(JSON, "", b"[{}]")], 409),
        ("application/pdf", vec![(JSON, "", b"[{}]")], 415),
    ];
    for (form, parts, expected) in cases {
        let (status, answer) = store(&place, &token, "", form, &parts).await;
        assert_eq!(status, expected, "{form} {answer}");
    }
    let (status, found) = place.get("/dicomweb/studies", &token).await;
    assert!(status == 204 || found == json!([]), "{status} {found}");
}
