//! What only the operator of the machine may ask of a running node: a copy of everything it keeps, and images brought in from its disks.

use crate::access::Action;
use crate::audit::Act;
use crate::session::Session;
use badiano_kernel::{Fault, Principal};
use std::path::Path;

/// The scope that the operator's door gives, and that no client can be registered with.
pub const OPERATE: &str = "badiano/operate";

impl Session {
    /// Copies the node into an empty folder while it runs: everything that was acknowledged before is in the copy. The key is not.
    /// Waits for the disk: call it off the event loop.
    pub fn back_up(&self, to: &Path) -> Result<(), Fault> {
        self.operates()?;
        let writer = self.writer();
        // Also brings the entries of reads that were spooled so far into the rows that are copied.
        self.node()
            .store()
            .write_from_reserve(move |tx| writer.leaf(tx, Act::Execute, "backup", &[], "a copy of the node"))
            .wait()?;
        self.node().store().backup(to)
    }

    /// Refuses whoever does not administer this node; what is done then is noted where it is done.
    pub fn may_administer(&self) -> Result<(), Fault> {
        self.administers(Action::Write)?;
        self.note(Act::Execute, "administer", &[], "the node and its certificate")
    }

    /// Requires whoever owns the data directory: files of the machine are named here.
    pub(crate) fn operates(&self) -> Result<(), Fault> {
        let may = match self.principal() {
            Principal::System { scopes, .. } => scopes.iter().any(|s| s == OPERATE),
            Principal::Job { .. } => true,
            Principal::Staff(_)
            | Principal::Citizen { .. }
            | Principal::Representative(_)
            | Principal::Peer { .. }
            | Principal::Node { .. } => false,
        };
        if may { Ok(()) } else { Err(Fault::forbidden("this takes the operator of the machine")) }
    }
}
