//! How a body stands in a row: one byte says the form, so that dictionaries and sealed bodies can come without a move.
//!
//! The body of a resource has its search entries before it in the same frame: both say the same words.

use crate::dictionary;
use crate::options::BODY_BYTES_MAX;
use badiano_kernel::Fault;
use std::cell::RefCell;

/// As it is.
const PLAIN: u8 = 0;
/// One zstd frame (RFC 8878); it says itself which dictionary it needs, if any.
const ZSTD: u8 = 1;
/// The length of the search entries (u32, little endian), the entries, the body.
const KEYED_PLAIN: u8 = 2;
/// One zstd frame of the same.
const KEYED_ZSTD: u8 = 3;
/// Below this length a frame gains nothing.
const ZSTD_FROM_BYTES: usize = 96;
/// Longest packed form: a body and its entries.
const UNPACKED_BYTES_MAX: usize = 2 * BODY_BYTES_MAX;

thread_local! {
    static OPEN: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
    static PRESS: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
}

/// What a packed body holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Unpacked {
    pub body: Vec<u8>,
    /// Search entries; nothing for what has none.
    pub keys: Vec<u8>,
}

/// Packs bytes that have no search entries.
pub(crate) fn pack(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    check_length(bytes)?;
    Ok(framed(bytes, PLAIN, ZSTD))
}

/// Packs a body together with its search entries.
pub(crate) fn pack_keyed(bytes: &[u8], keys: &[u8]) -> Result<Vec<u8>, Fault> {
    check_length(bytes)?;
    check_length(keys)?;
    let length = u32::try_from(keys.len()).map_err(|_| Fault::bug("a length within its limit"))?;
    let mut whole = Vec::with_capacity(4 + keys.len() + bytes.len());
    whole.extend_from_slice(&length.to_le_bytes());
    whole.extend_from_slice(keys);
    whole.extend_from_slice(bytes);
    Ok(framed(&whole, KEYED_PLAIN, KEYED_ZSTD))
}

fn check_length(bytes: &[u8]) -> Result<(), Fault> {
    if bytes.len() > BODY_BYTES_MAX {
        return Err(Fault::too_costly("a body is longer than the store takes"));
    }
    Ok(())
}

fn framed(bytes: &[u8], plain: u8, zstd: u8) -> Vec<u8> {
    if bytes.len() >= ZSTD_FROM_BYTES
        && let Some(pressed) = press(bytes).filter(|p| p.len() < bytes.len())
    {
        return tagged(zstd, &pressed);
    }
    tagged(plain, bytes)
}

fn press(bytes: &[u8]) -> Option<Vec<u8>> {
    PRESS.with_borrow_mut(|press| {
        if press.is_none() {
            *press = zstd::bulk::Compressor::with_prepared_dictionary(dictionary::to_press()).ok();
        }
        press.as_mut().and_then(|p| p.compress(bytes).ok())
    })
}

fn tagged(form: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 1);
    out.push(form);
    out.extend_from_slice(bytes);
    out
}

/// The body alone.
pub(crate) fn unpack(stored: &[u8]) -> Result<Vec<u8>, Fault> {
    unpack_keyed(stored).map(|unpacked| unpacked.body)
}

pub(crate) fn unpack_keyed(stored: &[u8]) -> Result<Unpacked, Fault> {
    let body = |body: Vec<u8>| Unpacked { body, keys: Vec::new() };
    match stored.split_first() {
        None => Ok(Unpacked::default()),
        Some((&PLAIN, bytes)) => Ok(body(bytes.to_vec())),
        Some((&ZSTD, bytes)) => opened(bytes).map(body),
        Some((&KEYED_PLAIN, bytes)) => divided(bytes.to_vec()),
        Some((&KEYED_ZSTD, bytes)) => opened(bytes).and_then(divided),
        Some(_) => Err(Fault::not_supported("a stored body has a form of a newer version of this program")),
    }
}

/// The search entries alone.
pub(crate) fn unpack_keys(stored: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut whole = match stored.split_first() {
        Some((&KEYED_PLAIN, bytes)) => bytes.to_vec(),
        Some((&KEYED_ZSTD, bytes)) => opened(bytes)?,
        _ => return unpack_keyed(stored).map(|unpacked| unpacked.keys),
    };
    let length = whole.first_chunk::<4>().map(|b| u32::from_le_bytes(*b) as usize).ok_or_else(damaged)?;
    if length > whole.len() - 4 {
        return Err(damaged());
    }
    whole.truncate(4 + length);
    whole.drain(..4);
    Ok(whole)
}

/// The first bytes of a zstd frame (RFC 8878 section 3.1.1), which no UTF-8 text begins with.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A frame of the bytes where that is shorter, or where they would be taken for one; else the bytes.
pub(crate) fn framed_where_shorter(bytes: Vec<u8>) -> Result<Vec<u8>, Fault> {
    let must = bytes.starts_with(&MAGIC);
    if bytes.len() < ZSTD_FROM_BYTES && !must {
        return Ok(bytes);
    }
    match press(&bytes) {
        Some(pressed) if must || pressed.len() < bytes.len() => Ok(pressed),
        None if must => Err(Fault::unavailable("zstd frames cannot be made")),
        _ => Ok(bytes),
    }
}

/// The way back.
pub(crate) fn unframed(bytes: Vec<u8>) -> Result<Vec<u8>, Fault> {
    if bytes.starts_with(&MAGIC) { opened(&bytes) } else { Ok(bytes) }
}

/// What a packed body was before it was pressed, without its form: a sample of what is pressed.
pub(crate) fn opened_whole(stored: &[u8]) -> Result<Vec<u8>, Fault> {
    match stored.split_first() {
        Some((&(ZSTD | KEYED_ZSTD), frame)) => opened(frame),
        Some((_, bytes)) => Ok(bytes.to_vec()),
        None => Ok(Vec::new()),
    }
}

fn damaged() -> Fault {
    Fault::unavailable("a stored body is damaged")
}

fn opened(frame: &[u8]) -> Result<Vec<u8>, Fault> {
    let length = zstd::zstd_safe::get_frame_content_size(frame).ok().flatten().ok_or_else(damaged)?;
    let length = usize::try_from(length).ok().filter(|n| *n <= UNPACKED_BYTES_MAX).ok_or_else(damaged)?;
    OPEN.with_borrow_mut(|open| {
        if open.is_none() {
            *open = zstd::bulk::Decompressor::with_prepared_dictionary(dictionary::to_open()).ok();
        }
        open.as_mut().and_then(|o| o.decompress(frame, length).ok()).ok_or_else(damaged)
    })
}

fn divided(mut whole: Vec<u8>) -> Result<Unpacked, Fault> {
    let (length, rest) = whole.split_first_chunk::<4>().ok_or_else(damaged)?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > rest.len() {
        return Err(damaged());
    }
    let body = whole.split_off(4 + length);
    Ok(Unpacked { body, keys: whole.split_off(4) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_comes_back_as_it_was_at_every_length() {
        for length in [0usize, 1, 95, 96, 97, 5000, 300_000] {
            let body: Vec<u8> = (0..length).map(|i| u8::try_from(i * i % 61).unwrap_or(0)).collect();
            let stored = pack(&body).expect("it fits");
            assert_eq!(unpack(&stored).expect("it opens"), body, "length {length}");
            for keys in [b"".as_slice(), b"some entries"] {
                let stored = pack_keyed(&body, keys).expect("it fits");
                assert_eq!(unpack_keys(&stored).expect("it opens"), keys, "length {length}");
                let back = Unpacked { body: body.clone(), keys: keys.to_vec() };
                assert_eq!(unpack_keyed(&stored).expect("it opens"), back, "length {length}");
            }
        }
        for content in
            [b"short".to_vec(), b"an entry ".repeat(40), MAGIC.to_vec(), [&MAGIC[..], &[7; 300]].concat()]
        {
            let framed = framed_where_shorter(content.clone()).expect("it fits");
            assert_eq!(unframed(framed).expect("it opens"), content);
        }
        assert!(unpack(&[9, 9]).is_err(), "an unknown form is refused");
        assert!(unpack(&[1, 0, 1, 2]).is_err(), "a damaged frame is refused");
        for cut_off in [&[2, 9, 0, 0, 0, 1][..], &[2, 9]] {
            assert!(
                unpack(cut_off).is_err() && unpack_keys(cut_off).is_err(),
                "entries that are cut off are refused"
            );
        }
    }
}
