//! The parts of the measure that are not the hub: institutions and who asks, each in a process of its own, and a hospital.

mod hospital;

pub use hospital::revocation;

use crate::country::{clues, physician};
use badiano_exchange::wire::{Allowance, Wire};
use badiano_record::authority::Identity;
use badiano_testkit::sources::{Behaviour, Source, request};
use serde_json::{Value, json};
use std::io::{BufRead, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub const SEED: u64 = 20_261_123;
/// Institutions, and at how many of them each person of the load is known.
pub const SOURCES: usize = 32;
pub const CONCERNED: usize = 8;
/// Entries of one institution about one person.
pub const ENTRIES: usize = 7;
/// What each simulated institution takes.
pub const DELAY_MS: u64 = 50;
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// This program again, in another part; it is spoken to line by line.
pub struct Other {
    child: Child,
    to: ChildStdin,
    from: std::io::Lines<std::io::BufReader<ChildStdout>>,
}

impl Other {
    pub fn start(part: &str) -> Other {
        let own = std::env::current_exe().expect("this program");
        let mut command = Command::new(own);
        command.arg(part).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("this program again");
        let to = child.stdin.take().expect("piped");
        let from = std::io::BufReader::new(child.stdout.take().expect("piped")).lines();
        Other { child, to, from }
    }

    pub fn tell(&mut self, what: &Value) {
        writeln!(self.to, "{what}").and_then(|()| self.to.flush()).expect("the other part reads");
    }

    pub fn hear(&mut self) -> Value {
        let line = self.from.next().expect("the other part speaks").expect("text");
        serde_json::from_str(&line).expect("JSON")
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn heard() -> impl FnMut() -> Option<Value> {
    let mut from = std::io::stdin().lines();
    move || serde_json::from_str(&from.next()?.ok()?).ok()
}

/// The institutions.
pub async fn sources() {
    let (mut next, mut all) = (heard(), Vec::new());
    for number in 0..SOURCES {
        let (source, (csr, key)) = (Source::bind(&clues(number)).await, request());
        say(&json!({ "clues": clues(number), "address": source.url(), "request": csr }));
        let said = next().expect("a certificate");
        let text = |name: &str| said[name].as_str().expect("text");
        source.serve(text("certificate"), &key, text("authority"));
        all.push(source);
    }
    while let Some(said) = next() {
        let number = |name: &str| said[name].as_u64();
        if let Some(delay) = number("delay_ms") {
            all.iter().for_each(|s| s.behave(Behaviour::Answers(Duration::from_millis(delay))));
        }
        let (dead, hanging) = (number("dead").unwrap_or(0) as usize, number("hanging").unwrap_or(0) as usize);
        for (n, source) in all.iter().enumerate().take(dead + hanging) {
            source.behave(if n < dead { Behaviour::Refuses(503) } else { Behaviour::Hangs });
        }
        say(&json!({}));
    }
}

/// What one of those who ask has seen.
#[derive(Default)]
struct Seen {
    times: Vec<f64>,
    entries: usize,
    outcomes: usize,
}

impl Seen {
    fn take(&mut self, body: &[u8]) {
        let text = std::str::from_utf8(body).expect("text");
        let count = |kind: &str| text.matches(&format!("\"resourceType\":\"{kind}\"")).count();
        let (outcomes, provenances) = (count("OperationOutcome"), count("Provenance"));
        self.outcomes += outcomes;
        self.entries += text.matches("\"resourceType\":").count() - 1 - provenances - outcomes;
    }
}

/// Who asks.
pub async fn asker() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut next = heard();
    let whom = next().expect("whom to ask");
    let text = |name: &str| whom[name].as_str().expect("text").to_owned();
    let (certificate, key, authority) = (text("certificate"), text("key"), text("authority"));
    let wire = Wire::new(&Identity { certificate, key, authority, revoked: None }).expect("a wire");
    let url: Arc<str> = format!("{}/fhir/Patient/_search", text("address")).into();
    while let Some(said) = next() {
        let curps = said["curps"].as_array().expect("people").iter();
        let curps: Arc<[String]> = curps.map(|c| c.as_str().expect("a CURP").to_owned()).collect();
        let number = |name: &str| said[name].as_u64().expect("a number") as usize;
        let (questions, began, taken) = (number("questions"), Instant::now(), Arc::new(AtomicUsize::new(0)));
        let workers = (0..number("at_once"))
            .map(|_| tokio::spawn(ask(wire.clone(), url.clone(), curps.clone(), taken.clone(), questions)));
        let mut all = Seen::default();
        for done in futures_util::future::join_all(workers).await {
            let seen = done.expect("a worker");
            all.times.extend(seen.times);
            all.entries += seen.entries;
            all.outcomes += seen.outcomes;
        }
        all.times.sort_by(f64::total_cmp);
        let rank = |percent: usize| all.times[(all.times.len() * percent).div_ceil(100).max(1) - 1];
        say(&json!({
            "p50_ms": rank(50), "p95_ms": rank(95), "p99_ms": rank(99), "entries": all.entries,
            "outcomes": all.outcomes, "seconds": began.elapsed().as_secs_f64()
        }));
    }
}

async fn ask(
    wire: Wire,
    url: Arc<str>,
    curps: Arc<[String]>,
    taken: Arc<AtomicUsize>,
    questions: usize,
) -> Seen {
    let mut seen = Seen::default();
    loop {
        let n = taken.fetch_add(1, Ordering::Relaxed);
        if n >= questions {
            return seen;
        }
        let (asked, allowance) = (Instant::now(), Allowance::new(ANSWER_BYTES_MAX));
        let for_whom = physician(&curps[n % curps.len()]);
        let body = wire.question(&url, Some(""), &for_whom, &allowance).await.expect("an answer");
        seen.times.push(asked.elapsed().as_secs_f64() * 1000.0);
        seen.take(&body);
    }
}

fn say(what: &Value) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{what}").and_then(|()| out.flush()).expect("somebody listens");
}

/// User and system time of this process, all threads (proc(5): `stat`, in hundredths of a second).
pub fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = text.rsplit_once(')').expect("a name").1.split_whitespace().collect();
    (fields[11].parse::<f64>().expect("a number") + fields[12].parse::<f64>().expect("a number")) / 100.0
}

/// A line of the bench.
pub fn line(measure: &str, value: f64, unit: &str, better: &str) {
    say(&json!({ "measure": measure, "value": value, "unit": unit, "ratio_to": null, "better": better }));
}
