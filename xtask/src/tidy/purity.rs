//! The parsers' layer is pure: no files, no network, no clock, no threads, no async.

use super::Breach;
use super::code::{Language, blank};
use super::tree::{Tree, crate_of};

const PURE: [&str; 4] = ["fhir", "dicom", "hl7", "mexico"];
const IMPURE: [&str; 9] = [
    "std::fs",
    "std::net",
    "std::thread",
    "std::process",
    "std::env::var",
    "SystemTime::now",
    "Instant::now",
    "tokio::",
    "async fn",
];

pub fn check(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (path, text) in tree.with_ending(&[".rs"]) {
        let pure = crate_of(path).is_some_and(|c| PURE.contains(&c)) && path.contains("/src/");
        if !pure || path.ends_with("tests.rs") || path.contains("/tests/") {
            continue;
        }
        let code = blank(text, Language::Rust);
        // Tests at the end of a module may read fixtures and measure time.
        let product = code.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in product.lines().enumerate() {
            if let Some(found) = IMPURE.iter().find(|i| line.contains(**i)) {
                let text = format!("`{found}` in a pure crate; take the value as an argument");
                breaches.push(Breach::new(path, number + 1, "purity", text));
            }
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::{Tree, check};

    #[test]
    fn a_clock_in_a_parser_is_found_and_in_its_tests_it_may_stand() {
        let parser =
            "//! x\nfn now() { std::time::Instant::now(); }\n#[cfg(test)]\nmod tests { use std::fs; }\n";
        let found =
            check(&Tree::of(&[("crates/hl7/src/mllp.rs", parser), ("crates/store/src/lib.rs", parser)]));
        assert_eq!(
            found.iter().map(|b| (b.path.as_str(), b.line)).collect::<Vec<_>>(),
            [("crates/hl7/src/mllp.rs", 2)]
        );
    }
}
