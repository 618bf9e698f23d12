//! One file a command.

pub mod administer;
pub mod backup;
pub mod demo;
pub mod fhirpath;
pub mod hl7;
pub mod import;
pub mod join;
pub mod match_people;
mod operator;
mod output;
pub mod serve;
pub mod validate;
pub mod verify;

use crate::Format;
use badiano_kernel::{Fault, FaultKind};
use std::process::ExitCode;

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

/// Prints a line of a result.
#[allow(clippy::print_stdout)]
pub fn say(line: &str) {
    println!("{line}");
}

/// A runtime for one command.
pub fn runtime() -> Result<tokio::runtime::Runtime, Fault> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|e| Fault::unavailable(format!("no threads: {e}")))
}
