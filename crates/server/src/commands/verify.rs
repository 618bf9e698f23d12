//! `badiano verify`: checks an access proof without a network, against keys that were got apart from it.

use super::say;
use crate::Format;
use badiano_kernel::Fault;
use badiano_record::audit::checkpoint::VerifierKey;
use badiano_record::audit::proof::{PROOF_BYTES_MAX, Proof, Trust, Verified};
use clap::Args;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
pub struct VerifyOptions {
    /// Comprobante, o - para la entrada estándar / proof file, or - for standard input
    proof: PathBuf,
    /// Llaves en que usted confía, una por línea / keys you trust, one a line
    #[arg(long)]
    keys: PathBuf,
    /// CURP de la persona de quien debe tratar / CURP of the person it must be about
    #[arg(long)]
    curp: Option<String>,
    /// Cuántos testigos deben haber firmado / how many witnesses must have cosigned
    #[arg(long, default_value_t = 0)]
    witnesses: usize,
    /// Tamaño del punto de control más nuevo que ya vio / size of the newest checkpoint already seen
    #[arg(long, default_value_t = 0)]
    seen: u64,
}

pub fn run(options: &VerifyOptions, format: Format) -> Result<ExitCode, Fault> {
    let keys = read_keys(&options.keys)?;
    let text = read_proof(&options.proof)?;
    let trust =
        Trust { keys, curp: options.curp.clone(), witnesses_min: options.witnesses, size_min: options.seen };
    let outcome = Proof::parse(&text).and_then(|proof| proof.verify(&trust));
    match (&outcome, format) {
        (Ok(verified), Format::Text) => tell(verified),
        (Ok(verified), Format::Json) => say(
            &serde_json::json!({
                "valid": true, "log": verified.origin, "index": verified.index, "treeSize": verified.tree_size,
                "entryOfPerson": verified.entry_of_person, "witnesses": verified.witnesses, "entry": verified.content
            })
            .to_string(),
        ),
        (Err(error), Format::Text) => say(&format!("NO VÁLIDO / NOT VALID: {error}")),
        (Err(error), Format::Json) => say(&serde_json::json!({ "valid": false, "why": error.to_string() }).to_string()),
    }
    Ok(if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(verified: &Verified) {
    let access = badiano_record::accesses::access_of(&verified.content, String::new(), String::new());
    say(&format!("VÁLIDO / VALID: {} entrada {} de {}", verified.origin, verified.index, verified.tree_size));
    say(&format!("  {}  {}  {}  {}", access.when, access.who, access.institution, access.interaction));
    if !access.reason.is_empty() {
        say(&format!("  motivo / reason: {}", access.reason));
    }
}

fn read_keys(path: &Path) -> Result<Vec<VerifierKey>, Fault> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Fault::unavailable(e.to_string()).at(path.display().to_string()))?;
    let lines = text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#'));
    lines
        .map(|l| {
            VerifierKey::parse(l).ok_or_else(|| {
                Fault::invalid("a line is no verifier key (name+hash+key)").at(path.display().to_string())
            })
        })
        .collect()
}

fn read_proof(path: &Path) -> Result<String, Fault> {
    let failed = |e: std::io::Error| Fault::unavailable(e.to_string()).at(path.display().to_string());
    let mut text = String::new();
    let limit = PROOF_BYTES_MAX as u64 + 1;
    if path.as_os_str() == "-" {
        std::io::stdin().take(limit).read_to_string(&mut text).map_err(failed)?;
    } else {
        std::fs::File::open(path).map_err(failed)?.take(limit).read_to_string(&mut text).map_err(failed)?;
    }
    Ok(text)
}
