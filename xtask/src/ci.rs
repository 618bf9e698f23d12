//! `cargo xtask ci`: the whole gate in steps; all run, each is timed, and any failure fails the gate.

use crate::{codegen, place, process, python, story, system, test, tidy, web};
use std::process::Command;
use std::time::{Duration, Instant};

/// From here on the gate says that it is slow.
const WARN_MINUTES: u64 = 25;
/// From here on it fails.
const FAIL_MINUTES: u64 = 90;

enum Outcome {
    Passed,
    /// Did not run, and why.
    NotRun(&'static str),
    Failed(String),
}

struct Step {
    name: &'static str,
    took: Duration,
    outcome: Outcome,
}

pub fn run(arguments: &[String]) -> Result<(), String> {
    if !arguments.is_empty() {
        return Err("usage: cargo xtask ci".to_owned());
    }
    let mut steps = Vec::new();
    let mut step = |name: &'static str, run: &dyn Fn() -> Result<Outcome, String>| {
        println!("\n== {name}");
        let began = Instant::now();
        let outcome = run().unwrap_or_else(Outcome::Failed);
        if let Outcome::Failed(why) = &outcome {
            eprintln!("{name}: {why}");
        }
        steps.push(Step { name, took: began.elapsed(), outcome });
    };
    let passed = |done: Result<(), String>| done.map(|()| Outcome::Passed);
    step("format", &|| passed(process::run(process::cargo().args(["fmt", "--all", "--check"]))));
    step("house rules", &|| passed(tidy::run(&[])));
    step("packages", &|| passed(system::ensure().and_then(|()| python::ensure().map(|_| ()))));
    step("pages", &|| passed(web::build()));
    step("lints", &|| passed(clippy()));
    step("definitions", &definitions);
    step("page tests", &|| passed(web::test()));
    step("story", &|| passed(python::ensure().and_then(|python| story::drive(&python, &[]))));
    step("rust tests", &|| passed(python::ensure().and_then(|python| test::rust(&python))));
    report(&steps)
}

fn clippy() -> Result<(), String> {
    process::run(process::cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

/// The generator needs HL7's package: from the cache, or through npm. Without either it says that it did not run.
fn definitions() -> Result<Outcome, String> {
    let cached = std::fs::read_dir(place::cache()?.join("definitions")).is_ok_and(|mut d| d.next().is_some());
    let ping = ["view", "npm", "version", "--fetch-retries=0", "--fetch-timeout=15000"];
    if !cached && !process::succeeds(Command::new("npm").args(ping)) {
        return Ok(Outcome::NotRun("npm cannot reach its registry and the cache is empty"));
    }
    codegen::run(&["--check".to_owned()]).map(|()| Outcome::Passed)
}

fn report(steps: &[Step]) -> Result<(), String> {
    println!("\n== minutes");
    for step in steps {
        let state = match &step.outcome {
            Outcome::Passed => "passed".to_owned(),
            Outcome::NotRun(why) => format!("DID NOT RUN: {why}"),
            Outcome::Failed(_) => "FAILED".to_owned(),
        };
        println!("{:>6.1}  {:<12} {state}", minutes(step.took), step.name);
    }
    let total: Duration = steps.iter().map(|s| s.took).sum();
    println!("{:>6.1}  total", minutes(total));
    judge(steps, total)
}

fn judge(steps: &[Step], total: Duration) -> Result<(), String> {
    let failed: Vec<&str> =
        steps.iter().filter(|s| matches!(s.outcome, Outcome::Failed(_))).map(|s| s.name).collect();
    if !failed.is_empty() {
        return Err(format!("failed: {}", failed.join(", ")));
    }
    if total > Duration::from_secs(FAIL_MINUTES * 60) {
        return Err(format!("took {:.0} minutes; {FAIL_MINUTES} is the limit", minutes(total)));
    }
    if total > Duration::from_secs(WARN_MINUTES * 60) {
        eprintln!("warning: took {:.0} minutes; {WARN_MINUTES} is the aim", minutes(total));
    }
    Ok(())
}

fn minutes(time: Duration) -> f64 {
    time.as_secs_f64() / 60.0
}

#[cfg(test)]
mod tests {
    use super::{Duration, Outcome, Step, judge};

    fn step(outcome: Outcome) -> Step {
        Step { name: "lints", took: Duration::ZERO, outcome }
    }

    #[test]
    fn one_failed_step_fails_the_gate_and_is_named() {
        let steps = [step(Outcome::Passed), step(Outcome::Failed("broken".to_owned()))];
        assert_eq!(judge(&steps, Duration::ZERO), Err("failed: lints".to_owned()));
    }

    #[test]
    fn a_gate_of_more_than_ninety_minutes_fails() {
        let steps = [step(Outcome::Passed)];
        assert!(judge(&steps, Duration::from_secs(90 * 60)).is_ok());
        assert!(judge(&steps, Duration::from_secs(90 * 60 + 1)).is_err());
    }
}
