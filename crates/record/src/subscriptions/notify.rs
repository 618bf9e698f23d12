//! What a subscriber is sent: notification Bundles of the backport, or what R4 itself says (subscription.html#channels).

use super::plan::{Channel, Content};
use super::standing::{self, Event, Standing, State};
use super::{Kind, job};
use crate::access::Action;
use crate::audit::Act;
use crate::node::Node;
use crate::session::Session;
use badiano_fhir::search::compartment_patients;
use badiano_fhir::{Value, fhir, json, xml};
use badiano_kernel::id::random_uuid;
use badiano_kernel::{Fault, Instant};
use badiano_store::Stored;

const PROFILE: &str = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/";

/// One message to a subscriber, complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    pub subscription: String,
    pub channel: Channel,
    pub url: String,
    /// R4 sends a resource to its own place below the endpoint.
    pub is_put: bool,
    pub headers: Vec<(String, String)>,
    pub content_type: Option<String>,
    pub body: String,
    /// Seconds.
    pub timeout: u64,
    /// Whether nothing is sent, and only the way to the endpoint is tried (R4 has no handshake; a websocket has its own).
    pub is_silent: bool,
    /// The newest event that it tells of.
    to: u64,
}

impl Node {
    /// The rest-hooks that have something to say now.
    pub fn due_subscriptions(&self, now: Instant) -> Result<Vec<String>, Fault> {
        let all = self.store().read(standing::all)?;
        Ok(all.into_iter().filter(|s| s.is_due(now)).map(|s| s.id).collect())
    }

    /// What is to be said next to one subscriber; nothing when there is nothing. `base` is this node's FHIR address.
    pub async fn next_notification(
        &self,
        id: &str,
        base: &str,
        now: Instant,
    ) -> Result<Option<Notification>, Fault> {
        loop {
            let Some(one) = self.store().read(|view| standing::get(view, id))? else { return Ok(None) };
            if !one.is_watching() {
                return Ok(None);
            }
            let session = match self.store().read(|view| one.session(self, view, now)) {
                Ok(session) => session,
                Err(fault) => return self.end(id, fault.to_string(), now).await.map(|()| None),
            };
            if one.has_ended(now) {
                return self.end(id, "its end has come".to_owned(), now).await.map(|()| None);
            }
            let teller = Teller { node: self, session: &session, one: &one, base, now };
            if let Err(fault) = one.plan.open_headers(self.secrets(), id) {
                return self.end(id, fault.to_string(), now).await.map(|()| None);
            }
            let to = one.events.min(one.delivered + teller.at_once());
            if one.state == State::Requested {
                return teller.message(Kind::Handshake, &[], one.delivered).map(Some);
            }
            if to > one.delivered {
                let shown = teller.shown(one.delivered + 1, to, Action::Read)?;
                if !shown.is_empty() {
                    return teller.message(Kind::Event, &shown, to).map(Some);
                }
                // Hidden meanwhile: passed over, as if it had never been.
                self.passed(id, to, now).await?;
                continue;
            }
            return match one.heart_is_due(now) {
                true => teller.message(Kind::Heartbeat, &[], one.delivered).map(Some),
                false => Ok(None),
            };
        }
    }

    /// What a websocket hears when it was bound: the handshake, or R4's word for it.
    pub fn ws_bound(&self, id: &str, base: &str, now: Instant) -> Result<String, Fault> {
        self.store().read(|view| {
            let one = standing::get(view, id)?.filter(Standing::is_watching);
            let one = one.ok_or_else(|| Fault::not_found("the subscription is off"))?;
            if !one.plan.backport {
                return Ok(format!("bound {id}"));
            }
            let session = one.session(self, view, now)?;
            let teller = Teller { node: self, session: &session, one: &one, base, now };
            teller.print(&teller.bundle(Kind::Handshake, one.plan.content, &[]))
        })
    }

    /// How it went: the next one is due, or this one again.
    pub async fn notified(
        &self,
        of: &Notification,
        outcome: Result<(), Fault>,
        now: Instant,
    ) -> Result<(), Fault> {
        let (id, to, writer) = (of.subscription.clone(), of.to, job(self, now));
        let settle = move |tx: &mut badiano_store::Tx<'_>| {
            let Some(mut one) = standing::get(tx, &id)?.filter(Standing::is_watching) else { return Ok(()) };
            match &outcome {
                Ok(()) => one.told(to, now),
                Err(why) => one.missed(why, now),
            }
            standing::settle(&writer, tx, &one)
        };
        self.store().write(settle).await
    }

    async fn passed(&self, id: &str, to: u64, now: Instant) -> Result<(), Fault> {
        let id = id.to_owned();
        let pass = move |tx: &mut badiano_store::Tx<'_>| {
            let Some(mut one) = standing::get(tx, &id)? else { return Ok(()) };
            one.delivered = one.delivered.max(to);
            standing::put(tx, &one, now)
        };
        self.store().write(pass).await
    }

    async fn end(&self, id: &str, why: String, now: Instant) -> Result<(), Fault> {
        let (id, writer) = (id.to_owned(), job(self, now));
        let end = move |tx: &mut badiano_store::Tx<'_>| {
            let Some(mut one) = standing::get(tx, &id)? else { return Ok(()) };
            one.switch_off(why);
            standing::settle(&writer, tx, &one)
        };
        self.store().write(end).await
    }
}

/// An event with what may be shown of it.
pub(super) struct Shown {
    event: Event,
    /// The version that the event is about; nothing of a deletion.
    stored: Option<Stored>,
    patients: Vec<String>,
}

/// Says something to one subscriber under its owner's rights.
pub(super) struct Teller<'t> {
    pub node: &'t Node,
    pub session: &'t Session,
    pub one: &'t Standing,
    pub base: &'t str,
    pub now: Instant,
}

impl Teller<'_> {
    /// R4 tells of one resource at a time.
    fn at_once(&self) -> u64 {
        if self.one.plan.backport { self.one.plan.events_each } else { 1 }
    }

    /// Those of the events whose resources may be seen now, and might be when they happened.
    pub fn shown(&self, from: u64, to: u64, action: Action) -> Result<Vec<Shown>, Fault> {
        self.node.store().read(|view| {
            let mut all = Vec::new();
            for event in standing::events(view, &self.one.id, from, to)? {
                if self.session.scope_allows(&event.kind, action).is_err() {
                    continue;
                }
                let at = if event.deleted { event.version.saturating_sub(1) } else { event.version };
                let Some(stored) = view.get_version(&event.kind, &event.id, at)? else { continue };
                let newest = view.get(&event.kind, &event.id)?;
                let hidden = newest.is_some_and(|n| !n.deleted && !self.session.sees_stored(&n));
                if hidden || !self.session.sees_stored(&stored) {
                    continue;
                }
                let patients = compartment_patients(&stored.body);
                let stored = (!event.deleted).then_some(stored);
                all.push(Shown { event, stored, patients });
            }
            Ok(all)
        })
    }

    /// The entry of the access stands in the log before the message leaves.
    pub fn note(&self, shown: &[Shown]) -> Result<(), Fault> {
        let mut patients: Vec<String> = shown.iter().flat_map(|s| s.patients.clone()).collect();
        patients.sort();
        patients.dedup();
        if shown.is_empty() {
            return Ok(());
        }
        let what = format!("Subscription/{}", self.one.id);
        self.session.note(Act::Execute, "subscription-notification", &patients, &what)
    }

    fn message(&self, kind: Kind, shown: &[Shown], to: u64) -> Result<Notification, Fault> {
        self.note(shown)?;
        let plan = &self.one.plan;
        let mut message = Notification {
            subscription: self.one.id.clone(),
            channel: plan.channel,
            url: plan.endpoint.clone(),
            is_put: false,
            headers: plan.open_headers(self.node.secrets(), &self.one.id)?,
            content_type: None,
            body: String::new(),
            timeout: plan.timeout,
            is_silent: false,
            to,
        };
        if kind == Kind::Handshake && (!plan.backport || plan.channel == Channel::Websocket) {
            message.is_silent = true;
        } else if plan.backport {
            let bundle = self.bundle(kind, plan.content, shown);
            (message.content_type, message.body) = (plan.payload.clone(), self.print(&bundle)?);
        } else if plan.channel == Channel::Websocket {
            message.body = format!("ping {}", self.one.id);
        } else if let (Some(payload), Some(one)) = (&plan.payload, shown.first())
            && let Some(stored) = &one.stored
        {
            message.is_put = true;
            message.url = below(&plan.endpoint, &one.event.kind, &one.event.id);
            (message.content_type, message.body) = (Some(payload.clone()), self.print(&stored.body)?);
        }
        Ok(message)
    }

    fn print(&self, value: &Value) -> Result<String, Fault> {
        if self.one.plan.payload.as_deref().is_some_and(|p| p.ends_with("xml")) {
            return xml::to_string(value).map_err(|e| Fault::bug(e.to_string()));
        }
        Ok(json::to_string(value))
    }

    /// A notification Bundle (backport-subscription-notification-r4).
    pub fn bundle(&self, kind: Kind, content: Content, shown: &[Shown]) -> Value {
        let mut entries = vec![self.status_entry(kind, content, shown)];
        if content != Content::Empty {
            entries.extend(shown.iter().map(|one| self.entry(content, one)));
        }
        fhir!({
            "resourceType": "Bundle",
            "id": (random_uuid()),
            "meta": { "profile": [(format!("{PROFILE}backport-subscription-notification-r4"))] },
            "type": "history",
            "timestamp": (self.now.to_rfc3339()),
            "entry": (Value::Array(entries))
        })
    }

    fn status_entry(&self, kind: Kind, content: Content, shown: &[Shown]) -> Value {
        let id = &self.one.id;
        fhir!({
            "fullUrl": (format!("urn:uuid:{}", random_uuid())),
            "resource": (self.status(kind, content, shown)),
            "request": { "method": "GET", "url": (format!("{}/Subscription/{id}/$status", self.base)) },
            "response": { "status": "200" }
        })
    }

    /// SubscriptionStatus as Parameters (backport-subscription-status-r4).
    pub fn status(&self, kind: Kind, content: Content, shown: &[Shown]) -> Value {
        let one = self.one;
        let count = match (kind, shown.last()) {
            (Kind::Event, Some(last)) => last.event.number,
            (Kind::QueryStatus, _) => one.events,
            _ => one.delivered,
        };
        let state = if kind == Kind::Event { State::Active } else { one.state };
        let mut parts = vec![
            fhir!({ "name": "subscription", "valueReference": { "reference": (format!("{}/Subscription/{}", self.base, one.id)) } }),
        ];
        if one.plan.backport {
            parts.push(fhir!({ "name": "topic", "valueCanonical": (one.plan.criteria.as_str()) }));
        }
        parts.push(fhir!({ "name": "status", "valueCode": (state.code()) }));
        parts.push(fhir!({ "name": "type", "valueCode": (kind.code()) }));
        parts.push(fhir!({ "name": "events-since-subscription-start", "valueString": (count.to_string()) }));
        parts.extend(shown.iter().map(|s| self.told_event(content, s)));
        if let Some(why) = one.why.as_deref().filter(|_| kind == Kind::QueryStatus) {
            parts.push(fhir!({ "name": "error", "valueCodeableConcept": { "text": why } }));
        }
        fhir!({
            "resourceType": "Parameters",
            "id": (random_uuid()),
            "meta": { "profile": [(format!("{PROFILE}backport-subscription-status-r4"))] },
            "parameter": (Value::Array(parts))
        })
    }

    fn told_event(&self, content: Content, one: &Shown) -> Value {
        let event = &one.event;
        let mut parts = vec![
            fhir!({ "name": "event-number", "valueString": (event.number.to_string()) }),
            fhir!({ "name": "timestamp", "valueInstant": (Instant::from_micros(event.when).to_rfc3339()) }),
        ];
        if content != Content::Empty {
            let focus = format!("{}/{}/{}", self.base, event.kind, event.id);
            parts.push(fhir!({ "name": "focus", "valueReference": { "reference": focus } }));
        }
        fhir!({ "name": "notification-event", "part": (Value::Array(parts)) })
    }

    fn entry(&self, content: Content, one: &Shown) -> Value {
        let event = &one.event;
        let url = format!("{}/{}", event.kind, event.id);
        let (method, url, status) = match (event.deleted, event.created) {
            (true, _) => ("DELETE", url, "204"),
            (false, true) => ("POST", event.kind.clone(), "201"),
            (false, false) => ("PUT", url, "200"),
        };
        let mut entry = fhir!({ "fullUrl": (format!("{}/{}/{}", self.base, event.kind, event.id)) });
        if let (Content::FullResource, Some(stored)) = (content, &one.stored) {
            entry.set("resource", stored.body.clone());
        }
        entry.set("request", fhir!({ "method": method, "url": url }));
        entry.set("response", fhir!({ "status": status }));
        entry
    }
}

/// `https://host/hook/Observation/1` of `https://host/hook`; a query stays at the end.
fn below(endpoint: &str, kind: &str, id: &str) -> String {
    let (path, query) = endpoint.split_once('?').map_or((endpoint, None), |(p, q)| (p, Some(q)));
    let path = format!("{}/{kind}/{id}", path.trim_end_matches('/'));
    query.map_or(path.clone(), |query| format!("{path}?{query}"))
}
