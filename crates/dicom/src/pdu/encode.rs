//! Writing a train of PDUs into one buffer, so that the rim does one write (PS3.8 section 9.3).

use super::{Abort, AssociateAc, AssociateRj, AssociateRq, kind};

/// Bytes before the data of a P-DATA-TF with one PDV: PDU head and PDV head.
const P_DATA_HEAD: usize = 12;
/// Bytes of the PDV head, which count in the PDU's length.
const PDV_HEAD: usize = 6;

/// A P-DATA-TF that may still grow.
#[derive(Debug, Clone, Copy)]
struct Open {
    start: usize,
    context: u8,
    command: bool,
}

/// Collects PDUs. A P-DATA-TF stays open until it is full or its message ends, so that many small pieces of a data set
/// become few PDUs and the last fragment is never empty unless the whole is.
#[derive(Debug)]
pub struct Encoder {
    train: Vec<u8>,
    open: Option<Open>,
    /// Bytes of data in one P-DATA-TF, even.
    fragment_max: usize,
}

impl Encoder {
    /// `p_data_length_max` counts the bytes after the six-byte head, as the peer announced it; at least 8 is used.
    pub fn new(p_data_length_max: u32) -> Self {
        let mut encoder = Encoder { train: Vec::new(), open: None, fragment_max: 0 };
        encoder.set_p_data_length_max(p_data_length_max);
        encoder
    }

    pub fn set_p_data_length_max(&mut self, bytes: u32) {
        self.fragment_max = (bytes.max(8) as usize - PDV_HEAD) & !1;
    }

    pub fn associate_rq(&mut self, rq: &AssociateRq) {
        self.pdu(kind::ASSOCIATE_RQ, |out| rq.write(out));
    }
    pub fn associate_ac(&mut self, ac: &AssociateAc) {
        self.pdu(kind::ASSOCIATE_AC, |out| ac.write(out));
    }
    pub fn associate_rj(&mut self, rj: AssociateRj) {
        self.pdu(kind::ASSOCIATE_RJ, |out| out.extend([0, rj.result, rj.source, rj.reason]));
    }
    pub fn release_rq(&mut self) {
        self.pdu(kind::RELEASE_RQ, |out| out.extend([0; 4]));
    }
    pub fn release_rp(&mut self) {
        self.pdu(kind::RELEASE_RP, |out| out.extend([0; 4]));
    }
    /// Drops a P-DATA-TF that was not finished, and aborts.
    pub fn abort(&mut self, abort: Abort) {
        if let Some(open) = self.open.take() {
            self.train.truncate(open.start);
        }
        self.pdu(kind::ABORT, |out| out.extend([0, 0, abort.source, abort.reason]));
    }

    /// Adds bytes of a command set or data set; `last` ends it. Between its first bytes and `last`, only more of the same may come.
    pub fn data(&mut self, context: u8, command: bool, mut bytes: &[u8], last: bool) {
        loop {
            let open = match self.open {
                Some(open) => open,
                None => {
                    let open = Open { start: self.train.len(), context, command };
                    self.train.extend([0; P_DATA_HEAD]);
                    self.open = Some(open);
                    open
                }
            };
            debug_assert!((open.context, open.command) == (context, command), "messages do not interleave");
            let filled = self.train.len() - open.start - P_DATA_HEAD;
            let (part, rest) = bytes.split_at(bytes.len().min(self.fragment_max - filled));
            self.train.extend_from_slice(part);
            bytes = rest;
            if bytes.is_empty() {
                break;
            }
            self.close(false);
        }
        if last {
            self.close(true);
        }
    }

    /// Bytes that wait to be sent, an open P-DATA-TF included.
    pub fn len(&self) -> usize {
        self.train.len()
    }
    pub fn is_empty(&self) -> bool {
        self.train.is_empty()
    }
    /// Bytes of finished PDUs.
    pub fn ready(&self) -> usize {
        self.open.map_or(self.train.len(), |open| open.start)
    }

    /// All finished PDUs; an open P-DATA-TF stays.
    pub fn take(&mut self) -> Vec<u8> {
        match &mut self.open {
            Some(open) => {
                let tail = self.train.split_off(open.start);
                open.start = 0;
                std::mem::replace(&mut self.train, tail)
            }
            None => std::mem::take(&mut self.train),
        }
    }

    fn close(&mut self, last: bool) {
        let Some(open) = self.open.take() else { return };
        let head = &mut self.train[open.start..];
        let data = u32::try_from(head.len() - P_DATA_HEAD).expect("at most fragment_max, below u32::MAX");
        head[0] = kind::P_DATA_TF;
        head[2..6].copy_from_slice(&(data + 6).to_be_bytes());
        head[6..10].copy_from_slice(&(data + 2).to_be_bytes());
        head[10] = open.context;
        head[11] = u8::from(open.command) | u8::from(last) << 1;
    }

    fn pdu(&mut self, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
        self.close(false);
        let start = self.train.len();
        self.train.extend([kind, 0, 0, 0, 0, 0]);
        body(&mut self.train);
        let length = u32::try_from(self.train.len() - start - 6)
            .expect("items are below 64 KiB each, 128 + few of them");
        self.train[start + 2..start + 6].copy_from_slice(&length.to_be_bytes());
    }
}
