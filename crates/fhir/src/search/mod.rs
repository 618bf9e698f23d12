//! Search of FHIR R4 (search.html): what a resource says under each parameter, and what a question asks.
//!
//! Three pure steps: [`extract`] turns a resource into index entries when it is written, [`parse`] turns the
//! text of a question into a [`Query`], and the store turns a `Query` into rows. [`matches`] answers the same question of
//! one resource without an index. The words they share are in [`query`].

mod codes;
mod compartment;
mod definition;
mod everything;
mod extract;
mod filter_expression;
mod fold;
mod hierarchy;
mod keys;
mod matches;
mod own;
mod pairs;
mod parse;
pub mod query;
mod test_value;
mod walk;

#[cfg(test)]
mod tests;

pub use codes::{Codes, FindSet, needs_codes, with_codes};
pub use compartment::in_compartment;
pub use definition::{parameter, parameters};
pub use everything::{everything, types_in};
pub use extract::{compartment_patients, extract};
pub use fold::fold;
pub use hierarchy::{LEVELS_MAX, ancestors, is_below, parent_parameter};
pub use matches::{Others, entry_matches, matches};
pub use own::{OWN_MAX, Parameters, Reading, own_parameter};
pub use pairs::pairs;
pub use parse::{ALTERNATIVES_MAX, COUNT, COUNT_MAX, NESTING_MAX, PARAMETERS_MAX, Parsed, parse, parse_all};
pub use query::{Entry, Filter, Include, Key, Modifier, Prefix, Query, Sort, Test, Total};
