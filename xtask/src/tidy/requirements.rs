//! `docs/conformance/requirements.csv`: every requirement once, with its state, and tests that exist where it works.

use super::Breach;
use super::tree::Tree;
use std::collections::BTreeSet;

const TABLE: &str = "docs/conformance/requirements.csv";
const RULE: &str = "requirements";
const HEAD: &str = "id,state,tests,note";
const STATES: [&str; 5] = ["works", "partial", "none", "indicator", "not-software"];
/// Each group and how many requirements it has: 589 in all.
const GROUPS: [(&str, usize); 28] = [
    ("IDN", 41),
    ("PNI", 50),
    ("CON", 31),
    ("SEC", 47),
    ("AUD", 14),
    ("TER", 20),
    ("FMX", 25),
    ("POR", 29),
    ("ERX", 23),
    ("LAB", 14),
    ("VNA", 33),
    ("RIS", 27),
    ("END", 8),
    ("PAT", 8),
    ("VIE", 14),
    ("REP", 10),
    ("CDW", 27),
    ("FED", 15),
    ("AIP", 19),
    ("TEL", 10),
    ("REF", 15),
    ("V2A", 12),
    ("NOD", 12),
    ("OPS", 18),
    ("EIL", 26),
    ("TRN", 12),
    ("EHR", 19),
    ("DIR", 10),
];
/// A test of the story: `story:` and the name of a step's file, `story:01-order`.
const STEP: &str = "story:";
const STORY: &str = "tests/story/steps/";

pub fn check(tree: &Tree) -> Vec<Breach> {
    check_against(tree, &ids())
}

fn ids() -> Vec<String> {
    GROUPS.iter().flat_map(|(group, count)| (1..=*count).map(move |n| format!("{group}-{n:02}"))).collect()
}

fn check_against(tree: &Tree, ids: &[String]) -> Vec<Breach> {
    let breach = |line: usize, text: String| Breach::new(TABLE, line, RULE, text);
    let Some(text) = tree.text_of(TABLE) else {
        return vec![breach(0, "the table is not there".to_owned())];
    };
    let mut breaches = Vec::new();
    if text.lines().next() != Some(HEAD) {
        breaches.push(breach(1, format!("the first line must be `{HEAD}`")));
    }
    let tests = tests_of(tree);
    let mut seen = BTreeSet::new();
    for (number, line) in text.lines().enumerate().skip(1) {
        let mut say = |text: String| breaches.push(breach(number + 1, text));
        let Some([id, state, named, note]) = cells(line) else {
            say(format!("not a row of `{HEAD}`"));
            continue;
        };
        if !ids.contains(&id) {
            say(format!("`{id}` is no requirement"));
        }
        if !seen.insert(id.clone()) {
            say(format!("`{id}` stands here twice"));
        }
        if !STATES.contains(&state.as_str()) {
            say(format!("`{state}` is no state; one of {}", STATES.join(", ")));
        }
        if state == "works" && named.is_empty() {
            say(format!("`{id}` works: name the tests that show it"));
        }
        if state == "partial" && note.is_empty() {
            say(format!("`{id}` is partial: say in the note what is there and what is not"));
        }
        for name in named.split_whitespace().filter(|name| !is_there(tree, &tests, name)) {
            say(format!("`{id}` names the test `{name}`, which is not there"));
        }
    }
    let missing = ids.iter().filter(|id| !seen.contains(*id));
    breaches.extend(missing.map(|id| breach(0, format!("`{id}` has no row"))));
    breaches
}

/// The four cells of a row; commas stand inside quotes, quotes are doubled.
fn cells(line: &str) -> Option<[String; 4]> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(c) = letters.next() {
        let cell = cells.last_mut()?;
        match c {
            '"' if quoted && letters.peek() == Some(&'"') => cell.push(letters.next()?),
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cell.push(c),
        }
    }
    if quoted { None } else { cells.try_into().ok() }
}

/// Names of functions that Cargo runs as tests; ignored ones show nothing.
pub(super) fn tests_of(tree: &Tree) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for (_, text) in tree.with_ending(&[".rs"]).filter(|(path, _)| path.starts_with("crates/")) {
        let (mut test, mut ignored) = (false, false);
        for line in text.lines().map(str::trim_start) {
            let attribute = line.starts_with("#[");
            test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            ignored |= line.starts_with("#[ignore");
            let name =
                line.trim_start_matches("async ").strip_prefix("fn ").and_then(|rest| rest.split('(').next());
            if let (Some(name), true, false) = (name, test, ignored) {
                names.insert(name);
            }
            if !attribute && !line.starts_with("//") {
                (test, ignored) = (false, false);
            }
        }
    }
    names
}

fn is_there(tree: &Tree, tests: &BTreeSet<&str>, name: &str) -> bool {
    let Some(step) = name.strip_prefix(STEP) else {
        return tests.contains(name);
    };
    tree.has(&format!("{STORY}{step}.mjs"))
}

#[cfg(test)]
mod tests {
    use super::{TABLE, Tree, check_against, ids};

    const CODE: &str = "//! x\n    #[test]\n    fn a_curp_is_checked() {}\n#[test]\n#[ignore]\nfn slow() {}\nfn plain() {}\n\
                        #[tokio::test]\nasync fn waits() {}\n";

    fn told(rows: &str) -> Vec<String> {
        let table = format!("id,state,tests,note\n{rows}");
        let story = "// Orders arrive.\n";
        let tree = Tree::of(&[
            (TABLE, &table),
            ("crates/a/src/lib.rs", CODE),
            ("tests/story/steps/01-order.mjs", story),
        ]);
        let ids = ["IDN-01".to_owned(), "IDN-02".to_owned()];
        check_against(&tree, &ids).into_iter().map(|b| format!("{} {}", b.line, b.text)).collect()
    }

    #[test]
    fn a_table_with_every_requirement_and_true_tests_is_well() {
        assert_eq!(
            told("IDN-01,works,a_curp_is_checked waits story:01-order,\nIDN-02,none,,\"a, \"\"b\"\"\"\n"),
            [""; 0]
        );
    }

    #[test]
    fn tests_that_are_not_there_ignored_or_no_tests_are_found() {
        let told = told("IDN-01,works,gone slow plain story:gone,\nIDN-02,partial,,\n");
        assert_eq!(told.len(), 5, "{told:?}");
    }

    #[test]
    fn foreign_double_and_missing_rows_unknown_states_and_claims_without_tests_are_found() {
        let told = told("IDN-01,works,,\nIDN-01,maybe,,\nXXX-01,none,,\nIDN-03,none\n");
        assert_eq!(told.len(), 6, "{told:?}");
    }

    #[test]
    fn there_are_589_requirements() {
        assert_eq!(ids().len(), 589);
    }
}
