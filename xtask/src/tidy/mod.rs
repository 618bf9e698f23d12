//! `cargo xtask tidy`: the house rules that check themselves, one file each; every breach says where, which rule, what to do.

mod arrows;
mod blobs;
mod code;
mod departments;
mod first_line;
mod functions;
mod names;
mod paths;
mod purity;
mod requirements;
mod shares;
mod sizes;
mod threats;
mod tree;

use tree::Tree;

/// One place where a rule is not kept.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Breach {
    pub path: String,
    /// From 1; 0 where the whole file is meant.
    pub line: usize,
    pub rule: &'static str,
    /// What is wrong, and what to do.
    pub text: String,
}

impl Breach {
    fn new(path: &str, line: usize, rule: &'static str, text: impl Into<String>) -> Self {
        Breach { path: path.to_owned(), line, rule, text: text.into() }
    }
}

pub fn run(arguments: &[String]) -> Result<(), String> {
    if !arguments.is_empty() {
        return Err("usage: cargo xtask tidy".to_owned());
    }
    let tree = Tree::of_checkout(crate::place::root())?;
    let mut breaches = check(&tree);
    breaches.extend(arrows::check(&arrows::read()?));
    breaches.extend(blobs::check(&blobs::read(crate::place::root())?));
    breaches.sort();
    for breach in &breaches {
        println!("{}:{}: {}: {}", breach.path, breach.line, breach.rule, breach.text);
    }
    println!("tidy: {} files, {} breaches", tree.files.len(), breaches.len());
    if breaches.is_empty() { Ok(()) } else { Err(format!("{} breaches of the house rules", breaches.len())) }
}

/// The rules that need the files alone.
fn check(tree: &Tree) -> Vec<Breach> {
    let rules: [fn(&Tree) -> Vec<Breach>; 10] = [
        arrows::check_exports,
        departments::check,
        first_line::check,
        functions::check,
        names::check,
        paths::check,
        threats::check,
        purity::check,
        shares::check,
        sizes::check,
    ];
    let mut breaches: Vec<Breach> = rules.iter().flat_map(|rule| rule(tree)).collect();
    breaches.extend(requirements::check(tree));
    breaches
}
