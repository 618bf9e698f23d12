//! What all doors share: the node, the wire to other nodes, and how this node is reached.

use badiano_exchange::Wire;
use badiano_kernel::Fault;
use badiano_record::Node;
use badiano_record::authority::Identity;
use std::sync::{Arc, RwLock};

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
}

/// Cheap to clone; every handler gets one.
#[derive(Clone)]
pub struct Gate {
    pub node: Node,
    pub options: Arc<GateOptions>,
    /// Remade when the node's certificate changes (joining a hub, rotation).
    wire: Arc<RwLock<Option<Wire>>>,
    /// What people who asked nationally may open, and sign-ins on their way.
    pub national: Arc<crate::dicomweb::national::Opened>,
    pub pending: Arc<crate::oauth::Pending>,
}

impl Gate {
    pub fn new(node: Node, options: GateOptions, identity: &Identity) -> Result<Self, Fault> {
        let gate = Gate {
            node,
            options: Arc::new(options),
            wire: Arc::default(),
            national: Arc::default(),
            pending: Arc::default(),
        };
        gate.use_identity(identity)?;
        Ok(gate)
    }

    /// Speaks to other nodes under this certificate from now on.
    pub fn use_identity(&self, identity: &Identity) -> Result<(), Fault> {
        let wire = Wire::new(identity)?;
        *self.wire.write().expect("no holder of the wire panics") = Some(wire);
        Ok(())
    }

    pub fn wire(&self) -> Result<Wire, Fault> {
        let wire = self.wire.read().expect("no holder of the wire panics");
        wire.clone().ok_or_else(|| Fault::unavailable("this node has no certificate yet"))
    }

    /// The name of the browser's cookie: one a node, so that nodes on one host work side by side.
    pub fn cookie_name(&self) -> String {
        format!("badiano_{}", self.node.settings().clues.to_ascii_lowercase())
    }
}
