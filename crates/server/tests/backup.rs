//! `badiano backup` of a node that runs and takes writes, and `badiano restore` of the copy.

use crate::modality::{self, SCANNER, SENDER};
use crate::place::{Place, client};
use badiano_kernel::principal::{Role, Staff};
use badiano_kernel::{Instant, Principal, Purpose};
use badiano_record::NodeRole;
use badiano_testkit::people;
use badiano_testkit::studies::Instance;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const CLUES: &str = "NLSSA999101";
const SEED: u64 = 1552;
/// What is acknowledged before the copy begins.
const BEFORE: usize = 12;
const SLICES_BEFORE: u32 = 3;

/// What the node has acknowledged so far, in order.
#[derive(Clone, Default)]
struct Acknowledged {
    people: Arc<Mutex<Vec<String>>>,
    objects: Arc<Mutex<Vec<Instance>>>,
}

impl Acknowledged {
    fn people(&self) -> Vec<String> {
        self.people.lock().expect("unharmed").clone()
    }
    fn objects(&self) -> Vec<Instance> {
        self.objects.lock().expect("unharmed").clone()
    }

    /// Registers person after person until told to end.
    fn register(&self, port: u16, end: &AtomicBool) {
        for (n, person) in people::population(SEED, 4000).iter().enumerate() {
            if end.load(Ordering::Relaxed) {
                return;
            }
            let message = modality::registration(SEED, person, &format!("B{n}"));
            let (code, answer) = modality::send(port, &message).expect("the node answers");
            assert_eq!(code, "CA", "{answer}");
            self.people.lock().expect("unharmed").push(person.curp.as_str().to_owned());
        }
    }

    /// Sends object after object until told to end.
    fn scan(&self, port: u16, folder: &std::path::Path, end: &AtomicBool) {
        let study = modality::study(SEED, 1, 400);
        for number in 1..=study.count() {
            if end.load(Ordering::Relaxed) {
                return;
            }
            let instance = study.instance(number).expect("within the study");
            let said = modality::store(port, folder, &instance);
            assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
            self.objects.lock().expect("unharmed").push(instance);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_made_while_writes_go_on_holds_everything_acknowledged_before_it_began() {
    let place = Place::new(NodeRole::Hospital, CLUES);
    let token = place.token().await;
    let running = place.start();
    place.list_peer("hl7", SENDER).await;
    place.list_peer("dicom", SCANNER).await;
    let (all, end) = (Acknowledged::default(), Arc::new(AtomicBool::new(false)));
    let files = tempfile::tempdir().expect("a folder");
    let writers = [
        std::thread::spawn({
            let (all, end, port) = (all.clone(), end.clone(), place.mllp);
            move || all.register(port, &end)
        }),
        std::thread::spawn({
            let (all, end, port, files) = (all.clone(), end.clone(), place.dimse, files.path().to_owned());
            move || all.scan(port, &files, &end)
        }),
    ];
    while all.people().len() < BEFORE || all.objects().len() < SLICES_BEFORE as usize {
        assert!(writers.iter().all(|w| !w.is_finished()), "a writer stopped");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (people, objects) = (all.people(), all.objects());
    let copies = tempfile::tempdir().expect("a folder");
    let copy = copies.path().join("copy");
    let said = place.command(&["backup", &copy.display().to_string()]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    while all.people().len() == people.len() {
        assert!(!writers[0].is_finished(), "the node goes on taking writes");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    end.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.join().expect("no write was refused");
    }
    running.stop();

    let data = copies.path().join("restored");
    let restored = Place::at(data, place.key_file.clone(), NodeRole::Hospital, CLUES);
    let said = restored.command(&["restore", &copy.display().to_string()]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let running = restored.start();
    for curp in &people {
        let (status, found) = restored.get(&format!("/fhir/Patient?identifier={curp}"), &token).await;
        assert_eq!((status, &found["total"]), (200, &1.into()), "{curp}: {found}");
    }
    for object in &objects {
        holds(&restored, &token, object).await;
    }
    running.stop();
}

/// The object comes back with its pixels as they were sent.
async fn holds(place: &Place, token: &str, object: &Instance) {
    let study = modality::study(SEED, 1, 400);
    let path = format!(
        "/dicomweb/studies/{}/series/{}/instances/{}",
        study.uid(),
        object.series_uid,
        object.sop_instance_uid
    );
    let accept = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";
    let answer = client().get(place.url(&path)).bearer_auth(token).header("accept", accept).send().await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    let body = answer.bytes().await.expect("a body");
    let pixels = &object.file[object.file.len() - 512 * 512 * 2..];
    assert!(body.windows(pixels.len()).any(|w| w == pixels), "{path} comes back as it was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_broke_off_is_not_restored() {
    let place = Place::new(NodeRole::Hospital, CLUES);
    drop(place.open());
    let broken = tempfile::tempdir().expect("a folder");
    std::fs::write(broken.path().join("badiano.db.unfinished"), b"").expect("written");
    let folder = tempfile::tempdir().expect("a folder");
    let other = Place::at(folder.path().join("data"), place.key_file.clone(), NodeRole::Hospital, CLUES);
    let said = other.command(&["restore", &broken.path().display().to_string()]);
    assert_eq!(said.status.code(), Some(2), "{}", String::from_utf8_lossy(&said.stderr));
    assert!(!other.data.exists(), "nothing was begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_asked_for_by_the_operator_alone_and_stands_in_the_log() {
    let place = Place::new(NodeRole::Hospital, CLUES);
    let node = place.open();
    let scopes = ["system/*.cruds".to_owned(), "badiano/admin".to_owned()];
    let now = Instant::now();
    let token = node.open_script_token("t", "t", &scopes, 600, now).await.expect("a token");
    drop(node);
    let running = place.start();
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().join("copy");
    let body = serde_json::json!({ "to": to }).to_string();
    let request = client().post(place.url("/api/admin/backup")).header("content-type", "application/json");
    let (status, answer) = crate::place::answer_of(request.bearer_auth(&token).body(body)).await;
    assert_eq!((status, to.exists()), (403, false), "an administrator elsewhere names no files: {answer}");
    let mode = std::os::unix::fs::MetadataExt::mode(
        &std::fs::metadata(place.data.join("operator.sock")).expect("the door"),
    );
    assert_eq!(mode & 0o777, 0o600);
    let (status, answer) =
        place.operator("POST", "/api/admin/backup", Some(serde_json::json!({ "to": to }))).await;
    assert_eq!(status, 204, "{answer}");
    let (status, _) =
        place.operator("POST", "/api/admin/backup", Some(serde_json::json!({ "to": to }))).await;
    assert_eq!(status, 409, "a copy is never written over another");
    running.stop();
    let copies = entries_of(&place).iter().filter(|e| e.contains("a copy of the node")).count();
    assert_eq!(copies, 2, "each try of the operator is in the log, and nobody else's");
}

/// The log of a node that stands, as its security office reads it.
fn entries_of(place: &Place) -> Vec<String> {
    let officer = Principal::Staff(Staff {
        account: "oficial".into(),
        name: "Oficial".into(),
        roles: vec![Role::SecurityOffice],
        institution: CLUES.into(),
        cedula: None,
    });
    let node = place.open();
    let session = node.session(officer, Purpose::Operations, Instant::now());
    session.audit_entries(0, 1000).expect("the log").into_iter().map(|e| e.content).collect()
}
