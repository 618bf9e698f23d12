//! What all doors share: the node, the wire to other nodes, and how this node is reached.

use crate::oauth::staff::Half;
use crate::oauth::{Pending, Started};
use badiano_exchange::Wire;
use badiano_exchange::ask::DEADLINE;
use badiano_exchange::kept::Kept;
use badiano_exchange::sources::Sources;
use badiano_kernel::Fault;
use badiano_record::Node;
use std::sync::{Arc, RwLock};
use std::time::Duration;

/// How this node is reached and whom it trusts to sign people in.
#[derive(Debug, Clone, Default)]
pub struct GateOptions {
    /// `https://host:port` of the door for nodes and browsers.
    pub address: String,
    /// Base that pages are opened at (`http://localhost:port` on a laptop).
    pub pages: String,
    /// This node's AE title.
    pub ae_title: String,
    /// Providers that people sign in with.
    pub providers: Vec<crate::oauth::Provider>,
    /// Set for the browser's cookie; off only where pages are served over plain HTTP on loopback.
    pub secure_cookies: bool,
    /// How long other institutions may take.
    pub patience: Patience,
    /// Hosts of subscribers, `name` or `name:port`, that may have private addresses and no TLS.
    pub subscribers: Vec<String>,
}

/// Deadlines of a question to other institutions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// While a person waits.
    pub person: Duration,
    /// While nobody does, and the most that a caller may ask for (`Prefer: wait`).
    pub longest: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience { person: DEADLINE, longest: Duration::from_secs(30) }
    }
}

/// Cheap to clone; every handler gets one.
#[derive(Clone)]
pub struct Gate {
    pub node: Node,
    pub options: Arc<GateOptions>,
    /// Remade when what it rests on changes (joining a hub, rotation, revocation); with the count of changes it was made at.
    wire: Arc<RwLock<Option<(u64, Wire)>>>,
    /// What people who asked nationally may open, and sign-ins on their way.
    pub national: Arc<crate::dicomweb::national::Opened>,
    pub pending: Arc<Pending<Started>>,
    /// What is known of the institutions that are asked, and the answers whose pages are being read.
    pub sources: Arc<Sources>,
    pub kept: Arc<Kept>,
    /// Staff whom a provider has signed in and who have not shown their second factor here.
    pub halves: Arc<Pending<Half>>,
}

impl Gate {
    pub fn new(node: Node, options: GateOptions) -> Self {
        Gate {
            node,
            options: Arc::new(options),
            wire: Arc::default(),
            national: Arc::default(),
            pending: Arc::default(),
            sources: Arc::default(),
            kept: Arc::default(),
            halves: Arc::default(),
        }
    }

    /// Speaks to other nodes under the certificate that this one has now.
    pub fn wire(&self) -> Result<Wire, Fault> {
        let version = *self.node.trust().borrow();
        let known = self.wire.read().expect("no holder of the wire panics").clone();
        if let Some((_, wire)) = known.filter(|(made_at, _)| *made_at == version) {
            return Ok(wire);
        }
        let wire = Wire::with_sources(&self.node.present_identity()?, self.sources.clone())?;
        *self.wire.write().expect("no holder of the wire panics") = Some((version, wire.clone()));
        Ok(wire)
    }

    /// The name of the browser's cookie: one a node, so that nodes on one host work side by side.
    pub fn cookie_name(&self) -> String {
        format!("badiano_{}", self.node.settings().clues.to_ascii_lowercase())
    }
}
