//! The first line of a source file says what it is.

use super::Breach;
use super::tree::Tree;

const ENDINGS: [&str; 6] = [".rs", ".ts", ".svelte", ".mjs", ".js", ".py"];
/// A sentence has more characters than this.
const SENTENCE_MIN: usize = 10;

pub fn check(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (path, text) in tree.with_ending(&ENDINGS) {
        let first = text.lines().find(|line| !line.starts_with("#!/")).unwrap_or_default();
        let marks = marks_of(path);
        let said = marks.iter().find_map(|mark| first.strip_prefix(mark));
        if said.is_none_or(|said| said.trim().chars().count() < SENTENCE_MIN) {
            let text = format!(
                "begin with `{}` and one sentence: what this is, and the section it implements",
                marks[0]
            );
            breaches.push(Breach::new(path, 1, "first line", text));
        }
    }
    breaches
}

fn marks_of(path: &str) -> &'static [&'static str] {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("rs") => &["//! "],
        Some("svelte") => &["<!-- "],
        Some("py") => &["\"\"\"", "# "],
        _ => &["// ", "/** "],
    }
}

#[cfg(test)]
mod tests {
    use super::{Tree, check};

    #[test]
    fn a_file_that_does_not_say_what_it_is_is_found() {
        let tree = Tree::of(&[
            ("good.rs", "//! MLLP framing, HL7 v2 transport specification.\n"),
            ("good.svelte", "<!-- One study and its report. -->\n"),
            ("good.mjs", "#!/usr/bin/env node\n// Serves the pages on loopback.\n"),
            ("good.py", "\"\"\"A modality that sends.\"\"\"\n"),
            ("bad.rs", "use std::fs;\n"),
            ("bare.rs", "//! mllp\n"),
            ("empty.ts", ""),
        ]);
        let found: Vec<String> = check(&tree).into_iter().map(|b| b.path).collect();
        assert_eq!(found, ["bad.rs", "bare.rs", "empty.ts"]);
    }
}
