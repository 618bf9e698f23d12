//! Segments in the making, and how a block of rows is read backwards: what a row writes is kept where the tables, reading it
//! again, give what was to be said.

use super::Source;
use super::writing::{Beside, Components};
use crate::map::mapping::Mapping;
use crate::map::tables::Row;
use crate::message::{Location, Message};
use badiano_fhir::Value;
use std::collections::BTreeMap;

/// One segment: fields by number, each a list of repetitions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Draft {
    pub name: String,
    pub fields: BTreeMap<usize, Vec<Components>>,
}

impl Draft {
    pub fn new(name: &str) -> Draft {
        Draft { name: name.to_owned(), fields: BTreeMap::new() }
    }
    #[must_use]
    pub fn with(mut self, number: usize, text: &str) -> Draft {
        if !text.is_empty() {
            self.fields.insert(number, vec![vec![text.to_owned()]]);
        }
        self
    }
    pub fn print(&self, out: &mut String) {
        out.push_str(&self.name);
        let is_header = self.name == "MSH";
        let last = self
            .fields
            .iter()
            .filter(|(_, reps)| !written(reps).is_empty())
            .map(|(n, _)| *n)
            .max()
            .unwrap_or(0);
        for number in if is_header { 2 } else { 1 }..=last {
            out.push('|');
            out.push_str(&self.fields.get(&number).map_or(String::new(), |reps| written(reps)));
        }
        out.push('\r');
    }
}

fn written(repetitions: &[Components]) -> String {
    let one = |components: &Components| {
        let kept = components.iter().rposition(|c| !c.is_empty()).map_or(0, |last| last + 1);
        components[..kept].join("^")
    };
    let all: Vec<String> = repetitions.iter().map(one).collect();
    all.join("~")
}

pub(super) fn print_all(drafts: &[Draft]) -> String {
    let mut out = String::new();
    drafts.iter().for_each(|d| d.print(&mut out));
    out
}

/// Equal but for what literal references point to: their targets are named anew.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            let keys = |o: &badiano_fhir::value::Object| o.iter().filter(|(k, _)| *k != "reference").count();
            keys(x) == keys(y)
                && x.iter()
                    .filter(|(k, _)| *k != "reference")
                    .all(|(k, v)| y.get(k).is_some_and(|w| same(v, w)))
        }
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(v, w)| same(v, w)),
        _ => a == b,
    }
}

/// What stands at a row's target: one value, or the items of its list.
fn wanted<'v>(resource: &'v Value, row: &Row) -> Vec<&'v Value> {
    let mut value = resource;
    for step in &row.target {
        value = match step.strip_suffix("[0]") {
            Some(name) => value[name].at(0),
            None => &value[step.as_str()],
        };
    }
    match (row.list, value.is_null()) {
        (true, _) => value.items().iter().collect(),
        (false, true) => Vec::new(),
        (false, false) => vec![value],
    }
}

impl Source<'_> {
    /// What the tables make of drafts by a block: the reading that a way back is measured by.
    pub(super) fn reread(&self, block: &str, drafts: &[Draft]) -> Value {
        let mut text = String::new();
        if drafts.first().is_none_or(|d| d.name != "MSH") {
            self.header.print(&mut text);
        }
        text.push_str(&print_all(drafts));
        let Ok(message) = Message::parse(text.into_bytes()) else { return Value::Null };
        let mut mapping = Mapping::new(&message, self.tables, self.naming);
        mapping.person = self.person.clone();
        let segments: Vec<_> = message
            .all_segments()
            .skip(usize::from(drafts.first().is_none_or(|d| d.name != "MSH")))
            .collect();
        let mut made = Value::object();
        mapping.fill(block, &segments, &mut made);
        made
    }

    /// Writes a resource by the rows of a block into drafts. First each row takes what it gives back exactly, in the order of
    /// lists; then what is left goes where at least something of it is kept.
    pub(super) fn fill_back(&self, block: &str, resource: &Value, drafts: &mut Vec<Draft>) {
        let rows = self.tables.rows(block);
        let mut now = self.reread(block, drafts);
        // What was written so that something of it is kept is not written a second time elsewhere.
        let mut nearly: Vec<*const Value> = Vec::new();
        for exact in [true, false] {
            for row in rows {
                for value in wanted(resource, row) {
                    let is_said = wanted(&now, row).iter().any(|known| same(known, value));
                    if is_said || nearly.contains(&std::ptr::from_ref(value)) {
                        continue;
                    }
                    let Some((trial, again)) = self.trial(block, row, value, drafts) else {
                        if exact && row.list { break } else { continue }
                    };
                    let kept = wanted(&again, row);
                    let good = if exact {
                        kept.iter().any(|v| same(v, value)) && kept_all(&now, &again, rows, resource)
                    } else {
                        kept.len() > wanted(&now, row).len() && kept_all(&now, &again, rows, resource)
                    };
                    if good {
                        if !exact {
                            nearly.push(std::ptr::from_ref(value));
                        }
                        *drafts = trial;
                        now = again;
                    } else if exact && row.list {
                        break;
                    }
                }
            }
        }
        self.mirror(block, resource, drafts, &now);
    }

    /// Numbers and persons of an order stand in ORC and in OBR: receivers read one or the other.
    fn mirror(&self, block: &str, resource: &Value, drafts: &mut Vec<Draft>, now: &Value) {
        for row in self.tables.rows(block).iter().filter(|r| [*b"ORC", *b"OBR"].contains(&r.source.segment)) {
            let name = row.source.segment_name();
            let is_there = drafts.iter().any(|d| d.name == name);
            let is_set = drafts.iter().any(|d| d.name == name && d.fields.contains_key(&row.source.field));
            if !is_there || is_set || row.source.component > 0 || !["EI", "XCN"].contains(&row.reading.name())
            {
                continue;
            }
            for value in wanted(resource, row) {
                if let Some((trial, again)) = self.trial(block, row, value, drafts)
                    && again == *now
                {
                    *drafts = trial;
                    break;
                }
            }
        }
    }

    /// The drafts with a value written by a row, and what they give; nothing where the row cannot write it or its place is taken.
    fn trial(
        &self,
        block_of_row: &str,
        row: &Row,
        value: &Value,
        drafts: &[Draft],
    ) -> Option<(Vec<Draft>, Value)> {
        if row.source.segment == *b"MSH" && block_of_row != "MessageHeader" {
            return None;
        }
        let mut beside: Beside = Vec::new();
        let components = self.write(row, value, &mut beside)?;
        let mut trial = drafts.to_vec();
        if let ("made", Some(of), Some(block)) = (row.reading.name(), self.find(value), row.option("block")) {
            self.fill_back(block, of, &mut trial);
            let again = self.reread(block_of_row, &trial);
            return Some((trial, again));
        }
        put(&mut trial, &row.source, row.list, components)?;
        for (place, components) in beside {
            let is_named = row.options.values().any(|named| *named == place);
            let place = Location::parse(&place)?;
            if place.segment == row.source.segment || is_named {
                put_beside(&mut trial, &place, components);
            }
        }
        let again = self.reread(block_of_row, &trial);
        Some((trial, again))
    }
}

/// Whether nothing that was said well is said otherwise now.
fn kept_all(before: &Value, after: &Value, rows: &[Row], resource: &Value) -> bool {
    rows.iter().all(|row| {
        let (old, new) = (wanted(before, row), wanted(after, row));
        wanted(resource, row)
            .iter()
            .all(|v| !old.iter().any(|o| same(o, v)) || new.iter().any(|n| same(n, v)))
    })
}

/// Segments that stand once for each item.
const ONE_EACH: [&str; 1] = ["NTE"];

fn put(drafts: &mut Vec<Draft>, place: &Location, list: bool, components: Components) -> Option<()> {
    let name = place.segment_name();
    let found = drafts.iter().rposition(|d| d.name == name);
    let fresh = ONE_EACH.contains(&name.as_str())
        && found.is_some_and(|n| drafts[n].fields.contains_key(&place.field));
    let draft = match found.filter(|_| !fresh) {
        Some(n) => &mut drafts[n],
        None => {
            drafts.push(Draft::new(&name));
            drafts.last_mut()?
        }
    };
    let field = draft.fields.entry(place.field).or_default();
    if place.component == 0 {
        if field.is_empty() || list {
            field.push(components);
            return Some(());
        }
        return merge(&mut field[0], &components);
    }
    // A component of a field: its own parts are subcomponents.
    if components.iter().any(|c| c.contains('&')) && components.len() > 1 {
        return None;
    }
    if field.is_empty() {
        field.push(Vec::new());
    }
    let kept = components.iter().rposition(|c| !c.is_empty()).map_or(0, |last| last + 1);
    let joined = components[..kept].join("&");
    let joined = if place.subcomponent > 1 {
        format!("{}{joined}", "&".repeat(place.subcomponent - 1))
    } else {
        joined
    };
    let slot = &mut field[0];
    if slot.len() < place.component {
        slot.resize(place.component, String::new());
    }
    let old = &mut slot[place.component - 1];
    if !old.is_empty() && *old != joined {
        return None;
    }
    *old = joined;
    Some(())
}

/// Components laid over others, where none says two things.
fn merge(into: &mut Components, other: &Components) -> Option<()> {
    if into.len() < other.len() {
        into.resize(other.len(), String::new());
    }
    for (old, new) in into.iter_mut().zip(other) {
        if old.is_empty() {
            old.clone_from(new);
        } else if !new.is_empty() && old != new {
            return None;
        }
    }
    Some(())
}

fn put_beside(drafts: &mut Vec<Draft>, place: &Location, components: Components) {
    let name = place.segment_name();
    let at = drafts.iter().rposition(|d| d.name == name).unwrap_or_else(|| {
        drafts.push(Draft::new(&name));
        drafts.len() - 1
    });
    drafts[at].fields.insert(place.field, vec![components]);
}
