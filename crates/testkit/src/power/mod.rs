//! Loss of power under a whole program: what it asked of the disk is recorded, and every disk that a crash may leave is built from it.
//!
//! The program runs under strace (a peer of the tests, like DCMTK), so that SQLite, which writes by itself, is recorded like our own
//! files. Taken as true: a write is on the disk for certain only when a later `fsync` or `fdatasync` of its file has returned, a name
//! only when one of its folder has. Everything else may be there, in part, or not, in any order (Pillai et al., OSDI 2014, "All File
//! Systems Are Not Created Equal", is where this way of testing comes from).

mod disk;
mod trace;

pub use disk::crash;
pub use trace::{Action, Op, Trace, record};
