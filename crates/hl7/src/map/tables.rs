//! The maps as data: plain text, compiled in, that a hospital may add to or override (after the HL7 v2-to-FHIR guide's segment maps).
//!
//! A text has blocks. `[Patient]` and its like hold rows `SOURCE TARGET READING options`; a row of the same source in a later
//! text replaces all rows of that source in the block, and `SOURCE -` takes them out; `default TARGET JSON` stands where no row
//! said anything. `[segments]` says which segment begins which resource. `[codes NAME SYSTEM]` holds `CODE VALUE` (`*` for all
//! others, `=` for the code itself). `[concepts FROM TO]` holds which code of a system stands for a code of another, `[displays SYSTEM]`
//! what codes are called. `[messages]` and `[ignored]` say what a kind tells and what need not be mapped.
//! Lines that begin with `#` are comments.

use super::reading::Reading;
use super::rule::Rule;
use crate::message::Location;
use badiano_fhir::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

/// Lines in one text of tables.
pub const LINES_MAX: usize = 20_000;

const STANDARD: [&str; 15] = [
    include_str!("../../tables/messages.map"),
    include_str!("../../tables/patient.map"),
    include_str!("../../tables/encounter.map"),
    include_str!("../../tables/order.map"),
    include_str!("../../tables/result.map"),
    include_str!("../../tables/systems.map"),
    include_str!("../../tables/header.map"),
    include_str!("../../tables/persons.map"),
    include_str!("../../tables/clinical.map"),
    include_str!("../../tables/medication.map"),
    include_str!("../../tables/schedule.map"),
    include_str!("../../tables/document.map"),
    include_str!("../../tables/specimen.map"),
    include_str!("../../tables/charge.map"),
    include_str!("../../tables/concepts.map"),
];
/// What rows may build.
const BLOCKS: [&str; 51] = [
    "AccidentPlace",
    "ScheduledService",
    "Insured",
    "PractitionerRole",
    "UsedDevice",
    "Provider",
    "ProviderPerson",
    "ContactData",
    "ResearchStudy",
    "Billing",
    "Accident",
    "EpisodeDiagnosis",
    "Referral",
    "Mother",
    "EpisodeOfCare",
    "Episode",
    "Application",
    "Software",
    "AccountGuarantor",
    "Patient",
    "Merged",
    "Encounter",
    "ServiceRequest",
    "Task",
    "DiagnosticReport",
    "Observation",
    "MessageHeader",
    "Provenance",
    "Contact",
    "RelatedPerson",
    "Guarantor",
    "Coverage",
    "Participant",
    "Account",
    "AllergyIntolerance",
    "Condition",
    "EncounterDiagnosis",
    "Procedure",
    "Immunization",
    "MedicationAdministration",
    "MedicationRequest",
    "MedicationDispense",
    "Appointment",
    "Service",
    "Resource",
    "Place",
    "Personnel",
    "DocumentReference",
    "Specimen",
    "SpecimenSource",
    "ChargeItem",
];
/// Options that a row may have.
const OPTIONS: [&str; 33] = [
    "first",
    "text",
    "resource",
    "block",
    "subject",
    "address",
    "telecom",
    "contact-name",
    "contact-telecom",
    "contact-address",
    "function",
    "function-at",
    "function-system",
    "specialty-at",
    "place-at",
    "organization-at",
    "use",
    "type",
    "system",
    "table",
    "url",
    "role",
    "name",
    "space",
    "kind",
    "wrap",
    "with",
    "unit",
    "yes",
    "no",
    "replace",
    "as",
    "second-surname",
];

/// A line of a table that says nothing we can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableError {
    /// Counted from 1.
    pub line: usize,
    pub text: String,
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

impl std::error::Error for TableError {}

/// The maps, checked.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    blocks: HashMap<String, Vec<Row>>,
    codes: HashMap<String, Codes>,
    messages: BTreeMap<String, MessageRow>,
    ignored: HashMap<String, String>,
    defaults: BTreeMap<String, Vec<Fallback>>,
    rules: Vec<Rule>,
    /// System and code, to the system and code that FHIR uses for it.
    concepts: HashMap<String, HashMap<String, (String, String)>>,
    /// What a code is called, by system and code.
    displays: HashMap<String, HashMap<String, String>>,
}

/// What stands at a target where no row said anything.
#[derive(Debug, Clone)]
pub(super) struct Fallback {
    pub target: Vec<String>,
    pub value: Value,
    /// Only where these places are empty.
    pub unless: Vec<Location>,
}

/// One row of a block.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub source: Location,
    /// The path in the resource; the last step is a list where `list`.
    pub target: Vec<String>,
    pub list: bool,
    pub reading: Reading,
    pub options: BTreeMap<String, String>,
    /// All of a field's values must be one of these for the row to hold.
    pub when: Option<(Location, Vec<String>)>,
    /// The row holds only where these places are empty.
    pub unless: Vec<Location>,
    /// The row holds only where this place is not empty.
    pub when_some: Option<Location>,
    /// A field's value must be none of these.
    pub unless_value: Option<(Location, Vec<String>)>,
    /// Elements that stand beside the value: `with=JSON`.
    pub with: Option<Value>,
    /// The row holds only where what a node does not keep is made too.
    pub whole: bool,
}

impl Row {
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Codes {
    pub system: Option<String>,
    values: BTreeMap<String, String>,
    /// The codes in the order of the text: the first of a value is the one that is written.
    order: Vec<String>,
}

impl Codes {
    /// The first code that stands for a value; a value that all others stand for themselves (`* =`) is its own.
    pub fn code_of(&self, value: &str) -> Option<String> {
        let own =
            self.order.iter().find(|code| *code != "*" && self.values.get(*code).is_some_and(|v| v == value));
        own.cloned().or_else(|| self.values.get("*").filter(|v| *v == "=").map(|_| value.to_owned()))
    }

    /// The value of a code, and whether the code itself stands in the table (and not only `*`).
    pub fn value<'c>(&'c self, code: &'c str) -> Option<(&'c str, bool)> {
        let own = |v: &'c String| if v == "=" { code } else { v.as_str() };
        match self.values.get(code) {
            Some(value) => Some((own(value), true)),
            None => self.values.get("*").map(|v| (own(v), v == "=")),
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct MessageRow {
    pub event: String,
    pub encounter: Option<String>,
    pub new_visit: bool,
}

impl Tables {
    /// The maps that come with the product.
    pub fn standard() -> Tables {
        let mut tables = Tables::default();
        for text in STANDARD {
            tables.read(text).expect("the tables that are compiled in are checked by a test");
        }
        tables
    }

    /// These maps with a hospital's own text over them.
    pub fn with(&self, text: &str) -> Result<Tables, TableError> {
        let mut tables = self.clone();
        tables.read(text)?;
        Ok(tables)
    }

    /// The kinds of message that a map has: `ADT^A04`, or `ADT` for one that names no event.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.messages.keys().map(String::as_str)
    }

    pub(super) fn defaults(&self, block: &str) -> &[Fallback] {
        self.defaults.get(block).map_or(&[], Vec::as_slice)
    }
    /// Which segments begin which resources.
    pub(super) fn rules(&self) -> &[Rule] {
        &self.rules
    }
    pub(super) fn rows(&self, block: &str) -> &[Row] {
        self.blocks.get(block).map_or(&[], Vec::as_slice)
    }
    pub(super) fn codes(&self, name: &str) -> Option<&Codes> {
        self.codes.get(name)
    }
    /// The system and code that FHIR uses for a code of a v2 table.
    pub(super) fn concept(&self, system: &str, code: &str) -> Option<(&str, &str)> {
        let found = self.concepts.get(system)?.get(code);
        found.map(|(system, code)| (system.as_str(), code.as_str()))
    }
    /// What a code is called.
    pub(super) fn display(&self, system: &str, code: &str) -> Option<&str> {
        self.displays.get(system)?.get(code).map(String::as_str)
    }
    /// Gives codings without words those of the tables.
    pub(super) fn call(&self, value: &mut Value) {
        match value {
            Value::Object(object) => {
                let text = |key: &str| object.get(key).and_then(Value::as_str);
                let silent = ["display", "value", "unit", "currency"].iter().all(|k| object.get(k).is_none());
                let called = match (text("system"), text("code")) {
                    (Some(system), Some(code)) if silent => self.display(system, code).map(str::to_owned),
                    _ => None,
                };
                for (_, inner) in object.iter_mut() {
                    if matches!(inner, Value::Object(_) | Value::Array(_)) {
                        self.call(inner);
                    }
                }
                if let Some(called) = called {
                    value.set("display", called);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.call(item)),
            _ => {}
        }
    }
    /// By `ADT^A04`, else by `ADT^*`; a kind without an event by `ADT`, else by `ADT^*`.
    pub(super) fn message(&self, kind: &str) -> Option<&MessageRow> {
        let code = kind.split('^').next()?;
        self.messages.get(kind).or_else(|| self.messages.get(&format!("{code}^*")))
    }
    /// Why a field need not be mapped.
    pub(super) fn ignored(&self, place: &str) -> Option<&str> {
        self.ignored.get(place).map(String::as_str)
    }

    fn read(&mut self, text: &str) -> Result<(), TableError> {
        let mut block = String::new();
        let mut replaced: BTreeSet<(String, String)> = BTreeSet::new();
        for (number, line) in text.lines().enumerate() {
            let wrong = |text: String| TableError { line: number + 1, text };
            if number == LINES_MAX {
                return Err(wrong(format!("a table has at most {LINES_MAX} lines")));
            }
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(head) = line.strip_prefix('[') {
                let head = head.strip_suffix(']').ok_or_else(|| wrong("a block's name ends in ]".into()))?;
                block = self.open(head).map_err(wrong)?;
                continue;
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            let read = match block.split_once(' ') {
                _ if block.is_empty() => Err("a row stands before any block".to_owned()),
                Some(("displays", system)) => self.read_display(system, &words),
                Some(("concepts", both)) => self.read_concept(both, &words),
                Some((_, name)) => self.read_code(name, &words),
                None if block == "messages" => self.read_message(&words),
                None if block == "ignored" => {
                    self.ignored.insert(words[0].to_owned(), words[1..].join(" "));
                    Ok(())
                }
                None if block == "segments" => Rule::read(&words).map(|rule| self.rules.push(rule)),
                None if words[0] == "default" => self.read_default(&block, &words),
                None => self.read_row(&block, &words, &mut replaced),
            };
            read.map_err(wrong)?;
        }
        Ok(())
    }

    fn open(&mut self, head: &str) -> Result<String, String> {
        let words: Vec<&str> = head.split_whitespace().collect();
        match words[..] {
            ["codes", name] => Ok(format!("codes {name}")),
            ["codes", name, system] => {
                self.codes.entry(name.to_owned()).or_default().system = Some(system.to_owned());
                Ok(format!("codes {name}"))
            }
            ["displays", _] | ["concepts", _, _] => Ok(head.to_owned()),
            [name] if ["messages", "ignored", "segments"].contains(&name) || BLOCKS.contains(&name) => {
                Ok(name.to_owned())
            }
            _ => Err(format!(
                "no such block: the blocks are codes, concepts, displays, messages, ignored, segments, {}",
                BLOCKS.join(", ")
            )),
        }
    }

    fn read_code(&mut self, name: &str, words: &[&str]) -> Result<(), String> {
        let [code, value] = words else { return Err("a code has one value".to_owned()) };
        let codes = self.codes.entry(name.to_owned()).or_default();
        codes.values.insert((*code).to_owned(), (*value).to_owned());
        codes.order.push((*code).to_owned());
        Ok(())
    }

    fn read_display(&mut self, system: &str, words: &[&str]) -> Result<(), String> {
        let [code, text @ ..] = words else { return Err("a display has a code and words".to_owned()) };
        if text.is_empty() {
            return Err("a display has a code and words".to_owned());
        }
        self.displays.entry(system.to_owned()).or_default().insert((*code).to_owned(), text.join(" "));
        Ok(())
    }

    fn read_concept(&mut self, both: &str, words: &[&str]) -> Result<(), String> {
        let (from, to) = both.split_once(' ').ok_or("concepts have two systems")?;
        let [code, other] = words else { return Err("a concept has two codes".to_owned()) };
        let other = (to.to_owned(), (*other).to_owned());
        self.concepts.entry(from.to_owned()).or_default().insert((*code).to_owned(), other);
        Ok(())
    }

    fn read_message(&mut self, words: &[&str]) -> Result<(), String> {
        let mut row = MessageRow::default();
        for option in &words[1..] {
            match option.split_once('=') {
                Some(("event", event)) if super::EVENTS.contains(&event) => row.event = event.to_owned(),
                Some(("encounter", status)) => row.encounter = Some(status.to_owned()),
                Some(("new-visit", yes)) => row.new_visit = yes == "yes",
                _ => {
                    return Err(format!(
                        "a message has event ({}), encounter, new-visit",
                        super::EVENTS.join(", ")
                    ));
                }
            }
        }
        if row.event.is_empty() {
            return Err("a message has an event".to_owned());
        }
        self.messages.insert(words[0].to_owned(), row);
        Ok(())
    }

    fn read_default(&mut self, block: &str, words: &[&str]) -> Result<(), String> {
        let [_, target, value, options @ ..] = words else {
            return Err("a default has a target and JSON".to_owned());
        };
        let value = json::parse(value.as_bytes()).map_err(|e| format!("no JSON: {e}"))?;
        let unless = match options {
            [] => Vec::new(),
            [option] => {
                let places = option.strip_prefix("unless=").ok_or("a default has no option but unless")?;
                places.split(',').map(place).collect::<Result<_, _>>()?
            }
            _ => return Err("a default has no option but unless".to_owned()),
        };
        let target = target.split('.').map(str::to_owned).collect();
        self.defaults.entry(block.to_owned()).or_default().push(Fallback { target, value, unless });
        Ok(())
    }

    fn read_row(
        &mut self,
        block: &str,
        words: &[&str],
        replaced: &mut BTreeSet<(String, String)>,
    ) -> Result<(), String> {
        let source = place(words[0])?;
        let rows = self.blocks.entry(block.to_owned()).or_default();
        // The first row of a source in this text takes the place of what earlier texts said of it.
        if replaced.insert((block.to_owned(), words[0].to_owned())) {
            rows.retain(|r| r.source != source);
        }
        if words[1..] == ["-"] {
            return Ok(());
        }
        let [_, target, reading, options @ ..] = words else {
            return Err("a row has a source, a target and a reading".to_owned());
        };
        let reading = Reading::of_name(reading).ok_or_else(|| format!("no such reading: {reading}"))?;
        let list = target.ends_with("[]");
        let steps = target.trim_end_matches("[]").split('.').map(str::to_owned).collect();
        let mut row = Row {
            source,
            target: steps,
            list,
            reading,
            options: BTreeMap::new(),
            when: None,
            unless: Vec::new(),
            when_some: None,
            unless_value: None,
            with: None,
            whole: false,
        };
        for option in options {
            let (name, value) =
                option.split_once('=').ok_or_else(|| "an option is written name=value".to_owned())?;
            match name {
                "when" => row.when = Some(one_of(value)?),
                "unless-value" => row.unless_value = Some(one_of(value)?),
                "when-some" => row.when_some = Some(place(value)?),
                "with" => {
                    row.with = Some(json::parse(value.as_bytes()).map_err(|e| format!("no JSON: {e}"))?);
                }
                "whole" => row.whole = value == "yes",
                "unless" => row.unless = value.split(',').map(place).collect::<Result<_, _>>()?,
                _ if OPTIONS.contains(&name) => drop(row.options.insert(name.to_owned(), value.to_owned())),
                _ => return Err(format!("no such option: {name}")),
            }
        }
        rows.push(row);
        Ok(())
    }
}

fn place(text: &str) -> Result<Location, String> {
    let read = Location::parse(text).filter(|l| l.field > 0);
    read.ok_or_else(|| "a place is written PID-3 or PID-3.1".to_owned())
}

/// `PLACE:VALUE,VALUE`.
fn one_of(text: &str) -> Result<(Location, Vec<String>), String> {
    let (at, values) = text.split_once(':').ok_or_else(|| "when=PLACE:VALUE,VALUE".to_owned())?;
    Ok((place(at)?, values.split(',').map(str::to_owned).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_that_come_with_the_product_are_sound() {
        let tables = Tables::standard();
        for block in BLOCKS {
            assert!(!tables.rows(block).is_empty(), "{block} has rows");
            for row in tables.rows(block) {
                let known = row.option("table").is_none_or(|t| tables.codes(t).is_some());
                assert!(known, "{block} {}: its code table is there", row.source);
            }
        }
    }

    #[test]
    fn a_wrong_line_is_told_by_its_number() {
        for (text, line) in [
            ("PID-3 identifier[] CX", 1),
            ("[Patient]\nPID3 identifier[] CX", 2),
            ("[Patient]\n\n# x\nPID-3 identifier[] CZ", 4),
            ("[Patient]\nPID-3 identifier[] CX colour=red", 2),
            ("[Patient]\nPID-3", 2),
            ("[Pacient]", 1),
            ("[messages]\nADT^A99 event=party", 2),
            ("[codes x]\na b c", 2),
        ] {
            let error = Tables::standard().with(text).expect_err(text);
            assert_eq!(error.line, line, "{text}: {error}");
        }
    }
}
