//! Results on their way back to the sender of the order: ORU^R01 from the durable queue, sent again until it is acknowledged.

use crate::gate::Gate;
use crate::wire::Wire;
use badiano_fhir::Value;
use badiano_hl7::from_fhir::{Envelope, Report, oru_r01};
use badiano_hl7::message::{Charset, Message};
use badiano_hl7::mllp::{Decoder, encode};
use badiano_kernel::{Fault, FaultKind, Instant, Principal, Purpose};
use badiano_mexico::naming;
use badiano_record::messages::MESSAGE_BYTES_MAX;
use badiano_record::peers::{Peer, PeerKind};
use badiano_record::reports::{RESULTS, SECTION_EXTENSION};
use std::time::Duration;

const AT_A_TIME: usize = 16;
const ANSWER: Duration = Duration::from_secs(15);

/// Sends what is due to every listed sender. Returns how many were acknowledged.
pub async fn carry_results(gate: &Gate, now: Instant) -> Result<usize, Fault> {
    let mut carried = 0;
    for peer in gate.node.peers(PeerKind::Hl7)?.into_iter().filter(|p| p.active) {
        for item in gate.node.claim(&format!("{RESULTS}/{}", peer.name), now, AT_A_TIME)? {
            let report = String::from_utf8_lossy(&item.payload).into_owned();
            match send_result(gate, &peer, &report, now).await {
                Ok(()) => {
                    gate.node.done(&item).await?;
                    carried += 1;
                }
                Err(fault) if matches!(fault.kind, FaultKind::Invalid | FaultKind::NotSupported) => {
                    gate.node.stuck(&item, &fault).await?;
                }
                Err(fault) => gate.node.failed(&item, &fault, now).await?,
            }
        }
    }
    Ok(carried)
}

/// Whether something listens that speaks MLLP: an application-level question that asks for nothing.
pub async fn ping(gate: &Gate, peer: &Peer) -> Result<(), Fault> {
    let now = Instant::now();
    let time = now.to_compact_in(&gate.node.settings().zone);
    let (application, facility) = peer.name.split_once('|').unwrap_or((&peer.name, ""));
    let text = format!(
        "MSH|^~\\&|BADIANO|{}|{application}|{facility}|{time}||NMQ^N01|{}|T|2.5.1\r",
        gate.node.settings().clues,
        now.micros
    );
    send(gate, peer, text.as_bytes()).await.map(|_| ())
}

async fn send_result(gate: &Gate, peer: &Peer, id: &str, now: Instant) -> Result<(), Fault> {
    let session = gate.node.session(Principal::Job { name: "results" }, Purpose::Operations, now);
    let report = session.read("DiagnosticReport", id)?.resource;
    let referred = |reference: &str| -> Value {
        let found = reference.split_once('/').and_then(|(kind, id)| session.read(kind, id).ok());
        found.map_or(Value::Null, |v| v.resource)
    };
    let patient = referred(report["subject"].str_of("reference"));
    let order = referred(report["basedOn"][0].str_of("reference"));
    let study = report["imagingStudy"][0]
        .str_of("reference")
        .strip_prefix("ImagingStudy/")
        .unwrap_or_default()
        .to_owned();
    let authorities: Vec<(&str, &str)> = naming::NAMINGS.iter().map(|n| (n.system, n.word)).collect();
    let (application, facility) = peer.name.split_once('|').unwrap_or((&peer.name, ""));
    let settings = gate.node.settings();
    let (time, control_id) = (now.to_compact_in(&settings.zone), format!("B{:016x}", now.micros));
    let envelope = Envelope {
        sender: ("BADIANO", &settings.clues),
        receiver: (application, facility),
        now: &time,
        control_id: &control_id,
        zone: &settings.zone,
        charset: Charset::Utf8,
    };
    let text = text_of(&report);
    let what = Report {
        report: &report,
        patient: &patient,
        order: &order,
        text: &text,
        study_uid: &study,
        authorities: &authorities,
    };
    let (message, _) = oru_r01(&envelope, &what)?;
    let answer = send(gate, peer, &message).await?;
    match answer.get("MSA-1").trim() {
        "AA" | "CA" => Ok(()),
        "AR" | "CR" => Err(Fault::invalid("the receiver rejected the result")),
        _ => Err(Fault::unavailable("the receiver did not take the result")),
    }
}

/// The sections of a report as people read them.
fn text_of(report: &Value) -> String {
    let sections = report["extension"].items().iter().filter(|e| e.str_of("url") == SECTION_EXTENSION);
    let part = |section: &Value, name: &str| -> String {
        let found = section["extension"].items().iter().find(|e| e.str_of("url") == name);
        found.map_or(String::new(), |e| e.str_of("valueString").to_owned())
    };
    let texts: Vec<String> = sections.map(|s| format!("{}: {}", part(s, "title"), part(s, "text"))).collect();
    texts.join("\n")
}

/// Over TLS where the peer's certificate is listed.
async fn send(gate: &Gate, peer: &Peer, message: &[u8]) -> Result<Message, Fault> {
    if peer.port == 0 {
        return Err(Fault::unavailable("the peer listens nowhere"));
    }
    let whole = async {
        let broken = |_| Fault::unavailable("the connection to the peer broke");
        let mut stream = Wire::connect(&gate.node, peer).await?;
        stream.write_all(&encode(message)).await.map_err(broken)?;
        let mut decoder = Decoder::new(MESSAGE_BYTES_MAX);
        let mut buffer = vec![0_u8; 16 << 10];
        loop {
            let taken = stream.read(&mut buffer).await.map_err(broken)?;
            if taken == 0 {
                return Err(Fault::unavailable("the peer closed the connection without an answer"));
            }
            decoder.feed(&buffer[..taken]);
            if let Some(frame) = decoder.frame().map_err(|e| Fault::unavailable(e.to_string()))? {
                return Message::parse(frame)
                    .map_err(|e| Fault::unavailable(format!("the answer is no message: {e}")));
            }
        }
    };
    tokio::time::timeout(ANSWER, whole).await.map_err(|_| Fault::unavailable("no answer in time"))?
}
