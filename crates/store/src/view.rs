//! A consistent snapshot of the store: everything that can be asked is asked of a `View`.

use crate::faults::OrFault;
use crate::shared::Shared;
use badiano_kernel::Fault;
use rusqlite::{Connection, OptionalExtension, Params, Row, types::FromSql};
use std::sync::Arc;

/// A consistent snapshot. Inside a write it shows the write's own changes.
pub struct View<'a> {
    pub(crate) conn: &'a Connection,
    pub(crate) shared: &'a Shared,
    /// Names given in the open transaction, numbered on from the known ones.
    pub(crate) fresh: Vec<Arc<str>>,
}

impl<'a> View<'a> {
    pub(crate) fn new(conn: &'a Connection, shared: &'a Shared) -> Self {
        View { conn, shared, fresh: Vec::new() }
    }

    /// The number of a name; nothing stored bears a name without one.
    pub(crate) fn number(&self, text: &str) -> Option<i64> {
        self.shared.names.number(text).or_else(|| {
            let at = self.fresh.iter().position(|t| &**t == text)?;
            i64::try_from(self.shared.names.count() + at + 1).ok()
        })
    }

    pub(crate) fn text(&self, number: i64) -> Result<Arc<str>, Fault> {
        let fresh = || {
            let at = usize::try_from(number).ok()?.checked_sub(self.shared.names.count() + 1)?;
            self.fresh.get(at).cloned()
        };
        let known = self.shared.names.text(number);
        known.or_else(fresh).ok_or_else(|| Fault::bug("a row bears a number that no name has"))
    }

    /// The first row of an answer.
    pub(crate) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, Fault> {
        let mut statement = self.conn.prepare_cached(sql).or_fault()?;
        statement.query_row(params, read).optional().or_fault()
    }

    /// All rows of an answer.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Fault> {
        let mut statement = self.conn.prepare_cached(sql).or_fault()?;
        let rows = statement.query_map(params, read).or_fault()?;
        rows.collect::<rusqlite::Result<Vec<T>>>().or_fault()
    }

    /// Rows of an answer one by one, until `read` says that it has enough.
    pub(crate) fn until(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<bool>,
    ) -> Result<(), Fault> {
        let mut statement = self.conn.prepare_cached(sql).or_fault()?;
        let mut rows = statement.query(params).or_fault()?;
        while let Some(row) = rows.next().or_fault()? {
            if !read(row).or_fault()? {
                break;
            }
        }
        Ok(())
    }

    pub(crate) fn run(&self, sql: &str, params: impl Params) -> Result<usize, Fault> {
        self.conn.prepare_cached(sql).or_fault()?.execute(params).or_fault()
    }

    pub(crate) fn meta<T: FromSql>(&self, name: &str) -> Result<Option<T>, Fault> {
        self.one("SELECT value FROM meta WHERE name = ?1", [name], |r| r.get(0))
    }
}

/// An unsigned number as SQLite keeps it; bit for bit.
#[allow(clippy::cast_possible_wrap)]
pub(crate) const fn signed(n: u64) -> i64 {
    n as i64
}

/// A limit as SQLite takes it.
pub(crate) fn limit(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// The way back from [`signed`].
#[allow(clippy::cast_sign_loss)]
pub(crate) const fn unsigned(n: i64) -> u64 {
    n as u64
}
