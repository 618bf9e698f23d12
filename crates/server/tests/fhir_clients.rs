//! Other people's FHIR clients against a running node: fhirpy and fhirclient (Python), fhir-kit-client and fhirclient (npm), pinned in
//! `fixtures`; `cargo xtask test` brings them.

use crate::place::Place;
use badiano_record::NodeRole;
use std::path::{Path, PathBuf};
use std::process::Command;

pub fn cached(variable: &str, below: &str) -> PathBuf {
    let said = std::env::var_os(variable).map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/badiano").join(below));
    let found = said.or(home).expect("HOME is set");
    assert!(found.exists(), "{} is not there: `cargo xtask test` brings it", found.display());
    found
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/fhir-clients").join(name)
}

/// Runs a client's script against a node of its own; what it says when it fails.
async fn works(mut command: Command) {
    let place = Place::new(NodeRole::Hospital, "NLSSA999101");
    let token = place.token().await;
    let _running = place.start();
    command.env("FHIR_BASE", place.url("/fhir")).env("FHIR_TOKEN", token).env("NO_PROXY", "127.0.0.1");
    for proxy in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    let done =
        tokio::task::spawn_blocking(move || command.output()).await.expect("it runs").expect("it starts");
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && said.contains(": works"), "{said}");
}

fn python(name: &str) -> Command {
    let mut command = Command::new(cached("BADIANO_PYTHON", "venv/bin/python"));
    command.arg(script(name));
    command
}

fn node(name: &str) -> Command {
    let mut command = Command::new("node");
    // From standard input, so that the packages are looked for where they are and not beside the script.
    let script = std::fs::File::open(script(name)).expect("the script");
    command.args(["--input-type=module", "-"]).stdin(script);
    command.current_dir(cached("BADIANO_FHIR_CLIENTS", "fhir-clients"));
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn fhirpy_creates_searches_pages_changes_and_deletes() {
    works(python("fhirpy_client.py")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pythons_fhirclient_reads_every_answer_into_its_strict_models() {
    works(python("fhirclient_client.py")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fhir_kit_client_uses_every_interaction_that_it_has() {
    works(node("kit.mjs")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_smart_app_reads_pages_resolves_and_changes() {
    works(node("smart.mjs")).await;
}
