//! Reading a DICOM file or a bare data set while it arrives: the header is kept, bulk is only located (PS3.10 section 7, PS3.5).

mod assemble;
mod error;
mod frames;
mod meta;
mod recode;
mod stream;

use dicom_core::VR;
use flate2::{Decompress, FlushDecompress, Status};

use crate::dataset::{DataSet, TagPath};
use crate::dictionary::{Coding, transfer_syntax, uids};
use stream::{Keep, Stream};

pub use assemble::{Apart, Assembled, VALUE_BYTES_MAX, assemble, compression_of, native_length};
pub use error::{ParseError, ParseErrorKind};
pub use frames::FrameSpan;
pub use meta::{
    FileMeta, IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, data_set_start, write_file_meta,
};
pub use recode::{Piece, recode, rewrite};

/// Kept header elements, each with what it costs besides its bytes.
pub const HEADER_BYTES_MAX: usize = 16 << 20;
/// Longer values are bulk: located, not kept.
pub const VALUE_KEPT_MAX: u64 = 64 << 10;
/// Look-up tables are part of how an image is seen and are kept whole: 65,536 entries of 16 bits.
pub const LUT_KEPT_MAX: u64 = 128 << 10;
/// Sequences inside sequences.
pub const DEPTH_MAX: usize = 64;
/// Frames of one object that are located one by one.
pub const FRAMES_MAX: usize = 1 << 19;
/// Fragments of one object that are located one by one.
pub const FRAGMENTS_MAX: usize = 1 << 20;
/// A deflated data set that inflates beyond this is refused.
pub const INFLATED_BYTES_MAX: u64 = 4 << 30;

/// A value that is not kept, and where it stands in the stored bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bulk {
    pub path: TagPath,
    pub vr: VR,
    /// From the beginning of the stored bytes. For encapsulated pixel data: of the first item tag.
    pub offset: u64,
    /// Bytes of the value. For encapsulated pixel data: up to the sequence delimiter.
    pub length: u64,
    pub encapsulated: bool,
}

/// What a file says without its bulk.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// Group 0002; its fields are empty when a bare data set was read.
    pub meta: FileMeta,
    pub transfer_syntax: String,
    pub coding: Coding,
    /// All elements that are no bulk.
    pub dataset: DataSet,
    pub bulk: Vec<Bulk>,
    /// One per frame of the pixel data; empty for video and where frames cannot be told apart (an issue says so).
    pub frames: Vec<FrameSpan>,
    /// Offsets count in the inflated data set, since the stored bytes are deflated.
    pub inflated: bool,
    /// What was read leniently. No patient data.
    pub issues: Vec<String>,
}

enum Phase {
    Preamble(Vec<u8>),
    Meta(Box<Stream>),
    Body(Box<Stream>),
    Deflated { inflater: Box<Decompress>, done: bool, stream: Box<Stream> },
}

/// A push parser: bytes in pieces of any size, memory bounded by the header's limit.
pub struct Parser {
    phase: Phase,
    meta: FileMeta,
    transfer_syntax: String,
    coding: Coding,
    video: bool,
}

impl Parser {
    /// For a Part 10 file, stored as it comes.
    pub fn part10() -> Parser {
        Parser::new(Phase::Preamble(Vec::new()), Coding::ExplicitLittle, "")
    }

    /// For a bare data set (a C-STORE body), stored after `base_offset` bytes of prefix.
    pub fn data_set(transfer_syntax_uid: &str, base_offset: u64) -> Result<Parser, ParseError> {
        let mut parser =
            Parser::new(Phase::Preamble(Vec::new()), Coding::ExplicitLittle, transfer_syntax_uid);
        parser.begin_body(0, base_offset)?;
        Ok(parser)
    }

    /// For a data set in memory, every value kept.
    pub(crate) fn whole(coding: Coding) -> Parser {
        let phase = body(coding, Keep::All, 0, 0);
        Parser::new(phase, coding, "")
    }

    fn new(phase: Phase, coding: Coding, transfer_syntax: &str) -> Parser {
        let transfer_syntax = transfer_syntax.trim_end_matches(['\0', ' ']).to_owned();
        Parser { phase, meta: FileMeta::default(), transfer_syntax, coding, video: false }
    }

    fn begin_body(&mut self, position: u64, base: u64) -> Result<(), ParseError> {
        let Some(syntax) = transfer_syntax(&self.transfer_syntax) else {
            let kind = match self.transfer_syntax.is_empty() {
                true => ParseErrorKind::NoTransferSyntax,
                false => ParseErrorKind::UnknownTransferSyntax(self.transfer_syntax.clone()),
            };
            return Err(ParseError { kind, position, tag: None });
        };
        self.coding = syntax.coding;
        self.video = syntax.video;
        self.phase = body(syntax.coding, Keep::Header, position, base);
        Ok(())
    }

    /// Takes the next bytes. After an error the parser is of no more use.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), ParseError> {
        let mut rest = chunk;
        loop {
            match &mut self.phase {
                Phase::Preamble(start) => {
                    let take = (meta::PREAMBLE_LENGTH - start.len()).min(rest.len());
                    start.extend_from_slice(&rest[..take]);
                    rest = &rest[take..];
                    if start.len() < meta::PREAMBLE_LENGTH {
                        return Ok(());
                    }
                    if !start.ends_with(b"DICM") {
                        return Err(ParseError { kind: ParseErrorKind::NotPart10, position: 128, tag: None });
                    }
                    self.phase = Phase::Meta(Box::new(Stream::file_meta()));
                }
                Phase::Meta(stream) => {
                    let taken = stream.feed(rest)?;
                    rest = &rest[taken..];
                    if !stream.is_stopped() {
                        return Ok(());
                    }
                    let (start, pending) = self.end_meta()?;
                    self.begin_body(start, 0)?;
                    self.feed(&pending)?;
                }
                Phase::Body(stream) => return stream.feed(rest).map(drop),
                Phase::Deflated { inflater, done, stream } => return inflate(inflater, done, stream, rest),
            }
        }
    }

    /// Ends the File Meta Information: where the data set begins, and its first bytes that were read already.
    fn end_meta(&mut self) -> Result<(u64, Vec<u8>), ParseError> {
        let Phase::Meta(stream) = std::mem::replace(&mut self.phase, Phase::Preamble(Vec::new())) else {
            return Ok((0, Vec::new()));
        };
        let start = stream.position();
        let (pending, read) = stream.end_meta()?;
        self.meta = FileMeta::of(&read);
        self.transfer_syntax.clone_from(&self.meta.transfer_syntax);
        Ok((start, pending))
    }

    /// The header, once all bytes are in.
    pub fn finish(mut self) -> Result<Header, ParseError> {
        if let Phase::Meta(_) = &self.phase {
            let (start, pending) = self.end_meta()?;
            self.begin_body(start, 0)?;
            self.feed(&pending)?;
        }
        let (stream, inflated) = match self.phase {
            Phase::Preamble(start) => {
                let position = start.len() as u64;
                return Err(ParseError { kind: ParseErrorKind::Truncated, position, tag: None });
            }
            Phase::Meta(stream) | Phase::Body(stream) => (stream, false),
            Phase::Deflated { done: false, stream, .. } => {
                let position = stream.position();
                return Err(ParseError { kind: ParseErrorKind::Truncated, position, tag: None });
            }
            Phase::Deflated { stream, .. } => (stream, true),
        };
        let mut read = stream.finish()?;
        let frames = match &read.pixels {
            Some(pixels) if !self.video => frames::locate(&read.dataset, pixels, &mut read.issues),
            _ => Vec::new(),
        };
        Ok(Header {
            meta: self.meta,
            transfer_syntax: self.transfer_syntax,
            coding: self.coding,
            dataset: read.dataset,
            bulk: read.bulk,
            frames,
            inflated,
            issues: read.issues,
        })
    }
}

fn body(coding: Coding, keep: Keep, position: u64, base: u64) -> Phase {
    match coding {
        Coding::DeflatedLittle => Phase::Deflated {
            inflater: Box::new(Decompress::new(false)),
            done: false,
            stream: Box::new(Stream::new(Coding::ExplicitLittle, keep, 0, 0)),
        },
        coding => Phase::Body(Box::new(Stream::new(coding, keep, position, base))),
    }
}

/// Inflates a chunk piece by piece into the stream; what follows the deflated stream is padding.
fn inflate(
    inflater: &mut Decompress,
    done: &mut bool,
    stream: &mut Stream,
    mut rest: &[u8],
) -> Result<(), ParseError> {
    let mut piece = vec![0_u8; 32 << 10];
    while !*done {
        let (read, written) = (inflater.total_in(), inflater.total_out());
        let bad = |position| ParseError { kind: ParseErrorKind::BadDeflate, position, tag: None };
        let status = inflater
            .decompress(rest, &mut piece, FlushDecompress::None)
            .map_err(|_| bad(stream.position()))?;
        let (read, written) = (inflater.total_in() - read, inflater.total_out() - written);
        rest = rest.get(read as usize..).unwrap_or_default();
        stream.feed(piece.get(..written as usize).unwrap_or_default())?;
        if inflater.total_out() > INFLATED_BYTES_MAX {
            return Err(ParseError {
                kind: ParseErrorKind::TooLarge,
                position: stream.position(),
                tag: None,
            });
        }
        *done = status == Status::StreamEnd;
        if !*done && read == 0 && written == 0 {
            break;
        }
    }
    Ok(())
}

/// Whether an object in this transfer syntax can be read by [`Parser`].
pub fn is_readable(transfer_syntax_uid: &str) -> bool {
    transfer_syntax(transfer_syntax_uid).is_some()
}

/// Identifiers and worklist items come in one of these (PS3.4 C.4): the coding of a UID, explicit VR little endian for
/// every encapsulated syntax. `None` for a syntax that is not known.
pub fn coding_of(transfer_syntax_uid: &str) -> Option<Coding> {
    match transfer_syntax_uid.trim_end_matches(['\0', ' ']) {
        uids::IMPLICIT_VR_LITTLE_ENDIAN => Some(Coding::ImplicitLittle),
        uid => transfer_syntax(uid).map(|syntax| syntax.coding),
    }
}

#[cfg(test)]
mod tests;
