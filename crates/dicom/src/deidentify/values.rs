//! What stands in the place of a value: dummies by VR, dates moved by whole days (PS3.15 E.1.1, E.3.6).

use super::SEQUENCES_REMOVED;
use crate::dataset::DataSet;
use crate::dictionary;
use crate::element::{Element, Value};
use crate::tags;
use dicom_core::{Tag, VR};

const NOBODY: &str = "ANON";

/// A value of the same form that says nothing; `None` for what is better absent.
pub fn dummy(element: &Element) -> Option<Element> {
    if element.is_empty() {
        return Some(element.clone());
    }
    if let Value::Items(_) = element.value {
        return dummy_items(element.tag);
    }
    let vr = element.meaning();
    let text = match vr {
        VR::DA => "19000101",
        VR::TM => "000000",
        VR::DT => "19000101000000",
        VR::AS => "000Y",
        VR::UR => "urn:anon",
        VR::UN => return None,
        VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW => {
            let value = Value::Bytes(vec![0; 8].into());
            return Some(Element { tag: element.tag, vr, value });
        }
        vr if crate::element::unit(vr) > 1 || matches!(vr, VR::DS | VR::IS) => "0",
        _ => NOBODY,
    };
    let mut set = DataSet::new();
    set.set_text_as(element.tag, vr, text);
    set.remove(element.tag)
}

/// A code, or a line of a report, that says that something was taken out.
fn dummy_items(tag: Tag) -> Option<Element> {
    if SEQUENCES_REMOVED.contains(&tag) {
        return None;
    }
    let mut code = DataSet::new();
    code.set_text(tags::CODE_VALUE, NOBODY);
    code.set_text(tags::CODING_SCHEME_DESIGNATOR, "99BADIANO");
    code.set_text(tags::CODE_MEANING, "removed");
    let item = if tag == tags::CONTENT_SEQUENCE {
        let mut line = DataSet::new();
        line.set_text(tags::RELATIONSHIP_TYPE, "CONTAINS");
        line.set_text(tags::VALUE_TYPE, "TEXT");
        line.set_items(tags::CONCEPT_NAME_CODE_SEQUENCE, vec![code]);
        line.set_text(tags::TEXT_VALUE, "removed");
        line
    } else {
        code
    };
    Some(Element { tag, vr: VR::SQ, value: Value::Items(vec![item]) })
}

/// Whether the items of a sequence are replaced as a whole, since codes and lines in them are not named by the table.
pub fn replaced_whole(tag: Tag) -> bool {
    tag == tags::CONTENT_SEQUENCE
        || SEQUENCES_REMOVED.contains(&tag)
        || dictionary::keyword(tag).is_some_and(|k| k.ends_with("CodeSequence"))
}

/// Dates some days earlier. Times of day stay; what is no whole date becomes empty.
pub fn shifted(set: &DataSet, element: &Element, days: i64) -> Option<Element> {
    let vr = element.meaning();
    let moved: Vec<String> = match vr {
        VR::TM => return Some(element.clone()),
        VR::DA | VR::DT => {
            set.texts_of(element).0.iter().map(|t| earlier(t, days).unwrap_or_default()).collect()
        }
        _ => return None,
    };
    let mut to = DataSet::new();
    to.set_text_as(element.tag, vr, &moved.join("\\"));
    to.remove(element.tag)
}

/// `YYYYMMDD` and whatever follows it, some days earlier.
fn earlier(text: &str, days: i64) -> Option<String> {
    let plain = text.replace('.', "");
    let (date, rest) = match text.as_bytes().get(4) {
        // ACR-NEMA: `2026.01.02`.
        Some(b'.') => (plain.get(..8)?, plain.get(8..)?),
        _ => (text.get(..8)?, text.get(8..)?),
    };
    if !date.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| date[from..to].parse::<i64>().ok();
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month, day) = civil(day_number(year, month, day) - days);
    Some(format!("{year:04}{month:02}{day:02}{rest}"))
}

/// Days since 0000-03-01 of the proleptic Gregorian calendar: years that begin in March have their leap day at the end.
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    365 * year + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (153 * month + 2) / 5
        + day
        - 1
}

fn civil(number: i64) -> (i64, i64, i64) {
    let era = number.div_euclid(146_097);
    let of_era = number.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    (year + era * 400, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_move_over_months_leap_days_and_centuries() {
        for (text, days, moved) in [
            ("20240301", 1, Some("20240229")),
            ("20260101", 366, Some("20241231")),
            ("19000301", 1, Some("19000228")),
            ("20260102103000.5-0600", 1, Some("20260101103000.5-0600")),
            ("2026.01.02", 1, Some("20260101")),
            ("2026", 1, None),
            ("20261345", 1, None),
            ("ene 2026", 1, None),
        ] {
            assert_eq!(earlier(text, days).as_deref(), moved, "{text}");
        }
        for number in (600_000..800_000).step_by(37) {
            let (year, month, day) = civil(number);
            assert_eq!(day_number(year, month, day), number);
        }
    }
}
