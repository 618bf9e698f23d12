//! `cargo xtask prove story`: each room's work is taken out once, and the story must fail; where it did is kept.
//!
//! The rows of `tests/story/mutations.json` are changes to sources, made in the checkout itself and undone after the run: that way a build
//! is only of what changed. Nothing is begun while tracked files have changes.

use crate::{place, process, python, system, web};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

const LIST: &str = "tests/story/mutations.json";
const DRIVER: &str = "tests/story/run.mjs";

/// A source with a piece of it replaced, until this value goes.
struct Mutation {
    file: PathBuf,
    original: String,
}

impl Mutation {
    fn make(row: &Value) -> Result<Self, String> {
        let text = |name: &str| row[name].as_str().ok_or(format!("{LIST}: a row has no `{name}`"));
        let (file, find, put) = (place::root().join(text("file")?), text("find")?, text("put")?);
        let shown = |e: std::io::Error| format!("{}: {e}", file.display());
        let original = fs::read_to_string(&file).map_err(shown)?;
        if original.matches(find).count() != 1 {
            return Err(format!("{}: what is to be taken out must stand there once", file.display()));
        }
        fs::write(&file, original.replacen(find, put, 1)).map_err(shown)?;
        Ok(Mutation { file, original })
    }
}

impl Drop for Mutation {
    fn drop(&mut self) {
        if let Err(e) = fs::write(&self.file, &self.original) {
            eprintln!("{}: {e}; undo it with `git checkout`", self.file.display());
        }
    }
}

/// What became of a story without a room's work.
struct Outcome {
    room: String,
    without: String,
    /// `None`: the story did not notice.
    failed_in: Option<String>,
    seconds: u64,
}

/// Every row until the minutes have run out. A row that the story survives is an error, told after all have run.
pub fn prove(seed: u64, minutes: u64) -> Result<String, String> {
    let clean = process::read(Command::new("git").current_dir(place::root()).args([
        "status",
        "--porcelain",
        "--untracked-files=no",
    ]))?;
    if !clean.trim().is_empty() {
        return Err("tracked files have changes; this changes sources and puts them back".to_owned());
    }
    system::ensure()?;
    let python = python::ensure()?;
    web::build()?;
    let list = fs::read(place::root().join(LIST)).map_err(|e| format!("{LIST}: {e}"))?;
    let rows: Vec<Value> = serde_json::from_slice(&list).map_err(|e| format!("{LIST}: {e}"))?;
    let began = Instant::now();
    let mut outcomes = Vec::new();
    for row in &rows {
        if began.elapsed().as_secs() > minutes * 60 {
            break;
        }
        let outcome = one(row, seed, &python)?;
        println!("{}: {}", outcome.room, outcome.failed_in.as_deref().unwrap_or("THE STORY DID NOT NOTICE"));
        outcomes.push(outcome);
    }
    let unnoticed: Vec<&str> =
        outcomes.iter().filter(|o| o.failed_in.is_none()).map(|o| o.without.as_str()).collect();
    if !unnoticed.is_empty() {
        return Err(format!("the story does not notice the lack of: {}", unnoticed.join("; ")));
    }
    Ok(table(&outcomes, rows.len()))
}

fn one(row: &Value, seed: u64, python: &std::path::Path) -> Result<Outcome, String> {
    let began = Instant::now();
    let mutation = Mutation::make(row)?;
    process::run(process::cargo().args(["build", "--quiet", "--package", "badiano-server"]))?;
    let mut story = Command::new("node");
    story.arg(place::root().join(DRIVER)).args(["--seed", &seed.to_string()]);
    story.current_dir(place::root()).env("CARGO_TARGET_DIR", place::target());
    story.env("BADIANO_BINARY", place::binary("debug")).env("BADIANO_PYTHON", python);
    let output = story.output().map_err(|e| format!("{DRIVER}: {e}"))?;
    drop(mutation);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let failed_in = said.lines().find_map(|l| l.strip_prefix("FAILED in ")).map(|l| {
        // The seed is told once for all rows.
        l.split(';').next().unwrap_or(l).to_owned()
    });
    if failed_in.is_none() && !output.status.success() {
        return Err(format!("{DRIVER} ended with {} and did not say where", output.status));
    }
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    Ok(Outcome {
        room: text("room"),
        without: text("without"),
        failed_in,
        seconds: began.elapsed().as_secs(),
    })
}

fn table(outcomes: &[Outcome], rows: usize) -> String {
    let mut page = format!(
        "{} of {rows} rows of `{LIST}` were tried; the story failed each time.\n\n\
         | room | without | the story failed in | seconds with its build |\n|---|---|---|---|\n",
        outcomes.len()
    );
    for o in outcomes {
        let failed_in = o.failed_in.as_deref().unwrap_or_default();
        page.push_str(&format!("| {} | {} | {failed_in} | {} |\n", o.room, o.without, o.seconds));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::{LIST, Value, fs, place};

    #[test]
    fn what_each_row_takes_out_stands_in_its_file_once() {
        let list = fs::read(place::root().join(LIST)).unwrap();
        let rows: Vec<Value> = serde_json::from_slice(&list).unwrap();
        assert!(rows.len() >= 12);
        for row in rows {
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            let source = fs::read_to_string(place::root().join(text("file"))).unwrap();
            assert_eq!(source.matches(&text("find")).count(), 1, "{}", text("without"));
            assert_ne!(text("find"), text("put"));
        }
    }
}
