//! One file a command.

pub mod administer;
pub mod backup;
pub mod cda;
pub mod coerce;
pub mod deidentify;
pub mod demo;
pub mod fhirpath;
mod files;
pub mod hl7;
pub mod import;
pub mod join;
pub mod match_people;
mod operator;
mod output;
pub mod serve;
pub mod terminology;
pub mod validate;
pub mod verify;

use crate::Format;
use badiano_kernel::{Fault, FaultKind};
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

/// Bytes in one file that a command reads whole: a batch of many messages.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Says what went wrong, on standard error.
#[allow(clippy::print_stderr)]
pub fn complain(fault: &Fault, format: Format) {
    match format {
        Format::Text => eprintln!("badiano: {fault}"),
        Format::Json => eprintln!("{}", serde_json::json!({ "error": fault.text, "place": fault.place })),
    }
}

/// 1: it does not hold or it failed; 2: wrong use; 3: not available now.
pub fn exit_code(fault: &Fault) -> ExitCode {
    match fault.kind {
        FaultKind::Invalid => ExitCode::from(2),
        FaultKind::Unavailable => ExitCode::from(3),
        _ => ExitCode::FAILURE,
    }
}

/// Prints a line of a result. Whoever reads no more (`| head`) ends the command, and without a word.
pub fn say(line: &str) {
    use std::io::Write;
    match writeln!(std::io::stdout(), "{line}") {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(e) => {
            eprintln!("{e}");
            std::process::exit(1)
        }
    }
}

/// A runtime for one command.
pub fn runtime() -> Result<tokio::runtime::Runtime, Fault> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|e| Fault::unavailable(format!("no threads: {e}")))
}

/// A whole file, or standard input for `-`; at most [`FILE_BYTES_MAX`].
fn whole_file(path: &Path) -> Result<Vec<u8>, Fault> {
    let failed = |e: std::io::Error| Fault::unavailable(e.to_string()).at(path.display().to_string());
    let mut bytes = Vec::new();
    let source: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).map_err(failed)?)
    };
    source.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Fault::invalid("longer than 1 GiB: cut it").at(path.display().to_string()));
    }
    Ok(bytes)
}

/// To the side, so that what is printed stays clean for the next program.
#[allow(clippy::print_stderr)]
fn note(line: &str) {
    eprintln!("{line}");
}

/// One FHIR resource of a text: XML where it begins with `<`, else JSON.
fn resource(bytes: &[u8]) -> Result<badiano_fhir::Value, Fault> {
    let first = bytes.iter().find(|b| !b.is_ascii_whitespace() && !b.is_ascii_control() && b.is_ascii());
    if first == Some(&b'<') {
        return badiano_fhir::xml::parse(bytes).map_err(|e| Fault::invalid(e.to_string()));
    }
    badiano_fhir::json::parse(bytes).map_err(|e| Fault::invalid(e.to_string()))
}
