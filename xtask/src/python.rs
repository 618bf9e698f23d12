//! Python's environment for DICOM peers: pinned packages in a folder of the cache, made again when the pins change.

use crate::process::run;
use crate::{codegen, place};
use std::path::{Path, PathBuf};
use std::process::Command;

const PINS: &str = "fixtures/python/requirements.txt";

/// The interpreter with every pinned package.
pub fn ensure() -> Result<PathBuf, String> {
    let pins = place::root().join(PINS);
    let text = std::fs::read(&pins).map_err(|e| format!("{PINS}: {e}"))?;
    let folder = place::cache()?.join("venv");
    let interpreter = folder.join("bin/python");
    let stamp = folder.join("badiano-pins");
    let wanted = codegen::sha256(&text);
    if interpreter.exists() && std::fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(interpreter);
    }
    make(&folder, &interpreter, &pins)?;
    std::fs::write(&stamp, wanted).map_err(|e| format!("{}: {e}", stamp.display()))?;
    Ok(interpreter)
}

fn make(folder: &Path, interpreter: &Path, pins: &Path) -> Result<(), String> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    let pip =
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"];
    run(Command::new(interpreter).args(pip).arg(pins))?;
    // A pin that another one needs and that is not written shows here, not in the middle of a test.
    run(Command::new(interpreter).args(["-m", "pip", "check"]))
}
