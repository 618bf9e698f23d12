//! C-STORE: against writing each file durably, and against DCMTK sending to a sink that keeps nothing.

use super::corpus::Study;
use super::dcmtk::{Sink, Titles};
use super::{IMAGES, SEED, timed};
use crate::bench::frame::cost;
use crate::bench::frame::demo::Node;
use crate::bench::frame::report::{Better, Report};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Frames of 0.5 MB in the large object.
const LARGE_FRAMES: u32 = 120;

pub fn one_and_eight(
    report: &mut Report,
    node: &Node,
    titles: &Titles,
    folder: &Path,
    one: &[PathBuf],
    eight: &[PathBuf],
) -> Result<(), String> {
    let pid = node.pid()?;
    for (name, loads) in [("1", one), ("8", eight)] {
        let fsync = write_fsync(folder, loads)?;
        let sink = Sink::start(None)?.titles.store(loads, false)?;
        let (_, took, cpu) = timed(pid, || titles.store(loads, false))?;
        let per_s = |seconds: f64| f64::from(IMAGES) / seconds;
        report.add(&format!("yard_fsync_{name}"), per_s(fsync), "images/s", None, Better::Higher);
        report.add(&format!("yard_sink_{name}"), per_s(sink), "images/s", None, Better::Higher);
        report.add(&format!("cstore_{name}"), per_s(took), "images/s", None, Better::Higher);
        let floor = fsync.max(sink);
        let of = if fsync >= sink { "write and fsync" } else { "storescu to storescp --ignore" };
        report.add(&format!("cstore_{name}_vs_floor"), floor / took, "", Some(of), Better::Higher);
        let each = if name == "1" { "cpu_ms_per_ct".to_owned() } else { format!("cpu_ms_per_ct_{name}") };
        report.add(&each, cpu * 1000.0 / f64::from(IMAGES), "ms", None, Better::Lower);
    }
    Ok(())
}

/// The same bytes written to a file each and made durable, as many at a time as there are associations.
fn write_fsync(folder: &Path, loads: &[PathBuf]) -> Result<f64, String> {
    let shown = |e: std::io::Error| format!("write and fsync: {e}");
    let mut all = Vec::new();
    for load in loads {
        let mut of_one = Vec::new();
        for entry in fs::read_dir(load).map_err(shown)? {
            of_one.push(fs::read(entry.map_err(shown)?.path()).map_err(shown)?);
        }
        all.push(of_one);
    }
    let place = folder.join("yard-fsync");
    fs::create_dir_all(&place).map_err(shown)?;
    let began = Instant::now();
    std::thread::scope(|scope| {
        let place = &place;
        let writers: Vec<_> = all
            .iter()
            .enumerate()
            .map(|(n, files)| {
                scope.spawn(move || {
                    files.iter().enumerate().try_for_each(|(i, bytes)| {
                        let mut file = File::create(place.join(format!("{n}-{i}")))?;
                        file.write_all(bytes)?;
                        file.sync_all()
                    })
                })
            })
            .collect();
        writers.into_iter().try_for_each(|w| w.join().expect("a writer of the bench does not panic"))
    })
    .map_err(shown)?;
    let took = began.elapsed().as_secs_f64();
    fs::remove_dir_all(&place).map_err(shown)?;
    Ok(took)
}

/// A client with Nagle's algorithm on, against the same client without it. Other images: a second arrival writes nothing.
pub fn stock_client(
    report: &mut Report,
    titles: &Titles,
    tuned: &[PathBuf],
    stock: &[PathBuf],
) -> Result<(), String> {
    // The tuned client sends what is here already; so the stock one does too, the second time.
    titles.store(stock, false)?;
    let tuned = titles.store(tuned, false)?;
    let stock = titles.store(stock, true)?;
    report.add("nagle_vs_tuned", stock / tuned, "", Some("the same client with TCP_NODELAY"), Better::Lower);
    Ok(())
}

/// What one object of 63 MB takes of memory while it arrives.
pub fn large_object(report: &mut Report, node: &Node, titles: &Titles, files: &Path) -> Result<(), String> {
    let folder = files.join("large");
    Study { seed: SEED + 900, images: 1, frames: LARGE_FRAMES }.write(&folder)?;
    let pid = node.pid()?;
    let idle = cost::resident_mb(pid)?;
    cost::forget_peak(pid)?;
    titles.store(&[folder], false)?;
    report.add("peak_mb_object", (cost::peak_mb(pid)? - idle).max(0.0), "MB", None, Better::Lower);
    Ok(())
}
