//! How far a proof goes: a seeded slice in `cargo xtask test`, the full count in `cargo xtask prove AREA [--seed N] [--minutes N]`.
//!
//! The convention, for every test that draws its cases: `BADIANO_PROOF=full` asks for the full count; `BADIANO_SEED` is the seed
//! (drawn from the clock where there is none); `BADIANO_PROOF_MINUTES` is when a full proof stops taking further cases. A proof
//! prints its seed when it begins, and when it ends one line `proof {"name","seed","cases","planned","seconds","full","counts"}`,
//! which `cargo xtask prove` keeps in `docs/proofs`. A case depends on the seed and its number alone, never on the clock.

use crate::Rng;
use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Minutes of a full proof when nobody has said.
pub const MINUTES_USUAL: u64 = 10;

/// How many cases: a slice, seconds of work, and the full count, hours if need be.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub slice: u64,
    pub full: u64,
}

/// A proof under way: an iterator over its cases.
pub struct Proof {
    name: &'static str,
    seed: u64,
    full: bool,
    planned: u64,
    done: u64,
    began: Instant,
    until: Option<Instant>,
    counts: BTreeMap<String, u64>,
}

/// One case: its number and a generator of its own.
pub struct Case {
    pub number: u64,
    pub rng: Rng,
}

impl Proof {
    pub fn begin(name: &'static str, plan: Plan) -> Proof {
        let said = |name: &str| std::env::var(name).ok();
        let number = |name: &str| said(name).and_then(|text| text.parse::<u64>().ok());
        let full = said("BADIANO_PROOF").as_deref() == Some("full");
        let minutes = number("BADIANO_PROOF_MINUTES").unwrap_or(MINUTES_USUAL);
        let seed = number("BADIANO_SEED").unwrap_or_else(drawn);
        println!("{name}: BADIANO_SEED={seed}");
        let began = Instant::now();
        Proof {
            name,
            seed,
            full,
            planned: if full { plan.full } else { plan.slice },
            done: 0,
            began,
            until: full.then(|| began + Duration::from_secs(minutes * 60)),
            counts: BTreeMap::new(),
        }
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Something worth telling beside the cases: what was refused, crashed, mended.
    pub fn note(&mut self, what: &str, more: u64) {
        *self.counts.entry(what.to_owned()).or_default() += more;
    }

    /// So many of that so far.
    pub fn noted(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or(0)
    }

    /// The case of a number, whatever was drawn before it.
    pub fn case(&self, number: u64) -> Case {
        Case { number, rng: Rng::of(self.seed, self.name, number) }
    }
}

impl Iterator for Proof {
    type Item = Case;

    fn next(&mut self) -> Option<Case> {
        if self.done >= self.planned || self.until.is_some_and(|until| Instant::now() >= until) {
            return None;
        }
        self.done += 1;
        Some(self.case(self.done - 1))
    }
}

impl Drop for Proof {
    fn drop(&mut self) {
        // A proof that fails has no line: what was not shown is not kept.
        if std::thread::panicking() {
            println!("{} failed at case {}; BADIANO_SEED={}", self.name, self.done.max(1) - 1, self.seed);
            return;
        }
        let counts: Vec<String> = self.counts.iter().map(|(what, n)| format!("\"{what}\":{n}")).collect();
        println!(
            "proof {{\"name\":\"{}\",\"seed\":{},\"cases\":{},\"planned\":{},\"seconds\":{},\"full\":{},\"counts\":{{{}}}}}",
            self.name,
            self.seed,
            self.done,
            self.planned,
            self.began.elapsed().as_secs(),
            self.full,
            counts.join(",")
        );
    }
}

fn drawn() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_micros() as u64)
}

#[cfg(test)]
mod tests {
    use super::{Plan, Proof};

    #[test]
    fn a_case_can_be_had_again_from_its_number() {
        let mut proof = Proof::begin("of_testkit", Plan { slice: 5, full: 5 });
        let drawn: Vec<u64> = proof.by_ref().map(|mut case| case.rng.next_u64()).collect();
        assert_eq!(drawn.len(), 5);
        assert_eq!(proof.case(3).rng.next_u64(), drawn[3]);
        proof.note("things", 2);
        proof.note("things", 1);
        assert_eq!((proof.noted("things"), proof.noted("others")), (3, 0));
    }
}
