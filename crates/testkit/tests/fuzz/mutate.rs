//! Inputs made from others: bytes, lengths, words of the language and whole pieces changed, so that most get past the first check.

use badiano_testkit::Rng;

pub const INPUT_BYTES_MAX: usize = 32 << 10;

/// Lengths and counts at which readers break.
const EDGES: [u32; 12] =
    [0, 1, 7, 0x7F, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x1_0000, 0x7FFF_FFFF, 0xFFFF_FFFE, 0xFFFF_FFFF];
const NUMBERS: [&[u8]; 6] = [b"-1", b"0", b"65536", b"2147483648", b"99999999999999999999", b"1e999999999"];

/// A new input from one of `corpus`, which is not empty. Half of them are changed in one place only: more is seldom still a sentence.
pub fn mutated(rng: &mut Rng, corpus: &[Vec<u8>], words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = rng.pick(corpus).clone();
    loop {
        if rng.percent(40) {
            change_structure(rng, &mut bytes, corpus);
        } else {
            change_bytes(rng, &mut bytes, corpus, words);
        }
        bytes.truncate(INPUT_BYTES_MAX);
        if rng.percent(50) {
            return bytes;
        }
    }
}

/// What stands between brackets, or one token, taken out, doubled, or put in place of another: the sentence stays one.
fn change_structure(rng: &mut Rng, bytes: &mut Vec<u8>, corpus: &[Vec<u8>]) {
    let (from, to) = piece(rng, bytes);
    let other = rng.pick(corpus);
    let (start, end) = piece(rng, other);
    match rng.below(5) {
        0 => drop(bytes.drain(from..to)),
        1 => drop(bytes.splice(from..from, bytes[from..to].to_vec())),
        2 => repeat(rng, bytes, from, to),
        _ => drop(bytes.splice(from..to, other[start..end].iter().copied())),
    }
}

fn piece(rng: &mut Rng, bytes: &[u8]) -> (usize, usize) {
    let at = rng.below(bytes.len() as u64 + 1) as usize;
    let bracket = bytes[at..].iter().position(|b| matches!(b, b'{' | b'[' | b'(' | b'<'));
    match bracket.filter(|_| rng.percent(40)) {
        Some(further) => bracketed(bytes, at + further),
        None => token(bytes, at),
    }
}

/// From an opening bracket to the one that closes it, or to the end.
fn bracketed(bytes: &[u8], from: usize) -> (usize, usize) {
    let (open, close) = match bytes[from] {
        b'{' => (b'{', b'}'),
        b'[' => (b'[', b']'),
        b'(' => (b'(', b')'),
        _ => (b'<', b'>'),
    };
    let mut depth = 0;
    for (at, byte) in bytes.iter().enumerate().skip(from) {
        depth += i32::from(*byte == open) - i32::from(*byte == close);
        if depth == 0 {
            return (from, at + 1);
        }
    }
    (from, bytes.len())
}

/// Neighbouring bytes of letters and digits, or of none of them, around a place.
fn token(bytes: &[u8], at: usize) -> (usize, usize) {
    let Some(kind) = bytes.get(at).map(u8::is_ascii_alphanumeric) else { return (at, at) };
    let other = |b: &u8| b.is_ascii_alphanumeric() != kind;
    let from = bytes[..at].iter().rposition(other).map_or(0, |n| n + 1);
    let to = bytes[at..].iter().position(other).map_or(bytes.len(), |n| n + at);
    (from, to)
}

fn change_bytes(rng: &mut Rng, bytes: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&[u8]]) {
    let (from, to) = range(rng, bytes.len());
    match rng.below(14) {
        0 if from < bytes.len() => bytes[from] ^= 1 << rng.below(8),
        1 if from < bytes.len() => bytes[from] = *rng.pick(&[0, 1, 0x20, 0x7F, 0x80, 0xFF]),
        2 if from < bytes.len() => bytes[from] = bytes[from].wrapping_add(rng.between(1, 3) as u8),
        3 => drop(bytes.drain(from..to)),
        4 => bytes.truncate(from),
        5 => {
            let piece = bytes[from..to].to_vec();
            insert(rng, bytes, &piece);
        }
        6 => repeat(rng, bytes, from, to),
        7 if !words.is_empty() => {
            let word = *rng.pick(words);
            insert(rng, bytes, word);
        }
        8 if !words.is_empty() => {
            let word = *rng.pick(words);
            bytes.splice(from..to.min(from + word.len()), word.iter().copied());
        }
        9 if !words.is_empty() => nest(rng, bytes, words),
        10 => length(rng, bytes, from),
        11 => number(rng, bytes, from),
        12 => {
            let other = rng.pick(corpus);
            let (start, end) = range(rng, other.len());
            bytes.splice(from..to, other[start..end].iter().copied());
        }
        _ => {
            let byte = rng.next_u64() as u8;
            insert(rng, bytes, &[byte]);
        }
    }
}

/// Mostly short, at times to the end.
fn range(rng: &mut Rng, length: usize) -> (usize, usize) {
    let from = rng.below(length as u64 + 1) as usize;
    let most = if rng.percent(10) { length as u64 } else { 24 };
    (from, (from + rng.below(most + 1) as usize).min(length))
}

fn insert(rng: &mut Rng, bytes: &mut Vec<u8>, piece: &[u8]) {
    let at = rng.below(bytes.len() as u64 + 1) as usize;
    bytes.splice(at..at, piece.iter().copied());
}

/// A piece many times over, up to the limit: long lists, long names.
fn repeat(rng: &mut Rng, bytes: &mut Vec<u8>, from: usize, to: usize) {
    let piece = bytes[from..to].to_vec();
    let room = (INPUT_BYTES_MAX - bytes.len().min(INPUT_BYTES_MAX)) / piece.len().max(1);
    let most = room.min(1 << rng.below(14));
    let times = rng.below(most as u64 + 1) as usize;
    bytes.splice(from..from, piece.repeat(times));
}

/// A word over and over in one place: deep nesting, where it opens something.
fn nest(rng: &mut Rng, bytes: &mut Vec<u8>, words: &[&[u8]]) {
    let word = *rng.pick(words);
    let room = (INPUT_BYTES_MAX - bytes.len().min(INPUT_BYTES_MAX)) / word.len().max(1);
    let times = room.min(1 << rng.below(14));
    let at = rng.below(bytes.len() as u64 + 1) as usize;
    bytes.splice(at..at, word.repeat(times));
}

/// Two or four bytes, either way round, at an edge or one beside what stood there.
fn length(rng: &mut Rng, bytes: &mut [u8], at: usize) {
    let width = if rng.percent(50) { 2 } else { 4 };
    let Some(place) = bytes.get_mut(at..at + width) else { return };
    let big = rng.percent(30);
    let mut wide = [0_u8; 4];
    wide[..width].copy_from_slice(place);
    if big {
        wide[..width].reverse();
    }
    let stood = u32::from_le_bytes(wide);
    let edge = *rng.pick(&EDGES);
    let put = *rng.pick(&[edge, stood.wrapping_add(1), stood.wrapping_sub(1), stood.wrapping_mul(2)]);
    place.copy_from_slice(&put.to_le_bytes()[..width]);
    if big {
        place.reverse();
    }
}

/// Digits in a text become another number.
fn number(rng: &mut Rng, bytes: &mut Vec<u8>, from: usize) {
    let digit = |b: &u8| b.is_ascii_digit();
    let Some(start) = bytes[from..].iter().position(digit).map(|n| n + from) else { return };
    let end = bytes[start..].iter().position(|b| !digit(b)).map_or(bytes.len(), |n| n + start);
    bytes.splice(start..end, rng.pick(&NUMBERS).iter().copied());
}
