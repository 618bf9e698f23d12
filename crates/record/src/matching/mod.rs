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

pub use compare::{Field, Level};
pub use person::Person;
pub use weights::Weights;

use badiano_fhir::{Value, fhir};

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
        Bands { automatic_bits: 5.5, review_bits: -6.0 }
    }
}

/// A pair with its decision and why.
#[derive(Debug, Clone)]
pub struct Decision {
    /// Places in the list of people; `a < b`.
    pub a: usize,
    pub b: usize,
    /// Logarithm of the odds to base 2 that both are one person.
    pub bits: f64,
    pub band: Band,
    /// Why it is not automatic although the score would have it.
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

/// Links a list with weights learnt from it. Cost grows with the candidate pairs; memory too, at 16 bytes a pair.
pub fn link(people: &[Person], bands: Bands) -> Linked {
    let pairs = blocking::candidates(people);
    let weights = Weights::learn(people, &pairs);
    let mut decisions = in_parallel(&pairs, |&(a, b)| {
        let decision = decide(people, a as usize, b as usize, &weights, bands);
        (decision.band != Band::NoLink).then_some(decision)
    });
    let cluster = cluster::join(people, &mut decisions, &weights);
    Linked { cluster, decisions, weights, compared: pairs.len() }
}

/// Scores one pair.
pub fn decide(people: &[Person], a: usize, b: usize, weights: &Weights, bands: Bands) -> Decision {
    let (one, other) = (&people[a], &people[b]);
    let levels = compare::levels(one, other);
    let bits = weights.bits(one, &levels);
    let mut band = match bits {
        w if w >= bands.automatic_bits => Band::Automatic,
        w if w >= bands.review_bits => Band::Review,
        _ => Band::NoLink,
    };
    let guard = guard::objection(one, other, &levels);
    if guard.is_some() && band == Band::Automatic {
        band = Band::Review;
    }
    Decision { a, b, bits, band, guard }
}

/// The waterfall of a pair: each field with its level and weight, as a JSON object.
pub fn explain(people: &[Person], decision: &Decision, weights: &Weights) -> Value {
    let (one, other) = (&people[decision.a], &people[decision.b]);
    let levels = compare::levels(one, other);
    let fields: Vec<Value> = weights
        .waterfall(one, &levels)
        .into_iter()
        .map(|(field, level, bits)| {
            fhir!({ "field": (field.name()), "level": (level.name()), "bits": (rounded(bits)) })
        })
        .collect();
    let mut line = fhir!({
        "a": (&*one.id), "b": (&*other.id), "band": (decision.band.name()),
        "bits": (rounded(decision.bits)), "prior": (rounded(weights.prior_bits())), "fields": fields
    });
    if let Some(why) = decision.guard {
        line.set("guard", why);
    }
    line
}

/// To a hundredth: more would pretend.
fn rounded(bits: f64) -> Value {
    let text = format!("{bits:.2}");
    badiano_fhir::json::parse(text.as_bytes()).unwrap_or_else(|_| text.into())
}

/// Maps over a slice on all cores, keeping order and dropping `None`.
fn in_parallel<T: Sync, R: Send>(items: &[T], each: impl Fn(&T) -> Option<R> + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let running: Vec<_> = items
            .chunks(share)
            .map(|own| scope.spawn(|| own.iter().filter_map(&each).collect::<Vec<R>>()))
            .collect();
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
