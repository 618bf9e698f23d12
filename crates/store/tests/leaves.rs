//! The audit log: places, chains of subjects, commitments, and entries of reads.

use crate::place::{Place, at};
use badiano_store::{LEAF_BYTES, Leaf, LeafDraft};
use ring::digest::{SHA256, digest};

fn draft(subject: Option<u8>, content: &str) -> LeafDraft {
    LeafDraft { subject: subject.map(|b| [b; 32]), content: content.as_bytes().to_vec(), now: at(0) }
}

fn check_form(leaf: &Leaf) {
    assert_eq!((leaf.bytes.len(), leaf.bytes[0]), (LEAF_BYTES, 1));
    let hashed = [&[0u8][..], &leaf.bytes].concat();
    assert_eq!(digest(&SHA256, &hashed).as_ref(), leaf.hash, "RFC 6962, 2.1");
    let committed = [&leaf.salt[..], leaf.content.as_deref().expect("not erased")].concat();
    assert_eq!(digest(&SHA256, &committed).as_ref(), &leaf.bytes[73..105], "the commitment");
}

#[test]
fn entries_keep_their_order_and_chain_their_subjects() {
    let place = Place::new();
    let store = place.open();
    for (n, subject) in [Some(7), Some(8), None, Some(7), Some(7)].into_iter().enumerate() {
        let index = store.write(move |tx| tx.leaf(draft(subject, &format!("entry {n}")))).wait();
        assert_eq!(index, Ok(n as u64));
    }
    let leaves = store.read(|view| view.leaves(0..9)).expect("read");
    assert_eq!(leaves.len(), 5);
    leaves.iter().for_each(check_form);
    let of_seven = store.read(|view| view.leaves_of(&[7; 32], 0, 10)).expect("read");
    assert_eq!(of_seven.iter().map(|l| l.index).collect::<Vec<_>>(), [0, 3, 4]);
    let mut before = [0u8; 32];
    for (seq, leaf) in of_seven.iter().enumerate() {
        assert_eq!(leaf.bytes[1..33], [7; 32]);
        assert_eq!(leaf.bytes[33..41], (seq as u64).to_be_bytes());
        assert_eq!(leaf.bytes[41..73], before, "entry {seq} names the one before");
        before = leaf.hash;
    }
    let hashes = store.read(|view| view.leaf_hashes(1, 4)).expect("read");
    assert_eq!(hashes, leaves[1..4].iter().map(|l| l.hash).collect::<Vec<_>>());
    assert_eq!(leaves[2].bytes[1..73], [0u8; 72], "no subject, no chain");
}

#[test]
fn a_failed_write_takes_its_entry_with_it_and_the_chain_has_no_gap() {
    let place = Place::new();
    let store = place.open();
    for n in 0..6 {
        let written = store.write(move |tx| {
            tx.leaf(draft(Some(1), &format!("entry {n}")))?;
            if n % 2 == 0 { Ok(()) } else { Err(badiano_kernel::Fault::invalid("as the test wants")) }
        });
        assert_eq!(written.wait().is_ok(), n % 2 == 0);
    }
    let chain = store.read(|view| view.leaves_of(&[1; 32], 0, 10)).expect("read");
    assert_eq!(chain.iter().map(|l| l.index).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(chain[2].bytes[41..73], chain[1].hash);
}

#[test]
fn entries_of_reads_are_in_the_log_within_moments_and_in_their_order() {
    let place = Place::new();
    let store = place.open();
    for n in 0..500 {
        store.note_read(draft(Some(3), &format!("{n}"))).expect("logged");
    }
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while store.health().spool_lag > 0 {
        assert!(std::time::Instant::now() < deadline, "the spool is never emptied");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let all = store.read(|view| view.leaves_of(&[3; 32], 0, 1_000)).expect("read");
    let texts: Vec<String> =
        all.iter().map(|l| String::from_utf8(l.content.clone().expect("there")).expect("text")).collect();
    assert_eq!(texts, (0..500).map(|n| n.to_string()).collect::<Vec<_>>());
    all.iter().for_each(check_form);
}

#[test]
fn erased_content_is_gone_and_the_leaf_stays() {
    let place = Place::new();
    let store = place.open();
    store.write(|tx| tx.leaf(draft(Some(1), "who looked"))).wait().expect("written");
    let before = store.read(|view| view.leaf(0)).expect("read").expect("there");
    store.write(|tx| tx.erase_leaf_content(0)).wait().expect("erased");
    let after = store.read(|view| view.leaf(0)).expect("read").expect("there");
    assert_eq!((after.content, after.bytes, after.hash), (None, before.bytes, before.hash));
    assert!(store.write(|tx| tx.erase_leaf_content(5)).wait().is_err());
}

#[test]
fn content_does_not_stand_in_the_clear_in_any_file() {
    let place = Place::new();
    let store = place.open();
    store.write(|tx| tx.leaf(draft(None, "PRIVATE ENTRY OF A WRITE"))).wait().expect("written");
    store.note_read(draft(None, "PRIVATE ENTRY OF A READ")).expect("logged");
    for folder in [place.data(), place.data().join("spool")] {
        for file in std::fs::read_dir(folder).expect("a folder").map(|f| f.expect("a file").path()) {
            let bytes = std::fs::read(&file).unwrap_or_default();
            assert!(!bytes.windows(13).any(|w| w == b"PRIVATE ENTRY"), "{}", file.display());
        }
    }
}
