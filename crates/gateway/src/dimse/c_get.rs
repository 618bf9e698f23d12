//! C-GET as SCP (PS3.4 C.4.3): the objects come back on the same association, in contexts where the peer took the role of SCP.

use super::answer;
use super::retrieve::{Progress, Sending, context_for, retrieval, store_request};
use super::rim::Association;
use super::work::Work;
use badiano_dicom::dimse::{Request, Response, SendRefused};
use badiano_kernel::Fault;
use badiano_record::Session;
use badiano_record::imaging::Outgoing;

/// One C-GET at work.
pub(super) struct Getting {
    pub context: u8,
    pub request: Request,
    session: Session,
    todo: std::vec::IntoIter<Outgoing>,
    progress: Progress,
    /// Message ids of sub-operations that the peer has not answered, with their SOP instance.
    waiting: Vec<(u16, String)>,
    sending: Option<Sending>,
    /// The counts have changed since the last pending response.
    untold: bool,
}

pub(super) fn get(
    association: &mut Association,
    context: u8,
    request: &Request,
    bytes: &[u8],
) -> Result<(), SendRefused> {
    let begun = association.session().and_then(|session| {
        let keys = retrieval(association, context, request, bytes)?;
        let objects = session.retrievable(&keys, None)?;
        Ok((session, objects))
    });
    match begun {
        Err(fault) => association.provider.respond(context, answer::failure(request, &fault), false),
        Ok((session, objects)) => {
            association.work.push(Work::Getting(Box::new(Getting {
                context,
                request: request.clone(),
                session,
                progress: Progress::of(objects.len()),
                todo: objects.into_iter(),
                waiting: Vec::new(),
                sending: None,
                untold: false,
            })));
            Ok(())
        }
    }
}

impl Getting {
    pub fn is_sending(&self) -> bool {
        self.sending.is_some()
    }

    fn is_drained(&self) -> bool {
        self.progress.cancelled || self.todo.len() == 0
    }

    pub fn can_step(&self, may_invoke: bool) -> bool {
        self.sending.is_some()
            || self.untold
            || if self.is_drained() { self.waiting.is_empty() } else { may_invoke }
    }

    pub fn cancel(&mut self) {
        self.progress.cancelled = true;
    }

    /// Takes the answer to a sub-operation; says whether it was one of ours.
    pub fn answered(&mut self, response: &Response) -> bool {
        let Some(at) = self.waiting.iter().position(|(id, _)| *id == response.message_id) else {
            return false;
        };
        let (_, sop) = self.waiting.swap_remove(at);
        self.progress.ended(&sop, Some(response.status));
        self.untold = true;
        true
    }

    /// Does one thing: a piece of an object, a pending response, the next object, or the end. `false` when it is over.
    pub fn step(&mut self, association: &mut Association) -> Result<bool, SendRefused> {
        if let Some(sending) = &mut self.sending {
            let Ok((bytes, last)) = sending.next() else { return Err(SendRefused::NotOutstanding) };
            association.provider.data(&bytes, last)?;
            if last {
                self.sending = None;
            }
            return Ok(true);
        }
        if self.untold && self.progress.remaining > 0 {
            self.untold = false;
            association.provider.respond(self.context, self.progress.pending(&self.request), false)?;
            return Ok(true);
        }
        self.untold = false;
        if !self.is_drained() {
            if let Some(object) = self.todo.next()
                && self.begin(association, &object).is_err()
            {
                self.progress.ended(&object.sop, None);
                self.untold = true;
            }
            return Ok(true);
        }
        if !self.waiting.is_empty() {
            return Ok(true);
        }
        self.progress.close(association, self.context, &self.request)?;
        Ok(false)
    }

    fn begin(&mut self, association: &mut Association, object: &Outgoing) -> Result<(), Fault> {
        let provider = &mut association.provider;
        let agreed = provider.negotiated().and_then(|n| context_for(n, object, |c| c.roles.scp));
        let none = || Fault::not_supported("the peer takes no object of this class in this transfer syntax");
        let (context, transfer_syntax) = agreed.ok_or_else(none)?;
        let sending = Sending::open(&self.session, object, &transfer_syntax)?;
        let message_id = provider.next_message_id();
        let request = store_request(message_id, object, None)?;
        provider.invoke(context, request, true).map_err(|e| Fault::unavailable(e.to_string()))?;
        self.waiting.push((message_id, object.sop.clone()));
        self.sending = Some(sending);
        Ok(())
    }
}
