//! Measures what stands before every answer of the hub, as lines of the bench: a decision of consent on one core, and reads that
//! each leave an entry of the audit on the disk before they answer, with the size of the proof that such an entry has.

use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_record::class::DataClass;
use badiano_record::consent::{Consent, Question, Recipient, Rule};
use badiano_record::{Node, NodeOptions, NodeRole, Settings};
use badiano_testkit::Rng;
use std::time::{Duration, Instant as Clock};

const CLUES: &str = "DFSSA999100";
const SEED: u64 = 20_261_123;
/// Sentences that a person gave: more than most will ever give.
const RULES: u64 = 12;
const QUESTIONS: usize = 2_000_000;
/// Requests at the same time; an entry of each waits for the disk with those of the others.
const AT_ONCE: usize = 128;
const READING: Duration = Duration::from_secs(10);

fn main() -> Result<(), Fault> {
    line("consent_core_s", consents()?, "1/s", "higher");
    let folder = tempfile::TempDir::new().map_err(|_| Fault::unavailable("no folder for the measure"))?;
    let settings = Settings {
        role: NodeRole::Hub,
        name: "Nacional".into(),
        clues: CLUES.into(),
        zone: "America/Mexico_City".into(),
    };
    let options = NodeOptions {
        data: folder.path().join("data"),
        key_file: folder.path().join("key"),
        settings,
        workflows: &[],
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|_| Fault::unavailable("no threads for the measure"))?;
    let node = Node::open(options)?;
    let (id, curp) = runtime.block_on(person(&node))?;
    line("audit_appends_s", reads(&node, &id)?, "1/s", "higher");
    node.advance_log(Instant::now())?;
    let citizen = Principal::Citizen { curp: curp.clone(), name: "A".into() };
    let accesses = node.session(citizen, Purpose::PatientRequest, Instant::now()).accesses_of(&curp)?;
    let longest = accesses.iter().map(|a| a.proof.len()).max().unwrap_or(0);
    line("proof_bytes", longest as f64, "B", "lower");
    Ok(())
}

/// Decisions a second of this process's own time, over random consents and questions.
fn consents() -> Result<f64, Fault> {
    let mut rng = Rng::new(SEED);
    let start = Instant::now();
    let consents: Vec<Consent> =
        (0..64).map(|_| Consent { rules: (0..RULES).map(|_| rule(&mut rng, start)).collect() }).collect();
    let recipients: Vec<String> = (0..32).map(clues).collect();
    let asked: Vec<(usize, u64)> =
        (0..4096).map(|_| (rng.below(32) as usize, 1 << rng.below(DataClass::ALL.len() as u64))).collect();
    let began = cpu_seconds()?;
    let mut open = 0;
    for n in 0..QUESTIONS {
        let (recipient, classes) = asked[n % asked.len()];
        let question = Question {
            recipient: &recipients[recipient],
            staff: None,
            source: CLUES,
            purpose: Purpose::Treatment,
            classes,
            now: start,
        };
        open += usize::from(consents[n % consents.len()].permits(&question));
    }
    let seconds = cpu_seconds()? - began;
    eprintln!("{open} of {QUESTIONS} questions open; seed {SEED}");
    Ok(QUESTIONS as f64 / seconds)
}

fn rule(rng: &mut Rng, from: Instant) -> Rule {
    let class = *rng.pick(&DataClass::ALL);
    let recipient = clues(rng.below(32));
    Rule {
        permit: rng.percent(50),
        class: rng.percent(60).then_some(class),
        recipient: rng.percent(60).then_some(Recipient::Institution(recipient)),
        purpose: rng.percent(30).then_some(Purpose::Treatment),
        from,
        to: None,
        by: None,
    }
}

fn clues(number: u64) -> String {
    format!("DFSSA9991{number:02}")
}

/// A person of the hub: the local id and the CURP.
async fn person(node: &Node) -> Result<(String, String), Fault> {
    let person = &badiano_testkit::people::population(SEED, 1)[0];
    let session = node.session(scripts("system/Patient.cruds"), Purpose::Treatment, Instant::now());
    let stored = session.create(person.patient("https://hub.example.org/mrn")).await?;
    Ok((stored.resource.str_of("id").to_owned(), person.curp.as_str().to_owned()))
}

/// Reads a second, each with its entry on the disk before the answer.
fn reads(node: &Node, id: &str) -> Result<f64, Fault> {
    let began = Clock::now();
    let count = |_| {
        let mut done = 0_u64;
        while began.elapsed() < READING {
            let session = node.session(scripts("system/Patient.rs"), Purpose::Treatment, Instant::now());
            session.read("Patient", id)?;
            done += 1;
        }
        Ok::<u64, Fault>(done)
    };
    let counted: Vec<Result<u64, Fault>> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..AT_ONCE).map(|n| scope.spawn(move || count(n))).collect();
        running.into_iter().map(|r| r.join().expect("a read does not panic")).collect()
    });
    let seconds = began.elapsed().as_secs_f64();
    Ok(counted.into_iter().sum::<Result<u64, Fault>>()? as f64 / seconds)
}

fn scripts(scope: &str) -> Principal {
    let scopes = vec![scope.to_owned()];
    Principal::System { client_id: "bench".into(), name: "bench".into(), institution: CLUES.into(), scopes }
}

/// User and system time, from nanoseconds that the kernel keeps of the one thread.
fn cpu_seconds() -> Result<f64, Fault> {
    let no_time = || Fault::unavailable("no time in /proc/self/schedstat");
    let said = std::fs::read_to_string("/proc/self/schedstat").map_err(|_| no_time())?;
    let nanoseconds = said.split(' ').next().and_then(|n| n.parse::<f64>().ok());
    nanoseconds.map(|n| n / 1e9).ok_or_else(no_time)
}

fn line(measure: &str, value: f64, unit: &str, better: &str) {
    println!(
        r#"{{"measure":"{measure}","value":{value},"unit":"{unit}","ratio_to":null,"better":"{better}"}}"#
    );
}
