//! Versioned resources and documents: what is written is read, racing writers lose nothing silently.

use crate::place::{Place, at, put};
use badiano_fhir::fhir;
use badiano_kernel::FaultKind;
use badiano_store::{ChangeArea, Expect, Put};

#[test]
fn a_resource_is_read_back_as_it_was_written_after_a_restart_too() {
    let place = Place::new();
    let body = fhir!({ "resourceType": "Patient", "id": "p1", "name": [{ "family": "Muñoz" }] });
    let store = place.open();
    let written = body.clone();
    let version =
        store.write(move |tx| tx.put(put("Patient", "p1", &written, &[], &[7]))).wait().expect("written");
    assert_eq!(version, 1);
    drop(store);
    let store = place.open();
    assert!(store.opening().clean, "the end was in order");
    let read = store.read(|view| view.get("Patient", "p1")).expect("read").expect("there");
    assert_eq!((read.version, read.body, read.pat, read.deleted), (1, body, 7, false));
    assert!(store.read(|view| view.get("Patient", "p2")).expect("read").is_none());
    assert!(store.read(|view| view.get("Basic", "p1")).expect("read").is_none(), "another type, the same id");
}

#[test]
fn an_update_that_names_an_old_version_is_refused_and_history_keeps_all() {
    let place = Place::new();
    let store = place.open();
    for n in 1..=3i64 {
        let version = store
            .write(move |tx| {
                let body = fhir!({ "resourceType": "Basic", "id": "b", "n": n });
                let put = Put { now: at(n), ..put("Basic", "b", &body, &[], &[]) };
                tx.put(put)
            })
            .wait();
        assert_eq!(version, Ok(u64::try_from(n).expect("small")));
    }
    let stale = store.write(|tx| {
        let body = fhir!({ "resourceType": "Basic", "id": "b" });
        tx.put(Put { expect: Expect::Version(2), ..put("Basic", "b", &body, &[], &[]) })
    });
    assert_eq!(stale.wait().expect_err("a stale version").kind, FaultKind::Conflict);
    store.write(|tx| tx.delete("Basic", "b", Expect::Version(3), at(4))).wait().expect("deleted");
    let history = store.read(|view| view.history("Basic", "b")).expect("read");
    let seen: Vec<(u64, bool)> = history.iter().map(|v| (v.version, v.deleted)).collect();
    assert_eq!(seen, [(4, true), (3, false), (2, false), (1, false)]);
    let second = store.read(|view| view.get_version("Basic", "b", 2)).expect("read").expect("there");
    assert_eq!(second.body["n"].as_i64(), Some(2));
    let again = store.write(|tx| {
        let body = fhir!({ "resourceType": "Basic", "id": "b" });
        tx.put(Put { expect: Expect::Absent, ..put("Basic", "b", &body, &[], &[]) })
    });
    assert_eq!(again.wait(), Ok(5), "a deleted id can be made again and its versions go on");
}

#[test]
fn a_write_that_fails_or_panics_leaves_nothing_behind_and_its_neighbours_stand() {
    let place = Place::new();
    let store = place.open();
    let body = fhir!({ "resourceType": "Basic", "id": "x" });
    let mut waiting = Vec::new();
    for n in 0..30 {
        let body = body.clone();
        waiting.push(store.write(move |tx| {
            tx.put(put("Basic", &format!("x{n}"), &body, &[], &[]))?;
            tx.put_document(&format!("kind{n}"), "k", b"v", Expect::Any, at(0))?;
            match n % 3 {
                0 => Err(badiano_kernel::Fault::invalid("as the test wants")),
                1 => panic!("as the test wants"),
                _ => Ok(()),
            }
        }));
    }
    let kinds: Vec<Option<FaultKind>> = waiting.into_iter().map(|w| w.wait().err().map(|f| f.kind)).collect();
    for (n, kind) in kinds.iter().enumerate() {
        assert_eq!(*kind, [Some(FaultKind::Invalid), Some(FaultKind::Bug), None][n % 3], "write {n}");
        let there = store.read(|view| view.get("Basic", &format!("x{n}"))).expect("read").is_some();
        let document = store.read(|view| view.document(&format!("kind{n}"), "k")).expect("read").is_some();
        assert_eq!((there, document), (n % 3 == 2, n % 3 == 2), "write {n}");
    }
    let changes = store.changes(0, 100).expect("read");
    assert_eq!(changes.len(), 20, "two a write that stands");
    assert!(changes.windows(2).all(|w| w[0].seq < w[1].seq), "in one total order");
    assert_eq!(changes[1].area, ChangeArea::Document);
}

#[test]
fn racing_writers_of_one_version_have_one_winner() {
    let place = Place::new();
    let store = place.open();
    let body = fhir!({ "resourceType": "Basic", "id": "race" });
    store.write(move |tx| tx.put(put("Basic", "race", &body, &[], &[]))).wait().expect("written");
    let won: usize = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..8i64)
            .map(|n| {
                let store = store.clone();
                scope.spawn(move || {
                    let body = fhir!({ "resourceType": "Basic", "id": "race", "n": n });
                    let racer = store.write(move |tx| {
                        tx.put(Put { expect: Expect::Version(1), ..put("Basic", "race", &body, &[], &[]) })
                    });
                    usize::from(racer.wait().is_ok())
                })
            })
            .collect();
        racers.into_iter().map(|r| r.join().expect("no racer panics")).sum()
    });
    assert_eq!(won, 1);
}

#[test]
fn documents_are_listed_by_prefix_and_keep_their_versions() {
    let place = Place::new();
    let store = place.open();
    store
        .write(|tx| {
            for key in ["a/1", "a/2", "b/1", "ñ"] {
                tx.put_document("note", key, key.as_bytes(), Expect::Absent, at(0))?;
            }
            tx.put_document("note", "a/2", b"new", Expect::Version(1), at(1))?;
            tx.delete_document("note", "b/1", at(2))?;
            tx.delete_document("note", "never", at(2))
        })
        .wait()
        .expect("written");
    let keys = |prefix: &str| -> Vec<String> {
        let found = store.read(|view| view.documents("note", prefix)).expect("read");
        found.into_iter().map(|d| d.key).collect()
    };
    assert_eq!(keys("a/"), ["a/1", "a/2"]);
    assert_eq!(keys(""), ["a/1", "a/2", "ñ"]);
    assert!(store.read(|view| view.document("note", "b/1")).expect("read").is_none());
    let history = store.read(|view| view.document_history("note", "a/2")).expect("read");
    assert_eq!(history.iter().map(|d| d.body.as_slice()).collect::<Vec<_>>(), [b"new".as_slice(), b"a/2"]);
    assert!(store.read(|view| view.get("note", "a/1")).expect("read").is_none(), "a document is no resource");
}

#[test]
fn a_replaced_document_keeps_no_versions_and_is_no_change() {
    let place = Place::new();
    let store = place.open();
    for n in 1..=3u8 {
        let version = store.write(move |tx| tx.replace_document("cursor", "c", &[n], at(0))).wait();
        assert_eq!(version, Ok(u64::from(n)));
    }
    store.write(|tx| tx.put_document("note", "n", b"1", Expect::Absent, at(0))).wait().expect("written");
    assert_eq!(store.read(|view| view.document_history("cursor", "c")).expect("read").len(), 1);
    assert_eq!(store.read(|view| view.document("cursor", "c")).expect("read").expect("there").body, [3]);
    let drop_both = |tx: &mut badiano_store::Tx<'_>| {
        tx.drop_document("cursor", "c")?;
        tx.drop_document("cursor", "never")?;
        tx.drop_document("note", "n")
    };
    assert_eq!(store.changes(0, 10).expect("read").len(), 1, "the note alone");
    store.write(drop_both).wait().expect("dropped");
    assert!(store.read(|view| view.documents("cursor", "")).expect("read").is_empty());
    assert!(store.read(|view| view.document_history("note", "n")).expect("read").is_empty());
    assert!(store.changes(0, 10).expect("read").is_empty(), "what is gone altogether is no news");
    store
        .write(|tx| tx.put_document("note", "n", b"2", Expect::Absent, at(0)))
        .wait()
        .expect("written again");
    assert_eq!(
        store.changes(0, 10).expect("read").len(),
        1,
        "a new document has nothing to do with one dropped"
    );
}
