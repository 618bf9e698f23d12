//! One association over one socket: bytes in and out, each event to its service. One write a train, no delayed acknowledgements.

use super::retrieve::Progress;
use super::store::{Stored, Storing};
use super::work::{self, AtWork};
use super::{answer, c_get, c_move, commitment, find, modality_worklist, mpps};
use crate::gate::Gate;
use crate::wire::Wire;
use badiano_dicom::association::{Admission, Policy, Settings, State};
use badiano_dicom::dimse::sop_class as sop;
use badiano_dicom::dimse::{Event, Operation, Provider, Request, Response, SendRefused, Status};
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_record::peers::PeerKind;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

const READ_BYTES: usize = 256 << 10;
/// A peer that takes nothing for this long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// An identifier or N-SET list; images never pass through here.
const DATA_SET_BYTES_MAX: usize = 4 << 20;
/// Messages that go out together while an operation has more to tell.
const TRAIN_BYTES: usize = 32 << 10;

/// What a request's data set goes to.
enum Open {
    Nothing,
    Storing(Box<Storing>),
    Collecting { context: u8, request: Request, bytes: Vec<u8>, too_long: bool },
}

pub(super) struct Association {
    pub gate: Gate,
    pub provider: Provider,
    pub principal: Option<Principal>,
    pub remote: SocketAddr,
    open: Open,
    /// Operations that are not over.
    pub work: AtWork,
    /// Objects that are becoming durable. More than one where a peer does not wait for each answer.
    storing: FuturesUnordered<Stored>,
    release_requested: bool,
    /// Commitment reports that wait for the peer's answer on this association.
    pub reporting: Vec<commitment::Reporting>,
}

/// What came first.
enum Turn {
    Read(io::Result<usize>),
    Stored(u8, Response),
    /// An operation has more to send.
    Step,
    /// The carrier of a C-MOVE has come on.
    Told(usize, Option<Progress>),
    Late,
}

fn ended(refused: SendRefused) -> io::Error {
    io::Error::other(refused.to_string())
}

pub(super) async fn run(gate: Gate, policy: &Policy, mut wire: Wire, remote: SocketAddr) -> io::Result<()> {
    let provider = Provider::acceptor(Settings::default(), Instant::now());
    let mut association = Association {
        gate,
        provider,
        principal: None,
        remote,
        open: Open::Nothing,
        work: AtWork::default(),
        storing: FuturesUnordered::new(),
        release_requested: false,
        reporting: Vec::new(),
    };
    let outcome = association.drive(policy, &mut wire).await;
    association.ended().await;
    outcome
}

impl Association {
    async fn drive(&mut self, policy: &Policy, stream: &mut Wire) -> io::Result<()> {
        let mut buffer = vec![0_u8; READ_BYTES];
        loop {
            self.end_if_asked()?;
            let goes_on = self.work.can_step(self.provider.may_invoke());
            if !goes_on || self.provider.outgoing_ready() >= TRAIN_BYTES {
                self.flush(stream).await?;
            }
            if self.provider.state() == State::Sta1 {
                return Ok(());
            }
            match self.turn(stream, &mut buffer, goes_on).await {
                Turn::Read(taken) => {
                    let taken = taken?;
                    if taken == 0 {
                        self.provider.transport_closed();
                        return Ok(());
                    }
                    let mut input = &buffer[..taken];
                    while let Some(event) = self.provider.next(&mut input, Instant::now()) {
                        self.take(policy, event, stream).await?;
                    }
                }
                Turn::Stored(context, response) => {
                    self.provider.respond(context, response, false).map_err(ended)?;
                }
                Turn::Step => work::step(self).map_err(ended)?,
                Turn::Told(at, news) => work::told(self, at, news).map_err(ended)?,
                Turn::Late => {
                    if self.provider.expire(Instant::now()).is_some() {
                        return self.flush(stream).await;
                    }
                }
            }
        }
    }

    /// Waits for whatever comes first. A peer's bytes come before our own messages, so that a C-CANCEL is heard between
    /// two of them; while a data set goes out, nothing else is looked at.
    async fn turn(&mut self, stream: &mut Wire, buffer: &mut [u8], goes_on: bool) -> Turn {
        if self.provider.is_sending() {
            return Turn::Step;
        }
        stream.quick_acknowledge();
        let now = Instant::now();
        let wait = self.provider.deadline().map_or(3600, |d| (d.micros - now.micros).max(0) / 1_000_000 + 1);
        tokio::select! {
            biased;
            taken = stream.read(buffer) => Turn::Read(taken),
            Some((context, response)) = self.storing.next() => Turn::Stored(context, response),
            () = std::future::ready(()), if goes_on => Turn::Step,
            (at, news) = self.work.news() => Turn::Told(at, news),
            () = tokio::time::sleep(Duration::from_secs(wait.unsigned_abs())) => Turn::Late,
        }
    }

    /// A peer that wants to leave is let go when what it asked for has been answered.
    fn end_if_asked(&mut self) -> io::Result<()> {
        if self.release_requested && self.storing.is_empty() && self.work.is_empty() {
            self.release_requested = false;
            self.provider.answer_release(Instant::now()).map_err(ended)?;
        }
        Ok(())
    }

    async fn flush(&mut self, stream: &mut Wire) -> io::Result<()> {
        let train = self.provider.take_outgoing();
        if train.is_empty() {
            return Ok(());
        }
        let written = tokio::time::timeout(WRITE_TIMEOUT, stream.write_all(&train)).await;
        written.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    async fn take(&mut self, policy: &Policy, event: Event<'_>, stream: &mut Wire) -> io::Result<()> {
        let done = match event {
            Event::Requested(rq) => {
                let shown = stream.shown.as_deref();
                let admission = self.admit(&rq.calling.to_string(), rq.called.as_str(), shown);
                if let Err(refusal) = self.provider.answer(policy, &admission, Instant::now()) {
                    tracing::info!(calling = %rq.calling, ?refusal, "an association was refused");
                }
                Ok(())
            }
            Event::Request { context, request, data_set } => self.request(context, request, data_set).await,
            Event::Data { bytes, last, .. } => self.data(bytes, last, stream).await?,
            Event::Response { response, .. } => {
                if !self.work.answered(&response) {
                    commitment::answered(self, &response).await;
                }
                Ok(())
            }
            Event::Cancel { context, message_id } => {
                self.work.cancel(context, message_id);
                Ok(())
            }
            Event::ReleaseRequested => {
                self.work.cancel_all();
                self.release_requested = true;
                Ok(())
            }
            Event::Aborted(cause) => {
                tracing::info!(%cause, "an association was aborted");
                Ok(())
            }
            Event::Accepted | Event::Rejected(_) | Event::Refused { .. } | Event::Released => Ok(()),
        };
        done.map_err(ended)
    }

    fn admit(&mut self, calling: &str, called: &str, shown: Option<&str>) -> Admission {
        let own = &self.gate.options.ae_title;
        let host = self.remote.ip().to_canonical().to_string();
        if called != own {
            let noted =
                self.gate.node.note_stranger("DICOM association to another title", &host, Instant::now());
            if let Err(fault) = noted {
                tracing::error!(%fault, "a refusal is not in the log");
            }
            return Admission::CalledAeNotRecognized;
        }
        match self.gate.node.admit_shown(PeerKind::Dicom, calling, &host, shown, Instant::now()) {
            Ok(principal) => {
                self.principal = Some(principal);
                Admission::Admitted { identity_response: Vec::new() }
            }
            Err(_) => Admission::CallingAeNotRecognized,
        }
    }

    /// The session of the peer, as of now.
    pub fn session(&self) -> Result<badiano_record::Session, Fault> {
        let principal =
            self.principal.clone().ok_or_else(|| Fault::unauthenticated("no association stands"))?;
        Ok(self.gate.node.session(principal, Purpose::Treatment, Instant::now()))
    }

    async fn request(&mut self, context: u8, request: Request, data_set: bool) -> Result<(), SendRefused> {
        match request.operation() {
            Operation::CEcho => {
                self.provider.respond(context, Response::to(&request, Status::SUCCESS), false)
            }
            Operation::CStore if data_set => {
                let storing = Storing::begin(self, context, request);
                self.open = Open::Storing(Box::new(storing));
                Ok(())
            }
            Operation::CFind
            | Operation::CMove
            | Operation::CGet
            | Operation::NCreate
            | Operation::NSet
            | Operation::NAction
                if data_set =>
            {
                self.open = Open::Collecting { context, request, bytes: Vec::new(), too_long: false };
                Ok(())
            }
            _ => {
                if data_set {
                    self.open = Open::Nothing;
                }
                let response = Response::to(&request, Status::UNRECOGNIZED_OPERATION);
                self.provider.respond(context, response, false)
            }
        }
    }

    async fn data(
        &mut self,
        more: &[u8],
        last: bool,
        stream: &mut Wire,
    ) -> io::Result<Result<(), SendRefused>> {
        match &mut self.open {
            Open::Nothing => return Ok(Ok(())),
            Open::Storing(storing) => storing.feed(more),
            Open::Collecting { bytes, too_long, .. } => {
                if bytes.len() + more.len() > DATA_SET_BYTES_MAX {
                    *too_long = true;
                } else {
                    bytes.extend_from_slice(more);
                }
            }
        }
        if !last {
            return Ok(Ok(()));
        }
        Ok(match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => Ok(()),
            Open::Storing(storing) => {
                self.storing.push(storing.finish());
                Ok(())
            }
            Open::Collecting { context, request, too_long: true, .. } => {
                let fault = Fault::too_costly("the data set is longer than 4 MiB");
                self.provider.respond(context, answer::failure(&request, &fault), false)
            }
            Open::Collecting { context, request, bytes, .. } => {
                let done = self.serve(context, &request, &bytes).await;
                self.flush(stream).await?;
                done
            }
        })
    }

    async fn serve(&mut self, context: u8, request: &Request, bytes: &[u8]) -> Result<(), SendRefused> {
        let class = request.sop_class.as_str().to_owned();
        match (request.operation(), class.as_str()) {
            (Operation::CFind, sop::MODALITY_WORKLIST_FIND) => {
                modality_worklist::find(self, context, request, bytes)
            }
            (Operation::CFind, sop::PATIENT_ROOT_FIND | sop::STUDY_ROOT_FIND) => {
                find::find(self, context, request, bytes)
            }
            (Operation::CGet, sop::PATIENT_ROOT_GET | sop::STUDY_ROOT_GET) => {
                c_get::get(self, context, request, bytes)
            }
            (Operation::CMove, sop::PATIENT_ROOT_MOVE | sop::STUDY_ROOT_MOVE) => {
                c_move::begin(self, context, request, bytes)
            }
            (Operation::NCreate | Operation::NSet, sop::MODALITY_PERFORMED_PROCEDURE_STEP) => {
                mpps::perform(self, context, request, bytes).await
            }
            (Operation::NAction, sop::STORAGE_COMMITMENT_PUSH) => {
                commitment::ask(self, context, request, bytes).await
            }
            _ => {
                self.provider.respond(context, Response::to(request, Status::SOP_CLASS_NOT_SUPPORTED), false)
            }
        }
    }

    /// Reports that the peer did not answer here go out again on an association of their own.
    async fn ended(&mut self) {
        for reporting in std::mem::take(&mut self.reporting) {
            let why = Fault::unavailable("the association ended before the report was answered");
            if let Err(fault) = self.gate.node.failed(&reporting.item, &why, Instant::now()).await {
                tracing::warn!(%fault, "a commitment report could not be put back");
            }
        }
    }
}
