//! The other side of the operator's door: how a command asks the node that runs on its data directory.

use badiano_gateway::operator::socket_of;
use badiano_kernel::{Fault, FaultKind};
use reqwest::Method;
use serde_json::Value;
use std::os::unix::net::UnixStream;
use std::path::Path;

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
