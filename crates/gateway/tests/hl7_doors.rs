//! Every kind of message of the HL7 tables, from senders that are not listed and from one that is.

use crate::asking::mllp;
use crate::person::{SENDER, sender};
use crate::world::{NORTE, World, list_peer, system};
use badiano_hl7::map::Tables;
use badiano_record::messages::MessageState;
use badiano_record::peers::PeerKind;

/// A message of a kind about the patient, from an application and facility.
fn message(world: &World, kind: &str, from: &str, control: &str) -> Vec<u8> {
    let of_patient = String::from_utf8(world.patient.messages("H")[0].clone()).expect("UTF-8");
    let mut segments: Vec<String> = of_patient.split('\r').map(str::to_owned).collect();
    let mut head: Vec<String> = segments[0].split('|').map(str::to_owned).collect();
    let (application, facility) = from.split_once('|').expect("MSH-3|MSH-4");
    (head[2], head[3], head[8], head[9]) = (application.into(), facility.into(), kind.into(), control.into());
    segments[0] = head.join("|");
    segments.join("\r").into_bytes()
}

fn kinds() -> Vec<String> {
    Tables::standard().kinds().map(str::to_owned).collect()
}

fn code(answer: &str) -> &str {
    answer.split('\r').find(|s| s.starts_with("MSA|")).and_then(|s| s.split('|').nth(1)).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_message_is_taken_from_a_sender_that_is_not_listed_and_the_refusal_is_in_the_log() {
    let world = World::new().await;
    let admin = || system(&world.norte.node, "badiano/admin");
    list_peer(&world.norte.node, PeerKind::Hl7, "SUSPENDIDO|NORTE", NORTE).await;
    let (peers, _) = admin().list_peers().expect("peers");
    let suspended = peers.iter().find(|p| p.name == "SUSPENDIDO|NORTE").expect("listed");
    admin().set_peer_active(&suspended.id, false).await.expect("suspended");
    let before = admin().messages(1000).expect("receipts").len();
    let watch = world.norte.watch().await;
    let (mut tried, mut taken) = (0, Vec::new());
    for from in ["NADIE|NORTE", "RIS|OTRA", "ris|norte", "SUSPENDIDO|NORTE", "|"] {
        for kind in kinds() {
            let sent = message(&world, &kind, from, &format!("X{tried}"));
            let answer = mllp(world.norte.mllp, &sent).await;
            tried += 1;
            let tells = world.patient.marks().iter().any(|m| answer.contains(m.as_str()));
            if !matches!(code(&answer), "AR" | "AE" | "CR" | "CE") || tells {
                taken.push(format!("{kind} from {from}: {answer}"));
            }
        }
    }
    println!("{} kinds of HL7 messages, {tried} tries of senders that are not listed", kinds().len());
    assert!(taken.is_empty(), "doors without an access decision:\n{}", taken.join("\n"));
    let entries = watch.entries().await;
    let noted = entries.iter().any(|e| {
        let what = |e: &badiano_fhir::Value| e.str_of("description").starts_with("HL7 message,");
        e.str_of("outcome") == "4" && e["entity"].items().iter().any(what)
    });
    assert!(noted, "no entry of a refusal");
    assert_eq!(admin().messages(1000).expect("receipts").len(), before, "nothing of a stranger is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_message_is_acknowledged_to_a_listed_sender_and_is_in_the_log() {
    let world = World::new().await;
    assert_eq!(SENDER, format!("{}|{}", sender().application, sender().facility));
    let mut unlogged = Vec::new();
    let told = |kind: &String| !["QBP", "QRY"].contains(&&kind[..3]);
    for (n, kind) in kinds().into_iter().filter(told).enumerate() {
        let from = format!("RIS{n}|NORTE");
        list_peer(&world.norte.node, PeerKind::Hl7, &from, NORTE).await;
        let watch = world.norte.watch().await;
        let answer = mllp(world.norte.mllp, &message(&world, &kind, &from, &format!("Y{n}"))).await;
        let there_already = watch.holds();
        assert!(matches!(code(&answer), "AA" | "CA"), "{kind}: {answer}");
        let entries = watch.entries().await;
        let noted = entries
            .iter()
            .any(|e| e.str_of("outcome") == "0" && e["agent"][0].str_of("name").contains(&from));
        if !noted || !there_already {
            unlogged.push(kind);
        }
    }
    println!(
        "{} kinds of HL7 messages were taken from who may, each with its entry in the log",
        kinds().len()
    );
    assert!(unlogged.is_empty(), "doors without an audit entry: {unlogged:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_about_no_patient_is_refused_to_its_sender_and_kept_for_a_person() {
    let world = World::new().await;
    let admin = || system(&world.norte.node, "badiano/admin");
    let from = "SINPID|NORTE";
    list_peer(&world.norte.node, PeerKind::Hl7, from, NORTE).await;
    // A schedule and the answer to a question need not be about a patient.
    let needs =
        |kind: &String| !["SIU", "SRM", "SRR", "RSP", "ADR", "K22", "QBP", "QRY"].contains(&&kind[..3]);
    for (n, kind) in kinds().into_iter().filter(needs).enumerate() {
        let whole = String::from_utf8(message(&world, &kind, from, &format!("Z{n}"))).expect("UTF-8");
        let segments: Vec<&str> = whole.split('\r').filter(|s| !s.starts_with("PID|")).collect();
        let answer = mllp(world.norte.mllp, segments.join("\r").as_bytes()).await;
        assert!(matches!(code(&answer), "AE" | "CE"), "{kind}: {answer}");
        assert!(answer.contains("ERR|"), "{kind}: {answer}");
        let receipts = admin().messages(1).expect("receipts");
        let kept = receipts.first().expect("kept");
        assert_eq!((kept.control_id.as_str(), kept.state), (format!("Z{n}").as_str(), MessageState::Held));
        assert!(kept.why.contains("no PID") && kept.wrote.is_empty(), "{kind}: {}", kept.why);
    }
}
