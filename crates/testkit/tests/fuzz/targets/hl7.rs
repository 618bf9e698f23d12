//! HL7 v2 messages, their map to FHIR, and MLLP frames.

use super::{Answer, Target, about};
use badiano_hl7::map::{Naming, Tables, map};
use badiano_hl7::{Message, mllp};
use badiano_testkit::{Date, Story};
use std::sync::OnceLock;

const WORDS: &[&[u8]] = &[
    b"\r",
    b"\n",
    b"|",
    b"^",
    b"~",
    b"\\",
    b"&",
    b"MSH|^~\\&|",
    b"PID|",
    b"\rZZZ|",
    b"\\X",
    b"\\X0D0A\\",
    b"\\H\\",
    b"\\.br\\",
    b"\\E\\",
    b"BHS|",
    b"FHS|",
    b"\x0b",
    b"\x1c\r",
    b"UNICODE UTF-8",
    b"8859/1",
    b"\"\"",
    b"ADT^A40^ADT_A39",
    b"ORU^R01",
    b"MRG|",
    b"OBX|1|NM|",
    b"20261123101500-0600",
    b"\xff",
    b"\xc3\xb1",
];

pub const MESSAGE: Target = Target { name: "hl7_message", seeds, words: WORDS, read, bytes_per_byte: 64 };
pub const MAP: Target =
    Target { name: "hl7_map", seeds, words: WORDS, read: read_map, bytes_per_byte: 1_500 };
pub const MLLP: Target =
    Target { name: "mllp_frames", seeds: frames, words: WORDS, read: read_frames, bytes_per_byte: 16 };

fn seeds() -> Vec<Vec<u8>> {
    let day = Date::new(2026, 11, 23).expect("a day of the calendar");
    let of = |seed| {
        let story = Story::from_seed(seed, day);
        story.arrivals.iter().map(|arrival| story.message(arrival)).collect::<Vec<_>>()
    };
    (0..3).flat_map(of).collect()
}

fn frames() -> Vec<Vec<u8>> {
    seeds().chunks(3).map(|some| some.iter().flat_map(|m| mllp::encode(m)).collect()).collect()
}

fn read(input: &[u8]) -> Answer {
    let message = Message::parse(input).map_err(|why| why.to_string())?;
    let joined: Vec<u8> = message.pieces().flatten().copied().collect();
    assert!(joined == input, "a message is its pieces");
    let (mut fields, mut leaves) = (0, 0);
    for segment in message.all_segments() {
        for (_, field) in segment.fields() {
            fields += 1;
            for component in field.repetitions().flat_map(|r| r.components().collect::<Vec<_>>()) {
                leaves += component.subcomponents().map(|s| s.text().len()).sum::<usize>().min(1);
            }
        }
    }
    Ok(format!(
        "{:?} {} {} {}",
        message.charset(),
        about(fields),
        about(leaves),
        about(message.issues().len())
    ))
}

fn read_map(input: &[u8]) -> Answer {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    let message = Message::parse(input).map_err(|why| why.to_string())?;
    let naming = Naming { zone: "America/Mexico_City".into(), ..Naming::default() };
    let mapped = map(&message, TABLES.get_or_init(Tables::standard), &naming);
    for (_, resource) in &mapped.resources {
        let text = badiano_fhir::json::to_string(resource);
        assert!(badiano_fhir::json::parse(text.as_bytes()).is_ok(), "a mapped resource is JSON");
    }
    let kinds: Vec<&str> = mapped.resources.iter().map(|(_, r)| r.resource_type()).collect();
    Ok(format!("{kinds:?} {} {:?}", about(mapped.losses.len()), mapped.needs_person))
}

/// Fed in pieces whose lengths the input itself gives.
fn read_frames(input: &[u8]) -> Answer {
    const LIMIT: usize = 4096;
    let mut decoder = mllp::Decoder::new(LIMIT);
    let (mut rest, mut frames) = (input, 0);
    while let Some(first) = rest.first() {
        let (piece, later) = rest.split_at((usize::from(*first) + 1).min(rest.len()));
        decoder.feed(piece);
        while let Some(frame) = decoder.frame().map_err(|why| why.to_string())? {
            assert!(frame.len() <= LIMIT, "a frame is within its limit");
            frames += 1;
        }
        rest = later;
    }
    if frames == 0 {
        Err("no frame".to_owned())
    } else {
        Ok(format!("{} {}", about(frames), decoder.is_inside()))
    }
}
