//! Measures messages of HL7 v2 through a node's real MLLP door: each acknowledged only when it is applied and durable, senders
//! pipelining: `cargo xtask bench hl7` runs it in release mode and reads its lines.

use badiano_gateway::{Gate, GateOptions, mllp};
use badiano_hl7::mllp::{Decoder, encode};
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_record::peers::{Peer, PeerKind};
use badiano_record::{Node, NodeOptions, NodeRole, Settings};
use std::net::SocketAddr;
use std::time::{Duration, Instant as Clock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const CLUES: &str = "NLSSA999101";
/// Connections at the same time, and messages on their way in each.
const CONNECTIONS: usize = 8;
const IN_FLIGHT: usize = 64;
const MEASURING: Duration = Duration::from_secs(10);
/// Persons that the messages tell of, again and again.
const PEOPLE: usize = 2_000;

fn main() -> Result<(), Fault> {
    let folder = tempfile::TempDir::new().map_err(|_| Fault::unavailable("no folder for the measure"))?;
    let zone = "America/Mexico_City".to_owned();
    let settings = Settings { role: NodeRole::Hospital, name: "Norte".into(), clues: CLUES.into(), zone };
    let (data, key_file) = (folder.path().join("data"), folder.path().join("key"));
    let node =
        Node::open(NodeOptions { data, key_file, settings, workflows: badiano_departments::WORKFLOWS })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|_| Fault::unavailable("no threads for the measure"))?;
    let rate = runtime.block_on(measure(node))?;
    println!(
        r#"{{"measure":"durable_ack_s","value":{rate:.1},"unit":"1/s","ratio_to":null,"better":"higher"}}"#
    );
    Ok(())
}

async fn measure(node: Node) -> Result<f64, Fault> {
    let scopes = vec!["badiano/admin".to_owned()];
    let (client_id, name) = ("measure".to_owned(), "measure".to_owned());
    let admin = Principal::System { client_id, name, institution: CLUES.into(), scopes };
    let job = node.session(admin, Purpose::Treatment, Instant::now());
    let peer = Peer {
        id: String::new(),
        kind: PeerKind::Hl7,
        name: "HIS|NORTE".into(),
        description: String::new(),
        host: "127.0.0.1".into(),
        port: 0,
        institution: CLUES.into(),
        certificate: String::new(),
        active: true,
    };
    job.put_peer(peer).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|_| Fault::unavailable("no port"))?;
    let at = listener.local_addr().map_err(|_| Fault::unavailable("no address"))?;
    let gate = Gate::new(node, GateOptions::default());
    tokio::spawn(mllp::listener::serve(gate, None, listener));
    let began = Clock::now();
    let senders: Vec<_> = (0..CONNECTIONS).map(|n| tokio::spawn(send(at, n, began))).collect();
    let (mut taken, mut refused) = (0, 0);
    for sender in senders {
        let (good, bad) = sender.await.map_err(|_| Fault::bug("a sender does not panic"))??;
        taken += good;
        refused += bad;
    }
    if refused > 0 {
        return Err(Fault::bug(format!("{refused} messages were not accepted")));
    }
    let seconds = began.elapsed().as_secs_f64();
    eprintln!("{taken} messages in {seconds:.1} s, {CONNECTIONS} connections with {IN_FLIGHT} in flight");
    Ok(taken as f64 / seconds)
}

/// One sender: as many on their way as allowed, until the time is over; accepted and refused.
async fn send(at: SocketAddr, connection: usize, began: Clock) -> Result<(usize, usize), Fault> {
    let broken = |_| Fault::unavailable("the connection broke");
    let mut stream = TcpStream::connect(at).await.map_err(broken)?;
    stream.set_nodelay(true).map_err(broken)?;
    let mut decoder = Decoder::new(1 << 20);
    let mut buffer = vec![0_u8; 64 << 10];
    let (mut sent, mut good, mut bad) = (0, 0, 0);
    loop {
        let mut batch = Vec::new();
        while began.elapsed() < MEASURING && sent - good - bad < IN_FLIGHT {
            batch.extend(encode(&message(connection, sent)));
            sent += 1;
        }
        stream.write_all(&batch).await.map_err(broken)?;
        if sent == good + bad {
            return Ok((good, bad));
        }
        let count = stream.read(&mut buffer).await.map_err(broken)?;
        if count == 0 {
            return Err(Fault::unavailable("the node closed the connection"));
        }
        decoder.feed(&buffer[..count]);
        while let Some(answer) = decoder.frame().map_err(|e| Fault::bug(e.to_string()))? {
            if answer.windows(4).any(|w| w == b"|AA|") { good += 1 } else { bad += 1 }
        }
    }
}

/// A registration with a visit, as a hospital sends them all day.
fn message(connection: usize, number: usize) -> Vec<u8> {
    let person = (number * CONNECTIONS + connection) % PEOPLE;
    format!(
        "MSH|^~\\&|HIS|NORTE|BADIANO|{CLUES}|20261123100000||ADT^A08^ADT_A01|M{connection}-{number}|P|2.5.1||||||UNICODE UTF-8\r\
         EVN|A08|20261123100000\r\
         PID|1||E-{person}^^^NORTE^MR||MUÑOZ PEÑA^ANA^{person}||19{:02}0312|F|||CALLE {person}^^MONTERREY^NLE^64000^MEX\r\
         PV1|1|O|CONS^1^A^NORTE||||99000002^RÍOS^LUZ|||||||||||V-{person}\r",
        person % 80
    )
    .into_bytes()
}
