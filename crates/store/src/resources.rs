//! Versioned resources: the newest version with its search rows, older versions beside it (FHIR R4, http.html).

use crate::body;
use crate::faults::OrFault;
use crate::resource_id::{IdCell, IdText};
use crate::search::keys::Keys;
use crate::search::rows::{self, IndexRow, Leads, index_rows, lead, marks};
use crate::tx::{Area, Tx};
use crate::view::{View, signed, unsigned};
use badiano_fhir::search::{Entry, Key};
use badiano_fhir::{Value, json};
use badiano_kernel::{Fault, Instant};
use ring::digest;
use rusqlite::{Row, params};
use std::collections::HashMap;

/// Search entries of one resource.
pub const ENTRIES_MAX: usize = 20_000;
/// Patients that one resource may concern.
pub const PATIENTS_MAX: usize = 1_000;

/// What must hold of what is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    Any,
    /// Nothing is there, or it is deleted.
    Absent,
    /// This version is the newest one and not deleted.
    Version(u64),
}

/// A resource to be written.
#[derive(Debug, Clone, Copy)]
pub struct Put<'a> {
    pub kind: &'a str,
    pub id: &'a str,
    pub expect: Expect,
    pub body: &'a Value,
    /// What it says under each search parameter.
    pub entries: &'a [Entry],
    /// The patients it concerns, as [`pat_of`] gives them; none for what concerns nobody.
    pub pats: &'a [i64],
    /// Bits of the classes that consent speaks of; the caller's own meaning.
    pub class: u64,
    /// The institution it came from; the caller's own meaning.
    pub source: &'a str,
    pub now: Instant,
}

/// Other search entries for a version that is kept.
#[derive(Debug, Clone, Copy)]
pub struct Reindex<'a> {
    pub kind: &'a str,
    pub id: &'a str,
    /// Only while it is the newest one.
    pub version: u64,
    pub entries: &'a [Entry],
}

/// A version of a resource as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    pub kind: String,
    pub id: String,
    pub version: u64,
    pub updated: Instant,
    pub deleted: bool,
    /// The first of `pats`, 0 for none.
    pub pat: i64,
    pub pats: Vec<i64>,
    pub class: u64,
    pub source: String,
    /// `Null` for a deleted version.
    pub body: Value,
}

/// What decides whether somebody may see a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stub {
    pub kind: String,
    pub id: String,
    pub pat: i64,
    pub class: u64,
    pub source: String,
}

impl Stored {
    pub fn stub(&self) -> Stub {
        Stub {
            kind: self.kind.clone(),
            id: self.id.clone(),
            pat: self.pat,
            class: self.class,
            source: self.source.clone(),
        }
    }
    /// One for each patient concerned: a thing is visible when all of them are.
    pub fn stubs(&self) -> Vec<Stub> {
        let one = self.stub();
        if self.pats.len() < 2 {
            return vec![one];
        }
        self.pats.iter().map(|pat| Stub { pat: *pat, ..one.clone() }).collect()
    }
}

/// The number under which a patient's data lie together: 63 bits of the SHA-256 of the logical id, never 0.
pub fn pat_of(patient_logical_id: &str) -> i64 {
    let hash = digest::digest(&digest::SHA256, patient_logical_id.as_bytes());
    let mut first = [0u8; 8];
    first.copy_from_slice(&hash.as_ref()[..8]);
    (i64::from_be_bytes(first) & i64::MAX).max(1)
}

/// The row of the newest version, without its body.
pub(crate) struct Head {
    pub rid: i64,
    pub version: u64,
    pub deleted: bool,
}

const STORED: &str = "kind, id, version, updated, deleted, pat, class, source, pats, body";

impl View<'_> {
    /// The newest version, which may be a deletion.
    pub fn get(&self, kind: &str, id: &str) -> Result<Option<Stored>, Fault> {
        let Some(kind) = self.number(kind) else { return Ok(None) };
        let sql = const_format(STORED, "FROM resource WHERE kind = ?1 AND id = ?2");
        self.one(&sql, params![kind, IdCell::of(id)], read_stored)?.map(|raw| self.finish(raw)).transpose()
    }

    /// One version.
    pub fn get_version(&self, kind: &str, id: &str, version: u64) -> Result<Option<Stored>, Fault> {
        let Some(number) = self.number(kind) else { return Ok(None) };
        let Some(newest) = self.head(number, IdCell::of(id))? else { return Ok(None) };
        if newest.version == version {
            return self.get(kind, id);
        }
        let sql = "SELECT r.kind, r.id, v.version, v.updated, v.deleted, v.pat, v.class, v.source, v.pats, v.body \
                   FROM version v JOIN resource r ON r.rid = v.rid WHERE v.rid = ?1 AND v.version = ?2";
        let raw = self.one(sql, params![newest.rid, signed(version)], read_stored)?;
        raw.map(|raw| self.finish(raw)).transpose()
    }

    /// All versions, newest first.
    pub fn history(&self, kind: &str, id: &str) -> Result<Vec<Stored>, Fault> {
        let Some(newest) = self.get(kind, id)? else { return Ok(Vec::new()) };
        let sql = "SELECT r.kind, r.id, v.version, v.updated, v.deleted, v.pat, v.class, v.source, v.pats, v.body \
                   FROM resource r JOIN version v ON r.rid = v.rid WHERE r.kind = ?1 AND r.id = ?2 \
                   ORDER BY v.version DESC";
        let older = self.all(sql, params![self.number(kind), IdCell::of(id)], read_stored)?;
        let mut all = vec![newest];
        for raw in older {
            all.push(self.finish(raw)?);
        }
        Ok(all)
    }

    pub(crate) fn head(&self, kind: i64, id: IdCell<'_>) -> Result<Option<Head>, Fault> {
        let sql = "SELECT rid, version, deleted FROM resource WHERE kind = ?1 AND id = ?2";
        self.one(sql, params![kind, id], |r| {
            Ok(Head { rid: r.get(0)?, version: unsigned(r.get(1)?), deleted: r.get(2)? })
        })
    }

    /// Whether nothing stands under an id, or it is deleted.
    pub fn is_absent(&self, kind: &str, id: &str) -> Result<bool, Fault> {
        let Some(kind) = self.number(kind) else { return Ok(true) };
        Ok(self.head(kind, IdCell::of(id))?.is_none_or(|head| head.deleted))
    }

    /// The newest version of a row, for the hits of a page.
    pub(crate) fn stored(&self, rid: i64) -> Result<Option<Stored>, Fault> {
        let sql = const_format(STORED, "FROM resource WHERE rid = ?1");
        self.one(&sql, [rid], read_stored)?.map(|raw| self.finish(raw)).transpose()
    }

    pub(crate) fn finish(&self, raw: Raw) -> Result<Stored, Fault> {
        let body = if raw.deleted {
            Value::Null
        } else {
            let mut body = json::parse(&body::unpack(&raw.body)?)
                .map_err(|_| Fault::unavailable("a stored body is damaged"))?;
            stamp(&mut body, &raw.id, raw.version, raw.updated);
            body
        };
        Ok(Stored {
            kind: self.text(raw.kind)?.as_ref().to_owned(),
            id: raw.id,
            version: raw.version,
            updated: raw.updated,
            deleted: raw.deleted,
            pat: raw.pat,
            pats: raw.pats,
            class: raw.class,
            source: raw.source,
            body,
        })
    }
}

/// Sets what the row says already where the body was written with `null` in its place (no resource has a `null` there): the
/// id, the number of the version and when it was made.
pub fn stamp(body: &mut Value, id: &str, version: u64, updated: Instant) {
    let fill = |of: &mut Value, name: &str, value: String| {
        if let Some(empty) = of.as_object_mut().and_then(|o| o.get_mut(name)).filter(|v| v.is_null()) {
            *empty = Value::from(value);
        }
    };
    fill(body, "id", id.to_owned());
    if let Some(meta) = body.as_object_mut().and_then(|o| o.get_mut("meta")) {
        fill(meta, "versionId", version.to_string());
        fill(meta, "lastUpdated", updated.to_rfc3339());
    }
}

fn const_format(columns: &str, rest: &str) -> String {
    format!("SELECT {columns} {rest}")
}

/// A row with its kind still a number and its body still packed.
pub(crate) struct Raw {
    pub kind: i64,
    pub id: String,
    pub version: u64,
    pub updated: Instant,
    pub deleted: bool,
    pub pat: i64,
    pub class: u64,
    pub source: String,
    pub pats: Vec<i64>,
    pub body: Vec<u8>,
}

pub(crate) fn read_stored(r: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok(Raw {
        kind: r.get(0)?,
        id: r.get::<_, IdText>(1)?.0,
        version: unsigned(r.get(2)?),
        updated: Instant::from_micros(r.get(3)?),
        deleted: r.get(4)?,
        pat: r.get(5)?,
        class: unsigned(r.get(6)?),
        source: r.get(7)?,
        pats: read_pats(r.get(5)?, r.get_ref(8)?.as_blob()?),
        body: r.get(9)?,
    })
}

/// The patients of a row: what stands in `pats`, or the one in `pat` where that is all.
pub(crate) fn read_pats(pat: i64, bytes: &[u8]) -> Vec<i64> {
    if bytes.is_empty() && pat != 0 {
        return vec![pat];
    }
    bytes.chunks_exact(8).map(|c| i64::from_le_bytes(c.try_into().unwrap_or_default())).collect()
}

fn write_pats(pats: &[i64]) -> Vec<u8> {
    if pats.len() == 1 && pats[0] != 0 {
        return Vec::new();
    }
    pats.iter().flat_map(|p| p.to_le_bytes()).collect()
}

/// The row of a new version.
pub(crate) struct Row1<'a> {
    pub kind: i64,
    pub id: IdCell<'a>,
    pub area: Area,
    pub expect: Expect,
    pub deleted: bool,
    pub pats: Vec<i64>,
    pub class: u64,
    pub source: &'a str,
    /// Nothing for what is never searched.
    pub index: Option<Index>,
    pub body: Vec<u8>,
    pub now: Instant,
}

impl Tx<'_> {
    /// Writes the next version of a resource and its search rows; the answer is the version.
    pub fn put(&mut self, put: Put<'_>) -> Result<u64, Fault> {
        let ready = self.ready(&put)?;
        self.put_ready(ready, put.expect, put.source, put.now)
    }

    /// Makes a resource ready inside a write.
    pub fn ready(&mut self, put: &Put<'_>) -> Result<Ready, Fault> {
        Ready::new(put, &mut |name| self.number_of(name))
    }

    /// Writes what was made ready before.
    pub fn put_ready(
        &mut self,
        ready: Ready,
        expect: Expect,
        source: &str,
        now: Instant,
    ) -> Result<u64, Fault> {
        self.put_row(Row1 {
            kind: ready.kind,
            id: IdCell::of(&ready.id),
            area: Area::Resource,
            expect,
            deleted: false,
            pats: ready.pats,
            class: ready.class,
            source,
            index: Some(ready.index),
            body: ready.body,
            now,
        })
    }

    /// Marks a resource deleted: a version without a body. Deleting again changes nothing and answers the same version.
    pub fn delete(&mut self, kind: &str, id: &str, expect: Expect, now: Instant) -> Result<u64, Fault> {
        let kind = self.number(kind).ok_or_else(|| Fault::not_found("no such resource"))?;
        self.delete_row(kind, IdCell::of(id), Area::Resource, expect, now)
    }

    pub(crate) fn delete_row(
        &mut self,
        kind: i64,
        id: IdCell<'_>,
        area: Area,
        expect: Expect,
        now: Instant,
    ) -> Result<u64, Fault> {
        let sql =
            "SELECT class, source, pats, deleted, version, pat FROM resource WHERE kind = ?1 AND id = ?2";
        let old = self.one(sql, params![kind, id], |r| {
            let pats = read_pats(r.get(5)?, r.get_ref(2)?.as_blob()?);
            Ok((unsigned(r.get(0)?), r.get::<_, String>(1)?, pats, r.get::<_, bool>(3)?, unsigned(r.get(4)?)))
        })?;
        let (class, source, pats, deleted, version) =
            old.ok_or_else(|| Fault::not_found("no such resource"))?;
        if deleted {
            return Ok(version);
        }
        let source = source.as_str();
        let (index, body) = (None, Vec::new());
        self.put_row(Row1 { kind, id, area, expect, deleted: true, pats, class, source, index, body, now })
    }

    pub(crate) fn put_row(&mut self, row: Row1<'_>) -> Result<u64, Fault> {
        let old = self.head(row.kind, row.id)?;
        let fits = match (row.expect, &old) {
            (Expect::Any, _) | (Expect::Absent, None) => true,
            (Expect::Absent, Some(old)) => old.deleted,
            (Expect::Version(v), Some(old)) => old.version == v && !old.deleted,
            (Expect::Version(_), None) => false,
        };
        if !fits {
            return Err(Fault::conflict(match row.expect {
                Expect::Version(_) => "another change came first: the version is not the newest one",
                _ => "it stands already",
            }));
        }
        let version = old.as_ref().map_or(1, |o| o.version + 1);
        let rid = match &old {
            Some(old) => {
                self.keep_old_version(row.kind, old.rid)?;
                old.rid
            }
            None => {
                // Never a number that a row taken away has had: the change log may still speak of it.
                let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'resource'";
                1 + self.one(sql, [], |r| r.get::<_, i64>(0))?.unwrap_or(0)
            }
        };
        let change = self.log_change(row.area, rid, version, row.now, row.deleted)?;
        self.run(
            "INSERT INTO resource(rid, kind, id, version, updated, deleted, pat, class, change, source, pats, keys, body) \
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, x'', ?12) \
             ON CONFLICT(rid) DO UPDATE SET version = excluded.version, updated = excluded.updated, \
             deleted = excluded.deleted, pat = excluded.pat, class = excluded.class, change = excluded.change, \
             source = excluded.source, pats = excluded.pats, body = excluded.body",
            params![
                rid,
                row.kind,
                row.id,
                signed(version),
                row.now.micros,
                row.deleted,
                row.pats.first().copied().unwrap_or(0),
                signed(row.class),
                signed(change),
                row.source,
                write_pats(&row.pats),
                row.body
            ],
        )?;
        if let Some(index) = &row.index {
            self.index(row.kind, rid, index)?;
        }
        Ok(version)
    }

    /// Moves the newest version among the older ones and takes its search rows away.
    fn keep_old_version(&mut self, kind: i64, rid: i64) -> Result<(), Fault> {
        self.run(
            "INSERT INTO version(rid, version, updated, deleted, pat, class, change, source, pats, body) \
             SELECT rid, version, updated, deleted, pat, class, change, source, pats, body FROM resource WHERE rid = ?1",
            [rid],
        )?;
        self.unindex(kind, rid)
    }

    /// Takes the search rows of a row away.
    fn unindex(&mut self, kind: i64, rid: i64) -> Result<(), Fault> {
        let Some(old) = self.index_of(rid)? else { return Ok(()) };
        for pat in old.pats {
            self.run("DELETE FROM ix WHERE pat = ?1 AND kind = ?2 AND rid = ?3", [pat, kind, rid])?;
        }
        let sql = "DELETE FROM gx WHERE kind = ?1 AND param = ?2 AND hash = ?3 AND lo = ?4 AND rid = ?5";
        let mut statement = self.conn.prepare_cached(sql).or_fault()?;
        for row in old.rows.iter().filter(|r| !r.of_patient) {
            statement.execute(params![kind, row.param, row.hash, row.lo, rid]).or_fault()?;
        }
        Ok(())
    }

    /// Gives the newest version other search entries, if it still is the one that is named: no version and no change comes of it.
    pub fn reindex(&mut self, reindex: Reindex<'_>) -> Result<bool, Fault> {
        let Reindex { kind, id, version, entries } = reindex;
        let kind = self.number_of(kind)?;
        let head = self.head(kind, IdCell::of(id))?.filter(|h| h.version == version && !h.deleted);
        let Some(Head { rid, .. }) = head else { return Ok(false) };
        let sql = "SELECT pat, pats, body FROM resource WHERE rid = ?1";
        let row = self.one(sql, [rid], |r| {
            Ok((read_pats(r.get(0)?, r.get_ref(1)?.as_blob()?), r.get::<_, Vec<u8>>(2)?))
        })?;
        let Some((pats, packed)) = row else { return Ok(false) };
        let (keys, leads) = keyed(entries, &mut |name| self.number_of(name))?;
        self.unindex(kind, rid)?;
        let body = body::pack_keyed(&body::unpack(&packed)?, &keys.encode())?;
        self.run("UPDATE resource SET body = ?2 WHERE rid = ?1", params![rid, body])?;
        self.index(kind, rid, &Index::new(&pats, &keys, &leads))?;
        Ok(true)
    }

    /// Writes the search rows of a row that has none.
    pub(crate) fn index(&mut self, kind: i64, rid: i64, index: &Index) -> Result<(), Fault> {
        for pat in &index.pats {
            self.run(
                "INSERT OR IGNORE INTO ix(pat, kind, rid, marks) VALUES(?1, ?2, ?3, ?4)",
                params![pat, kind, rid, index.marks],
            )?;
        }
        let sql = "INSERT OR IGNORE INTO gx(kind, param, hash, lo, rid) VALUES(?1, ?2, ?3, ?4, ?5)";
        let mut statement = self.conn.prepare_cached(sql).or_fault()?;
        for row in index.rows.iter().filter(|r| !r.of_patient) {
            statement.execute(params![kind, row.param, row.hash, row.lo, rid]).or_fault()?;
        }
        Ok(())
    }
}

/// The search rows that a row of `resource` must have.
pub(crate) struct Index {
    pub pats: Vec<i64>,
    pub rows: Vec<IndexRow>,
    pub marks: Vec<u8>,
}

impl Index {
    pub fn new(pats: &[i64], keys: &Keys, leads: &impl Leads) -> Self {
        let rows = index_rows(keys, leads);
        let marks = marks(&rows);
        Index { pats: rows::patients(pats, keys, leads).into_iter().collect(), rows, marks }
    }
}

/// A resource printed, packed and indexed before the writer's turn comes: everything but its version.
pub struct Ready {
    kind: i64,
    id: String,
    pats: Vec<i64>,
    class: u64,
    body: Vec<u8>,
    index: Index,
}

/// The leading parameters of one resource's parameters.
struct OwnLeads(HashMap<i64, (i64, bool)>);

impl Leads for OwnLeads {
    fn lead_of(&self, param: i64) -> (i64, bool) {
        self.0.get(&param).copied().unwrap_or((param, false))
    }
}

/// The entries under the numbers of their names, with the parameters that lead them.
fn keyed(
    entries: &[Entry],
    number: &mut dyn FnMut(&str) -> Result<i64, Fault>,
) -> Result<(Keys, OwnLeads), Fault> {
    if entries.len() > ENTRIES_MAX {
        return Err(Fault::too_costly("a resource says too much for the index"));
    }
    let mut keys = Keys::default();
    let mut leads = OwnLeads(HashMap::new());
    for entry in entries {
        if matches!(entry.key, Key::Missing) || matches!(&*entry.param, "_id" | "_lastUpdated") {
            continue;
        }
        let (param, lead) = (number(&entry.param)?, lead(&entry.param));
        leads.0.insert(param, (number(lead)?, lead == "subject"));
        keys.push(param, entry.key.clone());
    }
    Ok((keys, leads))
}

impl Ready {
    /// `number` gives the number of a name.
    pub(crate) fn new(
        put: &Put<'_>,
        number: &mut dyn FnMut(&str) -> Result<i64, Fault>,
    ) -> Result<Self, Fault> {
        if put.pats.len() > PATIENTS_MAX {
            return Err(Fault::too_costly("a resource says too much for the index"));
        }
        let mut pats = put.pats.to_vec();
        pats.sort_unstable();
        pats.dedup();
        // The caller's order says which patient comes first.
        if let Some(at) = put.pats.first().and_then(|first| pats.iter().position(|p| p == first)) {
            pats.swap(0, at);
        }
        let (keys, leads) = keyed(put.entries, number)?;
        Ok(Ready {
            kind: number(put.kind)?,
            id: put.id.to_owned(),
            class: put.class,
            body: body::pack_keyed(json::to_string(put.body).as_bytes(), &keys.encode())?,
            index: Index::new(&pats, &keys, &leads),
            pats,
        })
    }
}

impl View<'_> {
    /// The search rows that a row must have, from what stands in it; none where there is no such row.
    pub(crate) fn index_of(&self, rid: i64) -> Result<Option<Index>, Fault> {
        let sql = "SELECT pat, pats, body FROM resource WHERE rid = ?1 AND deleted = 0";
        let row = self.one(sql, [rid], |r| {
            Ok((read_pats(r.get(0)?, r.get_ref(1)?.as_blob()?), r.get::<_, Vec<u8>>(2)?))
        })?;
        let Some((pats, body)) = row else { return Ok(None) };
        let keys = Keys::decode(&body::unpack_keyed(&body)?.keys)?;
        Ok(Some(Index::new(&pats, &keys, self)))
    }
}

impl Leads for View<'_> {
    fn lead_of(&self, param: i64) -> (i64, bool) {
        let Ok(text) = self.text(param) else { return (param, false) };
        let lead = lead(&text);
        let number = if *text == *lead { param } else { self.number(lead).unwrap_or(param) };
        (number, lead == "subject")
    }
}
