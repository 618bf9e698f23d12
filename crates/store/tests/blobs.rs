//! Blobs: ranges, damage, erasure, and a power loss at a random write that loses, reorders and tears what was not synced.

use crate::archive::instance;
use crate::faulty::FaultyDisk;
use crate::place::{Dice, Place, at};
use badiano_kernel::Instant;
use badiano_store::files::DiskFiles;
use badiano_store::{BlobRef, CHUNK_BYTES, LeafDraft, Limits, Store};
use badiano_testkit::proof::{Plan, Proof};
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

pub fn store_blob(store: &Store, bytes: &[u8]) -> Result<BlobRef, badiano_kernel::Fault> {
    let mut writer = store.blob_writer()?;
    for part in bytes.chunks(10_007) {
        writer.write(part)?;
    }
    writer.finish()
}

#[test]
fn a_blob_of_any_length_is_read_whole_and_by_ranges() {
    let mut dice = Dice::seeded("blobs");
    let place = Place::new();
    let store = place.open();
    let lengths =
        [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 2_100_000, 5_000_001];
    let mut kept = Vec::new();
    for length in lengths {
        let bytes = dice.bytes(length);
        let blob = store_blob(&store, &bytes).expect("written");
        assert_eq!(blob.length, length as u64);
        let keep = blob.clone();
        store.write(move |tx| tx.keep_blob(&keep)).wait().expect("kept");
        kept.push((blob, bytes));
    }
    drop(store);
    let store = place.open();
    for (blob, bytes) in &kept {
        let found = store.read(|view| view.blob_ref(&blob.id)).expect("read").expect("kept");
        assert_eq!(found, *blob);
        assert_eq!(store.read(|view| view.blob_by_content(&blob.sha256)).expect("read"), Some(found.clone()));
        let mut reader = store.blob(&found).expect("opens");
        reader.verify().expect("whole");
        for _ in 0..20 {
            let from = dice.roll_usize(bytes.len() + 1);
            let length = dice.roll_usize(bytes.len() - from + 1);
            let got = reader.read_range(from as u64, length).expect("inside");
            assert!(got == bytes[from..from + length], "range {from}+{length} of {}", bytes.len());
        }
        assert_eq!(reader.read_range(bytes.len() as u64, 1), Ok(Vec::new()), "at the end");
        assert!(reader.read_range(bytes.len() as u64 + 1, 1).is_err(), "outside");
        let mut whole = Vec::new();
        reader.seek(SeekFrom::Start(0)).expect("inside");
        reader.read_to_end(&mut whole).expect("readable");
        assert!(whole == *bytes, "{} bytes in one stream", bytes.len());
    }
}

#[test]
fn a_flipped_bit_anywhere_in_a_pack_is_noticed() {
    let mut dice = Dice::seeded("flipped bits");
    let place = Place::new();
    let store = place.open();
    let bytes = dice.bytes(200_000);
    let blob = store_blob(&store, &bytes).expect("written");
    let pack = place.data().join("packs").join(format!("{:08}.pack", blob.pack));
    let sound = std::fs::read(&pack).expect("a pack");
    for _ in 0..40 {
        let mut damaged = sound.clone();
        // Behind the mark of the pack and the head of the blob, which are no part of the blob's own bytes.
        let place = 40 + dice.roll_usize(damaged.len() - 40);
        damaged[place] ^= 1 << dice.roll(8);
        std::fs::write(&pack, &damaged).expect("writable");
        assert!(store.blob(&blob).expect("opens").verify().is_err(), "byte {place}");
    }
    std::fs::write(&pack, &sound).expect("writable");
    store.blob(&blob).expect("opens").verify().expect("whole again");
}

#[test]
fn plain_bytes_never_stand_in_a_pack_and_an_erased_blob_is_gone() {
    let place = Place::new();
    let store = place.open();
    let secret = b"PRIVATE^PERSON".repeat(50);
    let blob = store_blob(&store, &secret).expect("written");
    let keep = blob.clone();
    store.write(move |tx| tx.keep_blob(&keep)).wait().expect("kept");
    let pack = std::fs::read(place.data().join("packs/00000000.pack")).expect("a pack");
    assert!(!pack.windows(14).any(|w| w == b"PRIVATE^PERSON"), "sealed");
    let id = blob.id;
    store.write(move |tx| tx.erase_blob(&id)).wait().expect("erased");
    assert!(store.read(|view| view.blob_ref(&id)).expect("read").is_none());
}

#[test]
fn an_abandoned_blob_leaves_its_room_to_the_next() {
    let place = Place::new();
    let store = place.open();
    let long = vec![7u8; 4 << 20];
    for _ in 0..5 {
        let mut writer = store.blob_writer().expect("a writer");
        writer.write(&long).expect("written");
    }
    let kept = store_blob(&store, &long).expect("written");
    store.blob(&kept).expect("opens").verify().expect("whole");
    let packs: u64 = std::fs::read_dir(place.data().join("packs"))
        .expect("packs")
        .map(|f| f.expect("a file").metadata().expect("its length").len())
        .sum();
    assert!(packs < 6 << 20, "{packs} bytes for one blob of 4 MiB");
}

/// What one round of the power loss acknowledged.
struct Acknowledged {
    blobs: Vec<(String, Vec<u8>)>,
    reads: u64,
}

fn write_until_the_power_goes(store: &Store, seed: u64) -> Acknowledged {
    let threads = 3u64;
    let parts: Vec<Acknowledged> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..threads)
            .map(|t| {
                let store = store.clone();
                scope.spawn(move || {
                    let mut dice = Dice(seed.wrapping_mul(31).wrapping_add(t));
                    let mut done = Acknowledged { blobs: Vec::new(), reads: 0 };
                    for n in 0..60 {
                        let length = if dice.one_in(12) { 2_500_000 } else { dice.roll_usize(200_000) };
                        let bytes = dice.bytes(length.min(64)).repeat(length / 64 + 1);
                        let sop = format!("1.2.{t}.{n}");
                        let Ok(blob) = store_blob(&store, &bytes) else { break };
                        let row = instance(&format!("1.3.{t}"), "1.4", &sop, blob, &[]);
                        if store.write(move |tx| tx.put_instance(&row)).wait().is_err() {
                            break;
                        }
                        done.blobs.push((sop, bytes));
                        let leaf = LeafDraft { subject: None, content: vec![1], now: at(0) };
                        done.reads += u64::from(store.note_read(leaf).is_ok());
                    }
                    done
                })
            })
            .collect();
        writers.into_iter().map(|w| w.join().expect("no writer panics")).collect()
    });
    let mut all = Acknowledged { blobs: Vec::new(), reads: 0 };
    for part in parts {
        all.blobs.extend(part.blobs);
        all.reads += part.reads;
    }
    all
}

#[test]
fn after_a_power_loss_every_acknowledged_object_is_whole_and_no_half_one_is_listed() {
    let mut proof = Proof::begin("power_loss_of_packs_and_spool", Plan { slice: 40, full: 5_000 });
    while let Some(mut case) = proof.next() {
        let (round, mut dice) = (case.number, Dice(case.rng.next_u64()));
        let place = Place::new();
        let disk = Arc::new(FaultyDisk::default());
        let limits = Limits { pack_bytes_roll: 1 << 20, ..Limits::default() };
        let store = Store::open_with(place.options(), limits.clone(), disk.clone()).expect("opens");
        disk.dies_after(20 + dice.roll(300));
        let done = write_until_the_power_goes(&store, dice.next());
        // A store that has not noticed yet must not end in order.
        disk.dies_after(0);
        if let Ok(blob) = store_blob(&store, b"last") {
            let row = instance("1.3.9", "1.4", "1.2.9.9", blob, &[]);
            drop(store.write(move |tx| tx.put_instance(&row)).wait());
        }
        let pack_written = store.health().writer_alive;
        drop(store);
        let after = Arc::new(disk.after_the_crash(&mut dice));
        let store = Store::open_with(place.options(), limits, after).expect("opens after the power loss");
        if !pack_written {
            assert!(!store.opening().clean, "round {round}");
        }
        for (sop, bytes) in &done.blobs {
            let found = store.read(|view| view.instance(sop)).expect("read");
            let found = found.unwrap_or_else(|| panic!("round {round}: an acknowledged object is lost"));
            let mut reader = store.blob(&found.blob).expect("opens");
            let read = reader.read_range(0, bytes.len()).expect("readable");
            assert!(read == *bytes, "round {round}: an acknowledged object is damaged");
        }
        for study in 0..10 {
            for found in store.read(|view| view.instances(&format!("1.3.{study}"), None)).expect("read") {
                store.blob(&found.blob).expect("opens").verify().expect("no half object is listed");
            }
        }
        proof.note("objects acknowledged", done.blobs.len() as u64);
        proof.note("never acknowledged and mended", store.opening().mended.len() as u64);
        let blob = store_blob(&store, b"going on").expect("written");
        let row = instance("1.3.8", "1.4", "1.2.8.8", blob, &[]);
        store.write(move |tx| tx.put_instance(&row)).wait().expect("a mended store takes writes");
    }
    let met = proof.noted("objects acknowledged") > 100 && proof.noted("never acknowledged and mended") > 0;
    assert!(met, "the test meets what it is about");
}

#[test]
fn a_read_that_cannot_be_logged_is_refused() {
    let place = Place::new();
    let disk = Arc::new(FaultyDisk::default());
    let store = Store::open_with(place.options(), Limits::default(), disk.clone()).expect("opens");
    let leaf = |n: u8| LeafDraft { subject: None, content: vec![n], now: Instant::from_micros(0) };
    store.note_read(leaf(1)).expect("logged");
    disk.dies_after(0);
    assert!(store.note_read(leaf(2)).is_err());
    assert!(store.note_read(leaf(3)).is_err(), "and stays refused");
}

#[test]
fn packs_roll_over_and_all_stay_readable() {
    let place = Place::new();
    let limits = Limits { pack_bytes_roll: 100_000, ..Limits::default() };
    let open = || Store::open_with(place.options(), limits.clone(), Arc::new(DiskFiles)).expect("opens");
    let mut kept = Vec::new();
    for round in 0..3u8 {
        let store = open();
        for n in 0..8u8 {
            let blob = store_blob(&store, &vec![round * 8 + n; 40_000]).expect("written");
            let keep = blob.clone();
            store.write(move |tx| tx.keep_blob(&keep)).wait().expect("kept");
            kept.push((blob, round * 8 + n));
        }
    }
    let store = open();
    for (blob, byte) in &kept {
        assert_eq!(
            store.blob(blob).expect("opens").read_range(0, 40_000).expect("whole"),
            vec![*byte; 40_000]
        );
    }
    let packs = std::fs::read_dir(place.data().join("packs")).expect("packs").count();
    assert!((7..=12).contains(&packs), "{packs} packs for 24 blobs of 40 kB, three a pack");
}
