//! The DIMSE service provider over one association: messages assembled, split, and matched (PS3.7 sections 6.3 and 8.3).

use super::command_set::{COMMAND_LENGTH_MAX, CommandError, CommandErrorKind, element};
use super::message::{Command, Operation, Request, Response, read_command, read_outline, refusal_bytes};
use super::status::Status;
use crate::association::{
    self, AbortCause, Admission, Association, Context, Negotiated, Policy, SendError, Settings, State,
};
use crate::pdu::{Abort, AssociateRj, AssociateRq};
use badiano_kernel::Instant;
use dicom_core::Tag;
use std::fmt;

/// Operations outstanding in one direction, where the window has no limit of its own.
pub const OUTSTANDING_MAX: usize = 64;
/// Operations that a peer may have outstanding although it negotiated fewer: some send ahead without asking.
const OUTSTANDING_TOLERATED: usize = 16;

/// A break of PS3.7 after which the stream of messages has no meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// Neither an answer nor a refusal can be addressed.
    Command(CommandError),
    /// A fragment of another kind or context came before the message ended, or data without a command.
    Interleaved { context: u8 },
    /// Requests that had to be refused came faster than their refusals can go out.
    TooManyRefused,
}

/// Why an association ended before its release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    Association(AbortCause),
    Message(Violation),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Association(cause) => cause.fmt(f),
            Cause::Message(Violation::Command(error)) => error.fmt(f),
            Cause::Message(Violation::Interleaved { context }) => {
                write!(f, "a fragment of context {context} came out of its turn")
            }
            Cause::Message(Violation::TooManyRefused) => f.write_str("too many requests had to be refused"),
        }
    }
}

/// What the doors are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// Answer it with `answer`.
    Requested(Box<AssociateRq>),
    Accepted,
    Rejected(AssociateRj),
    /// When `data_set`, `Data` follows until its `last`. Answer with `respond`, also before the data set has ended.
    Request {
        context: u8,
        request: Request,
        data_set: bool,
    },
    /// A response to `invoke`. When `data_set`, `Data` follows until its `last`.
    Response {
        context: u8,
        response: Response,
        data_set: bool,
    },
    /// Bytes of the data set of the latest `Request` or `Response`, as they came.
    Data {
        context: u8,
        message_id: u16,
        bytes: &'a [u8],
        last: bool,
    },
    /// The peer wants this outstanding operation to stop: answer with the status CANCEL.
    Cancel {
        context: u8,
        message_id: u16,
    },
    /// A request that was answered with a failure here already; its data set is passed over.
    Refused {
        context: u8,
        message_id: u16,
        status: Status,
    },
    ReleaseRequested,
    Released,
    Aborted(Cause),
}

/// A request of the user that cannot be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendRefused {
    Association(SendError),
    /// The data set of the message before is not finished.
    MessageOpen,
    /// `data` without a message that announced it.
    NoMessageOpen,
    /// As many operations are outstanding as were negotiated.
    WindowFull,
    /// The negotiated role does not let us ask this.
    WrongRole,
    /// No operation with this message id is outstanding in this context.
    NotOutstanding,
    /// An operation with this message id is outstanding already.
    MessageIdInUse,
}

impl fmt::Display for SendRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendRefused::Association(error) => return error.fmt(f),
            SendRefused::MessageOpen => "the data set before is not finished",
            SendRefused::NoMessageOpen => "no message waits for its data set",
            SendRefused::WindowFull => "as many operations are outstanding as were negotiated",
            SendRefused::WrongRole => "the negotiated role does not allow this operation",
            SendRefused::NotOutstanding => "no such operation is outstanding",
            SendRefused::MessageIdInUse => "the message id is in use",
        })
    }
}

impl std::error::Error for SendRefused {}

impl From<SendError> for SendRefused {
    fn from(error: SendError) -> Self {
        SendRefused::Association(error)
    }
}

#[derive(Debug, Clone, Copy)]
enum Receiving {
    /// Between messages.
    Nothing,
    Command {
        context: u8,
    },
    Data {
        context: u8,
        message_id: u16,
    },
    /// The data set of a refused request.
    PassedOver {
        context: u8,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Outstanding {
    context: u8,
    message_id: u16,
    cancelled: bool,
}

/// Messages over one association, in both directions. Data sets pass through as they come and go; a command set is held
/// while it is read. The rim drives it as it would an `Association`.
#[derive(Debug)]
pub struct Provider {
    association: Association,
    receiving: Receiving,
    command: Vec<u8>,
    /// The context of a message whose data set we still send.
    sending: Option<u8>,
    /// Refusals that wait for it.
    refusals: Vec<(u8, Vec<u8>)>,
    /// Asked by the peer.
    performing: Vec<Outstanding>,
    /// Asked by us.
    invoked: Vec<Outstanding>,
    last_message_id: u16,
}

impl Provider {
    pub fn acceptor(settings: Settings, now: Instant) -> Self {
        Self::over(Association::acceptor(settings, now))
    }
    pub fn requestor(settings: Settings, rq: AssociateRq, now: Instant) -> Self {
        Self::over(Association::requestor(settings, rq, now))
    }
    fn over(association: Association) -> Self {
        Provider {
            association,
            receiving: Receiving::Nothing,
            command: Vec::new(),
            sending: None,
            refusals: Vec::new(),
            performing: Vec::new(),
            invoked: Vec::new(),
            last_message_id: 0,
        }
    }

    pub fn state(&self) -> State {
        self.association.state()
    }
    pub fn negotiated(&self) -> Option<&Negotiated> {
        self.association.negotiated()
    }
    pub fn request(&self) -> Option<&AssociateRq> {
        self.association.request()
    }
    /// An accepted context.
    pub fn context(&self, id: u8) -> Option<&Context> {
        self.negotiated()?.context(id)
    }

    /// Takes received bytes from the front of `input` until something happened, and moves it on.
    /// `None`: all is taken. Call again until then.
    pub fn next<'a>(&mut self, input: &mut &'a [u8], now: Instant) -> Option<Event<'a>> {
        loop {
            let event = match self.association.next(input, now)? {
                association::Event::Fragment { context, command, last, bytes } => {
                    self.fragment(context, command, last, bytes, now)
                }
                association::Event::Requested(rq) => Some(Event::Requested(rq)),
                association::Event::Accepted => Some(Event::Accepted),
                association::Event::Rejected(rj) => Some(Event::Rejected(rj)),
                association::Event::ReleaseRequested => Some(Event::ReleaseRequested),
                association::Event::Released => Some(Event::Released),
                association::Event::Aborted(cause) => Some(Event::Aborted(Cause::Association(cause))),
            };
            if event.is_some() {
                return event;
            }
        }
    }

    fn fragment<'a>(
        &mut self,
        context: u8,
        command: bool,
        last: bool,
        bytes: &'a [u8],
        now: Instant,
    ) -> Option<Event<'a>> {
        match self.receiving {
            Receiving::Nothing if command => {
                self.command.clear();
                self.receiving = Receiving::Command { context };
                self.command_part(context, bytes, last, now)
            }
            Receiving::Command { context: of } if command && of == context => {
                self.command_part(context, bytes, last, now)
            }
            Receiving::Data { context: of, message_id } if !command && of == context => {
                if last {
                    self.receiving = Receiving::Nothing;
                }
                (last || !bytes.is_empty()).then_some(Event::Data { context, message_id, bytes, last })
            }
            Receiving::PassedOver { context: of } if !command && of == context => {
                if last {
                    self.receiving = Receiving::Nothing;
                }
                None
            }
            _ => Some(self.violated(Violation::Interleaved { context }, now)),
        }
    }

    fn command_part<'a>(&mut self, context: u8, bytes: &[u8], last: bool, now: Instant) -> Option<Event<'a>> {
        if self.command.len() + bytes.len() > COMMAND_LENGTH_MAX {
            let kind = CommandErrorKind::TooLong;
            let error = CommandError { kind, element: None, offset: COMMAND_LENGTH_MAX };
            return Some(self.violated(Violation::Command(error), now));
        }
        self.command.extend_from_slice(bytes);
        if !last {
            return None;
        }
        let command = std::mem::take(&mut self.command);
        match read_command(&command) {
            Ok((Command::Request(request), data_set)) => {
                self.expect_data(context, request.message_id, data_set);
                Some(self.asked(context, request, data_set, now))
            }
            Ok((Command::Response(response), data_set)) => {
                self.expect_data(context, response.message_id, data_set);
                if !response.status.is_pending() {
                    self.invoked.retain(|o| (o.context, o.message_id) != (context, response.message_id));
                }
                Some(Event::Response { context, response, data_set })
            }
            Ok((Command::Cancel { message_id }, data_set)) => {
                self.expect_data(context, message_id, data_set);
                // One that comes after the last response has crossed it on the way: nothing is left to stop.
                let outstanding =
                    self.performing.iter_mut().find(|o| (o.context, o.message_id) == (context, message_id));
                outstanding.map(|o| {
                    o.cancelled = true;
                    Event::Cancel { context, message_id }
                })
            }
            Err(error) => Some(self.unreadable(context, &command, error, now)),
        }
    }

    fn expect_data(&mut self, context: u8, message_id: u16, data_set: bool) {
        self.receiving = if data_set { Receiving::Data { context, message_id } } else { Receiving::Nothing };
    }

    fn asked<'a>(&mut self, context: u8, request: Request, data_set: bool, now: Instant) -> Event<'a> {
        let message_id = request.message_id;
        let operation = request.operation();
        let refused = if self.performing.iter().any(|o| o.message_id == message_id) {
            Some(Status::DUPLICATE_INVOCATION)
        } else if self.performing.len() >= self.window(false).max(OUTSTANDING_TOLERATED) {
            Some(Status::RESOURCE_LIMITATION)
        } else if operation != Operation::NEventReport && !self.is_scu(context, true) {
            Some(Status::UNRECOGNIZED_OPERATION)
        } else {
            None
        };
        if let Some(status) = refused {
            let bytes = Command::Response(Response::to(&request, status)).to_bytes(false);
            let refusal = Event::Refused { context, message_id, status };
            return self.refuse(refusal, context, data_set, bytes, now);
        }
        self.performing.push(Outstanding { context, message_id, cancelled: false });
        Event::Request { context, request, data_set }
    }

    /// A request whose command breaks its definition is refused in DIMSE where it can be addressed.
    fn unreadable<'a>(
        &mut self,
        context: u8,
        command: &[u8],
        error: CommandError,
        now: Instant,
    ) -> Event<'a> {
        let Some((field, message_id, data_set)) = read_outline(command) else {
            return self.violated(Violation::Command(error), now);
        };
        let status = match (error.kind, error.element) {
            (CommandErrorKind::UnknownOperation(_), _) => Status::UNRECOGNIZED_OPERATION,
            (_, Some(Tag(_, element::AFFECTED_SOP_INSTANCE_UID | element::REQUESTED_SOP_INSTANCE_UID))) => {
                Status::INVALID_SOP_INSTANCE
            }
            (_, Some(Tag(_, element::MOVE_DESTINATION))) => Status::MOVE_DESTINATION_UNKNOWN,
            _ => Status::MISTYPED_ARGUMENT,
        };
        let bytes = refusal_bytes(field, message_id, status, error.element);
        let refusal = Event::Refused { context, message_id, status };
        self.refuse(refusal, context, data_set, bytes, now)
    }

    fn refuse<'a>(
        &mut self,
        refusal: Event<'a>,
        context: u8,
        data_set: bool,
        response: Vec<u8>,
        now: Instant,
    ) -> Event<'a> {
        self.receiving = if data_set { Receiving::PassedOver { context } } else { Receiving::Nothing };
        if self.sending.is_none() {
            self.send_refusal(context, &response);
        } else if self.refusals.len() < OUTSTANDING_MAX {
            // Messages do not interleave: it goes out after the one whose data set is being sent.
            self.refusals.push((context, response));
        } else {
            return self.violated(Violation::TooManyRefused, now);
        }
        refusal
    }

    /// Without effect when the association no longer sends: then the peer is not there to be answered.
    fn send_refusal(&mut self, context: u8, response: &[u8]) {
        let _ = self.association.send(context, true, response, true);
    }

    fn violated<'a>(&mut self, violation: Violation, now: Instant) -> Event<'a> {
        self.association.abort(Abort::INVALID_PARAMETER, now);
        Event::Aborted(Cause::Message(violation))
    }

    /// Answers `Requested` after policy and admission. `Err` tells the refusal that is being sent.
    pub fn answer(
        &mut self,
        policy: &Policy,
        admission: &Admission,
        now: Instant,
    ) -> Result<&Negotiated, AssociateRj> {
        self.association.answer(policy, admission, now)
    }

    /// A message id that no outstanding operation of ours has.
    pub fn next_message_id(&mut self) -> u16 {
        loop {
            self.last_message_id = self.last_message_id.wrapping_add(1).max(1);
            if !self.invoked.iter().any(|o| o.message_id == self.last_message_id) {
                return self.last_message_id;
            }
        }
    }

    /// Asks the peer. When `data_set`, `data` must follow until its `last` before anything else is sent.
    pub fn invoke(&mut self, context: u8, request: Request, data_set: bool) -> Result<(), SendRefused> {
        self.may_begin(context)?;
        let message_id = request.message_id;
        if self.invoked.len() >= self.window(true) {
            return Err(SendRefused::WindowFull);
        }
        if self.invoked.iter().any(|o| o.message_id == message_id) {
            return Err(SendRefused::MessageIdInUse);
        }
        if request.operation() != Operation::NEventReport && !self.is_scu(context, false) {
            return Err(SendRefused::WrongRole);
        }
        self.begin(context, &Command::Request(request), data_set)?;
        self.invoked.push(Outstanding { context, message_id, cancelled: false });
        Ok(())
    }

    /// Asks the peer to stop an operation of ours; its responses go on until the last.
    pub fn cancel(&mut self, context: u8, message_id: u16) -> Result<(), SendRefused> {
        self.may_begin(context)?;
        let found = self.invoked.iter_mut().find(|o| (o.context, o.message_id) == (context, message_id));
        found.ok_or(SendRefused::NotOutstanding)?.cancelled = true;
        self.begin(context, &Command::Cancel { message_id }, false)
    }

    /// Answers the peer. A response that is not pending ends the operation. When `data_set`, `data` must follow.
    pub fn respond(&mut self, context: u8, response: Response, data_set: bool) -> Result<(), SendRefused> {
        self.may_begin(context)?;
        let key = (context, response.message_id);
        if !self.performing.iter().any(|o| (o.context, o.message_id) == key) {
            return Err(SendRefused::NotOutstanding);
        }
        let is_final = !response.status.is_pending();
        self.begin(context, &Command::Response(response), data_set)?;
        if is_final {
            self.performing.retain(|o| (o.context, o.message_id) != key);
        }
        Ok(())
    }

    /// Bytes of the data set that `invoke` or `respond` announced, in any pieces; `last` ends it.
    pub fn data(&mut self, bytes: &[u8], last: bool) -> Result<(), SendRefused> {
        let context = self.sending.ok_or(SendRefused::NoMessageOpen)?;
        self.association.send(context, false, bytes, last)?;
        if last {
            self.sending = None;
            for (context, response) in std::mem::take(&mut self.refusals) {
                self.send_refusal(context, &response);
            }
        }
        Ok(())
    }

    fn may_begin(&self, context: u8) -> Result<(), SendRefused> {
        self.association.may_send(context)?;
        if self.sending.is_some() { Err(SendRefused::MessageOpen) } else { Ok(()) }
    }

    fn begin(&mut self, context: u8, command: &Command, data_set: bool) -> Result<(), SendRefused> {
        self.association.send(context, true, &command.to_bytes(data_set), true)?;
        self.sending = data_set.then_some(context);
        Ok(())
    }

    /// Whether the peer asked to stop this outstanding operation.
    pub fn is_cancelled(&self, message_id: u16) -> bool {
        self.performing.iter().any(|o| o.message_id == message_id && o.cancelled)
    }
    /// Operations of the peer without their last response.
    pub fn performing(&self) -> usize {
        self.performing.len()
    }
    /// Our operations without their last response.
    pub fn invoked(&self) -> usize {
        self.invoked.len()
    }

    /// Whether one more operation of ours may be asked now.
    pub fn may_invoke(&self) -> bool {
        self.sending.is_none() && self.invoked.len() < self.window(true)
    }
    /// Whether a message waits for the rest of its data set; nothing else can be sent before.
    pub fn is_sending(&self) -> bool {
        self.sending.is_some()
    }

    /// Operations that one side may have outstanding: ours, or the peer's.
    fn window(&self, ours: bool) -> usize {
        let by_requestor = self.association.is_requestor() == ours;
        let size =
            self.negotiated().map_or(1, |n| if by_requestor { n.window.invoked } else { n.window.performed });
        if size == 0 { OUTSTANDING_MAX } else { usize::from(size).min(OUTSTANDING_MAX) }
    }

    /// Whether a side may ask in this context: roles are told of the association requestor.
    fn is_scu(&self, context: u8, peer: bool) -> bool {
        let is_requestor = self.association.is_requestor() != peer;
        self.context(context).is_some_and(|c| if is_requestor { c.roles.scu } else { c.roles.scp })
    }

    pub fn release(&mut self, now: Instant) -> Result<(), SendRefused> {
        if self.sending.is_some() {
            return Err(SendRefused::MessageOpen);
        }
        Ok(self.association.release(now)?)
    }
    /// Answers `ReleaseRequested`.
    pub fn answer_release(&mut self, now: Instant) -> Result<(), SendRefused> {
        if self.sending.is_some() {
            return Err(SendRefused::MessageOpen);
        }
        Ok(self.association.answer_release(now)?)
    }
    pub fn abort(&mut self, abort: Abort, now: Instant) {
        self.association.abort(abort, now);
    }

    /// When `expire` is to be called. None while the peer waits for us: then the doors' own limits hold.
    pub fn deadline(&self) -> Option<Instant> {
        let between = matches!(self.receiving, Receiving::Nothing);
        let at_work = self.state() == State::Sta6 && between && !self.performing.is_empty();
        if at_work { None } else { self.association.deadline() }
    }
    /// Puts off the deadline: the doors have just done something for this peer.
    pub fn keep_alive(&mut self, now: Instant) {
        self.association.keep_alive(now);
    }
    /// Ends what has waited too long. Without effect before the deadline.
    pub fn expire(&mut self, now: Instant) -> Option<Cause> {
        self.deadline()?;
        self.association.expire(now).map(Cause::Association)
    }
    /// The peer closed the transport connection, or it broke.
    pub fn transport_closed(&mut self) -> Option<Cause> {
        self.association.transport_closed().map(Cause::Association)
    }

    /// All finished PDUs as one train for one write.
    pub fn take_outgoing(&mut self) -> Vec<u8> {
        self.association.take_outgoing()
    }
    /// Bytes that wait, unfinished ones too.
    pub fn outgoing_length(&self) -> usize {
        self.association.outgoing_length()
    }
    /// Bytes that `take_outgoing` would give.
    pub fn outgoing_ready(&self) -> usize {
        self.association.outgoing_ready()
    }
}
