//! A data directory of its own, the node that runs on it, and how a test asks it.

use badiano_kernel::Instant;
use badiano_record::{Node, NodeOptions, NodeRole, Settings};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use tempfile::TempDir;

pub const BADIANO: &str = env!("CARGO_BIN_EXE_badiano");
pub const AE_TITLE: &str = "BADIANO";
const READY: Duration = Duration::from_secs(60);
const TOKEN_SECONDS: i64 = 3600;

/// Where a node lives and listens.
pub struct Place {
    pub data: PathBuf,
    pub key_file: PathBuf,
    pub role: NodeRole,
    pub clues: String,
    pub http: u16,
    pub https: u16,
    pub dimse: u16,
    pub mllp: u16,
    _folder: Option<TempDir>,
}

/// A node that runs; it is killed when the test lets go of it.
pub struct Running {
    child: Child,
}

impl Place {
    pub fn new(role: NodeRole, clues: &str) -> Place {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (data, key_file) = (folder.path().join("data"), folder.path().join("node.key"));
        Place { _folder: Some(folder), ..Place::at(data, key_file, role, clues) }
    }

    /// In a folder of the test's choosing.
    pub fn at(data: PathBuf, key_file: PathBuf, role: NodeRole, clues: &str) -> Place {
        let [http, https, dimse, mllp] = free_ports();
        Place { data, key_file, role, clues: clues.into(), http, https, dimse, mllp, _folder: None }
    }

    /// Opens the node in this process; it must not be running.
    pub fn open(&self) -> Node {
        let settings = Settings {
            role: self.role,
            name: format!("Nodo {}", self.clues),
            clues: self.clues.clone(),
            zone: "America/Mexico_City".into(),
        };
        let (data, key_file) = (self.data.clone(), self.key_file.clone());
        Node::open(NodeOptions { data, key_file, settings, workflows: badiano_departments::WORKFLOWS })
            .expect("the node opens")
    }

    /// A token for scripts on this machine, made before the node starts.
    pub async fn token(&self) -> String {
        let scopes = ["system/*.cruds".to_owned()];
        let node = self.open();
        let made = node.open_script_token("tests", "tests", &scopes, TOKEN_SECONDS, Instant::now()).await;
        made.expect("a token")
    }

    pub fn start(&self) -> Running {
        self.start_with(&[])
    }

    pub fn start_with(&self, more: &[&str]) -> Running {
        let mut command = Command::new(BADIANO);
        command.args(self.arguments()).args(more);
        Running::of(command)
    }

    /// `badiano serve` and how this node is served.
    pub fn arguments(&self) -> Vec<String> {
        let role = match self.role {
            NodeRole::Hospital => "hospital",
            NodeRole::Hub => "hub",
        };
        let mut all = vec!["serve".to_owned()];
        let local = |port: u16| format!("127.0.0.1:{port}");
        let mut add = |name: &str, value: String| all.extend([format!("--{name}"), value]);
        add("role", role.into());
        add("data", self.data.display().to_string());
        add("key-file", self.key_file.display().to_string());
        add("name", format!("Nodo {}", self.clues));
        add("clues", self.clues.clone());
        add("http", local(self.http));
        add("listen", local(self.https));
        add("dimse", local(self.dimse));
        add("mllp", local(self.mllp));
        all
    }

    /// A command of the binary on this data directory.
    pub fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(BADIANO);
        let role = if self.role == NodeRole::Hub { "hub" } else { "hospital" };
        command.args(arguments).arg("--data").arg(&self.data).arg("--key-file").arg(&self.key_file);
        command.args(["--role", role, "--clues", &self.clues]);
        command.output().expect("the command runs")
    }

    /// The operator's door, asked as the commands ask it.
    pub async fn operator(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let client = builder().unix_socket(self.data.join("operator.sock")).build().expect("a client");
        let method = method.parse().expect("a method");
        let mut request = client.request(method, format!("http://localhost{path}"));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        answer_of(request).await
    }

    /// The plain HTTP door of loopback, with a bearer token.
    pub async fn get(&self, path: &str, token: &str) -> (u16, Value) {
        answer_of(client().get(self.url(path)).bearer_auth(token)).await
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.http)
    }

    pub async fn list_peer(&self, kind: &str, name: &str) {
        let peer = json!({ "kind": kind, "name": name, "host": "127.0.0.1", "port": 0 });
        let (status, answer) = self.operator("PUT", "/api/admin/peers", Some(peer)).await;
        assert_eq!(status, 200, "{answer}");
    }
}

impl Running {
    /// Starts a command and waits until it says that it is ready.
    pub fn of(command: Command) -> Running {
        Running::saying(command).0
    }

    /// The same, with the lines that it printed until then.
    pub fn saying(mut command: Command) -> (Running, Vec<String>) {
        let log = tempfile::NamedTempFile::new().expect("a file");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log.reopen().expect("the file"));
        let mut child = command.spawn().expect("the program starts");
        let out = child.stdout.take().expect("the pipe was asked for");
        let (tell, ready) = mpsc::channel();
        std::thread::spawn(move || {
            let mut said = Vec::new();
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let is_ready = line.starts_with("ready");
                said.push(line);
                if is_ready {
                    let _ = tell.send(std::mem::take(&mut said));
                }
            }
        });
        let Ok(said) = ready.recv_timeout(READY) else {
            let _ = child.kill();
            panic!("not ready in time: {}", text_of(log.path()));
        };
        (Running { child }, said)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// As `systemctl stop` does it.
    pub fn stop(mut self) {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status().expect("kill is there");
        assert!(told.success());
        assert!(self.child.wait().expect("it ends").success(), "the node ends in order");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn client() -> reqwest::Client {
    builder().build().expect("a client")
}

/// A client that goes nowhere by itself.
pub fn builder() -> reqwest::ClientBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none())
}

pub async fn answer_of(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a text");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Ports that were free a moment ago.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    held.map(|l| l.local_addr().expect("an address").port())
}

fn text_of(path: &Path) -> String {
    let mut text = String::new();
    let _ = std::fs::File::open(path).and_then(|mut f| f.read_to_string(&mut text));
    text
}
