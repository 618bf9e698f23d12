//! A path that a page names exists.

use super::Breach;
use super::tree::Tree;

/// What builds make: named in pages, not in git.
const MADE: [&str; 4] = ["web/dist", "web/node_modules", "web/dist-packed", "target"];

pub fn check(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (page, text) in tree.with_ending(&[".md"]) {
        for (number, line) in text.lines().enumerate() {
            let linked = links(line).filter_map(|link| resolve(page, link));
            let named = ticked(line).filter_map(|word| as_path(tree, word));
            let beside = |path: &str| resolve(page, path).is_some_and(|path| exists(tree, &path));
            for path in named.chain(linked).filter(|path| !exists(tree, path) && !beside(path)) {
                let text = format!("`{path}` is not there; correct the page with the change that moved it");
                breaches.push(Breach::new(page, number + 1, "paths", text));
            }
        }
    }
    breaches
}

fn exists(tree: &Tree, path: &str) -> bool {
    tree.has(path)
        || MADE.iter().any(|made| path.strip_prefix(made).is_some_and(|r| r.is_empty() || r.starts_with('/')))
}

/// What stands in backticks on one line.
fn ticked(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The targets of links within the repository.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|l| !l.contains(':') && !l.starts_with('#'))
}

/// A link from a page's folder, as a path from the root; nothing where it leads outside.
fn resolve(page: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('#').next()?.split('/').filter(|p| !p.is_empty() && *p != ".") {
        match part {
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// A word that looks like a path of the repository: its first part is a top-level folder, or a crate's name.
fn as_path(tree: &Tree, word: &str) -> Option<String> {
    let plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    let word = word.split("::").next().unwrap_or(word);
    let word = word.split(':').next().unwrap_or(word);
    let (first, rest) = word.split_once('/')?;
    if first.is_empty() || rest.is_empty() || !word.chars().all(plain) {
        return None;
    }
    if tree.files.iter().any(|f| f.path.split_once('/').is_some_and(|(top, _)| top == first)) {
        return Some(word.to_owned());
    }
    let inside = format!("crates/{word}");
    let folders = ["src", "tests", "examples", "Cargo.toml", "build.rs", "benches", "README.md"];
    let of_crate = folders.contains(&rest.split('/').next().unwrap_or(rest));
    (of_crate && tree.has(&format!("crates/{first}"))).then_some(inside)
}

#[cfg(test)]
mod tests {
    use super::{Tree, check};

    #[test]
    fn a_path_that_is_not_there_is_found_with_its_line() {
        let page = "`crates/fhir/src/lib.rs` and `web/near.mjs` and `fhir/src/lib.rs` and `web/dist/visor` and `text/plain` and `a/*`\n\
                    `crates/fhir/src/gone.rs`, `fhir/src/gone.rs`, [here](../docs/a.md), [gone](gone.md), `crates/fhir/src/lib.rs:9`\n\
                    [out](https://example.org/x) `GET /fhir/metadata`\n";
        let tree = Tree::of(&[
            ("docs/a.md", page),
            ("crates/fhir/src/lib.rs", "//! x"),
            ("web/pack.mjs", "// x"),
            ("docs/web/near.mjs", "// x"),
        ]);
        let found: Vec<(usize, String)> = check(&tree).into_iter().map(|b| (b.line, b.text)).collect();
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found.iter().all(|(line, text)| *line == 2 && text.contains("gone")), "{found:?}");
    }
}
