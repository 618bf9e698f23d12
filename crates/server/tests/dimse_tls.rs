//! DICOM over TLS with DCMTK at the other end: as who is called and as who calls, by address and by certificate.

use crate::modality::{SCANNER, study};
use crate::place::{AE_TITLE, Place, free_ports};
use crate::secure::self_signed;
use badiano_record::NodeRole;
use serde_json::json;
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A certificate and its key as files, as DCMTK takes them: key, certificate.
fn own(folder: &Path, name: &str) -> [String; 2] {
    let own = self_signed(name);
    let (key, certificate) = (folder.join(format!("{name}.key")), folder.join(format!("{name}.pem")));
    fs::write(&key, own.key).expect("written");
    fs::write(&certificate, own.certificate).expect("written");
    [key.display().to_string(), certificate.display().to_string()]
}

/// Whether one of DCMTK's programs does its work against the node.
fn works(program: &str, title: &str, place: &Place, more: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(["-aet", title, "-aec", AE_TITLE, "-to", "10"]);
    let (options, files): (Vec<&str>, Vec<&str>) = more.iter().partition(|a| !a.ends_with(".dcm"));
    command.args(options).args(["127.0.0.1", &place.dimse.to_string()]).args(files);
    command.output().expect("DCMTK is there").status.success()
}

struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_certificate_opens_the_door_and_nothing_else_does() {
    let place = Place::new(NodeRole::Hospital, "NLSSA000001");
    let _running = place.start();
    let folder = tempfile::tempdir().expect("a folder");
    let [key, certificate] = own(folder.path(), "ct2");
    let [other_key, other] = own(folder.path(), "otro");
    place.list_peer("dicom", SCANNER).await;
    let pem = fs::read_to_string(&certificate).expect("read");
    let peer = json!({ "kind": "dicom", "name": "CT2", "host": "10.1.1.1", "port": 0, "certificate": pem });
    let (status, answer) = place.operator("PUT", "/api/admin/peers", Some(peer)).await;
    assert_eq!(status, 200, "{answer}");
    let bad = json!({ "kind": "dicom", "name": "CT3", "host": "10.1.1.1", "certificate": "12ab" });
    assert_eq!(place.operator("PUT", "/api/admin/peers", Some(bad)).await.0, 400);

    assert!(works("echoscu", SCANNER, &place, &[]), "in the clear, by its address");
    assert!(works("echoscu", SCANNER, &place, &["+tla", "-ic"]), "over TLS, by its address");
    assert!(works("echoscu", "CT2", &place, &["+tls", &key, &certificate, "-ic"]), "by its certificate");
    assert!(!works("echoscu", "CT2", &place, &[]), "in the clear nobody is CT2");
    assert!(!works("echoscu", "CT2", &place, &["+tla", "-ic"]), "nor without a certificate");
    assert!(!works("echoscu", "CT2", &place, &["+tls", &other_key, &other, "-ic"]), "nor with another");
    let object = study(7, 1, 1).instance(1).expect("an instance");
    let file = folder.path().join("a.dcm");
    fs::write(&file, &object.file).expect("written");
    let file = file.display().to_string();
    assert!(
        works("storescu", "CT2", &place, &["+tls", &key, &certificate, "-ic", &file]),
        "images come so too"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_with_a_listed_certificate_is_called_over_tls_alone() {
    let place = Place::new(NodeRole::Hospital, "NLSSA000001");
    let _running = place.start();
    let folder = tempfile::tempdir().expect("a folder");
    let [key, certificate] = own(folder.path(), "archivo");
    let [_, other] = own(folder.path(), "otro");
    let [port] = free_ports();
    let mut scp = Command::new("storescp");
    scp.args(["--ignore", "+tls", &key, &certificate, "-ic", &port.to_string()]);
    let scp = scp.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("storescp is there");
    let _scp = Stopped(scp);
    for _ in 0..100 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut tried = Vec::new();
    for (name, certificate) in [("ARCHIVO", Some(certificate)), ("OTRO", Some(other)), ("CLARO", None)] {
        let pem = certificate.map(|c| fs::read_to_string(c).expect("read")).unwrap_or_default();
        let peer =
            json!({ "kind": "dicom", "name": name, "host": "127.0.0.1", "port": port, "certificate": pem });
        let (_, peer) = place.operator("PUT", "/api/admin/peers", Some(peer)).await;
        let path = format!("/api/admin/peers/{}/test", peer["id"].as_str().expect("an id"));
        let (_, answer) = place.operator("POST", &path, Some(json!({}))).await;
        tried.push((name, answer["ok"] == true));
    }
    assert_eq!(tried, [("ARCHIVO", true), ("OTRO", false), ("CLARO", false)]);
}
