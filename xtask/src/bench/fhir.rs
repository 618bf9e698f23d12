//! Area `fhir` of the bench: resources written, read and searched at a hospital with access, consent and audit on.

use super::Area;
use super::frame::demo::{Demo, Node};
use super::frame::example;
use super::frame::http::Connection;
use super::frame::report::{Better, Report};
use super::frame::{cost, spread, yardstick};
use std::time::{Duration, Instant};

pub const AREA: Area =
    Area { name: "fhir", what: "resources written, read and searched at a hospital", measure: Some(measure) };

const CONNECTIONS: usize = 4;
const READS_EACH: usize = 2_500;

fn measure(report: &mut Report) -> Result<(), String> {
    // `validate_res_core_s`, `validate_profile_res_core_s`: on one core, without a node.
    example::measure(report, "badiano-fhir", "measure_validation")?;
    let demo = Demo::start(&[])?;
    let norte = demo.hospital("norte")?;
    report.add("idle_mb", cost::resident_mb(norte.pid()?)?, "MB", None, Better::Lower);
    reads(report, &norte)?;
    yardstick::report(report, demo.folder())
}

/// Read by id over connections that stay open.
fn reads(report: &mut Report, node: &Node) -> Result<(), String> {
    let ids = patients(node)?;
    let pid = node.pid()?;
    cost::forget_peak(pid)?;
    let (cpu, began) = (cost::cpu_seconds(pid)?, Instant::now());
    let times = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..CONNECTIONS)
            .map(|first| {
                scope.spawn({
                    let ids = &ids;
                    move || read_many(node, ids, first)
                })
            })
            .collect();
        readers
            .into_iter()
            .map(|r| r.join().map_err(|_| "a reader of the bench panicked".to_owned())?)
            .collect::<Result<Vec<_>, String>>()
    })?;
    let (took, count) = (began.elapsed().as_secs_f64(), (CONNECTIONS * READS_EACH) as f64);
    let cpu = cost::cpu_seconds(pid)? - cpu;
    let times = spread::of(times.concat());
    report.add("read_p95_ms", times.percentile_ms(95), "ms", None, Better::Lower);
    report.add("read_per_s", count / took, "1/s", None, Better::Higher);
    report.add("read_cpu_ms", cpu * 1000.0 / count, "ms", None, Better::Lower);
    report.add("read_peak_mb", cost::peak_mb(pid)?, "MB", None, Better::Lower);
    Ok(())
}

fn read_many(node: &Node, ids: &[String], first: usize) -> Result<Vec<Duration>, String> {
    let mut connection = Connection::open(node.http()?, node.token()?)?;
    let mut times = Vec::with_capacity(READS_EACH);
    for n in 0..READS_EACH {
        let began = Instant::now();
        connection.get(&format!("/fhir/Patient/{}", ids[(first + n) % ids.len()]))?;
        times.push(began.elapsed());
    }
    Ok(times)
}

fn patients(node: &Node) -> Result<Vec<String>, String> {
    let bundle = Connection::open(node.http()?, node.token()?)?.get("/fhir/Patient?_count=50")?;
    let bundle: serde_json::Value = serde_json::from_slice(&bundle).map_err(|e| format!("Patient: {e}"))?;
    let entries = bundle["entry"].as_array().into_iter().flatten();
    let ids: Vec<String> = entries.filter_map(|e| Some(e["resource"]["id"].as_str()?.to_owned())).collect();
    if ids.is_empty() { Err("the demo has no patients to read".to_owned()) } else { Ok(ids) }
}
