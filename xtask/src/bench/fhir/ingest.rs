//! Writing: transaction bundles of whole records, then resources one by one.

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
