//! Administration: accounts, institutions, queues, messages and the node's state (`Users` to `Status` of `web/src/api.ts`).

use super::form::{Json, Refused, json};
use super::peers::Active;
use super::session::{Enrolment, enrolment, off_the_loop, short_enough};
use crate::caller::Caller;
use crate::mllp;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use badiano_exchange::sources::Health;
use badiano_kernel::{Fault, Instant};
use badiano_record::NodeRole;
use badiano_record::accounts::{AccountView, NewAccount};
use badiano_record::condition::DiskState;
use badiano_record::messages::{MessageState, Receipt};
use badiano_record::participants::{CODE_SECONDS, HubLink, Participant};
use badiano_record::queues::Waiting;
use badiano_record::witnessing::Witnessed;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Messages that one page shows.
const MESSAGES_MAX: usize = 200;
/// How long the hub has to take a connection.
const REACH: Duration = Duration::from_secs(2);

#[derive(Serialize)]
struct Users {
    users: Vec<AccountView>,
}

#[derive(Serialize)]
struct NewUser {
    account: String,
    #[serde(flatten)]
    enrolment: Enrolment,
}

#[derive(Deserialize)]
pub struct Roles {
    roles: Vec<String>,
}

pub async fn users(caller: Caller) -> Result<Response, Refused> {
    json(&Users { users: caller.session().accounts()? })
}

/// The second factor is shown once, in this answer.
pub async fn make_user(caller: Caller, Json(mut new): Json<NewAccount>) -> Result<Response, Refused> {
    new.password = short_enough(new.password)?;
    new.cedula = new.cedula.filter(|c| !c.trim().is_empty());
    let (session, account, runtime) =
        (caller.session(), new.account.clone(), tokio::runtime::Handle::current());
    // The hash takes its time on purpose.
    let secret = off_the_loop(move || runtime.block_on(session.make_account(new))).await??;
    let enrolment = enrolment(&caller.gate.node.settings().name, &account, &secret)?;
    json(&NewUser { account, enrolment })
}

pub async fn set_user_active(
    caller: Caller,
    Path(account): Path<String>,
    Json(asked): Json<Active>,
) -> Result<StatusCode, Refused> {
    caller.session().set_account_active(&account, asked.active).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn set_user_roles(
    caller: Caller,
    Path(account): Path<String>,
    Json(asked): Json<Roles>,
) -> Result<StatusCode, Refused> {
    caller.session().set_account_roles(&account, asked.roles).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize)]
struct Institutions {
    institutions: Vec<Institution>,
}

#[derive(Serialize)]
struct Institution {
    clues: String,
    name: String,
    address: String,
    active: bool,
    certificate_serial: String,
    /// How it has answered questions since this node began; nothing where it was never asked.
    exchange: Option<Exchange>,
}

#[derive(Serialize)]
struct Exchange {
    /// `closed` (it is asked), `open` (it failed and is left alone), `half-open` (the next question tries it).
    breaker: &'static str,
    asked: u64,
    failed: u64,
    why: &'static str,
    answers_in_ms: f64,
}

#[derive(Deserialize)]
pub struct ForClues {
    clues: String,
}

#[derive(Serialize)]
struct JoinCode {
    clues: String,
    code: String,
    expires: String,
    command: String,
}

fn at_the_hub(caller: &Caller) -> Result<(), Fault> {
    match caller.gate.node.settings().role {
        NodeRole::Hub => Ok(()),
        NodeRole::Hospital => Err(Fault::not_supported("institutions are listed at the hub")),
    }
}

pub async fn institutions(caller: Caller) -> Result<Response, Refused> {
    at_the_hub(&caller)?;
    let mut exchange: BTreeMap<String, Exchange> =
        caller.gate.sources.health().into_iter().map(|h| (h.clues.clone(), exchange_of(h))).collect();
    let mut shown = |p: Participant| Institution {
        exchange: exchange.remove(&p.clues),
        clues: p.clues,
        name: p.name,
        address: p.address,
        active: p.active,
        certificate_serial: p.serial,
    };
    json(&Institutions {
        institutions: caller.session().list_participants()?.into_iter().map(&mut shown).collect(),
    })
}

fn exchange_of(health: Health) -> Exchange {
    Exchange {
        breaker: health.state.code(),
        asked: health.asked,
        failed: health.failed,
        why: health.why,
        answers_in_ms: health.answers_in_ms,
    }
}

pub async fn set_institution_active(
    caller: Caller,
    Path(clues): Path<String>,
    Json(asked): Json<Active>,
) -> Result<StatusCode, Refused> {
    at_the_hub(&caller)?;
    caller.session().set_participant_active(&clues, asked.active).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Its certificate is refused from the next handshake on, here and, as soon as they hear, at the other nodes.
pub async fn revoke(caller: Caller, Path(clues): Path<String>) -> Result<StatusCode, Refused> {
    at_the_hub(&caller)?;
    caller.session().revoke_certificate(&clues).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn make_join_code(caller: Caller, Json(asked): Json<ForClues>) -> Result<Response, Refused> {
    at_the_hub(&caller)?;
    let code = caller.session().make_join_code(asked.clues.trim()).await?;
    let expires = caller.now.plus_seconds(CODE_SECONDS).to_rfc3339();
    let clues = asked.clues.trim().to_ascii_uppercase();
    json(&JoinCode {
        command: join_command(&caller.gate.options.address, &clues, &code),
        clues,
        code,
        expires,
    })
}

/// What the hospital types; its own address and the hub's authority are its to fill in.
fn join_command(hub: &str, clues: &str, code: &str) -> String {
    format!(
        "badiano join {hub} --code {code} --clues {clues} --authority autoridad.pem --address https://SU-SERVIDOR:8443"
    )
}

#[derive(Serialize)]
struct Queues {
    items: Vec<QueueItem>,
}

#[derive(Serialize)]
struct QueueItem {
    id: u64,
    queue: String,
    tries: u32,
    due: String,
    why: String,
    dead: bool,
}

pub async fn queues(caller: Caller) -> Result<Response, Refused> {
    let shown = |w: Waiting| QueueItem {
        id: w.id,
        queue: w.queue,
        tries: w.tries,
        due: w.due.to_rfc3339(),
        why: w.why,
        dead: w.dead,
    };
    json(&Queues { items: caller.session().waiting()?.into_iter().map(shown).collect() })
}

pub async fn retry(caller: Caller, Path(id): Path<u64>) -> Result<StatusCode, Refused> {
    caller.session().retry_now(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn discard(caller: Caller, Path(id): Path<u64>) -> Result<StatusCode, Refused> {
    caller.session().discard(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize)]
struct Messages {
    messages: Vec<MessageRow>,
    losses: Vec<Losses>,
}

#[derive(Serialize)]
struct MessageRow {
    id: String,
    kind: String,
    control_id: String,
    sender: String,
    received: String,
    state: MessageState,
    why: String,
    losses: Vec<badiano_record::messages::Loss>,
    replays: u32,
}

#[derive(Debug, Serialize, PartialEq, Eq)]
struct Losses {
    sender: String,
    locations: Vec<Location>,
}

#[derive(Debug, Serialize, PartialEq, Eq)]
struct Location {
    location: String,
    count: u64,
}

pub async fn messages(caller: Caller) -> Result<Response, Refused> {
    let session = caller.session();
    let messages = session.messages(MESSAGES_MAX)?.into_iter().map(row).collect();
    json(&Messages { messages, losses: losses(session.losses()?) })
}

fn row(receipt: Receipt) -> MessageRow {
    MessageRow {
        id: receipt.id,
        kind: receipt.kind,
        control_id: receipt.control_id,
        sender: receipt.sender,
        received: receipt.received,
        state: receipt.state,
        why: receipt.why,
        losses: receipt.losses,
        replays: receipt.replays,
    }
}

/// The most frequent first.
fn losses(counted: Vec<(String, BTreeMap<String, u64>)>) -> Vec<Losses> {
    let sorted = |counts: BTreeMap<String, u64>| {
        let mut all: Vec<Location> =
            counts.into_iter().map(|(location, count)| Location { location, count }).collect();
        all.sort_by_key(|l| std::cmp::Reverse(l.count));
        all
    };
    counted.into_iter().map(|(sender, counts)| Losses { sender, locations: sorted(counts) }).collect()
}

/// A held message is read and applied again, byte for byte as it came; the answer says what became of it.
pub async fn replay(caller: Caller, Path(id): Path<String>) -> Result<Response, Refused> {
    json(&row(mllp::listener::replay(&caller.session(), &caller.gate, &id).await?))
}

#[derive(Serialize)]
struct Status {
    version: &'static str,
    started: String,
    disk: Disk,
    log: Log,
    consent_age_seconds: Option<i64>,
    hub: Option<Hub>,
    stored: Stored,
    waiting: usize,
    stuck: usize,
}

#[derive(Serialize)]
struct Disk {
    free_bytes: u64,
    total_bytes: u64,
    state: &'static str,
}

#[derive(Serialize)]
struct Log {
    entries: u64,
    checkpoint_at: Option<String>,
    /// Entries under the newest checkpoint that witnesses have cosigned.
    cosigned: u64,
    /// Logs of other nodes that this one witnesses.
    witnessed: Vec<WitnessedLog>,
}

#[derive(Serialize)]
struct WitnessedLog {
    origin: String,
    entries: u64,
    cosigned_at: String,
    /// When it first showed another history, or less than it had shown.
    alarm_at: Option<String>,
}

#[derive(Serialize)]
struct Hub {
    name: String,
    address: String,
    reachable: bool,
}

#[derive(Serialize)]
struct Stored {
    patients: u64,
    studies: u64,
    instances: u64,
    bytes: u64,
}

pub async fn status(caller: Caller) -> Result<Response, Refused> {
    // First the count: it is refused where the caller does not administer.
    let session = caller.session();
    let stored = off_the_loop(move || session.stored()).await??;
    let condition = caller.gate.node.condition(caller.now)?;
    let hub = match caller.gate.node.hub_link()? {
        Some(link) => Some(hub_of(link).await),
        None => None,
    };
    json(&Status {
        version: env!("CARGO_PKG_VERSION"),
        started: condition.opened.to_rfc3339(),
        disk: Disk {
            free_bytes: condition.free_bytes,
            total_bytes: condition.total_bytes,
            state: match condition.disk {
                DiskState::Ok => "ok",
                DiskState::Warning => "warning",
                DiskState::Full => "full",
            },
        },
        log: Log {
            entries: condition.log_entries,
            checkpoint_at: condition.checkpoint_at.map(Instant::to_rfc3339),
            cosigned: caller.gate.node.log().cosigned_size(),
            witnessed: caller.gate.node.witnessed()?.into_iter().map(shown_log).collect(),
        },
        consent_age_seconds: condition.consent_age_seconds.filter(|_| hub.is_some()),
        hub,
        stored: Stored {
            patients: stored.patients,
            studies: stored.studies,
            instances: stored.instances,
            bytes: stored.bytes,
        },
        waiting: condition.waiting,
        stuck: condition.stuck,
    })
}

fn shown_log(log: Witnessed) -> WitnessedLog {
    WitnessedLog {
        origin: log.origin,
        entries: log.size,
        cosigned_at: Instant::from_micros(log.at).to_rfc3339(),
        alarm_at: log.alarm.map(|at| Instant::from_micros(at).to_rfc3339()),
    }
}

/// Reachable: its port takes a connection now.
async fn hub_of(link: HubLink) -> Hub {
    let reachable = match host_and_port(&link.address) {
        Some((host, port)) => {
            let connect = tokio::net::TcpStream::connect((host, port));
            matches!(tokio::time::timeout(REACH, connect).await, Ok(Ok(_)))
        }
        None => false,
    };
    Hub { name: link.name, address: link.address, reachable }
}

fn host_and_port(address: &str) -> Option<(&str, u16)> {
    let authority = address.strip_prefix("https://")?.split('/').next()?;
    match authority.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() => Some((host.trim_matches(['[', ']']), port.parse().ok()?)),
        Some(_) => None,
        None => (!authority.is_empty()).then_some((authority, 443)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gives_its_host_and_port() {
        assert_eq!(host_and_port("https://hub.example:8443"), Some(("hub.example", 8443)));
        assert_eq!(host_and_port("https://hub.example/x"), Some(("hub.example", 443)));
        assert_eq!(host_and_port("https://[::1]:8443"), Some(("::1", 8443)));
        for bad in ["http://hub:1", "https://", "https://:1", "https://h:99999"] {
            assert_eq!(host_and_port(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_most_frequent_loss_of_a_sender_is_first() {
        let counted = BTreeMap::from([("PID-30".to_owned(), 2), ("ZPV".to_owned(), 9)]);
        let shown = losses(vec![("RIS|NORTE".to_owned(), counted)]);
        let order: Vec<&str> = shown[0].locations.iter().map(|l| l.location.as_str()).collect();
        assert_eq!(order, ["ZPV", "PID-30"]);
    }

    #[test]
    fn the_command_of_a_join_code_names_hub_code_and_clues() {
        let command = join_command("https://hub:8443", "DFSSA000001", "abc");
        assert!(
            command.starts_with("badiano join https://hub:8443 --code abc --clues DFSSA000001 "),
            "{command}"
        );
    }
}
