//! Messages as Mexican hospitals send them: accents in three character sets, odd endings, Z segments (HL7 v2.5.1 chapter 2).

use badiano_hl7::message::{Charset, IssueKind, Location, Message, ParseError};

pub const ADT_UTF8: &[u8] = "MSH|^~\\&|HIS|HGN|BADIANO|NORTE|20261122101500||ADT^A04^ADT_A01|C0001|P|2.5.1|||AL|NE|MEX|UNICODE UTF-8\r\
EVN|A04|20261122101500\r\
PID|1||E-1001^^^HGN^MR~MUPA850312MDFXRN08^^^CURP^CURP||MUÑOZ PEÑA^ANA^SOFÍA^^^^L||19850312|F|||Av. Insurgentes 100&Av. Insurgentes&100^Int. 4^Álvaro Obregón^CMX^01000^MEX^H||^PRN^PH^^52^55^12345678~^NET^Internet^ana@example.com|||S\r\
PV1|1|O|CONS^12^A^HGN||||99000001^NÚÑEZ^JOSÉ|||CAR|||||||||V-77^^^HGN^VN|||||||||||||||||||||||||20261122100000\r\
ZPV|1|SÍ|triage verde\r"
    .as_bytes();

pub const ORM_CRLF: &[u8] = "MSH|^~\\&|HIS|HGN|BADIANO|NORTE|20261122102000||ORM^O01|C0002|P|2.3.1||||||8859/1\r\n\
PID|||E-1001^^^HGN^MR||MU\u{d1}OZ^ANA||19850312|F\r\n\
PV1||O|||||||||||||||||V-77^^^HGN\r\n\
ORC|NW|P-55^HIS|||SC||^^^20261122113000^^R||20261122102000|||99000001^NUNEZ^JOSE||||||CT_NORTE\r\n\
OBR|1|P-55^HIS||TC-TORAX^Tomografia de torax^99HGN|||||||||Nodulo en estudio|||99000001^NUNEZ^JOSE||ACC-55|RP-55|SPS-55||||CT|||^^^20261122113000^^R|||WALK|^Tos cronica\r\n\
ZDS|1.2.840.99.55^HIS^Application^DICOM\r\n"
    .as_bytes();

pub fn samples() -> Vec<(&'static str, &'static [u8])> {
    vec![("ADT in UTF-8", ADT_UTF8), ("ORM with CRLF", ORM_CRLF)]
}

#[test]
fn a_message_is_read_by_place() {
    let message = Message::parse(ADT_UTF8).expect("a message");
    assert_eq!(message.kind(), "ADT^A04");
    assert_eq!(message.control_id(), "C0001");
    assert_eq!(message.get("MSH-1"), "|");
    assert_eq!(message.get("MSH-2"), "^~\\&");
    assert_eq!(message.get("PID-3.1"), "E-1001");
    assert_eq!(message.get("PID-3[2].4"), "CURP");
    assert_eq!(message.get("PID-5.1"), "MUÑOZ PEÑA");
    assert_eq!(message.get("PID-11.1.2"), "Av. Insurgentes");
    assert_eq!(message.get("ZPV-2"), "SÍ");
    assert_eq!(message.get("PID-99"), "");
    assert_eq!(message.get("OBX-1"), "");
    let place = Location::parse("PID-3[2].1").expect("a place");
    assert_eq!(message.part(&place).map(|p| p.raw().to_vec()), Some(b"MUPA850312MDFXRN08".to_vec()));
    assert_eq!(message.charset(), Charset::Utf8);
    assert!(message.issues().is_empty(), "{:?}", message.issues());
}

fn with_charset(declared: &str, name: &[u8]) -> Message {
    let header = format!("MSH|^~\\&|A|B|C|D|2026||ADT^A08|1|P|2.5|||||MEX|{declared}\rPID|||1||");
    Message::parse([header.as_bytes(), name, b"^JOS\r"].concat()).expect("a message")
}

#[test]
fn accents_are_right_whatever_msh_18_says() {
    let (utf8, ansi) = ("NÚÑEZ€".as_bytes(), &b"N\xda\xd1EZ\x80"[..]);
    for (declared, bytes, issue) in [
        ("UNICODE UTF-8", utf8, None),
        ("8859/1", utf8, Some(IssueKind::CharsetDiffers)),
        ("ASCII", utf8, Some(IssueKind::CharsetDiffers)),
        ("", utf8, Some(IssueKind::CharsetUndeclared)),
        ("8859/1", ansi, None),
        ("WINDOWS-1252", ansi, None),
        ("UNICODE UTF-8", ansi, Some(IssueKind::CharsetDiffers)),
        ("ASCII", ansi, Some(IssueKind::CharsetDiffers)),
        ("", ansi, Some(IssueKind::CharsetUndeclared)),
        ("JAS2020", ansi, Some(IssueKind::CharsetUnknown)),
    ] {
        let message = with_charset(declared, bytes);
        assert_eq!(message.get("PID-5.1"), "NÚÑEZ€", "MSH-18 says {declared:?}");
        assert_eq!(message.issues().first().map(|i| i.kind), issue, "MSH-18 says {declared:?}");
    }
}

#[test]
fn one_message_in_two_character_sets_is_read_piece_by_piece() {
    let mixed = with_charset("UNICODE UTF-8", b"PE\xc3\x91A^MU\xd1OZ");
    assert_eq!((mixed.get("PID-5.1"), mixed.get("PID-5.2")), ("PEÑA".into(), "MUÑOZ".into()));
    assert_eq!(mixed.charset(), Charset::Mixed);
}

#[test]
fn endings_may_be_of_any_kind_and_blank_lines_part_nothing() {
    for ending in ["\r", "\n", "\r\n", "\r\r", "\n\n", "\r\n\r\n", "\r \r"] {
        let text = ["MSH|^~\\&|A", "PID|1", "PV1", "  OBX|1|TX|||x", "ZZZ|z"].join(ending);
        let bytes = [b"\xef\xbb\xbf\n", text.as_bytes(), ending.as_bytes()].concat();
        let message = Message::parse(bytes.clone()).expect("a message");
        let names: Vec<&str> = message.all_segments().map(|s| s.name()).collect();
        assert_eq!(names, ["MSH", "PID", "PV1", "OBX", "ZZZ"], "{ending:?}");
        assert_eq!(message.get("OBX-5"), "x");
        assert_eq!(message.pieces().flatten().copied().collect::<Vec<u8>>(), bytes);
    }
}

#[test]
fn a_line_of_text_inside_a_field_stays_in_the_field() {
    let bytes = b"MSH|^~\\&|A\rOBX|1|TX|||Hallazgos:\nFIN\nsin lesiones|x\rOBX|2\r";
    let message = Message::parse(&bytes[..]).expect("a message");
    assert_eq!(message.get("OBX-5"), "Hallazgos:\nFIN\nsin lesiones");
    assert_eq!(message.get("OBX-6"), "x");
    assert_eq!(message.get("OBX[2]-1"), "2");
    assert!(message.issues().iter().all(|i| i.kind == IssueKind::LineBreakInField));
    assert_eq!(message.issues().len(), 2);
}

#[test]
fn other_delimiters_are_taken_from_the_header() {
    let message = Message::parse("MSH#*%!/#A*B#\rPID###1*2%3*4/5\r").expect("a message");
    assert_eq!(message.get("PID-3[2].2.2"), "5");
    assert_eq!(message.get("MSH-3.2"), "B");
    let truncating = Message::parse("MSH|^~\\&#|A\rPID|a\\P\\b\r").expect("a message");
    assert_eq!(truncating.get("PID-1"), "a#b");
    assert!(truncating.issues().is_empty());
}

#[test]
fn what_is_no_message_is_refused_with_its_place() {
    for (bytes, error) in [
        (&b""[..], ParseError::Empty),
        (b" \r\n", ParseError::Empty),
        (b"\r\nPID|1", ParseError::NoHeader { position: 2 }),
        (b"MSH", ParseError::FieldSeparator { position: 3 }),
        (b"MSHA^~\\&", ParseError::FieldSeparator { position: 3 }),
        (b"\xff\xfeM\0S\0H\0", ParseError::WideCharacters),
        (b"MSH|^~\\&|\rPID|\rMSH|^~\\&|", ParseError::SecondMessage { position: 15 }),
        (b"FHS|^~\\&|\rBHS|^~\\&|\r", ParseError::NoMessage),
    ] {
        assert_eq!(Message::parse(bytes).err(), Some(error), "{}", String::from_utf8_lossy(bytes));
    }
    let long = vec![b'|'; (16 << 20) + 1];
    assert!(matches!(Message::parse(long), Err(ParseError::TooLong { .. })));
    let fields = [&b"MSH|^~\\&"[..], &vec![b'|'; 5_000_000]].concat();
    assert!(matches!(Message::parse(fields), Err(ParseError::TooManyFields { .. })));
    let segments = [&b"MSH|^~\\&"[..], &b"\rZZZ".repeat(300_000)].concat();
    assert!(matches!(Message::parse(segments), Err(ParseError::TooManySegments { .. })));
}
