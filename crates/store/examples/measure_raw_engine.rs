//! The engine alone, for comparison: SQLite with the same durability writes the same records with their search entries, a
//! commit a record, and looks resources up: `cargo run --release -p badiano-store --example measure_raw_engine`.

use badiano_fhir::{json, search};
use badiano_testkit::records::record;
use rusqlite::{Connection, params};
use std::time::Instant as Clock;

const SEED: u64 = 1552;
const RECORDS: u64 = 300;
const READS: usize = 100_000;

/// A resource as plain rows: its text, and each of its search entries once.
struct Plain {
    kind: String,
    id: String,
    text: String,
    entries: Vec<(String, String)>,
}

fn plain(index: u64) -> Vec<Plain> {
    let bundle = record(SEED, index);
    let entries = bundle["entry"].items().iter().map(|entry| {
        let resource = &entry["resource"];
        let mut entries: Vec<(String, String)> = search::extract(resource, "America/Mexico_City")
            .into_iter()
            .map(|e| (e.param.to_string(), format!("{:?}", e.key)))
            .collect();
        entries.sort();
        entries.dedup();
        Plain {
            kind: resource.resource_type().to_owned(),
            id: entry.str_of("fullUrl").trim_start_matches("urn:uuid:").to_owned(),
            text: json::to_string(resource),
            entries,
        }
    });
    entries.collect()
}

fn main() -> rusqlite::Result<()> {
    let folder =
        tempfile::tempdir_in(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
            .expect("a folder on the disk of the build");
    let conn = Connection::open(folder.path().join("raw.db"))?;
    conn.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536; \
         CREATE TABLE resource(rid INTEGER PRIMARY KEY, kind TEXT, id TEXT, body TEXT, UNIQUE(kind, id)); \
         CREATE TABLE ix(kind TEXT, param TEXT, value TEXT, rid INTEGER, PRIMARY KEY(kind, param, value, rid)) WITHOUT ROWID;",
    )?;
    let records: Vec<Vec<Plain>> = (0..RECORDS).map(plain).collect();
    let count: usize = records.iter().map(Vec::len).sum();
    let began = Clock::now();
    for record in &records {
        conn.execute_batch("BEGIN IMMEDIATE")?;
        for one in record {
            let rid: i64 = {
                let mut insert =
                    conn.prepare_cached("INSERT INTO resource(kind, id, body) VALUES(?1, ?2, ?3)")?;
                insert.insert(params![one.kind, one.id, one.text])?
            };
            let mut insert =
                conn.prepare_cached("INSERT INTO ix(kind, param, value, rid) VALUES(?1, ?2, ?3, ?4)")?;
            for (param, value) in &one.entries {
                insert.execute(params![one.kind, param, value, rid])?;
            }
        }
        conn.execute_batch("COMMIT")?;
    }
    line("raw_ingest_res_s", count as f64 / began.elapsed().as_secs_f64());
    let all: Vec<&Plain> = records.iter().flatten().collect();
    let (began, mut bytes) = (Clock::now(), 0);
    let mut look = conn.prepare("SELECT body FROM resource WHERE kind = ?1 AND id = ?2")?;
    for n in 0..READS {
        let one = all[n * 31 % all.len()];
        bytes += look.query_row(params![one.kind, one.id], |r| r.get::<_, String>(0))?.len();
    }
    assert!(bytes > READS, "what was written is read");
    line("raw_read_per_s", READS as f64 / began.elapsed().as_secs_f64());
    Ok(())
}

fn line(measure: &str, value: f64) {
    println!(
        "{{\"measure\":\"{measure}\",\"value\":{value:.0},\"unit\":\"1/s\",\"ratio_to\":null,\"better\":\"higher\"}}"
    );
}
