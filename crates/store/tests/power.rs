//! Power loss under the whole store, SQLite included: the child's calls are recorded once, and every disk that a crash may leave is opened.

use crate::archive::instance;
use crate::blobs::store_blob;
use crate::place::{at, put};
use badiano_fhir::fhir;
use badiano_kernel::Fault;
use badiano_store::{Expect, LeafDraft, Options, Store};
use badiano_testkit::Rng;
use badiano_testkit::power::{Action, Trace, crash, record};
use badiano_testkit::proof::{Plan, Proof};
use std::collections::HashSet;
use std::io::Write;
use std::path::Path;
use std::process::Command;

const CHILD_ROOT: &str = "BADIANO_TEST_POWER_ROOT";
/// Enough of the log before and after it is brought into the database: by itself once, and at the end of the first run.
const WRITES_OF_A_THREAD: u64 = 25;
const THREADS: u64 = 4;
/// Pages of a document's body, so that few writes fill the log.
const BODY_BYTES: usize = 30_000;

fn options(root: &Path) -> Options {
    Options { data: root.join("data"), key_file: root.join("keys/node.key"), zone: "UTC".into() }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("strace listens");
}

/// Not a test of its own: the child of the test below, under strace.
#[test]
fn child_whose_calls_are_recorded() {
    let Ok(root) = std::env::var(CHILD_ROOT) else { return };
    for run in 0..2 {
        let store = Store::open(options(Path::new(&root))).expect("opens");
        say("OPEN");
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let store = &store;
                scope.spawn(move || {
                    for n in 0..WRITES_OF_A_THREAD {
                        let name = format!("{run}.{thread}.{n}");
                        write_one(store, &name).expect("written");
                        say(&format!("ACK {name}"));
                        let content = format!("read {name}").into_bytes();
                        let leaf = LeafDraft { subject: Some([1; 32]), content, now: at(0) };
                        store.note_read(leaf).expect("logged");
                    }
                });
            }
        });
        // The first run ends in order, the second in the middle of things.
        if run == 1 {
            std::process::exit(0);
        }
        drop(store);
        say("CLOSED");
    }
}

fn write_one(store: &Store, name: &str) -> Result<(), Fault> {
    let blob = store_blob(store, &name.as_bytes().repeat(500))?;
    let row = instance(&format!("1.{name}"), &format!("2.{name}"), &format!("3.{name}"), blob, &[]);
    let id = name.to_owned();
    // Not to be compressed: a body of the length that is wanted.
    let mut body = vec![0; BODY_BYTES];
    Rng::of(1, name, 0).fill(&mut body);
    let written = store.write(move |tx| {
        for part in ["a", "b", "c"] {
            let body = fhir!({ "resourceType": "Basic", "id": (format!("{id}-{part}")) });
            tx.put(put("Basic", &format!("{id}-{part}"), &body, &[], &[]))?;
        }
        tx.put_instance(&row)?;
        tx.put_document("done", &id, &body, Expect::Absent, at(0))?;
        tx.enqueue("send", &id, b"", at(0))?;
        tx.leaf(LeafDraft { subject: None, content: format!("write {id}").into_bytes(), now: at(0) })
    });
    written.wait()?;
    Ok(())
}

fn recorded(folder: &Path) -> Trace {
    let root = folder.join("recorded");
    std::fs::create_dir(&root).expect("a folder");
    let mut child = Command::new(std::env::current_exe().expect("this binary"));
    child.args(["power::child_whose_calls_are_recorded", "--exact", "--nocapture", "--test-threads=1"]);
    child.env(CHILD_ROOT, &root);
    let trace = record(&mut child, &root, &folder.join("log")).expect("recorded");
    std::fs::remove_file(folder.join("log")).expect("removed");
    trace
}

#[test]
fn after_a_power_loss_under_sqlite_everything_acknowledged_is_there_and_nothing_is_half() {
    let mut proof = Proof::begin("power_loss_under_sqlite", Plan { slice: 30, full: 20_000 });
    let folder = tempfile::tempdir().expect("a temporary folder");
    let trace = recorded(folder.path());
    let checkpoints = trace.ops.iter().filter(|op| in_database(&op.action)).count();
    assert!(checkpoints > 100, "the log was brought into the database: {checkpoints} pages");
    proof.note("calls recorded", trace.ops.len() as u64);
    while let Some(mut case) = proof.next() {
        let root = folder.path().join("crashed");
        std::fs::create_dir(&root).expect("a folder");
        let line =
            usize::try_from(case.rng.below(trace.lines as u64 + 1)).expect("lines are counted in usize");
        crash(&trace, line, &folder.path().join("recorded"), &root, &mut case.rng).expect("laid down");
        let place = format!("case {}, crash before line {line} of {}", case.number, trace.lines);
        check(&trace, line, &root, &place, &mut proof);
        std::fs::remove_dir_all(&root).expect("removed");
    }
    assert!(proof.noted("acknowledged writes found whole") > 0, "the test meets what it is about");
}

fn in_database(action: &Action) -> bool {
    matches!(action, Action::Write { path, .. } if path.ends_with("data/badiano.db"))
}

/// What the world had been told before a line.
fn said(trace: &Trace, line: usize) -> impl Iterator<Item = &str> {
    trace.ops.iter().filter(move |op| op.began < line).filter_map(|op| match &op.action {
        Action::Say { line } => Some(line.as_str()),
        _ => None,
    })
}

fn check(trace: &Trace, line: usize, root: &Path, place: &str, proof: &mut Proof) {
    let acknowledged: Vec<&str> = said(trace, line).filter_map(|l| l.strip_prefix("ACK ")).collect();
    let store =
        Store::open(options(root)).unwrap_or_else(|why| panic!("{place}: the store does not open: {why}"));
    proof.note("acknowledged writes found whole", acknowledged.len() as u64);
    proof.note("objects never acknowledged and mended", store.opening().mended.len() as u64);
    let there: HashSet<String> =
        store.read(|view| view.documents("done", "")).expect("read").into_iter().map(|d| d.key).collect();
    for name in &acknowledged {
        assert!(there.contains(*name), "{place}: an acknowledged write is lost");
    }
    let logged = logged(&store, place);
    for name in &there {
        whole(&store, name, acknowledged.contains(&name.as_str()), place);
        assert!(logged.contains(&format!("write {name}")), "{place}: a write without its audit entry");
    }
    let written = logged.iter().filter(|l| l.starts_with("write ")).count();
    assert_eq!(written, there.len(), "{place}: an audit entry without its write");
    let queued = store.read(|view| view.queue_length("send")).expect("read");
    assert_eq!(queued, there.len() as u64, "{place}: the queue and the writes differ");
    write_one(&store, "9.9.9").unwrap_or_else(|why| panic!("{place}: it takes no writes: {why}"));
    drop(store);
    let store =
        Store::open(options(root)).unwrap_or_else(|why| panic!("{place}: does not open again: {why}"));
    assert!(store.opening().clean, "{place}: it was closed in order");
    drop(store);
    let database = rusqlite::Connection::open(root.join("data/badiano.db")).expect("the database opens");
    let sound: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("checked");
    assert_eq!(sound, "ok", "{place}");
}

/// The entries of the log, none of them twice.
fn logged(store: &Store, place: &str) -> HashSet<String> {
    let count = store.read(|view| view.leaf_count()).expect("read");
    let leaves = store.read(|view| view.leaves(0..count)).expect("read");
    let text = |content: Option<Vec<u8>>| String::from_utf8(content.expect("not erased")).expect("text");
    let all: HashSet<String> = leaves.iter().map(|leaf| text(leaf.content.clone())).collect();
    assert_eq!(all.len() as u64, count, "{place}: an entry is in the log twice");
    all
}

/// All parts of a write; the object may have been mended away where nobody was told of it.
fn whole(store: &Store, name: &str, acknowledged: bool, place: &str) {
    for part in ["a", "b", "c"] {
        let found = store.read(|view| view.get("Basic", &format!("{name}-{part}"))).expect("read");
        assert!(found.is_some(), "{place}: a write stands by halves");
    }
    let found = store.read(|view| view.instance(&format!("3.{name}"))).expect("read");
    assert!(found.is_some() || !acknowledged, "{place}: an acknowledged object is lost");
    let Some(found) = found else { return };
    let length = usize::try_from(found.blob.length).expect("small");
    let read = store.blob(&found.blob).and_then(|mut blob| blob.read_range(0, length));
    assert!(read.is_ok_and(|b| b == name.as_bytes().repeat(500)), "{place}: a listed object is damaged");
}
