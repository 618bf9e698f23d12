//! The dictionary that bodies and audit entries are packed with: what synthetic records repeat (RFC 8878 section 5).
//!
//! It ships with the program and is never changed, only followed by another: a frame names the dictionary that it needs.

use crate::body;
use crate::faults::OrFault;
use crate::view::{View, limit};
use badiano_kernel::Fault;
use std::sync::OnceLock;
use zstd::dict::{DecoderDictionary, EncoderDictionary};

/// Made by the example `train_dictionary` (data/zstd/SOURCE.md).
static RECORDS: &[u8] = include_bytes!("../../../data/zstd/records-1.dict");

/// The quickest that still finds what stands twice.
const LEVEL: i32 = 1;

pub(crate) fn to_press() -> &'static EncoderDictionary<'static> {
    static READY: OnceLock<EncoderDictionary<'static>> = OnceLock::new();
    READY.get_or_init(|| EncoderDictionary::copy(RECORDS, LEVEL))
}

/// Opens frames that need no dictionary too.
pub(crate) fn to_open() -> &'static DecoderDictionary<'static> {
    static READY: OnceLock<DecoderDictionary<'static>> = OnceLock::new();
    READY.get_or_init(|| DecoderDictionary::copy(RECORDS))
}

/// A dictionary of at most so many bytes from what is often packed, with the number that frames name it by.
pub fn train_dictionary(samples: &[Vec<u8>], bytes_max: usize, number: u32) -> Result<Vec<u8>, Fault> {
    let mut dictionary = zstd::dict::from_samples(samples, bytes_max).or_fault()?;
    // After the magic number (RFC 8878 section 5).
    dictionary[4..8].copy_from_slice(&number.to_le_bytes());
    Ok(dictionary)
}

impl View<'_> {
    /// What was packed, spread over all that stands: for training on synthetic records alone, since a dictionary repeats its
    /// samples word by word.
    pub fn dictionary_samples(&self, most: usize) -> Result<Vec<Vec<u8>>, Fault> {
        let sql = "SELECT body FROM resource WHERE length(body) > 1 ORDER BY rid * 7919 % 100003 LIMIT ?1";
        let bodies = self.all(sql, [limit(most)], |r| r.get::<_, Vec<u8>>(0))?;
        let mut samples = bodies.iter().map(|b| body::opened_whole(b)).collect::<Result<Vec<_>, _>>()?;
        let leaves = self.leaves(0..u64::try_from(most / 10).unwrap_or(0))?;
        samples.extend(leaves.into_iter().filter_map(|leaf| leaf.content));
        Ok(samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dictionary_is_whole_and_bears_its_number() {
        assert_eq!(RECORDS.get(..8), Some(&[0x37, 0xa4, 0x30, 0xec, 1, 0, 0, 0][..]));
        let text = br#"{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org"}]}}"#;
        let mut press =
            zstd::bulk::Compressor::with_prepared_dictionary(to_press()).expect("it is a dictionary");
        let frame = press.compress(text).expect("it fits");
        assert!(frame.len() * 2 < text.len(), "{} bytes of {}", frame.len(), text.len());
        let mut open =
            zstd::bulk::Decompressor::with_prepared_dictionary(to_open()).expect("it is a dictionary");
        assert_eq!(open.decompress(&frame, text.len()).expect("it opens"), text);
        let bare = zstd::bulk::compress(text, 1).expect("it fits");
        assert_eq!(open.decompress(&bare, text.len()).expect("a frame without a dictionary opens too"), text);
    }
}
