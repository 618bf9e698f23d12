//! Bad input at the sockets of a node: a clear error or an end, the next good request served, memory bounded, nothing stored by halves.

use crate::dimse_calls::uid;
use crate::hostile::{Node, status_of};
use crate::person::{Patient, SCANNER};
use crate::world::AE_TITLE;
use axum::http::Method;
use badiano_dicom::association::{Settings, own_implementation};
use badiano_dicom::dictionary::uids;
use badiano_dicom::dimse::{Event, Parameters, Priority, Provider, Request};
use badiano_dicom::pdu::{AeTitle, AssociateRq};
use badiano_gateway::routes;
use badiano_kernel::Instant;
use badiano_testkit::Rng;
use std::io::{Read, Write};
use std::net::TcpStream;

pub const SEED: u64 = 0x0bad_1257;
/// What memory may grow by, whatever is sent: two bodies of the longest that is read whole, and room.
const GROWTH_MIB_MAX: u64 = 256;
/// What an attack without an end sends before it gives up.
pub const ENDLESS: usize = 40 << 20;
const PIECE: usize = 64 << 10;

/// Media type and body of an attack; the length that is announced, nothing for chunks without an end.
struct Attack {
    name: &'static str,
    kind: &'static str,
    body: Vec<u8>,
    announced: Option<u64>,
}

impl Attack {
    /// Its end is told: the node can answer in its own form.
    fn is_whole(&self) -> bool {
        self.announced == Some(self.body.len() as u64)
    }
}

fn attacks(rng: &mut Rng) -> Vec<Attack> {
    let whole = |name, kind, body: Vec<u8>| Attack { name, kind, announced: Some(body.len() as u64), body };
    let utf16: Vec<u8> = "{\"resourceType\":\"Patient\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut random = vec![0; 4096];
    rng.fill(&mut random);
    let deep =
        |open: &str| format!("{{\"resourceType\":\"Bundle\",\"entry\":{}", open.repeat(200_000)).into_bytes();
    let lol = "&a;".repeat(10);
    let entities: String = ('b'..='j').map(|c| format!("<!ENTITY {c} \"{lol}\">")).collect();
    let bomb =
        format!("<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"ha\">{entities}]><Patient>&j;</Patient>");
    let parts = "--other\r\nContent-Type: application/dicom\r\n\r\nDICM\r\n--other--\r\n";
    let dicom = "multipart/related; type=\"application/dicom\"; boundary=frontera";
    vec![
        Attack {
            name: "2 GB announced",
            kind: "application/json",
            body: vec![b'['; PIECE],
            announced: Some(2 << 30),
        },
        Attack {
            name: "chunks without end",
            kind: "application/fhir+json",
            body: vec![b' '; PIECE],
            announced: None,
        },
        Attack { name: "parts without end", kind: dicom, body: vec![b'-'; PIECE], announced: None },
        Attack {
            name: "cut off",
            kind: "application/json",
            body: b"{\"curp\":\"".to_vec(),
            announced: Some(500),
        },
        whole("another charset", "application/fhir+json; charset=utf-16", utf16),
        whole("deep arrays", "application/fhir+json", deep("[")),
        whole("deep objects", "application/json", deep("{\"a\":")),
        whole("XML bomb", "application/fhir+xml", bomb.into_bytes()),
        whole("deep XML", "application/fhir+xml", "<a>".repeat(200_000).into_bytes()),
        whole("another boundary", dicom, parts.as_bytes().to_vec()),
        whole("NULs", "application/json", vec![0; PIECE]),
        whole("random bytes", "application/x-www-form-urlencoded", random.clone()),
        whole("random parts", dicom, [b"--frontera\r\n\r\n".to_vec(), random].concat()),
    ]
}

/// A path of a door with something in the place of each parameter.
fn path_of(door: &str, value: &str) -> String {
    let part = |p: &str| match p {
        "{kind}" => "Patient".to_owned(),
        p if p.starts_with('{') => value.to_owned(),
        p => p.to_owned(),
    };
    door.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn head(method: &Method, path: &str, token: &str, more: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{more}\r\n").into_bytes()
}

/// One attack on a door; the node's answer.
fn attack(node: &Node, method: &Method, path: &str, attack: &Attack) -> Vec<u8> {
    let length = match attack.announced {
        Some(length) => format!("content-length: {length}"),
        None => "transfer-encoding: chunked".to_owned(),
    };
    let more = format!("content-type: {}\r\n{length}\r\nconnection: close\r\n", attack.kind);
    let begin = head(method, path, &node.doors.token, &more);
    let rest: Box<dyn Iterator<Item = Vec<u8>>> = match attack.announced {
        Some(_) => Box::new(std::iter::once(attack.body.clone())),
        None => {
            let chunk = [format!("{PIECE:x}\r\n").as_bytes(), &attack.body, b"\r\n"].concat();
            Box::new(std::iter::repeat_n(chunk, ENDLESS / PIECE))
        }
    };
    if attack.is_whole() {
        return node.ask(node.doors.http, &[begin, attack.body.clone()].concat());
    }
    node.send(node.doors.http, std::iter::once(begin).chain(rest))
}

/// An answer that says what was wrong, or none where the connection ended; never a mistake of ours.
fn is_clear(heard: &[u8]) -> bool {
    status_of(heard).is_none_or(|s| s < 500 || matches!(s, 501 | 503 | 505))
}

/// Counts, and what was found at the end of a run.
pub fn conclude(node: &Node, what: &str, cases: usize, before: (u64, Vec<(String, u64)>), wrong: &[String]) {
    let (peak, holdings) = (node.peak_mib(), node.holdings());
    println!("{what}: {cases} cases (seed {SEED:#x}); memory {} MiB before, at most {peak} MiB", before.0);
    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
    assert_eq!(before.1, holdings, "{what}: nothing of it is stored");
    assert!(peak <= before.0 + GROWTH_MIB_MAX, "{what}: memory grew from {} to {peak} MiB", before.0);
}

#[test]
fn hostile_http_is_refused_at_every_door_and_the_next_request_is_served() {
    let node = Node::start();
    let before = (node.peak_mib(), node.holdings());
    let (mut rng, mut cases, mut wrong) = (Rng::new(SEED), 0, Vec::new());
    // Whoever signs out is nobody for the rest of the run.
    let doors: Vec<_> = routes::doors().list().into_iter().filter(|(_, p)| p != "/api/sign-out").collect();
    for (method, door) in &doors {
        let bodies = if *method == Method::GET { Vec::new() } else { attacks(&mut rng) };
        for one in &bodies {
            let heard = attack(&node, method, &path_of(door, "1.2.3"), one);
            cases += 1;
            if !is_clear(&heard) || (one.is_whole() && status_of(&heard).is_none()) {
                wrong.push(format!("{method} {door}, {}: {}", one.name, String::from_utf8_lossy(&heard)));
            }
        }
        for value in ["%00", "%ff%fe", "..%2f..%2fetc", "9999999999999999999999", &"x".repeat(50_000)] {
            let path = format!("{}?_count={value}&{value}={value}", path_of(door, value));
            let request = head(method, &path, &node.doors.token, "connection: close\r\n");
            let heard = node.ask(node.doors.http, &request);
            cases += 1;
            if !is_clear(&heard) {
                wrong.push(format!("{method} {door} {value:.20}: {}", String::from_utf8_lossy(&heard)));
            }
        }
        if let Err(why) = node.serves() {
            wrong.push(format!("after {method} {door}: {why}"));
        }
    }
    conclude(&node, &format!("{} HTTP doors", doors.len()), cases, before, &wrong);
}

#[test]
fn what_is_no_http_ends_the_connection_and_the_next_request_is_served() {
    let node = Node::start();
    let before = (node.peak_mib(), node.holdings());
    let mut rng = Rng::new(SEED);
    let mut all: Vec<Vec<u8>> = vec![
        [b"GET /livez HTTP/1.1\r\nx: ".to_vec(), vec![b'a'; 4 << 20]].concat(),
        [b"GET / HTTP/1.1\r\n".to_vec(), b"a: b\r\n".repeat(100_000)].concat(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"POST /fhir HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
            .to_vec(),
        b"POST /fhir HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcde".to_vec(),
        b"POST /fhir HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n".to_vec(),
        b"POST /fhir HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n".to_vec(),
        [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), vec![0xff; 1 << 20]].concat(),
        [0x16, 0x03, 0x01, 0x02, 0x00, 0x01].to_vec(),
    ];
    for _ in 0..100 {
        let mut random = vec![0; usize::try_from(rng.between(1, 5000)).expect("small")];
        rng.fill(&mut random);
        all.push(random);
    }
    let mut wrong = Vec::new();
    for (n, bytes) in all.iter().enumerate() {
        if !is_clear(&node.send(node.doors.http, std::iter::once(bytes.clone()))) {
            wrong.push(format!("case {n}"));
        }
    }
    wrong.extend(node.serves().err());
    conclude(&node, "no HTTP", all.len(), before, &wrong);
}

/// The bytes of an association request of the listed scanner, and of a C-STORE that is never finished.
fn association(node: &Node) -> (TcpStream, Provider) {
    let title = |text: &str| AeTitle::parse(text).expect("a title");
    let syntaxes = vec![uid(uids::IMPLICIT_VR_LITTLE_ENDIAN)];
    let mut rq =
        AssociateRq::new(title(SCANNER), title(AE_TITLE), vec![(uid("1.2.840.10008.5.1.4.1.1.2"), syntaxes)]);
    rq.user = own_implementation();
    let mut provider = Provider::requestor(Settings::default(), rq, Instant::now());
    let mut stream = TcpStream::connect(node.doors.dimse).expect("the node takes connections");
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).expect("a timeout");
    stream.write_all(&provider.take_outgoing()).expect("sent");
    let (mut buffer, mut stands) = ([0_u8; 4096], false);
    while !stands {
        let taken = stream.read(&mut buffer).expect("an answer");
        assert!(taken > 0, "the association is answered");
        let mut input = &buffer[..taken];
        while let Some(event) = provider.next(&mut input, Instant::now()) {
            stands |= matches!(event, Event::Accepted);
        }
    }
    (stream, provider)
}

/// A train of a C-STORE whose data set goes on.
fn unfinished_store(provider: &mut Provider, study: &Patient) -> Vec<u8> {
    let parameters = Parameters::CStore {
        sop_instance: uid(&study.study.sop_instance_uid(2)),
        priority: Priority::default(),
        originator: None,
    };
    let request = Request { message_id: 7, sop_class: uid("1.2.840.10008.5.1.4.1.1.2"), parameters };
    let context = provider.negotiated().and_then(|n| n.contexts.first().map(|c| c.id)).expect("agreed");
    provider.invoke(context, request, true).expect("invoked");
    let file = study.study.instance(2).expect("an instance").file;
    provider.data(&file[..file.len() / 2], false).expect("sent");
    provider.take_outgoing()
}

#[test]
fn hostile_pdus_end_their_association_and_the_next_one_is_served() {
    let node = Node::start();
    let before = (node.peak_mib(), node.holdings());
    let (mut rng, mut cases, mut wrong) = (Rng::new(SEED), 0, Vec::new());
    let patient = Patient::new();
    let endless = |kind: u8| {
        let head = vec![kind, 0, 0xff, 0xff, 0xff, 0xff];
        std::iter::once(head).chain(std::iter::repeat_n(vec![0x41; PIECE], ENDLESS / PIECE))
    };
    for kind in 0..=8 {
        node.send(node.doors.dimse, endless(kind));
        cases += 1;
    }
    for _ in 0..150 {
        let mut random = vec![0; usize::try_from(rng.between(1, 3000)).expect("small")];
        rng.fill(&mut random);
        // Half of them begin as a PDU that is known.
        if rng.percent(50) {
            random.splice(0..0, [u8::try_from(rng.between(1, 7)).expect("small"), 0, 0, 0]);
        }
        node.send(node.doors.dimse, std::iter::once(random));
        cases += 1;
    }
    for n in 0..150 {
        let (mut stream, mut provider) = association(&node);
        let mut train = unfinished_store(&mut provider, &patient);
        match n % 3 {
            // Cut off in the middle of a PDU.
            0 => train.truncate(usize::try_from(rng.between(1, train.len() as u64 - 1)).expect("small")),
            // One byte of lengths, flags or command is another.
            1 => {
                let at = usize::try_from(rng.below(200)).expect("small");
                train[at] ^= u8::try_from(rng.between(1, 255)).expect("a byte");
            }
            // Not the PDU that comes now.
            _ => rng.fill(&mut train[..600]),
        }
        let _ = stream.write_all(&train);
        drop(stream);
        cases += 1;
        if n % 25 == 0
            && let Err(why) = node.serves()
        {
            wrong.push(format!("after case {n}: {why}"));
        }
    }
    wrong.extend(node.serves().err());
    conclude(&node, "DICOM PDUs", cases, before, &wrong);
}

#[test]
fn hostile_frames_end_their_connection_and_the_next_message_is_taken() {
    let node = Node::start();
    let before = (node.peak_mib(), node.holdings());
    let (mut rng, mut cases, mut wrong) = (Rng::new(SEED), 0, Vec::new());
    let good = Patient::new().messages("D")[1].clone();
    let framed = [&[0x0b][..], &good, &[0x1c, 0x0d]].concat();
    let gigabyte = |byte: u8| {
        std::iter::once(vec![0x0b]).chain(std::iter::repeat_n(vec![byte; PIECE], (1 << 30) / PIECE))
    };
    for byte in [b'A', 0, 0x0b, b'\r', 0xff] {
        node.send(node.doors.mllp, gigabyte(byte));
        cases += 1;
        if let Err(why) = node.serves() {
            wrong.push(format!("after a frame of 1 GB of {byte:#04x}: {why}"));
        }
    }
    // A frame that never begins.
    node.send(node.doors.mllp, std::iter::repeat_n(vec![b'x'; PIECE], ENDLESS / PIECE));
    for n in 0..300 {
        let mut bytes = framed.clone();
        match n % 4 {
            0 => bytes.truncate(usize::try_from(rng.between(1, framed.len() as u64 - 2)).expect("small")),
            1 => rng.fill(&mut bytes[1..framed.len() - 2]),
            2 => bytes.iter_mut().skip(1).step_by(7).for_each(|b| *b = 0),
            // The head of the message is broken: nobody is known to have sent it.
            _ => rng.fill(&mut bytes[1..20]),
        }
        let heard = String::from_utf8_lossy(&node.send(node.doors.mllp, std::iter::once(bytes))).into_owned();
        cases += 1;
        if heard.contains("MSA|AA") || heard.contains("MSA|CA") {
            wrong.push(format!("case {n} was taken: {heard}"));
        }
        if n % 50 == 0
            && let Err(why) = node.serves()
        {
            wrong.push(format!("after case {n}: {why}"));
        }
    }
    wrong.extend(node.serves().err());
    conclude(&node, "HL7 frames", cases + 1, before, &wrong);
}
