//! What agreement is worth: m and u of each field and level, learnt by expectation maximisation without labels (Fellegi-Sunter; Winkler 1988).

use super::blocking::Blocks;
use super::compare::{Field, Glance, Level, Levels, levels};
use super::person::Person;
use std::collections::HashMap;

/// People whose candidate pairs are learnt from.
const LEARNT_FROM_MAX: usize = 20_000;
/// Random pairs from which chance agreement is counted.
const RANDOM_PAIRS: usize = 100_000;
const ROUNDS: usize = 10;
/// Nobody shares a CURP by chance, however short the list is that it was counted in.
const CURP_BITS: f64 = 40.0;
/// How many pairs the knowledge that we start with is worth.
const PRIOR_PAIRS: f64 = 50.0;
/// What is assumed of pairs that live in one house before the list tells: so many are one person, so many are a household.
const ASSUMED_HOME: [f64; 2] = [0.5, 0.1];

/// m (agreement where both are one person) that is assumed before anything is learnt, by level; unknown is not counted.
const ASSUMED: [[f64; Level::COUNT]; Field::ALL.len()] = [
    //    unknown equal close similar part crossed different
    /* given */
    [0.0, 0.78, 0.08, 0.03, 0.06, 0.02, 0.03],
    /* first */ [0.0, 0.85, 0.07, 0.02, 0.02, 0.02, 0.02],
    /* second */ [0.0, 0.85, 0.07, 0.02, 0.02, 0.02, 0.02],
    /* birth */ [0.0, 0.88, 0.05, 0.02, 0.02, 0.01, 0.02],
    /* sex */ [0.0, 0.985, 0.0, 0.0, 0.0, 0.0, 0.015],
    /* curp */ [0.0, 0.90, 0.08, 0.001, 0.0, 0.0, 0.01],
    /* number */ [0.0, 0.80, 0.08, 0.03, 0.0, 0.0, 0.09],
    /* phone */ [0.0, 0.65, 0.0, 0.0, 0.0, 0.0, 0.35],
    /* house */ [0.0, 0.75, 0.08, 0.02, 0.0, 0.0, 0.15],
    /* street */ [0.0, 0.72, 0.10, 0.03, 0.03, 0.01, 0.11],
    /* place */ [0.0, 0.72, 0.10, 0.03, 0.03, 0.01, 0.11],
    /* city */ [0.0, 0.80, 0.07, 0.02, 0.02, 0.0, 0.09],
    /* postal */ [0.0, 0.80, 0.06, 0.02, 0.0, 0.0, 0.12],
    /* state */ [0.0, 0.92, 0.02, 0.0, 0.0, 0.0, 0.06],
];

/// u (agreement of two strangers) of Mexican names and places, for a list too short to count it in; unknown is not counted.
const ASSUMED_CHANCE: [[f64; Level::COUNT]; Field::ALL.len()] = [
    //    unknown equal close similar part crossed different
    /* given */
    [0.0, 0.019, 0.004, 0.003, 0.022, 0.002, 0.95],
    /* first */ [0.0, 0.033, 0.003, 0.004, 0.0002, 0.01, 0.95],
    /* second */ [0.0, 0.033, 0.003, 0.004, 0.0002, 0.002, 0.958],
    /* birth */ [0.0, 0.000_1, 0.001, 0.003, 0.000_5, 0.000_05, 0.995],
    /* sex */ [0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.5],
    /* curp */ [0.0, 0.000_01, 0.000_02, 0.000_05, 0.0, 0.0, 0.999_9],
    /* number */ [0.0, 0.000_1, 0.000_1, 0.000_2, 0.0, 0.0, 0.999_6],
    /* phone */ [0.0, 0.000_1, 0.0, 0.0, 0.0, 0.0, 0.999_9],
    /* house */ [0.0, 0.008, 0.024, 0.001, 0.0, 0.0, 0.967],
    /* street */ [0.0, 0.02, 0.007, 0.03, 0.001, 0.001, 0.94],
    /* place */ [0.0, 0.05, 0.007, 0.05, 0.001, 0.001, 0.89],
    /* city */ [0.0, 0.2, 0.001, 0.001, 0.01, 0.0, 0.788],
    /* postal */ [0.0, 0.01, 0.03, 0.1, 0.0, 0.0, 0.86],
    /* state */ [0.0, 0.5, 0.001, 0.0, 0.0, 0.0, 0.499],
];
/// What a shared home may add in a list too short to learn it from.
const ASSUMED_RESIDENCE_BITS: f64 = 8.0;

/// What was learnt of a list of people.
#[derive(Debug, Clone)]
pub struct Weights {
    /// Logarithm to base 2 of m / u.
    bits: [[f64; Level::COUNT]; Field::ALL.len()],
    m: [[f64; Level::COUNT]; Field::ALL.len()],
    prior_bits: f64,
    /// Living in one place is what a household shares: all of it together counts no more than the share of those that live
    /// in one house and are one person.
    residence_bits_max: f64,
    /// How often each value of a field stands in the list, as a share.
    shares: Shares,
}

type Shares = [HashMap<Box<str>, f64>; Field::ALL.len()];
type Table = [[f64; Level::COUNT]; Field::ALL.len()];

impl Weights {
    /// Learns from candidates (both classes) and from random pairs (chance agreement).
    pub fn learn(people: &[Person], blocks: &Blocks) -> Weights {
        let shares = shares(people);
        let mut u = chance(people);
        for (row, of_value) in u.iter_mut().zip(&shares).filter(|(_, shares)| !shares.is_empty()) {
            row[Level::Equal as usize] = of_value.values().map(|share| share * share).sum();
        }
        let (seen, step) = sample(people, blocks);
        let n = people.len() as f64;
        let all_pairs = (n * (n - 1.0) / 2.0).max(1.0);
        let (mut m, mut prior) = (ASSUMED, (0.25 * n / all_pairs).min(0.5));
        for _ in 0..ROUNDS {
            let (bits, prior_bits) = (ratios(&m, &u), (prior / (1.0 - prior)).log2());
            let mut counts: Table = ASSUMED.map(|row| row.map(|p| p * PRIOR_PAIRS));
            let mut matched = 0.0;
            for levels in &seen {
                let odds = prior_bits + plain_bits(&bits, levels);
                let share = probability(odds);
                matched += share;
                for (field, level) in levels.iter().enumerate().filter(|(_, l)| **l != Level::Unknown) {
                    counts[field][*level as usize] += share;
                }
            }
            m = counts.map(shares_of);
            prior = ((matched * step).max(1.0) / all_pairs).min(0.5);
        }
        let prior_bits = (prior / (1.0 - prior)).log2();
        let bits = ratios(&m, &u);
        let residence_bits_max = (home_odds(&bits, &seen) - prior_bits).max(0.0);
        Weights { bits, m, prior_bits, residence_bits_max, shares }
    }

    /// What is known before anything is learnt, for a list of so many people.
    pub fn assumed(people: usize) -> Weights {
        // One in four of those who are registered was registered before.
        let prior = 0.25 / people.max(2) as f64;
        Weights {
            bits: ratios(&ASSUMED, &ASSUMED_CHANCE),
            m: ASSUMED,
            prior_bits: (prior / (1.0 - prior)).log2(),
            residence_bits_max: ASSUMED_RESIDENCE_BITS,
            shares: Shares::default(),
        }
    }

    /// The odds before anything is compared, as a logarithm to base 2.
    pub fn prior_bits(&self) -> f64 {
        self.prior_bits
    }

    /// The odds that both are one person, as a logarithm to base 2; the rarity is that of either of both (it counts where they agree).
    pub fn bits(&self, rarity: &Rarity, levels: &Levels) -> f64 {
        let mut sum = self.prior_bits;
        self.weigh(rarity, levels, |_, _, bits| sum += bits);
        sum
    }

    /// No pair that looks so has more bits than this. Equal CURPs are not asked about: they change what the others count.
    pub fn ceiling(&self, rarity: &Rarity, seen: &[Glance; Field::ALL.len()]) -> f64 {
        let mut sum = self.prior_bits;
        let (mut residence, mut moved) = (0.0, 0.0_f64);
        for (field, glance) in Field::ALL.into_iter().zip(seen) {
            let row = &self.bits[field as usize];
            let equal = || rarity.0[field as usize].map_or(row[Level::Equal as usize], f64::from);
            let unlike = || row[Level::Equal as usize + 1..].iter().copied().fold(f64::MIN, f64::max);
            let most = match glance {
                Glance::Known(Level::Unknown) => continue,
                Glance::Known(Level::Equal) => equal(),
                Glance::Known(level) => row[*level as usize],
                Glance::Unlike => unlike(),
                Glance::Any => equal().max(unlike()),
            };
            if !field.is_residence() {
                sum += most;
            } else if most > 0.0 {
                residence += most;
            } else {
                moved = moved.min(most);
            }
        }
        sum + f64::min(residence, self.residence_bits_max) + moved
    }

    /// What each known field adds; the order is that of [`Field::ALL`].
    pub fn waterfall(&self, rarity: &Rarity, levels: &Levels) -> Vec<(Field, Level, f64)> {
        let mut fields = Vec::new();
        self.weigh(rarity, levels, |field, level, bits| fields.push((field, level, bits)));
        fields
    }

    fn weigh(&self, rarity: &Rarity, levels: &Levels, mut each: impl FnMut(Field, Level, f64)) {
        let same_curp = levels[Field::Curp as usize] == Level::Equal;
        let (mut residence, mut moved) = (self.residence_bits_max, 0.0);
        for field in Field::ALL.into_iter().filter(|f| levels[*f as usize] != Level::Unknown) {
            let level = levels[field as usize];
            let mut bits = self.bits[field as usize][level as usize];
            if same_curp && field == Field::Curp {
                bits = CURP_BITS;
            } else if level == Level::Equal {
                bits = rarity.0[field as usize].map_or(bits, f64::from);
            }
            // A CURP is made of name, date and sex: they say again what it has said.
            if same_curp && field as usize <= Field::Sex as usize || is_implied(field, levels) {
                bits = bits.min(0.0);
            }
            if field.is_residence() && bits > 0.0 {
                bits = bits.min(residence);
                residence -= bits;
            } else if field.is_residence() {
                // Who moved has another street, city and state at once: they say one thing, once.
                (bits, moved) = ((bits - moved).min(0.0), bits.min(moved));
            }
            each(field, level, bits);
        }
    }

    /// What agreement in each of a person's values is worth: more for a rare one. Asked once for all its pairs.
    pub fn rarity(&self, person: &Person) -> Rarity {
        Rarity(Field::ALL.map(|field| {
            let share = self.shares[field as usize].get(counted_value(field, person)?)?;
            Some((self.m[field as usize][Level::Equal as usize] / share).log2() as f32)
        }))
    }
}

/// Bits of agreement in a person's own values; nothing where a value's frequency does not count.
#[derive(Debug, Clone, Copy)]
pub struct Rarity([Option<f32>; Field::ALL.len()]);

fn plain_bits(bits: &Table, levels: &Levels) -> f64 {
    levels.iter().enumerate().map(|(field, level)| bits[field][*level as usize]).sum()
}

/// Levels of candidate pairs of people drawn evenly from the list, and how many pairs each stands for.
fn sample(people: &[Person], blocks: &Blocks) -> (Vec<Levels>, f64) {
    let step = people.len().div_ceil(LEARNT_FROM_MAX).max(1);
    let mut seen = Vec::new();
    let (mut asked, mut of_asked) = (0, 0);
    for a in (0..people.len()).step_by(step) {
        asked += 1;
        for b in blocks.candidates(&people[a]).into_iter().map(|b| b as usize).filter(|b| *b != a) {
            of_asked += 1;
            // Each pair once: from both ends it comes twice, unless the other end was not drawn.
            if b > a || b % step != 0 {
                seen.push(levels(&people[a], &people[b]));
            }
        }
    }
    let all = f64::from(of_asked) * people.len() as f64 / f64::from(asked.max(1)) / 2.0;
    let stands_for = if seen.is_empty() { 1.0 } else { all / seen.len() as f64 };
    (seen, stands_for)
}

/// The odds, as a logarithm to base 2, that two who live in one house are one person, told by all that is not the house.
fn home_odds(bits: &Table, seen: &[Levels]) -> f64 {
    let live_together = |levels: &&Levels| {
        levels[Field::House as usize] == Level::Equal
            && matches!(levels[Field::Street as usize], Level::Equal | Level::Close)
            && [Field::Place, Field::City, Field::Postal]
                .iter()
                .all(|f| levels[*f as usize] != Level::Different)
    };
    let at_home = seen.iter().filter(live_together);
    let elsewhere = || Field::ALL.iter().filter(|f| !f.is_residence());
    let told: Vec<f64> = at_home
        .map(|levels| elsewhere().map(|f| bits[*f as usize][levels[*f as usize] as usize]).sum())
        .collect();
    let mut odds = 0.0;
    for _ in 0..ROUNDS {
        let one = ASSUMED_HOME[0] + told.iter().map(|bits| probability(odds + bits)).sum::<f64>();
        let all = ASSUMED_HOME.iter().sum::<f64>() + told.len() as f64;
        odds = (one / (all - one)).log2();
    }
    odds
}

/// A postal code lies in one city, and a city in one state: what agrees with it says nothing more.
fn is_implied(field: Field, levels: &Levels) -> bool {
    let same = |field: Field| levels[field as usize] == Level::Equal;
    match field {
        Field::City => same(Field::Postal),
        Field::State => same(Field::Postal) || same(Field::City),
        _ => false,
    }
}

/// Of a logarithm of odds to base 2.
pub(super) fn probability(bits: f64) -> f64 {
    1.0 / (1.0 + (-bits.clamp(-60.0, 60.0)).exp2())
}

/// Level frequencies of random pairs; what did not happen once is taken as half a time.
fn chance(people: &[Person]) -> Table {
    let mut counts: Table = ASSUMED.map(|row| row.map(|p| if p > 0.0 { 0.5 } else { 0.0 }));
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % people.len().max(1) as u64).unwrap_or(0)
    };
    for _ in 0..if people.len() < 2 { 0 } else { RANDOM_PAIRS } {
        let (a, b) = (next(), next());
        if a != b {
            let levels = levels(&people[a], &people[b]);
            for (field, level) in levels.iter().enumerate().filter(|(_, l)| **l != Level::Unknown) {
                counts[field][*level as usize] += 1.0;
            }
        }
    }
    counts.map(shares_of)
}

fn shares_of(row: [f64; Level::COUNT]) -> [f64; Level::COUNT] {
    let sum: f64 = row.iter().sum();
    row.map(|c| if sum > 0.0 { c / sum } else { 0.0 })
}

fn ratios(m: &Table, u: &Table) -> Table {
    let mut bits = [[0.0; Level::COUNT]; Field::ALL.len()];
    for (field, row) in bits.iter_mut().enumerate() {
        for (level, cell) in row.iter_mut().enumerate().skip(1) {
            let (m, u) = (m[field][level].max(1e-4), u[field][level].max(1e-7));
            *cell = (m / u).log2();
        }
    }
    bits
}

/// The values whose frequency counts.
fn counted_value(field: Field, person: &Person) -> Option<&str> {
    let text: &str = match field {
        Field::Given => &person.given,
        Field::FirstSurname => &person.surnames[0],
        Field::SecondSurname => &person.surnames[1],
        Field::Birth => &person.birth,
        Field::Street => &person.home.street,
        Field::Place => &person.home.place,
        Field::City => &person.home.city,
        Field::Postal => &person.home.postal,
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// For each field, the share of those who have a value of those who have one at all.
fn shares(people: &[Person]) -> Shares {
    Field::ALL.map(|field| {
        let mut known = 0.0;
        let mut counts: HashMap<&str, f64> = HashMap::new();
        for value in people.iter().filter_map(|p| counted_value(field, p)) {
            known += 1.0;
            *counts.entry(value).or_default() += 1.0;
        }
        counts.into_iter().map(|(value, count)| (value.into(), count / known)).collect()
    })
}
