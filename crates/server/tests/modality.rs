//! What hospitals have already: a sender of HL7 v2 over MLLP, and DCMTK's storescu as a scanner.

use badiano_mexico::date::Date;
use badiano_testkit::hl7::{Encoding, Envelope, Sender};
use badiano_testkit::people::Person;
use badiano_testkit::studies::{Charset, Instance, Kind, Scanner, Study};
use badiano_testkit::{order, people};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

/// MSH-3|MSH-4 as a peer is listed.
pub const SENDER: &str = "RIS|NORTE";
pub const SCANNER: &str = "CT1";

pub fn day() -> Date {
    Date::new(2026, 11, 20).expect("a day")
}

pub fn sender() -> Sender {
    Sender {
        application: "RIS".into(),
        facility: "NORTE".into(),
        receiving_application: "BADIANO".into(),
        receiving_facility: "NORTE".into(),
        authority: "NORTE".into(),
        timezone_offset: "-0600".into(),
    }
}

/// A registration of a person.
pub fn registration(seed: u64, person: &Person, control_id: &str) -> Vec<u8> {
    let order = order::order(seed, person.index, "CT", SCANNER, day()).expect("an order");
    let sender = sender();
    let envelope = Envelope {
        sender: &sender,
        encoding: Encoding::Utf8,
        control_id,
        at: "20261120101500",
        with_something_unknown: false,
    };
    envelope.adt_a04(person, &order)
}

/// A merge of a number that the person had before.
pub fn merge(person: &Person, control_id: &str) -> Vec<u8> {
    let (sender, encoding, at) = (sender(), Encoding::Utf8, "20261120101500");
    let envelope = Envelope { sender: &sender, encoding, control_id, at, with_something_unknown: false };
    envelope.adt_a40(person, "4711")
}

/// Sends one message over a connection of its own; MSA-1 and the whole answer.
pub fn send(port: u16, message: &[u8]) -> std::io::Result<(String, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(&[&[0x0b], message, &[0x1c, 0x0d]].concat())?;
    let (mut answer, mut buffer) = (Vec::new(), [0_u8; 4096]);
    while !answer.ends_with(&[0x1c, 0x0d]) {
        match stream.read(&mut buffer)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            n => answer.extend_from_slice(&buffer[..n]),
        }
    }
    let text = String::from_utf8_lossy(&answer).into_owned();
    let msa = text.split('\r').find(|s| s.starts_with("MSA|")).unwrap_or_default();
    Ok((msa.split('|').nth(1).unwrap_or_default().to_owned(), text))
}

/// A CT of a person, of as many slices.
pub fn study(seed: u64, index: u64, slices: u32) -> Study {
    let person = people::person(seed, index);
    let order = order::order(seed, index, "CT", SCANNER, day()).expect("an order");
    let scanner = Scanner {
        institution: "Hospital Regional Norte".into(),
        station: SCANNER.into(),
        timezone_offset: String::new(),
        charset: Charset::IsoIr100,
    };
    Study::new(seed, Kind::Ct { slices }, &person, &order, &scanner)
}

/// Writes the object to a folder and sends it with storescu; the program's own words come back.
pub fn store(port: u16, folder: &Path, instance: &Instance) -> Output {
    let file = folder.join(format!("{}.dcm", instance.sop_instance_uid));
    std::fs::write(&file, &instance.file).expect("a file");
    let mut command = Command::new("storescu");
    command.args(["-v", "-aet", SCANNER, "-aec", crate::place::AE_TITLE, "127.0.0.1", &port.to_string()]);
    command.arg(file).output().expect("storescu (DCMTK) is there: cargo xtask test brings it")
}
