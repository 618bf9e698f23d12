//! `badiano hl7` as a shell sees it: what it prints, and with which code it ends.

use std::io::Write;
use std::process::{Command, Output, Stdio};

const ADMISSION: &[u8] = b"MSH|^~\\&|HIS|NORTE|||20260301120000||ADT^A04|7|P|2.5.1||||||8859/1\r\
    PID|1||4711^^^NORTE^MR||MU\xd1OZ PEREZ^ANA||19800213|F\rPV1|1|O\rZZZ|algo propio\r";

fn badiano(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_badiano"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    child.stdin.take().expect("a pipe").write_all(input).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn an_admission_becomes_a_transaction_and_its_losses_are_told_beside_it() {
    let output = badiano(&["hl7", "to-fhir", "-"], ADMISSION);
    assert_eq!(output.status.code(), Some(0));
    let bundle: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one Bundle");
    assert_eq!(bundle["type"], "transaction");
    let family = &bundle["entry"][0]["resource"]["name"][0]["family"];
    assert_eq!(family, "MUÑOZ PEREZ", "{bundle}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("are in no resource"));
}

#[test]
fn a_file_of_several_messages_gives_a_line_for_each() {
    let output = badiano(&["hl7", "to-fhir", "-"], &[ADMISSION, ADMISSION].concat());
    assert_eq!(lines(&output).len(), 2);
}

#[test]
fn a_file_comes_out_as_it_went_in_and_one_that_is_no_message_fails() {
    let good = badiano(&["--format", "json", "hl7", "roundtrip", "-"], ADMISSION);
    assert_eq!(good.status.code(), Some(0));
    let line: serde_json::Value = serde_json::from_str(&lines(&good)[0]).expect("a line of JSON");
    assert_eq!((&line["same"], &line["messages"]), (&true.into(), &1.into()));
    let bad = badiano(&["hl7", "roundtrip", "-"], b"nada de esto\n");
    assert_eq!(bad.status.code(), Some(1), "{:?}", lines(&bad));
}

#[test]
fn what_no_table_maps_is_counted_by_sender_and_field() {
    let output = badiano(&["hl7", "losses", "-"], &[ADMISSION, ADMISSION].concat());
    let own = lines(&output).into_iter().find(|l| l.contains("ZZZ-1")).expect("the Z segment is told of");
    assert!(own.starts_with("HIS/NORTE\tADT^A04\tZZZ-1\t2\t"), "{own}");
}
