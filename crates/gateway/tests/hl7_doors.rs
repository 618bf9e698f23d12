//! Every kind of message of the HL7 tables, from senders that are not listed and from one that is.

use crate::asking::mllp;
use crate::person::{SENDER, sender};
use crate::world::{NORTE, World, list_peer, system};
use badiano_gateway::dimse;
use badiano_hl7::map::Tables;
use badiano_record::messages::MessageState;
use badiano_record::peers::{Peer, PeerKind};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;

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

/// A field of the first segment of a name, by its number.
fn field(answer: &str, segment: &str, number: usize) -> String {
    let found = answer.split('\r').find(|s| s.starts_with(&format!("{segment}|"))).unwrap_or_default();
    found.split('|').nth(number).unwrap_or_default().to_owned()
}

fn query(from: &str, kind: &str, qpd: &str) -> Vec<u8> {
    let (application, facility) = from.split_once('|').expect("MSH-3|MSH-4");
    let head = format!("MSH|^~\\&|{application}|{facility}|BADIANO|NORTE|20261120101500||{kind}|Q1|P|2.5.1");
    format!("{head}||||||UNICODE UTF-8\r{qpd}\rRCP|I|10^RD\r").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_sender_finds_a_person_by_name_and_by_number_and_a_stranger_finds_nobody() {
    let world = World::new().await;
    let from = "PACIENTES|NORTE";
    list_peer(&world.norte.node, PeerKind::Hl7, from, NORTE).await;
    let person = &world.patient.person;
    let birth = person.born.to_string().replace('-', "");
    let by_name = format!(
        "QPD|Q22^Find Candidates^HL70471|T1|@PID.5.1^{}~@PID.5.2^{}~@PID.7^{birth}",
        person.name.first_surname(),
        person.name.given()
    );
    let watch = world.norte.watch().await;
    let answer = mllp(world.norte.mllp, &query(from, "QBP^Q22^QBP_Q21", &by_name)).await;
    assert_eq!((code(&answer), field(&answer, "QAK", 2).as_str()), ("AA", "OK"), "{answer}");
    assert!(field(&answer, "PID", 3).contains(person.curp.as_str()), "{answer}");
    assert!(!field(&answer, "QRI", 1).is_empty(), "how sure it is: {answer}");
    let entries = watch.entries().await;
    let noted = entries.iter().any(|e| {
        e.str_of("outcome") == "0" && e["agent"][0].str_of("name").contains(from) && !e["entity"].is_null()
    });
    assert!(noted, "the question is in the log");

    let by_number = format!("QPD|Q23^Get Corresponding IDs^HL70471|T2|{}^^^CURP", person.curp.as_str());
    let answer = mllp(world.norte.mllp, &query(from, "QBP^Q23^QBP_Q21", &by_number)).await;
    assert_eq!(code(&answer), "AA", "{answer}");
    let numbers = field(&answer, "PID", 3);
    assert!(numbers.contains(&person.mrn) && !numbers.contains(person.curp.as_str()), "{answer}");
    assert!(!answer.contains(person.name.first_surname()), "numbers alone: {answer}");

    let unknown = "QPD|Q23^Get Corresponding IDs^HL70471|T3|NADIE-1^^^CURP";
    let answer = mllp(world.norte.mllp, &query(from, "QBP^Q23^QBP_Q21", unknown)).await;
    assert_eq!((code(&answer), field(&answer, "QAK", 2).as_str()), ("AE", "AE"), "{answer}");
    assert!(answer.contains("ERR|") && answer.contains("204"), "{answer}");

    for (kind, asked) in [("QBP^Q22^QBP_Q21", &by_name), ("QBP^Q23^QBP_Q21", &by_number)] {
        let answer = mllp(world.norte.mllp, &query("NADIE|NORTE", kind, asked)).await;
        assert!(matches!(code(&answer), "AE" | "AR"), "{answer}");
        assert!(!answer.contains("PID|") && !answer.contains(&person.mrn), "{answer}");
    }
}

/// A message over TLS of one version, with a certificate and its key, to who shows whatever certificate.
async fn over_tls(
    world: &World,
    version: &'static rustls::SupportedProtocolVersion,
    own: &rcgen::CertifiedKey<rcgen::KeyPair>,
    message: &[u8],
) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut roots = rustls::RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(world.norte.identity.authority.as_bytes()) {
        roots.add(root.expect("PEM")).expect("a root");
    }
    let key = PrivateKeyDer::from_pem_slice(own.signing_key.serialize_pem().as_bytes()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("the version")
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![own.cert.der().clone()], key)
        .expect("a client certificate");
    let tcp = tokio::net::TcpStream::connect(world.norte.mllp).await.expect("a connection");
    let name = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(name, tcp).await.expect("a handshake");
    stream.write_all(&[&[0x0b], message, &[0x1c, 0x0d]].concat()).await.expect("sent");
    let (mut answer, mut buffer) = (Vec::new(), [0_u8; 4096]);
    while !answer.ends_with(&[0x1c, 0x0d]) {
        match stream.read(&mut buffer).await.expect("an answer") {
            0 => break,
            n => answer.extend_from_slice(&buffer[..n]),
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_a_sender_is_known_by_its_certificate_and_by_nothing_else() {
    let world = World::new().await;
    let certified =
        || rcgen::generate_simple_self_signed(vec!["his.example".to_owned()]).expect("a certificate");
    let (own, other) = (certified(), certified());
    let from = "HISTLS|NORTE";
    let peer = Peer {
        id: String::new(),
        kind: PeerKind::Hl7,
        name: from.into(),
        description: String::new(),
        host: "192.0.2.1".into(),
        port: 0,
        institution: NORTE.into(),
        certificate: dimse::fingerprint_of(&own.cert.pem()).expect("a fingerprint"),
        active: true,
    };
    system(&world.norte.node, "badiano/admin").put_peer(peer).await.expect("listed");
    let sent = |n: usize| message(&world, "ADT^A04", from, &format!("T{n}"));
    for (n, version) in [&rustls::version::TLS13, &rustls::version::TLS12].into_iter().enumerate() {
        let answer = over_tls(&world, version, &own, &sent(n)).await;
        assert!(matches!(code(&answer), "AA" | "CA"), "{:?}: {answer}", version.version);
    }
    let answer = over_tls(&world, &rustls::version::TLS13, &other, &sent(8)).await;
    assert!(matches!(code(&answer), "AE" | "AR" | "CE" | "CR"), "another certificate: {answer}");
    let answer = mllp(world.norte.mllp, &sent(9)).await;
    assert!(matches!(code(&answer), "AE" | "AR" | "CE" | "CR"), "in the clear: {answer}");
}
