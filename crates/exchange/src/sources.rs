//! The sources that a hub asks: each with its breaker and its own slots, all with one budget of retries (house, invariants 7 and 8).

use crate::breaker::{Breaker, Ending, State, Ticket};
use badiano_kernel::{Fault, FaultKind};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Questions at one source at the same time: a slow one holds no more of the hub than this.
pub const AT_ONCE: usize = 128;
/// Further tries of one question that is only read.
pub const RETRIES: u32 = 2;
/// The first pause before a further try is drawn from nothing to this; each one doubles it.
const PAUSE: Duration = Duration::from_millis(40);
/// Of a hundred questions, so many may be tried again: a country that is down is not asked three times over.
const RETRY_PERCENT: i64 = 10;
/// Hundredths of tries that may be saved up.
const SAVED_MAX: i64 = 2_000;

/// Why a source that is left alone gave nothing.
pub const LEFT_ALONE: &str = "the source has failed and is left alone for some seconds";

/// Every source that was asked since the node began.
pub struct Sources {
    all: Mutex<BTreeMap<String, Arc<Source>>>,
    saved: AtomicI64,
}

/// One source as it has shown itself.
pub struct Source {
    slots: Semaphore,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    breaker: Breaker,
    asked: u64,
    failed: u64,
    why: &'static str,
    millis: f64,
}

/// A source as an administrator sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    pub clues: String,
    pub state: State,
    pub asked: u64,
    pub failed: u64,
    /// Why it failed last: a word of ours, nothing that it sent.
    pub why: &'static str,
    /// How long an answer takes, smoothed.
    pub answers_in_ms: f64,
}

impl Default for Sources {
    fn default() -> Self {
        Sources { all: Mutex::default(), saved: AtomicI64::new(SAVED_MAX) }
    }
}

impl Sources {
    pub fn source(&self, clues: &str) -> Arc<Source> {
        let mut all = self.all.lock().expect("no holder of the sources panics");
        match all.get(clues) {
            Some(known) => known.clone(),
            None => {
                let source = Arc::new(Source { slots: Semaphore::new(AT_ONCE), inner: Mutex::default() });
                all.insert(clues.to_owned(), source.clone());
                source
            }
        }
    }

    pub fn health(&self) -> Vec<Health> {
        let all = self.all.lock().expect("no holder of the sources panics");
        let now = Instant::now();
        all.iter().map(|(clues, source)| source.health(clues, now)).collect()
    }

    /// Asks one source by `try_once` until `until`; tries again only what failed at once and may have succeeded, after a pause.
    pub async fn ask<T, F, Fut>(&self, clues: &str, until: Instant, try_once: F) -> Result<T, Fault>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, Fault>>,
    {
        let source = self.source(clues);
        let late = || Fault::unavailable("no answer in time");
        self.save(RETRY_PERCENT);
        for round in 0.. {
            let answer = tokio::time::timeout_at(until.into(), source.ask_once(until, &try_once)).await;
            let fault = match answer {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(fault)) => fault,
                Err(_) => return Err(late()),
            };
            let pause = pause(round);
            let worth = round < RETRIES && is_passing(&fault) && Instant::now() + pause < until;
            if !worth || !self.spend() {
                return Err(fault);
            }
            tokio::time::sleep(pause).await;
        }
        Err(late())
    }

    fn save(&self, hundredths: i64) {
        let _ = self
            .saved
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| Some((n + hundredths).min(SAVED_MAX)));
    }

    fn spend(&self) -> bool {
        let take = |n: i64| (n >= 100).then_some(n - 100);
        self.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

/// Failures of the way there; what was late once is not waited for again, and what was refused stays refused.
fn is_passing(fault: &Fault) -> bool {
    fault.kind == FaultKind::Unavailable && fault.text != LEFT_ALONE && !fault.text.contains("in time")
}

/// Full jitter: anything from nothing to the whole pause, so that many who failed together do not come back together.
fn pause(round: u32) -> Duration {
    let mut byte = [0u8; 2];
    // Without randomness the whole pause is as good.
    let part = match ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut byte) {
        Ok(()) => f64::from(u16::from_le_bytes(byte)) / f64::from(u16::MAX),
        Err(_) => 1.0,
    };
    PAUSE.mul_f64(part * f64::from(1 << round.min(8)))
}

/// Takes the question back when whoever asked goes away.
struct Asked<'a> {
    source: &'a Source,
    ticket: Option<Ticket>,
    until: Instant,
    _slot: SemaphorePermit<'a>,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            // At the deadline the source was silent; before it, nobody waits any more, which says nothing of the source.
            let late = Instant::now() >= self.until;
            let ending = if late { Ending::Failed } else { Ending::Abandoned };
            self.source.note(ticket, ending, "no answer in time", None);
        }
    }
}

impl Source {
    async fn ask_once<T, F, Fut>(&self, until: Instant, try_once: F) -> Result<T, Fault>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, Fault>>,
    {
        let _slot = self.slots.acquire().await.map_err(|_| Fault::bug("the slots are never closed"))?;
        let began = Instant::now();
        let ticket = self.inner().breaker.admit(began).ok_or_else(|| Fault::unavailable(LEFT_ALONE))?;
        let mut asked = Asked { source: self, ticket: Some(ticket), until, _slot };
        let answer = try_once().await;
        asked.ticket = None;
        match &answer {
            Ok(_) => self.note(ticket, Ending::Answered, "", Some(began.elapsed())),
            Err(fault) => match failure(fault) {
                Some(why) => self.note(ticket, Ending::Failed, why, None),
                None => self.note(ticket, Ending::Answered, "", Some(began.elapsed())),
            },
        }
        answer
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder of a source panics")
    }

    fn note(&self, ticket: Ticket, ending: Ending, why: &'static str, took: Option<Duration>) {
        let mut inner = self.inner();
        inner.breaker.ended(ticket, ending, Instant::now());
        inner.asked += 1;
        if ending == Ending::Failed {
            inner.failed += 1;
            inner.why = why;
        }
        if let Some(took) = took {
            let millis = took.as_secs_f64() * 1000.0;
            inner.millis = if inner.millis == 0.0 { millis } else { inner.millis * 0.9 + millis * 0.1 };
        }
    }

    fn health(&self, clues: &str, now: Instant) -> Health {
        let inner = self.inner();
        Health {
            clues: clues.to_owned(),
            state: inner.breaker.state(now),
            asked: inner.asked,
            failed: inner.failed,
            why: inner.why,
            answers_in_ms: (inner.millis * 10.0).round() / 10.0,
        }
    }
}

/// What says that a source is not well; a refusal or an answer that breaks a rule says that it is there.
fn failure(fault: &Fault) -> Option<&'static str> {
    match fault.kind {
        FaultKind::Unavailable if fault.text.contains("in time") => Some("no answer in time"),
        FaultKind::Unavailable => Some("cannot be reached, or answers that it fails"),
        FaultKind::TooCostly => Some("its answer is longer than the limit"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[tokio::test]
    async fn what_failed_on_the_way_is_tried_again_and_what_was_refused_is_not() {
        let (sources, tries) = (Sources::default(), AtomicU32::new(0));
        let passing = || async {
            match tries.fetch_add(1, Ordering::Relaxed) {
                0 | 1 => Err(Fault::unavailable("the connection broke")),
                n => Ok(n),
            }
        };
        assert_eq!(sources.ask("A", soon(), passing).await, Ok(2));
        let refused = AtomicU32::new(0);
        let refusing = || async {
            refused.fetch_add(1, Ordering::Relaxed);
            Err::<(), Fault>(Fault::forbidden("no"))
        };
        assert!(sources.ask("B", soon(), refusing).await.is_err());
        assert_eq!(refused.load(Ordering::Relaxed), 1);
        assert_eq!(sources.health()[1].state, State::Closed);
    }

    #[tokio::test]
    async fn a_source_that_fails_is_left_alone_and_the_others_are_not() {
        let sources = Sources::default();
        let dead = || async { Err::<(), Fault>(Fault::unavailable("cannot be reached")) };
        while sources.ask("A", soon(), dead).await.is_err_and(|f| f.text != LEFT_ALONE) {}
        let health = sources.health();
        assert_eq!((health[0].state, health[0].failed), (State::Open, 3));
        assert_eq!(sources.ask("B", soon(), || async { Ok(1) }).await, Ok(1));
    }

    #[tokio::test]
    async fn a_question_that_is_late_is_not_asked_twice() {
        let (sources, tries) = (Sources::default(), AtomicU32::new(0));
        let hanging = || async {
            tries.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<Result<(), Fault>>().await
        };
        let until = Instant::now() + Duration::from_millis(30);
        assert!(sources.ask("A", until, hanging).await.is_err_and(|f| f.text.contains("in time")));
        assert_eq!((tries.load(Ordering::Relaxed), sources.health()[0].failed), (1, 1));
    }

    #[tokio::test]
    async fn tries_have_a_budget_when_everything_fails() {
        let (sources, tries) = (Sources::default(), AtomicU32::new(0));
        for n in 0..400 {
            let dead = || async {
                tries.fetch_add(1, Ordering::Relaxed);
                Err::<(), Fault>(Fault::unavailable("cannot be reached"))
            };
            let _ = sources.ask(&format!("S{n}"), soon(), dead).await;
        }
        let further = tries.load(Ordering::Relaxed) - 400;
        assert!(further <= 20 + 40, "{further} further tries of 400 questions");
    }
}
