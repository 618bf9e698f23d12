//! `badiano deidentify`: files without who the person is, the same person under the same pseudonym, and what an export brings out.

use crate::fhir_clients::cached;
use crate::modality::study;
use crate::place::{BADIANO, Place, client};
use badiano_record::NodeRole;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What a folder of files holds of a study's person, and the pseudonyms in it.
fn looked_through(folder: &Path, secrets: &[String]) -> (usize, Vec<String>) {
    let (mut files, mut left) = (0, Vec::new());
    for entry in fs::read_dir(folder).expect("a folder") {
        let bytes = fs::read(entry.expect("an entry").path()).expect("read");
        files += 1;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        left.extend(secrets.iter().filter(|s| text.contains(s.as_str())).cloned());
    }
    (files, left)
}

#[test]
fn nothing_of_the_person_is_left_and_the_same_key_gives_the_same_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, key) = (folder.path().join("estudio"), folder.path().join("llave"));
    fs::create_dir_all(&from).expect("a folder");
    let study = study(7, 1, 3);
    for number in 1..=study.count() {
        let object = study.instance(number).expect("within the count");
        fs::write(from.join(format!("IM{number}.dcm")), &object.file).expect("written");
    }
    fs::write(from.join("LEAME.txt"), "no es DICOM").expect("written");
    fs::write(&key, "una llave de treinta y dos letras o m\u{e1}s").expect("written");
    let run = |out: &str, more: &[&str]| {
        let out = folder.path().join(out);
        let mut command = Command::new(BADIANO);
        command.args(["--format", "json", "deidentify"]).arg(&from).arg("--out").arg(&out);
        let output = command.arg("--key").arg(&key).args(more).output().expect("the command runs");
        (output, out)
    };
    let person = badiano_testkit::people::person(7, 1);
    let secrets = [
        person.mrn.clone(),
        study.uid().to_owned(),
        study.series_uid().to_owned(),
        study.sop_instance_uid(1),
        "Hospital Regional Norte".to_owned(),
        "20261120".to_owned(),
    ];
    let before = looked_through(&from, &secrets).1;
    assert!(before.contains(&person.mrn) && before.len() > 6, "the files say who it is: {before:?}");
    let (output, first) = run("uno", &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(looked_through(&first, &secrets), (study.count() as usize, Vec::new()));
    let (_, second) = run("dos", &[]);
    let names = |folder: &Path| {
        let mut all: Vec<_> =
            fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").file_name()).collect();
        all.sort();
        all
    };
    assert_eq!(names(&first), names(&second), "the same key, the same UIDs");
    for name in names(&first) {
        let bytes = |folder: &Path| fs::read(folder.join(&name)).expect("read");
        assert!(bytes(&first) == bytes(&second), "the same key, the same files");
    }
    fs::write(&key, "otra llave de treinta y dos letras o m\u{e1}s").expect("written");
    assert_ne!(names(&run("tres", &[]).1), names(&first), "another key, other UIDs");
    let (refused, _) = run("cuatro", &["--keep", "burned-in"]);
    assert_eq!(refused.status.code(), Some(2), "an option that is not there");
    let (refused, _) = run("cinco", &["--keep", "full-dates,modified-dates"]);
    assert_eq!(refused.status.code(), Some(2), "dates cannot be both");
}

/// Reads a medium as a stranger's software does: every entry whole, every object under its record.
const READ_MEDIUM: &str = r#"
import io, json, sys, tempfile, zipfile
from pydicom.fileset import FileSet
z = zipfile.ZipFile(sys.argv[1])
assert z.testzip() is None
names = z.namelist()
with tempfile.TemporaryDirectory() as folder:
    z.extractall(folder)
    files = FileSet(folder + "/DICOMDIR")
    sets = [f.load() for f in files]
    for s in sets: s.pixel_array
    print(json.dumps({"objects": len(sets), "patients": files.find_values("PatientID"),
        "studies": files.find_values("StudyInstanceUID"), "page": "INDEX.HTM" in names and "README.TXT" in names,
        "pictures": len([n for n in names if n.startswith("IHE_PDI/")])}))
"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_exported_study_is_a_medium_that_pydicom_reads() {
    let place = Place::new(NodeRole::Hospital, "NLSSA000001");
    let token = place.token().await;
    let folder = tempfile::tempdir().expect("a folder");
    let study = study(7, 1, 3);
    for number in 1..=study.count() {
        let object = study.instance(number).expect("within the count");
        fs::write(folder.path().join(format!("IM{number}.dcm")), &object.file).expect("written");
    }
    let _running = place.start();
    assert!(place.command(&["import", &folder.path().display().to_string()]).status.success());
    let read = async |query: String, accept: &str| {
        let request = client().get(place.url(&query)).bearer_auth(&token).header("accept", accept);
        let answer = request.send().await.expect("an answer");
        if !answer.status().is_success() {
            return Err(answer.status().as_u16());
        }
        let file = folder.path().join("medio.zip");
        fs::write(&file, answer.bytes().await.expect("a body")).expect("written");
        let python = cached("BADIANO_PYTHON", "venv/bin/python");
        let said = Command::new(python).args(["-c", READ_MEDIUM]).arg(&file).output().expect("python3 runs");
        let problem = String::from_utf8_lossy(&said.stderr).into_owned();
        Ok(serde_json::from_slice::<Value>(&said.stdout).expect(&problem))
    };
    let of = |text: &str| format!("/api/export?study={text}");
    let whole = read(of(study.uid()), "*/*").await.expect("a medium");
    assert_eq!(whole["objects"], study.count());
    assert_eq!((&whole["studies"][0], &whole["page"]), (&Value::from(study.uid()), &Value::from(true)));
    assert_eq!(whole["pictures"], study.count());
    let zip = read(format!("/dicomweb/studies/{}", study.uid()), "application/zip").await.expect("a medium");
    assert_eq!(zip, whole, "WADO-RS gives the same");
    let anonymous =
        read(of(study.uid()) + "&deidentify=true&keep=modified-dates", "*/*").await.expect("a medium");
    assert_eq!(anonymous["objects"], study.count());
    assert!(anonymous["patients"][0].as_str().is_some_and(|id| id.starts_with("P-")), "{anonymous}");
    assert_ne!(anonymous["studies"], whole["studies"]);
    assert_eq!(read(of("1.2.3"), "*/*").await, Err(404));
    assert_eq!(read(of(study.uid()) + "&keep=device", "*/*").await, Err(400));
    assert_eq!(read("/api/export".to_owned(), "*/*").await, Err(400));
}
