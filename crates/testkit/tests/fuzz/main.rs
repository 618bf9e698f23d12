//! Hostile input for every parser of the pure layer: none panics, loops, or takes more memory than its input allows.

mod driver;
mod judge;
mod minimise;
mod mutate;
mod targets;

use peak_alloc::PeakAlloc;

/// Counts what is held, so that a case can be charged for its peak.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;
