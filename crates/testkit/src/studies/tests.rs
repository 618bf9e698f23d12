//! The files say what the person and the order say, and read back byte by byte.

use super::*;
use crate::{order, people};
use badiano_mexico::Date;
use std::collections::HashMap;

fn scanner(charset: Charset) -> Scanner {
    Scanner {
        institution: "Hospital Regional Norte".into(),
        station: "TC1".into(),
        timezone_offset: "-0600".into(),
        charset,
    }
}

fn study(kind: Kind, modality: &str, charset: Charset) -> Study {
    let day = Date::new(2026, 11, 23).expect("a day");
    let order = order::order(4, 1, modality, "NORTE_TC1", day).expect("a modality we have");
    let person =
        people::population(4, 60).into_iter().find(|p| p.name.full().contains('ñ')).expect("a name with ñ");
    Study::new(4, kind, &person, &order, &scanner(charset))
}

/// The elements of the outer data set, read by the rules of explicit VR little endian.
fn read(file: &[u8]) -> HashMap<(u16, u16), Vec<u8>> {
    assert_eq!(&file[128..132], b"DICM");
    let (mut at, mut found, mut last) = (132, HashMap::new(), (0, 0));
    while at < file.len() {
        let word = |i: usize| u16::from_le_bytes([file[i], file[i + 1]]);
        let tag = (word(at), word(at + 2));
        assert!(tag > last || last == (0, 0), "{tag:04x?} after {last:04x?}");
        last = tag;
        let long = matches!(&file[at + 4..at + 6], b"OB" | b"OW" | b"SQ" | b"UT" | b"UN");
        let (head, length) = if long {
            (12, u32::from_le_bytes(file[at + 8..at + 12].try_into().expect("four bytes")) as usize)
        } else {
            (8, usize::from(word(at + 6)))
        };
        assert_eq!(length % 2, 0, "{tag:04x?} has an even length");
        found.insert(tag, file[at + head..at + head + length].to_vec());
        at += head + length;
    }
    found
}

fn text(elements: &HashMap<(u16, u16), Vec<u8>>, tag: (u16, u16)) -> String {
    String::from_utf8_lossy(&elements[&tag]).trim_end_matches(['\0', ' ']).to_owned()
}

#[test]
fn a_ct_slice_carries_its_person_order_and_half_a_megabyte_of_texture() {
    let ct = study(Kind::Ct { slices: 3 }, "CT", Charset::IsoIr192);
    let instance = ct.instance(2).expect("the second of three");
    let elements = read(&instance.file);
    assert_eq!(elements[&(0x7FE0, 0x0010)].len(), 512 * 512 * 2);
    assert_eq!(text(&elements, (0x0008, 0x0018)), instance.sop_instance_uid);
    assert_eq!(text(&elements, (0x0020, 0x000D)), ct.uid());
    assert_eq!(text(&elements, (0x0008, 0x0050)), ct.order.accession);
    let name = format!("{}^{}", ct.person.name.surnames(), ct.person.name.given());
    assert_eq!(text(&elements, (0x0010, 0x0010)), name);
    let distinct: std::collections::HashSet<_> = elements[&(0x7FE0, 0x0010)].chunks(2).collect();
    assert!(distinct.len() > 200, "{} values", distinct.len());
    assert!(ct.instance(0).is_none() && ct.instance(4).is_none());
}

#[test]
fn the_letter_enye_is_one_byte_in_iso_ir_100_and_two_in_iso_ir_192() {
    let name_of = |charset| {
        let file = study(Kind::Mr { slices: 1 }, "MR", charset).instance(1).expect("one slice").file;
        read(&file)[&(0x0010, 0x0010)].clone()
    };
    let (latin, utf8) = (name_of(Charset::IsoIr100), name_of(Charset::IsoIr192));
    assert!(latin.contains(&0xF1) && std::str::from_utf8(&latin).is_err());
    assert!(std::str::from_utf8(&utf8).expect("UTF-8").contains('ñ'));
}

#[test]
fn a_mammogram_has_four_views_and_monochrome1_is_the_inverse_of_monochrome2() {
    let two = study(Kind::Mammogram { monochrome1: false }, "MG", Charset::IsoIr100);
    let one = study(Kind::Mammogram { monochrome1: true }, "MG", Charset::IsoIr100);
    assert_eq!(two.count(), 4);
    let view = |s: &Study, n| {
        let elements = read(&s.instance(n).expect("one of four").file);
        format!("{} {}", text(&elements, (0x0020, 0x0062)), text(&elements, (0x0018, 0x5101)))
    };
    assert_eq!([1, 2, 3, 4].map(|n| view(&two, n)), ["R CC", "L CC", "R MLO", "L MLO"]);
    let pixels = |s: &Study| read(&s.instance(1).expect("the first").file)[&(0x7FE0, 0x0010)].clone();
    let (plain, inverse) = (pixels(&two), pixels(&one));
    assert_eq!(plain.len(), 2294 * 1914 * 2);
    for (a, b) in plain.chunks(2).zip(inverse.chunks(2)).step_by(997) {
        let word = |c: &[u8]| u16::from_le_bytes([c[0], c[1]]);
        assert_eq!(word(a) + word(b), 4095);
    }
}

#[test]
fn an_ultrasound_clip_holds_all_its_frames_in_colour() {
    let us = study(Kind::Ultrasound { frames: 5 }, "US", Charset::IsoIr192);
    let elements = read(&us.instance(1).expect("the clip").file);
    assert_eq!(text(&elements, (0x0028, 0x0008)), "5");
    let clip = &elements[&(0x7FE0, 0x0010)];
    assert_eq!(clip.len(), 640 * 480 * 3 * 5);
    assert!(clip.chunks(3).any(|p| p[0] != p[2]), "colour Doppler");
    assert_ne!(clip[..640 * 480 * 3], clip[640 * 480 * 3..640 * 480 * 6], "frames differ");
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_no_two_instances_share_a_uid() {
    let one = study(Kind::Mr { slices: 30 }, "MR", Charset::IsoIr192);
    let two = study(Kind::Mr { slices: 30 }, "MR", Charset::IsoIr192);
    let mut uids = std::collections::HashSet::new();
    for n in 1..=30 {
        let instance = one.instance(n).expect("one of thirty");
        assert_eq!(Some(&instance), two.instance(n).as_ref());
        assert!(uids.insert(instance.sop_instance_uid));
    }
    let too_many = study(Kind::Ct { slices: u32::MAX }, "CT", Charset::IsoIr192);
    assert_eq!(too_many.count(), SLICES_MAX);
}
