//! A write in progress: a `View` that can also change things, inside its own savepoint of a group.

use crate::faults::OrFault;
use crate::names::NAMES_MAX;
use crate::shared::Shared;
use crate::view::{View, signed};
use badiano_kernel::{Fault, Instant};
use rusqlite::{Connection, ToSql, params};
use std::collections::{BTreeSet, HashSet};
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A write in progress. What it shows by `Deref` includes its own changes.
pub struct Tx<'a> {
    pub(crate) view: View<'a>,
    pub(crate) at: Counters,
    /// Packs whose bytes this group's rows refer to.
    pub(crate) packs: HashSet<u32>,
    /// Kinds of documents that this group writes.
    pub(crate) documents: BTreeSet<i64>,
    /// Changes and leaves made by the job that runs, for the rows that must know their neighbours.
    pub(crate) job_began: Counters,
    /// Blobs kept by the job that runs.
    pub(crate) job_blobs: Vec<i64>,
}

/// Numbers given so far; the next one is one more (changes) or this one (leaves).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub change: u64,
    pub leaves: u64,
}

impl<'a> Deref for Tx<'a> {
    type Target = View<'a>;
    fn deref(&self) -> &View<'a> {
        &self.view
    }
}

/// What a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Area {
    Resource = 0,
    Document = 1,
    Instance = 2,
}

impl<'a> Tx<'a> {
    pub(crate) fn begin(conn: &'a Connection, shared: &'a Shared, at: Counters) -> Result<Self, Fault> {
        conn.execute_batch("BEGIN IMMEDIATE").or_fault()?;
        Ok(Tx {
            view: View::new(conn, shared),
            at,
            packs: HashSet::new(),
            documents: BTreeSet::new(),
            job_began: at,
            job_blobs: Vec::new(),
        })
    }

    /// Runs one job in its own savepoint: all of it stays, or nothing.
    pub(crate) fn job<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.conn.is_autocommit() {
            return Err(Fault::unavailable("another write of the group broke the transaction off"));
        }
        self.view.run("SAVEPOINT job", [])?;
        self.job_began = self.at;
        self.job_blobs.clear();
        let names = self.view.fresh.len();
        let ran = catch_unwind(AssertUnwindSafe(|| f(self)))
            .unwrap_or_else(|_| Err(Fault::bug("a write broke off by a panic")));
        let done = ran.and_then(|value| {
            self.bind_blobs()?;
            Ok(value)
        });
        if done.is_err() {
            self.view.run("ROLLBACK TO job", [])?;
            self.view.fresh.truncate(names);
            self.at = self.job_began;
        }
        self.view.run("RELEASE job", [])?;
        done
    }

    /// The number of a name, given now where it has none.
    pub(crate) fn number_of(&mut self, text: &str) -> Result<i64, Fault> {
        if let Some(n) = self.view.number(text) {
            return Ok(n);
        }
        let n = self.shared.names.count() + self.view.fresh.len() + 1;
        if n > NAMES_MAX {
            return Err(Fault::too_costly("there are too many kinds and search parameters"));
        }
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        self.run("INSERT INTO name(n, text) VALUES(?1, ?2)", params![n, text])?;
        self.view.fresh.push(text.into());
        Ok(n)
    }

    /// Writes the next line of the change log.
    pub(crate) fn log_change(
        &mut self,
        area: Area,
        subject: i64,
        version: u64,
        updated: Instant,
        deleted: bool,
    ) -> Result<u64, Fault> {
        self.at.change += 1;
        self.run(
            "INSERT INTO change(seq, area, ref, version, updated, deleted) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
            params![signed(self.at.change), area as i64, subject, signed(version), updated.micros, deleted],
        )?;
        Ok(self.at.change)
    }

    pub(crate) fn set_meta(&self, name: &str, value: impl ToSql) -> Result<(), Fault> {
        self.run(
            "INSERT INTO meta(name, value) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = excluded.value",
            params![name, value],
        )?;
        Ok(())
    }
}
