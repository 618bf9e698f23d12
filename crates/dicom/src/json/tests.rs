//! The model's examples, there and back.

use super::*;
use crate::charset::Charset;
use crate::dataset::{DataSet, SPECIFIC_CHARACTER_SET, TagPath};
use crate::part10::Bulk;
use crate::{Tag, VR, tags};

fn printed(set: &DataSet) -> String {
    print(set, &[], &|_| String::new())
}

#[test]
fn every_kind_of_value_has_its_form() {
    let mut set = DataSet::new();
    set.set_text(SPECIFIC_CHARACTER_SET, "ISO_IR 100");
    set.set_text(tags::IMAGE_TYPE, "ORIGINAL\\\\AXIAL");
    set.set_text(tags::STUDY_DESCRIPTION, "Tórax \"AP\"");
    set.set_text(tags::PATIENT_NAME, "MUÑOZ^ANA");
    set.set_text(tags::PATIENT_BIRTH_DATE, "");
    set.set_text(tags::PIXEL_SPACING, "0.50\\+.5");
    set.set_text(tags::ROWS, "512");
    set.set_text(tags::FRAME_INCREMENT_POINTER, "00181063");
    set.set_bytes(Tag(0x0009, 0x1001), VR::OB, [1, 2, 3, 4]);
    set.set_items(tags::PROCEDURE_CODE_SEQUENCE, vec![DataSet::new()]);
    assert_eq!(
        printed(&set),
        concat!(
            r#"{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"#,
            r#""00080008":{"vr":"CS","Value":["ORIGINAL",null,"AXIAL"]},"#,
            r#""00081030":{"vr":"LO","Value":["Tórax \"AP\""]},"#,
            r#""00081032":{"vr":"SQ","Value":[{}]},"#,
            r#""00091001":{"vr":"OB","InlineBinary":"AQIDBA=="},"#,
            r#""00100010":{"vr":"PN","Value":[{"Alphabetic":"MUÑOZ^ANA"}]},"#,
            r#""00100030":{"vr":"DA"},"#,
            r#""00280009":{"vr":"AT","Value":["00181063"]},"#,
            r#""00280010":{"vr":"US","Value":[512]},"#,
            r#""00280030":{"vr":"DS","Value":[0.50,0.5]}}"#,
        )
    );
}

#[test]
fn numbers_keep_their_digits_and_others_stay_text() {
    for (text, json) in [
        ("1.", "1"),
        ("-0.0010", "-0.0010"),
        ("007", "7"),
        ("1e5", "1e5"),
        ("1E+05", "1e+05"),
        ("0", "0"),
        ("12a", "\"12a\""),
        ("9007199254740993", "\"9007199254740993\""),
    ] {
        let mut set = DataSet::new();
        set.set_text(tags::SLICE_THICKNESS, text);
        assert_eq!(printed(&set), format!("{{\"00180050\":{{\"vr\":\"DS\",\"Value\":[{json}]}}}}"), "{text}");
    }
}

#[test]
fn bulk_stands_in_its_place_with_its_uri() {
    let mut set = DataSet::new();
    set.set_items(tags::SOURCE_IMAGE_SEQUENCE, vec![DataSet::new()]);
    set.set_text(Tag(0x7FE1, 0x0010), "ACME");
    let bulk = |path: &str, vr| Bulk {
        path: path.parse().expect("a path"),
        vr,
        offset: 1,
        length: 2,
        encapsulated: false,
    };
    let bulk = [bulk("7FE00010", VR::OW), bulk("00082112/0/00420011", VR::OB)];
    assert_eq!(
        print(&set, &bulk, &|bulk| format!("/b/{}", bulk.path)),
        concat!(
            r#"{"00082112":{"vr":"SQ","Value":[{"00420011":{"vr":"OB","BulkDataURI":"/b/00082112/0/00420011"}}]},"#,
            r#""7FE00010":{"vr":"OW","BulkDataURI":"/b/7FE00010"},"#,
            r#""7FE10010":{"vr":"LO","Value":["ACME"]}}"#,
        )
    );
}

#[test]
fn what_was_printed_is_read_back() {
    let mut item = DataSet::with_charset(Charset::utf8());
    item.set_text(tags::CODE_MEANING, "Tórax");
    let mut set = DataSet::new();
    set.set_text(SPECIFIC_CHARACTER_SET, "ISO_IR 192");
    set.set_text(tags::PATIENT_NAME, "Yamada^Tarou=山田^太郎=やまだ^たろう");
    set.set_text(tags::IMAGE_TYPE, "ORIGINAL\\\\AXIAL");
    set.set_text(tags::ROWS, "512");
    set.set_text_as(Tag(0x0009, 0x1002), VR::FD, "0.1\\-3");
    set.set_text_as(Tag(0x0009, 0x1003), VR::SV, "-9223372036854775808");
    set.set_text(tags::PIXEL_SPACING, "0.50\\0.5");
    set.set_text(tags::PATIENT_BIRTH_DATE, "");
    set.set_bytes(Tag(0x0009, 0x1001), VR::OB, [1, 2, 3, 4]);
    set.set_items(tags::PROCEDURE_CODE_SEQUENCE, vec![item]);
    let parsed = parse(printed(&set).as_bytes()).expect("our own text");
    assert_eq!(parsed, [Parsed { dataset: set, bulk: vec![] }]);
}

#[test]
fn references_are_told_and_wrong_models_refused() {
    let text = br#"[{"00080018":{"vr":"UI","Value":["1.2"]},"7FE00010":{"vr":"OW","BulkDataURI":"cid:1"}}]"#;
    let parsed = parse(text).expect("well formed");
    let reference = BulkReference { path: TagPath::root(tags::PIXEL_DATA), vr: VR::OW, uri: "cid:1".into() };
    assert_eq!(parsed[0].bulk, [reference]);
    for bad in [
        r#"{"PatientName":{"vr":"PN"}}"#,
        r#"{"00100010":{"vr":"XX"}}"#,
        r#"{"00100010":{"vr":"LO","Value":["a\\b"]}}"#,
        r#"{"00280010":{"vr":"US","Value":[70000]}}"#,
        r#"{"00280010":{"vr":"US","Value":[1],"InlineBinary":"AA=="}}"#,
        r#"{"00280010":{"vr":"US"},"00280010":{"vr":"US"}}"#,
        r#"[1]"#,
        r#"{"#,
        "",
    ] {
        assert!(parse(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(parse("[".repeat(100_000).as_bytes()).is_err());
}

#[test]
fn spoilt_json_never_panics() {
    let mut set = DataSet::new();
    set.set_text(tags::PATIENT_NAME, "MUNOZ^ANA");
    set.set_text(tags::ROWS, "512");
    set.set_items(tags::PROCEDURE_CODE_SEQUENCE, vec![set.clone()]);
    let text = printed(&set).into_bytes();
    let seed = 0x1503_u64;
    let mut state = seed;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let cases = 10_000;
    for _ in 0..cases {
        let mut spoilt = text.clone();
        for _ in 0..=next(3) {
            let at = next(spoilt.len());
            spoilt[at] = b"{}[]\",:\\u0e-.\xFF"[next(14)];
        }
        spoilt.truncate(1 + next(spoilt.len()));
        let _ = parse(&spoilt);
    }
    println!("seed {seed:#x}, {cases} cases");
}
