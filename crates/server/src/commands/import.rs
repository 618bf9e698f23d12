//! `badiano import`: the DICOM files below a directory, stored in a running node, with a report by which it goes on after an interruption.

use super::files::{files_below, is_dicom};
use super::operator::{Door, Stored};
use super::{runtime, say};
use crate::Format;
use crate::config::ServeOptions;
use badiano_kernel::Fault;
use clap::Args;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Files on their way at a time.
const AT_ONCE: usize = 4;
/// A line on standard error each time so many files are done.
const TELL_EACH: u64 = 1_000;

#[derive(Args)]
pub struct ImportOptions {
    /// El directorio, o un archivo / the directory, or one file
    from: PathBuf,
    /// Un renglón JSON por archivo; lo ya guardado según él no se manda otra vez / one JSON line a file; what it says is stored is not sent again
    #[arg(long)]
    report: Option<PathBuf>,
    #[command(flatten)]
    node: ServeOptions,
}

#[derive(Default)]
struct Counts {
    stored: u64,
    refused: u64,
    /// No DICOM files, DICOMDIR among them.
    others: u64,
    /// Stored by an earlier run.
    before: u64,
    studies: BTreeSet<String>,
}

pub fn run(options: &ImportOptions, format: Format) -> Result<ExitCode, Fault> {
    let config = options.node.complete()?;
    let door = Door::of_running(&config.data)?.ok_or_else(|| {
        Fault::unavailable("no node runs on this data directory: start it first (badiano serve)")
    })?;
    let files = files_below(&options.from)?;
    let done = options.report.as_deref().map(stored_before).transpose()?.unwrap_or_default();
    let mut report = options.report.as_deref().map(open_report).transpose()?;
    let mut counts = Counts::default();
    let ended = runtime()?.block_on(store_all(&door, files, &done, &mut counts, &mut report));
    tell(&counts, format);
    ended?;
    Ok(if counts.refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn store_all(
    door: &Door,
    files: Vec<PathBuf>,
    done: &HashSet<String>,
    counts: &mut Counts,
    report: &mut Option<File>,
) -> Result<(), Fault> {
    let todo = files.into_iter().filter(|file| {
        let known = done.contains(&file.display().to_string());
        counts.before += u64::from(known);
        !known
    });
    let todo: Vec<PathBuf> = todo.collect();
    let mut running = stream::iter(todo).map(|file| one(door, file)).buffer_unordered(AT_ONCE);
    let mut seen = 0;
    while let Some((file, outcome)) = running.next().await {
        // A node that goes away or is full ends the import; another run goes on from here.
        let line = counts.take(&file, outcome?);
        if let Some(report) = report {
            writeln!(report, "{line}").map_err(|e| Fault::unavailable(format!("the report: {e}")))?;
        }
        seen += 1;
        if seen % TELL_EACH == 0 {
            tracing::info!(files = seen, refused = counts.refused, "importing");
        }
    }
    Ok(())
}

/// What became of a file; nothing where it is no DICOM file.
async fn one(door: &Door, file: PathBuf) -> (PathBuf, Result<Option<Stored>, Fault>) {
    let outcome = match is_dicom(&file) {
        Ok(true) => door.store(&file).await.map(Some),
        Ok(false) => Ok(None),
        Err(e) => Ok(Some(Stored::Refused(format!("the file cannot be read: {e}")))),
    };
    (file, outcome)
}

impl Counts {
    /// Counts an outcome; the answer is its line of the report.
    fn take(&mut self, file: &Path, outcome: Option<Stored>) -> Value {
        let file = file.display().to_string();
        match outcome {
            None => {
                self.others += 1;
                json!({ "file": file, "outcome": "not DICOM" })
            }
            Some(Stored::Here { study, sop }) => {
                self.stored += 1;
                self.studies.insert(study.clone());
                json!({ "file": file, "outcome": "stored", "study": study, "sop": sop })
            }
            Some(Stored::Refused(why)) => {
                self.refused += 1;
                json!({ "file": file, "outcome": "refused", "reason": why })
            }
        }
    }
}

fn tell(counts: &Counts, format: Format) {
    let Counts { stored, refused, others, before, studies } = counts;
    let studies = studies.len();
    say(&match format {
        Format::Json => json!({
            "stored": stored, "refused": refused, "notDicom": others, "storedBefore": before, "studies": studies,
        })
        .to_string(),
        Format::Text => format!(
            "{stored} objetos de {studies} estudios guardados, {refused} rechazados, {before} ya guardados antes, {others} archivos que no son DICOM / \
             {stored} objects of {studies} studies stored, {refused} refused, {before} stored before, {others} files that are not DICOM"
        ),
    });
}

/// Files that a report says are stored. A line that was cut off says nothing.
fn stored_before(report: &Path) -> Result<HashSet<String>, Fault> {
    let file = match File::open(report) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(HashSet::new()),
        Err(e) => return Err(Fault::invalid(e.to_string()).at(report.display().to_string())),
    };
    let lines = BufReader::new(file).lines().map_while(Result::ok);
    let stored = lines.filter_map(|line| {
        let line: Value = serde_json::from_str(&line).ok()?;
        (line["outcome"] == "stored").then(|| line["file"].as_str().map(str::to_owned))?
    });
    Ok(stored.collect())
}

fn open_report(report: &Path) -> Result<File, Fault> {
    let opened = File::options().create(true).append(true).open(report);
    opened.map_err(|e| Fault::invalid(e.to_string()).at(report.display().to_string()))
}
