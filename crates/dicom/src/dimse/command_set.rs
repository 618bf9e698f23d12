//! The elements of group 0000: always implicit VR little endian, plain values (PS3.7 section 6.3 and annex E).

use dicom_core::Tag;
use std::fmt;

/// Bytes of one command set, however many fragments it comes in.
pub const COMMAND_LENGTH_MAX: usize = 64 * 1024;

/// Elements of group 0000 by their second number (PS3.7 table E.1-1).
pub(super) mod element {
    pub const GROUP_LENGTH: u16 = 0x0000;
    pub const AFFECTED_SOP_CLASS_UID: u16 = 0x0002;
    pub const REQUESTED_SOP_CLASS_UID: u16 = 0x0003;
    pub const COMMAND_FIELD: u16 = 0x0100;
    pub const MESSAGE_ID: u16 = 0x0110;
    pub const MESSAGE_ID_BEING_RESPONDED_TO: u16 = 0x0120;
    pub const MOVE_DESTINATION: u16 = 0x0600;
    pub const PRIORITY: u16 = 0x0700;
    pub const COMMAND_DATA_SET_TYPE: u16 = 0x0800;
    pub const STATUS: u16 = 0x0900;
    pub const OFFENDING_ELEMENT: u16 = 0x0901;
    pub const ERROR_COMMENT: u16 = 0x0902;
    pub const ERROR_ID: u16 = 0x0903;
    pub const AFFECTED_SOP_INSTANCE_UID: u16 = 0x1000;
    pub const REQUESTED_SOP_INSTANCE_UID: u16 = 0x1001;
    pub const EVENT_TYPE_ID: u16 = 0x1002;
    pub const ATTRIBUTE_IDENTIFIER_LIST: u16 = 0x1005;
    pub const ACTION_TYPE_ID: u16 = 0x1008;
    pub const REMAINING_SUBOPERATIONS: u16 = 0x1020;
    pub const COMPLETED_SUBOPERATIONS: u16 = 0x1021;
    pub const FAILED_SUBOPERATIONS: u16 = 0x1022;
    pub const WARNING_SUBOPERATIONS: u16 = 0x1023;
    pub const MOVE_ORIGINATOR_AE_TITLE: u16 = 0x1030;
    pub const MOVE_ORIGINATOR_MESSAGE_ID: u16 = 0x1031;
}

/// What is wrong with a command set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandErrorKind {
    /// Longer than `COMMAND_LENGTH_MAX`.
    TooLong,
    /// An element reaches past the end.
    Truncated,
    /// An element of another group.
    WrongGroup,
    Repeated,
    /// The element must be there.
    Missing,
    /// Its value is not of its VR.
    Invalid,
    /// Command Field holds no operation of PS3.7.
    UnknownOperation(u16),
}

/// A command set that breaks PS3.7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandError {
    pub kind: CommandErrorKind,
    /// The element, where one is meant.
    pub element: Option<Tag>,
    /// Bytes from the beginning of the command set.
    pub offset: usize,
}

impl CommandError {
    pub(super) fn at(kind: CommandErrorKind, element: u16, offset: usize) -> Self {
        CommandError { kind, element: Some(Tag(0, element)), offset }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            CommandErrorKind::TooLong => f.write_str("the command set is too long")?,
            CommandErrorKind::Truncated => {
                f.write_str("an element reaches past the end of the command set")?
            }
            CommandErrorKind::WrongGroup => f.write_str("an element is not of group 0000")?,
            CommandErrorKind::Repeated => f.write_str("an element comes twice")?,
            CommandErrorKind::Missing => f.write_str("an element is missing")?,
            CommandErrorKind::Invalid => f.write_str("a value is not of its kind")?,
            CommandErrorKind::UnknownOperation(field) => write!(f, "no operation has number {field:04X}H")?,
        }
        if let Some(Tag(group, element)) = self.element {
            write!(f, " ({group:04X},{element:04X})")?;
        }
        write!(f, " (byte {} of the command)", self.offset)
    }
}

impl std::error::Error for CommandError {}

/// Elements in the order of their tags, without the group length.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommandSet {
    elements: Vec<(u16, Vec<u8>)>,
}

impl CommandSet {
    /// Group length is not tested, and order not asked for: real devices get both wrong and nothing hangs on them.
    pub fn parse(bytes: &[u8]) -> Result<Self, CommandError> {
        let whole = |kind, offset| CommandError { kind, element: None, offset };
        if bytes.len() > COMMAND_LENGTH_MAX {
            return Err(whole(CommandErrorKind::TooLong, COMMAND_LENGTH_MAX));
        }
        let mut set = CommandSet::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let offset = bytes.len() - rest.len();
            let Some((head, after)) = rest.split_first_chunk::<8>() else {
                return Err(whole(CommandErrorKind::Truncated, offset));
            };
            let number = u16::from_le_bytes([head[2], head[3]]);
            if head[..2] != [0, 0] {
                return Err(whole(CommandErrorKind::WrongGroup, offset));
            }
            let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
            let split = usize::try_from(length).ok().and_then(|length| after.split_at_checked(length));
            let Some((value, after)) = split else {
                return Err(CommandError::at(CommandErrorKind::Truncated, number, offset));
            };
            rest = after;
            if number == element::GROUP_LENGTH {
                continue;
            }
            match set.position(number) {
                Ok(_) => return Err(CommandError::at(CommandErrorKind::Repeated, number, offset)),
                Err(place) => set.elements.insert(place, (number, value.to_vec())),
            }
        }
        Ok(set)
    }

    /// With its group length in front.
    pub fn to_bytes(&self) -> Vec<u8> {
        let length: usize = self.elements.iter().map(|(_, value)| 8 + value.len()).sum();
        let length = u32::try_from(length).expect("a command is built of few short values");
        let mut out = vec![0, 0, 0, 0, 4, 0, 0, 0];
        out.extend(length.to_le_bytes());
        for (number, value) in &self.elements {
            out.extend([0, 0]);
            out.extend(number.to_le_bytes());
            out.extend(u32::try_from(value.len()).expect("shorter than the whole").to_le_bytes());
            out.extend(value);
        }
        out
    }

    fn position(&self, number: u16) -> Result<usize, usize> {
        self.elements.binary_search_by_key(&number, |(n, _)| *n)
    }
    fn set(&mut self, number: u16, value: Vec<u8>) {
        match self.position(number) {
            Ok(place) => self.elements[place].1 = value,
            Err(place) => self.elements.insert(place, (number, value)),
        }
    }

    pub(super) fn value(&self, number: u16) -> Option<&[u8]> {
        self.position(number).ok().map(|place| self.elements[place].1.as_slice())
    }
    pub(super) fn set_u16(&mut self, number: u16, value: u16) {
        self.set(number, value.to_le_bytes().to_vec());
    }
    /// A UID, padded with NUL.
    pub(super) fn set_uid(&mut self, number: u16, uid: &str) {
        self.set_padded(number, uid.bytes().collect(), 0);
    }
    /// AE or LO, padded with a space.
    pub(super) fn set_text(&mut self, number: u16, text: &str) {
        self.set_padded(number, text.bytes().collect(), b' ');
    }
    pub(super) fn set_tags(&mut self, number: u16, tags: &[Tag]) {
        let bytes = tags.iter().flat_map(|Tag(group, element)| {
            let ([a, b], [c, d]) = (group.to_le_bytes(), element.to_le_bytes());
            [a, b, c, d]
        });
        self.set(number, bytes.collect());
    }
    fn set_padded(&mut self, number: u16, mut value: Vec<u8>, padding: u8) {
        if value.len() % 2 == 1 {
            value.push(padding);
        }
        self.set(number, value);
    }
}
