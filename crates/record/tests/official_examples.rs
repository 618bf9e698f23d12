//! The examples that HL7 publishes with R4 (npm `hl7.fhir.r4.examples` 4.0.1): each parses, goes through XML and back, has no false
//! error, is stored, and is found under what it says.

use super::{NORTE, open, scripts};
use badiano_fhir::search::{self, Key, extract};
use badiano_fhir::validate::Severity;
use badiano_fhir::{Value, json, validate, xml};
use badiano_kernel::{Instant, Purpose};
use badiano_record::resources::Precondition;
use badiano_record::{NodeRole, Session};
use badiano_testkit::Rng;
use badiano_testkit::proof::{Plan, Proof};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const ZONE: &str = "UTC";
/// Examples of the package; a folder with fewer is not the whole.
const EXAMPLES: u64 = 5_304;
/// Values of one example that are asked for.
const ASKED_MAX: usize = 4;
/// A longer example is stored only in the full count.
const LONG_BYTES: u64 = 300_000;

/// Examples that break a rule of R4 themselves, with the rule.
const WRONG: &str = include_str!("official_examples_wrong.csv");

fn folder() -> PathBuf {
    let said = std::env::var_os("BADIANO_R4_EXAMPLES").map(PathBuf::from);
    let cached = std::env::var_os("HOME")
        .map(|h| PathBuf::from(h).join(".cache/badiano/definitions/r4-examples/package"));
    let folder = said.or(cached).expect("HOME is set");
    assert!(folder.is_dir(), "{} is not there: `cargo xtask test` brings it", folder.display());
    folder
}

fn examples(folder: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let named = |path: &PathBuf| {
        path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(char::is_uppercase))
    };
    let mut all: Vec<PathBuf> = all.filter(named).collect();
    all.sort();
    all
}

/// What may be wrong, by file.
fn wrong() -> BTreeMap<&'static str, &'static str> {
    WRONG.lines().skip(1).filter_map(|line| line.split_once(',')).collect()
}

/// A parameter that finds a value, where text says it exactly.
fn question(param: &str, key: &Key) -> Option<(String, String)> {
    let escaped = |text: &str| {
        let mut out = String::new();
        for c in text.chars() {
            if matches!(c, ',' | '|' | '$' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
        out
    };
    let (name, value) = match key {
        Key::Token { system, code, .. } if !code.is_empty() => match param.split_once(":of-type") {
            Some(_) => return None,
            None => (param.to_owned(), format!("{}|{}", escaped(system), escaped(code))),
        },
        Key::Text { exact, .. } => (format!("{param}:exact"), escaped(exact)),
        Key::Uri(uri) => (param.to_owned(), escaped(uri)),
        Key::Reference { kind, id, .. } if !id.is_empty() => (param.to_owned(), format!("{kind}/{id}")),
        Key::Number { .. } | Key::Quantity { .. } | Key::Date { .. } => {
            (format!("{param}:missing"), "false".to_owned())
        }
        _ => return None,
    };
    (!value.trim().is_empty()).then_some((name, value))
}

/// Stores an example and asks for some of what it says.
async fn found(session: &Session, example: &Value, rng: &mut Rng) -> Result<usize, String> {
    let kind = example.resource_type().to_owned();
    let stored = session
        .update(example.clone(), Precondition::None)
        .await
        .map_err(|f| format!("not stored: {f:?}"))?;
    let mut entries = extract(&stored.resource, ZONE);
    rng.shuffle(&mut entries);
    let mut asked = 0;
    for (name, value) in entries.iter().filter_map(|e| question(&e.param, &e.key)).take(ASKED_MAX) {
        let mut pairs = vec![(name, value), ("_id".to_owned(), example.id().to_owned())];
        if rng.percent(50) {
            pairs.swap(0, 1);
        }
        let query = search::parse(&kind, &pairs, true, ZONE).map_err(|f| format!("{pairs:?}: {f:?}"))?.query;
        let page = session.search(&query).map_err(|f| format!("{pairs:?}: {f:?}"))?;
        if page.hits.len() != 1 {
            return Err(format!("{pairs:?} finds {}", page.hits.len()));
        }
        asked += 1;
    }
    Ok(asked)
}

/// Parsed, and the same again by way of JSON and of XML.
fn round(bytes: &[u8]) -> Result<Value, String> {
    let read = json::parse(bytes).map_err(|e| format!("not read: {e}"))?;
    let again = json::parse(json::to_string(&read).as_bytes()).map_err(|e| format!("own JSON: {e}"))?;
    if again != read {
        return Err("another by way of JSON".to_owned());
    }
    let printed = xml::to_string(&read).map_err(|e| format!("no XML: {e}"))?;
    let again = xml::parse(printed.as_bytes()).map_err(|e| format!("own XML: {e}"))?;
    // XML has an order of its own, JSON none.
    if ordered(&again) != ordered(&read) {
        return Err("another by way of XML".to_owned());
    }
    Ok(read)
}

fn ordered(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(ordered).collect()),
        Value::Object(object) => {
            let all: BTreeMap<&str, Value> = object.iter().map(|(key, item)| (key, ordered(item))).collect();
            all.into_iter().fold(Value::object(), |made, (key, item)| made.with(key, item))
        }
        other => other.clone(),
    }
}

fn error_of(example: &Value) -> Option<String> {
    let issues = validate::validate(example);
    let error = issues.iter().find(|i| matches!(i.severity, Severity::Error | Severity::Fatal))?;
    Some(format!("{}: {}", error.expression, error.text_en))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_examples_are_read_printed_validated_stored_and_found() {
    let all = examples(&folder());
    assert!(all.len() as u64 >= EXAMPLES, "the package has {EXAMPLES} examples, here are {}", all.len());
    let wrong = wrong();
    let place = open(NodeRole::Hospital, NORTE);
    let session = place.node.session(scripts("system/*.cruds"), Purpose::Treatment, Instant::now());
    let mut proof = Proof::begin("official R4 examples", Plan { slice: 150, full: all.len() as u64 });
    let mut failed: Vec<String> = Vec::new();
    let (full, mut asked) = (proof.is_full(), 0);
    for mut case in &mut proof {
        let at = if full { case.number as usize } else { case.rng.below(all.len() as u64) as usize };
        let path = &all[at];
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        let bytes = std::fs::read(path).expect("read");
        let long = bytes.len() as u64 > LONG_BYTES;
        if long && !full {
            continue;
        }
        let done = match round(&bytes) {
            Err(why) => Err(why),
            Ok(example) => match (error_of(&example), wrong.get(name.as_str())) {
                (None, Some(_)) => Err("is listed as wrong and is not".to_owned()),
                (Some(error), None) => Err(format!("false error? {error}")),
                (Some(_), Some(_)) => Ok(0),
                (None, None) => found(&session, &example, &mut case.rng).await,
            },
        };
        match done {
            Ok(more) => asked += more as u64,
            Err(why) => failed.push(format!("{name}: {why}")),
        }
    }
    proof.note("questions", asked);
    assert!(failed.is_empty(), "{} of the examples:\n{}", failed.len(), failed.join("\n"));
}
