//! Operations that answer more than once: each does one thing at a time, so that a C-CANCEL is read between two messages.

use super::c_get::Getting;
use super::c_move::Moving;
use super::find::Finding;
use super::retrieve::Progress;
use super::rim::Association;
use badiano_dicom::dimse::{Response, SendRefused};
use std::future::poll_fn;
use std::task::Poll;

/// An operation of the peer that is not over.
pub(super) enum Work {
    Finding(Box<Finding>),
    Getting(Box<Getting>),
    Moving(Box<Moving>),
}

impl Work {
    fn is(&self, context: u8, message_id: u16) -> bool {
        let (of, request) = match self {
            Work::Finding(w) => (w.context, &w.request),
            Work::Getting(w) => (w.context, &w.request),
            Work::Moving(w) => (w.context, &w.request),
        };
        (of, request.message_id) == (context, message_id)
    }

    fn cancel(&mut self) {
        match self {
            Work::Finding(w) => w.cancel(),
            Work::Getting(w) => w.cancel(),
            Work::Moving(w) => w.cancel(),
        }
    }
}

/// All of one association.
#[derive(Default)]
pub(super) struct AtWork {
    all: Vec<Work>,
}

impl AtWork {
    pub fn push(&mut self, work: Work) {
        self.all.push(work);
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn cancel(&mut self, context: u8, message_id: u16) {
        self.all.iter_mut().filter(|w| w.is(context, message_id)).for_each(Work::cancel);
    }

    /// The association ends: whatever is at work stops.
    pub fn cancel_all(&mut self) {
        self.all.iter_mut().for_each(Work::cancel);
    }

    /// A peer's answer to a sub-operation; says whether it was one.
    pub fn answered(&mut self, response: &Response) -> bool {
        self.all.iter_mut().any(|work| match work {
            Work::Getting(getting) => getting.answered(response),
            _ => false,
        })
    }

    /// Which one can go on without waiting: the one whose message is open, before all others.
    fn next(&self, may_invoke: bool) -> Option<usize> {
        let open = self.all.iter().position(|w| matches!(w, Work::Getting(g) if g.is_sending()));
        open.or_else(|| {
            self.all.iter().position(|w| match w {
                Work::Finding(_) => true,
                Work::Getting(g) => g.can_step(may_invoke),
                Work::Moving(_) => false,
            })
        })
    }

    pub fn can_step(&self, may_invoke: bool) -> bool {
        self.next(may_invoke).is_some()
    }

    /// Waits until a carrier of a C-MOVE tells something.
    pub async fn news(&mut self) -> (usize, Option<Progress>) {
        poll_fn(|cx| {
            for (at, work) in self.all.iter_mut().enumerate() {
                if let Work::Moving(moving) = work
                    && let Poll::Ready(news) = moving.poll_news(cx)
                {
                    return Poll::Ready((at, news));
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Lets the work that can go on do one thing.
pub(super) fn step(association: &mut Association) -> Result<(), SendRefused> {
    let may_invoke = association.provider.may_invoke();
    let Some(at) = association.work.next(may_invoke) else { return Ok(()) };
    let mut work = association.work.all.swap_remove(at);
    let goes_on = match &mut work {
        Work::Finding(w) => w.step(association)?,
        Work::Getting(w) => w.step(association)?,
        Work::Moving(_) => true,
    };
    if goes_on {
        // At the end of the line: several operations take turns.
        association.work.all.push(work);
    }
    Ok(())
}

/// Passes on what the carrier of a C-MOVE told.
pub(super) fn told(
    association: &mut Association,
    at: usize,
    news: Option<Progress>,
) -> Result<(), SendRefused> {
    let mut work = association.work.all.swap_remove(at);
    if let Work::Moving(moving) = &mut work
        && moving.step(news, association)?
    {
        association.work.all.push(work);
    }
    Ok(())
}
