//! Routes carried: errands of each peer's queues, the first priority first, over associations of our own (PS3.4 annex B).

use super::send::Outbound;
use crate::gate::Gate;
use badiano_dicom::dimse::StatusClass;
use badiano_kernel::{Fault, Instant};
use badiano_record::imaging::{PRIORITIES, Sending, Work, route_queue};
use badiano_record::peers::{Peer, PeerKind};
use badiano_record::queues::Item;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// Errands of one peer and priority that are taken at a time; what is more urgent is looked for between them.
const AT_A_TIME: usize = 1;
/// Objects after which it is kept which were taken.
const KEPT_EACH: usize = 50;

/// Peers that are being served: each by one task, so that a slow one holds up nobody else.
#[derive(Clone, Default)]
pub struct Busy(Arc<Mutex<HashSet<String>>>);

/// Begins a task for each peer that something is due for. Returns how many.
pub fn carry_routes(gate: &Gate, busy: &Busy, now: Instant) -> Result<usize, Fault> {
    let mut begun = 0;
    for peer in gate.node.peers(PeerKind::Dicom)?.into_iter().filter(|p| p.active && p.port != 0) {
        if next_item(gate, &peer, now)?.is_none() || !busy.take(&peer.name) {
            continue;
        }
        begun += 1;
        let (gate, busy) = (gate.clone(), busy.clone());
        tokio::spawn(async move {
            if let Err(fault) = serve(&gate, &peer).await {
                tracing::warn!(%fault, "a route's queue");
            }
            busy.give_back(&peer.name);
        });
    }
    Ok(begun)
}

impl Busy {
    fn take(&self, name: &str) -> bool {
        self.0.lock().expect("no holder of the busy peers panics").insert(name.to_owned())
    }

    fn give_back(&self, name: &str) {
        self.0.lock().expect("no holder of the busy peers panics").remove(name);
    }
}

/// The errand that is first now.
fn next_item(gate: &Gate, peer: &Peer, now: Instant) -> Result<Option<Item>, Fault> {
    for priority in PRIORITIES {
        let found = gate.node.claim(&route_queue(priority, &peer.name), now, AT_A_TIME)?;
        if let Some(item) = found.into_iter().next() {
            return Ok(Some(item));
        }
    }
    Ok(None)
}

/// Does what is due for a peer until nothing is.
async fn serve(gate: &Gate, peer: &Peer) -> Result<(), Fault> {
    while let Some(item) = next_item(gate, peer, Instant::now())? {
        let now = Instant::now();
        match gate.node.route_work(&item, peer, now).await {
            Ok(Work::Wait(until, why)) => gate.node.postpone(&item, until, why).await?,
            Ok(Work::Nothing) => gate.node.done(&item).await?,
            Ok(Work::Send(sending)) => match send_all(gate, peer, &sending).await {
                Ok(()) => gate.node.errand_done(&item, &sending, Instant::now()).await?,
                Err(fault) => gate.node.failed(&item, &fault, Instant::now()).await?,
            },
            Err(fault) => gate.node.failed(&item, &fault, now).await?,
        }
    }
    Ok(())
}

/// Sends each object; those that were taken wait no more, whatever becomes of the rest.
async fn send_all(gate: &Gate, peer: &Peer, sending: &Sending) -> Result<(), Fault> {
    let mut outbound = Outbound::connect(gate, peer, &sending.objects).await?;
    outbound.limit(sending.kilobytes_per_second);
    let (mut taken, mut refused) = (Vec::new(), 0_usize);
    let mut last = None;
    for object in &sending.objects {
        match outbound.store(&sending.session, object, None).await {
            Ok(status) if matches!(status.class(), StatusClass::Success | StatusClass::Warning) => {
                taken.push(object.sop.clone());
            }
            Ok(status) => {
                refused += 1;
                last = Some(Fault::unavailable(format!("the peer answered status {:04X}", status.0)));
            }
            Err(fault) => {
                refused += 1;
                let broken = fault.kind == badiano_kernel::FaultKind::Unavailable;
                last = Some(fault);
                if broken {
                    break;
                }
            }
        }
        if taken.len() >= KEPT_EACH {
            gate.node.routed(sending, std::mem::take(&mut taken)).await?;
        }
    }
    gate.node.routed(sending, taken).await?;
    outbound.release().await;
    match last {
        None => Ok(()),
        Some(fault) => {
            Err(Fault::new(fault.kind, format!("{refused} objects were not taken: {}", fault.text)))
        }
    }
}
