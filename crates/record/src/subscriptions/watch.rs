//! The change log followed for subscriptions: what each of them is to be told becomes an event, in one commit with the place reached.

use super::plan::Watched;
use super::standing::{self, EVENTS_MAX, Event, Standing};
use super::topic::{Happened, Occurrence};
use super::{PLACES, job};
use crate::access::Action;
use crate::node::Node;
use crate::session::Session;
use badiano_fhir::Value;
use badiano_fhir::search::{self, Filter, Modifier, Query};
use badiano_kernel::{Fault, Instant};
use badiano_store::{Change, ChangeArea, Stored, View};
use std::sync::atomic::Ordering;

/// Changes that one step looks at.
const STEP: usize = 500;
/// The place is kept after so many changes that told nobody anything: after a crash they are looked at once more.
const UNKEPT_MAX: u64 = 2_000;
/// The document of the place in the change log.
const PLACE: &str = "watched";

/// What one step found.
struct Step {
    place: u64,
    more: bool,
    events: Vec<(String, Event)>,
    /// Whose owner may no longer act, or whose criteria mean nothing any more.
    ended: Vec<(String, String)>,
}

impl Node {
    /// Looks at the changes that came and keeps what subscribers are to be told; says whether there is more to look at.
    pub async fn watch_changes(&self, now: Instant) -> Result<bool, Fault> {
        let Some(step) = self.store().read(|view| look(self, view, now))? else { return Ok(false) };
        let Step { place, more, events, ended } = step;
        let kept = self.subscribers().place.load(Ordering::Relaxed);
        let told = !events.is_empty();
        if told || !ended.is_empty() || place >= kept + UNKEPT_MAX {
            let writer = job(self, now);
            let commit = move |tx: &mut badiano_store::Tx<'_>| {
                for (id, event) in events {
                    keep(&writer, tx, &id, event)?;
                }
                for (id, why) in ended {
                    if let Some(mut one) = standing::get(tx, &id)? {
                        one.switch_off(why);
                        standing::settle(&writer, tx, &one)?;
                    }
                }
                tx.replace_document(PLACES, PLACE, &place.to_be_bytes(), now).map(|_| ())
            };
            self.store().write(commit).await?;
            self.subscribers().place.store(place, Ordering::Relaxed);
        }
        self.subscribers().looked.store(place, Ordering::Relaxed);
        if told {
            self.subscribers().wake();
        }
        Ok(more)
    }
}

fn keep(
    writer: &crate::resources::Writer,
    tx: &mut badiano_store::Tx<'_>,
    id: &str,
    mut event: Event,
) -> Result<(), Fault> {
    let Some(mut one) = standing::get(tx, id)?.filter(Standing::is_watching) else { return Ok(()) };
    if one.events - one.delivered >= EVENTS_MAX {
        one.switch_off(format!("{EVENTS_MAX} events wait and nobody has fetched them"));
        return standing::settle(writer, tx, &one);
    }
    one.events += 1;
    event.number = one.events;
    standing::put_event(tx, id, &event, writer.now)?;
    if let Some(old) = one.events.checked_sub(EVENTS_MAX).filter(|old| *old > 0) {
        tx.drop_document(standing::EVENTS, &standing::event_key(id, old))?;
    }
    standing::put(tx, &one, writer.now)
}

fn place(node: &Node, view: &View<'_>) -> Result<u64, Fault> {
    let looked = node.subscribers().looked.load(Ordering::Relaxed);
    if looked > 0 {
        return Ok(looked);
    }
    let kept = view.document(PLACES, PLACE)?.and_then(|d| d.body.try_into().ok());
    let kept = kept.map_or(0, u64::from_be_bytes);
    node.subscribers().place.store(kept, Ordering::Relaxed);
    Ok(kept)
}

/// Who watches and what changed, of one moment: a subscription that begins meanwhile misses nothing.
fn look(node: &Node, view: &View<'_>, now: Instant) -> Result<Option<Step>, Fault> {
    let mut watching = standing::all(view)?;
    watching.retain(Standing::is_watching);
    let Some(first) = watching.iter().map(|s| s.since).min() else { return Ok(None) };
    let from = place(node, view)?.max(first);
    let changes = view.changes(from, STEP)?;
    let newest = view.last_change()?;
    let place = if changes.len() < STEP { newest.max(from) } else { changes.last().map_or(from, |c| c.seq) };
    let mut step = Step { place, more: place < newest, events: Vec::new(), ended: Vec::new() };
    if place == from {
        return Ok(None);
    }
    let zone = &node.settings().zone;
    let mut ready = Vec::new();
    for one in &watching {
        let session = match one.has_ended(now) {
            true => Err(Fault::invalid("its end has come")),
            false => one.session(node, view, now),
        };
        match session.and_then(|session| Ok((one, one.plan.compile(view, zone)?, session))) {
            Ok(watcher) => ready.push(watcher),
            Err(fault) => step.ended.push((one.id.clone(), fault.to_string())),
        }
    }
    for change in changes.iter().filter(|c| c.area == ChangeArea::Resource) {
        for (one, watched, session) in ready.iter().filter(|(one, _, _)| one.since < change.seq) {
            if !watched.topic.watches(&change.kind) {
                continue;
            }
            let looked = Look { view, session, zone, now };
            if let Some(event) = looked.at(change, watched)? {
                step.events.push((one.id.clone(), event));
            }
        }
    }
    Ok(Some(step))
}

/// One change before the eyes of one owner.
struct Look<'l> {
    view: &'l View<'l>,
    session: &'l Session,
    zone: &'l str,
    now: Instant,
}

impl Look<'_> {
    fn at(&self, change: &Change, watched: &Watched) -> Result<Option<Event>, Fault> {
        if self.session.scope_allows(&change.kind, Action::Read).is_err() {
            return Ok(None);
        }
        let version = |n: u64| self.view.get_version(&change.kind, &change.id, n);
        let after = version(change.version)?;
        let before = match change.version {
            0 | 1 => None,
            n => version(n - 1)?.filter(|s| !s.deleted),
        };
        // A deleted version has no content of its own: who might see what it was may know that it is gone.
        let shown = if change.deleted { &before } else { &after };
        let Some(shown) = shown else { return Ok(None) };
        if !self.session.sees_stored(shown) {
            return Ok(None);
        }
        let seen = before.as_ref().filter(|b| self.session.sees_stored(b));
        let happened = match (change.deleted, &before) {
            (true, _) => Happened::Delete,
            (false, None) => Happened::Create,
            (false, Some(_)) => Happened::Update,
        };
        let fits = |resource: &Value, filters: &[Filter]| self.fits(shown, resource, filters);
        let occurrence = Occurrence {
            happened,
            before: seen.map(|s| &s.body),
            after: after.as_ref().filter(|s| !s.deleted).map(|s| &s.body),
            now: self.now,
        };
        // What costs too much or does not fit the data tells nothing, and stops nobody else.
        let tells = watched.topic.tells(&change.kind, &occurrence, &fits).unwrap_or(false);
        if !tells || !self.narrowed(&change.kind, &shown.body, watched, &fits) {
            return Ok(None);
        }
        Ok(Some(Event {
            number: 0,
            kind: change.kind.clone(),
            id: change.id.clone(),
            version: change.version,
            deleted: change.deleted,
            created: happened == Happened::Create,
            when: change.updated.micros,
        }))
    }

    fn narrowed(
        &self,
        kind: &str,
        resource: &Value,
        watched: &Watched,
        fits: &super::topic::Fits<'_>,
    ) -> bool {
        let own = watched.filters.iter().filter(|(of, _)| of == kind);
        own.into_iter().all(|(_, filters)| fits(resource, filters).unwrap_or(false))
    }

    /// The version itself where it alone decides; what other resources or code systems say is asked of the index.
    fn fits(&self, stored: &Stored, resource: &Value, filters: &[Filter]) -> Result<bool, Fault> {
        let (plain, other): (Vec<&Filter>, Vec<&Filter>) = filters.iter().partition(|f| is_plain(f));
        let plain: Vec<Filter> = plain.into_iter().cloned().collect();
        let none = search::Others { resolve: &|_, _| None, of_type: &|_| Vec::new(), terminology: None };
        if !search::matches(resource, &plain, self.zone, &none)? {
            return Ok(false);
        }
        if other.is_empty() {
            return Ok(true);
        }
        let filters = other.into_iter().cloned().collect();
        let query = self.session.with_codes(Query { filters, ..Query::default() })?;
        for filter in &query.filters {
            if !self.view.fits(stored, filter, &|stub| self.session.sees(stub))? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn is_plain(filter: &Filter) -> bool {
    match filter {
        Filter::Param { param, modifier, .. } => {
            !matches!(modifier, Modifier::In | Modifier::NotIn | Modifier::Above | Modifier::Below)
                && &**param != "_list"
        }
        Filter::Compartment { .. } => true,
        Filter::Chain { .. } | Filter::Has { .. } => false,
        Filter::All(all) | Filter::Any(all) => all.iter().all(is_plain),
        Filter::Not(one) => is_plain(one),
    }
}
