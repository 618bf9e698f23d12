//! Measures questions over everybody on this machine's disk: `cargo run --release -p badiano-store --example measure_questions -- FOLDER`.

use badiano_fhir::search::query::Test;
use badiano_fhir::search::{Entry, Filter, Key, Modifier, Prefix, Query};
use badiano_fhir::{Value, fhir};
use badiano_kernel::{Fault, Instant};
use badiano_store::{Expect, Options, Put, Store, Tx, pat_of};
use std::path::PathBuf;
use std::time::{Duration, Instant as Clock};

/// Measurements and diagnoses of one person.
const OBSERVATIONS_EACH: u64 = 60;
const CONDITIONS_EACH: u64 = 3;
const QUESTIONS: u64 = 200;
const LOINC: &str = "http://loinc.org";

fn main() -> Result<(), Fault> {
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("measure-questions"), PathBuf::from);
    for patients in [600, 2_400] {
        let folder = folder.join(patients.to_string());
        let options = Options {
            data: folder.join("data"),
            key_file: folder.join("key").join("node.key"),
            zone: "UTC".into(),
        };
        let store = Store::open(options)?;
        for from in (0..patients).step_by(10) {
            store.write(move |tx| (from..from + 10).try_for_each(|p| person(tx, p))).wait()?;
        }
        println!("{patients} people, {} observations", patients * OBSERVATIONS_EACH);
        ask(&store, "_has:Condition:patient:code, common", &|_| has("c1"))?;
        ask(&store, "_has:Condition:patient:code, one person", &|n| has(&format!("rare-{n}")))?;
        ask(&store, "Observation by subject.family and code", &chained)?;
        ask(&store, "Observation by code and value", &|n| broad(n, 20.0))?;
        ask(&store, "Observation by code and value, nothing fits", &|n| broad(n, 1_000.0))?;
    }
    Ok(())
}

fn ask(store: &Store, what: &str, question: &dyn Fn(u64) -> Query) -> Result<(), Fault> {
    let (mut times, mut hits) = (Vec::new(), 0);
    for n in 0..QUESTIONS {
        let query = question(n);
        let began = Clock::now();
        hits += store.read(|view| view.search(&query, &|_| true))?.hits.len();
        times.push(began.elapsed());
    }
    times.sort();
    let at = |part: usize| -> Duration { times[(times.len() - 1) * part / 100] };
    println!("{what}: p50 {:?}, p95 {:?}, {hits} hits in {QUESTIONS} questions", at(50), at(95));
    Ok(())
}

fn param(name: &str, any_of: Test) -> Filter {
    Filter::Param { param: name.into(), modifier: Modifier::None, any_of: vec![any_of] }
}
fn coded(system: &str, code: &str) -> Test {
    Test::Token { system: Some(system.into()), code: Some(code.into()) }
}
fn page(kind: &str, filters: Vec<Filter>) -> Query {
    Query { kind: kind.into(), filters, count: 20, ..Query::default() }
}

fn has(code: &str) -> Query {
    let filter = Box::new(param("code", coded("http://snomed.info/sct", code)));
    page("Patient", vec![Filter::Has { source: "Condition".into(), param: "patient".into(), filter }])
}
fn chained(n: u64) -> Query {
    let family = format!("family{}", n % 20);
    let name = param("family", Test::Text { folded: family.clone().into(), exact: family.into() });
    let chain = Filter::Chain { param: "subject".into(), target: "Patient".into(), filter: Box::new(name) };
    page("Observation", vec![chain, param("code", coded(LOINC, &format!("code-{}", n % 8)))])
}
fn broad(n: u64, above: f64) -> Query {
    let (system, code, canonical) = (None, None, None);
    let above = Test::Quantity { prefix: Prefix::Gt, low: above, high: above, system, code, canonical };
    let code = param("code", coded(LOINC, &format!("code-{}", n % 8)));
    page("Observation", vec![code, param("value-quantity", above)])
}

fn entry(param: &str, key: Key) -> Entry {
    Entry { param: param.into(), key }
}
fn token(system: &str, code: &str) -> Key {
    Key::Token { system: system.into(), code: code.into(), text: "".into() }
}
fn about(patient: &str) -> [Entry; 2] {
    let key = Key::Reference { kind: "Patient".into(), id: patient.into(), url: "".into(), identifier: None };
    [entry("subject", key.clone()), entry("patient", key)]
}

fn person(tx: &mut Tx<'_>, p: u64) -> Result<(), Fault> {
    let id = format!("p{p}");
    let family = format!("family{}", p % 20);
    let name = Key::Text { folded: family.as_str().into(), exact: family.as_str().into() };
    let body =
        fhir!({ "resourceType": "Patient", "id": (id.as_str()), "name": [{ "family": (family.as_str()) }] });
    put(tx, "Patient", &id, &id, &body, vec![entry("family", name.clone()), entry("name", name)])?;
    for n in 0..CONDITIONS_EACH {
        let code = if n == 0 { format!("rare-{p}") } else { format!("c{}", (p + n) % 6) };
        let body =
            fhir!({ "resourceType": "Condition", "code": { "coding": [{ "code": (code.as_str()) }] } });
        let mut entries = vec![entry("code", token("http://snomed.info/sct", &code))];
        entries.extend(about(&id));
        put(tx, "Condition", &format!("c{p}-{n}"), &id, &body, entries)?;
    }
    for n in 0..OBSERVATIONS_EACH {
        observation(tx, p, n)?;
    }
    Ok(())
}

fn observation(tx: &mut Tx<'_>, p: u64, n: u64) -> Result<(), Fault> {
    let (id, code) = (format!("p{p}"), format!("code-{}", (p + n) % 8));
    let value = f64::from(u32::try_from((p * 7 + n * 13) % 60).unwrap_or(0));
    let body = fhir!({
        "resourceType": "Observation", "status": "final",
        "code": { "coding": [{ "system": LOINC, "code": (code.as_str()), "display": "Presión arterial sistólica" }] },
        "subject": { "reference": (format!("Patient/{id}")) },
        "valueQuantity": { "value": (Value::Number(format!("{value}").into())), "unit": "mg/dL" }
    });
    let (low, high) = (value - 0.5, value + 0.5);
    let quantity = Key::Quantity { low, high, system: "".into(), code: "mg/dL".into(), canonical: None };
    let mut entries = vec![
        entry("code", token(LOINC, &code)),
        entry("combo-code", token(LOINC, &code)),
        entry("status", token("http://hl7.org/fhir/observation-status", "final")),
        entry("value-quantity", quantity),
    ];
    entries.extend(about(&id));
    put(tx, "Observation", &format!("o{p}-{n}"), &id, &body, entries)
}

fn put(
    tx: &mut Tx<'_>,
    kind: &str,
    id: &str,
    patient: &str,
    body: &Value,
    entries: Vec<Entry>,
) -> Result<(), Fault> {
    let (pats, now) = ([pat_of(patient)], Instant::from_seconds(1_700_000_000));
    let (entries, expect, source) = (entries.as_slice(), Expect::Any, "");
    tx.put(Put { kind, id, expect, body, entries, pats: &pats, class: 1, source, now })?;
    Ok(())
}
