//! Storage Commitment Push Model as SCP (PS3.4 annex J): what was asked is kept, and the answer says what is durably here.

use super::answer;
use super::client;
use super::rim::Association;
use crate::gate::Gate;
use badiano_dicom::dataset::DataSet;
use badiano_dicom::dictionary::Coding;
use badiano_dicom::dimse::sop_class as sop;
use badiano_dicom::dimse::{Parameters, Request, Response, SendRefused, Status, StatusClass};
use badiano_dicom::{Tag, tags};
use badiano_kernel::id::Uid;
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_record::peers::PeerKind;
use badiano_record::queues::Item;
use serde::{Deserialize, Serialize};

/// Objects in one request.
const OBJECTS_MAX: usize = 50_000;
const FAILURE_REASON: Tag = Tag(0x0008, 0x1197);
const NO_SUCH_OBJECT_INSTANCE: i64 = 0x0112;
const CLASS_INSTANCE_CONFLICT: i64 = 0x0119;

/// A request as it waits in the queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Asked {
    transaction: String,
    /// SOP class and instance.
    objects: Vec<(String, String)>,
    /// AE title and institution of the peer that asked.
    ae: String,
    institution: String,
}

/// A report on its way over an association.
pub(super) struct Reporting {
    pub message_id: u16,
    pub item: Item,
}

pub(super) async fn ask(
    association: &mut Association,
    context: u8,
    request: &Request,
    bytes: &[u8],
) -> Result<(), SendRefused> {
    let kept = keep(association, context, request, bytes).await;
    let (item, asked) = match kept {
        Ok(kept) => kept,
        Err(fault) => return association.provider.respond(context, answer::failure(request, &fault), false),
    };
    association.provider.respond(context, Response::to(request, Status::SUCCESS), false)?;
    // On the same association first; a peer that has gone by then is called on one of its own.
    let report = match report_of(&association.gate, &asked) {
        Ok(report) => report,
        Err(fault) => {
            tracing::warn!(%fault, "a commitment report waits");
            return Ok(());
        }
    };
    let coding = answer::coding(&association.provider, context);
    let message_id = association.provider.next_message_id();
    let event = event_request(message_id, report.1);
    if association.provider.invoke(context, event, true).is_ok() {
        association.provider.data(&report.0.write(coding), true)?;
        association.reporting.push(Reporting { message_id, item });
    }
    Ok(())
}

/// The peer answered a report.
pub(super) async fn answered(association: &mut Association, response: &Response) {
    let Some(at) = association.reporting.iter().position(|r| r.message_id == response.message_id) else {
        return;
    };
    let reporting = association.reporting.swap_remove(at);
    let node = &association.gate.node;
    let done = match response.status.class() {
        StatusClass::Success | StatusClass::Warning => node.done(&reporting.item).await,
        _ => {
            node.failed(&reporting.item, &Fault::unavailable("the peer refused the report"), Instant::now())
                .await
        }
    };
    if let Err(fault) = done {
        tracing::warn!(%fault, "a commitment report stays in its queue");
    }
}

async fn keep(
    association: &mut Association,
    context: u8,
    request: &Request,
    bytes: &[u8],
) -> Result<(Item, Asked), Fault> {
    if !matches!(request.parameters, Parameters::NAction { action_type: 1, .. }) {
        return Err(Fault::invalid("storage commitment is asked by action type 1"));
    }
    let unreadable = |_| Fault::invalid("the data set cannot be read");
    let set = DataSet::read(bytes, answer::coding(&association.provider, context)).map_err(unreadable)?;
    let transaction = set
        .text(tags::TRANSACTION_UID)
        .ok_or_else(|| Fault::invalid("no transaction UID").at("(0008,1195)"))?;
    let items = set.items(tags::REFERENCED_SOP_SEQUENCE);
    if items.is_empty() || items.len() > OBJECTS_MAX {
        return Err(Fault::invalid("between 1 and 50,000 objects are named in one request").at("(0008,1199)"));
    }
    let text = |i: &DataSet, tag| i.text(tag).unwrap_or_default();
    let objects = items
        .iter()
        .map(|i| (text(i, tags::REFERENCED_SOP_CLASS_UID), text(i, tags::REFERENCED_SOP_INSTANCE_UID)));
    let Some(Principal::Peer { name, institution }) = association.principal.clone() else {
        return Err(Fault::unauthenticated("no association stands"));
    };
    let asked = Asked { transaction, objects: objects.collect(), ae: name, institution };
    let payload = serde_json::to_vec(&asked).map_err(|_| Fault::bug("a request is always printable"))?;
    let session = association.session()?;
    let item = session.queue_commitment(&asked.ae, &asked.transaction, payload).await?;
    Ok((item, asked))
}

/// The report and its event type: 1 when everything is here, 2 when something is not.
fn report_of(gate: &Gate, asked: &Asked) -> Result<(DataSet, u16), Fault> {
    let principal = Principal::Peer { name: asked.ae.clone(), institution: asked.institution.clone() };
    let session = gate.node.session(principal, Purpose::Treatment, Instant::now());
    let (mut here, mut missing) = (Vec::new(), Vec::new());
    for (class, instance) in &asked.objects {
        let mut item = DataSet::new();
        item.set_text(tags::REFERENCED_SOP_CLASS_UID, class);
        item.set_text(tags::REFERENCED_SOP_INSTANCE_UID, instance);
        match session.committed(instance)? {
            Some(stored) if stored == *class => here.push(item),
            other => {
                let reason = if other.is_some() { CLASS_INSTANCE_CONFLICT } else { NO_SUCH_OBJECT_INSTANCE };
                item.set_ints(FAILURE_REASON, &[reason]);
                missing.push(item);
            }
        }
    }
    let mut set = DataSet::new();
    set.set_text(tags::TRANSACTION_UID, &asked.transaction);
    set.set_text(tags::RETRIEVE_AE_TITLE, &gate.options.ae_title);
    if !here.is_empty() {
        set.set_items(tags::REFERENCED_SOP_SEQUENCE, here);
    }
    let event_type = if missing.is_empty() { 1 } else { 2 };
    if !missing.is_empty() {
        set.set_items(tags::FAILED_SOP_SEQUENCE, missing);
    }
    Ok((set, event_type))
}

fn event_request(message_id: u16, event_type: u16) -> Request {
    let uid = |text: &str| Uid::parse(text).expect("constants of the standard are UIDs");
    Request {
        message_id,
        sop_class: uid(sop::STORAGE_COMMITMENT_PUSH),
        parameters: Parameters::NEventReport {
            sop_instance: uid(sop::STORAGE_COMMITMENT_PUSH_INSTANCE),
            event_type,
        },
    }
}

/// Reports that could not be given on the association they were asked on: called out to where the peer listens.
pub async fn carry(gate: &Gate, now: Instant) -> Result<usize, Fault> {
    let mut carried = 0;
    for peer in gate.node.peers(PeerKind::Dicom)?.into_iter().filter(|p| p.active) {
        for item in gate.node.claim(&badiano_record::imaging::commitment_queue(&peer.name), now, 16)? {
            let asked: Asked = serde_json::from_slice(&item.payload)
                .map_err(|_| Fault::bug("a kept request can be read"))?;
            let sent = if peer.port == 0 {
                Err(Fault::unavailable("the peer listens nowhere: its report waits"))
            } else {
                let (set, event_type) = report_of(gate, &asked)?;
                let bytes = set.write(Coding::ImplicitLittle);
                client::report(gate, &peer, event_request(1, event_type), &bytes).await
            };
            match sent {
                Ok(()) => {
                    gate.node.done(&item).await?;
                    carried += 1;
                }
                Err(fault) => gate.node.failed(&item, &fault, now).await?,
            }
        }
    }
    Ok(carried)
}
