//! DIMSE: the messages of DICOM, their commands, and the machine that moves them over an association (PS3.7).

mod command_set;
mod message;
mod provider;
pub mod sop_class;
mod status;

#[cfg(test)]
mod tests;

pub use command_set::{COMMAND_LENGTH_MAX, CommandError, CommandErrorKind, CommandSet};
pub use message::{
    Command, MoveOriginator, Operation, Parameters, Priority, Request, Response, Suboperations, read_command,
};
pub use provider::{Cause, Event, OUTSTANDING_MAX, Provider, SendRefused, Violation};
pub use status::{Status, StatusClass};
