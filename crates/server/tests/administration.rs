//! Administration by command at a running node: peers, accounts, systems, institutions, queues, state; every change versioned and in the log.

use crate::modality::{self, SENDER};
use crate::place::{BADIANO, Place};
use badiano_record::NodeRole;
use badiano_testkit::people;
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Output, Stdio};

const CLUES: &str = "NLSSA999101";
const PASSWORD: &str = "una contraseña larga";

/// Runs a command at the node that runs on the place's data directory.
fn run(place: &Place, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(BADIANO);
    command.args(["--format", "json"]).args(arguments).arg("--data").arg(&place.data);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    // A command that reads nothing may have ended already.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn done(place: &Place, arguments: &[&str], input: &str) -> Value {
    let said = run(place, arguments, input);
    assert!(said.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&said.stderr));
    serde_json::from_slice(&said.stdout).unwrap_or(Value::Null)
}

fn entries(place: &Place) -> u64 {
    done(place, &["status"], "")["log"]["entries"].as_u64().expect("a count")
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_are_listed_tested_and_suspended_by_command() {
    let (place, other) =
        (Place::new(NodeRole::Hospital, CLUES), Place::new(NodeRole::Hospital, "OCSSA999102"));
    let (runs, other_runs) = (place.start(), other.start());
    let message = modality::registration(5, &people::person(5, 1), "C1");
    let send = |place: &Place| modality::send(place.mllp, &message).expect("an answer").0;
    assert_eq!(send(&place), "CR", "who is not listed is refused");
    let listed = done(&place, &["peers", "list"], "");
    assert_eq!(listed["strangers"][0]["name"], SENDER, "and shown: {listed}");
    let before = entries(&place);
    done(&place, &["peers", "put", "hl7", SENDER, "127.0.0.1"], "");
    assert!(entries(&place) > before, "the change is in the log");
    assert_eq!(send(&place), "CA");
    done(&place, &["peers", "suspend", SENDER], "");
    assert_eq!(send(&place), "CR", "a suspended one is refused at once");
    done(&place, &["peers", "admit", SENDER], "");
    assert_eq!(send(&place), "CA");
    // The other node is asked as a PACS and as a receiver of HL7; it hears only whom it has listed.
    let (dimse, mllp) = (other.dimse.to_string(), other.mllp.to_string());
    done(&place, &["peers", "put", "dicom", "BADIANO", "127.0.0.1", &dimse], "");
    assert!(!run(&place, &["peers", "test", "BADIANO"], "").status.success(), "not listed there");
    done(&other, &["peers", "put", "dicom", "BADIANO", "127.0.0.1"], "");
    assert_eq!(done(&place, &["peers", "test", "BADIANO"], "")["ok"], true, "C-ECHO");
    let there = format!("BADIANO|{CLUES}");
    done(&other, &["peers", "put", "hl7", &there, "127.0.0.1"], "");
    done(&place, &["peers", "put", "hl7", "OTRO|SUR", "127.0.0.1", &mllp], "");
    assert_eq!(
        done(&place, &["peers", "test", "OTRO|SUR"], "")["ok"],
        true,
        "an HL7 message that asks for nothing"
    );
    other_runs.stop();
    for name in ["BADIANO", "OTRO|SUR"] {
        assert!(!run(&place, &["peers", "test", name], "").status.success(), "{name} is gone");
    }
    runs.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_systems_and_queues_are_administered_by_command() {
    let place = Place::new(NodeRole::Hospital, CLUES);
    let runs = place.start();
    let before = entries(&place);
    let made = done(&place, &["users", "add", "jefa", "Jefa", "--role", "administrator"], PASSWORD);
    assert!(made["totp_uri"].as_str().is_some_and(|u| u.starts_with("otpauth://totp/")), "{made}");
    done(&place, &["users", "add", "ana", "Ana", "--role", "clinician", "--cedula", "99000001"], PASSWORD);
    done(&place, &["users", "roles", "ana", "--role", "radiologist", "--role", "clinician"], "");
    done(&place, &["users", "suspend", "ana"], "");
    let all = done(&place, &["users", "list"], "");
    let ana = all["users"].as_array().expect("a list").iter().find(|u| u["account"] == "ana").expect("ana");
    assert_eq!(
        (&ana["active"], ana["roles"].as_array().map(Vec::len)),
        (&Value::Bool(false), Some(2)),
        "{all}"
    );
    let said = run(&place, &["users", "suspend", "jefa"], "");
    assert_eq!(said.status.code(), Some(1), "the last administrator stays");
    assert!(entries(&place) >= before + 4, "each change is in the log");
    let keys = r#"{"keys":[{"kty":"EC","crv":"P-384","x":"a","y":"b"}]}"#;
    let system = ["systems", "put", "lab", "Laboratorio", "--scope", "system/Patient.rs"];
    assert_eq!(done(&place, &system, keys)["active"], true);
    let said = run(&place, &["systems", "put", "lab", "L", "--scope", "badiano/operate"], keys);
    assert_eq!(said.status.code(), Some(2), "that is no scope of a system");
    assert_eq!(done(&place, &["systems", "suspend", "lab"], "")["active"], false);
    assert_eq!(done(&place, &["queues", "list"], "")["items"].as_array().map(Vec::len), Some(0));
    assert_eq!(run(&place, &["queues", "retry", "7"], "").status.code(), Some(1), "there is no such item");
    assert_eq!(
        run(&place, &["institutions", "list"], "").status.code(),
        Some(1),
        "institutions are listed at the hub"
    );
    runs.stop();
    assert_eq!(run(&place, &["status"], "").status.code(), Some(3), "no node runs there any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_one_time_link_makes_the_first_administrator_and_no_second_one() {
    let place = Place::new(NodeRole::Hospital, CLUES);
    let mut command = Command::new(BADIANO);
    command.args(place.arguments());
    let (runs, said) = crate::place::Running::saying(command);
    let link = said.iter().find_map(|l| l.split("/#/setup/").nth(1)).expect("a link").to_owned();
    let new = serde_json::json!({ "code": link, "account": "jefa", "name": "Jefa", "password": PASSWORD });
    let post = async |path: &str, body: &Value| {
        let request = crate::place::client().post(place.url(path)).header("content-type", "application/json");
        crate::place::answer_of(request.body(body.to_string())).await
    };
    let mut wrong = new.clone();
    wrong["code"] = "AAAA".into();
    assert_eq!(post("/api/setup", &wrong).await.0, 403, "a link that was never given");
    let (status, made) = post("/api/setup", &new).await;
    assert_eq!(status, 200, "{made}");
    assert_eq!(post("/api/setup", &new).await.0, 403, "the link works once");
    let all = done(&place, &["users", "list"], "");
    assert_eq!(all["users"][0]["roles"], serde_json::json!(["administrator"]), "{all}");
    for (path, expected) in [("/livez", 200), ("/readyz", 200), ("/metrics", 200)] {
        let answer = crate::place::client().get(place.url(path)).send().await.expect("an answer");
        assert_eq!(answer.status(), expected, "{path}");
    }
    runs.stop();
}
