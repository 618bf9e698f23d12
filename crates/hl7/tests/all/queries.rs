//! Questions of IHE PDQ and PIX read, and their answers written (IHE ITI-21 and ITI-9).

use badiano_fhir::fhir;
use badiano_hl7::Message;
use badiano_hl7::ack::Stamp;
use badiano_hl7::map::{Naming, Tables};
use badiano_hl7::query::{Answer, Question, answer, of_systems, question};

fn asked(segments: &str) -> Message {
    let header =
        "MSH|^~\\&|PAC|HGN|BADIANO|NORTE|20261122103000||QBP^Q22^QBP_Q21|Q1|P|2.5.1||||||UNICODE UTF-8";
    Message::parse(format!("{header}\r{segments}\r").into_bytes()).expect("a message")
}

fn naming() -> Naming {
    Naming { whole: false, ..Naming::default() }
}

fn read(message: &Message) -> Question {
    question(message, &Tables::standard(), &naming()).expect("a question").expect("a sound one")
}

#[test]
fn a_question_by_name_and_birth_date_asks_for_that_person() {
    let message = asked(
        "QPD|Q22^Find Candidates^HL70471|T-1|@PID.5.1^MUÑOZ*~@PID.5.2^ANA~@PID.7^19850312~@PID.8^F|||||^^^CURP\rRCP|I|5^RD",
    );
    let Question::Who { patient, systems, limit, skip } = read(&message) else { panic!("a question of who") };
    assert_eq!(patient["name"][0].str_of("family"), "MUÑOZ");
    assert_eq!(patient["name"][0]["given"][0].as_str(), Some("ANA"));
    assert_eq!((patient.str_of("birthDate"), patient.str_of("gender")), ("1985-03-12", "female"));
    assert_eq!(systems, ["urn:badiano:authority:CURP"]);
    assert_eq!((limit, skip), (5, 0));
}

#[test]
fn what_cannot_be_asked_is_told_with_its_place() {
    for (segments, place) in [
        ("QPD|Q22|T", "QPD-3"),
        ("QPD|Q22|T|@OBR.4^X", "QPD-3"),
        ("QPD|Q22|T|@PID.0^X", "QPD-3"),
        ("QPD|Q22|T|@PID.8^F", "QPD-3"),
        ("QPD|Q22|T|@PID.5.1^X\rRCP|I|many", "RCP-2"),
        ("QPD|Q22|T|@PID.5.1^X\rDSC|next", "DSC-1"),
        ("RCP|I", "QPD"),
    ] {
        let fault = question(&asked(segments), &Tables::standard(), &naming()).expect("a question");
        assert_eq!(fault.expect_err(segments).place, place, "{segments}");
    }
}

#[test]
fn an_answer_tells_who_was_found_how_sure_that_is_and_what_more_there_is() {
    let message = asked("QPD|Q22^Find Candidates^HL70471|T-1|@PID.5.1^MUÑOZ\rRCP|I|1^RD");
    let patient = fhir!({ "resourceType": "Patient", "gender": "female", "birthDate": "1985-03-12",
        "identifier": [{ "system": "urn:badiano:authority:HGN", "value": "E|1" }],
        "name": [{ "use": "official", "family": "MUÑOZ", "given": ["ANA"] }] });
    let told = Answer { people: vec![(patient, Some(0.994))], total: 3, before: 0, fault: None };
    let stamp = Stamp { now: "20261122103001", control_id: "R1" };
    let bytes = answer(&message, &told, &Tables::standard(), &naming(), stamp);
    let read = Message::parse(bytes).expect("a message");
    assert_eq!(read.kind(), "RSP^K22");
    for (place, value) in [
        ("MSA-1", "AA"),
        ("MSA-2", "Q1"),
        ("QAK-1", "T-1"),
        ("QAK-2", "OK"),
        ("QAK-4", "3"),
        ("QAK-5", "1"),
        ("QAK-6", "2"),
        ("QPD-3.2", "MUÑOZ"),
        ("PID-3.1", "E|1"),
        ("PID-5.1", "MUÑOZ"),
        ("PID-8", "F"),
        ("QRI-1", "99"),
        ("DSC-1", "1"),
    ] {
        assert_eq!(read.get(place), value, "{place}");
    }
}

#[test]
fn a_question_for_numbers_is_answered_with_numbers_alone() {
    let message = Message::parse(
        b"MSH|^~\\&|PAC|HGN|BADIANO|NORTE|20261122103000||QBP^Q23^QBP_Q21|Q1|P|2.5.1\rQPD|Q23|T-2|E-1^^^HGN|^^^CURP~^^^IMSS\r"
            .to_vec(),
    )
    .expect("a message");
    let Question::Numbers { system, value, systems } = read(&message) else { panic!("one for numbers") };
    assert_eq!((system.as_str(), value.as_str()), ("urn:badiano:authority:HGN", "E-1"));
    let patient = fhir!({ "resourceType": "Patient", "name": [{ "family": "MUÑOZ" }], "identifier": [
        { "system": "urn:badiano:authority:IMSS", "value": "I-9" },
        { "system": "urn:badiano:authority:OTHER", "value": "O-9" }
    ] });
    let told = of_systems(&patient, &systems).expect("one of them");
    let told = Answer { people: vec![(told, None)], total: 1, before: 0, fault: None };
    let stamp = Stamp { now: "20261122103001", control_id: "R1" };
    let read = Message::parse(answer(&message, &told, &Tables::standard(), &naming(), stamp)).expect("one");
    assert_eq!((read.kind().as_str(), &*read.get("PID-3.1")), ("RSP^K23", "I-9"));
    let text = String::from_utf8_lossy(read.bytes()).into_owned();
    assert!(!text.contains("MUÑOZ") && !text.contains("O-9"), "{text}");
    assert!(of_systems(&patient, &["urn:badiano:authority:NONE".to_owned()]).is_none());
}
