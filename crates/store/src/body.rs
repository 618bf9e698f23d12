//! How a body stands in a row: one byte says the form, so that dictionaries and sealed bodies can come without a move.

use crate::options::BODY_BYTES_MAX;
use badiano_kernel::Fault;
use std::cell::RefCell;

/// As it is.
const PLAIN: u8 = 0;
/// One zstd frame (RFC 8878) without a dictionary.
const ZSTD: u8 = 1;
/// Below this length a frame gains nothing.
const ZSTD_FROM_BYTES: usize = 96;

thread_local! {
    static OPEN: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
    static PRESS: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
}

pub(crate) fn pack(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    if bytes.len() > BODY_BYTES_MAX {
        return Err(Fault::too_costly("a body is longer than the store takes"));
    }
    if bytes.len() >= ZSTD_FROM_BYTES {
        let pressed = PRESS.with_borrow_mut(|press| {
            if press.is_none() {
                *press = zstd::bulk::Compressor::new(1).ok();
            }
            press.as_mut().and_then(|p| p.compress(bytes).ok())
        });
        if let Some(pressed) = pressed.filter(|p| p.len() < bytes.len()) {
            return Ok(tagged(ZSTD, &pressed));
        }
    }
    Ok(tagged(PLAIN, bytes))
}

fn tagged(form: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 1);
    out.push(form);
    out.extend_from_slice(bytes);
    out
}

pub(crate) fn unpack(stored: &[u8]) -> Result<Vec<u8>, Fault> {
    let damaged = || Fault::unavailable("a stored body is damaged");
    match stored.split_first() {
        None => Ok(Vec::new()),
        Some((&PLAIN, bytes)) => Ok(bytes.to_vec()),
        Some((&ZSTD, bytes)) => {
            let length = zstd::zstd_safe::get_frame_content_size(bytes).ok().flatten().ok_or_else(damaged)?;
            let length = usize::try_from(length).ok().filter(|n| *n <= BODY_BYTES_MAX).ok_or_else(damaged)?;
            OPEN.with_borrow_mut(|open| {
                if open.is_none() {
                    *open = zstd::bulk::Decompressor::new().ok();
                }
                open.as_mut().and_then(|o| o.decompress(bytes, length).ok()).ok_or_else(damaged)
            })
        }
        Some(_) => Err(Fault::not_supported("a stored body has a form of a newer version of this program")),
    }
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
        }
        assert!(unpack(&[9, 9]).is_err(), "an unknown form is refused");
        assert!(unpack(&[1, 0, 1, 2]).is_err(), "a damaged frame is refused");
    }
}
