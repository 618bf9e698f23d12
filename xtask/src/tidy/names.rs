//! Names that say nothing are not used for files, folders and modules.

use super::Breach;
use super::code::{Language, blank, line_at, words};
use super::tree::Tree;

const BANNED: [&str; 8] = ["util", "utils", "helper", "helpers", "common", "manager", "managers", "misc"];
const ADVICE: &str = "says nothing; use the standard's own word for what is inside";

pub fn check(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for file in &tree.files {
        let mut parts = file.path.split('/').map(|part| part.split('.').next().unwrap_or(part));
        if let Some(part) = parts.find(|part| BANNED.contains(part)) {
            breaches.push(Breach::new(&file.path, 0, "names", format!("`{part}` {ADVICE}")));
        }
    }
    for (path, text) in tree.with_ending(&[".rs"]) {
        let code = blank(text, Language::Rust);
        let all: Vec<(usize, &str)> = words(&code).collect();
        for pair in all.windows(2) {
            if pair[0].1 == "mod" && BANNED.contains(&pair[1].1) {
                let text = format!("`mod {}` {ADVICE}", pair[1].1);
                breaches.push(Breach::new(path, line_at(&code, pair[1].0), "names", text));
            }
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::{Tree, check};

    #[test]
    fn a_banned_file_folder_or_module_is_found() {
        let tree = Tree::of(&[
            ("crates/x/src/utils.rs", "//! x"),
            ("web/src/helpers/a.ts", "// x"),
            ("crates/x/src/lib.rs", "//! x\n// mod util\nmod common;\n"),
            ("crates/x/src/commonwealth.rs", "//! x"),
        ]);
        let found: Vec<(String, usize)> = check(&tree).into_iter().map(|b| (b.path, b.line)).collect();
        let expected =
            [("crates/x/src/utils.rs", 0), ("web/src/helpers/a.ts", 0), ("crates/x/src/lib.rs", 3)];
        assert_eq!(found, expected.map(|(path, line)| (path.to_owned(), line)));
    }
}
