//! The one binary of Badiano.

fn main() {}
