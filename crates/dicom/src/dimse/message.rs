//! Requests and responses of DIMSE as values (PS3.7 sections 9.3 and 10.3).

use super::command_set::{CommandError, CommandErrorKind, CommandSet, element};
use super::status::Status;
use crate::pdu::AeTitle;
use badiano_kernel::id::Uid;
use dicom_core::Tag;

/// Command Data Set Type that says that no data set follows (PS3.7 table E.1-1).
const NO_DATA_SET: u16 = 0x0101;
const DATA_SET: u16 = 0x0001;
const RESPONSE: u16 = 0x8000;
const C_CANCEL_RQ: u16 = 0x0FFF;
/// Error Comment is LO.
const ERROR_COMMENT_MAX: usize = 64;

/// What is asked, by its Command Field (PS3.7 table E.1-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    CStore,
    CGet,
    CFind,
    CMove,
    CEcho,
    NEventReport,
    NGet,
    NSet,
    NAction,
    NCreate,
    NDelete,
}

impl Operation {
    /// Command Field of the request.
    pub const fn field(self) -> u16 {
        match self {
            Operation::CStore => 0x0001,
            Operation::CGet => 0x0010,
            Operation::CFind => 0x0020,
            Operation::CMove => 0x0021,
            Operation::CEcho => 0x0030,
            Operation::NEventReport => 0x0100,
            Operation::NGet => 0x0110,
            Operation::NSet => 0x0120,
            Operation::NAction => 0x0130,
            Operation::NCreate => 0x0140,
            Operation::NDelete => 0x0150,
        }
    }
    const fn from_field(field: u16) -> Option<Self> {
        Some(match field {
            0x0001 => Operation::CStore,
            0x0010 => Operation::CGet,
            0x0020 => Operation::CFind,
            0x0021 => Operation::CMove,
            0x0030 => Operation::CEcho,
            0x0100 => Operation::NEventReport,
            0x0110 => Operation::NGet,
            0x0120 => Operation::NSet,
            0x0130 => Operation::NAction,
            0x0140 => Operation::NCreate,
            0x0150 => Operation::NDelete,
            _ => return None,
        })
    }
    /// Whether the request names its SOP class as "requested" and not as "affected".
    const fn is_on_requested(self) -> bool {
        matches!(self, Operation::NGet | Operation::NSet | Operation::NAction | Operation::NDelete)
    }
}

/// Priority (0000,0700). An unknown one reads as medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Priority {
    #[default]
    Medium,
    High,
    Low,
}

impl Priority {
    const fn code(self) -> u16 {
        match self {
            Priority::Medium => 0,
            Priority::High => 1,
            Priority::Low => 2,
        }
    }
}

/// The C-MOVE that a C-STORE is a sub-operation of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveOriginator {
    pub ae_title: AeTitle,
    pub message_id: u16,
}

/// What one operation takes beside its SOP class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parameters {
    CStore { sop_instance: Uid, priority: Priority, originator: Option<MoveOriginator> },
    CFind { priority: Priority },
    CGet { priority: Priority },
    CMove { priority: Priority, destination: AeTitle },
    CEcho,
    NEventReport { sop_instance: Uid, event_type: u16 },
    NGet { sop_instance: Uid, attributes: Vec<Tag> },
    NSet { sop_instance: Uid },
    NAction { sop_instance: Uid, action_type: u16 },
    NCreate { sop_instance: Option<Uid> },
    NDelete { sop_instance: Uid },
}

/// A request primitive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub message_id: u16,
    /// Affected or Requested SOP Class UID, whichever the operation has.
    pub sop_class: Uid,
    pub parameters: Parameters,
}

impl Request {
    pub const fn operation(&self) -> Operation {
        match self.parameters {
            Parameters::CStore { .. } => Operation::CStore,
            Parameters::CFind { .. } => Operation::CFind,
            Parameters::CGet { .. } => Operation::CGet,
            Parameters::CMove { .. } => Operation::CMove,
            Parameters::CEcho => Operation::CEcho,
            Parameters::NEventReport { .. } => Operation::NEventReport,
            Parameters::NGet { .. } => Operation::NGet,
            Parameters::NSet { .. } => Operation::NSet,
            Parameters::NAction { .. } => Operation::NAction,
            Parameters::NCreate { .. } => Operation::NCreate,
            Parameters::NDelete { .. } => Operation::NDelete,
        }
    }

    /// Affected or Requested SOP Instance UID.
    pub const fn sop_instance(&self) -> Option<&Uid> {
        match &self.parameters {
            Parameters::CStore { sop_instance, .. }
            | Parameters::NEventReport { sop_instance, .. }
            | Parameters::NGet { sop_instance, .. }
            | Parameters::NSet { sop_instance }
            | Parameters::NAction { sop_instance, .. }
            | Parameters::NDelete { sop_instance } => Some(sop_instance),
            Parameters::NCreate { sop_instance } => sop_instance.as_ref(),
            _ => None,
        }
    }

    fn write(&self, set: &mut CommandSet) {
        let operation = self.operation();
        set.set_u16(element::COMMAND_FIELD, operation.field());
        set.set_u16(element::MESSAGE_ID, self.message_id);
        let (class, instance) = subject(operation);
        set.set_uid(class, self.sop_class.as_str());
        if let Some(uid) = self.sop_instance() {
            set.set_uid(instance, uid.as_str());
        }
        match &self.parameters {
            Parameters::CStore { priority, originator, .. } => {
                set.set_u16(element::PRIORITY, priority.code());
                if let Some(originator) = originator {
                    set.set_text(element::MOVE_ORIGINATOR_AE_TITLE, originator.ae_title.as_str());
                    set.set_u16(element::MOVE_ORIGINATOR_MESSAGE_ID, originator.message_id);
                }
            }
            Parameters::CFind { priority } | Parameters::CGet { priority } => {
                set.set_u16(element::PRIORITY, priority.code());
            }
            Parameters::CMove { priority, destination } => {
                set.set_u16(element::PRIORITY, priority.code());
                set.set_text(element::MOVE_DESTINATION, destination.as_str());
            }
            Parameters::NEventReport { event_type, .. } => set.set_u16(element::EVENT_TYPE_ID, *event_type),
            Parameters::NAction { action_type, .. } => set.set_u16(element::ACTION_TYPE_ID, *action_type),
            Parameters::NGet { attributes, .. } if !attributes.is_empty() => {
                set.set_tags(element::ATTRIBUTE_IDENTIFIER_LIST, attributes);
            }
            _ => {}
        }
    }

    fn read(set: &CommandSet, operation: Operation) -> Result<Self, CommandError> {
        let (class, instance) = subject(operation);
        let sop_instance = || need(instance, uid(set, instance)?);
        let priority = match number(set, element::PRIORITY)? {
            Some(1) => Priority::High,
            Some(2) => Priority::Low,
            _ => Priority::Medium,
        };
        let parameters = match operation {
            Operation::CStore => {
                Parameters::CStore { sop_instance: sop_instance()?, priority, originator: originator(set) }
            }
            Operation::CFind => Parameters::CFind { priority },
            Operation::CGet => Parameters::CGet { priority },
            Operation::CMove => {
                let title = text(set, element::MOVE_DESTINATION).and_then(|t| AeTitle::parse(&t));
                let destination = need(element::MOVE_DESTINATION, title)?;
                Parameters::CMove { priority, destination }
            }
            Operation::CEcho => Parameters::CEcho,
            Operation::NEventReport => {
                let event_type = need(element::EVENT_TYPE_ID, number(set, element::EVENT_TYPE_ID)?)?;
                Parameters::NEventReport { sop_instance: sop_instance()?, event_type }
            }
            Operation::NGet => {
                let attributes = tags(set, element::ATTRIBUTE_IDENTIFIER_LIST)?;
                Parameters::NGet { sop_instance: sop_instance()?, attributes }
            }
            Operation::NSet => Parameters::NSet { sop_instance: sop_instance()? },
            Operation::NAction => {
                let action_type = need(element::ACTION_TYPE_ID, number(set, element::ACTION_TYPE_ID)?)?;
                Parameters::NAction { sop_instance: sop_instance()?, action_type }
            }
            Operation::NCreate => Parameters::NCreate { sop_instance: uid(set, instance)? },
            Operation::NDelete => Parameters::NDelete { sop_instance: sop_instance()? },
        };
        Ok(Request {
            message_id: need(element::MESSAGE_ID, number(set, element::MESSAGE_ID)?)?,
            sop_class: need(class, uid(set, class)?)?,
            parameters,
        })
    }
}

/// Counts of C-GET and C-MOVE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Suboperations {
    /// Only while pending, or after a cancel.
    pub remaining: Option<u16>,
    pub completed: u16,
    pub failed: u16,
    pub warning: u16,
}

/// A response primitive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub operation: Operation,
    /// Message ID Being Responded To.
    pub message_id: u16,
    pub sop_class: Option<Uid>,
    pub sop_instance: Option<Uid>,
    pub status: Status,
    /// At most 64 characters of ISO 646 go out. Names rules and fields, never a patient's data.
    pub error_comment: Option<String>,
    pub error_id: Option<u16>,
    pub offending_elements: Vec<Tag>,
    /// Only of C-GET and C-MOVE.
    pub suboperations: Option<Suboperations>,
    /// Event Type ID of N-EVENT-REPORT, Action Type ID of N-ACTION.
    pub type_id: Option<u16>,
}

impl Response {
    /// Answers a request, with its SOP class, instance and type.
    pub fn to(request: &Request, status: Status) -> Self {
        let type_id = match request.parameters {
            Parameters::NEventReport { event_type, .. } => Some(event_type),
            Parameters::NAction { action_type, .. } => Some(action_type),
            _ => None,
        };
        let mut response = Self::bare(request.operation(), request.message_id, status);
        response.sop_class = Some(request.sop_class.clone());
        response.sop_instance = request.sop_instance().cloned();
        response.type_id = type_id;
        response
    }

    pub(super) const fn bare(operation: Operation, message_id: u16, status: Status) -> Self {
        Response {
            operation,
            message_id,
            sop_class: None,
            sop_instance: None,
            status,
            error_comment: None,
            error_id: None,
            offending_elements: Vec::new(),
            suboperations: None,
            type_id: None,
        }
    }

    #[must_use]
    pub fn with_comment(mut self, comment: impl Into<String>) -> Self {
        self.error_comment = Some(comment.into());
        self
    }
    #[must_use]
    pub fn with_offending(mut self, element: Tag) -> Self {
        self.offending_elements.push(element);
        self
    }
    #[must_use]
    pub fn with_suboperations(mut self, counts: Suboperations) -> Self {
        self.suboperations = Some(counts);
        self
    }
    #[must_use]
    pub fn with_instance(mut self, sop_instance: Uid) -> Self {
        self.sop_instance = Some(sop_instance);
        self
    }

    fn write(&self, set: &mut CommandSet) {
        set.set_u16(element::COMMAND_FIELD, self.operation.field() | RESPONSE);
        set.set_u16(element::MESSAGE_ID_BEING_RESPONDED_TO, self.message_id);
        set.set_u16(element::STATUS, self.status.0);
        if let Some(uid) = &self.sop_class {
            set.set_uid(element::AFFECTED_SOP_CLASS_UID, uid.as_str());
        }
        if let Some(uid) = &self.sop_instance {
            set.set_uid(element::AFFECTED_SOP_INSTANCE_UID, uid.as_str());
        }
        if let Some(comment) = &self.error_comment {
            set.set_text(element::ERROR_COMMENT, &printable(comment));
        }
        if let Some(id) = self.error_id {
            set.set_u16(element::ERROR_ID, id);
        }
        if !self.offending_elements.is_empty() {
            set.set_tags(element::OFFENDING_ELEMENT, &self.offending_elements);
        }
        if let Some(counts) = self.suboperations {
            if let Some(remaining) = counts.remaining {
                set.set_u16(element::REMAINING_SUBOPERATIONS, remaining);
            }
            set.set_u16(element::COMPLETED_SUBOPERATIONS, counts.completed);
            set.set_u16(element::FAILED_SUBOPERATIONS, counts.failed);
            set.set_u16(element::WARNING_SUBOPERATIONS, counts.warning);
        }
        match (self.operation, self.type_id) {
            (Operation::NEventReport, Some(id)) => set.set_u16(element::EVENT_TYPE_ID, id),
            (Operation::NAction, Some(id)) => set.set_u16(element::ACTION_TYPE_ID, id),
            _ => {}
        }
    }

    /// What only informs is read as far as it is well formed: a response must not fail over its comment.
    fn read(set: &CommandSet, operation: Operation) -> Result<Self, CommandError> {
        let id = element::MESSAGE_ID_BEING_RESPONDED_TO;
        let status = need(element::STATUS, number(set, element::STATUS)?)?;
        let count = |n| number(set, n).ok().flatten();
        let counted = matches!(operation, Operation::CGet | Operation::CMove);
        let mut response = Self::bare(operation, need(id, number(set, id)?)?, Status(status));
        response.sop_class = uid(set, element::AFFECTED_SOP_CLASS_UID).ok().flatten();
        response.sop_instance = uid(set, element::AFFECTED_SOP_INSTANCE_UID).ok().flatten();
        response.error_comment = text(set, element::ERROR_COMMENT);
        response.error_id = count(element::ERROR_ID);
        response.offending_elements = tags(set, element::OFFENDING_ELEMENT).unwrap_or_default();
        response.suboperations = counted.then(|| Suboperations {
            remaining: count(element::REMAINING_SUBOPERATIONS),
            completed: count(element::COMPLETED_SUBOPERATIONS).unwrap_or(0),
            failed: count(element::FAILED_SUBOPERATIONS).unwrap_or(0),
            warning: count(element::WARNING_SUBOPERATIONS).unwrap_or(0),
        });
        response.type_id = match operation {
            Operation::NEventReport => count(element::EVENT_TYPE_ID),
            Operation::NAction => count(element::ACTION_TYPE_ID),
            _ => None,
        };
        Ok(response)
    }
}

/// A command set, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Request(Request),
    Response(Response),
    /// C-CANCEL: the message that is to stop.
    Cancel {
        message_id: u16,
    },
}

impl Command {
    /// The bytes of the command set; `data_set` tells whether one follows.
    pub fn to_bytes(&self, data_set: bool) -> Vec<u8> {
        let mut set = CommandSet::default();
        set.set_u16(element::COMMAND_DATA_SET_TYPE, if data_set { DATA_SET } else { NO_DATA_SET });
        match self {
            Command::Request(request) => request.write(&mut set),
            Command::Response(response) => response.write(&mut set),
            Command::Cancel { message_id } => {
                set.set_u16(element::COMMAND_FIELD, C_CANCEL_RQ);
                set.set_u16(element::MESSAGE_ID_BEING_RESPONDED_TO, *message_id);
            }
        }
        set.to_bytes()
    }
}

/// A command set, and whether a data set follows it.
pub fn read_command(bytes: &[u8]) -> Result<(Command, bool), CommandError> {
    let set = CommandSet::parse(bytes)?;
    let field = need(element::COMMAND_FIELD, number(&set, element::COMMAND_FIELD)?)?;
    let unknown = CommandError::at(CommandErrorKind::UnknownOperation(field), element::COMMAND_FIELD, 0);
    let command = if field == C_CANCEL_RQ {
        let id = element::MESSAGE_ID_BEING_RESPONDED_TO;
        Command::Cancel { message_id: need(id, number(&set, id)?)? }
    } else {
        let operation = Operation::from_field(field & !RESPONSE).ok_or(unknown)?;
        if field & RESPONSE == 0 {
            Command::Request(Request::read(&set, operation)?)
        } else {
            Command::Response(Response::read(&set, operation)?)
        }
    };
    Ok((command, has_data_set(&set)?))
}

/// The least that is needed to refuse a request which cannot be read: Command Field, Message ID, whether data follow.
pub(super) fn read_outline(bytes: &[u8]) -> Option<(u16, u16, bool)> {
    let set = CommandSet::parse(bytes).ok()?;
    let field = number(&set, element::COMMAND_FIELD).ok()??;
    let message_id = number(&set, element::MESSAGE_ID).ok()??;
    let is_request = field & RESPONSE == 0 && field != C_CANCEL_RQ;
    Some((field, message_id, has_data_set(&set).ok()?)).filter(|_| is_request)
}

/// A response to a request that could not be read, whatever its operation.
pub(super) fn refusal_bytes(field: u16, message_id: u16, status: Status, offending: Option<Tag>) -> Vec<u8> {
    let mut set = CommandSet::default();
    set.set_u16(element::COMMAND_FIELD, field | RESPONSE);
    set.set_u16(element::MESSAGE_ID_BEING_RESPONDED_TO, message_id);
    set.set_u16(element::COMMAND_DATA_SET_TYPE, NO_DATA_SET);
    set.set_u16(element::STATUS, status.0);
    if let Some(tag) = offending {
        set.set_tags(element::OFFENDING_ELEMENT, &[tag]);
    }
    set.to_bytes()
}

fn has_data_set(set: &CommandSet) -> Result<bool, CommandError> {
    let kind = need(element::COMMAND_DATA_SET_TYPE, number(set, element::COMMAND_DATA_SET_TYPE)?)?;
    Ok(kind != NO_DATA_SET)
}

/// Where a request of this operation names its SOP class and instance.
const fn subject(operation: Operation) -> (u16, u16) {
    if operation.is_on_requested() {
        (element::REQUESTED_SOP_CLASS_UID, element::REQUESTED_SOP_INSTANCE_UID)
    } else {
        (element::AFFECTED_SOP_CLASS_UID, element::AFFECTED_SOP_INSTANCE_UID)
    }
}

fn need<T>(number: u16, value: Option<T>) -> Result<T, CommandError> {
    value.ok_or(CommandError::at(CommandErrorKind::Missing, number, 0))
}

fn number(set: &CommandSet, number: u16) -> Result<Option<u16>, CommandError> {
    match set.value(number) {
        None | Some([]) => Ok(None),
        Some([low, high]) => Ok(Some(u16::from_le_bytes([*low, *high]))),
        Some(_) => Err(CommandError::at(CommandErrorKind::Invalid, number, 0)),
    }
}

/// `None` when absent or empty.
fn uid(set: &CommandSet, number: u16) -> Result<Option<Uid>, CommandError> {
    let wrong = CommandError::at(CommandErrorKind::Invalid, number, 0);
    match set.value(number) {
        None | Some([]) => Ok(None),
        Some(value) => {
            let text = std::str::from_utf8(value).map_err(|_| wrong)?;
            Uid::parse_lenient(text).map(Some).map_err(|_| wrong)
        }
    }
}

fn text(set: &CommandSet, number: u16) -> Option<String> {
    let value = set.value(number)?;
    Some(printable(&String::from_utf8_lossy(value))).filter(|text| !text.is_empty())
}

fn tags(set: &CommandSet, number: u16) -> Result<Vec<Tag>, CommandError> {
    let value = set.value(number).unwrap_or_default();
    let (tags, rest) = value.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(CommandError::at(CommandErrorKind::Invalid, number, 0));
    }
    let pair = |low, high| u16::from_le_bytes([low, high]);
    Ok(tags.iter().map(|[a, b, c, d]| Tag(pair(*a, *b), pair(*c, *d))).collect())
}

fn originator(set: &CommandSet) -> Option<MoveOriginator> {
    Some(MoveOriginator {
        ae_title: AeTitle::parse(&text(set, element::MOVE_ORIGINATOR_AE_TITLE)?)?,
        message_id: number(set, element::MOVE_ORIGINATOR_MESSAGE_ID).ok()??,
    })
}

/// ISO 646 without backslash and control characters, at most 64 characters.
fn printable(text: &str) -> String {
    let text = text.trim_matches([' ', '\0']);
    let shown = |c: char| if (' '..='~').contains(&c) && c != '\\' { c } else { '?' };
    text.chars().map(shown).take(ERROR_COMMENT_MAX).collect::<String>().trim_end().to_owned()
}
