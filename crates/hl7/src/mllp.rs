//! Framing of messages on a stream: VT, message, FS, CR, without I/O (HL7 v2 MLLP, transport specification release 1).
//!
//! The end is looked for from the front, so frames sent one behind another stay apart. A missing CR after FS is let
//! through; bytes between frames are dropped and counted.

use std::fmt;

/// Begins a frame.
pub const VT: u8 = 0x0B;
/// Ends it, before CR.
pub const FS: u8 = 0x1C;
const CR: u8 = 0x0D;

/// A frame that is longer than the limit, which ends the conversation: where the next one begins cannot be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameTooLong {
    pub limit: usize,
}

impl fmt::Display for FrameTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a frame is longer than {} bytes", self.limit)
    }
}

impl std::error::Error for FrameTooLong {}

/// Takes bytes as they come and gives frames as they end. Memory stays within the limit and one read.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    buffer: Vec<u8>,
    /// Bytes of the buffer that are taken already.
    taken: usize,
    /// Bytes from `taken` on that hold no FS.
    looked: usize,
    inside: bool,
    failed: bool,
    garbage: u64,
}

impl Decoder {
    /// `limit`: bytes of one message.
    pub fn new(limit: usize) -> Self {
        Decoder { limit, buffer: Vec::new(), taken: 0, looked: 0, inside: false, failed: false, garbage: 0 }
    }

    /// Bytes that the peer sent. Ask for frames until there are none before giving more.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.failed {
            return;
        }
        if self.taken > 0 {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        // Between frames nothing is kept but from a VT on.
        let from = if self.inside || !self.buffer.is_empty() {
            0
        } else {
            let lead = memchr::memchr(VT, bytes).unwrap_or(bytes.len());
            self.count_garbage(&bytes[..lead]);
            lead
        };
        self.buffer.extend_from_slice(&bytes[from..]);
    }

    /// The next whole message, without its framing; `None`: more bytes are needed.
    pub fn frame(&mut self) -> Result<Option<Vec<u8>>, FrameTooLong> {
        let too_long = FrameTooLong { limit: self.limit };
        if self.failed {
            return Err(too_long);
        }
        if !self.inside {
            let rest = &self.buffer[self.taken..];
            let start = memchr::memchr(VT, rest);
            let lead = start.unwrap_or(rest.len());
            let dropped = rest[..lead].to_vec();
            self.count_garbage(&dropped);
            self.taken += lead;
            if start.is_none() {
                return Ok(None);
            }
            self.taken += 1;
            self.inside = true;
            self.looked = 0;
        }
        let rest = &self.buffer[self.taken..];
        let end = memchr::memchr(FS, &rest[self.looked..]).map(|n| n + self.looked);
        if end.unwrap_or(rest.len()) > self.limit {
            self.failed = true;
            self.buffer = Vec::new();
            return Err(too_long);
        }
        let Some(end) = end else {
            self.looked = rest.len();
            return Ok(None);
        };
        let message = rest[..end].to_vec();
        // The CR after FS, where it is, is passed over with what stands between frames.
        self.taken += end + 1;
        self.inside = false;
        Ok(Some(message))
    }

    /// Whether a frame has begun and not ended: the stream should not end here.
    pub fn is_inside(&self) -> bool {
        self.inside
    }
    /// Bytes between frames that were neither framing nor line ends, so far.
    pub fn garbage_bytes(&self) -> u64 {
        self.garbage
    }

    fn count_garbage(&mut self, bytes: &[u8]) {
        self.garbage += bytes.iter().filter(|b| !matches!(**b, CR | b'\n')).count() as u64;
    }
}

/// A message in its frame, ready to be sent in one write.
pub fn encode(message: &[u8]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(message.len() + 3);
    framed.push(VT);
    framed.extend_from_slice(message);
    framed.extend_from_slice(&[FS, CR]);
    framed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(decoder: &mut Decoder) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| decoder.frame().expect("within the limit")).collect()
    }

    #[test]
    fn two_frames_in_one_read_are_two_messages() {
        let mut decoder = Decoder::new(100);
        decoder.feed(&[encode(b"MSH|1\r"), encode(b"MSH|2\r")].concat());
        assert_eq!(all(&mut decoder), [b"MSH|1\r".to_vec(), b"MSH|2\r".to_vec()]);
        assert_eq!(decoder.garbage_bytes(), 0);
    }

    #[test]
    fn a_frame_that_comes_byte_by_byte_is_whole_at_its_end() {
        let mut decoder = Decoder::new(100);
        let framed = encode(b"MSH|^~\\&\r");
        for (i, byte) in framed.iter().enumerate() {
            decoder.feed(&[*byte]);
            let frames = all(&mut decoder);
            assert_eq!(frames.len(), usize::from(i == framed.len() - 2), "after byte {i}");
        }
        assert!(!decoder.is_inside());
    }

    #[test]
    fn a_missing_cr_is_let_through_and_garbage_is_counted() {
        let mut decoder = Decoder::new(100);
        decoder.feed(b"hola\x0bA\x1c\x0bB\x1c\r\n??\x0bC\x1c\r");
        assert_eq!(all(&mut decoder), [b"A".to_vec(), b"B".to_vec(), b"C".to_vec()]);
        assert_eq!(decoder.garbage_bytes(), 6);
    }

    #[test]
    fn a_frame_beyond_the_limit_is_refused_before_it_is_held() {
        let mut decoder = Decoder::new(10);
        decoder.feed(b"\x0b");
        for _ in 0..1000 {
            decoder.feed(&[b'x'; 8]);
            if decoder.frame().is_err() {
                break;
            }
        }
        assert_eq!(decoder.frame(), Err(FrameTooLong { limit: 10 }));
        assert!(decoder.buffer.len() <= 24, "{} bytes held", decoder.buffer.len());
        let mut exact = Decoder::new(10);
        exact.feed(&encode(&[b'x'; 10]));
        assert_eq!(exact.frame(), Ok(Some(vec![b'x'; 10])));
    }
}
