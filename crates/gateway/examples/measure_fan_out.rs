//! Measures the hub as lines of the bench: a real hub with its doors in this process, institutions and those who ask in two others.
//!
//! The institutions are simulated (`testkit::sources`); all of them speak HTTP/2 over TLS 1.3 with certificates on both sides.

#[path = "../tests/country.rs"]
mod country;
mod fan_out;

use badiano_gateway::Patience;
use badiano_record::authority::Identity;
use badiano_testkit::people::population;
use country::{Country, Joining, clues, person};
use fan_out::{CONCERNED, DELAY_MS, ENTRIES, Other, SEED, SOURCES, cpu_seconds, line};
use serde_json::json;
use std::time::Duration;

/// People of the load: each is asked about once, and then once more.
const PEOPLE: usize = 4_000;
/// Questions about the person whom all institutions know.
const QUESTIONS: usize = 200;
/// Questions under way at the same time in the load.
const AT_ONCE: usize = 24;
const DEADLINE: Duration = Duration::from_secs(5);

fn main() {
    let role = std::env::args().nth(1).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("threads");
    match role.as_str() {
        "sources" => runtime.block_on(fan_out::sources()),
        "asker" => runtime.block_on(fan_out::asker()),
        _ => runtime.block_on(hub()),
    }
}

async fn hub() {
    let country = Country::new(Patience { person: DEADLINE, ..Patience::default() }).await;
    let mut sources = Other::start("sources");
    for _ in 0..SOURCES {
        let said = sources.hear();
        let text = |name: &str| said[name].as_str().expect("text").to_owned();
        let joining = Joining { clues: text("clues"), address: text("address"), request: text("request") };
        let (certificate, authority) = country.join(joining).await;
        sources.tell(&json!({ "certificate": certificate, "authority": authority }));
    }
    let everywhere: Vec<String> = (0..SOURCES).map(clues).collect();
    let people = population(SEED, PEOPLE + 1);
    let curps: Vec<String> = people.iter().map(|p| p.curp.as_str().to_owned()).collect();
    let (first, rest) = curps.split_first().expect("people");
    country.register(&person(first), &everywhere).await;
    let registering = rest.iter().enumerate().map(|(n, curp)| {
        let at: Vec<String> = (0..CONCERNED).map(|k| clues((n + 4 * k) % SOURCES)).collect();
        let country = &country;
        async move { country.register(&person(curp), &at).await }
    });
    futures_util::future::join_all(registering).await;
    let mut asker = Other::start("asker");
    let Identity { certificate, key, authority, .. } = &country.asker;
    asker.tell(&json!({ "address": country.address, "certificate": certificate, "key": key, "authority": authority }));
    late(&mut sources, &mut asker, first);
    load(&mut sources, &mut asker, rest);
    dead_and_hanging(&mut sources, &mut asker, first);
    drop((sources, asker));
    fan_out::revocation(&country).await;
}

fn late(sources: &mut Other, asker: &mut Other, curp: &str) {
    sources.tell(&json!({ "delay_ms": DELAY_MS }));
    sources.hear();
    // The first questions open the connections.
    asker.tell(&json!({ "curps": [curp], "questions": 20, "at_once": 1 }));
    asker.hear();
    asker.tell(&json!({ "curps": [curp], "questions": QUESTIONS, "at_once": 1 }));
    let said = asker.hear();
    let entries = (QUESTIONS * SOURCES * ENTRIES) as u64;
    assert_eq!(said["entries"].as_u64(), Some(entries), "every datum of every source: {said}");
    line("fanout_32_p50_ms", said["p50_ms"].as_f64().expect("a time"), "ms", "lower");
    line("fanout_32_p99_ms", said["p99_ms"].as_f64().expect("a time"), "ms", "lower");
}

/// First each person for the first time, so that every look leaves its entries in the log; then the same again within the fifteen
/// minutes in which it is one access: the difference is what the log costs.
fn load(sources: &mut Other, asker: &mut Other, curps: &[String]) {
    sources.tell(&json!({ "delay_ms": 0 }));
    sources.hear();
    let mut spent = Vec::new();
    for round in ["first", "again"] {
        let began = cpu_seconds();
        asker.tell(&json!({ "curps": curps, "questions": curps.len(), "at_once": AT_ONCE }));
        let said = asker.hear();
        let cpu = cpu_seconds() - began;
        let entries = (curps.len() * CONCERNED * ENTRIES) as u64;
        assert_eq!(said["entries"].as_u64(), Some(entries), "every datum of every source: {said}");
        eprintln!("{round}: {cpu:.1} s of processor in {} s, p95 {} ms", said["seconds"], said["p95_ms"]);
        if round == "first" {
            line("hub_req_s", curps.len() as f64 / cpu * 2.0, "1/s", "higher");
            line("hub_req_p95_ms", said["p95_ms"].as_f64().expect("a time"), "ms", "lower");
        }
        spent.push(cpu);
    }
    line("audit_cost_pct", (spent[0] - spent[1]) / spent[1] * 100.0, "%", "lower");
}

fn dead_and_hanging(sources: &mut Other, asker: &mut Other, curp: &str) {
    sources.tell(&json!({ "dead": 3, "hanging": 3 }));
    sources.hear();
    let mut over: f64 = 0.0;
    // Two, before the breakers open and nobody is waited for any more.
    for _ in 0..2 {
        asker.tell(&json!({ "curps": [curp], "questions": 1, "at_once": 1 }));
        let said = asker.hear();
        assert_eq!(
            said["entries"].as_u64(),
            Some(((SOURCES - 6) * ENTRIES) as u64),
            "every live datum: {said}"
        );
        assert_eq!(said["outcomes"].as_u64(), Some(6), "six are named: {said}");
        over = over.max(said["p99_ms"].as_f64().expect("a time") - DEADLINE.as_secs_f64() * 1000.0);
    }
    line("fanout_over_deadline_ms", over, "ms", "lower");
}
