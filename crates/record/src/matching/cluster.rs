//! Automatic links become clusters, best first; a link that would bring together people who gainsay each other goes to review instead.

use super::person::Person;
use super::weights::Weights;
use super::{Band, Decision, compare, guard};
use std::collections::HashSet;

/// A cluster that grows beyond is not looked at pair by pair: its newest link is left to a person.
const CLUSTER_MAX: usize = 64;

/// The place of each person's first companion. Links that were refused become reviews, with the reason.
pub fn join(people: &[Person], decisions: &mut Vec<Decision>, weights: &Weights) -> Vec<usize> {
    let mut clusters =
        Clusters { root: (0..people.len()).collect(), members: (0..people.len()).map(|p| vec![p]).collect() };
    let mut order: Vec<usize> =
        (0..decisions.len()).filter(|d| decisions[*d].score.band == Band::Automatic).collect();
    order.sort_by(|x, y| decisions[*y].score.bits.total_cmp(&decisions[*x].score.bits).then(x.cmp(y)));
    for at in order {
        let decision = &mut decisions[at];
        let (a, b) = (clusters.root[decision.a], clusters.root[decision.b]);
        if a == b {
            continue;
        }
        match gainsaid(people, &clusters.members[a], &clusters.members[b], weights) {
            None => clusters.join(a, b),
            why => (decision.score.band, decision.score.guard) = (Band::Review, why),
        }
    }
    only_what_is_open(decisions, &clusters.root);
    clusters.root
}

/// A review is asked once for two clusters, by their best pair; what is joined already needs none.
fn only_what_is_open(decisions: &mut Vec<Decision>, root: &[usize]) {
    decisions.sort_by(|x, y| y.score.bits.total_cmp(&x.score.bits).then((x.a, x.b).cmp(&(y.a, y.b))));
    let mut asked = HashSet::new();
    decisions.retain(|d| {
        let (a, b) = (root[d.a].min(root[d.b]), root[d.a].max(root[d.b]));
        d.score.band == Band::Automatic || a != b && asked.insert((a, b))
    });
}

struct Clusters {
    root: Vec<usize>,
    members: Vec<Vec<usize>>,
}

impl Clusters {
    fn join(&mut self, a: usize, b: usize) {
        let (keep, gone) = (a.min(b), a.max(b));
        let moved = std::mem::take(&mut self.members[gone]);
        moved.iter().for_each(|m| self.root[*m] = keep);
        self.members[keep].extend(moved);
    }
}

/// Why two clusters stay apart: some pair across them that a guard forbids for good, or most pairs speak against.
fn gainsaid(people: &[Person], a: &[usize], b: &[usize], weights: &Weights) -> Option<&'static str> {
    if a.len() * b.len() == 1 {
        return None;
    }
    if a.len() + b.len() > CLUSTER_MAX {
        return Some("the cluster would grow too large");
    }
    let mut against = 0;
    for (&one, &other) in a.iter().flat_map(|x| b.iter().map(move |y| (x, y))) {
        let (one, other) = (&people[one], &people[other]);
        let levels = compare::levels(one, other);
        let parting = guard::parting(one, other, &levels);
        if parting.is_some() {
            return parting;
        }
        against += usize::from(weights.bits(&weights.rarity(one), &levels) < 0.0);
    }
    (against * 2 > a.len() * b.len()).then_some("most records of both clusters disagree")
}
