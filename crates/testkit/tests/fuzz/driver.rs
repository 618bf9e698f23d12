//! Each target in a process of its own, so that what kills it (a full stack, no memory, no end) is found, kept and cut down.

use crate::judge::judge;
use crate::minimise::minimise;
use crate::mutate::{INPUT_BYTES_MAX, mutated};
use crate::targets::{TARGETS, Target};
use badiano_testkit::Rng;
use badiano_testkit::proof::{Plan, Proof};
use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Inputs of one target in one process: a slice, and in a full proof.
const INPUTS: (u64, u64) = (300, 20_000);
/// Inputs that led down a new way are mutated further, so many of a target.
const CORPUS_MAX: usize = 400;
/// Address space of a process; an allocation beyond it kills it and not the machine.
const MEMORY_KIB: u64 = 3 << 20;
/// Processor time of one input, far beyond what any honest one takes even without optimisation.
const CASE_CPU_SECONDS: f64 = 30.0;
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/fuzz");

const TARGET: &str = "BADIANO_FUZZ_TARGET";
const SEED: &str = "BADIANO_FUZZ_SEED";
const COUNT: &str = "BADIANO_FUZZ_INPUTS";
const CURRENT: &str = "BADIANO_FUZZ_CURRENT";

#[test]
fn no_input_breaks_a_parser() {
    let mut proof = Proof::begin("hostile_input", Plan { slice: 1, full: 100_000 });
    let inputs = if proof.is_full() { INPUTS.1 } else { INPUTS.0 };
    let only = std::env::var("BADIANO_FUZZ_ONLY").ok();
    let folder = tempfile::tempdir().expect("a temporary folder");
    while let Some(mut case) = proof.next() {
        let seed = case.rng.next_u64();
        for target in TARGETS.iter().filter(|t| only.as_deref().is_none_or(|name| name == t.name)) {
            let current = folder.path().join(target.name);
            let output = run(target, &current, seed, inputs);
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let Some(told) = said.lines().find_map(|l| l.split_once("told ").map(|(_, t)| t)) else {
                report(target, &current, &output);
            };
            let numbers: Vec<u64> = told.split(' ').filter_map(|n| n.parse().ok()).collect();
            println!(
                "  {:<22} {} inputs, {} accepted, {} ways, {} bytes held a byte",
                target.name, numbers[0], numbers[1], numbers[2], numbers[3]
            );
            assert!(numbers[1] > 0, "{}: nothing is ever accepted: the seeds are wrong", target.name);
            proof.note("inputs", numbers[0]);
            proof.note("accepted", numbers[1]);
        }
    }
    proof.note("targets", TARGETS.len() as u64);
}

/// Not a test of its own: the child of the test above runs this one function of this same binary.
#[test]
fn child_that_reads_hostile_input() {
    let said = |name: &str| std::env::var(name).ok();
    let (Some(name), Some(current)) = (said(TARGET), said(CURRENT)) else { return };
    let target = TARGETS.iter().find(|t| t.name == name).expect("the parent names a target of the table");
    let number = |name: &str| said(name).and_then(|t| t.parse().ok()).expect("the parent says it");
    watch();
    // Tables that are read once are not charged to an input.
    seeds_of(target).iter().for_each(|seed| drop((target.read)(seed)));
    if number(COUNT) == 0 {
        let input = fs::read(&current).expect("the parent has written it");
        charge(target, &input);
        println!("\ntold 1 0 0 0");
        return;
    }
    read_many(target, Path::new(&current), number(SEED), number(COUNT));
}

fn read_many(target: &Target, current: &Path, seed: u64, inputs: u64) {
    let current = File::create(current).expect("a file in the parent's folder");
    let mut corpus = seeds_of(target);
    let seeds = corpus.clone();
    let (mut ways, mut accepted, mut ratio) = (HashSet::new(), 0, 0);
    for n in 0..inputs {
        let mut rng = Rng::of(seed, target.name, n);
        let input = match seeds.get(n as usize) {
            Some(seed) => seed.clone(),
            // What was refused leads to more of the same: the samples come back as often as all that was found.
            None if rng.percent(50) => mutated(&mut rng, &seeds, target.words),
            None => mutated(&mut rng, &corpus, target.words),
        };
        // Before it is read: what follows may end this process.
        current.write_all_at(&input, 0).and_then(|()| current.set_len(input.len() as u64)).expect("written");
        let seen = charge(target, &input);
        accepted += u64::from(seen.accepted);
        ratio = ratio.max(seen.memory_ratio);
        if ways.insert(seen.way) && corpus.len() < CORPUS_MAX {
            corpus.push(input);
        }
    }
    println!("\ntold {inputs} {accepted} {} {ratio}", ways.len());
}

fn charge(target: &Target, input: &[u8]) -> crate::judge::Seen {
    CASES.fetch_add(1, Ordering::Relaxed);
    judge(target, input).unwrap_or_else(|why| {
        println!("\nbroken: {why}");
        std::process::exit(3);
    })
}

/// Inputs begun in this process.
static CASES: AtomicU64 = AtomicU64::new(0);

/// Ends the process when one input takes processor time without end; a busy machine does not count.
fn watch() {
    std::thread::spawn(|| {
        let (mut case, mut since) = (0, cpu_seconds());
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let now = CASES.load(Ordering::Relaxed);
            if now != case {
                (case, since) = (now, cpu_seconds());
            } else if cpu_seconds() - since > CASE_CPU_SECONDS {
                println!("\nbroken: one input took {CASE_CPU_SECONDS} seconds of the processor");
                std::process::exit(4);
            }
        }
    });
}

fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect::<Vec<_>>());
    let ticks = |at: usize| fields.as_ref().and_then(|f| f.get(at)?.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// The target's own, and the files of its folder: samples of other programs, and whatever broke it once.
fn seeds_of(target: &Target) -> Vec<Vec<u8>> {
    let mut seeds = (target.seeds)();
    let mut files: Vec<PathBuf> = fs::read_dir(Path::new(FOLDER).join(target.name))
        .map(|all| all.map(|f| f.expect("a file").path()).collect())
        .unwrap_or_default();
    files.sort();
    seeds.extend(files.iter().map(|f| fs::read(f).expect("readable")));
    assert!(seeds.iter().all(|s| s.len() <= INPUT_BYTES_MAX), "{}: a seed is too long", target.name);
    seeds
}

fn run(target: &Target, current: &Path, seed: u64, inputs: u64) -> Output {
    let own = std::env::current_exe().expect("this binary");
    let limited = format!("ulimit -v {MEMORY_KIB}; exec \"$0\" \"$@\"");
    Command::new("sh")
        .args(["-c", &limited])
        .arg(own)
        .args(["driver::child_that_reads_hostile_input", "--exact", "--nocapture", "--test-threads=1"])
        .env(TARGET, target.name)
        .env(SEED, seed.to_string())
        .env(COUNT, inputs.to_string())
        .env(CURRENT, current)
        .output()
        .expect("a child")
}

/// Keeps what broke the target, cut down, and says where.
fn report(target: &Target, current: &Path, output: &Output) -> ! {
    let input = fs::read(current).unwrap_or_default();
    let one = current.with_extension("one");
    let breaks = |bytes: &[u8]| {
        fs::write(&one, bytes).expect("written");
        !run(target, &one, 0, 0).status.success()
    };
    let least = if breaks(&input) { minimise(&input, breaks) } else { input };
    let sum = least.iter().fold(0_u32, |sum, b| sum.wrapping_mul(31).wrapping_add(u32::from(*b)));
    let kept = std::env::temp_dir().join(format!("badiano-fuzz-{}-{sum:08x}", target.name));
    fs::write(&kept, &least).expect("written");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let why = said.lines().find(|l| l.starts_with("broken")).unwrap_or("the process died").to_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let last: Vec<&str> = errors.lines().rev().take(6).collect();
    panic!(
        "{}: {why} ({})\n{}\n{} bytes are left of it in {}: mend it, and move the file to fixtures/fuzz/{}",
        target.name,
        output.status,
        last.into_iter().rev().collect::<Vec<_>>().join("\n"),
        least.len(),
        kept.display(),
        target.name,
    );
}
