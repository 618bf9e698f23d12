//! Questions over a large archive touch few rows, whatever they ask: counted, not timed.

use crate::archive::instance;
use crate::blobs::store_blob;
use crate::place::Place;
use badiano_dicom::query::{Condition, Level, Query};
use badiano_dicom::{Tag, tags};
use badiano_store::{DicomAnswer, Store};

const STUDIES: u32 = 20_000;
const PAGE: usize = 25;

/// Twenty years of studies; each hundredth is a mammogram of the first years, half are CT.
fn archive(store: &Store) {
    let blob = store_blob(store, b"DICM").expect("written");
    let rows: Vec<_> = (0..STUDIES)
        .map(|n| {
            let year = 2005 + n / 1_000;
            let date = format!("{year}{:02}{:02}", 1 + n / 84 % 12, 1 + n / 3 % 28);
            let modality = match n {
                n if n < 2_000 && n % 100 == 0 => "MG",
                n if n % 2 == 0 => "CT",
                _ => "DX",
            };
            let surname = ["MUÑOZ", "GARCÍA", "PEÑA", "HERNÁNDEZ", "LÓPEZ", "ÁVILA"][n as usize % 6];
            let texts = [
                (tags::PATIENT_NAME, format!("{surname} PÉREZ^ANA {}", n / 10)),
                (tags::PATIENT_ID, format!("P{}", n / 10)),
                (tags::ACCESSION_NUMBER, format!("A{n}")),
                (tags::STUDY_DATE, date),
                (tags::STUDY_TIME, format!("{:02}{:02}00", n % 24, n % 60)),
                (tags::MODALITY, modality.to_owned()),
            ];
            let attributes: Vec<(Tag, &str)> = texts.iter().map(|(t, v)| (*t, v.as_str())).collect();
            let (study, series, sop) = (format!("1.1.{n}"), format!("1.2.{n}"), format!("1.3.{n}"));
            instance(&study, &series, &sop, blob.clone(), &attributes)
        })
        .collect();
    store
        .write(move |tx| rows.iter().try_for_each(|row| tx.put_instance(row).map(drop)))
        .wait()
        .expect("written");
}

fn ask(store: &Store, conditions: Vec<(Tag, Condition)>, fuzzy: bool, offset: usize) -> DicomAnswer {
    let query =
        Query { level: Level::Study, conditions, combined_date_time: false, fuzzy, limit: PAGE, offset };
    store.read(|view| view.dicom_find(&query, &|_| true)).expect("a fair question")
}

fn single(text: &str) -> Condition {
    Condition::Single(text.to_owned())
}

fn wildcard(text: &str) -> Condition {
    Condition::Wildcard(text.to_owned())
}

#[test]
fn a_page_of_25_touches_few_rows_whatever_it_asks() {
    let place = Place::new();
    let store = place.open();
    archive(&store);
    let range = |from: &str, to: &str| Condition::Range { from: Some(from.into()), to: Some(to.into()) };
    let modalities = tags::MODALITIES_IN_STUDY;
    // What is asked, how many rows answer it, how many may be touched.
    type Case = (&'static str, Vec<(Tag, Condition)>, bool, usize, u64);
    let cases: Vec<Case> = vec![
        ("the newest", vec![], false, PAGE, 30),
        ("of a date", vec![(tags::STUDY_DATE, range("20100101", "20101231"))], false, PAGE, 30),
        ("of a patient", vec![(tags::PATIENT_ID, single("P77"))], false, 10, 30),
        ("of an accession number", vec![(tags::ACCESSION_NUMBER, single("A12345"))], false, 1, 5),
        ("of a frequent modality", vec![(modalities, single("CT"))], false, PAGE, 1_100),
        ("of a rare modality, long ago", vec![(modalities, single("MG"))], false, 20, 50),
        (
            "of a modality and a date",
            vec![(modalities, single("CT")), (tags::STUDY_DATE, range("20100101", "20100131"))],
            false,
            PAGE,
            100,
        ),
        ("of a whole name", vec![(tags::PATIENT_NAME, single("munoz perez^ana 0"))], false, 2, 10),
        (
            "of the beginning of a name",
            vec![(tags::PATIENT_NAME, wildcard("munoz perez^ana 123*"))],
            false,
            19,
            40,
        ),
        ("of a frequent beginning", vec![(tags::PATIENT_NAME, wildcard("MUÑOZ*"))], false, PAGE, 3_700),
        ("of words of a name", vec![(tags::PATIENT_NAME, single("1234 munoz"))], true, 2, 3_700),
        ("of the middle of a name", vec![(tags::PATIENT_NAME, wildcard("*ana 1234"))], false, 10, 20_100),
        ("of a study", vec![(tags::STUDY_INSTANCE_UID, single("1.1.19"))], false, 1, 5),
        ("of nobody", vec![(tags::PATIENT_NAME, wildcard("NADIE*"))], false, 0, 5),
    ];
    for (what, conditions, fuzzy, rows, touched) in cases {
        let answer = ask(&store, conditions, fuzzy, 0);
        println!("{what}: {} rows, {} touched", answer.rows.len(), answer.touched);
        assert_eq!(answer.rows.len(), rows, "a page {what}");
        assert!(answer.touched <= touched, "a page {what}: {} rows touched", answer.touched);
    }
}

#[test]
fn a_page_far_down_is_the_one_that_follows_those_before_it() {
    let place = Place::new();
    let store = place.open();
    archive(&store);
    let all = |conditions: &[(Tag, Condition)]| {
        let mut uids: Vec<String> = Vec::new();
        for offset in (0..).step_by(PAGE) {
            let page = ask(&store, conditions.to_vec(), false, offset).rows;
            if page.is_empty() {
                return uids;
            }
            uids.extend(page.into_iter().map(|r| r.study));
        }
        uids
    };
    let of_patients = all(&[(tags::PATIENT_ID, wildcard("P19*"))]);
    let mut once = of_patients.clone();
    once.sort();
    once.dedup();
    assert_eq!((of_patients.len(), once.len()), (1_110, 1_110), "P19, P190 to P199, P1900 to P1999");
}
