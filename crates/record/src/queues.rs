//! Durable queues: what waits, what is stuck and why, tried again by the rules of each queue.

use crate::access::Action;
use crate::node::Node;
use crate::session::Session;
use badiano_kernel::{Fault, Instant, Principal, principal::Role};

/// Waiting times between tries, in seconds; the last one repeats.
const BACKOFF_SECONDS: [i64; 7] = [1, 2, 5, 15, 60, 300, 900];
/// Tries after which an item waits for a person.
const TRIES_MAX: u32 = 50;

/// One thing that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub id: u64,
    pub queue: String,
    pub key: String,
    pub payload: Vec<u8>,
    pub tries: u32,
}

/// A waiting thing as a page shows it: no payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub id: u64,
    pub queue: String,
    pub tries: u32,
    pub due: Instant,
    pub why: String,
    /// Waits for a person, not for time.
    pub dead: bool,
}

impl Node {
    /// Takes what is due, in order for each key. For the worker of the queue.
    pub fn claim(&self, queue: &str, now: Instant, limit: usize) -> Result<Vec<Item>, Fault> {
        let rows = self.store().read(|view| view.due(queue, now, limit))?;
        Ok(rows
            .into_iter()
            .map(|r| Item { id: r.id, queue: r.queue, key: r.key, payload: r.payload, tries: r.tries })
            .collect())
    }

    /// The item is done and leaves the queue.
    pub async fn done(&self, item: &Item) -> Result<(), Fault> {
        let id = item.id;
        self.store().write(move |tx| tx.done(id)).await
    }

    /// The try failed: later again, or to a person when it has failed too often.
    pub async fn failed(&self, item: &Item, why: &Fault, now: Instant) -> Result<(), Fault> {
        let (id, tries, why) = (item.id, item.tries, why.to_string());
        let wait = BACKOFF_SECONDS[(tries as usize).min(BACKOFF_SECONDS.len() - 1)];
        self.store()
            .write(move |tx| {
                if tries + 1 >= TRIES_MAX {
                    tx.dead(id, &why)
                } else {
                    tx.retry(id, now.plus_seconds(wait), &why)
                }
            })
            .await
    }

    /// The item cannot succeed by waiting.
    pub async fn stuck(&self, item: &Item, why: &Fault) -> Result<(), Fault> {
        let (id, why) = (item.id, why.to_string());
        self.store().write(move |tx| tx.dead(id, &why)).await
    }
}

impl Session {
    /// Everything that waits at this node, for the page of what is stuck and why.
    pub fn waiting(&self) -> Result<Vec<Waiting>, Fault> {
        self.inspects("queues")?;
        let rows = self.node().store().read(|view| view.queue_items())?;
        Ok(rows
            .into_iter()
            .map(|r| Waiting {
                id: r.id,
                queue: r.queue,
                tries: r.tries,
                due: r.due,
                why: r.why,
                dead: r.dead,
            })
            .collect())
    }

    /// A person says: try again now.
    pub async fn retry_now(&self, id: u64) -> Result<(), Fault> {
        self.administers(Action::Write)?;
        let writer = self.writer();
        self.node()
            .store()
            .write(move |tx| {
                tx.retry(id, writer.now, "")?;
                writer.leaf(tx, crate::audit::Act::Update, "queue-retry", &[], &format!("queue item {id}"))
            })
            .await
    }

    /// A person says: this will never be done. Only what waits for a person is thrown away; the rest is still tried.
    pub async fn discard(&self, id: u64) -> Result<(), Fault> {
        self.administers(Action::Write)?;
        let writer = self.writer();
        self.node()
            .store()
            .write(move |tx| {
                let found = tx.queue_items()?.into_iter().find(|i| i.id == id);
                let found = found.ok_or_else(|| Fault::not_found("no such item"))?;
                if !found.dead {
                    return Err(Fault::conflict("the item is still being tried"));
                }
                tx.done(id)?;
                let what = format!("queue item {id} of {}", found.queue);
                writer.leaf(tx, crate::audit::Act::Delete, "queue-discard", &[], &what)
            })
            .await
    }

    /// The same, for looking: who looked at what of the node is in the log.
    pub(crate) fn inspects(&self, what: &str) -> Result<(), Fault> {
        self.administers(Action::Read)?;
        self.note(crate::audit::Act::Read, "inspect", &[], what)
    }

    /// Requires the administrator's role; what an administrator does is never clinical.
    pub(crate) fn administers(&self, _: Action) -> Result<(), Fault> {
        let scripted = matches!(self.principal(), Principal::System { scopes, .. } if scopes.iter().any(|s| s == "badiano/admin"));
        if scripted || self.principal().has_role(Role::Administrator) {
            Ok(())
        } else {
            Err(Fault::forbidden("this takes the role of administrator"))
        }
    }
}
