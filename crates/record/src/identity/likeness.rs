//! Everybody whom this node keeps, as they are compared: in memory, made from the store at first use, and brought up to date from the
//! change log before each question, so that what was acknowledged is found.

use super::Weighed;
use crate::matching::{Bands, Index, Match, Person, Score};
use crate::merges;
use crate::node::Node;
use badiano_fhir::search::{self, Query, Total};
use badiano_kernel::Fault;
use badiano_store::{ChangeArea, View};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{RwLock, RwLockReadGuard};

/// Changes that are read at a time.
const CHANGES_A_TIME: usize = 2_000;
/// Patients that are read at a time when the index is made.
const PATIENTS_A_TIME: usize = 500;
/// Once the list has grown by this, what was learnt of it is learnt again.
const LEARN_AGAIN_GROWTH: usize = 4;

/// Nothing until somebody asks.
#[derive(Default)]
pub(crate) struct Likeness {
    known: RwLock<Option<Known>>,
    /// The place in the change log up to which pairs were looked for.
    considered: AtomicU64,
}

struct Known {
    index: Index,
    places: HashMap<Box<str>, usize>,
    /// The place in the change log up to which everything is in.
    seen: u64,
    /// How many there were when the weights were learnt.
    learnt_of: usize,
}

/// Somebody like the person that was asked for.
pub(crate) struct Like {
    pub id: String,
    pub score: Score,
    pub fields: Vec<Weighed>,
}

impl Likeness {
    /// Who is like a person, best first; somebody of the list is not given to themselves.
    pub fn matches(&self, node: &Node, person: &Person, most: usize) -> Result<Vec<Like>, Fault> {
        let guard = self.up_to_date(node)?;
        let Some(known) = guard.as_ref() else { return Ok(Vec::new()) };
        let people = known.index.people();
        let others = known.index.matches(person).into_iter().filter(|m| people[m.place].id != person.id);
        Ok(others.take(most).map(|m| known.like(person, m)).collect())
    }

    pub fn considered(&self) -> u64 {
        self.considered.load(Ordering::Relaxed)
    }

    pub fn has_considered(&self, seen: u64) {
        self.considered.store(seen, Ordering::Relaxed);
    }

    fn up_to_date(&self, node: &Node) -> Result<RwLockReadGuard<'_, Option<Known>>, Fault> {
        let last = node.store().read(|view| view.last_change())?;
        {
            let known = self.known.read().expect("no holder of the likenesses panics");
            if known.as_ref().is_some_and(|k| k.seen >= last) {
                return Ok(known);
            }
        }
        {
            let mut known = self.known.write().expect("no holder of the likenesses panics");
            let fits = known.as_ref().is_some_and(|k| k.index.people().len() < k.enough());
            if !fits {
                *known = Some(Known::of(node)?);
            }
            if let Some(known) = known.as_mut() {
                known.follow(node, last)?;
            }
        }
        Ok(self.known.read().expect("no holder of the likenesses panics"))
    }
}

impl Known {
    /// Reads everybody.
    fn of(node: &Node) -> Result<Known, Fault> {
        let seen = node.store().read(|view| view.last_change())?;
        let mut people = Vec::new();
        let mut after = None;
        loop {
            let query = Query {
                kind: "Patient".into(),
                count: PATIENTS_A_TIME,
                total: Total::None,
                after: after.take(),
                ..search::parse("Patient", &[], true, &node.settings().zone)?.query
            };
            let page = node.store().read(|view| {
                let hits = view.search(&query, &|_| true)?;
                let mut kept = Vec::with_capacity(hits.hits.len());
                for stored in &hits.hits {
                    if merges::survivor(view, stored.body.id())? == stored.body.id() {
                        kept.push(Person::of_patient(&stored.body));
                    }
                }
                Ok((kept, hits.next))
            })?;
            people.extend(page.0);
            match page.1 {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let learnt_of = people.len();
        let index = Index::of(people, Bands::default());
        let places = index.people().iter().enumerate().map(|(place, p)| (p.id.clone(), place)).collect();
        Ok(Known { index, places, seen, learnt_of })
    }

    /// How many places there may be before everything is made anew.
    fn enough(&self) -> usize {
        self.learnt_of.max(256) * LEARN_AGAIN_GROWTH
    }

    /// Takes in what has changed since.
    fn follow(&mut self, node: &Node, last: u64) -> Result<(), Fault> {
        while self.seen < last {
            let from = self.seen;
            let (people, seen) = node.store().read(|view| changed(view, from))?;
            for (id, person) in people {
                if let Some(place) = self.places.remove(&*id) {
                    self.index.remove(place);
                }
                if let Some(person) = person {
                    self.places.insert(id, self.index.add(person));
                }
            }
            self.seen = seen.unwrap_or(last);
        }
        Ok(())
    }

    fn like(&self, person: &Person, found: Match) -> Like {
        let hundredth = |bits: f64| (bits * 100.0).round() / 100.0;
        let fields = self.index.waterfall(person, found.place).into_iter().map(|(field, level, bits)| {
            Weighed { field: field.name().into(), level: level.name().into(), bits: hundredth(bits) }
        });
        let fields = fields.collect();
        Like { id: self.index.people()[found.place].id.to_string(), score: found.score, fields }
    }
}

/// The id, and the person as they are compared now; nobody when they are gone.
type Change = (Box<str>, Option<Person>);

/// Patients changed after a place in the change log, and the place up to which that is all; nothing when the log ends there.
pub(super) fn changed(view: &View<'_>, after: u64) -> Result<(Vec<Change>, Option<u64>), Fault> {
    let changes = view.changes(after, CHANGES_A_TIME)?;
    let seen = changes.last().map(|c| c.seq);
    let mut people = Vec::new();
    for change in changes {
        if change.area != ChangeArea::Resource || change.kind != "Patient" {
            continue;
        }
        let stored = view.get("Patient", &change.id)?.filter(|p| !p.deleted);
        let stands = merges::survivor(view, &change.id)? == change.id;
        let person = stored.filter(|_| stands).map(|p| Person::of_patient(&p.body));
        people.push((change.id.into(), person));
    }
    Ok((people, seen))
}
