//! A circuit breaker: a source that fails is left alone for a while, then tried with one question. Pure: `now` is an argument.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// So many failures in a row open it.
pub const STRIKES: usize = 3;
/// A question that has waited this long without any sign of its source counts as a failure already, so that a source which is
/// silent is found out in less than the time that a person waits for it.
pub const SILENT: Duration = Duration::from_secs(3);
/// How long it stays open the first time; each probe that fails doubles it.
pub const OPEN_FIRST: Duration = Duration::from_secs(1);
/// The longest: a source that is well again is asked again within ten seconds.
pub const OPEN_MAX: Duration = Duration::from_secs(8);
/// A probe that never ended is forgotten, so that another may be made.
const PROBE_MAX: Duration = Duration::from_secs(40);

/// What a source is thought to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Closed,
    Open,
    HalfOpen,
}

impl State {
    pub const fn code(self) -> &'static str {
        match self {
            State::Closed => "closed",
            State::Open => "open",
            State::HalfOpen => "half-open",
        }
    }
}

/// A question that was let through; given back when it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// How a question ended, as the breaker sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The source answered, be it with a refusal.
    Answered,
    Failed,
    /// Whoever asked went away: it says nothing of the source.
    Abandoned,
}

#[derive(Debug, Default)]
pub struct Breaker {
    failures: usize,
    waiting: BTreeMap<Ticket, Instant>,
    last_answer: Option<Instant>,
    open: Option<Opened>,
    next: u64,
}

#[derive(Debug)]
struct Opened {
    at: Instant,
    length: Duration,
    probe: Option<(Ticket, Instant)>,
}

impl Breaker {
    /// Whether the source may be asked now; nothing while it is left alone.
    pub fn admit(&mut self, now: Instant) -> Option<Ticket> {
        self.notice_silence(now);
        if let Some(opened) = &mut self.open {
            let rested = now.duration_since(opened.at) >= opened.length;
            let probed = opened.probe.is_some_and(|(_, since)| now.duration_since(since) < PROBE_MAX);
            if !rested || probed {
                return None;
            }
        }
        let ticket = Ticket(self.next);
        self.next += 1;
        self.waiting.insert(ticket, now);
        if let Some(opened) = &mut self.open {
            opened.probe = Some((ticket, now));
        }
        Some(ticket)
    }

    pub fn ended(&mut self, ticket: Ticket, ending: Ending, now: Instant) {
        self.waiting.remove(&ticket);
        let probing = self.open.as_ref().is_some_and(|o| o.probe.is_some_and(|(t, _)| t == ticket));
        match ending {
            Ending::Answered => {
                (self.failures, self.open, self.last_answer) = (0, None, Some(now));
            }
            Ending::Failed if probing => {
                let length = self.open.as_ref().map_or(OPEN_FIRST, |o| o.length * 2);
                self.open = Some(Opened { at: now, length: length.min(OPEN_MAX), probe: None });
            }
            Ending::Failed => {
                self.failures += 1;
                self.notice_silence(now);
            }
            Ending::Abandoned if probing => {
                if let Some(opened) = &mut self.open {
                    opened.probe = None;
                }
            }
            Ending::Abandoned => {}
        }
    }

    pub fn state(&self, now: Instant) -> State {
        match &self.open {
            None if self.strikes(now) >= STRIKES => State::Open,
            None => State::Closed,
            Some(opened) if now.duration_since(opened.at) < opened.length => State::Open,
            Some(_) => State::HalfOpen,
        }
    }

    /// Failures in a row, with the questions that wait in silence.
    fn strikes(&self, now: Instant) -> usize {
        let silent = |since: &&Instant| {
            now.duration_since(**since) >= SILENT && self.last_answer.is_none_or(|at| at <= **since)
        };
        self.failures + self.waiting.values().filter(silent).count()
    }

    fn notice_silence(&mut self, now: Instant) {
        if self.open.is_none() && self.strikes(now) >= STRIKES {
            self.open = Some(Opened { at: now, length: OPEN_FIRST, probe: None });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &mut Breaker, at: Instant) {
        let ticket = breaker.admit(at).expect("let through");
        breaker.ended(ticket, Ending::Failed, at);
    }

    #[test]
    fn three_failures_in_a_row_open_it_and_an_answer_between_them_does_not() {
        let (mut breaker, start) = (Breaker::default(), Instant::now());
        fail(&mut breaker, start);
        fail(&mut breaker, start);
        let ticket = breaker.admit(start).expect("still closed");
        breaker.ended(ticket, Ending::Answered, start);
        fail(&mut breaker, start);
        fail(&mut breaker, start);
        assert_eq!(breaker.state(start), State::Closed);
        fail(&mut breaker, start);
        assert_eq!(breaker.state(start), State::Open);
        assert!(breaker.admit(start).is_none());
    }

    #[test]
    fn a_source_that_is_silent_is_left_alone_in_less_than_five_seconds() {
        let (mut breaker, start) = (Breaker::default(), Instant::now());
        for n in 0..4 {
            assert!(breaker.admit(start + Duration::from_millis(100 * n)).is_some());
        }
        assert!(breaker.admit(start + Duration::from_secs(2)).is_some(), "it may only be slow");
        assert!(breaker.admit(start + Duration::from_millis(4900)).is_none());
    }

    #[test]
    fn a_slow_source_that_does_answer_is_not_silent() {
        let (mut breaker, start) = (Breaker::default(), Instant::now());
        let tickets: Vec<Ticket> = (0..8).filter_map(|_| breaker.admit(start)).collect();
        breaker.ended(tickets[0], Ending::Answered, start + Duration::from_secs(4));
        assert_eq!(breaker.state(start + Duration::from_secs(5)), State::Closed);
    }

    #[test]
    fn one_probe_decides_and_a_source_that_is_well_again_is_asked_within_ten_seconds() {
        let (mut breaker, start) = (Breaker::default(), Instant::now());
        (0..STRIKES).for_each(|_| fail(&mut breaker, start));
        let mut now = start;
        for _ in 0..20 {
            let wait = (0..).map(|n| now + Duration::from_millis(100 * n));
            now =
                wait.take(101).find(|at| breaker.state(*at) == State::HalfOpen).expect("within ten seconds");
            let probe = breaker.admit(now).expect("one probe");
            assert!(breaker.admit(now).is_none(), "and no second one");
            breaker.ended(probe, Ending::Failed, now);
        }
        let probe = breaker.admit(now + OPEN_MAX).expect("a probe");
        breaker.ended(probe, Ending::Answered, now + OPEN_MAX);
        assert_eq!(breaker.state(now + OPEN_MAX), State::Closed);
    }

    #[test]
    fn a_probe_that_nobody_waits_for_any_more_makes_room_for_another() {
        let (mut breaker, start) = (Breaker::default(), Instant::now());
        (0..STRIKES).for_each(|_| fail(&mut breaker, start));
        let probe = breaker.admit(start + OPEN_FIRST).expect("a probe");
        breaker.ended(probe, Ending::Abandoned, start + OPEN_FIRST);
        assert!(breaker.admit(start + OPEN_FIRST).is_some());
    }
}
