//! No crate grows to be the whole house.

use super::Breach;
use super::tree::{Tree, crate_of};
use std::collections::BTreeMap;

/// Below this many lines shares say nothing.
const LINES_FROM: usize = 40_000;
/// One in this many lines at most.
const SHARE: usize = 4;
const NOT_PRODUCT: [&str; 1] = ["testkit"];

pub fn check(tree: &Tree) -> Vec<Breach> {
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    for (path, text) in tree.with_ending(&[".rs"]) {
        let product = crate_of(path).filter(|name| path.contains("/src/") && !NOT_PRODUCT.contains(name));
        if let Some(name) = product {
            *lines.entry(name).or_default() += text.lines().count();
        }
    }
    let total: usize = lines.values().sum();
    if total < LINES_FROM {
        return Vec::new();
    }
    let too_large = lines.into_iter().filter(|(_, own)| own * SHARE > total);
    too_large
        .map(|(name, own)| {
            let text =
                format!("{own} of {total} lines, a quarter at most; move a room out with a decision record");
            Breach::new(&format!("crates/{name}"), 0, "shares", text)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{LINES_FROM, Tree, check};

    #[test]
    fn a_crate_of_more_than_a_quarter_is_found_once_the_product_is_large() {
        let lines = |n: usize| "x\n".repeat(n);
        let tree = |large: usize, others: usize| {
            let (large, other) = (lines(large), lines(others / 4));
            let names = ["ai", "fhir", "dicom", "store"].map(|c| format!("crates/{c}/src/lib.rs"));
            let mut files: Vec<(&str, &str)> = names.iter().map(|n| (n.as_str(), other.as_str())).collect();
            files.push(("crates/gateway/src/lib.rs", &large));
            files.push(("crates/testkit/src/lib.rs", &large));
            check(&Tree::of(&files))
        };
        assert!(tree(LINES_FROM / 4, LINES_FROM / 4 * 3).is_empty());
        let found = tree(LINES_FROM / 4 + 1, LINES_FROM / 4 * 3);
        assert_eq!(found.iter().map(|b| b.path.as_str()).collect::<Vec<_>>(), ["crates/gateway"]);
        assert!(tree(LINES_FROM / 2, LINES_FROM / 4).is_empty(), "too small a product to say");
    }
}
