//! One message under the maps: what was read of it, and what was not (the ledger of losses; house, invariant 6).

use super::naming::{Naming, authority};
use super::tables::{Row, Tables};
use super::{LOSSES_MAX, Loss};
use crate::message::{Message, Part, Segment};
use badiano_fhir::{Value, fhir};
use std::collections::{BTreeMap, HashMap};

/// What became of one smallest part of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Used,
    Refused(&'static str),
}

/// A value with the name of its FHIR type, as `value[x]` wants it.
pub(super) struct Typed {
    pub type_name: &'static str,
    pub value: Value,
}

/// A value, nothing to say, or why the text is not what it should be.
pub(super) type Answer = Result<Option<Typed>, &'static str>;

pub(super) struct Mapping<'m> {
    pub message: &'m Message,
    pub tables: &'m Tables,
    pub naming: &'m Naming,
    /// Who names numbers that bring no authority; empty where the message does not say who sends it.
    pub sender: String,
    fates: HashMap<usize, Fate>,
    /// Leaves read by the row at work; settled when it has answered.
    pending: Vec<usize>,
}

const NULL: &str = "the sender asks for the old value to be deleted";
const SECOND: &str = "there is another value in its place already";

impl<'m> Mapping<'m> {
    pub fn new(message: &'m Message, tables: &'m Tables, naming: &'m Naming) -> Self {
        let named = ["MSH-4.1", "MSH-3.1"].map(|p| message.get(p).trim().to_owned());
        let sender = named.into_iter().find(|n| !n.is_empty()).unwrap_or_else(|| naming.sender.clone());
        Mapping { message, tables, naming, sender, fates: HashMap::new(), pending: Vec::new() }
    }

    /// The trimmed text of a part, counted as read; nothing where it is empty or the null `""`.
    pub fn take(&mut self, part: Part<'_>) -> Option<String> {
        if part.is_empty() {
            return None;
        }
        if part.is_null() {
            self.fates.entry(part.span().0).or_insert(Fate::Refused(NULL));
            return None;
        }
        self.pending.extend(leaves(part));
        let text = part.text();
        let prints = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
        if text.chars().all(prints) {
            return Some(text.trim().to_owned()).filter(|t| !t.is_empty());
        }
        self.refuse(part, "control characters were left out");
        let printed: String = text.chars().filter(|c| prints(*c)).collect();
        Some(printed.trim().to_owned()).filter(|t| !t.is_empty())
    }

    /// A part that was read and could only be kept in a coarser form.
    pub fn refuse(&mut self, part: Part<'_>, why: &'static str) {
        for leaf in leaves(part) {
            self.pending.retain(|p| *p != leaf);
            self.fates.entry(leaf).or_insert(Fate::Refused(why));
        }
    }

    /// Counts as used what was taken since the last settlement.
    pub fn settle(&mut self) {
        for leaf in std::mem::take(&mut self.pending) {
            self.fates.insert(leaf, Fate::Used);
        }
    }

    fn settle_refused(&mut self, why: &'static str) {
        for leaf in std::mem::take(&mut self.pending) {
            self.fates.entry(leaf).or_insert(Fate::Refused(why));
        }
    }

    /// The system of a number that has no authority of its own: the sender's, by kind of number.
    pub fn own_system(&self, space: &str) -> Option<String> {
        if self.sender.is_empty() {
            return None;
        }
        let space =
            if space.is_empty() { String::new() } else { format!(":{}", super::naming::urn_part(space)) };
        Some(format!("{}{space}", authority(&self.sender)))
    }

    /// Fills a resource by the rows of a block, from some segments of the message.
    pub fn fill(&mut self, block: &str, segments: &[Segment<'m>], resource: &mut Value) {
        let tables = self.tables;
        for row in tables.rows(block).iter().filter(|r| holds(r, segments)) {
            let named = segments.iter().filter(|s| s.raw_name() == row.source.segment);
            for segment in named.take(if row.list { usize::MAX } else { 1 }) {
                let field = segment.field(row.source.field);
                let count = if row.list { usize::MAX } else { 1 };
                for repetition in field.repetitions().take(count) {
                    let part = at_depth(repetition, row);
                    if !part.is_empty() {
                        self.fill_one(row, part, resource);
                    }
                }
            }
        }
    }

    fn fill_one(&mut self, row: &Row, part: Part<'_>, resource: &mut Value) {
        match row.reading.read(self, part, row) {
            Ok(Some(typed)) => {
                let value = match row.option("url") {
                    Some(url) => {
                        fhir!({ "url": url }).with(&format!("value{}", capital(typed.type_name)), typed.value)
                    }
                    None => typed.value,
                };
                if put(resource, &row.target, row, value) {
                    self.settle()
                } else {
                    self.settle_refused(SECOND)
                }
            }
            Ok(None) => self.pending.clear(),
            Err(why) => self.settle_refused(why),
        }
    }

    /// Every part that is not empty and was not used, by place without occurrence and repetition, with how often.
    pub fn losses(&self) -> Vec<Loss> {
        let mut counted: BTreeMap<(String, &'static str), usize> = BTreeMap::new();
        let mut more = 0;
        let mut add = |place: String, why: &'static str| {
            if counted.len() < LOSSES_MAX || counted.contains_key(&(place.clone(), why)) {
                *counted.entry((place, why)).or_default() += 1;
            } else {
                more += 1;
            }
        };
        for segment in self.message.all_segments() {
            let mut bare = true;
            for (number, field) in segment.fields().filter(|(_, f)| !f.is_empty()) {
                bare = false;
                let place = format!("{}-{number}", segment.name());
                if self.tables.ignored(&place).is_none() {
                    self.losses_of_field(&place, field, &mut add);
                }
            }
            if bare && !KNOWN_EMPTY.contains(&segment.name()) {
                add(segment.name().to_owned(), "a segment without fields");
            }
        }
        let mut losses: Vec<Loss> = counted
            .into_iter()
            .map(|((location, why), count)| Loss { location, reason: why.to_owned(), count })
            .collect();
        if more > 0 {
            let reason = "further places beyond what one ledger lists".to_owned();
            losses.push(Loss { location: "*".to_owned(), reason, count: more });
        }
        losses
    }

    fn losses_of_field(&self, place: &str, field: Part<'_>, add: &mut impl FnMut(String, &'static str)) {
        let mut found: Vec<(String, &'static str)> = Vec::new();
        let mut any_used = false;
        for repetition in field.repetitions() {
            for (c, component) in repetition.components().enumerate() {
                let several = repetition.components().nth(1).is_some();
                for (s, leaf) in component.subcomponents().enumerate().filter(|(_, l)| !l.is_empty()) {
                    let deep = component.subcomponents().nth(1).is_some();
                    let at = match (several, deep) {
                        (_, true) => format!("{place}.{}.{}", c + 1, s + 1),
                        (true, false) => format!("{place}.{}", c + 1),
                        (false, false) => place.to_owned(),
                    };
                    match self.fates.get(&leaf.span().0) {
                        Some(Fate::Used) => any_used = true,
                        _ if self.tables.ignored(&at).is_some() => any_used = true,
                        Some(Fate::Refused(why)) => found.push((at, why)),
                        None => found.push((at, NOT_MAPPED)),
                    }
                }
            }
        }
        // A field of which nothing was read is one loss, not one a component.
        if !any_used && found.iter().all(|(_, why)| *why == NOT_MAPPED) {
            if !found.is_empty() {
                add(place.to_owned(), NOT_MAPPED);
            }
            return;
        }
        for (at, why) in found {
            add(at, why);
        }
    }
}

const NOT_MAPPED: &str = "no row of the map reads it";
/// Segments that say something by being there, or nothing.
const KNOWN_EMPTY: [&str; 3] = ["PV1", "PV2", "PD1"];

fn leaves(part: Part<'_>) -> Vec<usize> {
    let mut found = Vec::new();
    for repetition in part.repetitions() {
        for component in repetition.components() {
            found.extend(component.subcomponents().filter(|s| !s.is_empty()).map(|s| s.span().0));
        }
    }
    found
}

fn at_depth<'p>(repetition: Part<'p>, row: &Row) -> Part<'p> {
    match (row.source.component, row.source.subcomponent) {
        (0, _) => repetition,
        (c, 0) => repetition.component(c),
        (c, s) => repetition.component(c).subcomponent(s),
    }
}

fn holds(row: &Row, segments: &[Segment<'_>]) -> bool {
    let part_at = |place: &crate::message::Location| {
        let segment = segments.iter().find(|s| s.raw_name() == place.segment)?;
        let field = segment.field(place.field);
        Some(if place.component > 0 { field.component(place.component) } else { field })
    };
    let text = |place| part_at(place).map_or(String::new(), |p| p.text().trim().to_owned());
    row.when.as_ref().is_none_or(|(at, values)| values.contains(&text(at)))
        && row.unless.iter().all(|at| text(at).is_empty())
}

/// Puts a value at its path. A list never holds the same twice; another single value is left as it is, unless the row replaces.
fn put(resource: &mut Value, path: &[String], row: &Row, value: Value) -> bool {
    let Some((step, rest)) = path.split_first() else { return false };
    if !rest.is_empty() {
        if resource[step.as_str()].is_null() {
            resource.set(step, Value::object());
        }
        let inner = resource.as_object_mut().and_then(|o| o.get_mut(step));
        return inner.is_some_and(|inner| put(inner, rest, row, value));
    }
    let old = &resource[step.as_str()];
    if row.list {
        if !old.items().contains(&value) {
            resource.push(step, value);
        }
        return true;
    }
    if old.is_null() || row.option("replace") == Some("yes") {
        resource.set(step, value);
        return true;
    }
    *old == value
}

fn capital(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map_or(String::new(), |c| c.to_uppercase().chain(characters).collect())
}
