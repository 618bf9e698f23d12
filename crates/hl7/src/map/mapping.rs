//! One message under the maps: what was read of it, and what was not (the ledger of losses; house, invariant 6).

use super::naming::{Naming, authority};
use super::tables::{Row, Tables};
use super::{LOSSES_MAX, Loss};
use crate::message::{Location, Message, Part, Segment};
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
    /// The segments that the block at work is filled from.
    around: Vec<Segment<'m>>,
    /// Staff, organisations, places and devices that the message names, once each, by full URL.
    pub directory: Vec<(String, Value)>,
    /// Full URL of the patient of the section at work; empty before there is one.
    pub person: String,
}

const NULL: &str = "the sender asks for the old value to be deleted";
const SECOND: &str = "there is another value in its place already";

impl<'m> Mapping<'m> {
    pub fn new(message: &'m Message, tables: &'m Tables, naming: &'m Naming) -> Self {
        let named = ["MSH-4.1", "MSH-3.1"].map(|p| message.get(p).trim().to_owned());
        let sender = named.into_iter().find(|n| !n.is_empty()).unwrap_or_else(|| naming.sender.clone());
        Mapping {
            message,
            tables,
            naming,
            sender,
            fates: HashMap::new(),
            pending: Vec::new(),
            around: Vec::new(),
            directory: Vec::new(),
            person: String::new(),
        }
    }

    /// A field beside the one at work, such as the unit of a number.
    pub fn beside(&self, place: &str) -> Option<Part<'m>> {
        let place = Location::parse(place)?;
        let segment = self.around.iter().find(|s| s.raw_name() == place.segment)?;
        Some(segment.field(place.field).repetition(1)).filter(|p| !p.is_empty())
    }

    /// Fills another resource from the segments that the row at work is filled from.
    pub fn fill_beside(&mut self, block: &str, resource: &mut Value) {
        let around = self.around.clone();
        let pending = std::mem::take(&mut self.pending);
        self.fill(block, &around, resource);
        self.around = around;
        self.pending = pending;
    }

    /// All repetitions of a field beside the one at work that are not empty.
    pub fn all_beside(&self, place: &str) -> Vec<Part<'m>> {
        let Some(place) = Location::parse(place) else { return Vec::new() };
        let segment = self.around.iter().find(|s| s.raw_name() == place.segment).copied();
        let Some(segment) = segment else { return Vec::new() };
        let field = segment.field(place.field);
        field.repetitions().filter(|p| !p.is_empty() && !p.is_null()).collect()
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

    /// Fills a resource by the rows of a block, from some segments of the message, and by the block's defaults.
    pub fn fill(&mut self, block: &str, segments: &[Segment<'m>], resource: &mut Value) {
        let (tables, whole) = (self.tables, self.naming.whole);
        let header = self.message.segments("MSH").next();
        let mut around = segments.to_vec();
        if !segments.iter().any(|s| s.name() == "MSH") {
            around.extend(header);
        }
        for row in tables.rows(block).iter().filter(|r| whole || !r.whole) {
            let named = around.iter().filter(|s| s.raw_name() == row.source.segment);
            for segment in named.take(if row.list { usize::MAX } else { 1 }) {
                let field = segment.field(row.source.field);
                // Most fields of most messages are empty: what else a row asks is looked at where there is something to read.
                if field.is_empty() || !holds(row, &around) {
                    continue;
                }
                // Neighbours of a field are those of its own segment first.
                self.around.clear();
                self.around.push(*segment);
                self.around.extend(around.iter().copied());
                let count = if row.list { usize::MAX } else { 1 };
                for repetition in field.repetitions().take(count) {
                    let part = at_depth(repetition, row);
                    if !part.is_empty() {
                        self.fill_one(row, part, resource);
                    }
                }
            }
        }
        for fallback in tables.defaults(block) {
            if fallback.unless.iter().all(|at| text_at(&around, at).is_empty()) {
                fall_back(resource, &fallback.target, &fallback.value);
            }
        }
        tables.call(resource);
    }

    fn fill_one(&mut self, row: &Row, part: Part<'_>, resource: &mut Value) {
        match row.reading.read(self, part, row) {
            Ok(Some(typed)) => {
                if put(resource, &row.target, row, dressed(row, typed)) {
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
                if self.is_whole_used(field) {
                    continue;
                }
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

    /// Whether every part of a field was used: then nothing of it is lost.
    fn is_whole_used(&self, field: Part<'_>) -> bool {
        let of_component = |c: Part<'_>| {
            c.subcomponents()
                .filter(|s| !s.is_empty())
                .all(|s| self.fates.get(&s.span().0) == Some(&Fate::Used))
        };
        field.repetitions().all(|r| r.components().all(of_component))
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

fn text_at(segments: &[Segment<'_>], place: &Location) -> String {
    let Some(segment) = segments.iter().find(|s| s.raw_name() == place.segment) else { return String::new() };
    let field = segment.field(place.field);
    let part = match (place.component, place.subcomponent) {
        (0, _) => field,
        (c, 0) => field.component(c),
        (c, s) => field.component(c).subcomponent(s),
    };
    part.text().trim().to_owned()
}

fn holds(row: &Row, segments: &[Segment<'_>]) -> bool {
    row.when.as_ref().is_none_or(|(at, values)| values.contains(&text_at(segments, at)))
        && row.unless_value.as_ref().is_none_or(|(at, values)| !values.contains(&text_at(segments, at)))
        && row.when_some.as_ref().is_none_or(|at| !text_at(segments, at).is_empty())
        && row.unless.iter().all(|at| text_at(segments, at).is_empty())
}

/// The value as its row wants it to stand: in an extension, wrapped, with elements beside it.
pub(super) fn dressed(row: &Row, typed: Typed) -> Value {
    let mut value = match (row.option("url"), row.option("wrap")) {
        // A complex extension has no value of its own.
        (Some(url), _) if typed.type_name == "Extension" => {
            let mut made = fhir!({ "url": url });
            for (key, inner) in
                typed.value.as_object().into_iter().flat_map(badiano_fhir::value::Object::iter)
            {
                made.set(key, inner.clone());
            }
            made
        }
        (Some(url), _) => {
            fhir!({ "url": url }).with(&format!("value{}", capital(typed.type_name)), typed.value)
        }
        (None, Some(key)) => Value::object().with(key, typed.value),
        (None, None) => typed.value,
    };
    for (key, beside) in
        row.with.iter().filter_map(Value::as_object).flat_map(badiano_fhir::value::Object::iter)
    {
        value.set(key, beside.clone());
    }
    value
}

/// Puts a value at its path. A list never holds the same twice; another single value is left as it is, unless the row replaces.
pub(super) fn put(resource: &mut Value, path: &[String], row: &Row, value: Value) -> bool {
    let Some((step, rest)) = path.split_first() else { return false };
    if !rest.is_empty() {
        return put(inner(resource, step), rest, row, value);
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

/// The object at a step, made where there is none; `name[0]` is the first item of a list.
fn inner<'v>(value: &'v mut Value, step: &str) -> &'v mut Value {
    let (name, listed) = step.strip_suffix("[0]").map_or((step, false), |name| (name, true));
    if value[name].is_null() {
        let empty = if listed { Value::Array(vec![Value::object()]) } else { Value::object() };
        value.set(name, empty);
    }
    let found =
        value.as_object_mut().and_then(|o| o.get_mut(name)).expect("it was set where it was not there");
    if matches!(found, Value::Array(items) if items.is_empty()) {
        *found = Value::Array(vec![Value::object()]);
    }
    match found {
        Value::Array(items) => &mut items[0],
        other => other,
    }
}

/// Sets a default where nothing stands; its path is not made where it leads through nothing.
fn fall_back(value: &mut Value, path: &[String], default: &Value) {
    let Some((step, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        if value[step.as_str()].is_null() {
            value.set(step, default.clone());
        }
        return;
    }
    let (name, listed) = step.strip_suffix("[0]").map_or((step.as_str(), false), |name| (name, true));
    let Some(found) = value.as_object_mut().and_then(|o| o.get_mut(name)) else { return };
    match found.as_array_mut().filter(|_| listed) {
        Some(items) => items.iter_mut().take(1).for_each(|item| fall_back(item, rest, default)),
        None => fall_back(found, rest, default),
    }
}

fn capital(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map_or(String::new(), |c| c.to_uppercase().chain(characters).collect())
}
