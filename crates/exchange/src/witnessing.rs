//! A node's log asks its witnesses each epoch to cosign its newest checkpoint (C2SP tlog-witness, `add-checkpoint`).

use crate::wire::Wire;
use badiano_kernel::{Fault, Instant};
use badiano_record::Node;
use badiano_record::audit::checkpoint::VerifierKey;
use badiano_record::witnessing::{EPOCH_SECONDS, Witness};
use futures_util::future::join_all;
use std::time::Duration;

/// The header in which a witness names the key of its cosignatures.
pub const WITNESS_KEY: &str = "x-badiano-witness-key";
/// Shorter than an epoch: a request is never on its way when the next begins.
const DEADLINE: Duration = Duration::from_secs(4);
const _: () = assert!(2 * DEADLINE.as_secs() < EPOCH_SECONDS.unsigned_abs());

/// Asks every witness about the newest checkpoint, unless it is cosigned already. Returns how many cosignatures it carries then.
pub async fn ask_witnesses(node: &Node, wire: &Wire, now: Instant) -> Result<usize, Fault> {
    let note = node.log().checkpoint();
    if node.log().is_cosigned(&note) {
        return Ok(0);
    }
    let witnesses = node.witnesses()?;
    let asked = join_all(witnesses.iter().map(|w| ask(node, wire, w, &note))).await;
    let mut lines = Vec::new();
    for (witness, answer) in witnesses.iter().zip(asked) {
        match answer {
            Ok(line) => lines.push(line),
            Err(fault) => tracing::warn!(%fault, witness = %witness.clues, "the log was not cosigned"),
        }
    }
    node.keep_cosignatures(&note, &lines, now)
}

/// First from where this witness was last; it says where it is when that is not so.
async fn ask(
    node: &Node,
    wire: &Wire,
    witness: &Witness,
    note: &str,
) -> Result<(String, VerifierKey), Fault> {
    let url = format!("{}/pni/cosign", witness.address);
    let mut old = node.log().cosigned_size();
    for _ in 0..2 {
        let answer = wire.post_text(&url, node.witness_request(note, old)?, WITNESS_KEY, DEADLINE).await?;
        match answer.status {
            200 => {
                let key = VerifierKey::parse(&answer.header);
                return key.map(|key| (answer.body, key)).ok_or_else(|| Fault::invalid("it names no key"));
            }
            409 => {
                let size = answer.body.trim().parse();
                old = size.map_err(|_| Fault::invalid("it does not say where it is"))?;
            }
            422 => {
                return Err(Fault::conflict(
                    "THE WITNESS HAS SEEN ANOTHER HISTORY OF THIS LOG: it forked, lost entries or was rolled back",
                ));
            }
            status => return Err(Fault::unavailable(format!("it answered {status}"))),
        }
    }
    Err(Fault::unavailable("it is ahead of this log"))
}
