//! Area `imaging` of the bench: images taken in, found and served, beside DCMTK and nginx in the same run.
//!
//! No Orthanc in this run: its line belongs to a machine that has one.

mod corpus;
mod dcmtk;
mod serve;
mod store;

use super::Area;
use super::frame::demo::{Demo, Node};
use super::frame::report::{Better, Report};
use super::frame::{cost, example};
use corpus::Study;
use dcmtk::Titles;
use std::time::{Duration, Instant};

pub const AREA: Area = Area {
    name: "imaging",
    what: "images taken in, found and served, beside DCMTK and nginx",
    measure: Some(measure),
};

/// CT images of 512 x 512 in each load.
const IMAGES: u32 = 160;
const SEED: u64 = 1552;

fn measure(report: &mut Report) -> Result<(), String> {
    let began = Instant::now();
    let demo = Demo::start(&["--empty"])?;
    let norte = demo.hospital("norte")?;
    let titles = titles(&demo, &norte)?;
    eprintln!("seed {SEED}, {} since the start of the build", seconds(began.elapsed()));
    start(report, &titles)?;
    let files = demo.folder().join("corpus");
    let load = |name: &str, associations: u32, number: u64| -> Result<Vec<Study>, String> {
        (0..associations)
            .map(|n| {
                let study = Study {
                    seed: SEED + 100 * number + u64::from(n),
                    images: IMAGES / associations,
                    frames: 1,
                };
                study.write(&files.join(format!("{name}-{n}"))).map(|()| study)
            })
            .collect()
    };
    let one = load("one", 1, 1)?;
    let eight = load("eight", 8, 2)?;
    load("stock", 1, 3)?;
    let folders =
        |name: &str, n: usize| (0..n).map(|i| files.join(format!("{name}-{i}"))).collect::<Vec<_>>();
    store::one_and_eight(report, &norte, &titles, demo.folder(), &folders("one", 1), &folders("eight", 8))?;
    store::stock_client(report, &titles, &folders("one", 1), &folders("stock", 1))?;
    store::large_object(report, &norte, &titles, &files)?;
    serve::web(report, &norte, demo.folder(), &one[0], &eight)?;
    dcmtk::retrieved(report, &titles, demo.folder(), &one[0], &files.join("one-0"))?;
    // At 100,000 studies, through a session: access, consent and audit are on, and no door is between.
    example::measure(report, "badiano-record", "measure_imaging")
}

fn titles(demo: &Demo, node: &Node) -> Result<Titles, String> {
    let (host, called) = node.dimse()?;
    let calling =
        demo.description["modalities"]["workstation"].as_str().ok_or("demo.json names no workstation")?;
    Ok(Titles { host, called: called.to_owned(), calling: calling.to_owned() })
}

/// The node answers already; how long an echo takes says what one message costs.
fn start(report: &mut Report, titles: &Titles) -> Result<(), String> {
    let mut times = Vec::new();
    for _ in 0..20 {
        let began = Instant::now();
        titles.run("echoscu", &[], &[])?;
        times.push(began.elapsed());
    }
    let times = super::frame::spread::of(times);
    report.add("echo_process_p50_ms", times.percentile_ms(50), "ms", None, Better::Lower);
    Ok(())
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Runs something and says how long it took and what it cost the node.
fn timed<T>(pid: u64, run: impl FnOnce() -> Result<T, String>) -> Result<(T, f64, f64), String> {
    let (cpu, began) = (cost::cpu_seconds(pid)?, Instant::now());
    let value = run()?;
    let took = began.elapsed().as_secs_f64();
    // The clock of a process's cost ticks a hundred times a second.
    std::thread::sleep(Duration::from_millis(20));
    Ok((value, took, cost::cpu_seconds(pid)? - cpu))
}
