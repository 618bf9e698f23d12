//! C-MOVE as SCP (PS3.4 C.4.2): a listed peer receives the objects on an association of our own; counts come back here.

use super::answer;
use super::retrieve::{Progress, retrieval};
use super::rim::Association;
use super::send::Outbound;
use super::work::Work;
use badiano_dicom::dimse::{MoveOriginator, Parameters, Request, Response, SendRefused, Status};
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_record::Session;
use badiano_record::imaging::Outgoing;
use badiano_record::peers::{Peer, PeerKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// Told but not yet read steps of one retrieval; its sender waits then.
const TOLD_MAX: usize = 64;

/// One C-MOVE at work.
pub(super) struct Moving {
    pub context: u8,
    pub request: Request,
    told: mpsc::Receiver<Progress>,
    cancelled: Arc<AtomicBool>,
    progress: Progress,
}

pub(super) fn begin(
    association: &mut Association,
    context: u8,
    request: &Request,
    bytes: &[u8],
) -> Result<(), SendRefused> {
    match prepare(association, context, request, bytes) {
        Ok(Some(moving)) => {
            association.work.push(Work::Moving(Box::new(moving)));
            Ok(())
        }
        Ok(None) => {
            let response = Response::to(request, Status::MOVE_DESTINATION_UNKNOWN);
            association.provider.respond(context, response, false)
        }
        Err(fault) => association.provider.respond(context, answer::failure(request, &fault), false),
    }
}

/// `None`: no listed peer of this title listens anywhere.
fn prepare(
    association: &Association,
    context: u8,
    request: &Request,
    bytes: &[u8],
) -> Result<Option<Moving>, Fault> {
    let Parameters::CMove { destination, .. } = &request.parameters else {
        return Err(Fault::bug("the rim gives C-MOVE alone to this service"));
    };
    let session = association.session()?;
    let node = &association.gate.node;
    let peer = node.peer_named(PeerKind::Dicom, destination.as_str())?;
    let Some(peer) = peer.filter(|p| p.port != 0) else { return Ok(None) };
    let principal = Principal::Peer { name: peer.name.clone(), institution: peer.institution.clone() };
    let receiver = node.session(principal, Purpose::Treatment, Instant::now());
    let keys = retrieval(association, context, request, bytes)?;
    let objects = session.retrievable(&keys, Some((&receiver, &peer.name)))?;
    let originator = association
        .provider
        .negotiated()
        .map(|n| MoveOriginator { ae_title: n.calling.clone(), message_id: request.message_id });
    let (tell, told) = mpsc::channel(TOLD_MAX);
    let cancelled = Arc::new(AtomicBool::new(false));
    let progress = Progress::of(objects.len());
    let carrier = Carrier {
        session,
        objects,
        originator,
        tell,
        cancelled: cancelled.clone(),
        progress: progress.clone(),
    };
    tokio::spawn(carrier.carry(association.gate.clone(), peer));
    Ok(Some(Moving { context, request: request.clone(), told, cancelled, progress }))
}

impl Moving {
    pub fn cancel(&mut self) {
        self.cancelled.store(true, Ordering::Release);
    }

    /// The next step; `None` when the carrier has ended.
    pub fn poll_news(&mut self, cx: &mut Context<'_>) -> Poll<Option<Progress>> {
        self.told.poll_recv(cx)
    }

    /// Tells the peer how far it is. `false` when it is over.
    pub fn step(
        &mut self,
        news: Option<Progress>,
        association: &mut Association,
    ) -> Result<bool, SendRefused> {
        if let Some(progress) = news {
            self.progress = progress;
            let over = self.progress.remaining == 0 || self.progress.cancelled;
            if !over {
                let pending = self.progress.pending(&self.request);
                association.provider.respond(self.context, pending, false)?;
                return Ok(true);
            }
        }
        self.progress.close(association, self.context, &self.request)?;
        Ok(false)
    }
}

/// Carries the objects, in a task of its own; it ends when the association that asked is gone.
struct Carrier {
    session: Session,
    objects: Vec<Outgoing>,
    originator: Option<MoveOriginator>,
    tell: mpsc::Sender<Progress>,
    cancelled: Arc<AtomicBool>,
    progress: Progress,
}

impl Carrier {
    async fn carry(mut self, gate: crate::gate::Gate, peer: Peer) {
        if self.objects.is_empty() {
            return;
        }
        let mut outbound = match Outbound::connect(&gate, &peer, &self.objects).await {
            Ok(outbound) => outbound,
            Err(fault) => {
                tracing::info!(%fault, "a retrieval's destination was not reached");
                return self.give_up().await;
            }
        };
        for object in std::mem::take(&mut self.objects) {
            if self.cancelled.load(Ordering::Acquire) {
                self.progress.cancelled = true;
                let _ = self.tell.send(self.progress.clone()).await;
                break;
            }
            let status = outbound.store(&self.session, &object, self.originator.clone()).await;
            if let Err(fault) = &status {
                tracing::info!(%fault, "an object of a retrieval did not arrive");
            }
            self.progress.ended(&object.sop, status.ok());
            if self.tell.send(self.progress.clone()).await.is_err() {
                break;
            }
        }
        outbound.release().await;
    }

    async fn give_up(mut self) {
        for object in std::mem::take(&mut self.objects) {
            self.progress.ended(&object.sop, None);
        }
        let _ = self.tell.send(self.progress).await;
    }
}
