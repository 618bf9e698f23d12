//! Prints synthetic records, one transaction bundle a line: `cargo run --release -p badiano-testkit --example records -- SEED FIRST COUNT`.

use badiano_fhir::json;
use badiano_testkit::records::record;
use std::io::{BufWriter, Write};

fn main() -> std::io::Result<()> {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let [seed, first, count] = numbers[..] else {
        return Err(std::io::Error::other("usage: records SEED FIRST COUNT"));
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    for index in first..first + count {
        writeln!(out, "{}", json::to_string(&record(seed, index)))?;
    }
    out.flush()
}
