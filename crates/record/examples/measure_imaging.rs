//! Measures questions over a large archive through a session, with access, consent and audit on: `measure_imaging [STUDIES]`.
//!
//! Prints lines of the bench's form. The studies are headers without pixels, of one study in fifty a patient.

use badiano_dicom::dataset::DataSet;
use badiano_dicom::dictionary::{Coding, uids};
use badiano_dicom::query::{Condition, Level, Query};
use badiano_dicom::{Tag, tags};
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_record::{Node, NodeOptions, NodeRole, Session, Settings};
use std::time::{Duration, Instant as Clock};

const STUDIES: u64 = 100_000;
const STUDIES_A_PATIENT: u64 = 50;
/// Objects that arrive at once.
const AT_ONCE: u64 = 64;
const QUESTIONS: u64 = 400;
const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const SURNAMES: [&str; 8] = ["MUÑOZ", "GARCÍA", "PEÑA", "HERNÁNDEZ", "LÓPEZ", "ÁVILA", "NÚÑEZ", "IBÁÑEZ"];

fn main() -> Result<(), Fault> {
    let count = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(STUDIES);
    let folder = tempfile::TempDir::new().map_err(|_| Fault::unavailable("no folder for the measure"))?;
    let settings = Settings {
        role: NodeRole::Hospital,
        name: "Norte".into(),
        clues: "NLSSA999101".into(),
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
    runtime.block_on(measure(Node::open(options)?, count))
}

async fn measure(node: Node, count: u64) -> Result<(), Fault> {
    let began = Clock::now();
    for first in (0..count).step_by(AT_ONCE as usize) {
        let all = (first..count.min(first + AT_ONCE)).map(|n| tokio::spawn(arrive(peer(&node), n)));
        for one in all.collect::<Vec<_>>() {
            one.await.map_err(|_| Fault::bug("an arrival of the measure broke off"))??;
        }
    }
    eprintln!("{count} studies in {:.0} s", began.elapsed().as_secs_f64());
    let suffix = if count == STUDIES { "100k".to_owned() } else { count.to_string() };
    let page = questions(&node, |n| (Vec::new(), 25, usize::try_from(n % 40).unwrap_or(0) * 25))?;
    line(&format!("qido_25_p95_ms_{suffix}"), percentile_ms(page, 95));
    let mixed = questions(&node, |n| (vec![condition(n, count)], 100, 0))?;
    line(&format!("cfind_p95_ms_{suffix}"), percentile_ms(mixed, 95));
    Ok(())
}

fn peer(node: &Node) -> Session {
    let principal = Principal::Peer { name: "BANCO".into(), institution: "NLSSA999101".into() };
    node.session(principal, Purpose::Treatment, Instant::now())
}

async fn arrive(session: Session, n: u64) -> Result<(), Fault> {
    let (study, patient) = (format!("2.25.{}", 7_000_000 + n), n / STUDIES_A_PATIENT);
    let mut set = DataSet::new();
    set.set_text(tags::SPECIFIC_CHARACTER_SET, "ISO_IR 192");
    let texts: [(Tag, String); 10] = [
        (tags::SOP_CLASS_UID, CT.to_owned()),
        (tags::SOP_INSTANCE_UID, format!("{study}.1.1")),
        (tags::STUDY_DATE, format!("20{:02}{:02}{:02}", 10 + n % 16, 1 + n % 12, 1 + n % 28)),
        (tags::STUDY_TIME, format!("{:02}{:02}00", n % 24, n % 60)),
        (tags::ACCESSION_NUMBER, format!("ACC{n}")),
        (tags::MODALITY, "CT".to_owned()),
        (tags::PATIENT_NAME, format!("{} PÉREZ^ANA {patient}", SURNAMES[(patient % 8) as usize])),
        (tags::PATIENT_ID, format!("B{patient}")),
        (tags::STUDY_INSTANCE_UID, study.clone()),
        (tags::SERIES_INSTANCE_UID, format!("{study}.1")),
    ];
    for (tag, text) in &texts {
        set.set_text(*tag, text);
    }
    let sop = &texts[1].1;
    let mut receiving = session.receive_data_set(CT, sop, uids::EXPLICIT_VR_LITTLE_ENDIAN, "BANCO")?;
    receiving.feed(&set.write(Coding::ExplicitLittle))?;
    receiving.finish().await.map(drop)
}

/// What a workstation asks: one study, one patient, an accession number, a name with a wildcard and without accents.
fn condition(n: u64, count: u64) -> (Tag, Condition) {
    let any = n.wrapping_mul(7_919) % count;
    match n % 4 {
        0 => (tags::STUDY_INSTANCE_UID, Condition::Single(format!("2.25.{}", 7_000_000 + any))),
        1 => (tags::PATIENT_ID, Condition::Single(format!("B{}", any / STUDIES_A_PATIENT))),
        2 => (tags::ACCESSION_NUMBER, Condition::Single(format!("ACC{any}"))),
        _ => {
            let patient = any / STUDIES_A_PATIENT;
            let plain = ["munoz", "garcia", "pena", "hernandez", "lopez", "avila", "nunez", "ibanez"];
            let pattern = format!("{} perez^ana {patient}*", plain[(patient % 8) as usize]);
            (tags::PATIENT_NAME, Condition::Wildcard(pattern))
        }
    }
}

type Asked = (Vec<(Tag, Condition)>, usize, usize);

fn questions(node: &Node, of: impl Fn(u64) -> Asked) -> Result<Vec<Duration>, Fault> {
    let mut times = Vec::new();
    for n in 0..QUESTIONS {
        let (conditions, limit, offset) = of(n);
        let query =
            Query { level: Level::Study, conditions, combined_date_time: false, fuzzy: false, limit, offset };
        let began = Clock::now();
        let found = peer(node).find_images(&query)?;
        times.push(began.elapsed());
        if found.is_empty() {
            return Err(Fault::bug("a question of the measure found nothing"));
        }
    }
    Ok(times)
}

fn percentile_ms(mut times: Vec<Duration>, percent: usize) -> f64 {
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100).max(1);
    times.get(rank - 1).map_or(0.0, |t| t.as_secs_f64() * 1000.0)
}

fn line(measure: &str, value: f64) {
    let line = serde_json::json!({
        "measure": measure, "value": value, "unit": "ms", "ratio_to": null, "better": "lower",
    });
    println!("{line}");
}
