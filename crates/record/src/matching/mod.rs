//! Which records are of one person (Fellegi and Sunter 1969), with weights learnt from the records themselves and each decision explained.
//!
//! `person` reads a FHIR Patient into what is compared; `blocking` finds pairs that are worth a look; `compare` gives each field
//! a level; `weights` says what a level is worth, learnt without labels; `guard` knows what no score may overrule (twins, newborns,
//! namesakes); `cluster` joins the automatic links. Pure: no store, no clock.

mod blocking;
mod cluster;
mod compare;
mod guard;
mod person;
mod similarity;
mod weights;

use compare::Glance;
pub use compare::{Field, Level};
pub use person::Person;
use weights::Rarity;
pub use weights::Weights;

use badiano_fhir::{Value, fhir};
use blocking::Blocks;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Of fewer people nothing is learnt: what is assumed of names and places is nearer to the truth.
const LEARNT_FROM_MIN: usize = 1_000;

/// What follows from a pair's score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Band {
    /// One person, without anybody being asked.
    Automatic,
    /// A person decides.
    Review,
    NoLink,
}

impl Band {
    pub fn name(self) -> &'static str {
        match self {
            Band::Automatic => "automatic",
            Band::Review => "review",
            Band::NoLink => "no-link",
        }
    }
}

/// From which weight on, in bits (logarithm of the odds to base 2), a pair is in which band.
#[derive(Debug, Clone, Copy)]
pub struct Bands {
    pub automatic_bits: f64,
    pub review_bits: f64,
}

impl Default for Bands {
    fn default() -> Self {
        Bands { automatic_bits: 5.5, review_bits: -2.0 }
    }
}

/// A pair with its decision and why.
#[derive(Debug, Clone)]
pub struct Decision {
    /// Places in the list of people; `a < b`.
    pub a: usize,
    pub b: usize,
    pub score: Score,
}

impl Score {
    /// Of both being one person.
    pub fn probability(&self) -> f64 {
        weights::probability(self.bits)
    }
}

/// How much speaks for one person.
#[derive(Debug, Clone, Copy)]
pub struct Score {
    /// Logarithm of the odds to base 2 that both are one person.
    pub bits: f64,
    pub band: Band,
    /// Why it is not automatic although the bits would have it.
    pub guard: Option<&'static str>,
}

/// What linking a list gave.
pub struct Linked {
    /// For each person the place of the first of its cluster.
    pub cluster: Vec<usize>,
    /// Pairs that are automatic or for review, by place.
    pub decisions: Vec<Decision>,
    pub weights: Weights,
    /// Pairs that were compared.
    pub compared: usize,
}

/// Links a list with weights learnt from it. Cost and memory grow with the list and with the pairs that are not strangers.
pub fn link(people: &[Person], bands: Bands) -> Linked {
    let blocks = Blocks::of(people);
    let weights = Weights::learn(people, &blocks);
    let compared = AtomicUsize::new(0);
    let places: Vec<u32> = (0_u32..).take(people.len()).collect();
    let mut decisions: Vec<Decision> = in_parallel(&places, |&a, out: &mut Vec<Decision>| {
        let one = &people[a as usize];
        let judge = Judge::of(one, &weights, bands);
        let later = blocks.candidates(one);
        let later = &later[later.partition_point(|b| *b <= a)..];
        compared.fetch_add(later.len(), Ordering::Relaxed);
        let scored = later.iter().map(|b| (*b as usize, judge.score(&people[*b as usize])));
        let linked = scored.filter(|(_, score)| score.band != Band::NoLink);
        out.extend(linked.map(|(b, score)| Decision { a: a as usize, b, score }));
    });
    let cluster = cluster::join(people, &mut decisions, &weights);
    Linked { cluster, decisions, weights, compared: compared.into_inner() }
}

/// People that one can be looked for among, with what was learnt of them.
pub struct Index {
    people: Vec<Person>,
    blocks: Blocks,
    weights: Weights,
    bands: Bands,
}

impl Index {
    /// With weights learnt from the people where they are enough to learn from.
    pub fn of(people: Vec<Person>, bands: Bands) -> Index {
        let blocks = Blocks::of(&people);
        let enough = people.len() >= LEARNT_FROM_MIN;
        let weights = if enough { Weights::learn(&people, &blocks) } else { Weights::assumed(people.len()) };
        Index { people, blocks, weights, bands }
    }

    /// Found from now on, at the place that is returned; what was learnt stays as it is.
    pub fn add(&mut self, person: Person) -> usize {
        let place = self.people.len();
        self.blocks.add(u32::try_from(place).unwrap_or(u32::MAX), &person);
        self.people.push(person);
        place
    }

    /// No longer found. The places of the others stay.
    pub fn remove(&mut self, place: usize) {
        // Somebody of whom nothing is known is like nobody.
        self.people[place] = Person::default();
    }

    pub fn people(&self) -> &[Person] {
        &self.people
    }

    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// The waterfall of somebody who was looked for and one who was found.
    pub fn waterfall(&self, person: &Person, place: usize) -> Vec<(Field, Level, f64)> {
        let levels = compare::levels(person, &self.people[place]);
        self.weights.waterfall(&self.weights.rarity(person), &levels)
    }

    /// Who may be this person, best first: place, bits, band and guard. People whom nothing speaks for are left out.
    pub fn matches(&self, person: &Person) -> Vec<Match> {
        let judge = Judge::of(person, &self.weights, self.bands);
        let candidates = self.blocks.candidates(person).into_iter().map(|place| place as usize);
        let scored = candidates.map(|place| Match { place, score: judge.score(&self.people[place]) });
        let mut matches: Vec<Match> = scored.filter(|m| m.score.band != Band::NoLink).collect();
        matches.sort_by(|x, y| y.score.bits.total_cmp(&x.score.bits).then(x.place.cmp(&y.place)));
        matches
    }
}

/// Somebody who may be the person that was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Match {
    pub place: usize,
    pub score: Score,
}

/// Scores one pair.
pub fn decide(people: &[Person], a: usize, b: usize, weights: &Weights, bands: Bands) -> Decision {
    Decision { a, b, score: Judge::of(&people[a], weights, bands).score(&people[b]) }
}

/// What is the same for all pairs of one person.
pub struct Judge<'j> {
    one: &'j Person,
    rarity: Rarity,
    weights: &'j Weights,
    bands: Bands,
}

impl<'j> Judge<'j> {
    pub fn of(one: &'j Person, weights: &'j Weights, bands: Bands) -> Self {
        Judge { one, rarity: weights.rarity(one), weights, bands }
    }

    /// Most pairs are of strangers, and a glance is enough to know that: of those the bits are not all counted.
    pub fn score(&self, other: &Person) -> Score {
        let mut seen = compare::glance(self.one, other);
        if seen[Field::Curp as usize] != Glance::Known(Level::Equal) {
            let mut bits = self.weights.ceiling(&self.rarity, &seen);
            if bits >= self.bands.review_bits {
                // The names tell most of what is left.
                let names = compare::names(self.one, other);
                seen[..names.len()].copy_from_slice(&names.map(Glance::Known));
                bits = self.weights.ceiling(&self.rarity, &seen);
            }
            if bits < self.bands.review_bits {
                return Score { bits, band: Band::NoLink, guard: None };
            }
        }
        self.score_in_full(other)
    }

    fn score_in_full(&self, other: &Person) -> Score {
        let levels = compare::levels(self.one, other);
        let bits = self.weights.bits(&self.rarity, &levels);
        // Most pairs are of strangers: nothing else is asked of them.
        let guard =
            (bits >= self.bands.review_bits).then(|| guard::objection(self.one, other, &levels)).flatten();
        let band = match bits {
            w if w >= self.bands.automatic_bits && guard.is_none() => Band::Automatic,
            w if w >= self.bands.automatic_bits => Band::Review,
            w if w >= self.bands.review_bits && guard.is_none() => Band::Review,
            _ => Band::NoLink,
        };
        Score { bits, band, guard }
    }
}

/// The waterfall of a pair: each field with its level and weight, as a JSON object.
pub fn explain(people: &[Person], decision: &Decision, weights: &Weights) -> Value {
    let (one, other) = (&people[decision.a], &people[decision.b]);
    let levels = compare::levels(one, other);
    let fields: Vec<Value> = weights
        .waterfall(&weights.rarity(one), &levels)
        .into_iter()
        .map(|(field, level, bits)| {
            fhir!({ "field": (field.name()), "level": (level.name()), "bits": (rounded(bits)) })
        })
        .collect();
    let mut line = fhir!({
        "a": (&*one.id), "b": (&*other.id), "band": (decision.score.band.name()),
        "bits": (rounded(decision.score.bits)), "prior": (rounded(weights.prior_bits())), "fields": fields
    });
    if let Some(why) = decision.score.guard {
        line.set("guard", why);
    }
    line
}

/// To a hundredth: more would pretend.
fn rounded(bits: f64) -> Value {
    let text = format!("{bits:.2}");
    badiano_fhir::json::parse(text.as_bytes()).unwrap_or_else(|_| text.into())
}

/// What each item adds, in the order of the items, on all cores.
fn in_parallel<T: Sync, R: Send>(items: &[T], each: impl Fn(&T, &mut Vec<R>) + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(threads).max(1);
    let all = |own: &[T]| {
        let mut out = Vec::new();
        own.iter().for_each(|item| each(item, &mut out));
        out
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = items.chunks(share).map(|own| scope.spawn(|| all(own))).collect();
        running.into_iter().flat_map(|r| r.join().expect("comparing does not panic")).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use badiano_testkit::lookalikes::{Lookalike, Registry, registry};
    use std::collections::{HashMap, HashSet};

    const SEED: u64 = 20_261_123;

    fn linked(registry: &Registry) -> (Vec<Person>, Linked) {
        let people: Vec<Person> =
            registry.registrations.iter().map(|r| Person::of_patient(&r.patient)).collect();
        let linked = link(&people, Bands::default());
        (people, linked)
    }

    /// Records of each group, and how many pairs that makes.
    fn pairs(groups: impl Iterator<Item = usize>) -> (HashMap<usize, Vec<usize>>, usize) {
        let mut members: HashMap<usize, Vec<usize>> = HashMap::new();
        groups.enumerate().for_each(|(record, group)| members.entry(group).or_default().push(record));
        let count = members.values().map(|m| m.len() * (m.len() - 1) / 2).sum();
        (members, count)
    }

    #[test]
    fn a_bad_registry_is_linked_with_few_errors_and_without_joining_those_who_look_alike() {
        let registry = registry(SEED, 3_000);
        let (_, linked) = linked(&registry);
        let (of_person, true_pairs) = pairs(registry.registrations.iter().map(|r| r.who));
        let (_, found) = pairs(linked.cluster.iter().copied());
        let both = registry.registrations.iter().zip(&linked.cluster).map(|(r, cluster)| (r.who, *cluster));
        let mut number: HashMap<(usize, usize), usize> = HashMap::new();
        let (_, right) = pairs(both.map(|group| {
            let next = number.len();
            *number.entry(group).or_insert(next)
        }));
        let (precision, recall) = (right as f64 / found as f64, right as f64 / true_pairs as f64);
        assert!(precision >= 0.995 && recall >= 0.94, "precision {precision}, recall {recall}; seed {SEED}");
        for kind in
            [Lookalike::Twins, Lookalike::NewbornAndMother, Lookalike::ParentAndChild, Lookalike::Siblings]
        {
            let pairs: Vec<_> = registry.lookalikes.iter().filter(|(k, _, _)| *k == kind).collect();
            let clusters =
                |who: usize| of_person[&who].iter().map(|r| linked.cluster[*r]).collect::<HashSet<_>>();
            let joined = pairs.iter().filter(|(_, a, b)| !clusters(*a).is_disjoint(&clusters(*b))).count();
            assert!(joined * 50 <= pairs.len(), "{joined} of {} {kind:?} joined; seed {SEED}", pairs.len());
        }
    }

    #[test]
    fn linking_gives_the_same_clusters_whatever_the_order_of_the_list() {
        let mut one = registry(SEED + 1, 400);
        let (_, before) = linked(&one);
        let cluster_of = |registry: &Registry, linked: &Linked| {
            let (members, _) = pairs(linked.cluster.iter().copied());
            let id = |r: &usize| registry.registrations[*r].patient.str_of("id").to_owned();
            let mut groups: Vec<Vec<String>> = members.values().map(|m| m.iter().map(id).collect()).collect();
            groups.iter_mut().for_each(|g| g.sort());
            groups.sort();
            groups
        };
        let first = cluster_of(&one, &before);
        one.registrations.reverse();
        let (_, after) = linked(&one);
        let changed = cluster_of(&one, &after).iter().filter(|g| !first.contains(g)).count();
        assert!(changed * 100 <= first.len(), "{changed} of {} groups depend on the order", first.len());
    }

    #[test]
    fn a_decision_says_each_field_with_its_level_and_weight_and_they_add_up() {
        let registry = registry(SEED + 2, 300);
        let (people, linked) = linked(&registry);
        assert!(!linked.decisions.is_empty());
        for decision in &linked.decisions {
            let line = explain(&people, decision, &linked.weights);
            let number = |v: &Value| badiano_fhir::json::to_string(v).parse::<f64>().expect("a number");
            let sum: f64 = line["fields"].items().iter().map(|f| number(&f["bits"])).sum();
            let (told, prior) = (number(&line["bits"]), number(&line["prior"]));
            assert!((sum + prior - told).abs() < 0.2, "{}", badiano_fhir::json::to_string(&line));
        }
    }

    #[test]
    fn a_glance_never_sends_away_whom_a_full_comparison_would_keep() {
        let registry = registry(SEED + 4, 1_200);
        let (people, linked) = linked(&registry);
        let blocks = Blocks::of(&people);
        let mut rng = badiano_testkit::Rng::new(SEED);
        let (mut sent_away, mut all) = (0, 0);
        for one in &people {
            let judge = Judge::of(one, &linked.weights, Bands::default());
            let strangers = (0..20).map(|_| rng.below(people.len() as u64) as usize);
            for other in blocks.candidates(one).into_iter().map(|b| b as usize).chain(strangers) {
                let (glanced, full) = (judge.score(&people[other]), judge.score_in_full(&people[other]));
                assert_eq!(glanced.band, full.band, "seed {SEED}: {one:?} {:?}", people[other]);
                all += 1;
                sent_away += usize::from(glanced.bits != full.bits);
                let is_full = glanced.band == Band::NoLink || glanced.bits == full.bits;
                assert!(is_full && glanced.bits >= full.bits - 1e-9, "a ceiling is above");
            }
        }
        assert!(sent_away * 2 > all, "{sent_away} of {all} known at a glance");
    }

    #[test]
    fn somebody_is_found_in_a_short_list_too_and_a_stranger_is_not() {
        let registry = registry(SEED + 3, 150);
        let mut first: HashMap<usize, usize> = HashMap::new();
        let mut again = Vec::new();
        let mut kept = Vec::new();
        for registration in &registry.registrations {
            let person = Person::of_patient(&registration.patient);
            match first.entry(registration.who) {
                std::collections::hash_map::Entry::Vacant(new) => {
                    new.insert(kept.len());
                    kept.push(person);
                }
                std::collections::hash_map::Entry::Occupied(_) => again.push((registration.who, person)),
            }
        }
        let index = Index::of(kept, Bands::default());
        let (mut found, mut wrong) = (0, 0);
        for (who, person) in &again {
            let matches = index.matches(person);
            found += usize::from(matches.first().is_some_and(|m| m.place == first[who]));
            let sure = matches.iter().filter(|m| m.score.band == Band::Automatic);
            wrong += sure.filter(|m| m.place != first[who]).count();
        }
        println!("{found} found, {wrong} wrong of {}", again.len());
        assert!(found * 100 >= again.len() * 93, "{found} of {} found; seed {SEED}", again.len());
        assert!(wrong * 100 <= again.len(), "{wrong} of {} taken for another; seed {SEED}", again.len());
    }

    #[test]
    fn nothing_one_record_and_empty_records_are_linked_without_a_word() {
        assert!(link(&[], Bands::default()).decisions.is_empty());
        let empty = || Person { id: "x".into(), ..Person::default() };
        assert_eq!(link(&[empty()], Bands::default()).cluster, [0]);
        assert_eq!(
            link(&[empty(), empty(), empty()], Bands::default()).cluster,
            [0, 1, 2],
            "empty is not equal"
        );
    }
}
