//! Radiology: from the order to the signed report (IHE RAD SWF.b); the shape that every other department follows.

pub mod assign;
mod report;
#[cfg(test)]
mod tests;
mod topic;
mod workflow;

use crate::catalogue::Catalogue;
use crate::department::{Department, Screen};
use std::sync::LazyLock;

pub const DEPARTMENT: Department = Department {
    code: "radiology",
    es: "Radiología e imagen",
    en: "Radiology and imaging",
    workflow: workflow::WORKFLOW,
    topics: topic::TOPICS,
    catalogue: &CATALOGUE,
    templates: &report::TEMPLATES,
    screens: SCREENS,
    story: &["place", "schedule", "arrive", "begin", "image", "perform", "claim", "save", "sign"],
};

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    Catalogue::parse(include_str!("catalogue.csv")).expect("a test reads the file that is compiled in")
});

const SCREENS: &[Screen] = &[Screen { name: "lists", json: include_str!("screens/lists.json") }];
