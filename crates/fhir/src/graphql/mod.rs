//! GraphQL over FHIR resources (FHIR R4, graphql.html; GraphQL October 2016 query language, without mutations and introspection).
//!
//! A query is read once, within limits, and run over element trees: fields, arguments that filter lists, fragments, aliases, the
//! directives of FHIR, references followed by `resource`, and searches that a [`Source`] answers.

mod parse;
mod run;
#[cfg(test)]
mod tests;

pub use parse::{Document, Fields, read};
pub use run::{Answer, COST_MAX, Found, NODES_MAX, Source, run};

use badiano_kernel::Fault;

/// Longest text of a query.
pub const QUERY_BYTES_MAX: usize = 64 << 10;
/// Selections inside selections, fragments included.
pub const DEPTH_MAX: usize = 24;
/// Fields, fragments and arguments of one query.
pub const PARTS_MAX: usize = 2_000;

fn wrong(text: impl Into<String>) -> Fault {
    Fault::invalid(text).at("query")
}
