//! The FHIR clients of npm that tests use as peers: pinned packages in a folder of the cache, made again when the pins change.

use crate::process::run;
use crate::{codegen, place};
use std::path::{Path, PathBuf};
use std::process::Command;

const PINS: &str = "fixtures/fhir-clients";
/// What `npm ci` reads; the last stands in for a package that would bring a telephone's whole framework.
const FILES: [&str; 4] =
    ["package.json", "package-lock.json", "webcrypto/package.json", "webcrypto/index.js"];

/// The folder beside whose `node_modules` a script finds them.
pub fn ensure() -> Result<PathBuf, String> {
    let folder = place::cache()?.join("fhir-clients");
    let pins = place::root().join(PINS);
    let mut text = Vec::new();
    for name in FILES {
        text.extend(std::fs::read(pins.join(name)).map_err(|e| format!("{PINS}/{name}: {e}"))?);
    }
    let (stamp, wanted) = (folder.join("node_modules/.badiano-pins"), codegen::sha256(&text));
    if std::fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(folder);
    }
    make(&folder, &pins).map_err(|e| format!("{}: {e}", folder.display()))?;
    run(Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
        .current_dir(&folder))?;
    std::fs::write(&stamp, wanted).map_err(|e| format!("{}: {e}", stamp.display()))?;
    Ok(folder)
}

fn make(folder: &Path, pins: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder.join("webcrypto"))?;
    FILES.iter().try_for_each(|name| std::fs::copy(pins.join(name), folder.join(name)).map(|_| ()))
}
