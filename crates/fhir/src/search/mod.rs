//! Search of FHIR R4 (search.html): what a resource says under each parameter, and what a question asks.
//!
//! Three pure steps: [`extract`] turns a resource into index entries when it is written, [`parse`] turns the
//! text of a question into a [`Query`], and the store turns a `Query` into rows. The words they share are in [`query`].

pub mod query;

pub use query::{Entry, Filter, Key, Modifier, Prefix, Query, Sort, Total};
