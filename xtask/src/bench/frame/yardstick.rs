//! What the disk itself takes: one small write made durable, in the folder where the node under measure keeps its data.

use super::report::{Better, Report};
use super::spread::{self, Spread};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

const WRITES: usize = 300;
const WRITE_BYTES: usize = 4096;

/// Writes of 4 KiB at the end of a file, each followed by `fdatasync`.
pub fn write_fsync(folder: &Path) -> Result<Spread, String> {
    let path = folder.join("yardstick");
    let shown = |e: std::io::Error| format!("{}: {e}", path.display());
    let file = File::create(&path).map_err(shown)?;
    let mut times = Vec::with_capacity(WRITES);
    for n in 0..WRITES {
        let began = Instant::now();
        file.write_all_at(&[n as u8; WRITE_BYTES], (n * WRITE_BYTES) as u64).map_err(shown)?;
        file.sync_data().map_err(shown)?;
        times.push(began.elapsed());
    }
    std::fs::remove_file(&path).map_err(shown)?;
    Ok(spread::of(times))
}

/// The yardstick as a line of its own, so that a reader can judge the disk of the run.
pub fn report(report: &mut Report, folder: &Path) -> Result<(), String> {
    let times = write_fsync(folder)?;
    report.add("yard_write_fsync_p50_ms", times.percentile_ms(50), "ms", None, Better::Lower);
    Ok(())
}
