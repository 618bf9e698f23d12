//! Listed DICOM and HL7 v2 peers: who may speak, for which institution; who knocked and is not listed.

use crate::access::Action;
use crate::audit::Act;
use crate::node::Node;
use crate::session::Session;
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_store::Expect;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Remembered strangers; the page shows them with a button to admit.
const STRANGERS_MAX: usize = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PeerKind {
    Dicom,
    Hl7,
}

/// A peer as listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    pub id: String,
    pub kind: PeerKind,
    /// AE title, or `MSH-3|MSH-4` of the sending application and facility.
    pub name: String,
    pub description: String,
    /// The address it speaks from; `*` admits any address on this machine's loopback only.
    pub host: String,
    /// Where it listens; 0 when it only sends.
    pub port: u16,
    /// CLUES of the institution it belongs to.
    pub institution: String,
    /// SHA-256 of the certificate that it shows over TLS, in hexadecimal: whoever shows it may call from anywhere, nobody else may at all,
    /// and it is called over TLS alone. Empty: the address says who it is.
    #[serde(default)]
    pub certificate: String,
    pub active: bool,
}

/// Someone who knocked and is not listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stranger {
    pub kind: PeerKind,
    pub name: String,
    pub host: String,
    pub seen: String,
}

/// Who knocked since the start, by name and address.
pub(crate) type Strangers = Mutex<BTreeMap<(String, String), Stranger>>;

impl Node {
    /// The peer that speaks under a name from an address, as a principal. Strangers are refused and remembered.
    pub fn admit(&self, kind: PeerKind, name: &str, host: &str, now: Instant) -> Result<Principal, Fault> {
        self.admit_shown(kind, name, host, None, now)
    }

    /// The same, over a connection on which a certificate was shown.
    pub fn admit_shown(
        &self,
        kind: PeerKind,
        name: &str,
        host: &str,
        shown: Option<&str>,
        now: Instant,
    ) -> Result<Principal, Fault> {
        let is_it = |p: &Peer| match p.certificate.as_str() {
            "" => p.speaks_from(host),
            listed => shown == Some(listed),
        };
        let found = self.peers(kind)?.into_iter().find(|p| p.active && p.name == name && is_it(p));
        if let Some(peer) = found {
            let principal = Principal::Peer { name: peer.name, institution: peer.institution };
            if kind == PeerKind::Dicom {
                // A message of HL7 leaves its own entry; an association may ask for nothing but an echo.
                let session = self.session(principal.clone(), Purpose::Operations, now);
                session.note(Act::Execute, "association", &[], "DICOM association")?;
            }
            return Ok(principal);
        }
        let mut strangers = self.strangers().lock().expect("no holder of the strangers panics");
        if strangers.len() >= STRANGERS_MAX {
            strangers.pop_first();
        }
        let stranger = Stranger { kind, name: name.into(), host: host.into(), seen: now.to_rfc3339() };
        strangers.insert((name.to_owned(), host.to_owned()), stranger);
        drop(strangers);
        let door = match kind {
            PeerKind::Dicom => "DICOM association",
            PeerKind::Hl7 => "HL7 message",
        };
        self.note_stranger(door, host, now)?;
        Err(Fault::forbidden("this peer is not listed"))
    }

    /// All listed peers of a kind.
    pub fn peers(&self, kind: PeerKind) -> Result<Vec<Peer>, Fault> {
        let documents = self.store().read(|view| view.documents("peer", ""))?;
        let all = documents.iter().filter_map(|d| serde_json::from_slice::<Peer>(&d.body).ok());
        Ok(all.filter(|p| p.kind == kind).collect())
    }

    /// A peer by name, for sending to it.
    pub fn peer_named(&self, kind: PeerKind, name: &str) -> Result<Option<Peer>, Fault> {
        Ok(self.peers(kind)?.into_iter().find(|p| p.active && p.name == name))
    }
}

impl Peer {
    fn speaks_from(&self, host: &str) -> bool {
        let loopback = host.parse::<std::net::IpAddr>().is_ok_and(|a| a.to_canonical().is_loopback());
        self.host == host
            || (loopback && matches!(self.host.as_str(), "*" | "localhost" | "127.0.0.1" | "::1"))
    }
}

impl Session {
    pub fn list_peers(&self) -> Result<(Vec<Peer>, Vec<Stranger>), Fault> {
        self.inspects("peers")?;
        let mut all = self.node().peers(PeerKind::Dicom)?;
        all.extend(self.node().peers(PeerKind::Hl7)?);
        let strangers = self.node().strangers().lock().expect("no holder of the strangers panics");
        Ok((all, strangers.values().cloned().collect()))
    }

    /// Adds or changes a peer; each version is kept.
    pub async fn put_peer(&self, mut peer: Peer) -> Result<Peer, Fault> {
        self.administers(Action::Write)?;
        if peer.name.trim().is_empty() || peer.host.trim().is_empty() {
            return Err(Fault::invalid("a peer has a name and an address"));
        }
        if peer.kind == PeerKind::Dicom && peer.name.len() > 16 {
            return Err(Fault::invalid("an AE title has at most 16 characters").at("name"));
        }
        if peer.id.is_empty() {
            peer.id = badiano_kernel::id::random_uuid();
        }
        if peer.institution.is_empty() {
            peer.institution = self.node().settings().clues.clone();
        }
        let body = serde_json::to_vec(&peer).map_err(|_| Fault::bug("a peer is always printable"))?;
        let (id, name, writer) = (peer.id.clone(), peer.name.clone(), self.writer());
        self.node()
            .store()
            .write(move |tx| {
                tx.put_document("peer", &id, &body, Expect::Any, writer.now)?;
                writer.leaf(tx, Act::Update, "peer", &[], &format!("peer {name}"))
            })
            .await?;
        let mut strangers = self.node().strangers().lock().expect("no holder of the strangers panics");
        strangers.retain(|(name, _), _| *name != peer.name);
        Ok(peer)
    }

    pub async fn set_peer_active(&self, id: &str, active: bool) -> Result<(), Fault> {
        self.administers(Action::Read)?;
        let document = self.node().store().read(|view| view.document("peer", id))?;
        let peer: Option<Peer> = document.and_then(|d| serde_json::from_slice(&d.body).ok());
        let mut peer = peer.ok_or_else(|| Fault::not_found("no such peer"))?;
        peer.active = active;
        self.put_peer(peer).await.map(|_| ())
    }

    pub fn peer(&self, id: &str) -> Result<Peer, Fault> {
        self.inspects("peers")?;
        let document = self.node().store().read(|view| view.document("peer", id))?;
        document
            .and_then(|d| serde_json::from_slice(&d.body).ok())
            .ok_or_else(|| Fault::not_found("no such peer"))
    }
}
