//! What a run of a proof has shown: `docs/proofs/AREA.md`, written only when all of it succeeded.

use crate::{place, process};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

pub struct Record {
    area: &'static str,
    what: &'static str,
    seed: u64,
    commit: String,
    /// Lines `proof {...}` of the tests.
    proofs: Vec<Value>,
    /// What an area says of itself where it is no list of tests.
    text: String,
}

impl Record {
    pub fn begin(area: &'static str, what: &'static str, seed: u64) -> Result<Self, String> {
        let git = |arguments: &[&str]| {
            process::read(Command::new("git").current_dir(place::root()).args(arguments))
        };
        let mut commit = git(&["rev-parse", "--short=12", "HEAD"])?.trim().to_owned();
        if !git(&["status", "--porcelain", "--untracked-files=no"])?.trim().is_empty() {
            commit.push_str(" with changes");
        }
        Ok(Record { area, what, seed, commit, proofs: Vec::new(), text: String::new() })
    }

    /// One line that a test printed. The harness may have written the test's name before it.
    pub fn take(&mut self, line: &str) -> Result<(), String> {
        let Some((_, text)) = line.split_once("proof {") else { return Ok(()) };
        let proof = serde_json::from_str(&format!("{{{text}")).map_err(|e| format!("{line}: {e}"))?;
        self.proofs.push(proof);
        Ok(())
    }

    pub fn add_text(&mut self, text: String) {
        self.text = text;
    }

    /// A proof without a count has shown nothing.
    pub fn keep(&self) -> Result<(), String> {
        if self.proofs.is_empty() && self.text.is_empty() {
            return Err("no test told what it has shown".to_owned());
        }
        let path = file(self.area);
        let write = std::fs::create_dir_all(path.parent().unwrap_or(place::root()))
            .and_then(|()| std::fs::write(&path, self.page()));
        write.map_err(|e| format!("{}: {e}", path.display()))?;
        println!("\nkept in docs/proofs/{}.md", self.area);
        Ok(())
    }

    fn page(&self) -> String {
        let Record { area, what, seed, commit, .. } = self;
        let mut page = format!(
            "# Proof: {area}\n\nThat {what}.\nMade by `cargo xtask prove {area} --seed {seed}` at commit {commit}.\n\n"
        );
        page.push_str(&self.text);
        if !self.proofs.is_empty() {
            page.push_str("| test | cases | of | seconds | counted on the way |\n|---|---|---|---|---|\n");
        }
        for proof in &self.proofs {
            let counts = proof["counts"].as_object().into_iter().flatten();
            let counts: Vec<String> = counts.map(|(what, n)| format!("{n} {what}")).collect();
            page.push_str(&format!(
                "| {} | {} | {} | {} | {} |\n",
                proof["name"].as_str().unwrap_or("?"),
                proof["cases"],
                proof["planned"],
                proof["seconds"],
                counts.join(", ")
            ));
        }
        page
    }
}

fn file(area: &str) -> PathBuf {
    place::root().join("docs/proofs").join(format!("{area}.md"))
}

#[cfg(test)]
mod tests {
    use super::Record;

    #[test]
    fn a_page_has_what_the_tests_have_told() {
        let mut record = Record {
            area: "store",
            what: "nothing is half",
            seed: 7,
            commit: "abc".to_owned(),
            proofs: Vec::new(),
            text: String::new(),
        };
        assert!(record.keep().is_err(), "nothing was told");
        record.take("running 1 test").unwrap();
        let line = r#"test faulty::x ... proof {"name":"packs","cases":9,"planned":10,"seconds":1,"counts":{"torn":3}}"#;
        record.take(line).unwrap();
        let page = record.page();
        assert!(page.contains("| packs | 9 | 10 | 1 | 3 torn |"), "{page}");
        assert!(page.contains("--seed 7` at commit abc"), "{page}");
    }
}
