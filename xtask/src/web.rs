//! `cargo xtask web`: the pages that the binary embeds, built by npm from `web/` when something there changed.

use crate::{codegen, place, process, system};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a build leaves for the binary.
const BUILT: &str = "dist-packed/table.tsv";
/// What a build makes or brings; it is no source.
const MADE: [&str; 3] = ["node_modules", "dist", "dist-packed"];

pub fn build() -> Result<(), String> {
    let web = place::root().join("web");
    let lock = web.join("package-lock.json");
    if !lock.exists() {
        return Err(
            "web/package-lock.json is not there: the pages cannot be built from pinned packages".to_owned()
        );
    }
    system::node()?;
    install(&web, &lock)?;
    let sources = digest_of(&web)?;
    let stamp = web.join("node_modules/.badiano-built");
    if web.join(BUILT).exists() && std::fs::read_to_string(&stamp).is_ok_and(|s| s == sources) {
        println!("web: the pages are as their sources; nothing to build");
        return Ok(());
    }
    process::run(Command::new("npm").args(["run", "check"]).current_dir(&web))?;
    process::run(Command::new("npm").args(["run", "build"]).current_dir(&web))?;
    if !web.join(BUILT).exists() {
        return Err(format!("the build ended well and left no web/{BUILT}"));
    }
    write(&stamp, &sources)
}

pub fn run(arguments: &[String]) -> Result<(), String> {
    match arguments {
        [] => build(),
        _ => Err("usage: cargo xtask web".to_owned()),
    }
}

/// The pages' own tests, in a real browser, over what [`build`] made.
pub fn test() -> Result<(), String> {
    let folder = place::root().join("web/tests");
    let mut files = Vec::new();
    below(&folder, &mut files)?;
    files.retain(|f| f.to_string_lossy().ends_with(".test.mjs"));
    files.sort();
    if files.is_empty() {
        return Err("no test is in web/tests".to_owned());
    }
    process::run(Command::new("node").arg("--test").args(files).current_dir(place::root().join("web")))
}

/// `npm ci` takes what the lock file says and nothing else; it runs again when the lock changed.
fn install(web: &Path, lock: &Path) -> Result<(), String> {
    let wanted = codegen::sha256(&read(lock)?);
    let stamp = web.join("node_modules/.badiano-lock");
    if std::fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    process::run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(web))?;
    write(&stamp, &wanted)
}

/// One digest over names and bytes of every source.
fn digest_of(web: &Path) -> Result<String, String> {
    let mut files = Vec::new();
    below(web, &mut files)?;
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let bytes = read(&file)?;
        all.extend_from_slice(file.to_string_lossy().as_bytes());
        all.extend_from_slice(codegen::sha256(&bytes).as_bytes());
    }
    Ok(codegen::sha256(&all))
}

fn below(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|e| format!("{}: {e}", folder.display()))?.path();
        let made = path.file_name().and_then(|n| n.to_str()).is_some_and(|n| MADE.contains(&n));
        if made {
            continue;
        }
        if path.is_dir() { below(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()))
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    std::fs::write(file, text).map_err(|e| format!("{}: {e}", file.display()))
}
