//! The words every layer shares. The list of modules is closed: a sixth needs a decision record.

pub mod fault;
pub mod id;
pub mod principal;
pub mod quantity;
pub mod time;

pub use fault::{Fault, FaultKind};
pub use principal::{Principal, Purpose};
pub use time::Instant;
