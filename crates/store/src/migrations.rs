//! The shape of the database, step by step; a step that has shipped is never edited, only followed.

use crate::faults::OrFault;
use badiano_kernel::Fault;
use rusqlite::Connection;

/// Each step takes the database from its index to the next number.
const STEPS: &[&str] = &[STEP_1, STEP_2, STEP_3, STEP_4, STEP_5];

/// The search rows of this step are those of the first release; step 3 replaces them.
const STEP_1: &str = "
CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE name(n INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);

CREATE TABLE resource(
  rid INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
  updated INTEGER NOT NULL, deleted INTEGER NOT NULL, pat INTEGER NOT NULL, class INTEGER NOT NULL,
  change INTEGER NOT NULL, source TEXT NOT NULL, pats BLOB NOT NULL, keys BLOB NOT NULL, body BLOB NOT NULL);
CREATE UNIQUE INDEX resource_id ON resource(kind, id);
CREATE UNIQUE INDEX resource_change ON resource(kind, change);
CREATE TABLE version(
  rid INTEGER NOT NULL, version INTEGER NOT NULL, updated INTEGER NOT NULL, deleted INTEGER NOT NULL,
  pat INTEGER NOT NULL, class INTEGER NOT NULL, change INTEGER NOT NULL, source TEXT NOT NULL,
  pats BLOB NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY(rid, version)) WITHOUT ROWID;
CREATE TABLE ix(
  pat INTEGER NOT NULL, kind INTEGER NOT NULL, param INTEGER NOT NULL, hash INTEGER NOT NULL,
  lo, hi, rid INTEGER NOT NULL,
  PRIMARY KEY(pat, kind, param, hash, lo, hi, rid)) WITHOUT ROWID;
CREATE INDEX gx ON ix(kind, param, hash, lo, hi, pat, rid);

CREATE TABLE change(
  seq INTEGER PRIMARY KEY, area INTEGER NOT NULL, ref INTEGER NOT NULL, version INTEGER NOT NULL,
  updated INTEGER NOT NULL, deleted INTEGER NOT NULL);

CREATE TABLE leaf(
  n INTEGER PRIMARY KEY, at INTEGER NOT NULL, leaf BLOB NOT NULL, hash BLOB NOT NULL, salt BLOB NOT NULL,
  content BLOB NOT NULL);
CREATE TABLE leaf_subject(
  subject BLOB NOT NULL, seq INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(subject, seq)) WITHOUT ROWID;

CREATE TABLE queue(
  n INTEGER PRIMARY KEY AUTOINCREMENT, queue INTEGER NOT NULL, key TEXT NOT NULL, head INTEGER NOT NULL,
  state INTEGER NOT NULL, not_before INTEGER NOT NULL, tries INTEGER NOT NULL, made INTEGER NOT NULL,
  why TEXT NOT NULL, payload BLOB NOT NULL);
CREATE INDEX queue_ready ON queue(queue, state, head, not_before);
CREATE INDEX queue_key ON queue(queue, key, n);
CREATE TABLE queue_length(queue INTEGER PRIMARY KEY, items INTEGER NOT NULL);

CREATE TABLE pack(n INTEGER PRIMARY KEY, tail INTEGER NOT NULL);
CREATE TABLE blob(
  n INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, pack INTEGER NOT NULL, offset INTEGER NOT NULL,
  length INTEGER NOT NULL, sha256 BLOB NOT NULL, key BLOB NOT NULL,
  change_from INTEGER NOT NULL, change_to INTEGER NOT NULL);
CREATE INDEX blob_content ON blob(sha256);

CREATE TABLE study(
  n INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, pat INTEGER NOT NULL, class INTEGER NOT NULL,
  source TEXT NOT NULL, moment TEXT NOT NULL, modalities TEXT NOT NULL, series INTEGER NOT NULL,
  instances INTEGER NOT NULL, received INTEGER NOT NULL, changed INTEGER NOT NULL, attributes BLOB NOT NULL);
CREATE INDEX study_moment ON study(moment, n);
CREATE INDEX study_pat ON study(pat, moment, n);
CREATE TABLE series(
  n INTEGER PRIMARY KEY, study INTEGER NOT NULL, uid TEXT NOT NULL, modality TEXT NOT NULL,
  instances INTEGER NOT NULL, received INTEGER NOT NULL, attributes BLOB NOT NULL);
CREATE UNIQUE INDEX series_uid ON series(study, uid);
CREATE INDEX series_alone ON series(uid);
CREATE TABLE instance(
  n INTEGER PRIMARY KEY AUTOINCREMENT, series INTEGER NOT NULL, sop TEXT NOT NULL UNIQUE, sop_class TEXT NOT NULL,
  transfer_syntax TEXT NOT NULL, blob INTEGER NOT NULL, class INTEGER NOT NULL, source TEXT NOT NULL,
  number INTEGER NOT NULL, received INTEGER NOT NULL, attributes BLOB NOT NULL, frames BLOB NOT NULL,
  metadata BLOB NOT NULL);
CREATE TABLE instance_gone(n INTEGER PRIMARY KEY, study TEXT NOT NULL, sop TEXT NOT NULL);
CREATE INDEX instance_series ON instance(series, number, n);
CREATE INDEX instance_blob ON instance(blob);
CREATE TABLE dx(
  tag INTEGER NOT NULL, folded TEXT NOT NULL, study INTEGER NOT NULL, series INTEGER NOT NULL,
  PRIMARY KEY(tag, folded, study, series)) WITHOUT ROWID;
";

/// `work_list` bears everything that a list is cut and counted by, so that a list is read without its lines.
const STEP_2: &str = "
CREATE TABLE work(
  n INTEGER PRIMARY KEY, kind INTEGER NOT NULL, id TEXT NOT NULL, list TEXT NOT NULL, state TEXT NOT NULL,
  rank INTEGER NOT NULL, since INTEGER NOT NULL, due INTEGER NOT NULL, area TEXT NOT NULL, topic TEXT NOT NULL,
  holder TEXT NOT NULL, pat INTEGER NOT NULL, class INTEGER NOT NULL, source TEXT NOT NULL, body BLOB NOT NULL);
CREATE UNIQUE INDEX work_id ON work(kind, id);
CREATE INDEX work_list ON work(kind, list, rank, since, n, state, due, area, topic, holder, pat, class, source);
";

/// `ix` is led by the patient, so that one patient's data lie together and a question about one is one range scan over rows
/// that bear marks of all that a resource says; `gx` serves questions over everybody. Rows may find too much (hashes meet),
/// never too little: the search entries, which stand before the body in one frame, decide. `reshape` fills both from the rows
/// of the step before, takes the entries out of `keys`, and writes a UUID as its bytes.
const STEP_3: &str = "
DROP TABLE ix;
CREATE TABLE ix(
  pat INTEGER NOT NULL, kind INTEGER NOT NULL, rid INTEGER NOT NULL, marks BLOB NOT NULL,
  PRIMARY KEY(pat, kind, rid)) WITHOUT ROWID;
CREATE TABLE gx(
  kind INTEGER NOT NULL, param INTEGER NOT NULL, hash INTEGER NOT NULL, lo, rid INTEGER NOT NULL,
  PRIMARY KEY(kind, param, hash, lo, rid)) WITHOUT ROWID;
INSERT INTO meta(name, value) VALUES('reshape', 0);
";

/// The moment of the study stands in the key, so that the studies of one value come newest first; names are found by their words
/// too. `dicom_index::reindex` fills the rows.
const STEP_4: &str = "
DROP TABLE dx;
CREATE TABLE dx(
  tag INTEGER NOT NULL, folded TEXT NOT NULL, moment TEXT NOT NULL, study INTEGER NOT NULL, series INTEGER NOT NULL,
  PRIMARY KEY(tag, folded, moment, study, series)) WITHOUT ROWID;
INSERT INTO meta(name, value) VALUES('image-index', 0);
";

/// `overlay`: how an object is given where its header was corrected. `aside`: instances that are hidden, with all that brings them
/// back as they were.
const STEP_5: &str = "
ALTER TABLE instance ADD COLUMN overlay BLOB;
CREATE TABLE aside(
  sop TEXT PRIMARY KEY, study TEXT NOT NULL, series TEXT NOT NULL, by TEXT NOT NULL, reason TEXT NOT NULL,
  at INTEGER NOT NULL, pat INTEGER NOT NULL, sop_class TEXT NOT NULL, transfer_syntax TEXT NOT NULL,
  blob INTEGER NOT NULL, class INTEGER NOT NULL, source TEXT NOT NULL, number INTEGER NOT NULL,
  received INTEGER NOT NULL, of_study BLOB NOT NULL, of_series BLOB NOT NULL, attributes BLOB NOT NULL,
  frames BLOB NOT NULL, metadata BLOB NOT NULL, overlay BLOB) WITHOUT ROWID;
CREATE INDEX aside_study ON aside(study, at);
CREATE INDEX aside_blob ON aside(blob);
CREATE INDEX aside_by ON aside(by);
";

/// Brings the database to the newest step; refuses one made by a newer program.
pub(crate) fn migrate(conn: &mut Connection) -> Result<(), Fault> {
    migrate_to(conn, STEPS.len())
}

/// Brings the database to a step, in which an earlier program would have left it.
pub(crate) fn migrate_to(conn: &mut Connection, newest: usize) -> Result<(), Fault> {
    let at: usize = conn
        .query_row("PRAGMA user_version", [], |r| r.get::<_, i64>(0))
        .or_fault()?
        .try_into()
        .unwrap_or(usize::MAX);
    if at > STEPS.len() {
        return Err(Fault::not_supported("the data were written by a newer version of this program"));
    }
    for (step, sql) in STEPS.iter().enumerate().take(newest).skip(at) {
        let tx = conn.transaction().or_fault()?;
        tx.execute_batch(sql).or_fault()?;
        tx.pragma_update(None, "user_version", i64::try_from(step + 1).unwrap_or(i64::MAX)).or_fault()?;
        tx.commit().or_fault()?;
    }
    Ok(())
}
