//! The rows by which studies are found: a folded value of an attribute, then the moment of the study (PS3.4 C.2.2.2).
//!
//! The moment stands in the key, so that the studies of one value come newest first out of one range scan.

use super::attributes::{INDEXED, decode, folded_forms, is_name, words};
use crate::faults::OrFault;
use crate::tx::{Counters, Tx};
use crate::{shared::Shared, view::View};
use badiano_kernel::Fault;
use rusqlite::{Connection, params};

/// In `meta`: studies up to this number have their rows; absent when all have.
const MARK: &str = "image-index";
/// Studies of one commit.
const BATCH: i64 = 2_000;

/// The key of the words of a name: beyond all tags, which have 32 bits.
pub(super) const fn words_of(tag: u32) -> i64 {
    (1 << 32) | tag as i64
}

/// Every key and form under which a value is found; names by each of their words too.
fn keys(tag: u32, text: &str) -> Vec<(i64, String)> {
    if !INDEXED.contains(&tag) {
        return Vec::new();
    }
    let mut keys: Vec<(i64, String)> =
        folded_forms(tag, text).into_iter().map(|form| (i64::from(tag), form)).collect();
    if is_name(tag) {
        keys.extend(words(text).into_iter().map(|word| (words_of(tag), word)));
        keys.sort();
        keys.dedup();
    }
    keys
}

/// What is done with the rows of a study.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    Made,
    Gone,
}

impl View<'_> {
    /// The rows of one set of attributes: of a study (`series` is 0) or of one of its series.
    pub(super) fn index_attributes(
        &self,
        rows: Rows,
        attributes: &[(u32, String)],
        moment: &str,
        study: i64,
        series: i64,
    ) -> Result<(), Fault> {
        let sql = match rows {
            Rows::Made => {
                "INSERT OR IGNORE INTO dx(tag, folded, moment, study, series) VALUES(?1, ?2, ?3, ?4, ?5)"
            }
            Rows::Gone => {
                "DELETE FROM dx WHERE tag = ?1 AND folded = ?2 AND moment = ?3 AND study = ?4 AND series = ?5"
            }
        };
        for (tag, text) in attributes {
            for (key, folded) in keys(*tag, text) {
                self.run(sql, params![key, folded, moment, study, series])?;
            }
        }
        Ok(())
    }

    /// All rows of a study and its series as they stand now. Whoever changes attributes takes the rows away before and makes them after.
    pub(super) fn index_study(&self, rows: Rows, study: i64) -> Result<(), Fault> {
        let sql = "SELECT moment, attributes FROM study WHERE n = ?1";
        let of_study = self.one(sql, [study], |r| Ok((r.get::<_, String>(0)?, r.get::<_, Vec<u8>>(1)?)))?;
        let Some((moment, attributes)) = of_study else { return Ok(()) };
        self.index_attributes(rows, &decode(&attributes)?, &moment, study, 0)?;
        let sql = "SELECT n, attributes FROM series WHERE study = ?1";
        for (series, attributes) in
            self.all(sql, [study], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, Vec<u8>>(1)?)))?
        {
            self.index_attributes(rows, &decode(&attributes)?, &moment, study, series)?;
        }
        Ok(())
    }
}

/// Makes the rows of every study in batches, where the shape of the rows has changed; goes on where an earlier start was interrupted.
pub(crate) fn reindex(conn: &Connection, shared: &Shared, at: Counters) -> Result<(), Fault> {
    loop {
        let tx = Tx::begin(conn, shared, at)?;
        let Some(done) = tx.meta::<i64>(MARK)? else {
            return conn.execute_batch("ROLLBACK").or_fault();
        };
        let sql = "SELECT n FROM study WHERE n > ?1 ORDER BY n LIMIT ?2";
        let studies: Vec<i64> = tx.all(sql, [done, BATCH], |r| r.get(0))?;
        for study in &studies {
            tx.index_study(Rows::Made, *study)?;
        }
        match studies.last() {
            Some(last) => tx.set_meta(MARK, *last)?,
            None => drop(tx.run("DELETE FROM meta WHERE name = ?1", [MARK])?),
        }
        drop(tx);
        conn.execute_batch("COMMIT").or_fault()?;
        if studies.is_empty() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom_index::attributes::encode;
    use crate::migrations::migrate_to;
    use crate::options::Options;
    use crate::shared::DATABASE;
    use crate::store::Store;
    use badiano_dicom::query::{Condition, Level, Query};
    use badiano_dicom::tags;

    #[test]
    fn studies_of_an_earlier_shape_are_found_after_the_move() {
        let dir = tempfile::tempdir().expect("a folder");
        let options = Options {
            data: dir.path().join("data"),
            key_file: dir.path().join("keys").join("node.key"),
            zone: "UTC".into(),
        };
        for folder in ["data", "keys"] {
            std::fs::create_dir_all(dir.path().join(folder)).expect("a folder");
        }
        assert!(options.node_key(true).is_ok(), "a key is made");
        let mut conn = Connection::open(options.data.join(DATABASE)).expect("a database");
        migrate_to(&mut conn, 3).expect("the shape before");
        let studies = BATCH + 5;
        for n in 0..studies {
            let attributes = encode(&[(0x0010_0010, format!("Muñoz^Ana {n}"))]);
            let sql = "INSERT INTO study(uid, pat, class, source, moment, modalities, series, instances, received, changed, attributes) \
                       VALUES(?1, 1, 1, 'X', '2024', 'CT', 1, 1, 0, 1, ?2)";
            conn.execute(sql, params![format!("1.{n}"), attributes]).expect("a study");
            let attributes = encode(&[(0x0008_0060, "CT".to_owned())]);
            let sql = "INSERT INTO series(study, uid, modality, instances, received, attributes) VALUES(?1, ?2, 'CT', 1, 0, ?3)";
            conn.execute(sql, params![n + 1, format!("2.{n}"), attributes]).expect("a series");
        }
        drop(conn);
        let store = Store::open(options).expect("the store opens and moves its rows");
        let found = |conditions, fuzzy| {
            let limit = 10_000;
            let query =
                Query { level: Level::Study, conditions, combined_date_time: false, fuzzy, limit, offset: 0 };
            store.read(|view| view.dicom_find(&query, &|_| true)).expect("an answer").rows.len()
        };
        let single = |text: &str| Condition::Single(text.to_owned());
        assert_eq!(
            found(vec![(tags::PATIENT_NAME, single("munoz^ana 2004"))], false),
            1,
            "in the last batch"
        );
        assert_eq!(found(vec![(tags::PATIENT_NAME, single("2004 muñoz"))], true), 1, "by its words");
        assert_eq!(
            found(vec![(tags::MODALITIES_IN_STUDY, single("CT"))], false),
            studies as usize,
            "by series"
        );
    }
}
