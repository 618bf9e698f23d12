//! What goes back: acknowledgements and results (HL7 v2.5.1 sections 2.9 and 7.3).

use crate::maps::mapped;
use crate::messages::{ADT_UTF8, ORM_CRLF};
use badiano_fhir::fhir;
use badiano_hl7::ack::{AckCode, Stamp, acknowledge, is_enhanced, refuse_unreadable, wants_commit};
use badiano_hl7::from_fhir::{Envelope, Report, oru_r01};
use badiano_hl7::map::{Event, Naming, Tables, map};
use badiano_hl7::message::{Charset, Message};
use badiano_kernel::fault::Fault;

const STAMP: Stamp<'static> = Stamp { now: "20261122104000", control_id: "ACK1" };

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\r', "\n")
}

#[test]
fn an_acknowledgement_goes_back_to_the_sender_with_its_control_id() {
    let message = Message::parse(ADT_UTF8).expect("a message");
    let answer = acknowledge(&message, AckCode::of(None, false), None, STAMP);
    assert_eq!(
        text(&answer),
        "MSH|^~\\&|BADIANO|NORTE|HIS|HGN|20261122104000||ACK^A04^ACK|ACK1|P|2.5.1||||||UNICODE UTF-8\nMSA|AA|C0001\n"
    );
    assert!(is_enhanced(&message) && wants_commit(&message, true));
    assert_eq!(AckCode::of(None, true).code(), "CA");
}

#[test]
fn a_fault_is_told_with_its_place_in_the_form_of_the_senders_version() {
    let fault = Fault::invalid("the birth date is no date | at all").at("PID-7");
    let new = Message::parse(ADT_UTF8).expect("a message");
    let answer = text(&acknowledge(&new, AckCode::of(Some(&fault), false), Some(&fault), STAMP));
    assert!(answer.contains("MSA|AE|C0001|the birth date is no date \\F\\ at all\n"), "{answer}");
    assert!(answer.contains("ERR||PID^1^7|102^Data type error^HL70357|E||||the birth"), "{answer}");
    let old = Message::parse(ORM_CRLF).expect("a message");
    let answer = text(&acknowledge(&old, AckCode::of(Some(&fault), false), Some(&fault), STAMP));
    assert!(answer.contains("ERR|PID^1^7^102&Data type error&HL70357\n"), "{answer}");
    for (fault, code) in [
        (Fault::not_supported("x"), "AR"),
        (Fault::forbidden("x"), "AR"),
        (Fault::unavailable("x"), "AE"),
        (Fault::conflict("x"), "AE"),
    ] {
        assert_eq!(AckCode::of(Some(&fault), false).code(), code);
    }
}

#[test]
fn an_answer_is_in_the_character_set_and_the_delimiters_of_the_sender() {
    let bytes = b"MSH#*%!/#CL\xcdNICA#D#E#F#2026##ADT*A08#7\xd1#P#2.4######8859/1\rPID#1\r";
    let message = Message::parse(&bytes[..]).expect("a message");
    let answer = acknowledge(&message, AckCode::Accept, None, STAMP);
    let read = Message::parse(answer.clone()).expect("an answer is a message");
    assert!(answer.starts_with(b"MSH#*%!/#E#F#CL\xcdNICA#D#"), "{}", text(&answer));
    assert_eq!(
        (read.get("MSH-5"), read.get("MSA-2"), read.get("MSH-18")),
        ("CLÍNICA".into(), "7Ñ".into(), "8859/1".into())
    );
}

#[test]
fn bytes_that_are_no_message_are_rejected_in_the_protocols_own_form() {
    let error = Message::parse(&b"GET / HTTP/1.1\r\n"[..]).expect_err("no message");
    let answer = Message::parse(refuse_unreadable(&error, STAMP)).expect("an answer is a message");
    assert_eq!(answer.get("MSA-1"), "AR");
    assert!(answer.get("ERR-8").contains("byte 0"), "{}", answer.get("ERR-8"));
}

fn report() -> badiano_fhir::Value {
    fhir!({
        "resourceType": "DiagnosticReport",
        "id": "r-1",
        "status": "final",
        "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RAD" }] }],
        "code": { "coding": [{ "system": "http://loinc.org", "code": "18748-4" }] },
        "effectiveDateTime": "2026-11-22T17:35:00Z",
        "issued": "2026-11-22T18:00:00.000Z",
        "resultsInterpreter": [{ "display": "Iñaki Núñez & Peña" }],
        "conclusion": "Sin cambios | control\nen un año ^ \\ ~ &"
    })
}

#[test]
fn a_report_goes_back_with_the_numbers_of_the_order_and_is_read_again_the_same() {
    let order = mapped(ORM_CRLF);
    let report = report();
    let what = Report {
        report: &report,
        patient: &order.resources[0].1,
        order: &order.resources[2].1,
        text: "Hallazgos:\nNódulo de 5 mm, densidad < 30 UH",
        study_uid: "1.2.840.99.55",
        authorities: &[],
    };
    for charset in [Charset::Utf8, Charset::Windows1252] {
        let envelope = Envelope {
            sender: ("BADIANO", "NORTE"),
            receiver: ("HIS", "HGN"),
            now: "20261122120000",
            control_id: "R1",
            zone: "America/Mexico_City",
            charset,
        };
        let (bytes, lost) = oru_r01(&envelope, &what).expect("a result");
        assert_eq!(lost, 0);
        let message = Message::parse(bytes).expect("a message");
        assert!(message.issues().is_empty(), "{:?}", message.issues());
        assert_eq!(message.get("OBR-2.1"), "P-55");
        assert_eq!(message.get("OBR-2.2"), "HIS");
        assert_eq!(message.get("OBR-7"), "20261122113500-0600");
        assert_eq!(message.get("OBR-18"), "ACC-55");
        assert_eq!(message.get("PID-5.1"), "MUÑOZ");
        assert_eq!(message.get("OBX-5"), "Hallazgos:\nNódulo de 5 mm, densidad < 30 UH");
        let back = map(&message, &Tables::standard(), &Naming::default());
        assert_eq!(back.event, Event::Result { statuses: vec!["F".into()] });
        let again = back.resources.iter().map(|(_, r)| r).find(|r| r.resource_type() == "DiagnosticReport");
        let again = again.expect("a report");
        assert_eq!(again.str_of("conclusion"), report.str_of("conclusion"));
        assert_eq!(again["resultsInterpreter"][0].str_of("display"), "Iñaki Núñez & Peña");
        assert_eq!(again.str_of("effectiveDateTime"), "2026-11-22T11:35:00-06:00");
        assert!(back.losses.is_empty(), "{:#?}", back.losses);
    }
}

#[test]
fn each_status_of_a_report_has_its_letter_and_a_foreign_one_is_refused() {
    let envelope = Envelope {
        sender: ("A", "B"),
        receiver: ("C", "D"),
        now: "2026",
        control_id: "1",
        zone: "UTC",
        charset: Charset::Ascii,
    };
    let nothing = badiano_fhir::Value::Null;
    for (status, letter) in [
        ("final", "F"),
        ("amended", "C"),
        ("preliminary", "P"),
        ("cancelled", "X"),
        ("entered-in-error", "X"),
    ] {
        let report = report().with("status", status);
        let what = Report {
            report: &report,
            patient: &nothing,
            order: &nothing,
            text: "",
            study_uid: "",
            authorities: &[],
        };
        let (bytes, lost) = oru_r01(&envelope, &what).expect("a result");
        let message = Message::parse(bytes).expect("a message");
        assert_eq!((message.get("OBR-25"), message.get("OBX-11")), (letter.into(), letter.into()));
        assert_eq!(message.get("OBR-3"), "r-1");
        assert!(lost > 0, "ASCII has no place for ñ, and that is told");
    }
    let unknown = report().with("status", "unknown");
    let what = Report {
        report: &unknown,
        patient: &nothing,
        order: &nothing,
        text: "",
        study_uid: "",
        authorities: &[],
    };
    assert!(oru_r01(&envelope, &what).is_err());
}

#[test]
fn a_long_report_goes_on_in_the_next_segment_and_comes_back_as_one_text() {
    let long: String = (0..4_000).map(|n| format!("Renglón número {n} del informe.\n")).collect();
    let report = report();
    let nothing = badiano_fhir::Value::Null;
    let patient = fhir!({ "resourceType": "Patient", "identifier": [{ "system": "urn:x", "value": "1" }] });
    let what = Report {
        report: &report,
        patient: &patient,
        order: &nothing,
        text: &long,
        study_uid: "",
        authorities: &[],
    };
    let envelope = Envelope {
        sender: ("A", "B"),
        receiver: ("C", "D"),
        now: "2026",
        control_id: "1",
        zone: "UTC",
        charset: Charset::Utf8,
    };
    let (bytes, _) = oru_r01(&envelope, &what).expect("a result");
    let back = mapped(&bytes);
    let texts: Vec<&str> = back.resources.iter().filter_map(|(_, r)| r["valueString"].as_str()).collect();
    assert_eq!(texts.first().copied(), Some(long.trim_end_matches('\n')));
}
