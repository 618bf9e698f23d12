//! Pairs that are worth comparing: people who share one of many keys, each made so that few errors spoil all of them.

use super::person::{Person, mark_of};
use std::collections::BTreeSet;

/// A key that more people share says too little; another key finds those of them who are one.
const SHARED_BY_MAX: usize = 50;
/// The same for keys that many strangers share in a large list: the rules from [`WEAK`] on.
const WEAK_SHARED_BY_MAX: usize = 12;
/// Rules below this are made of a number, a birth date or a home.
const WEAK: u8 = 100;

/// The people of a list by their keys; eight bytes a key.
pub struct Blocks {
    /// The key in the upper half, the place in the lower, sorted.
    keyed: Vec<u64>,
    /// Where the keys of each value of their upper bits begin, and how many bits are not looked at.
    starts: Vec<u32>,
    shift: u32,
    /// Those who came later.
    added: BTreeSet<u64>,
}

impl Blocks {
    pub fn of(people: &[Person]) -> Blocks {
        let mut keyed: Vec<u64> = Vec::with_capacity(people.len() * 24);
        for (place, person) in (0_u64..).zip(people) {
            keyed.extend(keys(person).into_iter().map(|(key, _)| u64::from(key) << 32 | place));
        }
        keyed.sort_unstable();
        let (starts, shift) = starts(&keyed);
        Blocks { keyed, starts, shift, added: BTreeSet::new() }
    }

    pub fn add(&mut self, place: u32, person: &Person) {
        self.added.extend(keys(person).into_iter().map(|(key, _)| u64::from(key) << 32 | u64::from(place)));
    }

    /// Places of those who share a key with somebody, each once, in order; whoever asks is among them if of the list.
    pub fn candidates(&self, person: &Person) -> Vec<u32> {
        let mut places = Vec::new();
        for (key, rule) in keys(person) {
            let (first, last) = (u64::from(key) << 32, u64::from(key) << 32 | u64::from(u32::MAX));
            let limit = if rule < WEAK { SHARED_BY_MAX } else { WEAK_SHARED_BY_MAX };
            let begin = self.starts[(first >> self.shift) as usize] as usize;
            let from = begin + self.keyed[begin..].iter().take_while(|k| **k < first).count();
            // A key of too many is known by the one that stands so far behind.
            if self.keyed.get(from + limit).is_some_and(|k| *k <= last) {
                continue;
            }
            let listed = self.keyed[from..].iter().take_while(|k| **k <= last);
            places.extend(listed.chain(self.added.range(first..=last)).take(limit).map(|k| *k as u32));
        }
        places.sort_unstable();
        places.dedup();
        places
    }
}

/// A table of about as many places as there are keys, a fourth at least, so that a key is found without a search.
fn starts(keyed: &[u64]) -> (Vec<u32>, u32) {
    let bits = keyed.len().max(4).ilog2().min(28) - 1;
    let shift = u64::BITS - bits;
    let mut starts = vec![0_u32; 1 << bits];
    for key in keyed {
        starts[(key >> shift) as usize] += 1;
    }
    let mut sum = 0;
    for count in &mut starts {
        (*count, sum) = (sum, sum + *count);
    }
    (starts, shift)
}

/// Each key of a person, with its rule.
fn keys(person: &Person) -> Vec<(u32, u8)> {
    let mut out = Vec::with_capacity(32);
    Keys { out: &mut out }.of(person);
    out.sort_unstable();
    out.dedup();
    out
}

struct Keys<'k> {
    out: &'k mut Vec<(u32, u8)>,
}

impl Keys<'_> {
    /// A key of several parts, left out where one is not known.
    fn push(&mut self, rule: u8, parts: &[&str]) {
        if parts.iter().any(|p| p.is_empty()) {
            return;
        }
        let mark = parts.iter().fold(u64::from(rule), |mark, part| mark_of(mark, part));
        self.out.push(((mark >> 32) as u32, rule));
    }

    fn of(&mut self, p: &Person) {
        let [given, first, second] = &p.sounds;
        let year = p.birth.get(..4).unwrap_or("");
        let month_day = p.birth.get(4..8).unwrap_or("");
        let home = &p.home;
        if let Some(curp) = &p.curp {
            self.push(0, &[&curp.text]);
            self.push(1, &[curp.text.get(..10).unwrap_or("")]);
            self.push(2, &[curp.text.get(4..).unwrap_or("")]);
        }
        for (system, value) in &p.numbers {
            self.push(3, &[system, value]);
            let half = value.char_indices().nth(value.chars().count() / 2).map_or(0, |(at, _)| at);
            let (head, tail) = value.split_at(half);
            for (rule, part) in [(4, head), (5, tail)] {
                self.push(WEAK + rule, &[system, part, first]);
                self.push(WEAK + rule + 30, &[system, part, &home.postal]);
                self.push(WEAK + rule + 60, &[system, part, year]);
                self.push(WEAK + rule + 90, &[system, part, given]);
            }
        }
        p.phones.iter().for_each(|phone| self.push(6, &[phone]));
        self.push(7, &[first, &p.birth]);
        self.push(8, &[given, &p.birth]);
        self.push(9, &[second, &p.birth]);
        self.push(10, &[given, first, second]);
        self.push(WEAK + 11, &[given, first, year]);
        self.push(WEAK + 12, &[given, first, month_day]);
        self.push(WEAK + 13, &[given, first, &home.postal]);
        self.push(WEAK + 14, &[given, first, &home.house]);
        self.push(15, &[&p.birth, &home.postal]);
        self.push(16, &[&p.birth, &home.house]);
        self.push(WEAK + 17, &[&p.birth, &home.city]);
        self.push(18, &[&home.street, &home.house]);
        self.push(WEAK + 19, &[&home.street, first]);
        self.push(WEAK + 20, &[&home.street, given]);
        self.push(WEAK + 21, &[&home.postal, &home.house, first]);
        self.push(WEAK + 22, &[&home.postal, &home.house, given]);
        self.push(WEAK + 23, &[&home.place, first]);
        self.push(WEAK + 24, &[&home.place, given]);
        self.push(WEAK + 25, &[&home.street, year]);
        let crossed = if given <= first { [given, first] } else { [first, given] };
        self.push(WEAK + 26, &[crossed[0], crossed[1], year]);
        let surnames = if first <= second { [first, second] } else { [second, first] };
        self.push(WEAK + 27, &[surnames[0], surnames[1], given]);
        self.push(28, &[surnames[0], surnames[1], &p.birth]);
        if home.postal.is_empty() && p.phones.is_empty() {
            self.push(WEAK + 29, &[crossed[0], crossed[1]]);
        }
    }
}
