//! Writing: transaction bundles of whole records, then resources one by one, then lines in bulk.

use super::load::Load;
use crate::bench::frame::demo::Node;
use crate::bench::frame::report::{Better, Report};
use serde_json::{Value, json};
use std::sync::Mutex;

/// What the node has called the resources that it was given.
#[derive(Default)]
pub struct Ids {
    pub patients: Vec<String>,
    pub observations: Vec<String>,
    pub resources: usize,
}

const MEDIA: &str = "application/fhir+json";
const SINGLES: usize = 4_000;

pub fn transactions(report: &mut Report, node: &Node, records: &[&str]) -> Result<Ids, String> {
    let ids = Mutex::new(Ids::default());
    let done = Load::of(node)?.run(records.len(), |connection, n| {
        let answer = connection.send("POST", "/fhir", MEDIA, records[n].as_bytes())?;
        if answer.status != 200 {
            return Err(format!(
                "a transaction: {} {}",
                answer.status,
                String::from_utf8_lossy(&answer.body)
            ));
        }
        let bundle: Value =
            serde_json::from_slice(&answer.body).map_err(|e| format!("a transaction: {e}"))?;
        let mut ids = ids.lock().map_err(|_| "a caller of the bench panicked".to_owned())?;
        let entries = bundle["entry"].as_array().into_iter().flatten();
        entries.for_each(|entry| ids.take(entry["response"]["location"].as_str().unwrap_or_default()));
        Ok(true)
    })?;
    let ids = ids.into_inner().map_err(|_| "a caller of the bench panicked".to_owned())?;
    let count = ids.resources as f64;
    report.add("ingest_res_s", count / done.took_s, "1/s", None, Better::Higher);
    report.add("ingest_res_cpu_ms", done.cpu_s * 1000.0 / count, "ms", None, Better::Lower);
    report.add("ingest_bundle_p95_ms", done.times.percentile_ms(95), "ms", None, Better::Lower);
    report.add("ingest_peak_mb", done.peak_mb, "MB", None, Better::Lower);
    Ok(ids)
}

impl Ids {
    fn take(&mut self, location: &str) {
        let mut parts = location.split('/');
        let (kind, id) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        self.resources += usize::from(!id.is_empty());
        match kind {
            "Patient" => self.patients.push(id.to_owned()),
            "Observation" => self.observations.push(id.to_owned()),
            _ => {}
        }
    }
}

/// Creates one by one, each waiting for the disk.
pub fn singles(report: &mut Report, node: &Node, ids: &Ids) -> Result<(), String> {
    let done = Load::of(node)?.run(SINGLES, |connection, n| {
        let body = json!({
            "resourceType": "Observation", "status": "final",
            "code": { "coding": [{ "system": "http://loinc.org", "code": "2339-0", "display": "Glucosa en sangre" }] },
            "subject": { "reference": format!("Patient/{}", ids.patients[n % ids.patients.len()]) },
            "effectiveDateTime": format!("2026-{:02}-{:02}T08:00:00-06:00", 1 + n % 12, 1 + n % 28),
            "valueQuantity": { "value": 60 + n % 200, "unit": "mg/dL", "system": "http://unitsofmeasure.org", "code": "mg/dL" }
        });
        let answer = connection.send("POST", "/fhir/Observation", MEDIA, body.to_string().as_bytes())?;
        if answer.status == 201 { Ok(true) } else { Err(format!("a create: {}", answer.status)) }
    })?;
    report.add("create_p50_ms", done.times.percentile_ms(50), "ms", None, Better::Lower);
    report.add("create_p95_ms", done.times.percentile_ms(95), "ms", None, Better::Lower);
    report.add("create_per_s", done.per_second(), "1/s", None, Better::Higher);
    Ok(())
}

/// Records that are imported again under ids of their own.
const IMPORTED_RECORDS: usize = 400;
/// An import that is not done by then is a failure.
const IMPORT_SECONDS_MAX: u64 = 120;

/// `$import` of lines, from the first byte sent until the job says that it is done.
pub fn import(report: &mut Report, node: &Node, records: &[&str]) -> Result<(), String> {
    let some = &records[..records.len().min(IMPORTED_RECORDS)];
    let lines = some.iter().map(|record| lines_of(record)).collect::<Result<Vec<_>, String>>()?;
    let lines: Vec<String> = lines.into_iter().flatten().collect();
    let (count, body) = (lines.len(), lines.join("\n"));
    let done = Load::of(node)?.run(1, |connection, _| {
        let answer = connection.send("POST", "/fhir/$import", "application/fhir+ndjson", body.as_bytes())?;
        let Some((_, job)) = answer.place.split_once("/fhir/").filter(|_| answer.status == 202) else {
            return Err(format!("an import: {}", answer.status));
        };
        let began = std::time::Instant::now();
        while began.elapsed().as_secs() < IMPORT_SECONDS_MAX {
            let status = connection.send("GET", &format!("/fhir/{job}"), MEDIA, b"")?;
            if status.status == 200 {
                let told: Value =
                    serde_json::from_slice(&status.body).map_err(|e| format!("an import: {e}"))?;
                return match told["extension"]["written"].as_u64() {
                    Some(written) if written == count as u64 => Ok(true),
                    _ => Err(format!("an import wrote less than {count} lines: {}", told["extension"])),
                };
            }
            if status.status != 202 {
                return Err(format!("an import: {}", status.status));
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Err("the import did not end".to_owned())
    })?;
    report.add("import_res_s", count as f64 / done.took_s, "1/s", None, Better::Higher);
    report.add("import_res_cpu_ms", done.cpu_s * 1000.0 / count as f64, "ms", None, Better::Lower);
    Ok(())
}

/// The resources of a transaction under their own ids, referring to one another by them.
fn lines_of(record: &str) -> Result<Vec<String>, String> {
    let bundle: Value = serde_json::from_str(record).map_err(|e| format!("a record: {e}"))?;
    let entries: Vec<&Value> = bundle["entry"].as_array().into_iter().flatten().collect();
    let named = |e: &&Value| {
        let urn = e["fullUrl"].as_str()?;
        Some((
            urn.to_owned(),
            e["resource"]["resourceType"].as_str()?.to_owned(),
            urn.strip_prefix("urn:uuid:")?.to_owned(),
        ))
    };
    let names: Vec<(String, String, String)> = entries.iter().filter_map(named).collect();
    let line = |e: &&Value| {
        let mut resource = e["resource"].clone();
        if let Some((_, _, id)) = named(e) {
            resource["id"] = json!(id);
        }
        names.iter().fold(resource.to_string(), |text, (urn, kind, id)| {
            text.replace(&format!("\"{urn}\""), &format!("\"{kind}/{id}\""))
        })
    };
    Ok(entries.iter().map(line).collect())
}
