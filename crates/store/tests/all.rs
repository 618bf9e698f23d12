//! Tests of the store from outside, one module a subject.

mod place;
mod resources;
mod search;
