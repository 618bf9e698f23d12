//! Values in, values out.

use super::*;
use crate::tags;

#[test]
fn text_is_decoded_trimmed_and_split() {
    let mut set = DataSet::new();
    set.set_text(SPECIFIC_CHARACTER_SET, "ISO_IR 100");
    assert_eq!(set.set_text(tags::PATIENT_NAME, "MUÑOZ^ANA"), []);
    set.set_text(tags::IMAGE_TYPE, "ORIGINAL\\PRIMARY");
    set.set_text(tags::ROWS, "512");
    set.set_text(tags::PIXEL_SPACING, "0.50\\0.5");
    assert_eq!(set.get(tags::PATIENT_NAME).map(Element::bytes), Some(&b"MU\xD1OZ^ANA "[..]));
    assert_eq!(set.text(tags::PATIENT_NAME).as_deref(), Some("MUÑOZ^ANA"));
    assert_eq!(set.texts(tags::IMAGE_TYPE), ["ORIGINAL", "PRIMARY"]);
    assert_eq!(set.int(tags::ROWS), Some(512));
    assert_eq!(set.floats(tags::PIXEL_SPACING), [0.5, 0.5]);
    assert_eq!(set.text(tags::STUDY_DATE), None);
    assert_eq!(set.set_text(tags::PATIENT_COMMENTS, "山"), ['山']);
}

#[test]
fn elements_stay_in_order_of_their_tags() {
    let mut set = DataSet::new();
    set.set_text(tags::STUDY_DESCRIPTION, "b");
    set.set_text(tags::STUDY_DATE, "20260101");
    set.set_text(tags::PATIENT_ID, "1");
    set.set_text(tags::STUDY_DATE, "20260102");
    let tags: Vec<Tag> = set.iter().map(|e| e.tag).collect();
    assert_eq!(tags, [tags::STUDY_DATE, tags::STUDY_DESCRIPTION, tags::PATIENT_ID]);
    assert_eq!(set.text(tags::STUDY_DATE).as_deref(), Some("20260102"));
}

#[test]
fn another_charset_keeps_the_text_of_items_too() {
    let mut item = DataSet::with_charset(Charset::latin1());
    item.set_text(tags::CODE_MEANING, "Tórax");
    let mut set = DataSet::new();
    set.set_text(SPECIFIC_CHARACTER_SET, "ISO_IR 100");
    set.set_items(tags::PROCEDURE_CODE_SEQUENCE, vec![item]);
    assert_eq!(set.set_charset(&Charset::utf8()), []);
    assert_eq!(set.text(SPECIFIC_CHARACTER_SET).as_deref(), Some("ISO_IR 192"));
    let item = set.item(tags::PROCEDURE_CODE_SEQUENCE).expect("the item stays");
    assert_eq!(item.get(tags::CODE_MEANING).map(Element::bytes), Some("Tórax".as_bytes()));
    assert_eq!(item.text(tags::CODE_MEANING).as_deref(), Some("Tórax"));
}
