//! What leaves a node's durable queues for other nodes: registrations and representations to the hub, consents to the hospitals. At least once, in order a person.

use crate::wire::Wire;
use badiano_fhir::json;
use badiano_kernel::{Fault, FaultKind, Instant, Principal, Purpose};
use badiano_record::consent_register::{SPREAD, Statement};
use badiano_record::orders::REGISTRATIONS;
use badiano_record::queues::Item;
use badiano_record::representation::REPRESENTATIONS;
use badiano_record::revocation::REVOCATIONS;
use badiano_record::{Node, NodeRole};
use std::time::Duration;

const AT_A_TIME: usize = 64;
const DEADLINE: Duration = Duration::from_secs(10);
/// How often a hospital tells itself that it heard from the hub, a third of the lease at most.
pub const HEARTBEAT: Duration = Duration::from_secs(60);

/// Carries what is due. Returns how many items left.
pub async fn carry(node: &Node, wire: &Wire, now: Instant) -> Result<usize, Fault> {
    match node.settings().role {
        NodeRole::Hospital => carry_registrations(node, wire, now).await,
        NodeRole::Hub => carry_consents(node, wire, now).await,
    }
}

async fn carry_registrations(node: &Node, wire: &Wire, now: Instant) -> Result<usize, Fault> {
    let Some(hub) = node.hub_link()? else { return Ok(0) };
    let session = node.session(Principal::Job { name: "registration" }, Purpose::Operations, now);
    let mut carried = 0;
    for item in node.claim(REGISTRATIONS, now, AT_A_TIME)? {
        let id = String::from_utf8_lossy(&item.payload).into_owned();
        let sent = match session.read("Patient", &id) {
            Ok(patient) => {
                let body = json::to_string(&patient.resource);
                wire.post_json(&format!("{}/pni/registrations", hub.address), body, None, DEADLINE)
                    .await
                    .map(|_| ())
            }
            Err(fault) if fault.kind == FaultKind::NotFound => Ok(()),
            Err(fault) => Err(fault),
        };
        carried += settle(node, &item, sent, now).await?;
    }
    for item in node.claim(REPRESENTATIONS, now, AT_A_TIME)? {
        let body = String::from_utf8_lossy(&item.payload).into_owned();
        let to = format!("{}/pni/representations", hub.address);
        let sent = wire.post_json(&to, body, None, DEADLINE).await;
        carried += settle(node, &item, sent.map(|_| ()), now).await?;
    }
    Ok(carried)
}

async fn carry_consents(node: &Node, wire: &Wire, now: Instant) -> Result<usize, Fault> {
    let mut carried = 0;
    for participant in node.participants()?.into_iter().filter(|p| p.active) {
        for item in node.claim(&format!("{SPREAD}/{}", participant.clues), now, AT_A_TIME)? {
            let body = String::from_utf8_lossy(&item.payload).into_owned();
            let sent =
                wire.post_json(&format!("{}/pni/consent", participant.address), body, None, DEADLINE).await;
            carried += settle(node, &item, sent.map(|_| ()), now).await?;
        }
        for item in node.claim(&format!("{REVOCATIONS}/{}", participant.clues), now, AT_A_TIME)? {
            let body = list_of(Some(&String::from_utf8_lossy(&item.payload)));
            let to = format!("{}/pni/revocations", participant.address);
            let sent = wire.post_json(&to, body, None, DEADLINE).await;
            carried += settle(node, &item, sent.map(|_| ()), now).await?;
        }
    }
    Ok(carried)
}

/// The list of revoked certificates as it travels; nothing where nothing was ever revoked.
pub fn list_of(list: Option<&str>) -> String {
    serde_json::json!({ "list": list }).to_string()
}

/// The way back from [`list_of`].
pub fn read_list(body: &[u8]) -> Result<Option<String>, Fault> {
    #[derive(serde::Deserialize)]
    struct Body {
        list: Option<String>,
    }
    let read = serde_json::from_slice::<Body>(body);
    read.map(|b| b.list).map_err(|_| Fault::invalid("this is no list of revoked certificates"))
}

async fn settle(node: &Node, item: &Item, sent: Result<(), Fault>, now: Instant) -> Result<usize, Fault> {
    match sent {
        Ok(()) => node.done(item).await.map(|()| 1),
        Err(fault) if fault.kind == FaultKind::Invalid => node.stuck(item, &fault).await.map(|()| 0),
        Err(fault) => node.failed(item, &fault, now).await.map(|()| 0),
    }
}

/// Hospital: catches up on revoked certificates and all consents, and renews the lease; nothing when there is no hub.
pub async fn catch_up(node: &Node, wire: &Wire, now: Instant) -> Result<(), Fault> {
    let Some(hub) = node.hub_link()? else { return Ok(()) };
    let body = wire.post_json(&format!("{}/pni/consents", hub.address), "{}".into(), None, DEADLINE).await?;
    let all = json::parse(&body).map_err(|_| Fault::unavailable("the hub's consents cannot be read"))?;
    let as_hub = Principal::Node { institution: hub.clues, name: hub.name, on_behalf_of: None };
    let session = node.session(as_hub, Purpose::Operations, now);
    let list = format!("{}/pni/revocation-list", hub.address);
    if let Some(list) = read_list(&wire.post_json(&list, "{}".into(), None, DEADLINE).await?)? {
        session.take_revocations(&list).await?;
    }
    for value in all.items() {
        let statement = Statement::from_value(value)
            .ok_or_else(|| Fault::unavailable("a consent of the hub cannot be read"))?;
        session.take_consent(statement).await?;
    }
    session.renew_lease().await
}
