//! `badiano deidentify`: DICOM files without what identifies a person (PS3.15 annex E), each written beside the others under its new UID.

use super::files::{files_below, is_dicom};
use super::say;
use crate::Format;
use badiano_dicom::deidentify::{Deidentified, Keep, deidentify};
use badiano_dicom::part10::{Parser, Piece, write_file_meta};
use badiano_kernel::Fault;
use badiano_record::imaging::PseudonymKey;
use clap::Args;
use serde_json::json;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Bytes of a file that are in memory at a time.
const CHUNK: usize = 1 << 20;

#[derive(Args)]
pub struct DeidentifyOptions {
    /// Archivos o directorios / files or directories
    #[arg(required = true)]
    from: Vec<PathBuf>,
    /// Dónde se escriben / where they are written
    #[arg(long)]
    out: PathBuf,
    /// Un archivo con 32 caracteres o más: con la misma llave, los mismos seudónimos / a file of 32 characters or more: the same key gives the same pseudonyms
    #[arg(long)]
    key: Option<PathBuf>,
    /// Lo que se conserva / what is retained: uids, device, institution, characteristics, full-dates, modified-dates
    #[arg(long, value_delimiter = ',')]
    keep: Vec<String>,
}

#[derive(Default)]
struct Counts {
    written: u64,
    held: u64,
    others: u64,
    /// Names that are taken: two files of one object are two files still.
    names: HashSet<String>,
}

pub fn run(options: &DeidentifyOptions, format: Format) -> Result<ExitCode, Fault> {
    let keep = options_of(&options.keep)?;
    let key = match &options.key {
        None => PseudonymKey::random(),
        Some(file) => PseudonymKey::of_text(&fs::read_to_string(file).map_err(|e| at(file, &e))?)?,
    };
    fs::create_dir_all(&options.out).map_err(|e| at(&options.out, &e))?;
    let mut counts = Counts::default();
    for from in &options.from {
        for file in files_below(from)? {
            if !is_dicom(&file).map_err(|e| at(&file, &e))? {
                counts.others += 1;
                continue;
            }
            let line = match one(&file, &options.out, &keep, &key, &mut counts.names) {
                Ok(written) => {
                    counts.written += 1;
                    json!({ "file": file.display().to_string(), "outcome": "written", "to": written })
                }
                Err(fault) => {
                    counts.held += 1;
                    json!({ "file": file.display().to_string(), "outcome": "held back", "reason": fault.text })
                }
            };
            if format == Format::Json || line["outcome"] != "written" {
                say(&line.to_string());
            }
        }
    }
    let Counts { written, held, others, .. } = counts;
    if format == Format::Text {
        say(&format!(
            "{written} archivos escritos, {held} retenidos, {others} que no son DICOM / \
             {written} files written, {held} held back, {others} that are not DICOM"
        ));
    }
    Ok(if held == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn options_of(names: &[String]) -> Result<Vec<Keep>, Fault> {
    let mut all = Vec::new();
    for name in names {
        let unknown = || Fault::invalid("no option to retain: see --help").at("--keep");
        all.push(Keep::parse(name.trim()).ok_or_else(unknown)?);
    }
    if all.contains(&Keep::FullDates) && all.contains(&Keep::ModifiedDates) {
        return Err(Fault::invalid("dates are kept in full or modified, not both").at("--keep"));
    }
    Ok(all)
}

fn at(path: &Path, error: &std::io::Error) -> Fault {
    Fault::invalid(error.to_string()).at(path.display().to_string())
}

/// Writes one object; the answer is its new file.
fn one(
    from: &Path,
    out: &Path,
    keep: &[Keep],
    key: &PseudonymKey,
    names: &mut HashSet<String>,
) -> Result<String, Fault> {
    let failed = |e: std::io::Error| at(from, &e);
    let mut file = File::open(from).map_err(failed)?;
    let mut parser = Parser::part10();
    let mut buffer = vec![0_u8; CHUNK];
    loop {
        let taken = file.read(&mut buffer).map_err(failed)?;
        if taken == 0 {
            break;
        }
        parser.feed(&buffer[..taken]).map_err(|e| Fault::invalid(e.to_string()))?;
    }
    let header = parser.finish().map_err(|e| Fault::invalid(e.to_string()))?;
    let done = deidentify(&header, keep, &|what, value| key.digest(what, value))
        .map_err(|held| Fault::not_supported(held.to_string()))?;
    if done.sop_instance.is_empty() || done.sop_class.is_empty() {
        return Err(Fault::invalid("the object has no SOP Class UID or no SOP Instance UID"));
    }
    let sop = &done.sop_instance;
    let mut name = format!("{sop}.dcm");
    for number in 2.. {
        if names.insert(name.clone()) {
            break;
        }
        name = format!("{sop}-{number}.dcm");
    }
    let (to, unfinished) = (out.join(&name), out.join(format!("{name}.part")));
    let written = write(&done, &header.transfer_syntax, &mut file, &unfinished);
    written.and_then(|()| fs::rename(&unfinished, &to)).map_err(|e| {
        // What is half written would look like an object.
        let _ = fs::remove_file(&unfinished);
        at(&to, &e)
    })?;
    Ok(name)
}

fn write(done: &Deidentified, syntax: &str, from: &mut File, to: &Path) -> std::io::Result<()> {
    let mut out = File::create(to)?;
    out.write_all(&write_file_meta(&done.sop_class, &done.sop_instance, syntax, ""))?;
    for piece in &done.pieces {
        match piece {
            Piece::Made(bytes) => out.write_all(bytes)?,
            Piece::Stored { offset, length } => {
                from.seek(SeekFrom::Start(*offset))?;
                if std::io::copy(&mut Read::take(Read::by_ref(from), *length), &mut out)? != *length {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
            }
            // A rewritten object keeps its encoding.
            Piece::Expanded { .. } => return Err(std::io::ErrorKind::InvalidData.into()),
        }
    }
    out.sync_all()
}
