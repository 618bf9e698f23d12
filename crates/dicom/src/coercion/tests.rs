//! That a rule changes what it names and nothing else, says what was, and never reaches what tells objects apart.

use super::*;
use crate::charset::Charset;
use crate::dataset::DataSet;
use crate::dictionary::Coding;
use crate::part10::{Header, Parser, Piece};
use crate::{Tag, VR, tags};

const EXPLICIT: &str = "1.2.840.10008.1.2.1";

fn read(set: &DataSet) -> (Header, Vec<u8>) {
    let bytes = set.write(Coding::ExplicitLittle);
    let mut parser = Parser::data_set(EXPLICIT, 0).expect("a syntax");
    parser.feed(&bytes).expect("it is read");
    (parser.finish().expect("it is whole"), bytes)
}

fn image() -> DataSet {
    let mut set = DataSet::new();
    for (tag, text) in [
        (tags::SOP_CLASS_UID, "1.2.840.10008.5.1.4.1.1.2"),
        (tags::SOP_INSTANCE_UID, "1.2.3"),
        (tags::MODALITY, "CT"),
        (tags::PATIENT_ID, "HG-0042"),
        (tags::PATIENT_NAME, "PEREZ^ANA"),
        (tags::INSTITUTION_NAME, ""),
    ] {
        set.set_text(tag, text);
    }
    set.set_text_as(Tag(0x0029, 0x0010), VR::LO, "ACME 1.1");
    set.set_bytes(Tag(0x0029, 0x1010), VR::UN, b"TORAX".to_vec());
    set.set_bytes(tags::PIXEL_DATA, VR::OW, vec![9; 100_000]);
    set
}

fn rules(text: &str) -> Vec<Rule> {
    serde_json::from_str(text).expect("rules")
}

fn none() -> Option<DataSet> {
    None
}

fn around<'a>(worklist: &'a dyn Fn() -> Option<DataSet>) -> Around<'a> {
    Around { ae: "CT1", institution: "NLSSA999101", system: "BADIANO", now: "20260101120000", worklist }
}

fn followed(header: &Header, rules: &[Rule]) -> Option<Coerced> {
    coerce(header, &rules.iter().collect::<Vec<_>>(), &around(&none))
}

#[test]
fn every_kind_of_change_is_made_and_said_and_the_pixels_stay_where_they_are() {
    let (header, stored) = read(&image());
    let rules = rules(
        r#"[{"name":"ct1","version":7,"when":{"ae":["CT?"],"modality":["CT"],"attributes":{"PatientID":["HG-*"]}},
          "changes":[
            {"action":"fill","attribute":"InstitutionName","value":"Hospital General"},
            {"action":"fill","attribute":"PatientName","value":"NADIE"},
            {"action":"affix","attribute":"PatientID","without_prefix":"HG-"},
            {"action":"copy","from":"0029xx10:ACME 1.1","to":"BodyPartExamined"},
            {"action":"map","attribute":"BodyPartExamined","values":{"TORAX":"CHEST"}},
            {"action":"set","attribute":"RequestAttributesSequence/0/RequestedProcedureID","value":"RP1"},
            {"action":"remove","attribute":"0029xx10:ACME 1.1"}]}]"#,
    );
    rules[0].check().expect("a good rule");
    let done = followed(&header, &rules).expect("it fits");
    let text = |tag| done.dataset.text(tag).unwrap_or_default();
    assert_eq!(text(tags::INSTITUTION_NAME), "Hospital General");
    assert_eq!(text(tags::PATIENT_NAME), "PEREZ^ANA", "what has a value is not filled");
    assert_eq!((text(tags::PATIENT_ID), text(tags::BODY_PART_EXAMINED)), ("0042".into(), "CHEST".into()));
    assert!(!done.dataset.contains(Tag(0x0029, 0x1010)));
    let request = done.dataset.item(tags::REQUEST_ATTRIBUTES_SEQUENCE).expect("an item was made");
    assert_eq!(request.text(tags::REQUESTED_PROCEDURE_ID).as_deref(), Some("RP1"));
    assert_eq!((done.followed[0].rule.as_str(), done.followed[0].version), ("ct1", 7));
    assert_eq!(done.followed[0].changed.len(), 6, "{:?}", done.followed);
    let original = done.dataset.item(tags::ORIGINAL_ATTRIBUTES_SEQUENCE).expect("what was is said");
    let was = original.item(tags::MODIFIED_ATTRIBUTES_SEQUENCE).expect("the values before");
    assert_eq!(was.text(tags::PATIENT_ID).as_deref(), Some("HG-0042"));
    assert!(!was.contains(tags::PATIENT_NAME) && !was.contains(tags::SOP_CLASS_UID), "only what changed");
    assert!(original.text(tags::MODIFYING_SYSTEM).expect("who").ends_with("ct1 7"));
    let pieces = done.pieces(&header).expect("it can be written");
    let whole: Vec<u8> = pieces
        .iter()
        .flat_map(|piece| match piece {
            Piece::Made(bytes) => bytes.clone(),
            Piece::Stored { offset, length } => {
                stored[*offset as usize..(*offset + *length) as usize].to_vec()
            }
            Piece::Expanded { .. } => panic!("nothing is expanded"),
        })
        .collect();
    let again = DataSet::read(&whole, Coding::ExplicitLittle).expect("a whole object");
    assert_eq!(again.get(tags::PIXEL_DATA), image().get(tags::PIXEL_DATA));
    assert_eq!(again.text(tags::PATIENT_ID).as_deref(), Some("0042"));
}

#[test]
fn a_rule_for_others_leaves_an_object_alone() {
    let (header, _) = read(&image());
    for when in [
        r#"{"ae":["MR*"]}"#,
        r#"{"institution":["DF*"]}"#,
        r#"{"modality":["MR","US"]}"#,
        r#"{"sopClass":["1.2.840.10008.5.1.4.1.1.4"]}"#,
        r#"{"attributes":{"PatientID":[""]}}"#,
        r#"{"attributes":{"AccessionNumber":["?*"]}}"#,
    ] {
        let text = format!(
            r#"[{{"name":"x","when":{when},"changes":[{{"action":"set","attribute":"PatientID","value":"1"}}]}}]"#
        );
        assert_eq!(followed(&header, &rules(&text)), None, "{when}");
    }
}

#[test]
fn text_in_an_undeclared_character_set_is_read_again_and_written_in_utf_8() {
    let mut set = image();
    set.set_bytes(tags::PATIENT_NAME, VR::PN, b"MU\xD1OZ^JOS\xC9".to_vec());
    let (header, _) = read(&set);
    let rules = rules(
        r#"[{"name":"latin","when":{"attributes":{"SpecificCharacterSet":["","ISO_IR 6"]}},
             "changes":[{"action":"charset","is":"ISO_IR 100"}]}]"#,
    );
    let done = followed(&header, &rules).expect("it fits");
    assert_eq!(done.dataset.text(tags::PATIENT_NAME).as_deref(), Some("MUÑOZ^JOSÉ"));
    assert_eq!(done.dataset.text(tags::SPECIFIC_CHARACTER_SET).as_deref(), Some("ISO_IR 192"));
    assert_eq!(done.dataset.charset(), &Charset::utf8());
}

#[test]
fn a_worklist_entry_fills_what_is_missing_and_text_that_does_not_fit_turns_the_object_to_utf_8() {
    let (header, _) = read(&image());
    let entry = || {
        let mut entry = DataSet::new();
        entry.set_text(tags::SPECIFIC_CHARACTER_SET, "ISO_IR 192");
        entry.set_text(tags::PATIENT_NAME, "PÉREZ MUÑOZ^ANA");
        entry.set_text(tags::ACCESSION_NUMBER, "A-9");
        Some(entry)
    };
    let rules = rules(
        r#"[{"name":"mwl","changes":[{"action":"worklist","attributes":["AccessionNumber"],"fill":true},
            {"action":"worklist","attributes":["PatientName","StudyDescription"]}]}]"#,
    );
    let refs: Vec<&Rule> = rules.iter().collect();
    let done = coerce(&header, &refs, &around(&entry)).expect("it fits");
    assert_eq!(done.dataset.text(tags::PATIENT_NAME).as_deref(), Some("PÉREZ MUÑOZ^ANA"));
    assert_eq!(done.dataset.text(tags::ACCESSION_NUMBER).as_deref(), Some("A-9"));
    let without = followed(&header, &rules).expect("it fits");
    assert!(without.followed[0].changed.is_empty());
    assert_eq!(without.followed[0].not_done.len(), 2, "no entry is of this object");
    assert!(!without.dataset.contains(tags::ORIGINAL_ATTRIBUTES_SEQUENCE), "nothing was changed");
}

#[test]
fn what_tells_objects_apart_and_what_no_text_can_say_is_refused_when_a_rule_is_read() {
    for change in [
        r#"{"action":"set","attribute":"SOPInstanceUID","value":"1.2"}"#,
        r#"{"action":"remove","attribute":"PixelData"}"#,
        r#"{"action":"set","attribute":"Rows","value":"12"}"#,
        r#"{"action":"set","attribute":"StudyDate","value":"mañana"}"#,
        r#"{"action":"set","attribute":"Modality","value":"ct"}"#,
        r#"{"action":"set","attribute":"RequestAttributesSequence","value":"x"}"#,
        r#"{"action":"worklist","attributes":["StudyInstanceUID"]}"#,
        r#"{"action":"charset","is":"LATIN"}"#,
    ] {
        let rule: Rule =
            serde_json::from_str(&format!(r#"{{"name":"x","changes":[{change}]}}"#)).expect("a rule");
        assert!(rule.check().is_err(), "{change}");
    }
    for text in [
        r#"{"name":"x","changes":[{"action":"set","attribute":"NoSuchThing","value":"1"}]}"#,
        r#"{"name":"x","changes":[{"action":"set","attribute":"00290010","value":"1"}]}"#,
        r#"{"name":"x","changes":[{"action":"explode","attribute":"PatientID"}]}"#,
        r#"{"name":"x","changes":[{"action":"remove","attribute":"PatientID","extra":1}]}"#,
        r#"{"name":"x","changes":[{"action":"remove","attribute":"PatientName/0/PatientID"}]}"#,
    ] {
        assert!(serde_json::from_str::<Rule>(text).is_err(), "{text}");
    }
}

#[test]
fn patterns_fit_as_they_say() {
    let one = |pattern: &str, text: &str| {
        let text = format!(
            r#"[{{"name":"x","when":{{"attributes":{{"PatientID":["{pattern}"]}}}},"changes":[{{"action":"set","attribute":"PatientSex","value":"O"}}]}}]|{text}"#
        );
        let (rule, id) = text.split_once('|').expect("both");
        let mut set = image();
        set.set_text(tags::PATIENT_ID, id);
        followed(&read(&set).0, &rules(rule)).is_some()
    };
    for (pattern, text, fits) in [
        ("*", "A", true),
        ("A*C", "ABBC", true),
        ("A*C", "ABBCD", false),
        ("?", "A", true),
        ("?", "AB", false),
        ("*B*B", "ABAB", true),
        ("A", "A", true),
        ("", "A", false),
    ] {
        assert_eq!(one(pattern, text), fits, "{pattern} {text}");
    }
}
