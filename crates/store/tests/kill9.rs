//! `kill -9` at random moments of a child process that writes: all it has acknowledged is there, and nothing by halves.

use crate::archive::instance;
use crate::blobs::store_blob;
use crate::place::{Place, at, put};
use badiano_fhir::fhir;
use badiano_fhir::search::{Entry, Key};
use badiano_store::{Expect, LeafDraft, Options, Store, pat_of};
use badiano_testkit::proof::{Plan, Proof};
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

const CHILD_DATA: &str = "BADIANO_TEST_CHILD_DATA";
const CHILD_KEY: &str = "BADIANO_TEST_CHILD_KEY";
const CHILD_ROUND: &str = "BADIANO_TEST_CHILD_ROUND";

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("the parent listens");
}

/// Not a test of its own: the child of the test below runs this one function of this same binary.
#[test]
fn child_that_writes_until_it_is_killed() {
    let (Ok(data), Ok(key), Ok(round)) =
        (std::env::var(CHILD_DATA), std::env::var(CHILD_KEY), std::env::var(CHILD_ROUND))
    else {
        return;
    };
    let options = Options { data: data.into(), key_file: PathBuf::from(key), zone: "UTC".into() };
    let store = Store::open(options).expect("the store opens after a kill");
    say("READY");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (store, round) = (store.clone(), round.clone());
            scope.spawn(move || {
                for n in 0.. {
                    write_one(&store, &format!("{round}-{thread}-{n}"), &format!("{round}.{thread}.{n}"));
                }
            });
        }
    });
}

/// One write of all sorts together, and one read's entry.
fn write_one(store: &Store, name: &str, uid: &str) {
    let bytes = name.as_bytes().repeat(500);
    let blob = store_blob(store, &bytes).expect("written");
    let row = instance(&format!("1.{uid}"), &format!("2.{uid}"), &format!("3.{uid}"), blob, &[]);
    let id = name.to_owned();
    let written = store.write(move |tx| {
        for part in ["a", "b", "c"] {
            let body = fhir!({ "resourceType": "Basic", "id": (format!("{id}-{part}")) });
            tx.put(put("Basic", &format!("{id}-{part}"), &body, &entries(&id, part), &[pat_of(&id)]))?;
        }
        tx.put_instance(&row)?;
        tx.put_document("done", &id, b"", Expect::Absent, at(0))?;
        tx.enqueue("send", &id, b"", at(0))?;
        tx.leaf(LeafDraft { subject: None, content: format!("write {id}").into_bytes(), now: at(0) })
    });
    written.wait().expect("written");
    say(&format!("ACK {name} {uid}"));
    let content = format!("read {name}").into_bytes();
    store.note_read(LeafDraft { subject: Some([1; 32]), content, now: at(0) }).expect("logged");
    say(&format!("READ {name}"));
}

/// What each part says: a code of all, a text of its own, a reference to its neighbours' patient.
fn entries(name: &str, part: &str) -> Vec<Entry> {
    let code = Key::Token { system: "s".into(), code: part.into(), text: "".into() };
    let text = Key::Text { folded: name.into(), exact: name.into() };
    let (kind, id) = ("Patient".into(), name.into());
    let patient = Key::Reference { kind, id, url: "".into(), identifier: None };
    let entry = |param: &str, key: Key| Entry { param: param.into(), key };
    vec![entry("code", code), entry("name", text), entry("patient", patient)]
}

#[test]
fn what_was_acknowledged_survives_kill_9_and_nothing_is_half() {
    let mut proof = Proof::begin("kill_9", Plan { slice: 12, full: 200 });
    let place = Place::new();
    let options = place.options();
    let (mut written, mut read) = (HashSet::new(), HashSet::new());
    for mut case in proof.by_ref() {
        let round = case.number + 1;
        let mut child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["kill9::child_that_writes_until_it_is_killed", "--exact", "--nocapture"])
            .env(CHILD_DATA, &options.data)
            .env(CHILD_KEY, &options.key_file)
            .env(CHILD_ROUND, round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        assert!(lines.by_ref().any(|l| l.expect("text").ends_with("READY")), "round {round} begins");
        let killer = std::thread::spawn({
            let pause = Duration::from_millis(20 + case.rng.below(400));
            move || {
                std::thread::sleep(pause);
                child.kill().expect("killed");
                child.wait().expect("gone");
            }
        });
        for line in lines.map_while(Result::ok) {
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["ACK", name, uid] => drop(written.insert(((*name).to_owned(), (*uid).to_owned()))),
                ["READ", name] => drop(read.insert((*name).to_owned())),
                _ => {}
            }
        }
        killer.join().expect("the child was killed");
    }
    let store = place.open();
    assert!(!store.opening().clean, "it was killed");
    check(&store, &written, &read);
    proof.note("writes acknowledged", written.len() as u64);
    proof.note("reads logged", read.len() as u64);
    assert!(written.len() > 50, "the child had time to write");
}

fn check(store: &Store, written: &HashSet<(String, String)>, read: &HashSet<String>) {
    let documents = store.read(|view| view.documents("done", "")).expect("read");
    let there: HashSet<String> = documents.into_iter().map(|d| d.key).collect();
    let count = store.read(|view| view.leaf_count()).expect("read");
    let leaves = store.read(|view| view.leaves(0..count)).expect("read");
    let logged: Vec<String> = leaves
        .iter()
        .map(|l| String::from_utf8(l.content.clone().expect("not erased")).expect("text"))
        .collect();
    let unique: HashSet<&String> = logged.iter().collect();
    assert_eq!(unique.len(), logged.len(), "no entry is in the log twice");
    for (name, uid) in written {
        assert!(there.contains(name), "an acknowledged write is lost");
        let found =
            store.read(|view| view.instance(&format!("3.{uid}"))).expect("read").expect("an instance");
        let mut reader = store.blob(&found.blob).expect("opens");
        let length = usize::try_from(found.blob.length).expect("small");
        assert!(reader.read_range(0, length).expect("whole") == name.as_bytes().repeat(500));
    }
    for name in &there {
        for part in ["a", "b", "c"] {
            let whole =
                store.read(|view| view.get("Basic", &format!("{name}-{part}"))).expect("read").is_some();
            assert!(whole, "a write stands by halves");
        }
        assert!(unique.contains(&format!("write {name}")), "a write stands without its audit entry");
    }
    for name in read {
        assert!(unique.contains(&format!("read {name}")), "the entry of a read is lost");
    }
    let agreement = store.read(|view| view.index_agreement()).expect("read");
    assert_eq!((agreement.missing, agreement.stray), (0, 0), "index and bodies agree: {agreement:?}");
    assert!(agreement.resources >= there.len() as u64 * 3, "the walk saw all of them: {agreement:?}");
    let queued = store.read(|view| view.queue_length("send")).expect("read");
    assert_eq!(queued, there.len() as u64);
    let changes = store.changes(0, 1_000_000).expect("read");
    assert!(changes.windows(2).all(|w| w[0].seq < w[1].seq));
    assert_eq!(changes.len(), there.len() * 5, "three resources, an instance and a document a write");
}
