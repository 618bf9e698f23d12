//! Lines of work: order of a list, what is hidden, and that the newest line alone stands.

use crate::place::{Place, at};
use badiano_store::{Store, WorkLine, WorkMark, WorkQuery};

fn line(id: &str, list: &str, rank: u32, since: i64, pat: i64) -> WorkLine {
    let mark = WorkMark {
        list: list.into(),
        state: "to-read".into(),
        rank,
        since: at(since),
        due: at(since + 60),
        area: "CT".into(),
        topic: "thorax".into(),
        holder: String::new(),
        pat,
        class: 2,
    };
    WorkLine { kind: "rad".into(), id: id.into(), mark, source: "C1".into(), body: id.as_bytes().to_vec() }
}

fn put(store: &Store, line: WorkLine) {
    store.write(move |tx| tx.put_work(&line)).wait().expect("written");
}

fn ids(store: &Store, query: &WorkQuery<'_>, hidden: i64) -> Vec<String> {
    let lines = store.read(|view| view.work_lines(query, &|_, stub| stub.pat != hidden)).expect("read");
    lines.into_iter().map(|l| l.id).collect()
}

#[test]
fn a_list_goes_by_rank_and_age_and_what_is_hidden_takes_no_place() {
    let place = Place::new();
    let store = place.open();
    for (id, rank, since) in [("old", 3, 1), ("urgent", 0, 9), ("new", 3, 5), ("hidden", 0, 0)] {
        put(&store, line(id, "reading", rank, since, if id == "hidden" { 7 } else { 1 }));
    }
    put(&store, line("elsewhere", "floor", 0, 0, 1));
    let query = WorkQuery { kind: "rad", list: "reading", newest_first: false, limit: 2 };
    assert_eq!(ids(&store, &query, 7), ["urgent", "old"], "the limit counts what is shown");
    let all = WorkQuery { limit: 10, ..query };
    assert_eq!(ids(&store, &all, 0), ["hidden", "urgent", "old", "new"]);
    assert_eq!(ids(&store, &WorkQuery { kind: "other", ..all }, 0).len(), 0);
    let mut marks = Vec::new();
    store.read(|view| view.work_marks(&all, &mut |m, s| marks.push((m.rank, s.pat)))).expect("read");
    assert_eq!(marks, [(0, 7), (0, 1), (3, 1), (3, 1)], "marks are read in the same order");
}

#[test]
fn a_line_that_moves_to_another_list_stands_there_alone_and_keeps_its_bytes() {
    let place = Place::new();
    let store = place.open();
    put(&store, line("a", "reading", 3, 1, 1));
    let mut ended = line("a", "", 0, 8, 1);
    ended.body = b"signed".to_vec();
    put(&store, ended.clone());
    put(&store, line("b", "", 0, 9, 1));
    let reading = WorkQuery { kind: "rad", list: "reading", newest_first: false, limit: 10 };
    assert!(ids(&store, &reading, 0).is_empty());
    let done = WorkQuery { list: "", newest_first: true, ..reading };
    assert_eq!(ids(&store, &done, 0), ["b", "a"], "the newest of what has ended is first");
    assert_eq!(store.read(|view| view.work_line("rad", "a")).expect("read"), Some(ended));
    store.write(|tx| tx.drop_work("rad", "a")).wait().expect("dropped");
    assert_eq!(store.read(|view| view.work_ids("rad", "", 10)).expect("read"), ["b"]);
}
