//! A held message is applied again, from its bytes as they were received: after the cause was mended, or when this version understands more.

use crate::access::Action;
use crate::audit::Act;
use crate::messages::{Intake, MessageState, Receipt, apply_all};
use crate::peers::PeerKind;
use crate::resources::{Writer, check};
use crate::session::Session;
use badiano_kernel::{Fault, Principal, Purpose};
use badiano_store::{Expect, Tx};

/// A held message on its way through its map. Whoever administers may have it read again, and is never shown it.
pub struct Held {
    pub receipt: Receipt,
    pub original: Vec<u8>,
}

impl Session {
    /// A message that waits for a person, byte for byte.
    pub fn held_message(&self, id: &str) -> Result<Held, Fault> {
        self.administers(Action::Write)?;
        self.note(Act::Read, "hl7-held", &[], &format!("message {id}, to be applied again"))?;
        let (receipt, original) = self
            .node()
            .store()
            .read(|view| Ok((view.document("hl7-receipt", id)?, view.document("hl7-original", id)?)))?;
        let receipt: Option<Receipt> = receipt.and_then(|d| serde_json::from_slice(&d.body).ok());
        let (Some(receipt), Some(original)) = (receipt, original) else {
            return Err(Fault::not_found("no such message"));
        };
        still_held(&receipt)?;
        Ok(Held { receipt, original: original.body })
    }

    /// Applies it as its sender's, in one commit with an entry that names who asked. What still cannot be applied stays held, with why.
    pub async fn replay_message(&self, held: Held, intake: Intake) -> Result<Receipt, Fault> {
        self.administers(Action::Write)?;
        if intake.original != held.original {
            return Err(Fault::bug("what is read again is what was received"));
        }
        let id = held.receipt.id;
        let sender = self.as_sender(&held.receipt.sender)?;
        let fault =
            intake.resources.iter().find_map(|(_, r)| check(r).and_then(|()| sender.may_write(r)).err());
        let fault = fault.or(intake.needs_person.as_ref().map(|why| Fault::invalid(why.clone())));
        let (writer, as_sender, kept) = (self.writer(), sender.writer(), id.clone());
        let store = self.node().store();
        let applied = match fault {
            Some(why) => Err(why),
            None => store.write(move |tx| applied(tx, &writer, &as_sender, &kept, &intake)).await,
        };
        match applied {
            Ok(receipt) => Ok(receipt),
            Err(why) => {
                let writer = self.writer();
                store.write(move |tx| stays_held(tx, &writer, &id, &why)).await
            }
        }
    }

    /// The peer that sent it, also when it has been suspended since: what it says was taken when it was listed.
    fn as_sender(&self, name: &str) -> Result<Session, Fault> {
        let known = self.node().peers(PeerKind::Hl7)?.into_iter().find(|p| p.name == name);
        let institution = known.map_or_else(|| self.node().settings().clues.clone(), |p| p.institution);
        let principal = Principal::Peer { name: name.to_owned(), institution };
        Ok(self.node().session(principal, Purpose::Treatment, self.now()))
    }
}

fn applied(
    tx: &mut Tx<'_>,
    writer: &Writer,
    as_sender: &Writer,
    id: &str,
    intake: &Intake,
) -> Result<Receipt, Fault> {
    let mut receipt = receipt_of(tx, id)?;
    match apply_all(tx, as_sender, &receipt.sender, intake)? {
        Some(wrote) => (receipt.state, receipt.wrote) = (MessageState::Applied, wrote),
        // It was sent again in the meantime, and applied then.
        None => receipt.state = MessageState::Repeated,
    }
    (receipt.why, receipt.losses) = (String::new(), intake.losses.clone());
    keep_again(tx, writer, receipt)
}

fn stays_held(tx: &mut Tx<'_>, writer: &Writer, id: &str, why: &Fault) -> Result<Receipt, Fault> {
    let mut receipt = receipt_of(tx, id)?;
    receipt.why = why.to_string();
    keep_again(tx, writer, receipt)
}

/// The message of the commit at hand: two people may ask at once.
fn receipt_of(tx: &Tx<'_>, id: &str) -> Result<Receipt, Fault> {
    let found = tx.document("hl7-receipt", id)?.and_then(|d| serde_json::from_slice(&d.body).ok());
    let receipt: Receipt = found.ok_or_else(|| Fault::not_found("no such message"))?;
    still_held(&receipt)?;
    Ok(receipt)
}

fn still_held(receipt: &Receipt) -> Result<(), Fault> {
    match receipt.state {
        MessageState::Held => Ok(()),
        MessageState::Applied | MessageState::Repeated => {
            Err(Fault::conflict("the message is not held: it was applied"))
        }
    }
}

fn keep_again(tx: &mut Tx<'_>, writer: &Writer, mut receipt: Receipt) -> Result<Receipt, Fault> {
    receipt.replays += 1;
    let body = serde_json::to_vec(&receipt).map_err(|_| Fault::bug("a receipt is always printable"))?;
    tx.put_document("hl7-receipt", &receipt.id, &body, Expect::Any, writer.now)?;
    let outcome = if receipt.state == MessageState::Held { "stays held" } else { "is applied" };
    let what = format!("message {} of {} {outcome}", receipt.id, receipt.sender);
    writer.leaf(tx, Act::Execute, "hl7-replay", &[], &what)?;
    Ok(receipt)
}
