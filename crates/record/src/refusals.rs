//! Refused tries in the log: what a principal was denied by a door, and who knocked and is nobody that the node knows.

use crate::audit::{Act, Outcome};
use crate::node::Node;
use crate::session::{ONE_ACCESS_SECONDS, Session};
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_store::LeafDraft;
use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

/// Entries that one address can make in fifteen minutes without being known: room for each door of the product,
/// and no log for strangers to fill.
const OF_ONE_ADDRESS_MAX: usize = 400;
/// Addresses remembered; when more knock, the oldest windows are forgotten first.
const ADDRESSES_MAX: usize = 10_000;

/// What strangers were refused lately, by address.
pub(crate) type Knocks = Mutex<HashMap<String, Knocking>>;

pub(crate) struct Knocking {
    since: Instant,
    at: HashSet<String>,
}

impl Session {
    /// A door refused this principal: one entry a door in fifteen minutes. It names no patient, since nothing was shown.
    pub fn note_refused_at(&self, door: &str) -> Result<(), Fault> {
        if self.is_first("refused", door) { self.note_refused("refused", door) } else { Ok(()) }
    }
}

impl Node {
    /// Somebody whom the node does not know was refused at a door.
    pub fn note_stranger(&self, door: &str, address: &str, now: Instant) -> Result<(), Fault> {
        let mut knocks = self.knocks().lock().expect("no holder of the knocks panics");
        if !is_new(&mut knocks, door, address, now) {
            return Ok(());
        }
        drop(knocks);
        let writer = self.session(Principal::Job { name: "door" }, Purpose::Operations, now).writer();
        let what = format!("{door}, by nobody known, from {address}");
        let entry = writer.entry(Act::Execute, "refused", Outcome::Refused, None, &what);
        let content = entry.to_json(&writer.observer).into_bytes();
        self.store().note_read(LeafDraft { subject: None, content, now })
    }
}

fn is_new(knocks: &mut HashMap<String, Knocking>, door: &str, address: &str, now: Instant) -> bool {
    let limit = now.plus_seconds(-ONE_ACCESS_SECONDS);
    if knocks.len() >= ADDRESSES_MAX && !knocks.contains_key(address) {
        knocks.retain(|_, k| k.since > limit);
        if knocks.len() >= ADDRESSES_MAX {
            knocks.clear();
        }
    }
    let fresh = || Knocking { since: now, at: HashSet::new() };
    let known = knocks.entry(address.to_owned()).or_insert_with(fresh);
    if known.since <= limit {
        *known = fresh();
    }
    known.at.len() < OF_ONE_ADDRESS_MAX && known.at.insert(door.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_noted_once_a_door_and_cannot_fill_the_log() {
        let mut knocks = HashMap::new();
        let now = Instant::from_seconds(1_000_000);
        assert!(is_new(&mut knocks, "GET /a", "10.0.0.1", now));
        assert!(!is_new(&mut knocks, "GET /a", "10.0.0.1", now.plus_seconds(1)));
        assert!(is_new(&mut knocks, "GET /a", "10.0.0.2", now), "another address is another stranger");
        let more = (0..1000).filter(|n| is_new(&mut knocks, &format!("GET /{n}"), "10.0.0.1", now)).count();
        assert_eq!(more, OF_ONE_ADDRESS_MAX - 1);
        assert!(is_new(&mut knocks, "GET /a", "10.0.0.1", now.plus_seconds(ONE_ACCESS_SECONDS)));
    }
}
