//! `badiano import`: a directory of an earlier archive goes into a running node, and goes on where it was interrupted.

use crate::modality::study;
use crate::place::Place;
use badiano_record::NodeRole;
use serde_json::Value;
use std::fs;

#[test]
fn a_directory_is_stored_and_what_the_report_says_is_not_sent_again() {
    let place = Place::new(NodeRole::Hospital, "NLSSA000001");
    let folder = tempfile::tempdir().expect("a folder");
    let archive = folder.path().join("archivo");
    let inner = archive.join("2019/enero");
    fs::create_dir_all(&inner).expect("a folder");
    let study = study(7, 1, 3);
    let mut cut = Vec::new();
    for number in 1..=study.count() {
        let object = study.instance(number).expect("within the count");
        fs::write(inner.join(format!("IM{number}")), &object.file).expect("written");
        cut = object.file[..400].to_vec();
    }
    fs::write(archive.join("LEAME.txt"), "no es DICOM").expect("written");
    fs::write(archive.join("DICOMDIR"), [0_u8; 200]).expect("written");
    fs::write(archive.join("cortado.dcm"), cut).expect("written");
    let report = folder.path().join("informe.ndjson");
    let import = || {
        let (from, to) = (archive.display().to_string(), report.display().to_string());
        let output = place.command(&["--format", "json", "import", &from, "--report", &to]);
        let said: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        (output.status.code(), said)
    };
    assert_eq!(import().0, Some(3), "no node runs");
    let _running = place.start();
    let (code, said) = import();
    assert_eq!(code, Some(1), "one is refused: {said}");
    let counts = |said: &Value| {
        ["stored", "refused", "notDicom", "storedBefore", "studies"].map(|n| said[n].as_u64().unwrap_or(99))
    };
    let all = u64::from(study.count());
    assert_eq!(counts(&said), [all, 1, 2, 0, 1]);
    fs::remove_file(archive.join("cortado.dcm")).expect("removed");
    let (code, said) = import();
    assert_eq!((code, counts(&said)), (Some(0), [0, 0, 2, all, 0]), "nothing is sent again");
    fs::remove_file(&report).expect("removed");
    let (_, said) = import();
    assert_eq!(counts(&said), [all, 0, 2, 0, 1], "and sent again it is stored once");
}
