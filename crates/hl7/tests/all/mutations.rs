//! Hostile and broken input from a seed: nothing panics, nothing is lost (HL7 v2.5.1 section 2.6).

use badiano_hl7::message::{File, Message};
use badiano_hl7::mllp;

/// A small generator of numbers (xorshift64*), so that a failure can be had again from its seed.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

const SIGNS: &[u8] = b"|^~\\&\r\n \x0b\x1c\x00\"MSHPIDOBX0129\xd1\xc3\xb1\xff";

pub fn mutated(numbers: &mut Numbers, sample: &[u8]) -> Vec<u8> {
    let mut bytes = sample.to_vec();
    for _ in 0..=numbers.below(6) {
        let at = numbers.below(bytes.len());
        let sign = SIGNS[numbers.below(SIGNS.len())];
        match numbers.below(6) {
            0 if !bytes.is_empty() => bytes[at] = sign,
            1 => bytes.insert(at, sign),
            2 if !bytes.is_empty() => drop(bytes.remove(at)),
            3 => bytes.truncate(at),
            4 => bytes = [&bytes[at..], &bytes[..at]].concat(),
            _ => {
                let end = (at + numbers.below(40)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
        }
    }
    bytes
}

#[test]
fn mutated_messages_come_out_byte_for_byte() {
    let seed = 0xBA_D1A0_2026;
    let mut numbers = Numbers(seed);
    let samples = crate::messages::samples();
    let (mut read, mut refused) = (0, 0);
    for case in 0..8_000 {
        let bytes = mutated(&mut numbers, samples[case % samples.len()].1);
        let cut: Vec<u8> = File::read(&bytes).parts.iter().flat_map(|p| bytes[p.range()].to_vec()).collect();
        assert_eq!(cut, bytes, "seed {seed:#x}, case {case}: a file is its parts");
        let Ok(message) = Message::parse(bytes.clone()) else {
            refused += 1;
            continue;
        };
        read += 1;
        let joined: Vec<u8> = message.pieces().flatten().copied().collect();
        assert_eq!(joined, bytes, "seed {seed:#x}, case {case}: a message is its pieces");
        assert_eq!(
            message.rebuilt(),
            bytes,
            "seed {seed:#x}, case {case}: a message is its parts, put together"
        );
        for field in message.all_segments().flat_map(|s| s.fields().map(|(_, f)| f).collect::<Vec<_>>()) {
            for component in field.repetitions().flat_map(|r| r.components().collect::<Vec<_>>()) {
                let _ = component.text();
            }
        }
    }
    println!("seed {seed:#x}: {read} read, {refused} refused");
    assert!(read > 4_000, "most mutations are still messages: {read}");
    assert!(refused > 100, "some are not: {refused}");
}

#[test]
fn frames_cut_at_any_byte_give_the_same_messages() {
    let seed = 0x11_F4A3_E500;
    let mut numbers = Numbers(seed);
    for case in 0..2_000 {
        let messages: Vec<Vec<u8>> = (0..numbers.below(5))
            .map(|_| (0..numbers.below(50)).map(|_| b'A' + numbers.below(26) as u8).collect())
            .collect();
        let stream: Vec<u8> = messages.iter().flat_map(|m| mllp::encode(m)).collect();
        let mut decoder = mllp::Decoder::new(100);
        let mut got = Vec::new();
        let mut rest = &stream[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(1 + numbers.below(rest.len()));
            decoder.feed(now);
            while let Some(frame) = decoder.frame().expect("within the limit") {
                got.push(frame);
            }
            rest = later;
        }
        assert_eq!(got, messages, "seed {seed:#x}, case {case}");
        assert_eq!(decoder.garbage_bytes(), 0, "seed {seed:#x}, case {case}");
    }
}

#[test]
fn streams_of_noise_never_hold_more_than_the_limit() {
    let seed = 0x0BAD_F4A3;
    let mut numbers = Numbers(seed);
    let (mut frames, mut refused) = (0, 0);
    for _ in 0..2_000 {
        let mut decoder = mllp::Decoder::new(64);
        for _ in 0..numbers.below(20) {
            let noise: Vec<u8> = (0..numbers.below(40)).map(|_| SIGNS[numbers.below(SIGNS.len())]).collect();
            decoder.feed(&noise);
            loop {
                match decoder.frame() {
                    Ok(Some(frame)) => {
                        frames += 1;
                        assert!(frame.len() <= 64);
                    }
                    Ok(None) => break,
                    Err(_) => {
                        refused += 1;
                        break;
                    }
                }
            }
        }
    }
    println!("seed {seed:#x}: {frames} frames, {refused} refused");
    assert!(frames > 100 && refused > 100);
}
