//! The upper layer state machine of one association, without sockets and without a clock (PS3.8 section 9.2).

mod negotiation;

#[cfg(test)]
mod tests;

use crate::pdu::{Abort, AssociateRj, AssociateRq, Decoded, Decoder, Encoder, Limits, PduError};
use badiano_kernel::Instant;
use std::fmt;

pub use negotiation::{
    Admission, Context, Extended, Negotiated, Offer, P_DATA_LENGTH_ANNOUNCED, P_DATA_LENGTH_MIN, Policy,
    Preference, PrivateStorage, Roles, StorageOffer, negotiate, own_implementation,
};

/// How long each wait may last, and how long the PDUs that we write may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    pub limits: Limits,
    /// ARTIM: for the request after the connection stands, and for the peer to close it at the end.
    pub artim_seconds: i64,
    /// For the answer to our request, to our release, and for our own user to answer a request.
    pub answer_seconds: i64,
    /// For the next bytes of an established association.
    pub idle_seconds: i64,
    /// Longest P-DATA-TF that we write, whatever more the peer would take.
    pub sent_p_data_length_max: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            limits: Limits::default(),
            artim_seconds: 30,
            answer_seconds: 60,
            idle_seconds: 600,
            sent_p_data_length_max: P_DATA_LENGTH_ANNOUNCED,
        }
    }
}

/// States of PS3.8 table 9-10 in which this machine can rest. Sta4 (connecting) belongs to the rim; Sta9 and Sta12
/// pass at once, because a release collision is answered without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Idle: the transport connection is to be closed, when what waits has been sent.
    Sta1,
    /// Waits for A-ASSOCIATE-RQ.
    Sta2,
    /// Waits for the local answer to a request.
    Sta3,
    /// Waits for A-ASSOCIATE-AC or -RJ.
    Sta5,
    /// Established.
    Sta6,
    /// Waits for A-RELEASE-RP.
    Sta7,
    /// Waits for the local answer to a release.
    Sta8,
    /// Release collision, acceptor: waits for A-RELEASE-RP.
    Sta10,
    /// Release collision, requestor: waits for A-RELEASE-RP.
    Sta11,
    /// Waits for the peer to close the transport connection.
    Sta13,
}

/// Why an association ended before its release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbortCause {
    /// The peer sent A-ABORT.
    Peer(Abort),
    /// The peer broke the form of a PDU.
    Protocol(PduError),
    /// The peer sent a PDU that its state does not allow.
    Unexpected { pdu: &'static str, state: State },
    /// The peer sent data for a context that was not accepted.
    UnknownContext(u8),
    /// The peer's answer is none to our request.
    WrongAnswer,
    /// The deadline of this state passed.
    TimedOut(State),
    /// The transport connection was closed.
    ConnectionLost,
}

impl fmt::Display for AbortCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AbortCause::Peer(abort) => {
                write!(f, "the peer aborted (source {}, reason {})", abort.source, abort.reason)
            }
            AbortCause::Protocol(error) => error.fmt(f),
            AbortCause::Unexpected { pdu, state } => write!(f, "{pdu} came in {state:?}"),
            AbortCause::UnknownContext(id) => write!(f, "presentation context {id} was not accepted"),
            AbortCause::WrongAnswer => f.write_str("the answer does not fit the request"),
            AbortCause::TimedOut(state) => write!(f, "no answer in {state:?} before the deadline"),
            AbortCause::ConnectionLost => f.write_str("the connection was closed"),
        }
    }
}

/// What the user of the association must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// Answer it with `answer`.
    Requested(Box<AssociateRq>),
    /// Our request was accepted; `negotiated` tells how.
    Accepted,
    Rejected(AssociateRj),
    /// Bytes of a command set or data set; `last` ends it.
    Fragment {
        context: u8,
        command: bool,
        last: bool,
        bytes: &'a [u8],
    },
    /// Answer it with `answer_release`, after what is still to be sent.
    ReleaseRequested,
    Released,
    Aborted(AbortCause),
}

/// A request of the user that its state does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendError {
    /// The association is in a state that sends no such thing.
    WrongState(State),
    /// This presentation context was not accepted.
    UnknownContext(u8),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::WrongState(state) => write!(f, "cannot be sent in {state:?}"),
            SendError::UnknownContext(id) => write!(f, "presentation context {id} was not accepted"),
        }
    }
}

impl std::error::Error for SendError {}

/// One association. The rim moves bytes: received ones into `next`, those of `take_outgoing` out; it wakes at `deadline`
/// to call `expire`, says when the peer closed, and closes when `state` is `Sta1` and nothing waits to be sent.
#[derive(Debug)]
pub struct Association {
    settings: Settings,
    is_requestor: bool,
    state: State,
    decoder: Decoder,
    encoder: Encoder,
    deadline: Option<Instant>,
    request: Option<Box<AssociateRq>>,
    negotiated: Option<Negotiated>,
}

impl Association {
    /// The side that was connected to.
    pub fn acceptor(settings: Settings, now: Instant) -> Self {
        Self::new(settings, false, State::Sta2, now.plus_seconds(settings.artim_seconds))
    }

    /// The side that has connected; its request waits to be sent.
    pub fn requestor(settings: Settings, rq: AssociateRq, now: Instant) -> Self {
        let deadline = now.plus_seconds(settings.answer_seconds);
        let mut association = Self::new(settings, true, State::Sta5, deadline);
        association.encoder.associate_rq(&rq);
        association.request = Some(Box::new(rq));
        association
    }

    fn new(settings: Settings, is_requestor: bool, state: State, deadline: Instant) -> Self {
        Association {
            settings,
            is_requestor,
            state,
            decoder: Decoder::new(settings.limits),
            encoder: Encoder::new(settings.sent_p_data_length_max),
            deadline: Some(deadline),
            request: None,
            negotiated: None,
        }
    }

    pub fn state(&self) -> State {
        self.state
    }
    pub fn is_requestor(&self) -> bool {
        self.is_requestor
    }
    /// What was agreed, once it is.
    pub fn negotiated(&self) -> Option<&Negotiated> {
        self.negotiated.as_ref()
    }
    /// The request, ours or the peer's.
    pub fn request(&self) -> Option<&AssociateRq> {
        self.request.as_deref()
    }

    /// Takes received bytes from the front of `input` until something happened, and moves it on.
    /// `None`: all is taken. Call again until then.
    pub fn next<'a>(&mut self, input: &mut &'a [u8], now: Instant) -> Option<Event<'a>> {
        loop {
            if matches!(self.state, State::Sta1 | State::Sta13) {
                // What comes after an end is ignored (PS3.8 action AA-6).
                *input = &[];
                return None;
            }
            if self.state == State::Sta6 && !input.is_empty() {
                self.deadline = Some(now.plus_seconds(self.settings.idle_seconds));
            }
            let event = match self.decoder.next(input) {
                Ok(None) => return None,
                Ok(Some(decoded)) => self.received(decoded, now),
                Err(error) => Some(self.fail(error.abort(), AbortCause::Protocol(error), now)),
            };
            if event.is_some() {
                return event;
            }
        }
    }

    /// The table of PS3.8 9-10, read by what came.
    fn received<'a>(&mut self, decoded: Decoded<'a>, now: Instant) -> Option<Event<'a>> {
        let pdu = name(&decoded);
        match (self.state, decoded) {
            (State::Sta2, Decoded::AssociateRq(rq)) => {
                self.enter(State::Sta3, Some(now.plus_seconds(self.settings.answer_seconds)));
                self.request = Some(rq.clone());
                Some(Event::Requested(rq))
            }
            (State::Sta5, Decoded::AssociateAc(ac)) => Some(self.accepted(&ac, now)),
            (State::Sta5, Decoded::AssociateRj(rj)) => {
                self.enter(State::Sta1, None);
                Some(Event::Rejected(rj))
            }
            (State::Sta6 | State::Sta7, Decoded::Pdv { context, command, last, bytes }) => {
                let known = self.negotiated.as_ref().is_some_and(|n| n.context(context).is_some());
                if known {
                    Some(Event::Fragment { context, command, last, bytes })
                } else {
                    Some(self.fail(Abort::INVALID_PARAMETER, AbortCause::UnknownContext(context), now))
                }
            }
            (State::Sta6, Decoded::ReleaseRq) => {
                self.enter(State::Sta8, Some(now.plus_seconds(self.settings.answer_seconds)));
                Some(Event::ReleaseRequested)
            }
            (State::Sta7, Decoded::ReleaseRq) => {
                let state = if self.is_requestor {
                    self.encoder.release_rp();
                    State::Sta11
                } else {
                    State::Sta10
                };
                self.enter(state, self.deadline);
                None
            }
            (State::Sta7 | State::Sta11, Decoded::ReleaseRp) => {
                self.enter(State::Sta1, None);
                Some(Event::Released)
            }
            (State::Sta10, Decoded::ReleaseRp) => {
                self.encoder.release_rp();
                self.enter(State::Sta13, Some(now.plus_seconds(self.settings.artim_seconds)));
                Some(Event::Released)
            }
            (_, Decoded::Abort(abort)) => {
                self.enter(State::Sta1, None);
                Some(Event::Aborted(AbortCause::Peer(abort)))
            }
            (state, _) => Some(self.fail(Abort::UNEXPECTED_PDU, AbortCause::Unexpected { pdu, state }, now)),
        }
    }

    fn accepted(&mut self, ac: &crate::pdu::AssociateAc, now: Instant) -> Event<'static> {
        let understood = self.request.as_deref().and_then(|rq| negotiation::understand(rq, ac));
        let small = (1..P_DATA_LENGTH_MIN).contains(&ac.user.max_length);
        match understood {
            Some(negotiated) if !small => {
                self.establish(negotiated, now);
                Event::Accepted
            }
            _ => self.fail(Abort::INVALID_PARAMETER, AbortCause::WrongAnswer, now),
        }
    }

    /// Answers `Requested` after policy and admission. `Err` tells the refusal that is being sent.
    pub fn answer(
        &mut self,
        policy: &Policy,
        admission: &Admission,
        now: Instant,
    ) -> Result<&Negotiated, AssociateRj> {
        let answer = match self.request.as_deref() {
            Some(rq) if self.state == State::Sta3 => negotiate(rq, policy, admission),
            _ => return Err(AssociateRj::PROVIDER_NO_REASON),
        };
        match answer {
            Ok((ac, negotiated)) => {
                self.encoder.associate_ac(&ac);
                self.establish(negotiated, now);
                Ok(self.negotiated.as_ref().expect("establish has just put it there"))
            }
            Err(rj) => {
                self.encoder.associate_rj(rj);
                self.enter(State::Sta13, Some(now.plus_seconds(self.settings.artim_seconds)));
                Err(rj)
            }
        }
    }

    fn establish(&mut self, negotiated: Negotiated, now: Instant) {
        let ours = self.settings.sent_p_data_length_max;
        let length = match negotiated.peer_p_data_length_max {
            0 => ours,
            theirs => theirs.min(ours),
        };
        self.encoder.set_p_data_length_max(length);
        self.negotiated = Some(negotiated);
        self.enter(State::Sta6, Some(now.plus_seconds(self.settings.idle_seconds)));
    }

    /// Sends bytes of a command set or data set. Between the first and the `last` bytes of one, nothing else may be sent.
    pub fn send(&mut self, context: u8, command: bool, bytes: &[u8], last: bool) -> Result<(), SendError> {
        self.may_send(context)?;
        self.encoder.data(context, command, bytes, last);
        Ok(())
    }

    /// Whether data of this context can be sent now.
    pub fn may_send(&self, context: u8) -> Result<(), SendError> {
        if !matches!(self.state, State::Sta6 | State::Sta8) {
            return Err(SendError::WrongState(self.state));
        }
        match self.negotiated.as_ref().and_then(|n| n.context(context)) {
            Some(_) => Ok(()),
            None => Err(SendError::UnknownContext(context)),
        }
    }

    /// Asks the peer to release; `Released` follows.
    pub fn release(&mut self, now: Instant) -> Result<(), SendError> {
        if self.state != State::Sta6 {
            return Err(SendError::WrongState(self.state));
        }
        self.encoder.release_rq();
        self.enter(State::Sta7, Some(now.plus_seconds(self.settings.answer_seconds)));
        Ok(())
    }

    /// Answers `ReleaseRequested`; the peer closes then.
    pub fn answer_release(&mut self, now: Instant) -> Result<(), SendError> {
        if self.state != State::Sta8 {
            return Err(SendError::WrongState(self.state));
        }
        self.encoder.release_rp();
        self.enter(State::Sta13, Some(now.plus_seconds(self.settings.artim_seconds)));
        Ok(())
    }

    /// Ends at once. Without effect on an association that has ended.
    pub fn abort(&mut self, abort: Abort, now: Instant) {
        if !matches!(self.state, State::Sta1 | State::Sta13) {
            self.encoder.abort(abort);
            self.enter(State::Sta13, Some(now.plus_seconds(self.settings.artim_seconds)));
        }
    }

    fn fail(&mut self, abort: Abort, cause: AbortCause, now: Instant) -> Event<'static> {
        self.abort(abort, now);
        Event::Aborted(cause)
    }

    /// When `expire` is to be called, unless bytes come first. ARTIM is one of these.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Puts off the deadline of an established association: its user is at work.
    pub fn keep_alive(&mut self, now: Instant) {
        if self.state == State::Sta6 {
            self.deadline = Some(now.plus_seconds(self.settings.idle_seconds));
        }
    }

    /// Ends what has waited too long. Without effect before the deadline.
    pub fn expire(&mut self, now: Instant) -> Option<AbortCause> {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return None;
        }
        match self.state {
            State::Sta1 | State::Sta13 => {
                self.enter(State::Sta1, None);
                None
            }
            State::Sta2 => {
                self.enter(State::Sta1, None);
                Some(AbortCause::TimedOut(State::Sta2))
            }
            state => {
                self.abort(Abort::NO_REASON, now);
                Some(AbortCause::TimedOut(state))
            }
        }
    }

    /// The peer closed the transport connection, or it broke.
    pub fn transport_closed(&mut self) -> Option<AbortCause> {
        let ended = matches!(self.state, State::Sta1 | State::Sta13);
        self.enter(State::Sta1, None);
        (!ended).then_some(AbortCause::ConnectionLost)
    }

    /// All finished PDUs as one train for one write.
    pub fn take_outgoing(&mut self) -> Vec<u8> {
        self.encoder.take()
    }
    /// Bytes that wait, unfinished ones too. A user that makes more than the peer takes should wait for it to fall.
    pub fn outgoing_length(&self) -> usize {
        self.encoder.len()
    }
    /// Bytes that `take_outgoing` would give.
    pub fn outgoing_ready(&self) -> usize {
        self.encoder.ready()
    }

    fn enter(&mut self, state: State, deadline: Option<Instant>) {
        self.state = state;
        self.deadline = deadline;
    }
}

fn name(decoded: &Decoded<'_>) -> &'static str {
    match decoded {
        Decoded::AssociateRq(_) => "A-ASSOCIATE-RQ",
        Decoded::AssociateAc(_) => "A-ASSOCIATE-AC",
        Decoded::AssociateRj(_) => "A-ASSOCIATE-RJ",
        Decoded::Pdv { .. } => "P-DATA-TF",
        Decoded::ReleaseRq => "A-RELEASE-RQ",
        Decoded::ReleaseRp => "A-RELEASE-RP",
        Decoded::Abort(_) => "A-ABORT",
    }
}
