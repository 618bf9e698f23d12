//! No department imports another: each is one folder, and what two need stands above them.

use super::Breach;
use super::code::{Language, blank, line_at, words};
use super::tree::Tree;
use std::collections::BTreeSet;

const PLACE: &str = "crates/departments/src/";

pub fn check(tree: &Tree) -> Vec<Breach> {
    let departments: BTreeSet<&str> = tree.files.iter().filter_map(|f| department_of(&f.path)).collect();
    let mut breaches = Vec::new();
    for (path, text) in tree.with_ending(&[".rs"]) {
        let Some(own) = department_of(path) else { continue };
        let code = blank(text, Language::Rust);
        for (at, statement) in uses(&code) {
            let foreign =
                words(statement).map(|(_, word)| word).find(|w| *w != own && departments.contains(w));
            if let Some(foreign) = foreign {
                let text = format!(
                    "`{own}` imports `{foreign}`; put what both need beside the table of departments"
                );
                breaches.push(Breach::new(path, line_at(&code, at), "departments", text));
            }
        }
    }
    breaches
}

fn department_of(path: &str) -> Option<&str> {
    path.strip_prefix(PLACE)?.split_once('/').map(|(folder, _)| folder)
}

/// Paths into the crate: from `crate::` or `super::super::` to the end of the path, braces included.
fn uses(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let starts = ["crate::", "super::"].into_iter().flat_map(|start| code.match_indices(start));
    starts.map(|(at, _)| {
        let mut depth = 0_usize;
        let end = code[at..].find(|c: char| {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                _ => {}
            }
            depth == 0 && !(c.is_alphanumeric() || "_:{}".contains(c))
        });
        (at, &code[at..end.map_or(code.len(), |end| at + end)])
    })
}

#[cfg(test)]
mod tests {
    use super::{Tree, check};

    #[test]
    fn a_department_that_imports_another_is_found() {
        let radiology = "//! x\nuse crate::table::Row;\nuse crate::{\n    laboratory::Specimen,\n    table,\n};\nuse super::report;\n";
        let laboratory =
            "//! x\nfn f() { crate::laboratory::g(); }\n// crate::radiology\nfn h(radiology: u8) {}\n";
        let found = check(&Tree::of(&[
            ("crates/departments/src/radiology/mod.rs", radiology),
            ("crates/departments/src/laboratory/mod.rs", laboratory),
            ("crates/departments/src/table.rs", "//! x\nuse crate::radiology;\n"),
        ]));
        let places: Vec<(&str, usize)> = found.iter().map(|b| (b.path.as_str(), b.line)).collect();
        assert_eq!(places, [("crates/departments/src/radiology/mod.rs", 3)]);
    }
}
