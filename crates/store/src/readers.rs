//! Connections that read side by side, each used by one thread at a time.

use crate::faults::OrFault;
use badiano_kernel::Fault;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::cell::Cell;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};

pub(crate) struct Readers {
    database: PathBuf,
    limit: usize,
    state: Mutex<State>,
    free: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    out: usize,
}

thread_local! {
    /// Readers that this thread holds: a read inside a read must not wait for another thread's.
    static HELD: Cell<usize> = const { Cell::new(0) };
}

impl Readers {
    pub fn new(database: PathBuf, limit: usize) -> Self {
        Readers { database, limit: limit.max(1), state: Mutex::default(), free: Condvar::new() }
    }

    pub fn get(&self) -> Result<Reader<'_>, Fault> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.idle.is_empty() && state.out >= self.limit && HELD.get() == 0 {
            state = self.free.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let idle = state.idle.pop();
        state.out += 1;
        drop(state);
        HELD.set(HELD.get() + 1);
        // Made before opening, so that a failure to open gives the place back.
        let mut reader = Reader { readers: self, conn: idle };
        if reader.conn.is_none() {
            reader.conn = Some(self.connect()?);
        }
        Ok(reader)
    }

    fn connect(&self) -> Result<Connection, Fault> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(&self.database, flags).or_fault()?;
        conn.set_prepared_statement_cache_capacity(256);
        steady_plans(&conn)?;
        conn.busy_timeout(std::time::Duration::from_secs(5)).or_fault()?;
        conn.execute_batch(
            "PRAGMA cache_size = -4096; PRAGMA mmap_size = 1073741824; PRAGMA temp_store = MEMORY;",
        )
        .or_fault()?;
        Ok(conn)
    }
}

/// A plan is made once for a statement, whatever values are bound to it later.
pub(crate) fn steady_plans(conn: &Connection) -> Result<(), Fault> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop).or_fault()
}

pub(crate) struct Reader<'a> {
    readers: &'a Readers,
    conn: Option<Connection>,
}

impl Reader<'_> {
    pub fn conn(&self) -> &Connection {
        self.conn.as_ref().expect("a reader holds its connection until it is dropped")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        HELD.set(HELD.get() - 1);
        let mut state = self.readers.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.out -= 1;
        // A connection whose transaction was left open by a panic is not used again.
        if let Some(conn) = self.conn.take().filter(Connection::is_autocommit)
            && state.idle.len() < self.readers.limit
        {
            state.idle.push(conn);
        }
        self.readers.free.notify_one();
    }
}
