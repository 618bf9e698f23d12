//! Durable queues: order within a key, trying again, laying aside.

use crate::place::{Place, at};
use badiano_store::{QueueItem, Store};

fn keys(items: &[QueueItem]) -> Vec<(String, String)> {
    let text = |i: &QueueItem| String::from_utf8(i.payload.clone()).expect("text");
    items.iter().map(|i| (i.key.clone(), text(i))).collect()
}

fn due(store: &Store, seconds: i64) -> Vec<(String, String)> {
    keys(&store.read(|view| view.due("send", at(seconds), 10)).expect("read"))
}

fn pair(key: &str, payload: &str) -> (String, String) {
    (key.to_owned(), payload.to_owned())
}

#[test]
fn a_key_whose_head_waits_blocks_its_later_items_and_no_others() {
    let place = Place::new();
    let store = place.open();
    store
        .write(|tx| {
            for (key, payload) in [("norte", "1"), ("norte", "2"), ("sur", "3"), ("", "4"), ("", "5")] {
                tx.enqueue("send", key, payload.as_bytes(), at(0))?;
            }
            tx.enqueue("other", "norte", b"6", at(0)).map(|_| ())
        })
        .wait()
        .expect("queued");
    assert_eq!(due(&store, 0), [pair("norte", "1"), pair("sur", "3"), pair("", "4"), pair("", "5")]);
    assert!(due(&store, -1).is_empty(), "nothing is due yet");
    let first = store.read(|view| view.due("send", at(0), 1)).expect("read")[0].id;
    store.write(move |tx| tx.retry(first, at(60), "no answer")).wait().expect("put off");
    assert_eq!(
        due(&store, 0),
        [pair("sur", "3"), pair("", "4"), pair("", "5")],
        "norte waits with all its items"
    );
    assert_eq!(due(&store, 60)[3], pair("norte", "1"));
    let all = store.read(|view| view.queue_items()).expect("read");
    assert_eq!((all[0].tries, all[0].why.as_str(), all[0].dead), (1, "no answer", false));
    store.write(move |tx| tx.dead(first, "refused")).wait().expect("laid aside");
    assert_eq!(due(&store, 0)[0], pair("norte", "2"), "what is laid aside blocks nobody");
    store.write(move |tx| tx.retry(first, at(0), "")).wait().expect("a person says again");
    assert_eq!(due(&store, 0)[0], pair("norte", "1"), "and has its old place");
    store.write(move |tx| tx.done(first)).wait().expect("done");
    assert_eq!(due(&store, 0)[0], pair("norte", "2"));
    assert!(store.write(move |tx| tx.done(first)).wait().is_err(), "it has left");
    assert_eq!(store.read(|view| view.queue_length("send")).expect("read"), 4);
}

#[test]
fn claimed_items_go_to_one_worker_and_wait_again_after_a_restart() {
    let place = Place::new();
    let store = place.open();
    store
        .write(|tx| (0..6).try_for_each(|n| tx.enqueue("send", "", &[n], at(0)).map(|_| ())))
        .wait()
        .expect("queued");
    let claim = || store.write(|tx| tx.claim("send", at(1), 4)).wait().expect("claimed").len();
    assert_eq!([claim(), claim(), claim()], [4, 2, 0]);
    drop(store);
    let store = place.open();
    assert_eq!(store.read(|view| view.due("send", at(1), 10)).expect("read").len(), 6);
}
