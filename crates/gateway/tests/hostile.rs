//! A node as a process of its own, so that its memory is measured alone, and what is asked of it between two attacks.

use crate::dimse_calls::{call, uid};
use crate::person::{Patient, SCANNER};
use crate::world::{AE_TITLE, World};
use badiano_dicom::dimse::sop_class::VERIFICATION;
use badiano_dicom::dimse::{Parameters, Request};
use badiano_kernel::Instant;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

/// Set for the process that is the node.
const IS_NODE: &str = "BADIANO_TEST_IS_NODE";
/// Longest wait for an answer to an attack.
const WAIT: Duration = Duration::from_secs(30);

/// Where the node of the other process listens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Doors {
    pub http: SocketAddr,
    pub https: SocketAddr,
    /// The certificate that stands behind the node's, PEM.
    pub authority: String,
    pub dimse: SocketAddr,
    pub mllp: SocketAddr,
    /// A token that reads and writes everything and administers.
    pub token: String,
}

pub struct Node {
    pub doors: Doors,
    child: Child,
    /// The node ends with it.
    _stdin: ChildStdin,
    tokio: tokio::runtime::Runtime,
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the process that the attacks start; alone it ends at once"]
async fn the_node_under_attack() {
    if std::env::var_os(IS_NODE).is_none() {
        return;
    }
    let world = World::new().await;
    let scopes = ["system/*.cruds".to_owned(), "badiano/admin".to_owned()];
    let token = world.norte.node.open_script_token("t", "t", &scopes, 3600, Instant::now()).await;
    let norte = &world.norte;
    let doors = Doors {
        http: norte.http,
        https: norte.https,
        authority: norte.identity.authority.clone(),
        dimse: norte.dimse,
        mllp: norte.mllp,
        token: token.expect("a token"),
    };
    println!("\nDOORS {}", serde_json::to_string(&doors).expect("printable"));
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let _ = ended.await;
}

impl Node {
    pub fn start() -> Node {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", "hostile::the_node_under_attack", "--ignored", "--nocapture"]);
        command.env(IS_NODE, "1").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("this program starts");
        let (stdin, out) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        let said = lines.find_map(|l| l.strip_prefix("DOORS ").map(str::to_owned));
        let doors = serde_json::from_str(&said.expect("the node says where it listens")).expect("JSON");
        std::thread::spawn(move || lines.for_each(drop));
        let tokio = tokio::runtime::Runtime::new().expect("a runtime");
        Node { doors, child, _stdin: stdin, tokio }
    }

    /// Highest resident memory so far, in MiB (`VmHWM`, proc(5)).
    pub fn peak_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).expect("Linux says so");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
    }

    /// How much of everything the node holds.
    pub fn holdings(&self) -> Vec<(String, u64)> {
        let kinds = ["Patient", "Observation", "DiagnosticReport", "ImagingStudy", "ServiceRequest", "Task"];
        let of_kind = kinds.map(|k| (format!("/fhir/{k}?_summary=count"), "/total".to_owned()));
        let lists = ["peers", "users", "systems", "links", "messages"];
        let of_list = lists.map(|l| (format!("/api/admin/{l}"), format!("/{l}")));
        let images = ("/dicomweb/instances?limit=1000".to_owned(), String::new());
        let all = of_kind.into_iter().chain(of_list).chain([images]);
        all.map(|(path, place)| (path.clone(), self.count(&path, &place))).collect()
    }

    /// The number or the length of the list at a place of an answer.
    fn count(&self, path: &str, place: &str) -> u64 {
        let (status, heard) = self.get(path);
        assert_eq!(status, 200, "{path}: {heard}");
        let body = heard.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let parsed: serde_json::Value = serde_json::from_str(body).expect("JSON");
        let found = parsed.pointer(place).unwrap_or_else(|| panic!("{path} has no {place}"));
        found.as_u64().or_else(|| found.as_array().map(|l| l.len() as u64)).expect("a number or a list")
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
            self.doors.token
        );
        let heard = self.ask(self.doors.http, request.as_bytes());
        (status_of(&heard).unwrap_or(0), String::from_utf8_lossy(&heard).into_owned())
    }

    /// Good requests at every door are served.
    pub fn serves(&self) -> Result<(), String> {
        let (status, heard) = self.get("/fhir/Patient?_count=1");
        if status != 200 {
            return Err(format!("HTTP: {heard}"));
        }
        let echo = Request { message_id: 1, sop_class: uid(VERIFICATION), parameters: Parameters::CEcho };
        let heard = self.tokio.block_on(call(self.doors.dimse, SCANNER, AE_TITLE, echo, None));
        if heard.statuses != [0] {
            return Err("DICOM: the echo was not answered".to_owned());
        }
        let framed = [&[0x0b][..], &Patient::new().messages("D")[0], &[0x1c, 0x0d]].concat();
        let heard =
            String::from_utf8_lossy(&self.send(self.doors.mllp, std::iter::once(framed))).into_owned();
        if heard.contains("MSA|CA") || heard.contains("MSA|AA") {
            Ok(())
        } else {
            Err(format!("HL7: {heard}"))
        }
    }

    /// Sends a whole request, and hears the node out.
    pub fn ask(&self, at: SocketAddr, request: &[u8]) -> Vec<u8> {
        let mut stream = self.connect(at);
        let _ = stream.write_all(request);
        heard(&mut stream)
    }

    /// Sends pieces until all are sent or the node has enough, says that no more comes, and hears the node out.
    pub fn send(&self, at: SocketAddr, pieces: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
        let mut stream = self.connect(at);
        for piece in pieces {
            if stream.write_all(&piece).is_err() {
                break;
            }
        }
        let _ = stream.shutdown(Shutdown::Write);
        heard(&mut stream)
    }

    pub fn connect(&self, at: SocketAddr) -> TcpStream {
        let stream = TcpStream::connect(at).expect("the node takes connections");
        stream.set_read_timeout(Some(WAIT)).expect("a timeout");
        stream.set_write_timeout(Some(WAIT)).expect("a timeout");
        stream
    }
}

fn heard(stream: &mut TcpStream) -> Vec<u8> {
    let (mut heard, mut buffer) = (Vec::new(), [0_u8; 16 << 10]);
    while let Ok(taken) = stream.read(&mut buffer)
        && taken > 0
    {
        heard.extend_from_slice(&buffer[..taken]);
    }
    heard
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The status of an HTTP answer.
pub fn status_of(heard: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(heard.get(..12)?).ok()?;
    text.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()
}
