//! Area `fhir` of the bench: resources written, read and searched at a hospital with access, consent, validation and audit on.
//!
//! The population is that of `badiano_testkit::records`; the raw engine beside us is the same SQLite that the store uses, doing
//! the same durable inserts and look-ups with nothing around them. No Helios in this run: its lines belong to a machine that
//! has one (`cargo xtask bench --peers`).

mod ingest;
mod load;
mod search;

use super::Area;
use super::frame::demo::{Demo, Node};
use super::frame::report::{Better, Report};
use super::frame::{cost, example, peer, yardstick};
use load::Load;

pub const AREA: Area =
    Area { name: "fhir", what: "resources written, read and searched at a hospital", measure: Some(measure) };

const SEED: u64 = 1552;
/// Records of 72 resources: 102,000 Observations.
const RECORDS: usize = 1_700;

fn measure(report: &mut Report) -> Result<(), String> {
    // `validate_res_core_s`, `validate_profile_res_core_s`: on one core, without a node.
    example::measure(report, "badiano-fhir", "measure_validation")?;
    // `lookup_in_process_per_s`, `expand_350k_ms`: a code system of 350,000 concepts, without a node.
    example::measure(report, "badiano-fhir", "measure_terminology")?;
    // `raw_ingest_res_s`, `raw_read_per_s`: the engine alone, on the disk of the build folder.
    example::measure(report, "badiano-store", "measure_raw_engine")?;
    if let Err(why) = peer::program("hfs") {
        eprintln!("the peer did not run: {why}");
    }
    eprintln!("seed {SEED}, {RECORDS} records");
    let arguments = [SEED.to_string(), "0".to_owned(), RECORDS.to_string()];
    let records = example::output("badiano-testkit", "records", &arguments)?;
    let records: Vec<&str> = records.lines().collect();
    let demo = Demo::start(&["--empty"])?;
    let norte = demo.hospital("norte")?;
    report.add("idle_mb", cost::resident_mb(norte.pid()?)?, "MB", None, Better::Lower);
    let empty = bytes_on_disk(&norte)?;
    let ids = ingest::transactions(report, &norte, &records)?;
    let used = bytes_on_disk(&norte)? - empty;
    report.add("bytes_per_resource", used / ids.resources as f64, "B", None, Better::Lower);
    ingest::singles(report, &norte, &ids)?;
    ingest::import(report, &norte, &records)?;
    reads(report, &norte, &ids)?;
    lookups(report, &norte)?;
    search::shapes(report, &norte, &ids)?;
    search::counts(report, &norte)?;
    report.add("loaded_mb", cost::resident_mb(norte.pid()?)?, "MB", None, Better::Lower);
    for (measure, raw) in [("ingest_res_s", "raw_ingest_res_s"), ("read_per_s", "raw_read_per_s")] {
        if let (Some(ours), Some(raw)) = (report.value(measure), report.value(raw)) {
            let name = format!("{}_vs_raw", measure.split('_').next().unwrap_or_default());
            report.add(&name, ours / raw, "", Some("sqlite"), Better::Higher);
        }
    }
    yardstick::report(report, demo.folder())
}

/// Reads by id over connections that stay open: one half people, one half observations.
fn reads(report: &mut Report, node: &Node, ids: &ingest::Ids) -> Result<(), String> {
    let path = |n: usize| match n % 2 {
        0 => format!("/fhir/Patient/{}", ids.patients[n % ids.patients.len()]),
        _ => format!("/fhir/Observation/{}", ids.observations[n * 31 % ids.observations.len()]),
    };
    let done = Load::of(node)?.run(40_000, |connection, n| connection.get(&path(n)).map(|_| true))?;
    report.add("read_p95_ms", done.times.percentile_ms(95), "ms", None, Better::Lower);
    report.add("read_per_s", done.per_second(), "1/s", None, Better::Higher);
    report.add("read_cpu_ms", done.cpu_ms(), "ms", None, Better::Lower);
    report.add("read_peak_mb", done.peak_mb, "MB", None, Better::Lower);
    Ok(())
}

/// CodeSystem/$lookup through the door, of the codes of a system that R4 publishes.
fn lookups(report: &mut Report, node: &Node) -> Result<(), String> {
    let codes = ["AMB", "EMER", "FLD", "HH", "IMP", "ACUTE", "NONAC", "OBSENC", "PRENC", "SS", "VR", "OPTIN"];
    let system = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    let path = |n: usize| format!("/fhir/CodeSystem/$lookup?system={system}&code={}", codes[n % codes.len()]);
    let done = Load::of(node)?.run(40_000, |connection, n| connection.get(&path(n)).map(|_| true))?;
    report.add("lookup_p95_ms", done.times.percentile_ms(95), "ms", None, Better::Lower);
    report.add("lookup_per_s", done.per_second(), "1/s", None, Better::Higher);
    report.add("lookup_cpu_ms", done.cpu_ms(), "ms", None, Better::Lower);
    Ok(())
}

/// The database of a node and what it has not yet taken in from its log.
fn bytes_on_disk(node: &Node) -> Result<f64, String> {
    let mut all = 0;
    for name in ["badiano.db", "badiano.db-wal"] {
        let path = node.data()?.join(name);
        all += std::fs::metadata(&path).map_err(|e| format!("{}: {e}", path.display()))?.len();
    }
    Ok(all as f64)
}
