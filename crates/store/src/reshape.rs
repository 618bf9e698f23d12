//! Brings rows of the first shape into the second, in batches that survive an interruption; and whether index and bodies agree.

use crate::body;
use crate::documents::document_kind;
use crate::faults::OrFault;
use crate::resource_id::{IdCell, IdText};
use crate::resources::{Index, read_pats};
use crate::search::keys::Keys;
use crate::search::rows::lead;
use crate::shared::Shared;
use crate::tx::{Counters, Tx};
use crate::view::View;
use badiano_kernel::Fault;
use rusqlite::{Connection, params};

/// In `meta`: rows up to this number have the new shape; absent when all have.
const MARK: &str = "reshape";
/// Rows of one commit.
const BATCH: i64 = 2_000;

/// Goes on where an earlier start was interrupted.
pub(crate) fn reshape(conn: &Connection, shared: &Shared, at: Counters) -> Result<(), Fault> {
    loop {
        let mut tx = Tx::begin(conn, shared, at)?;
        let Some(done) = tx.meta::<i64>(MARK)? else {
            return conn.execute_batch("ROLLBACK").or_fault();
        };
        let last = batch(&mut tx, done)?;
        match last {
            Some(last) => tx.set_meta(MARK, last)?,
            None => drop(tx.run("DELETE FROM meta WHERE name = ?1", [MARK])?),
        }
        let fresh = std::mem::take(&mut tx.view.fresh);
        drop(tx);
        conn.execute_batch("COMMIT").or_fault()?;
        shared.names.learn(&fresh);
        if last.is_none() {
            return Ok(());
        }
    }
}

struct Old {
    rid: i64,
    kind: i64,
    id: String,
    pats: Vec<i64>,
    deleted: bool,
    keys: Vec<u8>,
    body: Vec<u8>,
}

/// The last row of a batch; nothing when no row is left.
fn batch(tx: &mut Tx<'_>, after: i64) -> Result<Option<i64>, Fault> {
    let sql = "SELECT rid, kind, id, pats, deleted, keys, body, pat FROM resource WHERE rid > ?1 ORDER BY rid LIMIT ?2";
    let rows = tx.all(sql, [after, BATCH], |r| {
        Ok(Old {
            rid: r.get(0)?,
            kind: r.get(1)?,
            id: r.get::<_, IdText>(2)?.0,
            pats: read_pats(r.get(7)?, r.get_ref(3)?.as_blob()?),
            deleted: r.get(4)?,
            keys: r.get(5)?,
            body: r.get(6)?,
        })
    })?;
    let last = rows.last().map(|r| r.rid);
    for old in rows {
        if document_kind(&tx.text(old.kind)?).is_none() {
            one(tx, &old)?;
        }
    }
    Ok(last)
}

fn one(tx: &mut Tx<'_>, old: &Old) -> Result<(), Fault> {
    tx.run("UPDATE resource SET id = ?2 WHERE rid = ?1", params![old.rid, IdCell::of(&old.id)])?;
    if old.deleted {
        return Ok(());
    }
    let keys = Keys::decode(&old.keys)?;
    for (param, _) in keys.iter() {
        let text = tx.text(param)?;
        tx.number_of(lead(&text))?;
    }
    let body = body::pack_keyed(&body::unpack(&old.body)?, &old.keys)?;
    tx.run("UPDATE resource SET body = ?2, keys = x'' WHERE rid = ?1", params![old.rid, body])?;
    let index = Index::new(&old.pats, &keys, &tx.view);
    tx.index(old.kind, old.rid, &index)
}

/// Where index and bodies disagree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Agreement {
    pub resources: u64,
    /// Search rows that the bodies call for.
    pub rows: u64,
    /// Rows that are called for and not there.
    pub missing: u64,
    /// Rows that nothing calls for.
    pub stray: u64,
}

impl View<'_> {
    /// Makes the search rows of every resource again and compares them with those that stand: a walk over everything.
    pub fn index_agreement(&self) -> Result<Agreement, Fault> {
        let mut found = Agreement::default();
        let mut statement =
            self.conn.prepare_cached("SELECT rid, kind FROM resource WHERE deleted = 0").or_fault()?;
        let mut walk = statement.query([]).or_fault()?;
        while let Some(row) = walk.next().or_fault()? {
            let (rid, kind): (i64, i64) = (row.get(0).or_fault()?, row.get(1).or_fault()?);
            let Some(index) = self.index_of(rid)? else { continue };
            found.resources += 1;
            for pat in &index.pats {
                let sql = "SELECT marks = ?4 FROM ix WHERE pat = ?1 AND kind = ?2 AND rid = ?3";
                let there = self.one(sql, params![pat, kind, rid, index.marks], |r| r.get::<_, bool>(0))?;
                found.rows += 1;
                found.missing += u64::from(there != Some(true));
            }
            for row in index.rows.iter().filter(|r| !r.of_patient) {
                let sql =
                    "SELECT 1 FROM gx WHERE kind = ?1 AND param = ?2 AND hash = ?3 AND lo = ?4 AND rid = ?5";
                let of = params![kind, row.param, row.hash, row.lo, rid];
                found.rows += 1;
                found.missing += u64::from(self.one(sql, of, |_| Ok(()))?.is_none());
            }
        }
        let standing = |table: &str| -> Result<u64, Fault> {
            let sql = format!("SELECT COUNT(*) FROM {table}");
            Ok(crate::view::unsigned(self.one(&sql, [], |r| r.get(0))?.unwrap_or_default()))
        };
        found.stray = (standing("ix")? + standing("gx")?).saturating_sub(found.rows - found.missing);
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::migrate_to;
    use crate::options::Options;
    use crate::resources::{Expect, Put, pat_of};
    use crate::shared::DATABASE;
    use crate::store::Store;
    use badiano_fhir::search::query::Test;
    use badiano_fhir::search::{Entry, Filter, Key, Modifier, Query, Total};
    use badiano_fhir::{fhir, json};
    use badiano_kernel::Instant;

    const ID: &str = "0b8f7a52-0c7d-4a0e-9f6e-3f6f2c1d4e5a";

    /// Rows as the first shape had them: entries in a column of their own, the id as text.
    fn write_first_shape(folder: &std::path::Path, patients: i64) {
        let mut conn = Connection::open(folder.join("data").join(DATABASE)).expect("a database");
        migrate_to(&mut conn, 1).expect("the first step");
        conn.execute_batch("INSERT INTO name(n, text) VALUES(1, 'Observation'), (2, 'code'), (3, 'patient')")
            .expect("names");
        for n in 0..patients {
            let patient = format!("p{n}");
            let mut keys = Keys::default();
            let code = Key::Token { system: "s".into(), code: "c".into(), text: "".into() };
            keys.push(2, code);
            let (kind, id) = ("Patient".into(), patient.as_str().into());
            keys.push(3, Key::Reference { kind, id, url: "".into(), identifier: None });
            let id = if n == 0 { ID.to_owned() } else { format!("o{n}") };
            let body = fhir!({ "resourceType": "Observation", "id": (id.as_str()) });
            let body = body::pack(json::to_string(&body).as_bytes()).expect("short");
            let pat = pat_of(&patient);
            conn.execute(
                "INSERT INTO resource(kind, id, version, updated, deleted, pat, class, change, source, pats, keys, body) \
                 VALUES(1, ?1, 1, 0, 0, ?2, 1, ?3, 'X', ?4, ?5, ?6)",
                params![id, pat, n + 1, pat.to_le_bytes(), keys.encode(), body],
            )
            .expect("a row of the first shape");
            let sql =
                "INSERT INTO change(seq, area, ref, version, updated, deleted) VALUES(?1, 0, ?1, 1, 0, 0)";
            conn.execute(sql, [n + 1]).expect("its change");
        }
    }

    fn search(store: &Store, param: &str, test: Test) -> Vec<String> {
        let filter = Filter::Param { param: param.into(), modifier: Modifier::None, any_of: vec![test] };
        let (kind, filters) = ("Observation".into(), vec![filter]);
        let query = Query { kind, filters, count: 10_000, total: Total::None, ..Query::default() };
        let hits = store.read(|view| view.search(&query, &|_| true)).expect("an answer").hits;
        hits.into_iter().map(|h| h.body.id().to_owned()).collect()
    }

    #[test]
    fn data_of_the_first_shape_are_found_read_and_changed_after_the_move() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(dir.path().join("data")).expect("a folder");
        let patients = BATCH + 5;
        let key_file = dir.path().join("keys").join("node.key");
        let options =
            Options { data: dir.path().join("data"), key_file: key_file.clone(), zone: "UTC".into() };
        std::fs::create_dir_all(key_file.parent().expect("its folder")).expect("a folder");
        assert!(options.node_key(true).is_ok(), "a key is made");
        write_first_shape(dir.path(), patients);
        let store = Store::open(options).expect("the store moves its rows");
        let agreement = store.read(|view| view.index_agreement()).expect("read");
        let whole = (agreement.resources, agreement.missing, agreement.stray);
        assert_eq!(whole, (u64::try_from(patients).expect("positive"), 0, 0));
        let code = || Test::Token { system: None, code: Some("c".into()) };
        assert_eq!(search(&store, "code", code()).len() as u64, agreement.resources);
        let of = Test::Reference { kind: Some("Patient".into()), id: "p0".into(), url: "".into() };
        assert_eq!(search(&store, "patient", of), [ID]);
        let read = store.read(|view| view.get("Observation", ID)).expect("read").expect("there");
        assert_eq!((read.version, read.pats), (1, vec![pat_of("p0")]));
        let written = store.write(|tx| {
            let body = fhir!({ "resourceType": "Observation", "id": ID });
            let code = Key::Token { system: "s".into(), code: "other".into(), text: "".into() };
            let entries = [Entry { param: "code".into(), key: code }];
            let (expect, now) = (Expect::Version(1), Instant::from_seconds(1));
            tx.put(Put {
                kind: "Observation",
                id: ID,
                expect,
                body: &body,
                entries: &entries,
                pats: &[],
                class: 1,
                source: "",
                now,
            })
        });
        assert_eq!(written.wait(), Ok(2));
        assert_eq!(search(&store, "code", code()).len() as u64, agreement.resources - 1);
        let after = store.read(|view| view.index_agreement()).expect("read");
        assert_eq!((after.missing, after.stray), (0, 0), "the rows of the old version are gone");
    }
}
