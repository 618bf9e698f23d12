//! The audit that a citizen can verify: entries in an append-only Merkle log with signed checkpoints (RFC 9162, C2SP tlog).

pub mod checkpoint;
pub mod consistency;
pub mod event;
pub mod log;
pub mod merkle;
pub mod proof;
pub mod witness;

pub use event::{Act, Entry, Outcome};
