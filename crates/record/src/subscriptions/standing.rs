//! How a subscription stands: who owns it, how far it was told, and what went wrong (FHIR R4, subscription.html, status).

use super::plan::{Channel, Plan};
use crate::accounts::account_of;
use crate::clients;
use crate::node::Node;
use crate::resources::{Precondition, Writer};
use crate::session::Session;
use badiano_fhir::Value;
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_store::{Tx, View};
use serde::{Deserialize, Serialize};

/// Subscriptions that are worked by at a time; each change is held against every one of its type.
pub const SUBSCRIPTIONS_MAX: usize = 1_000;
/// Documents of how subscriptions stand, by their ids.
const STANDINGS: &str = "subscription";
/// Documents of events, by subscription and number.
pub(super) const EVENTS: &str = "subscription-event";
/// Events that are kept of one subscription, told or not; one that lets so many wait is switched off.
pub const EVENTS_MAX: u64 = 10_000;
/// Tries in a row that fail before the subscription says `error`.
const TRIES_BEFORE_ERROR: u32 = 3;
/// Waiting times between tries, in seconds; the last one repeats.
const BACKOFF_SECONDS: [i64; 8] = [1, 2, 5, 15, 60, 120, 300, 600];
/// A subscriber that has failed for so long is switched off.
const OFF_AFTER_SECONDS: i64 = 24 * 3_600;
/// A system without a registration of its own cannot be suspended by one: what it subscribed to ends after this.
const UNREGISTERED_SECONDS: i64 = 30 * 86_400;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Requested,
    Active,
    Error,
    Off,
}

impl State {
    pub const fn code(self) -> &'static str {
        match self {
            State::Requested => "requested",
            State::Active => "active",
            State::Error => "error",
            State::Off => "off",
        }
    }
}

/// Whose eyes the subscription sees with: those of whoever wrote it last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owner {
    System { client_id: String, name: String, scopes: Vec<String>, registered: bool, purpose: String },
    Staff { account: String },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub id: String,
    pub owner: Owner,
    pub plan: Plan,
    pub state: State,
    /// Changes after this place in the log are told.
    pub since: u64,
    /// Number of the newest event, and of the newest that was told.
    pub events: u64,
    pub delivered: u64,
    /// Tries that failed in a row, when the first of them was (seconds), and when the next one is (microseconds).
    pub tries: u32,
    pub failing: i64,
    pub due: i64,
    /// When the subscriber last heard anything, in seconds.
    pub heard: i64,
    /// When it was asked for, in seconds.
    pub began: i64,
    pub why: Option<String>,
}

/// What one change was, for one subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub number: u64,
    pub kind: String,
    pub id: String,
    pub version: u64,
    pub deleted: bool,
    /// Whether the version was the first.
    pub created: bool,
    /// Microseconds.
    pub when: i64,
}

impl Owner {
    fn of(writer: &Writer, view: &View<'_>) -> Result<Owner, Fault> {
        match &writer.principal {
            Principal::System { client_id, name, scopes, .. } => Ok(Owner::System {
                client_id: client_id.clone(),
                name: name.clone(),
                scopes: scopes.clone(),
                registered: clients::active(view, client_id)?.is_some(),
                purpose: writer.purpose.code().to_owned(),
            }),
            Principal::Staff(staff) => Ok(Owner::Staff { account: staff.account.clone() }),
            Principal::Citizen { .. }
            | Principal::Representative(_)
            | Principal::Peer { .. }
            | Principal::Node { .. }
            | Principal::Job { .. } => Err(Fault::forbidden(
                "subscriptions are for registered systems and for the staff of this node",
            )),
        }
    }

    /// Whether a principal is the one that the subscription acts for.
    pub fn is(&self, principal: &Principal) -> bool {
        match (self, principal) {
            (Owner::System { client_id, .. }, Principal::System { client_id: own, .. }) => client_id == own,
            (Owner::Staff { account }, Principal::Staff(staff)) => *account == staff.account,
            _ => false,
        }
    }
}

impl Standing {
    /// The session of the owner, as they may act now.
    pub fn session(&self, node: &Node, view: &View<'_>, now: Instant) -> Result<Session, Fault> {
        match &self.owner {
            Owner::Staff { account } => {
                let known = account_of(view, account)?.filter(|a| a.active);
                let known =
                    known.ok_or_else(|| Fault::forbidden("the owner's account is no longer active"))?;
                Ok(node.session(Principal::Staff(node.staff_of(&known)), Purpose::Treatment, now))
            }
            Owner::System { client_id, name, scopes, registered, purpose } => {
                if *registered && clients::active(view, client_id)?.is_none() {
                    return Err(Fault::forbidden("the system that subscribed is no longer registered"));
                }
                if !registered && self.began + UNREGISTERED_SECONDS < now.seconds() {
                    return Err(Fault::forbidden(
                        "30 days have passed: ask for it again, or register the system",
                    ));
                }
                let principal = Principal::System {
                    client_id: client_id.clone(),
                    name: name.clone(),
                    institution: node.settings().clues.clone(),
                    scopes: scopes.clone(),
                };
                let purpose = Purpose::from_code(purpose);
                let purpose =
                    purpose.ok_or_else(|| Fault::bug("an owner is kept with a purpose that there is"))?;
                Ok(node.session(principal, purpose, now))
            }
        }
    }

    /// Takes part in what changes: everything but what is off.
    pub fn is_watching(&self) -> bool {
        self.state != State::Off
    }

    /// Whether there is something to say over HTTP now.
    pub fn is_due(&self, now: Instant) -> bool {
        let is_hook = self.plan.channel == Channel::RestHook;
        self.is_watching()
            && self.due <= now.micros
            && (self.state == State::Requested
                || (is_hook && (self.delivered < self.events || self.heart_is_due(now))))
    }

    pub fn heart_is_due(&self, now: Instant) -> bool {
        let period = i64::try_from(self.plan.heartbeat).unwrap_or(i64::MAX);
        self.plan.backport && period > 0 && self.heard.saturating_add(period) <= now.seconds()
    }

    pub fn has_ended(&self, now: Instant) -> bool {
        self.plan.end.is_some_and(|end| end <= now.seconds())
    }

    /// The subscriber has heard everything up to a number.
    pub fn told(&mut self, to: u64, now: Instant) {
        self.delivered = self.delivered.max(to);
        (self.tries, self.failing, self.due, self.why) = (0, 0, 0, None);
        (self.heard, self.state) = (now.seconds(), State::Active);
    }

    /// A try failed: later again, in `error` after some, off after a day.
    pub fn missed(&mut self, why: &Fault, now: Instant) {
        if self.tries == 0 {
            self.failing = now.seconds();
        }
        let wait = BACKOFF_SECONDS[(self.tries as usize).min(BACKOFF_SECONDS.len() - 1)];
        self.tries += 1;
        self.due = now.plus_seconds(wait).micros;
        self.why = Some(why.to_string());
        if self.failing + OFF_AFTER_SECONDS < now.seconds() {
            self.state = State::Off;
        } else if self.tries >= TRIES_BEFORE_ERROR {
            self.state = State::Error;
        }
    }

    pub fn switch_off(&mut self, why: impl Into<String>) {
        (self.state, self.why) = (State::Off, Some(why.into()));
    }
}

fn read(body: &[u8]) -> Result<Standing, Fault> {
    serde_json::from_slice(body).map_err(|_| Fault::bug("how a subscription stands can be read"))
}

pub fn all(view: &View<'_>) -> Result<Vec<Standing>, Fault> {
    view.documents(STANDINGS, "")?.iter().map(|d| read(&d.body)).collect()
}

pub fn get(view: &View<'_>, id: &str) -> Result<Option<Standing>, Fault> {
    view.document(STANDINGS, id)?.map(|d| read(&d.body)).transpose()
}

pub fn put(tx: &mut Tx<'_>, standing: &Standing, now: Instant) -> Result<(), Fault> {
    let body = serde_json::to_vec(standing).map_err(|_| Fault::bug("a standing is always printable"))?;
    tx.replace_document(STANDINGS, &standing.id, &body, now).map(|_| ())
}

pub fn event_key(id: &str, number: u64) -> String {
    format!("{id}/{number:016x}")
}

pub fn put_event(tx: &mut Tx<'_>, id: &str, event: &Event, now: Instant) -> Result<(), Fault> {
    let body = serde_json::to_vec(event).map_err(|_| Fault::bug("an event is always printable"))?;
    tx.replace_document(EVENTS, &event_key(id, event.number), &body, now).map(|_| ())
}

/// The events of these numbers that are kept, oldest first.
pub fn events(view: &View<'_>, id: &str, from: u64, to: u64) -> Result<Vec<Event>, Fault> {
    let mut all = Vec::new();
    for number in from..=to {
        if let Some(document) = view.document(EVENTS, &event_key(id, number))? {
            let event = serde_json::from_slice(&document.body);
            all.push(event.map_err(|_| Fault::bug("a kept event can be read"))?);
        }
    }
    Ok(all)
}

/// A Subscription was written, in the same commit: it begins, goes on under its new owner, or is off.
pub fn written(writer: &Writer, tx: &mut Tx<'_>, resource: &Value) -> Result<(), Fault> {
    // The node's own entry of a status changes nothing else.
    if matches!(writer.principal, Principal::Job { .. }) {
        return Ok(());
    }
    let before = get(tx, resource.id())?;
    if !matches!(resource.str_of("status"), "requested" | "active") {
        return match before {
            Some(mut standing) => {
                standing.switch_off("its owner switched it off");
                put(tx, &standing, writer.now)
            }
            None => Ok(()),
        };
    }
    let plan = Plan::read(resource)?;
    plan.compile(tx, &writer.zone)?;
    let owner = Owner::of(writer, tx)?;
    if before.is_none() && all(tx)?.iter().filter(|s| s.is_watching()).count() >= SUBSCRIPTIONS_MAX {
        return Err(Fault::too_costly(format!("{SUBSCRIPTIONS_MAX} subscriptions are worked by already")));
    }
    let goes_on = before.as_ref().filter(|b| b.is_watching()).map(|b| b.since);
    let since = goes_on.map_or_else(|| tx.last_change(), Ok)?;
    let (events, delivered) = before.map_or((0, 0), |b| match goes_on {
        Some(_) => (b.events, b.delivered),
        None => (b.events, b.events),
    });
    let standing = Standing {
        id: resource.id().to_owned(),
        owner,
        plan,
        state: State::Requested,
        since,
        events,
        delivered,
        tries: 0,
        failing: 0,
        due: 0,
        heard: writer.now.seconds(),
        began: writer.now.seconds(),
        why: None,
    };
    put(tx, &standing, writer.now)
}

/// A Subscription was deleted: nobody is told any more, and its events are destroyed.
pub fn deleted(tx: &mut Tx<'_>, id: &str) -> Result<(), Fault> {
    let most = usize::try_from(EVENTS_MAX).unwrap_or(usize::MAX) + 1;
    for key in tx.document_keys(EVENTS, &format!("{id}/"), most)? {
        tx.drop_document(EVENTS, &key)?;
    }
    tx.drop_document(STANDINGS, id)
}

/// Keeps a standing; where its state is another one, the Subscription says so in the same commit.
pub fn settle(writer: &Writer, tx: &mut Tx<'_>, standing: &Standing) -> Result<(), Fault> {
    put(tx, standing, writer.now)?;
    let Some(stored) = tx.get("Subscription", &standing.id)?.filter(|s| !s.deleted) else {
        return deleted(tx, &standing.id);
    };
    let (status, error) = (standing.state.code(), standing.why.as_deref().unwrap_or_default());
    let says_error = matches!(standing.state, State::Error | State::Off);
    if stored.body.str_of("status") == status && (!says_error || stored.body.str_of("error") == error) {
        return Ok(());
    }
    let mut resource = stored.body;
    resource.set("status", status);
    if let Some(object) = resource.as_object_mut() {
        object.remove("error");
    }
    if says_error && !error.is_empty() {
        resource.set("error", error);
    }
    writer.put(tx, resource, Precondition::Version(stored.version), "subscription-status").map(|_| ())
}
