//! Bad input to TLS (RFC 8446) and HTTP/2 (RFC 9113, section 10.5) at the sockets of a node: memory bounded, the next request served.

use crate::bad_input::{ENDLESS, SEED, conclude};
use crate::hostile::Node;
use badiano_testkit::Rng;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Frame types (RFC 9113, section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
/// END_STREAM and END_HEADERS.
const WHOLE: u8 = 0x05;
/// Requests, settings and the like of one flood.
const FLOOD: u32 = 50_000;
/// Connections that one attacker holds.
const HELD: usize = 200;

/// An open connection, with TLS or without.
trait Line: Read + Write {}
impl<T: Read + Write> Line for T {}

fn client(node: &Node, protocols: &[&str]) -> rustls::ClientConnection {
    let mut roots = rustls::RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(node.doors.authority.as_bytes()) {
        roots.add(root.expect("PEM")).expect("a root");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
    let name = ServerName::try_from("localhost").expect("a name");
    rustls::ClientConnection::new(Arc::new(config), name).expect("a client")
}

fn hello(node: &Node, protocols: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    client(node, protocols).write_tls(&mut bytes).expect("in memory");
    bytes
}

/// A connection on which an attacker soon gives up waiting.
fn line(node: &Node, over_tls: bool) -> Box<dyn Line> {
    let stream: TcpStream = node.connect(if over_tls { node.doors.https } else { node.doors.http });
    stream.set_write_timeout(Some(Duration::from_secs(3))).expect("a timeout");
    stream.set_read_timeout(Some(Duration::from_secs(3))).expect("a timeout");
    if over_tls {
        Box::new(rustls::StreamOwned::new(client(node, &["h2"]), stream))
    } else {
        Box::new(stream)
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// GET /livez in HPACK: three indexed fields and a literal path (RFC 7541, section 6).
fn get() -> Vec<u8> {
    [&[0x82, 0x86, 0x04, 6][..], b"/livez", &[0x01, 9], b"localhost"].concat()
}

/// One field of 4,000 bytes that is then named 12,000 times: 48 MB when it is expanded.
fn header_bomb() -> Vec<u8> {
    // 3873 = 4000 - 127, in seven bits at a time.
    let long = [&[0x40, 1, b'x', 0x7f, 0xa1, 0x1e][..], &[b'a'; 4000]].concat();
    [get(), long, vec![0xbe; 12_000]].concat()
}

/// What an attacker sends after the preface, without an end in sight.
type Frames = Box<dyn Iterator<Item = Vec<u8>>>;

fn stream_of(n: u32) -> u32 {
    2 * n + 1
}

fn floods() -> Vec<(&'static str, Frames)> {
    let each = |f: fn(u32) -> Vec<u8>| -> Frames { Box::new((0..FLOOD).map(f)) };
    let pieces = ENDLESS / 16_384;
    let begun = || std::iter::once(frame(HEADERS, 0x01, 1, &get()));
    vec![
        (
            "rapid reset",
            each(|n| {
                let reset = frame(RST_STREAM, 0, stream_of(n), &8_u32.to_be_bytes());
                [frame(HEADERS, WHOLE, stream_of(n), &get()), reset].concat()
            }),
        ),
        ("requests whose answers nobody reads", each(|n| frame(HEADERS, WHOLE, stream_of(n), &get()))),
        ("settings", each(|_| frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff]))),
        ("pings", each(|n| frame(PING, 0, 0, &u64::from(n).to_be_bytes()))),
        ("priorities", each(|n| frame(PRIORITY, 0, stream_of(n), &[0, 0, 0, 0, 16]))),
        ("empty data", Box::new(begun_post().chain((0..FLOOD).map(|_| frame(DATA, 0, 1, &[]))))),
        ("a header bomb", each(|n| frame(HEADERS, WHOLE, stream_of(n), &header_bomb()))),
        (
            "a head that goes on",
            Box::new(begun().chain((0..pieces).map(|_| frame(CONTINUATION, 0, 1, &[0x40; 16_384])))),
        ),
        (
            "a head that goes on empty",
            Box::new(begun().chain((0..FLOOD).map(|_| frame(CONTINUATION, 0, 1, &[])))),
        ),
        ("a window too wide", each(|_| frame(WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes()))),
        ("windows of nothing", each(|n| frame(WINDOW_UPDATE, 0, stream_of(n), &[0; 4]))),
        ("data of no request", each(|n| frame(DATA, 0, stream_of(n), &[0; 64]))),
        ("a frame of 16 MB", Box::new((0..pieces).map(|_| frame(DATA, 0, 1, &vec![0; 0xff_ffff])))),
    ]
}

/// A request whose body is to come.
fn begun_post() -> impl Iterator<Item = Vec<u8>> {
    let head = [&[0x83, 0x86, 0x04, 5][..], b"/fhir", &[0x01, 9], b"localhost"].concat();
    std::iter::once(frame(HEADERS, 0x04, 1, &head))
}

fn attack(mut line: Box<dyn Line>, frames: Frames) {
    let begin = [PREFACE.to_vec(), frame(SETTINGS, 0, 0, &[])].concat();
    if line.write_all(&begin).is_err() {
        return;
    }
    for bytes in frames {
        if line.write_all(&bytes).is_err() {
            return;
        }
    }
}

/// A good request of HTTP/2 is answered with 200.
fn serves_http2(node: &Node, over_tls: bool) -> Result<(), String> {
    let mut line = line(node, over_tls);
    let asked = [PREFACE.to_vec(), frame(SETTINGS, 0, 0, &[]), frame(HEADERS, WHOLE, 1, &get())].concat();
    line.write_all(&asked).map_err(|e| format!("HTTP/2 is not taken: {e}"))?;
    loop {
        let mut head = [0_u8; 9];
        line.read_exact(&mut head).map_err(|e| format!("HTTP/2 is not answered: {e}"))?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        line.read_exact(&mut payload).map_err(|e| format!("HTTP/2 is cut off: {e}"))?;
        if head[3] == HEADERS {
            // :status 200 is field 8 of the static table; a size update may come before it.
            return if payload.contains(&0x88) { Ok(()) } else { Err(format!("HTTP/2: {payload:?}")) };
        }
    }
}

fn serves(node: &Node, after: &str, wrong: &mut Vec<String>) {
    let tried = [node.serves(), serves_http2(node, false), serves_http2(node, true)];
    wrong.extend(tried.into_iter().filter_map(Result::err).map(|why| format!("after {after}: {why}")));
}

#[test]
fn floods_of_http2_hold_no_memory_and_the_next_request_is_served() {
    let node = Node::start();
    let (before, mut cases, mut wrong) = ((node.peak_mib(), node.holdings()), 0, Vec::new());
    serves(&node, "nothing", &mut wrong);
    for over_tls in [false, true] {
        for (name, frames) in floods() {
            attack(line(&node, over_tls), frames);
            cases += 1;
            serves(&node, name, &mut wrong);
        }
    }
    let mut rng = Rng::new(SEED);
    for _ in 0..200 {
        let kind = u8::try_from(rng.below(12)).expect("small");
        let flags = u8::try_from(rng.below(256)).expect("a byte");
        let mut payload = vec![0; usize::try_from(rng.below(200)).expect("small")];
        rng.fill(&mut payload);
        let stream = u32::try_from(rng.below(4)).expect("small");
        attack(line(&node, false), Box::new(std::iter::once(frame(kind, flags, stream, &payload))));
        cases += 1;
    }
    serves(&node, "random frames", &mut wrong);
    conclude(&node, "HTTP/2", cases, before, &wrong);
}

#[test]
fn a_handshake_that_is_broken_off_or_false_ends_and_the_next_one_is_taken() {
    let node = Node::start();
    let (before, mut cases, mut wrong) = ((node.peak_mib(), node.holdings()), 0, Vec::new());
    let good = hello(&node, &["h2", "http/1.1"]);
    let mut rng = Rng::new(SEED);
    let cut = (0..good.len()).step_by(3).map(|n| good[..n].to_vec());
    let changed: Vec<Vec<u8>> = (0..150)
        .map(|_| {
            let mut bytes = good.clone();
            let at = usize::try_from(rng.below(good.len() as u64)).expect("small");
            bytes[at] ^= u8::try_from(rng.between(1, 255)).expect("a byte");
            bytes
        })
        .collect();
    // A record that is longer than one may be, and a handshake message of 16 MB that is begun.
    let long = [&[0x16, 3, 1, 0xff, 0xff][..], &vec![0; 0xffff]].concat();
    let begun = [&[0x16, 3, 1, 0x3f, 0xff, 1, 0xff, 0xff, 0xff][..], &vec![0; 0x3ffb]].concat();
    let endless = (0..ENDLESS / begun.len()).flat_map(|_| begun.clone()).collect();
    for bytes in cut.chain(changed).chain([long, begun.clone(), endless]) {
        let heard = node.send(node.doors.https, std::iter::once(bytes));
        cases += 1;
        // An alert, the server's flight to a ClientHello that is whole, or nothing: never words in the open.
        if heard.first().is_some_and(|kind| !matches!(kind, 0x14..=0x16)) {
            wrong.push(format!("case {cases}: {:?}", &heard[..heard.len().min(32)]));
        }
    }
    for protocols in [&["h3"][..], &["smtp", "ftp"], &["http/1.0"], &["H2"]] {
        let mut line = rustls::StreamOwned::new(client(&node, protocols), node.connect(node.doors.https));
        let told = line.read(&mut [0; 16]).map_err(|e| e.to_string());
        cases += 1;
        // no_application_protocol (RFC 7301, section 3.2).
        if !told.as_ref().is_err_and(|e| e.contains("NoApplicationProtocol")) {
            wrong.push(format!("{protocols:?} was not refused: {told:?}"));
        }
    }
    serves(&node, "broken handshakes", &mut wrong);
    conclude(&node, "TLS handshakes", cases, before, &wrong);
}

#[test]
fn who_begins_and_says_no_more_is_cut_off_and_others_are_served_meanwhile() {
    let node = Node::start();
    let (before, mut wrong) = ((node.peak_mib(), node.holdings()), Vec::new());
    let good = hello(&node, &["h2"]);
    let begun: Vec<TcpStream> = (0..HELD)
        .map(|n| {
            let (at, bytes) = match n % 5 {
                0 => (node.doors.http, &PREFACE[..n % PREFACE.len()]),
                1 => (node.doors.http, PREFACE),
                2 => (node.doors.http, &b"GET /livez HTTP/1.1\r\nho"[..]),
                3 => (node.doors.https, &good[..good.len() / 2]),
                _ => (node.doors.https, &good[..0]),
            };
            let mut stream = node.connect(at);
            stream.write_all(bytes).expect("taken");
            stream
        })
        .collect();
    serves(&node, "connections that say nothing", &mut wrong);
    for (n, mut stream) in begun.into_iter().enumerate() {
        let mut heard = Vec::new();
        if let Err(why) = stream.read_to_end(&mut heard)
            && why.kind() == std::io::ErrorKind::WouldBlock
        {
            wrong.push(format!("connection {n} is still held"));
        }
    }
    conclude(&node, "connections that say no more", HELD, before, &wrong);
}
