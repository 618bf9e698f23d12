//! The other side of the operator's door: how a command asks the node that runs on its data directory.

use badiano_gateway::operator::socket_of;
use badiano_kernel::{Fault, FaultKind};
use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::Value;
use std::os::unix::net::UnixStream;
use std::path::Path;
use tokio::io::AsyncReadExt;

/// A running node, by its socket.
pub struct Door {
    client: reqwest::Client,
}

impl Door {
    /// The node that runs on a data directory; none where no process has it open.
    pub fn of_running(data: &Path) -> Result<Option<Door>, Fault> {
        let socket = socket_of(data);
        match UnixStream::connect(&socket) {
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
                return Err(Fault::forbidden(
                    "the node is for whoever owns its data directory, and for root",
                )
                .at(socket.display().to_string()));
            }
            Err(_) => return Ok(None),
        }
        let client = reqwest::Client::builder().unix_socket(socket).no_proxy().build();
        let client = client.map_err(|e| Fault::bug(format!("the client cannot be made: {e}")))?;
        Ok(Some(Door { client }))
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Fault> {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// Waits as long as it takes: the node answers when what was asked is done.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Fault> {
        let mut request = self.client.request(method, format!("http://localhost{path}"));
        request = request.header("accept-language", "en");
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let broken = |_| Fault::unavailable("the node went away before it answered");
        let answer = request.send().await.map_err(broken)?;
        let status = answer.status();
        let text = answer.text().await.map_err(broken)?;
        let value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status.is_success() { Ok(value) } else { Err(fault_of(status.as_u16(), &value)) }
    }
}

/// What a node made of an object.
pub enum Stored {
    /// It is there, now or since before.
    Here { study: String, sop: String },
    /// It is not, for this reason.
    Refused(String),
}

impl Door {
    /// Stores one Part 10 file (STOW-RS, PS3.18 10.5), streamed. A fault is of the node, not of the file.
    pub async fn store(&self, file: &Path) -> Result<Stored, Fault> {
        let boundary = badiano_kernel::id::random_uuid();
        let head = format!("\r\n--{boundary}\r\nContent-Type: application/dicom\r\n\r\n").into_bytes();
        let end = format!("\r\n--{boundary}--\r\n").into_bytes();
        let opened = match tokio::fs::File::open(file).await {
            Ok(opened) => opened,
            Err(e) => return Ok(Stored::Refused(format!("the file cannot be read: {e}"))),
        };
        let body = stream::iter([Ok(head)]).chain(pieces(opened)).chain(stream::iter([Ok(end)]));
        let kind = format!("multipart/related; type=\"application/dicom\"; boundary={boundary}");
        let request = self.client.post("http://localhost/dicomweb/studies").header("content-type", kind);
        let broken = |_| Fault::unavailable("the node went away before it answered");
        let answer = request.body(reqwest::Body::wrap_stream(body)).send().await.map_err(broken)?;
        let status = answer.status().as_u16();
        let text = answer.text().await.map_err(broken)?;
        let said: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        let stored = &said["00081199"]["Value"][0];
        let failed = &said["00081198"]["Value"][0]["00081197"]["Value"][0];
        match (status, stored["00081155"]["Value"][0].as_str(), failed.as_u64()) {
            (200 | 202, Some(sop), _) => {
                let url = stored["00081190"]["Value"][0].as_str().unwrap_or_default();
                let study =
                    url.split("/studies/").nth(1).and_then(|u| u.split('/').next()).unwrap_or_default();
                Ok(Stored::Here { study: study.to_owned(), sop: sop.to_owned() })
            }
            (_, None, Some(NO_ROOM)) => Err(Fault::unavailable("the node takes no more objects now")),
            (_, None, Some(reason)) => Ok(Stored::Refused(reason_of(reason))),
            (400, ..) => Ok(Stored::Refused("the file ended while it was read".to_owned())),
            (status, ..) => Err(fault_of(status, &said)),
        }
    }
}

/// Bytes of a file that are in memory at a time.
const PIECE_BYTES: usize = 256 << 10;

fn pieces(file: tokio::fs::File) -> impl futures_util::Stream<Item = std::io::Result<Vec<u8>>> {
    stream::unfold(Some(file), |file| async move {
        let mut file = file?;
        let mut piece = vec![0; PIECE_BYTES];
        match file.read(&mut piece).await {
            Ok(0) => None,
            Ok(taken) => {
                piece.truncate(taken);
                Some((Ok(piece), Some(file)))
            }
            Err(e) => Some((Err(e), None)),
        }
    })
}

/// Out of resources (PS3.4 table B.2-1).
const NO_ROOM: u64 = 0xA700;

/// Failure Reason in words (PS3.18 table 10.5.3-2).
fn reason_of(reason: u64) -> String {
    let words = match reason {
        0xA900 => {
            "it contradicts what is here: the same object in another study, or a study of another patient"
        }
        0xC000 => "it cannot be read, or lacks a UID",
        0x0122 => "its class or encoding is not supported",
        0x0124 => "not permitted",
        _ => "the node could not store it",
    };
    format!("{words} ({reason:04X})")
}

fn fault_of(status: u16, answer: &Value) -> Fault {
    let kind = match status {
        400 | 422 => FaultKind::Invalid,
        401 => FaultKind::Unauthenticated,
        403 => FaultKind::Forbidden,
        404 => FaultKind::NotFound,
        409 => FaultKind::Conflict,
        413 => FaultKind::TooCostly,
        501 => FaultKind::NotSupported,
        500 => FaultKind::Bug,
        _ => FaultKind::Unavailable,
    };
    let text = answer["text"].as_str().map_or_else(|| format!("the node answered {status}"), str::to_owned);
    Fault::new(kind, text)
}
