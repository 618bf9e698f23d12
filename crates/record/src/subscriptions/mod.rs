//! Subscriptions: who is told of what changes, at least once and in order (FHIR R4, subscription.html; Subscriptions R5 Backport 1.1).
//!
//! A subscription acts as whoever wrote it last: `watch` follows the change log and keeps an event for what its owner may see,
//! in one commit with the place that it has reached; `notify` makes the messages, from what the owner may still see; a channel
//! sends them and says how it went. After a crash the log is read from the place that was kept, and what was not
//! known to be told is told again under the same numbers.

mod notify;
mod plan;
mod standing;
#[cfg(test)]
mod tests;
mod topic;
mod watch;

pub use notify::Notification;
pub(crate) use plan::seal_headers;
pub use plan::{Channel, Content};
pub use standing::{EVENTS_MAX, SUBSCRIPTIONS_MAX};

use crate::access::Action;
use crate::audit::Act;
use crate::node::Node;
use crate::resources::Writer;
use crate::session::Session;
use badiano_fhir::{Value, fhir};
use badiano_kernel::id::random_uuid;
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_store::Tx;
use notify::Teller;
use standing::Standing;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use tokio::sync::watch as signal;

/// Documents of places in the change log.
const PLACES: &str = "subscription-place";
/// A token for a websocket is good for so long, once.
pub const TOKEN_SECONDS: i64 = 300;
/// Tokens that may wait to be used.
const TOKENS_MAX: usize = 10_000;
/// Subscriptions that one token, or one question for the status, may name.
const NAMED_MAX: usize = 100;
/// Events that one `$events` gives.
const EVENTS_SHOWN_MAX: u64 = 1_000;

/// What a message is about (subscription-notification-type).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Handshake,
    Heartbeat,
    Event,
    QueryStatus,
    QueryEvent,
}

impl Kind {
    const fn code(self) -> &'static str {
        match self {
            Kind::Handshake => "handshake",
            Kind::Heartbeat => "heartbeat",
            Kind::Event => "event-notification",
            Kind::QueryStatus => "query-status",
            Kind::QueryEvent => "query-event",
        }
    }
}

/// What the node remembers of its subscribers while it runs.
pub(crate) struct Subscribers {
    /// The place in the change log that is kept, and the one that was looked at.
    place: AtomicU64,
    looked: AtomicU64,
    /// Signals that there is something to tell.
    told: signal::Sender<u64>,
    tokens: Mutex<HashMap<String, Token>>,
}

struct Token {
    subscriptions: Vec<String>,
    expires: i64,
}

impl Default for Subscribers {
    fn default() -> Self {
        let (place, looked) = (AtomicU64::new(0), AtomicU64::new(0));
        Subscribers { place, looked, told: signal::Sender::new(0), tokens: Mutex::default() }
    }
}

impl Subscribers {
    fn wake(&self) {
        self.told.send_modify(|n| *n += 1);
    }
}

/// Which events `$events` is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventsAsked {
    pub since: Option<u64>,
    pub until: Option<u64>,
    pub content: Option<Content>,
}

fn job(node: &Node, now: Instant) -> Writer {
    node.session(Principal::Job { name: "subscriptions" }, Purpose::Operations, now).writer()
}

/// A resource was written: subscriptions and topics take notice in the same commit.
pub(crate) fn written(writer: &Writer, tx: &mut Tx<'_>, resource: &Value) -> Result<(), Fault> {
    match resource.resource_type() {
        "Subscription" => standing::written(writer, tx, resource),
        "Basic" => topic::written(tx, resource, &writer.zone, writer.now),
        _ => Ok(()),
    }
}

pub(crate) fn deleted(tx: &mut Tx<'_>, kind: &str, id: &str) -> Result<(), Fault> {
    if kind == "Subscription" { standing::deleted(tx, id) } else { Ok(()) }
}

impl Node {
    /// Signals that subscribers have something to hear.
    pub fn subscribers_told(&self) -> signal::Receiver<u64> {
        self.subscribers().told.subscribe()
    }

    /// The topics that subscriptions can name.
    pub fn subscription_topics(&self) -> Result<Vec<String>, Fault> {
        self.store().read(topic::urls)
    }

    /// The subscriptions that a token stands for; it is good once.
    pub fn take_ws_token(&self, token: &str, now: Instant) -> Option<Vec<String>> {
        let mut tokens = self.subscribers().tokens.lock().expect("no holder of the tokens panics");
        let found = tokens.remove(token)?;
        (found.expires > now.seconds()).then_some(found.subscriptions)
    }
}

impl Session {
    /// A subscription that the caller may read.
    fn standing(&self, id: &str) -> Result<Standing, Fault> {
        if self.read("Subscription", id)?.deleted {
            return Err(Fault::not_found("the subscription was deleted"));
        }
        let found = self.node().store().read(|view| standing::get(view, id))?;
        found.ok_or_else(|| Fault::not_found("the subscription was never asked to begin"))
    }

    /// A subscription of the caller's own, for a websocket: what it tells is told with its owner's rights.
    pub fn own_subscription(&self, id: &str) -> Result<(), Fault> {
        let one = self.standing(id)?;
        if !one.owner.is(self.principal()) {
            return Err(Fault::forbidden("only who wrote the subscription last may listen to it"));
        }
        if one.plan.channel != Channel::Websocket {
            return Err(Fault::invalid("the subscription's channel is no websocket"));
        }
        Ok(())
    }

    /// `$status`: how subscriptions stand, those named or all that the caller may read.
    pub fn subscription_status(&self, ids: &[String], states: &[String], base: &str) -> Result<Value, Fault> {
        if self.principal().own_record().is_some() {
            return Err(Fault::forbidden(
                "subscriptions are for registered systems and for the staff of this node",
            ));
        }
        self.scope_allows("Subscription", Action::Read)?;
        self.reads_any("Subscription")?;
        if ids.len() > NAMED_MAX {
            return Err(Fault::too_costly(format!("more than {NAMED_MAX} subscriptions")).at("id"));
        }
        let all = self.node().store().read(|view| {
            let mut seen = Vec::new();
            for one in standing::all(view)? {
                let stored = view.get("Subscription", &one.id)?;
                if stored.is_some_and(|s| !s.deleted && self.sees_stored(&s)) {
                    seen.push(one);
                }
            }
            Ok(seen)
        })?;
        let asked = |one: &&Standing| {
            (ids.is_empty() || ids.contains(&one.id))
                && (states.is_empty() || states.iter().any(|s| s == one.state.code()))
        };
        self.note(Act::Read, "subscription-status", &[], "Subscription")?;
        let entries = all.iter().filter(asked).map(|one| {
            let teller = Teller { node: self.node(), session: self, one, base, now: self.now() };
            fhir!({
                "fullUrl": (format!("urn:uuid:{}", random_uuid())),
                "resource": (teller.status(Kind::QueryStatus, one.plan.content, &[])),
                "search": { "mode": "match" }
            })
        });
        let entries: Vec<Value> = entries.collect();
        let mut bundle = fhir!({ "resourceType": "Bundle", "id": (random_uuid()), "type": "searchset", "total": (entries.len()) });
        if !entries.is_empty() {
            bundle.set("entry", Value::Array(entries));
        }
        Ok(bundle)
    }

    /// `$events`: what happened, told again, to whoever may see it.
    pub fn subscription_events(&self, id: &str, asked: EventsAsked, base: &str) -> Result<Value, Fault> {
        let one = self.standing(id)?;
        let from = asked.since.unwrap_or(1).max(1);
        let to = asked.until.unwrap_or(one.events).min(one.events);
        let to = to.min(from.saturating_add(EVENTS_SHOWN_MAX - 1));
        let teller = Teller { node: self.node(), session: self, one: &one, base, now: self.now() };
        let shown = if from > to { Vec::new() } else { teller.shown(from, to, Action::Read)? };
        teller.note(&shown)?;
        Ok(teller.bundle(Kind::QueryEvent, asked.content.unwrap_or(one.plan.content), &shown))
    }

    /// `$get-ws-binding-token`: what a websocket shows to listen to subscriptions of the caller's own.
    pub async fn ws_token(&self, ids: &[String]) -> Result<(String, Instant), Fault> {
        if ids.is_empty() || ids.len() > NAMED_MAX {
            return Err(Fault::invalid(format!("names 1 to {NAMED_MAX} subscriptions")).at("id"));
        }
        ids.iter().try_for_each(|id| self.own_subscription(id))?;
        // It is handed out to be used by somebody else: each has its own entry.
        let (writer, what) = (self.writer(), format!("Subscription/{}", ids.join(", ")));
        let noted = move |tx: &mut Tx<'_>| writer.leaf(tx, Act::Execute, "subscription-token", &[], &what);
        self.node().store().write(noted).await?;
        let mut tokens = self.node().subscribers().tokens.lock().expect("no holder of the tokens panics");
        tokens.retain(|_, token| token.expires > self.now().seconds());
        if tokens.len() >= TOKENS_MAX {
            return Err(Fault::unavailable("too many tokens wait to be used"));
        }
        let token: String =
            badiano_kernel::id::random_bytes::<32>().iter().map(|b| format!("{b:02x}")).collect();
        let expires = self.now().plus_seconds(TOKEN_SECONDS);
        tokens.insert(token.clone(), Token { subscriptions: ids.to_vec(), expires: expires.seconds() });
        Ok((token, expires))
    }
}
