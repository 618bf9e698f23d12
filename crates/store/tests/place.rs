//! A store in a folder of its own, for tests.

use badiano_fhir::Value;
use badiano_fhir::search::Entry;
use badiano_kernel::Instant;
use badiano_store::files::DiskFiles;
use badiano_store::{Expect, Limits, Options, Put, Store};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

pub struct Place {
    pub dir: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Place { dir: tempfile::tempdir().expect("a temporary folder") }
    }
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }
    pub fn options(&self) -> Options {
        Options {
            data: self.data(),
            key_file: self.dir.path().join("keys").join("node.key"),
            zone: "America/Mexico_City".into(),
        }
    }
    /// A search tries another way after so few rows that small populations have all ways.
    pub fn open_stepping(&self, search_step_rows: usize) -> Store {
        let limits = Limits { search_step_rows, ..Limits::default() };
        Store::open_with(self.options(), limits, Arc::new(DiskFiles)).expect("the store opens")
    }
    pub fn open(&self) -> Store {
        Store::open(self.options()).expect("the store opens")
    }
}

pub fn at(seconds: i64) -> Instant {
    Instant::from_seconds(1_700_000_000 + seconds)
}

/// A put without entries, classes or source.
pub fn put<'a>(
    kind: &'a str,
    id: &'a str,
    body: &'a Value,
    entries: &'a [Entry],
    pats: &'a [i64],
) -> Put<'a> {
    Put { kind, id, expect: Expect::Any, body, entries, pats, class: 1, source: "CLUES1", now: at(0) }
}

/// A seeded generator (splitmix64): the seed is printed, so that a failure can be made again.
pub struct Dice(pub u64);

impl Dice {
    pub fn seeded(name: &str) -> Self {
        let seed = std::env::var("BADIANO_SEED")
            .ok()
            .and_then(|s| s.parse().ok())
            .unwrap_or_else(|| u64::try_from(Instant::now().micros).expect("the clock stands after 1970"));
        println!("{name}: BADIANO_SEED={seed}");
        Dice(seed)
    }
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// Below `n`.
    pub fn roll(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    pub fn roll_usize(&mut self, n: usize) -> usize {
        usize::try_from(self.roll(n as u64)).expect("it is below n")
    }
    pub fn one_in(&mut self, n: u64) -> bool {
        self.roll(n) == 0
    }
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.roll_usize(from.len())]
    }
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| u8::try_from(self.next() & 0xff).expect("eight bits")).collect()
    }
}
