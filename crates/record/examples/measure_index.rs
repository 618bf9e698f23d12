//! Measures the patient index on people who are hard to tell apart, as lines of the bench: five million records linked, one person
//! looked for among them, by everything and by CURP alone, and pairs compared on one core.
//!
//! An argument takes another number of records than five million; the names of the measures stay, so such a run is for trying only.

use badiano_fhir::fhir;
use badiano_mexico::naming;
use badiano_record::matching::{Bands, Index, Judge, Person, Weights, link};
use badiano_testkit::lookalikes;
use std::time::Instant;

const RECORDS: usize = 5_000_000;
/// Persons whose registrations are drawn at a time.
const PERSONS: usize = 20_000;
/// Questions of each kind.
const ASKED: usize = 20_000;

fn main() -> Result<(), String> {
    let records =
        std::env::args().nth(1).map_or(Ok(RECORDS), |n| n.parse().map_err(|_| "a number of records"))?;
    let people = people(records);
    let began = Instant::now();
    let linked = link(&people, Bands::default());
    line("link_5m_s", began.elapsed().as_secs_f64(), "s", "lower");
    line("link_pairs_per_record", linked.compared as f64 / people.len() as f64, "", "lower");
    line("pairs_core_s", pairs_of_a_core(&people, &linked.weights)?, "1/s", "higher");
    drop(linked);

    let step = people.len() / ASKED.min(people.len());
    let asked: Vec<Person> = people.iter().step_by(step).cloned().collect();
    let index = Index::of(people, Bands::default());
    line("match_p99_ms_5m", p99(&asked, |p| index.matches(p).len()), "ms", "lower");
    let by_key: Vec<Person> = asked.iter().filter_map(only_curp).collect();
    line("curp_p99_ms", p99(&by_key, |p| index.matches(p).len()), "ms", "lower");
    Ok(())
}

/// Each of some people against others: their neighbours of the list, who are strangers, and so all fields are compared.
fn pairs_of_a_core(people: &[Person], weights: &Weights) -> Result<f64, String> {
    const OTHERS: usize = 20;
    let began = cpu_seconds()?;
    let (mut pairs, mut bits) = (0, 0.0);
    for some in people.chunks_exact(OTHERS + 1).take(50_000) {
        let judge = Judge::of(&some[0], weights, Bands::default());
        bits += some[1..].iter().map(|other| judge.score(other).bits).sum::<f64>();
        pairs += OTHERS;
    }
    eprintln!("{pairs} pairs of {bits:.0} bits in all");
    Ok(pairs as f64 / (cpu_seconds()? - began))
}

/// Drawn a part at a time, so that the FHIR resources never stand in memory together.
fn people(records: usize) -> Vec<Person> {
    let mut people = Vec::with_capacity(records);
    for seed in 0.. {
        let part = lookalikes::registry(seed, PERSONS.min(records / 2 + 1));
        people.extend(
            part.registrations.iter().map(|r| Person::of_patient(&r.patient)).take(records - people.len()),
        );
        if people.len() == records {
            break;
        }
    }
    people
}

fn only_curp(person: &Person) -> Option<Person> {
    let key = person.curp.as_ref()?;
    Some(Person::of_patient(&fhir!({
        "resourceType": "Patient", "identifier": [{ "system": (naming::CURP), "value": (&*key.text) }]
    })))
}

/// Of the wall time of each question, in milliseconds.
fn p99(asked: &[Person], find: impl Fn(&Person) -> usize) -> f64 {
    let mut times: Vec<f64> = Vec::with_capacity(asked.len());
    let mut found = 0;
    for person in asked {
        let began = Instant::now();
        found += find(person);
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    eprintln!("{} asked, {found} found", asked.len());
    times[times.len() * 99 / 100]
}

/// User and system time, from nanoseconds that the kernel keeps of the one thread.
fn cpu_seconds() -> Result<f64, String> {
    let said = std::fs::read_to_string("/proc/self/schedstat").map_err(|e| e.to_string())?;
    let nanoseconds = said.split(' ').next().and_then(|n| n.parse::<f64>().ok());
    nanoseconds.map(|n| n / 1e9).ok_or_else(|| "no time in /proc/self/schedstat".to_owned())
}

fn line(measure: &str, value: f64, unit: &str, better: &str) {
    println!(
        r#"{{"measure":"{measure}","value":{value},"unit":"{unit}","ratio_to":null,"better":"{better}"}}"#
    );
}
