//! `docs/threats.md`: each threat names what stands in its way, and tests that exist.

use super::Breach;
use super::requirements::tests_of;
use super::tree::Tree;

const PAGE: &str = "docs/threats.md";
const RULE: &str = "threats";
const HEAD: &str = "| Threat | What stands in the way | Test |";

pub fn check(tree: &Tree) -> Vec<Breach> {
    let breach = |line: usize, text: String| Breach::new(PAGE, line, RULE, text);
    let Some(text) = tree.text_of(PAGE) else {
        return vec![breach(0, "the page is not there".to_owned())];
    };
    let tests = tests_of(tree);
    let (mut breaches, mut rows) = (Vec::new(), 0);
    let lines = text.lines().enumerate().filter(|(_, l)| l.starts_with('|'));
    for (number, line) in lines.filter(|(_, l)| *l != HEAD && !l.starts_with("|---")) {
        rows += 1;
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [threat, way, named] = cells[..] else {
            breaches.push(breach(number + 1, format!("not a row of `{HEAD}`")));
            continue;
        };
        if threat.is_empty() || way.is_empty() {
            breaches.push(breach(number + 1, "a threat and what stands in its way".to_owned()));
        }
        let names: Vec<&str> = named.split(',').map(|n| n.trim().trim_matches('`')).collect();
        for name in names.iter().filter(|n| !tests.contains(**n)) {
            breaches.push(breach(number + 1, format!("the test `{name}` is not there")));
        }
    }
    if rows == 0 {
        breaches.push(breach(0, "no threat is named".to_owned()));
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::{HEAD, PAGE, Tree, check};

    fn told(row: &str) -> usize {
        let page = format!("{HEAD}\n|---|---|---|\n{row}\n");
        let code = "//! x\n#[test]\nfn it_holds() {}\n";
        check(&Tree::of(&[(PAGE, &page), ("crates/a/src/lib.rs", code)])).len()
    }

    #[test]
    fn a_threat_whose_test_is_missing_is_a_breach() {
        assert_eq!(told("| a | b | `it_holds` |"), 0);
        assert_eq!(told("| a | b | `it_holds`, `it_does_not` |"), 1);
        assert_eq!(told("| a | b | |"), 1, "no test");
        assert_eq!(told("| a | `it_holds` |"), 1, "a cell is missing");
        assert_eq!(told(""), 1, "no row");
    }
}
