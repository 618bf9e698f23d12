//! How a case moves: a department's table of states and steps, and the one pure function that applies it (FHIR R4 Task, IHE SWF.b).
//!
//! A department gives the table; the record applies it wherever something happens to a case, so that a message, a device,
//! an image and a person are all bound by the same steps, and a case stands on a list until a step takes it off.

use badiano_kernel::{Fault, Instant};
use serde::{Deserialize, Serialize};

/// A department's way of working, as data.
#[derive(Debug)]
pub struct Workflow {
    /// The department's code; its cases are kept under it.
    pub department: &'static str,
    pub states: &'static [State],
    pub steps: &'static [Step],
    pub clocks: &'static [Clock],
    /// How urgently somebody must hear of a finding that cannot wait; empty where there is no such thing.
    pub critical: &'static [CriticalLevel],
    /// Which of the department's subspecialties a case belongs to: modality, procedure code, description.
    pub topic: fn(&str, &str, &str) -> &'static str,
    /// Whether two people read a case without seeing each other's reading, told by the same three.
    pub is_read_twice: fn(&str, &str, &str) -> bool,
    /// What a reading of such a case comes to; two of one group agree. Empty where nothing is read twice.
    pub assessments: &'static [Assessment],
}

/// A conclusion in one word, such as a BI-RADS category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assessment {
    pub code: &'static str,
    pub es: &'static str,
    pub en: &'static str,
    /// What follows for the patient: readings that ask for the same thing agree.
    pub group: u8,
}

/// A state of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    pub code: &'static str,
    pub es: &'static str,
    pub en: &'static str,
    /// The list on which a case in this state waits for somebody; empty where nothing is left to do.
    pub list: &'static str,
}

/// One step: what happens, from where, to where, under which conditions, and what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub event: &'static str,
    /// States it may be taken from; [`NEW`] is before there is a case.
    pub from: &'static [&'static str],
    /// Where it leads; nothing where the case stays as it is.
    pub to: Option<&'static str>,
    pub guards: &'static [Guard],
    pub effects: &'static [Effect],
}

/// The state before there is a case.
pub const NEW: &str = "";

/// A condition of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guard {
    /// Nobody else has the case.
    NotAnothers,
    /// The one who acts has the case.
    Holder,
    /// A reason is given.
    Reason,
    /// Its result is signed.
    Signed,
    /// Its result is not signed.
    NotSigned,
    /// Who acts signs for themselves, or does not: a resident's report is signed by another.
    Attending,
    Trainee,
    /// Where its reading stands.
    At(Stage),
    /// The one who acts, or who takes over, is none of those who have read it.
    NotReadBefore,
    /// The reading comes to something that the department knows.
    Assessed,
    /// It comes to the same as the first one, or it does not.
    Agrees,
    Differs,
}

/// Where the reading of a case stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// One reading, signed by who reads.
    Only,
    /// One reading by a resident, which waits for somebody to sign it.
    Cosign,
    /// The first and the second of two, neither seeing the other's.
    First,
    Second,
    /// The two differ: a third decides.
    Arbiter,
}

/// One of two readings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    pub by: String,
    pub assessment: String,
}

/// What follows a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// The one who acts has the case from now on.
    Hold,
    /// Nobody has it.
    LetGo,
    /// The one who is named has it.
    HandOver,
    /// Its result counts as signed.
    Sign,
    /// One reading more; the case stays in the readers' hands.
    Read,
    /// A resident has written it.
    Draft,
    /// The sender of the order is told the result.
    Tell,
}

/// How urgent a critical result is, and how long each of those who are told may take before the next are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CriticalLevel {
    pub code: &'static str,
    pub es: &'static str,
    pub en: &'static str,
    /// FHIR request-priority.
    pub priority: &'static str,
    /// One for each step of the chain; the last one repeats.
    pub minutes: &'static [i64],
}

/// How long a case may wait on a list before somebody should have dealt with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    pub list: &'static str,
    /// FHIR request-priority.
    pub priority: &'static str,
    pub seconds: i64,
}

impl State {
    pub const fn new(code: &'static str, list: &'static str, es: &'static str, en: &'static str) -> State {
        State { code, es, en, list }
    }
}

impl Step {
    /// A step that leads somewhere.
    pub const fn new(event: &'static str, from: &'static [&'static str], to: &'static str) -> Step {
        Step { event, from, to: Some(to), guards: &[], effects: &[] }
    }

    /// What may happen and moves the case nowhere.
    pub const fn stays(event: &'static str, from: &'static [&'static str]) -> Step {
        Step { event, from, to: None, guards: &[], effects: &[] }
    }

    #[must_use]
    pub const fn when(self, guards: &'static [Guard]) -> Step {
        Step { guards, ..self }
    }

    #[must_use]
    pub const fn then(self, effects: &'static [Effect]) -> Step {
        Step { effects, ..self }
    }
}

impl Clock {
    pub const fn new(list: &'static str, priority: &'static str, seconds: i64) -> Clock {
        Clock { list, priority, seconds }
    }
}

/// The part of a case that steps decide on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    pub state: String,
    pub holder: Option<String>,
    pub signed: bool,
    /// Two people read it.
    pub is_read_twice: bool,
    /// What was read so far, of such a case.
    pub readings: Vec<Reading>,
    /// The resident who wrote what waits to be signed.
    pub drafted_by: Option<String>,
}

impl Standing {
    pub fn stage(&self) -> Stage {
        match (self.is_read_twice, self.readings.len()) {
            (true, 0) => Stage::First,
            (true, 1) => Stage::Second,
            (true, _) => Stage::Arbiter,
            (false, _) if self.drafted_by.is_some() => Stage::Cosign,
            (false, _) => Stage::Only,
        }
    }

    fn was_read_by(&self, account: Option<&String>) -> bool {
        self.readings.iter().any(|r| Some(&r.by) == account)
    }
}

/// Something that happens to a case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    pub name: &'static str,
    /// Account of who acts; nobody for messages and devices.
    pub by: Option<String>,
    /// Account to whom it is handed over.
    pub to: Option<String>,
    pub reason: String,
    /// Who acts does not sign for themselves.
    pub is_trainee: bool,
    /// What a reading comes to: the code of an [`Assessment`].
    pub assessment: String,
}

impl Event {
    pub fn named(name: &'static str) -> Self {
        Event { name, ..Event::default() }
    }
}

/// Why a step was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The table has no such step from this state.
    NoStep {
        event: &'static str,
        state: String,
    },
    /// Another has the case.
    Held {
        by: String,
    },
    NotHeld,
    ReasonMissing,
    AlreadySigned,
    NotYetSigned,
    NobodyNamed,
    /// A resident asks for what an attending does, or the other way round.
    NotTheirs,
    /// The reading stands elsewhere.
    NotAtThisStage,
    /// Who has read it once does not read it again.
    ReadBefore,
    AssessmentMissing,
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Fault {
        match refusal {
            Refusal::NoStep { event, state } => {
                let state = if state.is_empty() { "no case yet" } else { &state };
                Fault::conflict(format!("`{event}` cannot happen now: {state}"))
            }
            Refusal::Held { .. } => Fault::conflict("another reader has this study"),
            Refusal::NotHeld => Fault::conflict("only who has the case may do this"),
            Refusal::ReasonMissing => Fault::invalid("this takes a reason").at("reason"),
            Refusal::AlreadySigned => Fault::conflict("the report is signed: amend it"),
            Refusal::NotYetSigned => Fault::conflict("only a signed report is amended"),
            Refusal::NobodyNamed => Fault::invalid("this names the one who takes over").at("to"),
            Refusal::NotTheirs => Fault::forbidden("this is done by a radiologist who signs"),
            Refusal::NotAtThisStage => Fault::conflict("the reading of this case stands elsewhere"),
            Refusal::ReadBefore => Fault::conflict("another reading is by somebody else").at("reader"),
            Refusal::AssessmentMissing => Fault::invalid("this takes an assessment").at("assessment"),
        }
    }
}

/// Shortest reason that says something, in characters.
pub const REASON_CHARS_MIN: usize = 10;

impl Workflow {
    pub fn state(&self, code: &str) -> Option<&'static State> {
        self.states.iter().find(|s| s.code == code)
    }

    /// The list of a state; a state that the table does not know is kept in sight under its own name.
    pub fn list_of<'s>(&self, code: &'s str) -> &'s str {
        self.state(code).map_or(code, |s| s.list)
    }

    /// By when a case that came onto a list should have been dealt with; where no clock is set, by then.
    pub fn due(&self, list: &str, priority: &str, since: Instant) -> Instant {
        let of = |p: &str| self.clocks.iter().find(|c| c.list == list && c.priority == p);
        let clock = of(priority).or_else(|| of("routine"));
        since.plus_seconds(clock.map_or(0, |c| c.seconds))
    }

    pub fn assessment(&self, code: &str) -> Option<&'static Assessment> {
        self.assessments.iter().find(|a| a.code == code)
    }

    /// Where a case stands after something happened, and what follows; or why that cannot be.
    pub fn apply(&self, before: &Standing, event: &Event) -> Result<(Standing, &'static [Effect]), Refusal> {
        let fits =
            self.steps.iter().filter(|s| s.event == event.name && s.from.contains(&before.state.as_str()));
        // Of several steps the first whose conditions hold is taken; of the refusals that of the step that came closest is told.
        let mut refusal = (0, Refusal::NoStep { event: event.name, state: before.state.clone() });
        let mut taken = None;
        for step in fits {
            let checked = step.guards.iter().map(|g| self.check(*g, before, event)).enumerate();
            let Some((passed, why)) = checked.filter_map(|(n, c)| Some((n + 1, c.err()?))).next() else {
                taken = Some(step);
                break;
            };
            if passed > refusal.0 {
                refusal = (passed, why);
            }
        }
        let step = taken.ok_or(refusal.1)?;
        let mut after = before.clone();
        if let Some(to) = step.to {
            after.state = to.to_owned();
        }
        for effect in step.effects {
            follow(&mut after, *effect, event)?;
        }
        Ok((after, step.effects))
    }

    fn check(&self, guard: Guard, before: &Standing, event: &Event) -> Result<(), Refusal> {
        let another = before.holder.as_ref().filter(|h| Some(*h) != event.by.as_ref());
        let held = || another.map_or(Ok(()), |by| Err(Refusal::Held { by: by.clone() }));
        let unless = |wrong: bool, why: Refusal| if wrong { Err(why) } else { Ok(()) };
        let group = |code: &str| self.assessment(code).map(|a| a.group);
        let agrees = || before.readings.iter().all(|r| group(&r.assessment) == group(&event.assessment));
        match guard {
            Guard::NotAnothers => held(),
            Guard::Holder if before.holder.is_none() => Err(Refusal::NotHeld),
            Guard::Holder => held(),
            Guard::Reason => {
                unless(event.reason.trim().chars().count() < REASON_CHARS_MIN, Refusal::ReasonMissing)
            }
            Guard::Signed => unless(!before.signed, Refusal::NotYetSigned),
            Guard::NotSigned => unless(before.signed, Refusal::AlreadySigned),
            Guard::Attending => unless(event.is_trainee, Refusal::NotTheirs),
            Guard::Trainee => unless(!event.is_trainee, Refusal::NotTheirs),
            Guard::At(stage) => unless(before.stage() != stage, Refusal::NotAtThisStage),
            Guard::NotReadBefore => {
                let reads = if event.to.is_some() { event.to.as_ref() } else { event.by.as_ref() };
                unless(before.was_read_by(reads), Refusal::ReadBefore)
            }
            Guard::Assessed => unless(group(&event.assessment).is_none(), Refusal::AssessmentMissing),
            Guard::Agrees => unless(!agrees(), Refusal::NotAtThisStage),
            Guard::Differs => unless(agrees(), Refusal::NotAtThisStage),
        }
    }
}

fn follow(after: &mut Standing, effect: Effect, event: &Event) -> Result<(), Refusal> {
    match effect {
        Effect::Hold => after.holder = event.by.clone(),
        Effect::LetGo => after.holder = None,
        Effect::HandOver => after.holder = Some(event.to.clone().ok_or(Refusal::NobodyNamed)?),
        Effect::Sign => after.signed = true,
        Effect::Read => after
            .readings
            .push(Reading { by: event.by.clone().unwrap_or_default(), assessment: event.assessment.clone() }),
        Effect::Draft => after.drafted_by = event.by.clone(),
        Effect::Tell => {}
    }
    Ok(())
}
