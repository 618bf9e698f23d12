//! Durable queues: items of one key leave in the order in which they came; what fails is tried again or laid aside with its reason.

use crate::tx::Tx;
use crate::view::{View, limit as to_limit, signed, unsigned};
use badiano_kernel::{Fault, Instant};
use rusqlite::{Row, params};

/// Items that one queue may hold.
pub const QUEUE_ITEMS_MAX: i64 = 1_000_000;
/// Longest payload of an item.
pub const QUEUE_PAYLOAD_BYTES_MAX: usize = 8 << 20;
/// Longest reason that is kept.
const WHY_BYTES_MAX: usize = 2_000;

/// Waits for its moment and its turn.
const WAITING: i64 = 0;
/// Taken by a worker; waits again after a restart.
const CLAIMED: i64 = 1;
/// Laid aside for a person.
const DEAD: i64 = 2;

/// One thing in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueItem {
    pub id: u64,
    pub queue: String,
    /// Items of one key keep their order; the empty key stands for none.
    pub key: String,
    pub payload: Vec<u8>,
    pub tries: u32,
    /// Not before this moment.
    pub due: Instant,
    pub made: Instant,
    /// Why the last try failed.
    pub why: String,
    /// Waits for a person, not for time.
    pub dead: bool,
    /// A worker has it.
    pub claimed: bool,
}

const COLUMNS: &str = "n, queue, key, payload, tries, not_before, made, why, state";

impl View<'_> {
    /// What is due now and whose turn it is, oldest moment first. Nothing is marked: for a queue with one worker.
    pub fn due(&self, queue: &str, now: Instant, limit: usize) -> Result<Vec<QueueItem>, Fault> {
        let Some(number) = self.number(queue) else { return Ok(Vec::new()) };
        let sql = format!(
            "SELECT {COLUMNS} FROM queue WHERE queue = ?1 AND state = {WAITING} AND head = 1 AND not_before <= ?2 \
             ORDER BY not_before, n LIMIT ?3"
        );
        self.items(&sql, params![number, now.micros, to_limit(limit)])
    }

    /// Everything in every queue, oldest first, at most ten thousand.
    pub fn queue_items(&self) -> Result<Vec<QueueItem>, Fault> {
        self.items(&format!("SELECT {COLUMNS} FROM queue ORDER BY n LIMIT 10000"), [])
    }

    /// The items of one queue, oldest first.
    pub fn queue_items_of(&self, queue: &str, limit: usize) -> Result<Vec<QueueItem>, Fault> {
        let Some(number) = self.number(queue) else { return Ok(Vec::new()) };
        self.items(
            &format!("SELECT {COLUMNS} FROM queue WHERE queue = ?1 ORDER BY n LIMIT ?2"),
            params![number, to_limit(limit)],
        )
    }

    /// Whether an item is in its queue and waits for time, not for a person.
    pub fn queue_holds(&self, id: u64) -> Result<bool, Fault> {
        let sql = "SELECT 1 FROM queue WHERE n = ?1 AND state < ?2";
        Ok(self.one(sql, params![signed(id), DEAD], |_| Ok(()))?.is_some())
    }

    /// Number of items of a queue, those laid aside included.
    pub fn queue_length(&self, queue: &str) -> Result<u64, Fault> {
        let Some(number) = self.number(queue) else { return Ok(0) };
        let length = self.one("SELECT items FROM queue_length WHERE queue = ?1", [number], |r| r.get(0))?;
        Ok(unsigned(length.unwrap_or(0)))
    }

    fn items(&self, sql: &str, params: impl rusqlite::Params) -> Result<Vec<QueueItem>, Fault> {
        let found = self.all(sql, params, read_item)?;
        found
            .into_iter()
            .map(|(number, item)| Ok(QueueItem { queue: self.text(number)?.as_ref().to_owned(), ..item }))
            .collect()
    }
}

fn read_item(r: &Row<'_>) -> rusqlite::Result<(i64, QueueItem)> {
    let state: i64 = r.get(8)?;
    let item = QueueItem {
        id: unsigned(r.get(0)?),
        queue: String::new(),
        key: r.get(2)?,
        payload: r.get(3)?,
        tries: r.get(4)?,
        due: Instant::from_micros(r.get(5)?),
        made: Instant::from_micros(r.get(6)?),
        why: r.get(7)?,
        dead: state == DEAD,
        claimed: state == CLAIMED,
    };
    Ok((r.get(1)?, item))
}

impl Tx<'_> {
    /// Appends an item; the answer is its id. It is due from `not_before` on, once the items of its key before it are gone.
    pub fn enqueue(
        &mut self,
        queue: &str,
        key: &str,
        payload: &[u8],
        not_before: Instant,
    ) -> Result<u64, Fault> {
        if payload.len() > QUEUE_PAYLOAD_BYTES_MAX {
            return Err(Fault::too_costly("a queue item is too long"));
        }
        if signed(self.queue_length(queue)?) >= QUEUE_ITEMS_MAX {
            return Err(Fault::unavailable("the queue is full"));
        }
        let number = self.number_of(queue)?;
        let head = key.is_empty()
            || self
                .one(
                    "SELECT 1 FROM queue WHERE queue = ?1 AND key = ?2 AND state < ?3",
                    params![number, key, DEAD],
                    |_| Ok(()),
                )?
                .is_none();
        self.run(
            "INSERT INTO queue(queue, key, head, state, not_before, tries, made, why, payload) \
             VALUES(?1, ?2, ?3, ?4, ?5, 0, ?5, '', ?6)",
            params![number, key, head, WAITING, not_before.micros, payload],
        )?;
        let id = self.conn.last_insert_rowid();
        self.count_items(number, 1)?;
        Ok(unsigned(id))
    }

    /// Takes what is due for a worker, so that another worker of the queue gets something else.
    pub fn claim(&mut self, queue: &str, now: Instant, limit: usize) -> Result<Vec<QueueItem>, Fault> {
        let mut items = self.due(queue, now, limit)?;
        for item in &mut items {
            self.run("UPDATE queue SET state = ?2 WHERE n = ?1", params![signed(item.id), CLAIMED])?;
            item.claimed = true;
        }
        Ok(items)
    }

    /// The item leaves the queue; the next of its key has its turn.
    pub fn done(&mut self, id: u64) -> Result<(), Fault> {
        let (number, key) = self.queue_of(id)?;
        self.run("DELETE FROM queue WHERE n = ?1", [signed(id)])?;
        self.count_items(number, -1)?;
        self.next_head(number, &key)
    }

    /// The try failed, or a person says to try again: it waits for `at`, still before the later items of its key.
    pub fn retry(&mut self, id: u64, at: Instant, why: &str) -> Result<(), Fault> {
        let (number, key) = self.queue_of(id)?;
        self.run(
            "UPDATE queue SET state = ?2, not_before = ?3, why = ?4, tries = tries + 1, head = ?5 WHERE n = ?1",
            params![signed(id), WAITING, at.micros, cut(why), key.is_empty()],
        )?;
        self.next_head(number, &key)
    }

    /// Waits for another moment, which is no failure.
    pub fn postpone(&mut self, id: u64, at: Instant, why: &str) -> Result<(), Fault> {
        let sql = "UPDATE queue SET state = ?2, not_before = ?3, why = ?4 WHERE n = ?1";
        match self.run(sql, params![signed(id), WAITING, at.micros, cut(why)])? {
            0 => Err(Fault::not_found("the item has left its queue")),
            _ => Ok(()),
        }
    }

    /// Lays the item aside for a person; the later items of its key go on.
    pub fn dead(&mut self, id: u64, why: &str) -> Result<(), Fault> {
        let (number, key) = self.queue_of(id)?;
        self.run(
            "UPDATE queue SET state = ?2, head = 0, why = ?3, tries = tries + 1 WHERE n = ?1",
            params![signed(id), DEAD, cut(why)],
        )?;
        self.next_head(number, &key)
    }

    fn queue_of(&self, id: u64) -> Result<(i64, String), Fault> {
        let sql = "SELECT queue, key FROM queue WHERE n = ?1";
        let found = self.one(sql, [signed(id)], |r| Ok((r.get(0)?, r.get(1)?)))?;
        found.ok_or_else(|| Fault::not_found("the item has left its queue"))
    }

    /// The first living item of a key is its head, and no other.
    fn next_head(&self, number: i64, key: &str) -> Result<(), Fault> {
        if key.is_empty() {
            return Ok(());
        }
        let sql = "SELECT n FROM queue WHERE queue = ?1 AND key = ?2 AND state < ?3 ORDER BY n LIMIT 1";
        let first: Option<i64> = self.one(sql, params![number, key, DEAD], |r| r.get(0))?;
        let Some(first) = first else { return Ok(()) };
        self.run("UPDATE queue SET head = 1 WHERE n = ?1 AND head = 0", [first])?;
        self.run(
            "UPDATE queue SET head = 0 WHERE queue = ?1 AND key = ?2 AND n > ?3 AND head = 1",
            params![number, key, first],
        )?;
        Ok(())
    }

    fn count_items(&self, number: i64, by: i64) -> Result<(), Fault> {
        self.run(
            "INSERT INTO queue_length(queue, items) VALUES(?1, ?2) \
             ON CONFLICT(queue) DO UPDATE SET items = items + excluded.items",
            params![number, by],
        )?;
        Ok(())
    }

    /// After a restart no worker holds anything.
    pub(crate) fn release_claims(&self) -> Result<(), Fault> {
        self.run("UPDATE queue SET state = ?1 WHERE state = ?2", params![WAITING, CLAIMED])?;
        Ok(())
    }
}

fn cut(why: &str) -> &str {
    let mut end = why.len().min(WHY_BYTES_MAX);
    while !why.is_char_boundary(end) {
        end -= 1;
    }
    &why[..end]
}
