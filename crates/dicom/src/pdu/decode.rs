//! Reading PDUs from a stream that is still arriving (PS3.8 section 9.3).

use super::{Abort, AssociateAc, AssociateRj, AssociateRq, Limits, PduError, PduErrorKind, kind};

/// A PDU, or a part of a P-DATA-TF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded<'a> {
    AssociateRq(Box<AssociateRq>),
    AssociateAc(Box<AssociateAc>),
    AssociateRj(AssociateRj),
    /// Some bytes of one presentation data value, as they came: one PDV may come in several slices.
    Pdv {
        context: u8,
        /// Command set rather than data set.
        command: bool,
        /// These bytes end the last fragment of the message's command or data set.
        last: bool,
        bytes: &'a [u8],
    },
    ReleaseRq,
    ReleaseRp,
    Abort(Abort),
}

#[derive(Debug)]
enum State {
    /// The six bytes before every PDU.
    Head,
    /// A PDU other than P-DATA-TF, collected whole.
    Whole {
        kind: u8,
        length: usize,
    },
    /// Between PDVs of a P-DATA-TF.
    PdvHead {
        left: u32,
    },
    /// Inside a PDV; `left` is what the PDU still holds, the PDV included.
    PdvBody {
        left: u32,
        pdv_left: u32,
        context: u8,
        control: u8,
    },
    Failed(PduError),
}

/// Feeds on any cut of a byte stream. What it holds itself is one head, or one associate PDU as far as it has arrived;
/// bytes of P-DATA-TF pass through as slices of the input.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    state: State,
    held: Vec<u8>,
    offset: u64,
}

impl Decoder {
    pub fn new(limits: Limits) -> Self {
        Decoder { limits, state: State::Head, held: Vec::new(), offset: 0 }
    }

    /// Bytes of the stream taken so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes of memory set aside for what has arrived of an unfinished head or associate PDU.
    pub fn memory(&self) -> usize {
        self.held.capacity()
    }

    /// Takes from the front of `input` and moves it on. `None` when all of it is taken and more is needed.
    /// After an error every further call gives the same error.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Decoded<'a>>, PduError> {
        let result = self.step(input);
        if let Err(error) = result {
            self.state = State::Failed(error);
            self.held = Vec::new();
        }
        result
    }

    fn step<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Decoded<'a>>, PduError> {
        loop {
            match self.state {
                State::Failed(error) => return Err(error),
                State::Head => {
                    let Some(head) = self.six_bytes(input) else { return Ok(None) };
                    self.begin(head)?;
                }
                State::Whole { kind, length } => return self.whole(kind, length, input),
                State::PdvHead { left: 0 } => self.state = State::Head,
                State::PdvHead { left } => {
                    if left < 6 {
                        return Err(self.error(PduErrorKind::Truncated));
                    }
                    let Some(head) = self.six_bytes(input) else { return Ok(None) };
                    self.begin_pdv(head, left)?;
                }
                State::PdvBody { left, pdv_left, context, control } => {
                    if input.is_empty() && pdv_left > 0 {
                        return Ok(None);
                    }
                    let bytes = self.take(input, pdv_left as usize);
                    let taken = u32::try_from(bytes.len()).expect("at most pdv_left, a u32");
                    let (left, pdv_left) = (left - taken, pdv_left - taken);
                    self.state = if pdv_left == 0 {
                        State::PdvHead { left }
                    } else {
                        State::PdvBody { left, pdv_left, context, control }
                    };
                    let last = control & 2 != 0 && pdv_left == 0;
                    return Ok(Some(Decoded::Pdv { context, command: control & 1 != 0, last, bytes }));
                }
            }
        }
    }

    /// A PDU head: type, reserved byte, length.
    fn begin(&mut self, head: [u8; 6]) -> Result<(), PduError> {
        let length = u32::from_be_bytes([head[2], head[3], head[4], head[5]]);
        let at = self.offset - 6;
        let limited = |limit: u32| {
            if length > limit {
                Err(PduError { kind: PduErrorKind::TooLong { length, limit }, offset: at + 2 })
            } else {
                Ok(())
            }
        };
        self.state = match head[0] {
            kind::P_DATA_TF => {
                limited(self.limits.p_data_length_max)?;
                if length == 0 {
                    return Err(PduError { kind: PduErrorKind::Missing("PDV item"), offset: at });
                }
                State::PdvHead { left: length }
            }
            kind @ (kind::ASSOCIATE_RQ | kind::ASSOCIATE_AC) => {
                limited(self.limits.associate_length_max)?;
                State::Whole { kind, length: length as usize }
            }
            kind @ (kind::ASSOCIATE_RJ | kind::RELEASE_RQ | kind::RELEASE_RP | kind::ABORT) => {
                if length != 4 {
                    return Err(PduError { kind: PduErrorKind::WrongLength { length }, offset: at + 2 });
                }
                State::Whole { kind, length: 4 }
            }
            other => return Err(PduError { kind: PduErrorKind::UnknownPdu(other), offset: at }),
        };
        Ok(())
    }

    /// A PDV head: length (of what follows the length), context, message control header (PS3.8 annex E.2).
    fn begin_pdv(&mut self, head: [u8; 6], left: u32) -> Result<(), PduError> {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        let at = self.offset - 6;
        let Some(pdv_left) = length.checked_sub(2) else {
            return Err(PduError { kind: PduErrorKind::ShortPdv, offset: at });
        };
        let left = left - 6;
        if pdv_left > left {
            return Err(PduError { kind: PduErrorKind::Truncated, offset: at });
        }
        self.state = State::PdvBody { left, pdv_left, context: head[4], control: head[5] };
        Ok(())
    }

    fn whole<'a>(
        &mut self,
        kind: u8,
        length: usize,
        input: &mut &'a [u8],
    ) -> Result<Option<Decoded<'a>>, PduError> {
        let part = self.take(input, length - self.held.len());
        if self.held.len() + part.len() < length {
            // Grows with what has arrived, never with what the peer says will come.
            self.held.extend_from_slice(part);
            return Ok(None);
        }
        let begin = self.offset - length as u64;
        let held = std::mem::take(&mut self.held);
        let joined;
        let body: &[u8] = if held.is_empty() {
            part
        } else {
            joined = [&held, part].concat();
            &joined
        };
        let decoded = match kind {
            kind::ASSOCIATE_RQ => Decoded::AssociateRq(Box::new(AssociateRq::parse(body, begin)?)),
            kind::ASSOCIATE_AC => Decoded::AssociateAc(Box::new(AssociateAc::parse(body, begin)?)),
            kind::ASSOCIATE_RJ => {
                Decoded::AssociateRj(AssociateRj { result: body[1], source: body[2], reason: body[3] })
            }
            kind::RELEASE_RQ => Decoded::ReleaseRq,
            kind::RELEASE_RP => Decoded::ReleaseRp,
            _ => Decoded::Abort(Abort { source: body[2], reason: body[3] }),
        };
        self.state = State::Head;
        Ok(Some(decoded))
    }

    fn six_bytes(&mut self, input: &mut &[u8]) -> Option<[u8; 6]> {
        let part = self.take(input, 6 - self.held.len());
        if self.held.is_empty()
            && let Ok(head) = <[u8; 6]>::try_from(part)
        {
            return Some(head);
        }
        self.held.extend_from_slice(part);
        let head = <[u8; 6]>::try_from(self.held.as_slice()).ok()?;
        self.held.clear();
        Some(head)
    }

    fn take<'a>(&mut self, input: &mut &'a [u8], at_most: usize) -> &'a [u8] {
        let (part, rest) = input.split_at(at_most.min(input.len()));
        *input = rest;
        self.offset += part.len() as u64;
        part
    }

    fn error(&self, kind: PduErrorKind) -> PduError {
        PduError { kind, offset: self.offset }
    }
}
