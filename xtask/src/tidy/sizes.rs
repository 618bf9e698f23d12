//! No source file is longer than a person will read.

use super::Breach;
use super::tree::Tree;

const LINES_MAX: usize = 1_000;
const ENDINGS: [&str; 8] = [".rs", ".ts", ".svelte", ".mjs", ".js", ".css", ".py", ".sql"];

pub fn check(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (path, text) in tree.with_ending(&ENDINGS) {
        let lines = text.lines().count();
        if lines > LINES_MAX {
            let text = format!("{lines} lines, {LINES_MAX} at most; cut it by what it speaks of");
            breaches.push(Breach::new(path, LINES_MAX + 1, "file size", text));
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::{LINES_MAX, Tree, check};

    #[test]
    fn a_file_of_one_line_too_many_is_found() {
        let full = "x\n".repeat(LINES_MAX);
        let over = format!("{full}x\n");
        let found = check(&Tree::of(&[("a.rs", &full), ("b.rs", &over), ("c.csv", &over)]));
        assert_eq!(found.iter().map(|b| b.path.as_str()).collect::<Vec<_>>(), ["b.rs"]);
    }
}
