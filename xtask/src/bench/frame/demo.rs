//! Real nodes to measure: the release binary's demo on a folder of its own, as a person would start it; ended and removed with the value.

use crate::{place, process};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Ports of the demo, counted from its base.
const PORTS: u16 = 32;

pub struct Demo {
    child: Child,
    folder: PathBuf,
    /// `demo.json`.
    pub description: Value,
}

/// One of the three, as `demo.json` describes it.
pub struct Node<'a>(&'a Value);

impl Demo {
    /// Builds pages and binary in release mode, and starts a hub and two hospitals with the demo's people and images.
    /// `options` go to `badiano demo` (`--empty`, `--seed N`).
    pub fn start(options: &[&str]) -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|e| format!("xtask's own path: {e}"))?;
        process::run_aside(Command::new(own).arg("web"))?;
        process::run_aside(process::cargo().args(["build", "--release", "--package", "badiano-server"]))?;
        let folder = place::target().join(format!("bench-{}", std::process::id()));
        let data = folder.join("demo");
        std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let mut command = Command::new(place::binary("release"));
        command.arg("demo").arg("--data").arg(&data).args(["--port-base", &free_ports()?.to_string()]);
        command.args(options).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|e| format!("badiano demo: {e}"))?;
        let out = child.stdout.take().expect("standard output was asked for as a pipe");
        let mut demo = Demo { child, folder, description: Value::Null };
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        if !lines.any(|line| line.starts_with("ready")) {
            return Err("badiano demo did not become ready".to_owned());
        }
        let path = data.join("demo.json");
        let text = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        demo.description = serde_json::from_slice(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(demo)
    }

    /// Where it lies, on the same disk as the nodes' data.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// `norte` or `sur`.
    pub fn hospital(&self, key: &str) -> Result<Node<'_>, String> {
        let all = self.description["hospitals"].as_array().into_iter().flatten();
        all.into_iter().find(|h| h["key"] == key).map(Node).ok_or(format!("the demo has no {key}"))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Asked to end, so that it ends its nodes; std knows only how to kill.
        let pid = self.child.id().to_string();
        if !process::succeeds(Command::new("kill").args(["-TERM", &pid])) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Node<'_> {
    /// The data directory.
    pub fn data(&self) -> Result<PathBuf, String> {
        self.0["data"].as_str().map(PathBuf::from).ok_or("demo.json names no data directory".to_owned())
    }

    /// Of the process, for its cost.
    pub fn pid(&self) -> Result<u64, String> {
        self.0["pid"].as_u64().ok_or("demo.json names no process".to_owned())
    }

    /// The token for scripts.
    pub fn token(&self) -> Result<&str, String> {
        self.0["token"].as_str().ok_or("demo.json has no token".to_owned())
    }

    /// Where DICOM answers, and under which title.
    pub fn dimse(&self) -> Result<(SocketAddr, &str), String> {
        let door = &self.0["dimse"];
        let port = door["port"].as_u64().and_then(|p| u16::try_from(p).ok());
        let found = port.zip(door["ae_title"].as_str());
        let (port, title) = found.ok_or("demo.json names no DICOM door".to_owned())?;
        Ok((SocketAddr::from(([127, 0, 0, 1], port)), title))
    }

    /// Where FHIR, DICOMweb and the pages answer, in the clear on this machine.
    pub fn http(&self) -> Result<SocketAddr, String> {
        let pages = self.0["pages"].as_str().unwrap_or_default();
        let port = pages.rsplit(':').next().and_then(|p| p.parse().ok());
        let port: u16 = port.ok_or("demo.json names no pages")?;
        Ok(SocketAddr::from(([127, 0, 0, 1], port)))
    }
}

/// The first of so many ports that nobody listens on.
fn free_ports() -> Result<u16, String> {
    let free = |base: &u16| (0..PORTS).all(|n| TcpListener::bind(("127.0.0.1", base + n)).is_ok());
    let first = 20_000 + (std::process::id() % 300) as u16 * PORTS;
    let mut bases = (first..60_000).step_by(usize::from(PORTS));
    bases.find(free).ok_or("no free ports".to_owned())
}
