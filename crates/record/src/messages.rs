//! Messages of old systems (HL7 v2): kept byte for byte, applied in the same commit, and what was not understood is counted.

use crate::audit::Act;
use crate::bundle::resolve;
use crate::class::DataClass;
use crate::orders;
use crate::patient_index;
use crate::resources::{Precondition, Writer, check};
use crate::session::Session;
use badiano_fhir::Value;
use badiano_kernel::{Fault, Instant, Principal, id};
use badiano_store::{Expect, Stub, Tx, View};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Longest message that is kept.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// A message with what its map made of it.
#[derive(Debug, Clone)]
pub struct Intake {
    /// `ADT^A04` and its like.
    pub kind: String,
    /// MSH-10.
    pub control_id: String,
    pub original: Vec<u8>,
    /// Resources with the full URL that others refer to them by, in the order in which they are written.
    pub resources: Vec<(String, Value)>,
    /// The patients that a merge names, from and into, each by its identifiers as the map reads them.
    pub merges: Vec<(Value, Value)>,
    /// Why a person must look at it before anything is applied.
    pub needs_person: Option<String>,
    /// Where something was not understood, and why.
    pub losses: Vec<Loss>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// `PID-30`, `ZPV`.
    pub location: String,
    pub reason: String,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    pub id: String,
    pub kind: String,
    pub control_id: String,
    pub sender: String,
    pub received: String,
    pub state: MessageState,
    /// Why it was not applied; for a person to mend.
    pub why: String,
    /// `Patient/1`, `ServiceRequest/2`: what it wrote.
    pub wrote: Vec<String>,
    pub losses: Vec<Loss>,
    /// How often a person had it applied again.
    #[serde(default)]
    pub replays: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageState {
    Applied,
    /// The same message came before; nothing was done twice.
    Repeated,
    /// Kept, and waits for a person.
    Held,
}

/// A sender, and how often each location was not understood.
pub type SenderLosses = (String, BTreeMap<String, u64>);

impl Session {
    /// Keeps the message and applies it, in one commit. What cannot be applied is held for a person, not refused.
    pub async fn receive_message(&self, intake: Intake) -> Result<Receipt, Fault> {
        let Principal::Peer { name, .. } = self.principal() else {
            return Err(Fault::forbidden("messages come from listed peers"));
        };
        if intake.original.len() > MESSAGE_BYTES_MAX {
            return Err(Fault::too_costly("the message is longer than 16 MiB"));
        }
        let sender = name.clone();
        let fault =
            intake.resources.iter().find_map(|(_, r)| check(r).and_then(|()| self.may_write(r)).err());
        let fault = fault.or(intake.needs_person.as_ref().map(|why| Fault::invalid(why.clone())));
        let writer = self.writer();
        let kept = intake.clone();
        let first = self
            .node()
            .store()
            .write({
                let (writer, sender, fault) = (writer.clone(), sender.clone(), fault.clone());
                move |tx| match fault {
                    Some(fault) => hold(tx, &writer, &sender, &intake, &fault),
                    None => take(tx, &writer, &sender, &intake),
                }
            })
            .await;
        let receipt = match first {
            Ok(receipt) => receipt,
            // Applying failed and left nothing; the message itself is kept all the same.
            Err(why) => self.node().store().write(move |tx| hold(tx, &writer, &sender, &kept, &why)).await?,
        };
        Ok(receipt)
    }

    /// The newest messages, for the traffic page. No content of a message is shown here.
    pub fn messages(&self, limit: usize) -> Result<Vec<Receipt>, Fault> {
        self.inspects("messages")?;
        let documents = self.node().store().read(|view| view.last_documents("hl7-receipt", limit))?;
        Ok(documents.iter().filter_map(|d| serde_json::from_slice(&d.body).ok()).collect())
    }

    /// The loss ledger: by sender and location, how often something was not understood.
    pub fn losses(&self) -> Result<Vec<SenderLosses>, Fault> {
        self.inspects("losses of messages")?;
        let documents = self.node().store().read(|view| view.documents("hl7-losses", ""))?;
        let parse = |body: &[u8]| serde_json::from_slice(body).unwrap_or_default();
        Ok(documents.into_iter().map(|d| (d.key, parse(&d.body))).collect())
    }

    /// A message as it was received. It holds patient data: a clinical role, and an entry in the audit.
    pub fn message_original(&self, id: &str) -> Result<Vec<u8>, Fault> {
        self.may_read_classes(DataClass::Orders.bit())?;
        let found = self.node().store().read(|view| {
            let Some(original) = view.document("hl7-original", id)? else { return Ok(None) };
            let receipt = view.document("hl7-receipt", id)?;
            let receipt = receipt.and_then(|d| serde_json::from_slice::<Receipt>(&d.body).ok());
            let wrote = receipt.map(|r| r.wrote).unwrap_or_default();
            Ok(self.sees_message(view, &wrote)?.then_some((original.body, wrote)))
        })?;
        let (original, wrote) = found.ok_or_else(|| Fault::not_found("no such message"))?;
        let patients: Vec<String> =
            wrote.iter().filter_map(|w| w.strip_prefix("Patient/")).map(str::to_owned).collect();
        self.note(Act::Read, "hl7-original", &patients, &format!("message {id}"))?;
        Ok(original)
    }

    /// Who may see all that a message became may see the message; one that became nothing yet is an order of nobody known.
    fn sees_message(&self, view: &View<'_>, wrote: &[String]) -> Result<bool, Fault> {
        if wrote.is_empty() {
            let class = DataClass::Orders.bit();
            let source = self.node().settings().clues.clone();
            return Ok(self.sees(&Stub {
                kind: "ServiceRequest".into(),
                id: String::new(),
                pat: 0,
                class,
                source,
            }));
        }
        for target in wrote {
            let Some((kind, id)) = target.split_once('/') else { return Ok(false) };
            if view.get(kind, id)?.is_some_and(|stored| !self.sees_stored(&stored)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn take(tx: &mut Tx<'_>, writer: &Writer, sender: &str, intake: &Intake) -> Result<Receipt, Fault> {
    let Some(wrote) = apply_all(tx, writer, sender, intake)? else {
        let what = format!("a message of {sender} that came before");
        writer.leaf(tx, Act::Execute, "hl7-message", &[], &what)?;
        return Ok(receipt(writer.now, sender, intake, MessageState::Repeated, Vec::new()));
    };
    let receipt = receipt(writer.now, sender, intake, MessageState::Applied, wrote);
    keep(tx, writer, intake, &receipt)?;
    Ok(receipt)
}

/// Writes what a message says, and returns where; nothing when the same message was applied before.
pub(crate) fn apply_all(
    tx: &mut Tx<'_>,
    writer: &Writer,
    sender: &str,
    intake: &Intake,
) -> Result<Option<Vec<String>>, Fault> {
    let content: String =
        digest(&SHA256, &intake.original).as_ref().iter().map(|b| format!("{b:02x}")).collect();
    let control = format!("{sender}|{}", intake.control_id);
    let known = tx.document("hl7-control", &control)?.is_some_and(|d| d.body == content.as_bytes());
    if known {
        return Ok(None);
    }
    tx.put_document("hl7-control", &control, content.as_bytes(), Expect::Any, writer.now)?;
    let mut targets = BTreeMap::new();
    let mut wrote = Vec::new();
    for (full_url, resource) in &intake.resources {
        let mut resource = resource.clone();
        resolve(&mut resource, &targets);
        let target = apply(tx, writer, resource)?;
        targets.insert(full_url.clone(), target.clone());
        wrote.push(target);
    }
    for (from, into) in &intake.merges {
        let from = patient_index::register(tx, writer, from.clone())?;
        let into = patient_index::register(tx, writer, into.clone())?;
        crate::merges::merge(tx, writer, from.resource.id(), into.resource.id())?;
    }
    Ok(Some(wrote))
}

fn apply(tx: &mut Tx<'_>, writer: &Writer, mut resource: Value) -> Result<String, Fault> {
    let kind = resource.resource_type().to_owned();
    if kind == "Patient" {
        let person = patient_index::register(tx, writer, resource)?;
        orders::register_at_hub(tx, writer, &person.resource)?;
        return Ok(format!("Patient/{}", person.resource.id()));
    }
    let key = orders::business_key(&resource);
    let known = match &key {
        Some(key) => tx.document("business-id", key)?.and_then(|d| String::from_utf8(d.body).ok()),
        None => None,
    };
    let id = known.unwrap_or_else(|| id::LogicalId::random().as_str().to_owned());
    resource.set("id", id.as_str());
    // A later message says only what it is about (a cancellation names no procedure); the rest stays as it was.
    if let Some(old) = tx.get(&kind, &id)?.filter(|o| !o.deleted) {
        resource = patient_index::carry_over(&old.body, resource);
    }
    if let Some(key) = key {
        tx.put_document("business-id", &key, id.as_bytes(), Expect::Any, writer.now)?;
    }
    let written = writer.put(tx, resource, Precondition::None, "hl7-message")?;
    orders::follow(tx, writer, &written.resource)?;
    Ok(format!("{kind}/{id}"))
}

fn hold(
    tx: &mut Tx<'_>,
    writer: &Writer,
    sender: &str,
    intake: &Intake,
    why: &Fault,
) -> Result<Receipt, Fault> {
    let mut receipt = receipt(writer.now, sender, intake, MessageState::Held, Vec::new());
    receipt.why = why.to_string();
    keep(tx, writer, intake, &receipt)?;
    Ok(receipt)
}

fn receipt(now: Instant, sender: &str, intake: &Intake, state: MessageState, wrote: Vec<String>) -> Receipt {
    let random: [u8; 4] = id::random_bytes();
    Receipt {
        id: format!("{:016x}{:08x}", now.micros, u32::from_be_bytes(random)),
        kind: intake.kind.clone(),
        control_id: intake.control_id.clone(),
        sender: sender.to_owned(),
        received: now.to_rfc3339(),
        state,
        why: String::new(),
        wrote,
        losses: intake.losses.clone(),
        replays: 0,
    }
}

fn keep(tx: &mut Tx<'_>, writer: &Writer, intake: &Intake, receipt: &Receipt) -> Result<(), Fault> {
    tx.put_document("hl7-original", &receipt.id, &intake.original, Expect::Any, writer.now)?;
    let body = serde_json::to_vec(receipt).map_err(|_| Fault::bug("a receipt is always printable"))?;
    tx.put_document("hl7-receipt", &receipt.id, &body, Expect::Any, writer.now)?;
    if !receipt.losses.is_empty() {
        let before = tx.document("hl7-losses", &receipt.sender)?;
        let mut counts: BTreeMap<String, u64> =
            before.and_then(|d| serde_json::from_slice(&d.body).ok()).unwrap_or_default();
        for loss in &receipt.losses {
            *counts.entry(format!("{} {}", receipt.kind, loss.location)).or_default() += 1;
        }
        let body = serde_json::to_vec(&counts).map_err(|_| Fault::bug("counts are always printable"))?;
        tx.put_document("hl7-losses", &receipt.sender, &body, Expect::Any, writer.now)?;
    }
    writer.leaf(tx, Act::Create, "hl7-message", &[], &format!("message {} of {}", receipt.id, receipt.sender))
}
