//! The departments of a hospital, one folder each, all of one shape, listed in one table.
//!
//! What two departments need stands here, beside the table; no department imports another.

pub mod catalogue;
pub mod department;
pub mod mrrt;
pub mod radiology;
pub mod template;
#[cfg(test)]
mod tests;

pub use department::{Department, Screen, Topic};

use badiano_record::workflow::Workflow;

/// Every department of the product.
pub const DEPARTMENTS: &[&Department] = &[&radiology::DEPARTMENT];

/// How each of them works, for opening a node.
pub const WORKFLOWS: &[&Workflow] = &workflows();

const fn workflows() -> [&'static Workflow; DEPARTMENTS.len()] {
    let mut all = [&radiology::DEPARTMENT.workflow; DEPARTMENTS.len()];
    let mut n = 0;
    while n < DEPARTMENTS.len() {
        all[n] = &DEPARTMENTS[n].workflow;
        n += 1;
    }
    all
}

/// The department with this code.
pub fn named(code: &str) -> Option<&'static Department> {
    DEPARTMENTS.iter().copied().find(|d| d.code == code)
}
