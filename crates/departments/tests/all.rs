//! Departments over a real node: cases on their lists, two readers at once, waivers, and the ledger that loses nothing.

mod ledger;
mod notices;
mod place;
mod readings;
mod schedule;
mod year;
