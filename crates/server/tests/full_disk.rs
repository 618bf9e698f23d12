//! A node on a file system that is really small and fills up: a warning first, then refusals in each protocol's own form, and reading goes on.

use crate::modality::{self, SCANNER, SENDER};
use crate::place::{Place, Running, answer_of, client};
use badiano_record::NodeRole;
use badiano_testkit::people;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const CLUES: &str = "NLSSA999101";
const SEED: u64 = 7;
const MIB: u64 = 1 << 20;
/// The whole file system, and what is kept free of it.
const SIZE: u64 = 192 * MIB;
const KEPT: u64 = 48 * MIB;

/// A node whose data directory lies on a file system of its own, and the way to that file system from outside.
struct Small {
    place: Place,
    running: Running,
    token: String,
    disk: PathBuf,
    files: tempfile::TempDir,
}

/// Starts the node in a mount namespace of its own; that takes root, or a kernel that gives users namespaces.
async fn small(free_bytes_min: u64) -> Small {
    let files = tempfile::tempdir().expect("a folder");
    let disk = files.path().join("disk");
    std::fs::create_dir(&disk).expect("made");
    let mut place = Place::at(disk.join("data"), files.path().join("node.key"), NodeRole::Hospital, CLUES);
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    command.arg(format!("mount -t tmpfs -o size={SIZE} none \"$0\" && exec \"$@\"")).arg(&disk);
    command.arg(crate::place::BADIANO).args(place.arguments());
    command.args(["--free-bytes-min", &free_bytes_min.to_string()]);
    let running = Running::of(command);
    let disk = PathBuf::from(format!("/proc/{}/root{}", running.id(), disk.display()));
    place.data = disk.join("data");
    place.list_peer("hl7", SENDER).await;
    place.list_peer("dicom", SCANNER).await;
    let token = token(&place).await;
    Small { place, running, token, disk, files }
}

/// A registered system, over loopback: the node runs elsewhere than this process can open it.
async fn token(place: &Place) -> String {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).expect("a key");
    let jwks = json!({ "keys": [crate::system_tokens::jwk(&key)] }).to_string();
    let scopes = ["system/*.cruds"];
    let system = json!({ "id": "pruebas", "name": "Pruebas", "jwks": jwks, "scopes": scopes });
    assert_eq!(place.operator("PUT", "/api/admin/systems", Some(system)).await.0, 200);
    let claims = json!({
        "iss": "pruebas", "sub": "pruebas", "jti": badiano_kernel::id::random_uuid(),
        "aud": format!("https://localhost:{}/oauth/token", place.https),
        "exp": badiano_kernel::Instant::now().seconds() + 240
    });
    let assertion = crate::system_tokens::sign(&claims, &key);
    let post = client().post(place.url("/oauth/token"));
    let (status, answer) = answer_of(crate::system_tokens::request(post, &assertion, scopes[0])).await;
    assert_eq!(status, 200, "{answer}");
    answer["access_token"].as_str().expect("a token").to_owned()
}

impl Small {
    /// Takes up the disk until so much is left.
    fn fill_up_to(&self, left: u64) {
        let free = free_bytes(&self.disk);
        let taken = usize::try_from(free.saturating_sub(left)).expect("a small disk");
        let written = std::fs::write(self.disk.join("ballast"), vec![0x5a_u8; taken]);
        // To the last byte, the file system's own pages count too.
        assert!(written.is_ok() || (left == 0 && free_bytes(&self.disk) < MIB), "{written:?}");
    }

    fn make_room(&self) {
        std::fs::remove_file(self.disk.join("ballast")).expect("it is there");
    }

    fn store(&self, number: u32) -> Output {
        let study = modality::study(SEED, 1, 40);
        let instance = study.instance(number).expect("within the study");
        modality::store(self.place.dimse, self.files.path(), &instance)
    }

    fn register(&self, index: u64) -> (String, String) {
        let message = modality::registration(SEED, &people::person(SEED, index), &format!("D{index}"));
        modality::send(self.place.mllp, &message).expect("an answer")
    }

    async fn create(&self) -> (u16, Value) {
        let patient = json!({ "resourceType": "Patient", "name": [{ "family": "Ruiz" }] }).to_string();
        let request = client().post(self.place.url("/fhir/Patient")).bearer_auth(&self.token);
        answer_of(request.header("content-type", "application/fhir+json").body(patient)).await
    }

    async fn reads(&self) -> u64 {
        let (status, found) = self.place.get("/fhir/Patient?_summary=count", &self.token).await;
        assert_eq!(status, 200, "reading goes on: {found}");
        let (status, studies) = self.place.get("/dicomweb/studies", &self.token).await;
        assert_eq!(status, 200, "reading goes on: {studies}");
        found["total"].as_u64().expect("a total")
    }

    async fn disk_state(&self) -> String {
        let (_, status) = self.place.operator("GET", "/api/admin/status", None).await;
        status["disk"]["state"].as_str().unwrap_or_default().to_owned()
    }

    async fn takes_everything(&self, number: u32, index: u64) {
        let said = self.store(number);
        assert!(said.status.success(), "{}", text(&said));
        assert_eq!(self.create().await.0, 201);
        assert_eq!(self.register(index).0, "CA");
    }
}

/// By `stat`: `df` would look the path up among this process's own mounts.
fn free_bytes(path: &Path) -> u64 {
    let said = Command::new("stat").args(["-f", "-c", "%a %S"]).arg(path).output().expect("stat is there");
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let (blocks, size) = text.trim().split_once(' ').expect("two numbers");
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let free = number(blocks) * number(size);
    assert!(free <= SIZE, "this is not the small file system");
    free
}

fn text(said: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_is_warned_of_then_refuses_in_each_protocol_while_reading_goes_on() {
    let small = small(KEPT).await;
    small.takes_everything(1, 1).await;
    let before = small.reads().await;
    small.fill_up_to(2 * KEPT);
    assert_eq!(small.disk_state().await, "warning");
    small.takes_everything(2, 2).await;
    small.make_room();
    small.fill_up_to(KEPT - 8 * MIB);
    assert_eq!(small.disk_state().await, "full");
    let said = small.store(3);
    assert!(!said.status.success() && text(&said).contains("OutOfResources"), "{}", text(&said));
    let (status, outcome) = small.create().await;
    assert_eq!((status, &outcome["resourceType"]), (503, &json!("OperationOutcome")), "{outcome}");
    let (code, answer) = small.register(3);
    assert!(code == "CE" && answer.contains("\rERR|"), "{answer}");
    assert_eq!(client().get(small.place.url("/readyz")).send().await.expect("an answer").status(), 503);
    assert_eq!(client().get(small.place.url("/livez")).send().await.expect("an answer").status(), 200);
    assert_eq!(small.reads().await, before + 2, "what was refused was not kept by halves");
    assert!(!token(&small.place).await.is_empty(), "systems and people still sign in");
    small.make_room();
    small.takes_everything(3, 3).await;
    assert_eq!(small.reads().await, before + 4);
    assert_eq!(client().get(small.place.url("/readyz")).send().await.expect("an answer").status(), 200);
    small.running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_to_the_last_byte_harms_nothing_that_was_acknowledged() {
    let small = small(0).await;
    small.takes_everything(1, 1).await;
    let before = small.reads().await;
    small.fill_up_to(0);
    for number in 2..=4 {
        assert!(!small.store(number).status.success(), "an object that does not fit is refused");
    }
    small.make_room();
    small.takes_everything(2, 2).await;
    assert_eq!(small.reads().await, before + 2);
    small.running.stop();
}
