//! C-STORE as SCU (PS3.4 annex B): an association of our own over which archived objects leave.

use super::client::title;
use super::retrieve::{Sending, context_for, store_request};
use crate::gate::Gate;
use crate::wire::Wire;
use badiano_dicom::association::{Settings, State, own_implementation};
use badiano_dicom::dimse::{Event, MoveOriginator, Provider, Response, Status};
use badiano_dicom::pdu::{AssociateRq, CONTEXTS_MAX};
use badiano_kernel::id::Uid;
use badiano_kernel::{Fault, Instant};
use badiano_record::Session;
use badiano_record::imaging::Outgoing;
use badiano_record::peers::Peer;
use std::time::Duration;

/// To connect and agree.
const BEGIN: Duration = Duration::from_secs(15);
/// A peer that neither takes bytes nor answers for this long is gone.
const STEP: Duration = Duration::from_secs(60);
const READ_BYTES: usize = 16 << 10;

/// An association on which the peer receives.
pub(super) struct Outbound {
    stream: Wire,
    provider: Provider,
    buffer: Vec<u8>,
    /// Bytes a second that may leave.
    rate: Option<f64>,
}

impl Outbound {
    /// Calls a peer, and proposes the classes of these objects in the transfer syntaxes in which they stand.
    pub async fn connect(gate: &Gate, peer: &Peer, objects: &[Outgoing]) -> Result<Outbound, Fault> {
        let mut rq =
            AssociateRq::new(title(&gate.options.ae_title)?, title(&peer.name)?, proposals(objects)?);
        rq.user = own_implementation();
        let begin = async {
            let stream = Wire::connect(&gate.node, peer).await?;
            let provider = Provider::requestor(Settings::default(), rq, Instant::now());
            let mut outbound = Outbound { stream, provider, buffer: vec![0; READ_BYTES], rate: None };
            outbound.until(|event| matches!(event, Event::Accepted).then_some(())).await?;
            Ok(outbound)
        };
        tokio::time::timeout(BEGIN, begin)
            .await
            .map_err(|_| Fault::unavailable("the peer did not answer in time"))?
    }

    /// From now on no more leaves than so much.
    pub fn limit(&mut self, kilobytes_per_second: Option<u32>) {
        self.rate = kilobytes_per_second.map(|k| f64::from(k) * 1_000.0);
    }

    /// Sends one object and waits for its answer.
    pub async fn store(
        &mut self,
        session: &Session,
        object: &Outgoing,
        originator: Option<MoveOriginator>,
    ) -> Result<Status, Fault> {
        let agreed = self.provider.negotiated().and_then(|n| context_for(n, object, |c| c.roles.scu));
        let none = || Fault::not_supported("the peer takes no object of this class in this transfer syntax");
        let (context, transfer_syntax) = agreed.ok_or_else(none)?;
        let mut sending = Sending::open(session, object, &transfer_syntax)?;
        let message_id = self.provider.next_message_id();
        let request = store_request(message_id, object, originator)?;
        let refused = |e: badiano_dicom::dimse::SendRefused| Fault::unavailable(e.to_string());
        self.provider.invoke(context, request, true).map_err(refused)?;
        loop {
            let (bytes, last) = sending.next()?;
            self.provider.data(&bytes, last).map_err(refused)?;
            if last {
                break;
            }
            self.flush().await?;
            self.pace(bytes.len()).await;
        }
        let answer: Response = self
            .until(|event| match event {
                Event::Response { response, .. } if response.message_id == message_id => {
                    Some(response.clone())
                }
                _ => None,
            })
            .await?;
        Ok(answer.status)
    }

    /// Ends the association in order; a peer that does not answer is left.
    pub async fn release(mut self) {
        if self.provider.release(Instant::now()).is_ok() {
            let _ = self.until(|event| matches!(event, Event::Released).then_some(())).await;
        }
    }

    /// Waits as long as these bytes take at the rate that is allowed.
    async fn pace(&self, bytes: usize) {
        if let Some(rate) = self.rate {
            tokio::time::sleep(Duration::from_secs_f64(bytes as f64 / rate)).await;
        }
    }

    async fn flush(&mut self) -> Result<(), Fault> {
        let train = self.provider.take_outgoing();
        let written = tokio::time::timeout(STEP, self.stream.write_all(&train)).await;
        written.map_err(|_| Fault::unavailable("the peer takes nothing"))?.map_err(broken)
    }

    /// Sends what waits and reads until the event that is waited for.
    async fn until<T>(&mut self, mut wanted: impl FnMut(&Event<'_>) -> Option<T>) -> Result<T, Fault> {
        loop {
            self.flush().await?;
            if self.provider.state() == State::Sta1 {
                return Err(Fault::unavailable("the peer ended the association"));
            }
            self.stream.quick_acknowledge();
            let read = tokio::time::timeout(STEP, self.stream.read(&mut self.buffer)).await;
            let taken = read.map_err(|_| Fault::unavailable("the peer does not answer"))?.map_err(broken)?;
            if taken == 0 {
                return Err(Fault::unavailable("the peer closed the connection"));
            }
            let mut input = &self.buffer[..taken];
            while let Some(event) = self.provider.next(&mut input, Instant::now()) {
                match &event {
                    Event::Rejected(_) => return Err(Fault::forbidden("the peer refused the association")),
                    Event::Aborted(cause) => return Err(Fault::unavailable(cause.to_string())),
                    event => {
                        if let Some(found) = wanted(event) {
                            return Ok(found);
                        }
                    }
                }
            }
        }
    }
}

fn broken(_: std::io::Error) -> Fault {
    Fault::unavailable("the connection to the peer broke")
}

/// One context for each class and transfer syntax: the answer then says of each encoding whether it is taken. Besides its own,
/// every object is offered in those in which it can be given too.
fn proposals(objects: &[Outgoing]) -> Result<Vec<(Uid, Vec<Uid>)>, Fault> {
    let offers = |object| Outgoing::syntaxes(object).into_iter().map(|s| (object.sop_class.as_str(), s));
    let mut pairs: Vec<(&str, &str)> = objects.iter().flat_map(offers).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs.truncate(CONTEXTS_MAX);
    let parse = |text: &str| Uid::parse_lenient(text).map_err(|_| Fault::bug("an archived UID is one"));
    pairs.iter().map(|(class, syntax)| Ok((parse(class)?, vec![parse(syntax)?]))).collect()
}
