//! That nothing of a person is left, and that what belongs together stays together.

use super::*;
use crate::VR;
use crate::part10::{Parser, write_file_meta};

const EXPLICIT: &str = "1.2.840.10008.1.2.1";

fn keyed(what: &str, value: &str) -> [u8; 32] {
    // A plain mixing function is enough here: only sameness counts.
    let mut out = [0_u8; 32];
    for (at, byte) in what.bytes().chain([0]).chain(value.bytes()).enumerate() {
        for (n, cell) in out.iter_mut().enumerate() {
            *cell = cell.wrapping_mul(31).wrapping_add(byte ^ (at as u8).wrapping_add(n as u8));
        }
    }
    out
}

fn read(set: &DataSet) -> (Header, Vec<u8>) {
    let mut file = write_file_meta("1.2.840.10008.5.1.4.1.1.2", "1.2.3", EXPLICIT, "CT1");
    file.extend(set.write(dictionary::Coding::ExplicitLittle));
    let mut parser = Parser::part10();
    parser.feed(&file).expect("it is read");
    (parser.finish().expect("it is whole"), file)
}

fn written(done: &Deidentified, file: &[u8]) -> Vec<u8> {
    let of = |piece: &Piece| match piece {
        Piece::Made(bytes) => bytes.clone(),
        Piece::Stored { offset, length } => file[*offset as usize..(*offset + *length) as usize].to_vec(),
        Piece::Expanded { .. } => panic!("nothing is expanded"),
    };
    done.pieces.iter().flat_map(of).collect()
}

/// A value of a VR that would be known again.
fn telling(vr: VR) -> Option<&'static str> {
    Some(match vr {
        VR::DA => "19871231",
        VR::DT => "19871231112233",
        VR::TM => "112233",
        VR::AS => "077Y",
        VR::UI => "1.9.8.7.6.5.4321",
        VR::PN | VR::LO | VR::SH | VR::ST | VR::LT | VR::UT | VR::UC | VR::CS | VR::AE => "QXZSECRETO",
        VR::UR => "http://QXZSECRETO",
        VR::IS | VR::DS => "987654321",
        _ => return None,
    })
}

#[test]
fn no_value_of_any_attribute_of_the_table_is_left_at_any_depth() {
    let fill = |set: &mut DataSet| {
        let mut filled = 0;
        for tag in table::named().filter(|t| t.0 > 2) {
            if let Some(text) = telling(dictionary::vr(tag)) {
                set.set_text(tag, text);
                filled += 1;
            }
        }
        set.set_text_as(Tag(9, 0x10), VR::LO, "QXZSECRETO");
        set.set_text_as(Tag(9, 0x1001), VR::LO, "QXZSECRETO");
        set.set_text_as(Tag(0x6000, 0x4000), VR::LT, "QXZSECRETO");
        set.set_bytes(Tag(0x0008, 0x1111), VR::UN, b"QXZSECRETO".to_vec());
        set.set_bytes(Tag(0x0008, 0x9FFE), VR::UN, b"QXZSECRETO".to_vec());
        filled
    };
    let (mut inner, mut middle, mut set) = (DataSet::new(), DataSet::new(), DataSet::new());
    let filled = fill(&mut inner) + fill(&mut middle) + fill(&mut set);
    assert!(filled > 1000, "{filled} values were put in");
    let named: Vec<Tag> = table::named().filter(|t| dictionary::vr(*t) == VR::SQ).collect();
    for tag in named.iter().chain(&[tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE]) {
        middle.set_items(*tag, vec![inner.clone()]);
    }
    set.set_items(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![middle]);
    let (header, file) = read(&set);
    let done = deidentify(&header, &[], &keyed).expect("nothing holds it back");
    let bytes = written(&done, &file);
    for secret in ["QXZSECRETO", "19871231", "112233", "077Y", "1.9.8.7.6.5.4321", "987654321"] {
        let at = memchr::memmem::find(&bytes, secret.as_bytes());
        assert_eq!(at, None, "{secret} is left");
    }
    assert_eq!(done.dataset.text(tags::PATIENT_IDENTITY_REMOVED).as_deref(), Some("YES"));
}

fn sample(patient: &str) -> DataSet {
    let mut set = DataSet::new();
    set.set_text(tags::SOP_CLASS_UID, "1.2.840.10008.5.1.4.1.1.2");
    set.set_text(tags::SOP_INSTANCE_UID, "1.5.1");
    set.set_text(tags::STUDY_INSTANCE_UID, "1.5");
    set.set_text(tags::STUDY_DATE, "20260310");
    set.set_text(tags::ACQUISITION_DATE_TIME, "20260311101112.5");
    set.set_text(tags::PATIENT_ID, patient);
    set.set_text(tags::PATIENT_NAME, "MUÑOZ^ANA");
    set.set_text(tags::PATIENT_AGE, "093Y");
    set.set_text(tags::STATION_NAME, "CT1");
    let mut image = DataSet::new();
    image.set_text(tags::REFERENCED_SOP_CLASS_UID, "1.2.840.10008.5.1.4.1.1.2");
    image.set_text(tags::REFERENCED_SOP_INSTANCE_UID, "1.5.1");
    set.set_items(tags::REFERENCED_IMAGE_SEQUENCE, vec![image]);
    set.set_bytes(tags::PIXEL_DATA, VR::OW, vec![3; 80_000]);
    set
}

#[test]
fn references_hold_pixels_stay_and_dates_keep_their_distance() {
    let options = [Keep::ModifiedDates, Keep::Characteristics, Keep::Device];
    let (header, file) = read(&sample("77"));
    let done = deidentify(&header, &options, &keyed).expect("nothing holds it back");
    let back = DataSet::read(&written(&done, &file), dictionary::Coding::ExplicitLittle).expect("it is read");
    assert_eq!(back.get(tags::PIXEL_DATA).map(|e| e.bytes().len()), Some(80_000));
    let image = back.item(tags::REFERENCED_IMAGE_SEQUENCE).expect("stays");
    assert_eq!(image.uid(tags::REFERENCED_SOP_INSTANCE_UID), back.uid(tags::SOP_INSTANCE_UID));
    assert_eq!(image.uid(tags::REFERENCED_SOP_CLASS_UID).as_deref(), Some("1.2.840.10008.5.1.4.1.1.2"));
    assert!(back.uid(tags::STUDY_INSTANCE_UID).expect("a UID").starts_with("2.25."));
    assert_eq!(back.text(tags::PATIENT_AGE).as_deref(), Some("090Y"));
    assert_eq!(back.text(tags::STATION_NAME).as_deref(), Some("CT1"));
    let date = back.text(tags::STUDY_DATE).expect("moved");
    let moment = back.text(tags::ACQUISITION_DATE_TIME).expect("moved");
    assert_ne!(date, "20260310");
    assert!(moment.ends_with("101112.5") && moment[..8] > *date, "{moment} is the day after {date}");
    let codes: Vec<_> = back.items(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE).iter().collect();
    assert_eq!(codes.len(), 4);

    let again = deidentify(&read(&sample("77")).0, &[], &keyed).expect("again");
    let other = deidentify(&read(&sample("78")).0, &[], &keyed).expect("another");
    let name = |d: &Deidentified| d.dataset.text(tags::PATIENT_ID).expect("a pseudonym");
    assert_eq!((name(&done), &done.study), (name(&again), &again.study), "the same patient and study");
    assert_ne!(name(&again), name(&other), "another patient");
    assert_eq!(again.dataset.text(tags::STUDY_DATE), None, "the basic profile leaves no date");
    assert_eq!(again.dataset.text(tags::STATION_NAME).as_deref(), Some("ANON"));
}

#[test]
fn what_cannot_be_cleaned_is_held_back() {
    let mut set = sample("1");
    set.set_text(tags::BURNED_IN_ANNOTATION, "YES");
    assert_eq!(deidentify(&read(&set).0, &[], &keyed), Err(Held::BurnedIn));
    let mut set = sample("1");
    set.set_bytes(tags::ENCAPSULATED_DOCUMENT, VR::OB, b"%PDF Ana".to_vec());
    assert_eq!(deidentify(&read(&set).0, &[], &keyed), Err(Held::Document));
}
