//! Readings of a case that two people read without seeing each other's: kept apart from the record until they meet.
//!
//! Each is a document of its own reader. Nothing of it is a DiagnosticReport before the case is signed, so no door can show it.

use crate::accounts::account_of;
use crate::ledger::Case;
use crate::orders;
use crate::reports::{ReportAction, ReportText, Writing, report_resource};
use crate::resources::{Versioned, Writer};
use crate::session::Session;
use crate::workflow::Stage;
use badiano_kernel::{Fault, Instant};
use badiano_store::{Document, Expect, Tx, View};
use serde::{Deserialize, Serialize};

const KIND: &str = "blind-reading";

/// One reading as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub text: ReportText,
    /// When it was signed, RFC 3339; empty while it is a draft.
    pub signed: String,
}

/// A reading as the one who decides between two sees it, and everybody once the case is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownReading {
    pub name: String,
    pub at: String,
    pub text: ReportText,
}

fn key(study_uid: &str, account: &str) -> String {
    format!("{study_uid}/{account}")
}

fn parsed(document: &Document) -> Result<Kept, Fault> {
    serde_json::from_slice(&document.body).map_err(|_| Fault::bug("a reading that was kept cannot be read"))
}

/// Keeps what a reader writes of a case that is read blind, in the form in which their page shows a report.
pub(crate) fn keep_own(
    tx: &mut Tx<'_>,
    writer: &Writer,
    session: &Session,
    case: &Case,
    writing: &Writing<'_>,
) -> Result<Versioned, Fault> {
    let key = key(&case.study_uid, writing.reader);
    let old = tx.document(KIND, &key)?;
    if let (Some(shown), Some(old)) = (writing.version, &old)
        && shown != old.version
    {
        return Err(Fault::conflict("the report was changed since this page was opened"));
    }
    let signed = if writing.action == ReportAction::Save { String::new() } else { writer.now.to_rfc3339() };
    let kept = Kept { text: writing.text.clone(), signed };
    let body = serde_json::to_vec(&kept).map_err(|_| Fault::bug("a reading is always printable"))?;
    let version = tx.put_document(KIND, &key, &body, Expect::Any, writer.now)?;
    as_report(tx, session, case, writing.reader, &kept, version, writer.now)
}

/// A reading in the form of a report that is not in the record.
fn as_report(
    view: &View<'_>,
    session: &Session,
    case: &Case,
    reader: &str,
    kept: &Kept,
    version: u64,
    updated: Instant,
) -> Result<Versioned, Fault> {
    let step = orders::step_for(view, &case.study_uid, &case.accession)?;
    let id = format!("reading-{reader}");
    let resource = report_resource(&id, case, step.as_ref(), "preliminary", &kept.text, session);
    Ok(Versioned { resource, version, updated, deleted: false, created: version == 1 })
}

impl Session {
    /// Of a case that is read blind and not signed yet: the reading of who asks, and of nobody else.
    pub(crate) fn own_reading(&self, case: &Case) -> Result<Option<Versioned>, Fault> {
        let Some(staff) = self.principal().staff().filter(|_| case.is_read_twice && !case.signed) else {
            return Ok(None);
        };
        let key = key(&case.study_uid, &staff.account);
        self.node().store().read(|view| {
            let Some(document) = view.document(KIND, &key)? else { return Ok(None) };
            let (kept, version) = (parsed(&document)?, document.version);
            as_report(view, self, case, &staff.account, &kept, version, document.updated).map(Some)
        })
    }

    /// The readings that were made apart: for a reader who decides between them, and for all once the case is signed.
    pub fn readings_of(&self, case: &Case) -> Result<Vec<ShownReading>, Fault> {
        let own = self.principal().staff().map_or("", |s| s.account.as_str());
        let decides = case.standing().stage() == Stage::Arbiter
            && self.reader().is_ok()
            && case.readings.iter().all(|r| r.by != own);
        if !case.is_read_twice || !(case.signed || decides) {
            return Ok(Vec::new());
        }
        self.node().store().read(|view| {
            let mut all = Vec::new();
            for reading in &case.readings {
                let Some(document) = view.document(KIND, &key(&case.study_uid, &reading.by))? else {
                    continue;
                };
                let (kept, known) = (parsed(&document)?, account_of(view, &reading.by)?);
                let name = known.map_or_else(|| reading.by.clone(), |a| a.name);
                all.push(ShownReading { name, at: kept.signed, text: kept.text });
            }
            Ok(all)
        })
    }
}
