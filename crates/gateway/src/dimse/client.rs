//! DICOM as SCU: C-ECHO to test a peer, and reports of storage commitment (PS3.4 annexes A and J).

use crate::gate::Gate;
use crate::wire::Wire;
use badiano_dicom::association::{Settings, State, own_implementation};
use badiano_dicom::dictionary::uids;
use badiano_dicom::dimse::sop_class as sop;
use badiano_dicom::dimse::{Event, Parameters, Provider, Request, StatusClass};
use badiano_dicom::pdu::{AeTitle, AssociateRq, RoleSelection};
use badiano_kernel::id::Uid;
use badiano_kernel::{Fault, Instant};
use badiano_record::peers::Peer;
use std::time::Duration;

/// The whole of one call.
const CALL: Duration = Duration::from_secs(15);

/// C-ECHO: whether the peer answers under its title.
pub async fn echo(gate: &Gate, peer: &Peer) -> Result<(), Fault> {
    let request = Request { message_id: 1, sop_class: uid(sop::VERIFICATION), parameters: Parameters::CEcho };
    call(gate, peer, request, None, false).await
}

/// N-EVENT-REPORT on an association of our own; the role is reversed by negotiation (PS3.4 J.3.3).
pub(super) async fn report(gate: &Gate, peer: &Peer, request: Request, data: &[u8]) -> Result<(), Fault> {
    call(gate, peer, request, Some(data), true).await
}

pub(super) fn uid(text: &str) -> Uid {
    Uid::parse(text).expect("constants of the standard are UIDs")
}

pub(super) fn title(text: &str) -> Result<AeTitle, Fault> {
    AeTitle::parse(text).ok_or_else(|| Fault::invalid("not an AE title"))
}

async fn call(
    gate: &Gate,
    peer: &Peer,
    request: Request,
    data: Option<&[u8]>,
    as_scp: bool,
) -> Result<(), Fault> {
    let class = request.sop_class.clone();
    let proposals = vec![(class.clone(), vec![uid(uids::IMPLICIT_VR_LITTLE_ENDIAN)])];
    let mut rq = AssociateRq::new(title(&gate.options.ae_title)?, title(&peer.name)?, proposals);
    rq.user = own_implementation();
    if as_scp {
        rq.user.roles.push(RoleSelection { sop_class: class, scu: false, scp: true });
    }
    let whole = converse(gate, peer, rq, request, data);
    tokio::time::timeout(CALL, whole)
        .await
        .map_err(|_| Fault::unavailable("the peer did not answer in time"))?
}

async fn converse(
    gate: &Gate,
    peer: &Peer,
    rq: AssociateRq,
    request: Request,
    data: Option<&[u8]>,
) -> Result<(), Fault> {
    let broken = |_| Fault::unavailable("the connection to the peer broke");
    let mut stream = Wire::connect(&gate.node, peer).await?;
    let mut provider = Provider::requestor(Settings::default(), rq, Instant::now());
    let mut buffer = vec![0_u8; 64 << 10];
    let mut request = Some(request);
    let mut outcome = Err(Fault::unavailable("the peer closed the association without an answer"));
    loop {
        let train = provider.take_outgoing();
        stream.write_all(&train).await.map_err(broken)?;
        if provider.state() == State::Sta1 {
            return outcome;
        }
        let taken = stream.read(&mut buffer).await.map_err(broken)?;
        if taken == 0 {
            provider.transport_closed();
            return outcome;
        }
        let mut input = &buffer[..taken];
        while let Some(event) = provider.next(&mut input, Instant::now()) {
            match event {
                Event::Accepted => send(&mut provider, request.take(), data)?,
                Event::Rejected(_) => return Err(Fault::forbidden("the peer refused the association")),
                Event::Response { response, .. } => {
                    outcome = match response.status.class() {
                        StatusClass::Success | StatusClass::Warning => Ok(()),
                        _ => Err(Fault::unavailable(format!(
                            "the peer answered status {:04X}",
                            response.status.0
                        ))),
                    };
                    provider.release(Instant::now()).map_err(|e| Fault::bug(e.to_string()))?;
                }
                Event::Aborted(_) => return outcome,
                _ => {}
            }
        }
    }
}

fn send(provider: &mut Provider, request: Option<Request>, data: Option<&[u8]>) -> Result<(), Fault> {
    let Some(request) = request else { return Ok(()) };
    let class = request.sop_class.as_str().to_owned();
    let context = provider.negotiated().and_then(|n| n.contexts_of(&class).next().map(|c| c.id));
    let context = context.ok_or_else(|| Fault::unavailable("the peer does not offer this service"))?;
    let refused = |e: badiano_dicom::dimse::SendRefused| Fault::unavailable(e.to_string());
    provider.invoke(context, request, data.is_some()).map_err(refused)?;
    match data {
        Some(bytes) => provider.data(bytes, true).map_err(refused),
        None => Ok(()),
    }
}
