//! Pairs that are worth comparing: people who share one of many keys, each made so that few errors spoil all of them.

use super::person::Person;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A key that more people share says too little; another key finds those of them who are one.
const SHARED_BY_MAX: usize = 50;

/// Each pair once, `a < b`, sorted.
pub fn candidates(people: &[Person]) -> Vec<(u32, u32)> {
    let mut keyed: Vec<(u64, u32)> = Vec::with_capacity(people.len() * 16);
    for (place, person) in (0u32..).zip(people) {
        let mut keys = Keys { person: place, out: &mut keyed };
        keys.of(person);
    }
    keyed.sort_unstable();
    keyed.dedup();
    let mut pairs = Vec::new();
    for block in keyed.chunk_by(|x, y| x.0 == y.0).filter(|b| b.len() <= SHARED_BY_MAX) {
        for (i, (_, a)) in block.iter().enumerate() {
            pairs.extend(block[i + 1..].iter().map(|(_, b)| (*a, *b)));
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

struct Keys<'k> {
    person: u32,
    out: &'k mut Vec<(u64, u32)>,
}

impl Keys<'_> {
    /// A key of several parts, left out where one is not known.
    fn push(&mut self, rule: u8, parts: &[&str]) {
        if parts.iter().any(|p| p.is_empty()) {
            return;
        }
        let mut hasher = DefaultHasher::new();
        (rule, parts).hash(&mut hasher);
        self.out.push((hasher.finish(), self.person));
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
                self.push(rule, &[system, part, first]);
                self.push(rule + 30, &[system, part, &home.postal]);
                self.push(rule + 60, &[system, part, year]);
                self.push(rule + 90, &[system, part, given]);
            }
        }
        p.phones.iter().for_each(|phone| self.push(6, &[phone]));
        self.push(7, &[first, &p.birth]);
        self.push(8, &[given, &p.birth]);
        self.push(9, &[second, &p.birth]);
        self.push(10, &[given, first, second]);
        self.push(11, &[given, first, year]);
        self.push(12, &[given, first, month_day]);
        self.push(13, &[given, first, &home.postal]);
        self.push(14, &[given, first, &home.house]);
        self.push(15, &[&p.birth, &home.postal]);
        self.push(16, &[&p.birth, &home.house]);
        self.push(17, &[&p.birth, &home.city]);
        self.push(18, &[&home.street, &home.house]);
        self.push(19, &[&home.street, first]);
        self.push(20, &[&home.street, given]);
        self.push(21, &[&home.postal, &home.house, first]);
        self.push(22, &[&home.postal, &home.house, given]);
        self.push(23, &[&home.place, first]);
        self.push(24, &[&home.place, given]);
        self.push(25, &[&home.street, year]);
        let crossed = if given <= first { [given, first] } else { [first, given] };
        self.push(26, &[crossed[0], crossed[1], year]);
        let surnames = if first <= second { [first, second] } else { [second, first] };
        self.push(27, &[surnames[0], surnames[1], given]);
        self.push(28, &[surnames[0], surnames[1], &p.birth]);
        if home.postal.is_empty() && p.phones.is_empty() {
            self.push(29, &[crossed[0], crossed[1]]);
        }
    }
}
