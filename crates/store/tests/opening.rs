//! Opening: the lock, the key file, migrations, backup and restore, a disk that is nearly full.

use crate::blobs::store_blob;
use crate::place::{Place, at, put};
use badiano_fhir::fhir;
use badiano_kernel::FaultKind;
use badiano_store::files::DiskFiles;
use badiano_store::{Limits, Options, Store};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

#[test]
fn a_second_opening_of_the_same_data_is_refused_in_plain_words() {
    let place = Place::new();
    let first = place.open();
    let fault = Store::open(place.options()).err().expect("refused");
    assert_eq!(fault.kind, FaultKind::Unavailable);
    assert!(fault.text.contains("another process"), "{fault}");
    drop(first);
    drop(place.open());
}

#[test]
fn the_key_file_is_private_stands_outside_and_belongs_to_its_data() {
    let place = Place::new();
    drop(place.open());
    let key_file = place.options().key_file;
    let mode = fs::metadata(&key_file).expect("made").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let key = fs::read_to_string(&key_file).expect("readable");
    assert_eq!(key.trim().len(), 64);

    fs::set_permissions(&key_file, fs::Permissions::from_mode(0o640)).expect("set");
    assert_eq!(
        Store::open(place.options()).err().map(|f| f.kind),
        Some(FaultKind::Forbidden),
        "others can read it"
    );
    fs::set_permissions(&key_file, fs::Permissions::from_mode(0o600)).expect("set");

    fs::write(&key_file, "0".repeat(64)).expect("written");
    let fault = Store::open(place.options()).err().expect("another key");
    assert!(fault.text.contains("not the one"), "{fault}");
    fs::write(&key_file, "short").expect("written");
    assert_eq!(Store::open(place.options()).err().map(|f| f.kind), Some(FaultKind::Invalid));
    fs::remove_file(&key_file).expect("removed");
    let fault = Store::open(place.options()).err().expect("no key");
    assert!(fault.text.contains("not there"), "{fault}");
    assert!(!key_file.exists(), "no new key is made for old data");

    let inside = Options { key_file: place.data().join("node.key"), ..place.options() };
    assert_eq!(Store::open(inside).err().map(|f| f.kind), Some(FaultKind::Invalid));
}

#[test]
fn data_of_a_newer_program_are_refused() {
    let place = Place::new();
    drop(place.open());
    let conn = rusqlite::Connection::open(place.data().join("badiano.db")).expect("a database");
    conn.pragma_update(None, "user_version", 999).expect("set");
    drop(conn);
    assert_eq!(Store::open(place.options()).err().map(|f| f.kind), Some(FaultKind::NotSupported));
}

#[test]
fn a_backup_taken_while_writing_opens_with_the_same_key_and_holds_what_was_acknowledged_before() {
    let place = Place::new();
    let store = place.open();
    let blob = store_blob(&store, &[5; 100_000]).expect("written");
    let keep = blob.clone();
    store.write(move |tx| tx.keep_blob(&keep)).wait().expect("kept");
    let write = |store: &Store, id: String| {
        store.write(move |tx| {
            let body = fhir!({ "resourceType": "Basic", "id": (id.as_str()) });
            tx.put(put("Basic", &id, &body, &[], &[]))
        })
    };
    write(&store, "before".into()).wait().expect("written");
    let copy = place.dir.path().join("copy");
    std::thread::scope(|scope| {
        let busy = store.clone();
        scope.spawn(move || (0..200).for_each(|n| assert_eq!(write(&busy, format!("b{n}")).wait(), Ok(1))));
        store.backup(&copy).expect("copied");
    });
    assert_eq!(store.backup(&copy).expect_err("a copy stands there").kind, FaultKind::Conflict);
    let restored = Store::open(Options { data: copy, ..place.options() }).expect("the copy opens");
    assert!(restored.read(|view| view.get("Basic", "before")).expect("read").is_some());
    let found = restored.read(|view| view.blob_ref(&blob.id)).expect("read").expect("kept");
    restored.blob(&found).expect("opens").verify().expect("whole");
    write(&restored, "after".into()).wait().expect("a restored store takes writes");
}

#[test]
fn a_disk_that_is_nearly_full_refuses_writes_and_goes_on_reading() {
    let place = Place::new();
    let store = place.open();
    let body = fhir!({ "resourceType": "Basic", "id": "b" });
    store.write(move |tx| tx.put(put("Basic", "b", &body, &[], &[]))).wait().expect("written");
    drop(store);
    let limits = Limits { free_bytes_min: u64::MAX, ..Limits::default() };
    let store = Store::open_with(place.options(), limits, Arc::new(DiskFiles)).expect("opens");
    let refused = store.write(|tx| tx.put_document("k", "v", b"", badiano_store::Expect::Any, at(0)));
    assert_eq!(refused.wait().expect_err("refused").kind, FaultKind::Unavailable);
    assert!(store.read(|view| view.get("Basic", "b")).expect("read").is_some());
    let health = store.health();
    assert!(health.writer_alive && !health.writes_taken && health.bytes_free > 0);
}

#[test]
fn the_order_of_changes_is_signalled_and_followed_without_a_gap() {
    let place = Place::new();
    let store = place.open();
    let waiting = store.wait_change();
    assert_eq!(*waiting.borrow(), 0);
    for n in 0..5 {
        let written = store
            .write(move |tx| tx.put_document("k", &n.to_string(), b"", badiano_store::Expect::Any, at(0)));
        written.wait().expect("written");
    }
    assert_eq!(*waiting.borrow(), 5, "an answered write is signalled already");
    let mut after = 0;
    let mut seen = Vec::new();
    loop {
        let step = store.changes(after, 2).expect("read");
        let Some(last) = step.last() else { break };
        after = last.seq;
        seen.extend(step.into_iter().map(|c| c.id));
    }
    assert_eq!(seen, ["0", "1", "2", "3", "4"]);
}
