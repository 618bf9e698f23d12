//! The MLLP listener: each message is kept byte for byte and applied before it is acknowledged (HL7 v2.5.1 section 2.9).

use crate::gate::Gate;
use crate::tls::Tls;
use crate::wire::Wire;
use badiano_hl7::ack::{AckCode, Stamp, acknowledge, is_enhanced, refuse_unreadable, wants_commit};
use badiano_hl7::map::{Event, Tables, map};
use badiano_hl7::message::Message;
use badiano_hl7::mllp::{Decoder, encode};
use badiano_hl7::query::{self, Answer, Question};
use badiano_kernel::{Fault, Instant, Purpose, id};
use badiano_record::Session;
use badiano_record::identity::CANDIDATES_MAX;
use badiano_record::messages::{Intake, Loss, MESSAGE_BYTES_MAX, Receipt};
use badiano_record::peers::PeerKind;
use futures_util::future::join_all;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

const CONNECTIONS_MAX: usize = 256;
/// A sender that says nothing for this long is let go.
const IDLE: Duration = Duration::from_secs(15 * 60);

/// Messages of one connection that are on their way to the disk at the same time: a reading's worth at most.
const TOGETHER_MAX: usize = 64;

static TABLES: LazyLock<Tables> = LazyLock::new(Tables::standard);

/// Serves until the process ends, in the clear and, with `tls`, over TLS at the same address.
pub async fn serve(gate: Gate, tls: Option<Arc<Tls>>, listener: TcpListener) -> Result<(), Fault> {
    let slots = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_MAX));
    loop {
        let slot =
            slots.clone().acquire_owned().await.map_err(|_| Fault::bug("the semaphore is never closed"))?;
        let (stream, remote) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "an MLLP connection could not be taken");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (gate, tls) = (gate.clone(), tls.clone());
        tokio::spawn(async move {
            if let Err(error) = converse(&gate, tls.as_deref(), stream, remote).await {
                tracing::info!(%error, "an MLLP connection ended early");
            }
            drop(slot);
        });
    }
}

/// Whoever speaks: from where, and with which certificate.
struct Speaker {
    remote: SocketAddr,
    shown: Option<String>,
}

async fn converse(gate: &Gate, tls: Option<&Tls>, stream: TcpStream, remote: SocketAddr) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = match tls {
        Some(tls) => Wire::accept(tls, stream, IDLE).await?,
        None => Wire::plain(stream),
    };
    let speaker = Speaker { remote, shown: stream.shown.clone() };
    let mut decoder = Decoder::new(MESSAGE_BYTES_MAX);
    let mut buffer = vec![0_u8; 64 << 10];
    loop {
        let read = tokio::time::timeout(IDLE, stream.read(&mut buffer)).await;
        let taken = read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        if taken == 0 {
            return Ok(());
        }
        decoder.feed(&buffer[..taken]);
        loop {
            let mut frames = Vec::new();
            let mut broken = None;
            while frames.len() < TOGETHER_MAX && broken.is_none() {
                match decoder.frame() {
                    Ok(None) => break,
                    Ok(Some(frame)) => frames.push(frame),
                    Err(too_long) => broken = Some(io::Error::other(too_long.to_string())),
                }
            }
            let whole = frames.len() < TOGETHER_MAX;
            // Frames that came together wait for the disk together; they are begun, and so applied, in their order, and
            // answered in it.
            let answers = join_all(frames.into_iter().map(|frame| take(gate, frame, &speaker))).await;
            let written: Vec<u8> = answers.into_iter().flatten().flat_map(|a| encode(&a)).collect();
            stream.write_all(&written).await?;
            match broken {
                Some(error) => return Err(error),
                None if whole => break,
                None => {}
            }
        }
    }
}

/// One message in, its acknowledgement out; none where the sender asked for none.
async fn take(gate: &Gate, frame: Vec<u8>, speaker: &Speaker) -> Option<Vec<u8>> {
    let now = Instant::now();
    let (time, number) = (now.to_compact_in(&gate.node.settings().zone), id::random_uuid());
    let stamp = Stamp { now: &time, control_id: number.get(..20).unwrap_or(&number) };
    let message = match Message::parse(frame) {
        Ok(message) => message,
        Err(error) => return Some(refuse_unreadable(&error, stamp)),
    };
    let naming = super::naming(&gate.node.settings().zone, &sender_of(&message));
    if let Some(question) = query::question(&message, &TABLES, &naming) {
        let answer = question.and_then(|q| respond(gate, &message, q, speaker, now));
        let answer = answer.unwrap_or_else(|fault| Answer { fault: Some(fault), ..Answer::default() });
        return Some(query::answer(&message, &answer, &TABLES, &naming, stamp));
    }
    let enhanced = is_enhanced(&message);
    let fault = keep(gate, &message, speaker, now).await.err();
    if let Some(fault) = &fault {
        tracing::info!(%fault, "a message was not accepted");
    }
    let code = AckCode::of(fault.as_ref(), enhanced);
    if enhanced && !wants_commit(&message, fault.is_none()) {
        return None;
    }
    Some(acknowledge(&message, code, fault.as_ref(), stamp))
}

/// What a listed sender is called: its application and its facility.
fn sender_of(message: &Message) -> String {
    format!("{}|{}", message.get("MSH-3.1").trim(), message.get("MSH-4.1").trim())
}

/// The session of the sender, if it is listed and speaks from where it may, or with the certificate that is listed.
fn admitted(gate: &Gate, message: &Message, speaker: &Speaker, now: Instant) -> Result<Session, Fault> {
    let host = speaker.remote.ip().to_canonical().to_string();
    let shown = speaker.shown.as_deref();
    let peer = gate.node.admit_shown(PeerKind::Hl7, &sender_of(message), &host, shown, now)?;
    Ok(gate.node.session(peer, Purpose::Treatment, now))
}

/// Who may be a person (IHE PDQ), or the other numbers of one (IHE PIX): decided and logged as `$match` and `$ihe-pix` are.
fn respond(
    gate: &Gate,
    message: &Message,
    question: Question,
    speaker: &Speaker,
    now: Instant,
) -> Result<Answer, Fault> {
    let session = admitted(gate, message, speaker, now)?;
    match question {
        Question::Who { patient, systems, limit, skip } => {
            let found = known_or_likely(&session, &patient)?.into_iter();
            let told = found.filter_map(|(p, likely)| Some((query::of_systems(&p, &systems)?, likely)));
            let told: Vec<_> = told.collect();
            let total = told.len();
            let people = told.into_iter().skip(skip).take(limit).collect();
            Ok(Answer { people, total, before: skip.min(total), fault: None })
        }
        Question::Numbers { system, value, systems } => {
            let found = session.cross_referenced(&system, &value)?;
            let nobody = || Fault::not_found("nobody is known by this number").at("QPD-3.1");
            let mut patient = found.ok_or_else(nobody)?.resource;
            let others = patient["identifier"].items().iter();
            let others = others.filter(|i| i.str_of("system") != system || i.str_of("value") != value);
            let others: Vec<_> = others.cloned().collect();
            patient.set("identifier", badiano_fhir::Value::Array(others));
            let told = query::of_systems(&patient, &systems);
            let told = told.filter(|p| !p["identifier"].items().is_empty());
            let people: Vec<_> = told.into_iter().map(|p| (p, None)).collect();
            Ok(Answer { total: people.len(), people, before: 0, fault: None })
        }
    }
}

/// Who bears a number of the question, else who is like the person that it describes.
fn known_or_likely(
    session: &Session,
    asked: &badiano_fhir::Value,
) -> Result<Vec<(badiano_fhir::Value, Option<f64>)>, Fault> {
    for number in asked["identifier"].items().iter().filter(|i| !i.str_of("system").is_empty()) {
        let bearer = session.cross_referenced(number.str_of("system"), number.str_of("value"))?;
        if let Some(bearer) = bearer {
            return Ok(vec![(bearer.resource, None)]);
        }
    }
    let candidates = session.match_patient(asked, false, CANDIDATES_MAX)?;
    Ok(candidates.into_iter().map(|c| (c.patient.resource, Some(c.probability))).collect())
}

async fn keep(gate: &Gate, message: &Message, speaker: &Speaker, now: Instant) -> Result<(), Fault> {
    let (name, session) = (sender_of(message), admitted(gate, message, speaker, now)?);
    let (intake, lacks) = read(gate, message, &name);
    session.receive_message(intake).await?;
    // It is kept, and shown as held; only its sender can mend it.
    lacks.map_or(Ok(()), |why| Err(Fault::invalid(why)))
}

/// Reads a kept message once more, for the administrator who has it applied again.
pub async fn replay(session: &Session, gate: &Gate, id: &str) -> Result<Receipt, Fault> {
    let held = session.held_message(id)?;
    let message = Message::parse(held.original.clone()).map_err(|e| Fault::invalid(e.to_string()))?;
    let (intake, _) = read(gate, &message, &held.receipt.sender);
    session.replay_message(held, intake).await
}

/// What the map of a sender makes of its message, and what it cannot be applied without.
fn read(gate: &Gate, message: &Message, name: &str) -> (Intake, Option<&'static str>) {
    let mapped = map(message, &TABLES, &super::naming(&gate.node.settings().zone, name)).clinical();
    let mut losses: Vec<Loss> = Vec::new();
    for loss in mapped.losses {
        losses.extend(std::iter::repeat_n(
            Loss { location: loss.location, reason: loss.reason },
            loss.count.min(100),
        ));
    }
    let intake = Intake {
        kind: mapped.kind,
        control_id: mapped.control_id,
        original: message.bytes().to_vec(),
        resources: mapped.resources,
        merges: match mapped.event {
            Event::Merge(pairs) => pairs.into_iter().map(|m| (m.from, m.to)).collect(),
            _ => Vec::new(),
        },
        needs_person: mapped.lacks.or(mapped.needs_person).map(str::to_owned),
        losses,
    };
    (intake, mapped.lacks)
}
