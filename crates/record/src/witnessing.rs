//! Nodes witness each other's audit logs: each epoch a log shows its newest checkpoint to its witnesses (a hospital to its hub, the hub
//! to the hospitals), which cosign what continues what they cosigned, and raise an alarm where it does not (C2SP tlog-witness).

use crate::audit::checkpoint::{SigningKey, VerifierKey};
use crate::audit::merkle::Hash;
use crate::audit::witness::{self, Refused};
use crate::audit::{Act, checkpoint};
use crate::node::{Node, NodeRole};
use crate::session::Session;
use badiano_kernel::{Fault, Instant, Principal};
use badiano_store::View;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};

/// How often a log asks its witnesses. A request is never on its way for longer.
pub const EPOCH_SECONDS: i64 = 10;
/// Cosignatures that one checkpoint carries, so that a proof stays small.
pub const COSIGNATURES_MAX: usize = 5;
/// Documents: by origin, what this node has cosigned.
const WITNESSED: &str = "witnessed";

/// What this node knows of a log that it witnesses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witnessed {
    pub origin: String,
    pub size: u64,
    root: String,
    /// When it was cosigned last, in microseconds since 1970.
    pub at: i64,
    /// When the log first showed another history, or less than it had shown; it stays until the end of time.
    pub alarm: Option<i64>,
}

/// What a witness answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cosigned {
    /// A signature line for the note.
    Line(String),
    /// Where the proof has to begin.
    Behind(u64),
    /// The log shows another history than it did before: the alarm was raised.
    Refused,
}

/// Another node that witnesses this one's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    pub clues: String,
    pub address: String,
}

impl Witnessed {
    fn seen(&self) -> Option<(u64, Hash)> {
        witness::hash(&self.root).map(|root| (self.size, root))
    }
}

fn witnessed(view: &View<'_>, origin: &str) -> Result<Option<Witnessed>, Fault> {
    let kept = view.document(WITNESSED, origin)?;
    kept.map(|d| serde_json::from_slice(&d.body).map_err(|_| Fault::bug("what was cosigned cannot be read")))
        .transpose()
}

impl Node {
    fn witness_key(&self) -> SigningKey {
        let name = format!("testigo.badiano.mx/{}", self.settings().clues);
        SigningKey::from_seed(&name, &self.secret("witness signing"))
    }

    /// What this node's cosignatures are checked with.
    pub fn witness_verifier(&self) -> VerifierKey {
        self.witness_key().witness_verifier()
    }

    /// Who witnesses this node's log.
    pub fn witnesses(&self) -> Result<Vec<Witness>, Fault> {
        Ok(match self.settings().role {
            NodeRole::Hospital => {
                let hub = self.hub_link()?;
                hub.map(|hub| Witness { clues: hub.clues, address: hub.address }).into_iter().collect()
            }
            NodeRole::Hub => {
                let active = self.participants()?.into_iter().filter(|p| p.active);
                active.map(|p| Witness { clues: p.clues, address: p.address }).collect()
            }
        })
    }

    /// The logs that this node witnesses, as it has seen them.
    pub fn witnessed(&self) -> Result<Vec<Witnessed>, Fault> {
        let all = self.store().read(|view| view.documents(WITNESSED, ""))?;
        Ok(all.iter().filter_map(|d| serde_json::from_slice(&d.body).ok()).collect())
    }

    /// What a witness is asked about a checkpoint: the note, and the proof that it continues the one of `old` leaves.
    pub fn witness_request(&self, note: &str, old: u64) -> Result<String, Fault> {
        let size = checkpoint::open(note, &[]).map_or(0, |opened| opened.checkpoint.size);
        let proof = self.log().consistency(self.store(), old, size)?;
        Ok(witness::request(old, &proof, note))
    }

    /// Keeps the cosignatures of one checkpoint, each with the key of its witness; one that does not hold is left out.
    pub fn keep_cosignatures(
        &self,
        note: &str,
        lines: &[(String, VerifierKey)],
        now: Instant,
    ) -> Result<usize, Fault> {
        let mut cosigned = note.to_owned();
        let mut kept = 0;
        for (line, key) in lines.iter().take(COSIGNATURES_MAX) {
            let with = format!("{note}{line}");
            let names = checkpoint::open(&with, std::slice::from_ref(key)).map(|opened| opened.signers);
            if line.lines().count() == 1 && names.is_some_and(|names| names == [key.name.clone()]) {
                cosigned.push_str(line);
                kept += 1;
            }
        }
        if kept > 0 {
            self.log().keep_cosigned(self.store(), cosigned, now)?;
        }
        Ok(kept)
    }
}

impl Session {
    /// A node's log asks this one to cosign: of its own institution's log alone. What is cosigned is durable before it is answered.
    pub async fn cosign(&self, request: &str) -> Result<Cosigned, Fault> {
        let log = self.log_of_asker()?;
        // Once in fifteen minutes: two logs that witness each other do not grow by it.
        self.note(Act::Execute, "cosign", &[], &log.name)?;
        let (request, writer, key) = (request.to_owned(), self.writer(), self.node().witness_key());
        let now = self.now();
        self.node()
            .store()
            .write_from_reserve(move |tx| {
                let before = witnessed(tx, &log.name)?;
                let judged = witness::judge(&request, &log, before.as_ref().and_then(Witnessed::seen));
                let alarm = before.as_ref().and_then(|b| b.alarm);
                match judged {
                    Ok(said) => {
                        let seen = Witnessed {
                            origin: log.name.clone(),
                            size: said.size,
                            root: BASE64.encode(said.root),
                            at: now.micros,
                            alarm,
                        };
                        tx.replace_document(WITNESSED, &log.name, &printed(&seen)?, now)?;
                        let seconds = u64::try_from(now.seconds()).unwrap_or_default();
                        Ok(Cosigned::Line(key.cosign(&said.body(), seconds)))
                    }
                    Err(Refused::Malformed) => Err(Fault::invalid("this is no request to a witness")),
                    Err(Refused::Unsigned) => Err(Fault::forbidden("the log has not signed this checkpoint")),
                    Err(Refused::Behind(size)) => Ok(Cosigned::Behind(size)),
                    // A request that was long on its way comes after a later one: that is no deletion.
                    Err(Refused::RolledBack(size)) if before.as_ref().is_some_and(|b| now < late(b)) => {
                        Ok(Cosigned::Behind(size))
                    }
                    Err(Refused::Forked | Refused::RolledBack(_)) => {
                        if let Some(seen) = before.filter(|b| b.alarm.is_none()) {
                            let seen = Witnessed { alarm: Some(now.micros), ..seen };
                            tx.replace_document(WITNESSED, &log.name, &printed(&seen)?, now)?;
                            let what = format!("the log {} shows another history than before", log.name);
                            writer.leaf(tx, Act::Execute, "log-forked", &[], &what)?;
                        }
                        Ok(Cosigned::Refused)
                    }
                }
            })
            .await
    }

    fn log_of_asker(&self) -> Result<VerifierKey, Fault> {
        let Principal::Node { institution, on_behalf_of: None, .. } = self.principal() else {
            return Err(Fault::forbidden("a node asks for its own log"));
        };
        let line = match self.node().settings().role {
            NodeRole::Hospital => self.node().hub_link()?.map(|hub| hub.log_key),
            NodeRole::Hub => {
                let listed = self.node().listed()?;
                listed.iter().find(|p| p.clues == *institution).map(|p| p.log_key.clone())
            }
        };
        let key = line.as_deref().and_then(VerifierKey::parse);
        key.ok_or_else(|| Fault::forbidden("the key of this log is not known here"))
    }
}

fn late(before: &Witnessed) -> Instant {
    Instant::from_micros(before.at).plus_seconds(EPOCH_SECONDS)
}

fn printed(seen: &Witnessed) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(seen).map_err(|_| Fault::bug("what was cosigned is always printable"))
}
