//! The image index: arrival, duplicates, races, and questions against brute force.

use crate::blobs::store_blob;
use crate::place::{Dice, Place, at};
use badiano_dicom::Tag;
use badiano_dicom::query::{Condition, Level, Query};
use badiano_kernel::{FaultKind, id::Uid};
use badiano_store::{Arrival, BlobRef, FoundRow, InstanceRow, Metadata, Store, Stub, fold_name};

const NAME: Tag = Tag(0x0010, 0x0010);
const PATIENT_ID: Tag = Tag(0x0010, 0x0020);
const STUDY_DATE: Tag = Tag(0x0008, 0x0020);
const STUDY_TIME: Tag = Tag(0x0008, 0x0030);
const ACCESSION: Tag = Tag(0x0008, 0x0050);
const MODALITY: Tag = Tag(0x0008, 0x0060);
const STUDY_UID: Tag = Tag(0x0020, 0x000D);
const NUMBER: Tag = Tag(0x0020, 0x0013);

fn tag(t: Tag) -> u32 {
    (u32::from(t.0) << 16) | u32::from(t.1)
}

pub fn instance(
    study: &str,
    series: &str,
    sop: &str,
    blob: BlobRef,
    attributes: &[(Tag, &str)],
) -> InstanceRow {
    let uid = |text: &str| Uid::parse_lenient(text).expect("a UID");
    InstanceRow {
        study: uid(study),
        series: uid(series),
        sop: uid(sop),
        sop_class: "1.2.840.10008.5.1.4.1.1.2".into(),
        pat: 5,
        transfer_syntax: "1.2.840.10008.1.2.1".into(),
        blob,
        metadata: Metadata::pack(b"{}").expect("short"),
        overlay: None,
        frames: vec![(1_000, 2_000), (3_008, 2_000)],
        attributes: attributes.iter().map(|(t, v)| (tag(*t), (*v).to_owned())).collect(),
        class: 1,
        source: "CLUES1".into(),
        received: at(0),
    }
}

fn blob(store: &Store) -> BlobRef {
    store_blob(store, b"DICM").expect("written")
}

fn query(level: Level, conditions: Vec<(Tag, Condition)>) -> Query {
    Query { level, conditions, combined_date_time: false, fuzzy: false, limit: 1_000, offset: 0 }
}

fn find(store: &Store, query: &Query) -> Vec<FoundRow> {
    store.read(|view| view.dicom_find(query, &|_| true)).expect("a fair question").rows
}

#[test]
fn an_instance_is_served_as_it_came_and_a_second_arrival_changes_nothing() {
    let place = Place::new();
    let store = place.open();
    let row =
        instance("1.1", "1.2", "1.3", blob(&store), &[(NAME, "Muñoz^José"), (MODALITY, "CT"), (NUMBER, "4")]);
    let (first, second) = (row.clone(), InstanceRow { blob: blob(&store), ..row.clone() });
    assert_eq!(store.write(move |tx| tx.put_instance(&first)).wait(), Ok(Arrival::New));
    assert_eq!(store.write(move |tx| tx.put_instance(&second)).wait(), Ok(Arrival::Duplicate));
    let found = store.read(|view| view.instance("1.3")).expect("read").expect("there");
    assert_eq!(
        (found.frames, found.metadata.open().expect("it opens"), found.blob),
        (row.frames.clone(), b"{}".to_vec(), row.blob.clone())
    );
    assert_eq!((found.number, found.study.as_str(), found.series.as_str()), (4, "1.1", "1.2"));
    let elsewhere = InstanceRow { study: Uid::parse("9.9").expect("a UID"), blob: blob(&store), ..row };
    let refused = store.write(move |tx| tx.put_instance(&elsewhere)).wait();
    assert_eq!(refused.expect_err("another study").kind, FaultKind::Conflict);
    let changes = store.changes(0, 10).expect("read");
    assert_eq!(changes.len(), 1, "one instance arrived");
    assert_eq!((changes[0].kind.as_str(), changes[0].id.as_str()), ("1.1", "1.3"));
}

#[test]
fn eight_first_instances_at_once_make_one_study_and_one_series() {
    let place = Place::new();
    let store = place.open();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let store = store.clone();
            scope.spawn(move || {
                let row = instance("1.1", "1.2", &format!("1.3.{n}"), blob(&store), &[(MODALITY, "MR")]);
                store.write(move |tx| tx.put_instance(&row)).wait().expect("written");
            });
        }
    });
    let studies = find(&store, &query(Level::Study, vec![]));
    assert_eq!(studies.len(), 1);
    assert_eq!((studies[0].series_count, studies[0].instances_count), (1, 8));
    assert_eq!(studies[0].modalities, ["MR"]);
    assert_eq!(store.read(|view| view.instances("1.1", Some("1.2"))).expect("read").len(), 8);
}

#[test]
fn a_study_never_takes_in_another_patients_instance() {
    let place = Place::new();
    let store = place.open();
    let row = instance("1.1", "1.2", "1.3", blob(&store), &[]);
    let other = InstanceRow { pat: 6, ..instance("1.1", "1.2", "1.4", blob(&store), &[]) };
    store.write(move |tx| tx.put_instance(&row)).wait().expect("written");
    assert_eq!(
        store.write(move |tx| tx.put_instance(&other)).wait().expect_err("mixed").kind,
        FaultKind::Conflict
    );
    assert!(store.read(|view| view.instance("1.4")).expect("read").is_none());
}

#[test]
fn a_deleted_instance_takes_its_emptied_series_and_study_along_and_its_key() {
    let place = Place::new();
    let store = place.open();
    let mut blobs = Vec::new();
    for (series, sop) in [("2.1", "3.1"), ("2.1", "3.2"), ("2.2", "3.3")] {
        let row = instance("1.1", series, sop, blob(&store), &[(PATIENT_ID, "X1"), (MODALITY, "CT")]);
        blobs.push(row.blob.id);
        store.write(move |tx| tx.put_instance(&row)).wait().expect("written");
    }
    for (sop, left) in [("3.3", Some((1, 2))), ("3.1", Some((1, 1))), ("3.2", None)] {
        store.write(move |tx| tx.delete_instance(sop, at(1))).wait().expect("deleted");
        let by_id = query(Level::Study, vec![(PATIENT_ID, Condition::Single("X1".into()))]);
        let counts = find(&store, &by_id).first().map(|s| (s.series_count, s.instances_count));
        assert_eq!(counts, left, "after {sop}");
    }
    for id in blobs {
        assert!(store.read(|view| view.blob_ref(&id)).expect("read").is_none(), "the key is destroyed");
    }
    let last = store.changes(0, 10).expect("read").pop().expect("changes");
    assert_eq!((last.deleted, last.kind.as_str(), last.id.as_str()), (true, "1.1", "3.2"));
    assert!(store.write(|tx| tx.delete_instance("3.2", at(2))).wait().is_err());
}

#[test]
fn a_corrected_study_is_found_by_what_is_right_now() {
    let place = Place::new();
    let store = place.open();
    let row = instance("1.1", "1.2", "1.3", blob(&store), &[(NAME, "WRONG^NAME"), (PATIENT_ID, "1")]);
    store.write(move |tx| tx.put_instance(&row)).wait().expect("written");
    let right = [(tag(NAME), "Ñuñez^Ana".to_owned()), (tag(PATIENT_ID), "2".to_owned())];
    store.write(move |tx| tx.correct_study("1.1", 9, &right, at(1))).wait().expect("corrected");
    let by_name =
        |name: &str| find(&store, &query(Level::Study, vec![(NAME, Condition::Wildcard(name.into()))]));
    assert!(by_name("wrong*").is_empty());
    assert_eq!(by_name("NUN*").len(), 1);
    assert_eq!(by_name("NUN*")[0].pat, 9);
    assert_eq!(store.read(|view| view.studies_of(9, &|_| true)).expect("read").len(), 1);
}

struct Known {
    study: String,
    name: &'static str,
    id: String,
    date: String,
    time: String,
    accession: String,
    modalities: Vec<&'static str>,
    class: u64,
    order: usize,
}

const NAMES: [&str; 6] =
    ["MUÑOZ^JOSÉ", "Munoz^Jose", "MUÑOZLEDO^ANA", "GARCÍA^LUZ", "LI^WEI=李^伟", "O'HARA^SEÁN"];

fn archive(store: &Store, dice: &mut Dice, count: usize) -> Vec<Known> {
    let mut all = Vec::new();
    for order in 0..count {
        let known = Known {
            study: format!("1.5.{order}"),
            name: Dice::pick::<&'static str>(dice, &NAMES),
            id: format!("ID{}", dice.roll(12)),
            date: if dice.one_in(9) {
                String::new()
            } else {
                format!("2024{:02}{:02}", 1 + dice.roll(12), 1 + dice.roll(28))
            },
            time: format!("{:02}{:02}00", dice.roll(24), dice.roll(60)),
            accession: format!("A{}", dice.roll(40)),
            modalities: if dice.one_in(3) { vec!["CT", "SR"] } else { vec!["MG"] },
            class: if dice.one_in(4) { 2 } else { 1 },
            order,
        };
        for (n, modality) in known.modalities.iter().enumerate() {
            let attributes = [
                (NAME, known.name),
                (PATIENT_ID, known.id.as_str()),
                (STUDY_DATE, known.date.as_str()),
                (STUDY_TIME, known.time.as_str()),
                (ACCESSION, known.accession.as_str()),
                (MODALITY, modality),
            ];
            let row = instance(
                &known.study,
                &format!("1.6.{order}.{n}"),
                &format!("1.7.{order}.{n}"),
                blob(store),
                &attributes,
            );
            let row = InstanceRow { class: known.class, ..row };
            store.write(move |tx| tx.put_instance(&row)).wait().expect("written");
        }
        all.push(known);
    }
    all
}

fn condition(dice: &mut Dice) -> (Tag, Condition) {
    match dice.roll(8) {
        0 => (NAME, Condition::Wildcard((*dice.pick(&["munoz*", "*jose", "G?RCIA*", "李*", "*"])).into())),
        1 => (NAME, Condition::Single((*dice.pick(&["muñoz^jose", "li^wei", "nadie"])).into())),
        2 => (PATIENT_ID, Condition::Single(format!("ID{}", dice.roll(14)))),
        3 => (ACCESSION, Condition::Wildcard(format!("A{}*", dice.roll(5)))),
        4 | 5 => {
            let day = |dice: &mut Dice| format!("2024{:02}{:02}", 1 + dice.roll(12), 1 + dice.roll(28));
            let from = (!dice.one_in(4)).then(|| day(dice));
            let to = (!dice.one_in(4)).then(|| day(dice));
            (STUDY_DATE, Condition::Range { from, to })
        }
        6 if dice.one_in(2) => (MODALITY, Condition::Single((*dice.pick(&["CT", "SR", "US"])).into())),
        6 => (STUDY_UID, Condition::UidList((0..3).map(|_| format!("1.5.{}", dice.roll(70))).collect())),
        _ => (Tag(0x0008, 0x0061), Condition::Single((*dice.pick(&["CT", "MG", "US"])).into())),
    }
}

fn fits(known: &Known, (tag, condition): &(Tag, Condition)) -> bool {
    let values: Vec<String> = match *tag {
        NAME => known.name.split('=').map(fold_name).collect(),
        PATIENT_ID => vec![known.id.clone()],
        ACCESSION => vec![known.accession.clone()],
        STUDY_DATE => vec![known.date.clone()],
        STUDY_UID => vec![known.study.clone()],
        _ => known.modalities.iter().map(|m| (*m).to_owned()).collect(),
    };
    let fold = |text: &str| if *tag == NAME { fold_name(text) } else { text.to_owned() };
    match condition {
        Condition::Single(one) => values.contains(&fold(one)),
        Condition::UidList(all) => all.contains(&values[0]),
        Condition::Wildcard(pattern) => {
            let pattern = fold(pattern);
            pattern == "*" || values.iter().any(|v| glob(&pattern, v))
        }
        Condition::Range { from, to } => {
            let open = from.is_none() && to.is_none();
            let date = &known.date;
            open || (!date.is_empty()
                && from.as_ref().is_none_or(|f| f <= date)
                && to.as_ref().is_none_or(|t| date <= t))
        }
    }
}

fn glob(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => (0..=text.len()).any(|at| text.is_char_boundary(at) && glob(&pattern[1..], &text[at..])),
        Some(c) => text
            .chars()
            .next()
            .is_some_and(|t| (c == '?' || c == t) && glob(&pattern[c.len_utf8()..], &text[t.len_utf8()..])),
    }
}

#[test]
fn random_questions_over_the_archive_agree_with_brute_force() {
    let mut dice = Dice::seeded("archive against brute force");
    let place = Place::new();
    let store = place.open();
    let all = archive(&store, &mut dice, 60);
    let mut hits = 0;
    for _ in 0..600 {
        let conditions: Vec<(Tag, Condition)> = (0..dice.roll(4)).map(|_| condition(&mut dice)).collect();
        // Of the series themselves, a modality cuts series off, which is another question.
        let of_series = conditions.iter().any(|(tag, _)| *tag == MODALITY);
        let level =
            if of_series { Level::Study } else { *dice.pick(&[Level::Study, Level::Series, Level::Patient]) };
        let mut asked = query(level, conditions);
        asked.limit = 1 + dice.roll_usize(40);
        asked.offset = if dice.one_in(2) { dice.roll_usize(10) } else { 0 };
        let mask = *dice.pick(&[1, 3]);
        let mut expected: Vec<&Known> = all
            .iter()
            .filter(|k| k.class & !mask == 0 && asked.conditions.iter().all(|c| fits(k, c)))
            .collect();
        let moment = |k: &Known| (if k.date.is_empty() { String::new() } else { k.date.clone() }) + &k.time;
        expected.sort_by(|a, b| moment(b).cmp(&moment(a)).then(b.order.cmp(&a.order)));
        let visible = |stub: &Stub| stub.class & !mask == 0;
        let found = store.read(|view| view.dicom_find(&asked, &visible)).expect("a fair question").rows;
        let (got, wanted): (Vec<String>, Vec<String>) = match level {
            Level::Study => (
                found.iter().map(|r| r.study.clone()).collect(),
                expected.iter().map(|k| k.study.clone()).collect(),
            ),
            Level::Series => (
                found.iter().map(|r| r.series.clone()).collect(),
                expected
                    .iter()
                    .flat_map(|k| (0..k.modalities.len()).map(|n| format!("1.6.{}.{n}", k.order)))
                    .collect(),
            ),
            _ => {
                let mut ids: Vec<String> = Vec::new();
                expected.iter().for_each(|k| {
                    if !ids.contains(&k.id) {
                        ids.push(k.id.clone())
                    }
                });
                let id = |r: &FoundRow| {
                    r.attributes.iter().find(|(t, _)| *t == tag(PATIENT_ID)).map(|(_, v)| v.clone())
                };
                (found.iter().filter_map(id).collect(), ids)
            }
        };
        let page: Vec<String> = wanted.into_iter().skip(asked.offset).take(asked.limit).collect();
        assert_eq!(got, page, "seed above, mask {mask}, {asked:#?}");
        hits += got.len();
    }
    println!("600 questions, {hits} rows");
    assert!(hits > 600, "the questions find something");
}

#[test]
fn date_and_time_together_are_one_moment_when_asked_so() {
    let place = Place::new();
    let store = place.open();
    for (n, date, time) in [("1", "20240101", "2330"), ("2", "20240102", "0030"), ("3", "20240102", "1200")] {
        let attributes = [(STUDY_DATE, date), (STUDY_TIME, time)];
        let row =
            instance(&format!("1.{n}"), &format!("2.{n}"), &format!("3.{n}"), blob(&store), &attributes);
        store.write(move |tx| tx.put_instance(&row)).wait().expect("written");
    }
    let range = |from: &str, to: &str| Condition::Range { from: Some(from.into()), to: Some(to.into()) };
    let conditions = vec![(STUDY_DATE, range("20240101", "20240102")), (STUDY_TIME, range("2300", "0100"))];
    let together = Query { combined_date_time: true, ..query(Level::Study, conditions.clone()) };
    let uids = |q: &Query| find(&store, q).into_iter().map(|r| r.study).collect::<Vec<_>>();
    assert_eq!(uids(&together), ["1.2", "1.1"]);
    assert!(uids(&query(Level::Study, conditions)).is_empty(), "apart, no time is after 23 and before 1");
}
