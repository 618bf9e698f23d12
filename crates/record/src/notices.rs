//! What staff must be told: that a report they opened was amended, that a critical result waits. Kept until they have read it.

use crate::accounts::{self, Account};
use crate::audit::Act;
use crate::ledger::{Case, case_of};
use crate::node::Node;
use crate::queues::Item;
use crate::resources::{Writer, subject_of};
use crate::session::Session;
use crate::worklist::CaseItem;
use badiano_fhir::{Value, json};
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_store::{Expect, Leaf, Tx, View};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Notices that one list shows, newest first.
const SHOWN_MAX: usize = 200;
/// Entries of the log about one person that are looked through for who opened a report.
const LEAVES_MAX: usize = 100_000;
/// Names that one notice lists.
const NAMES_MAX: usize = 50;
/// An access is logged once in fifteen minutes, so one that began before the signature may have gone on after it.
const ONE_ACCESS_SECONDS: i64 = 15 * 60;
/// Entries of reads are in the log after milliseconds; what was read before the amendment is there by then.
const LOGGED_SECONDS: i64 = 2;
const KIND: &str = "staff-notice";
/// Amendments whose readers are still to be told.
const AMENDED: &str = "amended-report";
/// Amendments dealt with in one run of the job.
const A_RUN: usize = 50;

/// Why somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// A report that they opened has a new version.
    Amended,
    /// A report that they amended was opened by people who are not told here: `names`.
    AmendedElsewhere,
    /// A critical result waits for somebody to read it back.
    Critical,
    /// One that was theirs to see to, or to look after, has waited too long.
    CriticalUnanswered,
}

/// One notice to one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffNotice {
    pub when: String,
    pub why: Why,
    pub study_uid: String,
    /// Name of who caused it.
    pub by: String,
    pub names: Vec<String>,
    /// When it was read, RFC 3339; empty while it is not.
    pub read: String,
}

/// A notice as its list shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownNotice {
    pub id: String,
    pub notice: StaffNotice,
    /// The case it is about; none where consent or the role hides it.
    pub item: Option<CaseItem>,
}

impl StaffNotice {
    pub(crate) fn new(why: Why, study_uid: &str, by: &str, now: Instant) -> StaffNotice {
        let (when, by, read) = (now.to_rfc3339(), by.to_owned(), String::new());
        StaffNotice { when, why, study_uid: study_uid.to_owned(), by, names: Vec::new(), read }
    }
}

/// Puts a notice before an account; the same thing said twice at one moment is one notice.
pub(crate) fn tell(
    tx: &mut Tx<'_>,
    account: &str,
    id: &str,
    notice: &StaffNotice,
    now: Instant,
) -> Result<(), Fault> {
    put(tx, &format!("{account}/{:016x}.{id}", now.micros), notice, now)
}

fn put(tx: &mut Tx<'_>, key: &str, notice: &StaffNotice, now: Instant) -> Result<(), Fault> {
    let body = serde_json::to_vec(notice).map_err(|_| Fault::bug("a notice is always printable"))?;
    tx.put_document(KIND, key, &body, Expect::Any, now).map(|_| ())
}

/// From the commit of an amendment on, its readers are to be told.
pub(crate) fn amended(
    tx: &mut Tx<'_>,
    case: &Case,
    version: u64,
    by: &str,
    now: Instant,
) -> Result<(), Fault> {
    let amendment = Amendment { study_uid: case.study_uid.clone(), version, by: by.to_owned() };
    let payload = serde_json::to_vec(&amendment).map_err(|_| Fault::bug("it is always printable"))?;
    tx.enqueue(AMENDED, &case.study_uid, &payload, now.plus_seconds(LOGGED_SECONDS)).map(|_| ())
}

#[derive(Serialize, Deserialize)]
struct Amendment {
    study_uid: String,
    /// The version of the report that the amendment made.
    version: u64,
    /// Account of who amended.
    by: String,
}

impl Node {
    /// Tells everybody who opened the earlier version of an amended report; who has no account here is named to who amended.
    pub async fn tell_of_amendments(&self, now: Instant) -> Result<usize, Fault> {
        let items = self.claim(AMENDED, now, A_RUN)?;
        let told = items.len();
        for item in items {
            let job = Principal::Job { name: "tell-of-amendments" };
            let writer = self.session(job, Purpose::Operations, now).writer();
            // The log is read before the writer's turn: it may be long.
            let telling = self.store().read(|view| telling(view, &writer, &item))?;
            self.store().write(move |tx| carry_out(tx, &writer, &item, telling)).await?;
        }
        Ok(told)
    }
}

/// Whom an amendment is told, and what.
struct Telling {
    patient: String,
    notices: Vec<(String, StaffNotice)>,
    id: String,
}

/// Nothing when the study is no more.
fn telling(view: &View<'_>, writer: &Writer, item: &Item) -> Result<Option<Telling>, Fault> {
    let amendment: Amendment =
        serde_json::from_slice(&item.payload).map_err(|_| Fault::bug("what was queued can be read"))?;
    let Some(case) = case_of(view, &amendment.study_uid)? else { return Ok(None) };
    let accounts = accounts::all_accounts(view)?;
    let by = accounts.iter().find(|a| a.account == amendment.by).map_or("", |a| a.name.as_str());
    let (here, elsewhere) = who_opened(view, writer, &case, &amendment, &accounts)?;
    let notice = StaffNotice::new(Why::Amended, &case.study_uid, by, writer.now);
    let mut notices: Vec<_> = here.into_iter().map(|account| (account, notice.clone())).collect();
    if !elsewhere.is_empty() {
        let names = elsewhere.into_iter().take(NAMES_MAX).collect();
        notices.push((amendment.by.clone(), StaffNotice { why: Why::AmendedElsewhere, names, ..notice }));
    }
    Ok(Some(Telling { patient: case.patient, notices, id: format!("amended.{}", amendment.version) }))
}

fn carry_out(tx: &mut Tx<'_>, writer: &Writer, item: &Item, telling: Option<Telling>) -> Result<(), Fault> {
    if let Some(Telling { patient, notices, id }) = telling {
        for (account, notice) in &notices {
            tell(tx, account, &id, notice, writer.now)?;
        }
        writer.leaf(tx, Act::Execute, "tell-of-amendment", &[patient], &item.key)?;
    }
    tx.done(item.id)
}

/// Who saw the report after it was first signed, as the log has it: accounts of this node, and the names of all others.
fn who_opened(
    view: &View<'_>,
    writer: &Writer,
    case: &Case,
    amendment: &Amendment,
    accounts: &[Account],
) -> Result<(BTreeSet<String>, BTreeSet<String>), Fault> {
    let (mut here, mut elsewhere) = (BTreeSet::new(), BTreeSet::new());
    let report = case.report.clone().unwrap_or_default();
    let signed = |v: &&badiano_store::Stored| {
        v.version < amendment.version && matches!(v.body.str_of("status"), "final" | "amended")
    };
    let versions = view.history("DiagnosticReport", &report)?;
    let Some(first) = versions.iter().filter(signed).map(|v| v.updated).min() else {
        return Ok((here, elsewhere));
    };
    let since = first.plus_seconds(-ONE_ACCESS_SECONDS);
    let subject = subject_of(view, &writer.subject_key, &case.patient)?;
    for leaf in view.leaves_of(&subject.tag, 0, LEAVES_MAX)?.iter().filter(|l| l.at >= since) {
        let Some(event) = entry(leaf).filter(|e| shows(e, &report, &case.study_uid)) else { continue };
        let agent = &event["agent"][0];
        let (name, institution) = (agent.str_of("name"), agent.str_of("altId"));
        let id = agent["who"]["identifier"].str_of("value");
        match agent["type"]["coding"][0].str_of("code") {
            // The log names staff by their licence where they have one.
            "staff" => {
                let is_one = |a: &&Account| a.account == id || a.cedula.as_deref() == Some(id);
                here.extend(accounts.iter().filter(is_one).map(|a| a.account.clone()));
            }
            // They look at no report.
            "peer" | "job" => {}
            _ => {
                let named = institution.is_empty() || name.contains(institution);
                elsewhere.insert(if named { name.to_owned() } else { format!("{name} ({institution})") });
            }
        }
    }
    here.remove(&amendment.by);
    Ok((here, elsewhere))
}

fn entry(leaf: &Leaf) -> Option<Value> {
    json::parse(leaf.content.as_ref()?).ok()
}

/// Whether an entry is about somebody who was shown the report: the study's page, the resource, or a search for reports.
fn shows(event: &Value, report: &str, study_uid: &str) -> bool {
    if event.str_of("outcome") != "0" || !matches!(event.str_of("action"), "R" | "E") {
        return false;
    }
    let interaction = event["subtype"][0].str_of("code");
    let own = format!("DiagnosticReport/{report}");
    let mut touched = event["entity"].items().iter().map(|e| e.str_of("description"));
    match interaction {
        "reading" => touched.any(|t| t == study_uid),
        "search-system" => true,
        "search-type" => touched.any(|t| t == "DiagnosticReport"),
        _ => touched.any(|t| t == own || t.strip_prefix(&own).is_some_and(|more| more.starts_with('/'))),
    }
}

impl Session {
    /// What the one who is signed in must be told, newest first.
    pub fn staff_notices(&self) -> Result<Vec<ShownNotice>, Fault> {
        let account = self.own_account()?;
        let documents = self.node().store().read(|view| view.documents(KIND, &format!("{account}/")))?;
        let mut shown = Vec::new();
        for document in documents.iter().rev().take(SHOWN_MAX) {
            let Ok(notice) = serde_json::from_slice::<StaffNotice>(&document.body) else { continue };
            let id = document.key.split_once('/').map_or("", |(_, id)| id).to_owned();
            let item = self.case_shown(&notice.study_uid)?;
            shown.push(ShownNotice { id, notice, item });
        }
        let patients: BTreeSet<String> =
            shown.iter().filter_map(|s| s.item.as_ref()).map(|i| i.case.patient.clone()).collect();
        self.note(Act::Read, "notices", &patients.into_iter().collect::<Vec<_>>(), "notices")?;
        Ok(shown)
    }

    /// The one who is signed in has read these notices; what is none of theirs is passed over.
    pub async fn read_staff_notices(&self, ids: Vec<String>) -> Result<(), Fault> {
        let (account, writer) = (self.own_account()?, self.writer());
        let read = move |tx: &mut Tx<'_>| {
            let mut patients = BTreeSet::new();
            for id in &ids {
                let key = format!("{account}/{id}");
                let Some(found) = tx.document(KIND, &key)? else { continue };
                let mut notice: StaffNotice =
                    serde_json::from_slice(&found.body).map_err(|_| Fault::bug("a notice can be read"))?;
                patients.extend(case_of(tx, &notice.study_uid)?.map(|c| c.patient));
                if notice.read.is_empty() {
                    notice.read = writer.now.to_rfc3339();
                    put(tx, &key, &notice, writer.now)?;
                }
            }
            let patients: Vec<String> = patients.into_iter().collect();
            writer.leaf(tx, Act::Update, "notices-read", &patients, "notices")
        };
        self.node().store().write(read).await
    }

    pub(crate) fn own_account(&self) -> Result<String, Fault> {
        match self.principal() {
            Principal::Staff(staff) if !staff.roles.is_empty() => Ok(staff.account.clone()),
            _ => Err(Fault::forbidden("notices are for the staff of this node")),
        }
    }
}
