//! Searching: a patient's own data, chains both ways, counts. An answer in which nothing is found is a failure, not a speed.

use super::ingest::Ids;
use super::load::Load;
use crate::bench::frame::demo::Node;
use crate::bench::frame::report::{Better, Report};

const CALLS: usize = 4_000;
const CHAINED_CALLS: usize = 600;
const COUNTS: usize = 5;

const LOINC: &str = "http://loinc.org%7C";
/// Measurements that every record has.
const CODES: [&str; 3] = ["8867-4", "2339-0", "718-7"];

const DIABETES: &str = "44054006";
/// Surnames that some dozens of the people bear.
const FAMILIES: [&str; 4] = ["Garcia", "Hernandez", "Martinez", "Lopez"];

pub fn shapes(report: &mut Report, node: &Node, ids: &Ids) -> Result<(), String> {
    let patient = |n: usize| &ids.patients[n * 7 % ids.patients.len()];
    let code = |n: usize| CODES[n % CODES.len()];
    one(report, node, "search_pcd", CALLS, |n| {
        format!("Observation?patient={}&code={LOINC}{}&date=ge2018-01-01&_count=50", patient(n), code(n))
    })?;
    one(report, node, "search_sorted", CALLS, |n| {
        format!("Observation?patient={}&category=laboratory&_sort=-date&_count=20", patient(n))
    })?;
    chained(report, node, patient)
}

fn chained<'i>(
    report: &mut Report,
    node: &Node,
    patient: impl Fn(usize) -> &'i String + Sync,
) -> Result<(), String> {
    one(report, node, "revinclude", CHAINED_CALLS, |n| {
        format!("Patient?_id={}&_revinclude=Observation:patient&_revinclude=Condition:patient", patient(n))
    })?;
    one(report, node, "has", CHAINED_CALLS, |_| {
        format!("Patient?_has:Condition:patient:code=http://snomed.info/sct%7C{DIABETES}&_count=20")
    })?;
    one(report, node, "chain", CHAINED_CALLS, |n| {
        let (family, code) = (FAMILIES[n % FAMILIES.len()], CODES[n % CODES.len()]);
        format!("Observation?subject:Patient.family={family}&code={LOINC}{code}&_count=20")
    })
}

/// One shape of question, with the number of Observations in the name where the size of the store should not matter.
fn one(
    report: &mut Report,
    node: &Node,
    name: &str,
    calls: usize,
    question: impl Fn(usize) -> String + Sync,
) -> Result<(), String> {
    let done = Load::of(node)?.run(calls, |connection, n| {
        let body = connection.get(&format!("/fhir/{}", question(n)))?;
        Ok(body.windows(10).any(|w| w == b"\"resource\""))
    })?;
    if done.empty > 0 {
        return Err(format!("{name}: {} of {} answers were empty", done.empty, done.calls));
    }
    let name = match name {
        "search_pcd" => "search_pcd_p95_ms_100k".to_owned(),
        other => format!("{other}_p95_ms"),
    };
    report.add(&name.replace("p95", "p50"), done.times.percentile_ms(50), "ms", None, Better::Lower);
    report.add(&name, done.times.percentile_ms(95), "ms", None, Better::Lower);
    report.add(&name.replace("_p95_ms", "_cpu_ms"), done.cpu_ms(), "ms", None, Better::Lower);
    Ok(())
}

/// How many resources a count walks, a second of the node's own time.
pub fn counts(report: &mut Report, node: &Node) -> Result<(), String> {
    let total = std::sync::atomic::AtomicU64::new(0);
    let done = Load::of(node)?.run(COUNTS, |connection, _| {
        let body = connection.get("/fhir/Observation?_summary=count")?;
        let bundle: serde_json::Value = serde_json::from_slice(&body).map_err(|e| format!("a count: {e}"))?;
        let counted = bundle["total"].as_u64().ok_or("a count without a total")?;
        total.fetch_add(counted, std::sync::atomic::Ordering::Relaxed);
        Ok(counted > 0)
    })?;
    let counted = total.into_inner() as f64;
    report.add("count_hits_core_s", counted / done.cpu_s, "1/s", None, Better::Higher);
    Ok(())
}
