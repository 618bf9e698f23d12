//! The table of parsers: a row each, with its samples, the words of its language, and the memory that a byte of input may take.

mod dicom;
mod fhir;
mod hl7;
mod mexico;

/// A parser, as a stranger's bytes reach it.
pub struct Target {
    pub name: &'static str,
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// What its language is made of; mutations put these in.
    pub words: &'static [&'static [u8]],
    /// Reads the input, and panics where a promise of the parser is broken. The text, of what was read or why not, without values.
    pub read: fn(&[u8]) -> Answer,
    /// Bytes of memory at the peak that one byte of input may take, beyond a fixed floor.
    pub bytes_per_byte: usize,
}

pub type Answer = Result<String, String>;

pub const TARGETS: [Target; 20] = [
    dicom::PDU,
    dicom::COMMAND_SET,
    dicom::DATA_SET,
    dicom::PART_10,
    dicom::JSON,
    dicom::QIDO,
    dicom::CHARACTER_SETS,
    dicom::RLE,
    dicom::JPEG,
    dicom::JPEG_LOSSLESS,
    dicom::JPEG_2000,
    hl7::MESSAGE,
    hl7::MAP,
    hl7::MLLP,
    fhir::JSON,
    fhir::XML,
    fhir::NARRATIVE,
    fhir::FHIR_PATH,
    fhir::SEARCH,
    mexico::IDENTIFIERS,
];

/// How many, by order of magnitude: enough to tell ways apart.
fn about(count: usize) -> String {
    format!("{:?}", count.checked_ilog2()).replace(|c: char| c.is_ascii_digit(), "")
        + &"i".repeat(count.checked_ilog2().map_or(0, |n| n as usize + 1))
}
