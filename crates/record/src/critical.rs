//! Critical results: raised by a reader, on a list with a clock until somebody has read them back, told further up when nobody does
//! (FHIR R4 Communication; ACR Practice Parameter for Communication of Diagnostic Imaging Findings).

use crate::accounts::{self, Account, account_of};
use crate::audit::Act;
use crate::class::DataClass;
use crate::ledger::{self, Case, IMAGING};
use crate::node::Node;
use crate::notices::{self, StaffNotice, Why};
use crate::resources::{Precondition, Writer, check};
use crate::session::Session;
use crate::workflow::{CriticalLevel, REASON_CHARS_MIN, Workflow};
use crate::worklist::CaseItem;
use badiano_fhir::{Value, fhir};
use badiano_kernel::principal::Role;
use badiano_kernel::{Fault, Instant, Principal, Purpose, id};
use badiano_store::{Stub, Tx, View, WorkLine, WorkMark, WorkQuery, pat_of};
use serde::{Deserialize, Serialize};

/// Lines that the list shows, and lines that one run of the job deals with.
const SHOWN_MAX: usize = 500;
const A_RUN: usize = 100;
/// Longest finding or read-back, in bytes.
pub const TEXT_BYTES_MAX: usize = 4_000;
/// The lines of work that critical results are, and the list of those that wait.
const KIND: &str = "@critical";
const OPEN: &str = "critical";
/// Classes of what they tell.
const CLASSES: u64 = DataClass::Reports.bit() | DataClass::Imaging.bit();

/// Who is told at each step, unless somebody was named for the first one. The last ones see that one waits, and no patient.
const CHAIN: [&[Role]; 3] =
    [&[Role::Clinician], &[Role::Clinician, Role::Radiologist], &[Role::Radiologist, Role::Administrator]];

/// One critical result from the moment it is raised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CriticalResult {
    pub id: String,
    pub study_uid: String,
    pub patient: String,
    /// Code of the department's level.
    pub level: String,
    pub finding: String,
    /// Account and name of who raised it, and when (RFC 3339).
    pub by: String,
    pub by_name: String,
    pub at: String,
    /// Account that it was addressed to; empty for whoever treats the patient.
    pub to: String,
    /// The step of the chain that is told now, and until when it may take.
    pub step: usize,
    pub due: String,
    pub heard: Option<Heard>,
}

/// Who has heard it, and in which words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Account and name of who wrote this down.
    pub by: String,
    pub by_name: String,
    /// Who repeated it on the telephone, when that was somebody else; else empty.
    pub told: String,
    pub read_back: String,
    pub at: String,
}

/// What a reader raises.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Raised {
    pub level: String,
    pub finding: String,
    pub to: String,
}

/// A critical result as its list shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct CriticalItem {
    pub result: CriticalResult,
    pub item: CaseItem,
    /// The name behind `result.to`.
    pub to_name: String,
}

fn level<'w>(workflow: &'w Workflow, code: &str) -> Result<&'w CriticalLevel, Fault> {
    let found = workflow.critical.iter().find(|l| l.code == code);
    found.ok_or_else(|| Fault::invalid("no such level of urgency").at("level"))
}

/// By when a step of the chain should have heard it.
fn due(level: &CriticalLevel, step: usize, now: Instant) -> Instant {
    let minutes = level.minutes.get(step).or(level.minutes.last()).copied().unwrap_or(0);
    now.plus_seconds(minutes * 60)
}

/// Text that says something and is not too long.
fn said(text: &str, place: &'static str) -> Result<String, Fault> {
    let text = text.trim();
    if text.len() > TEXT_BYTES_MAX {
        return Err(Fault::too_costly("at most 4,000 bytes").at(place));
    }
    if text.chars().count() < REASON_CHARS_MIN {
        return Err(Fault::invalid("this takes a sentence").at(place));
    }
    Ok(text.to_owned())
}

impl Session {
    /// A reader raises a critical result of a study; who is to hear it is told in the same commit.
    pub async fn raise_critical(&self, study_uid: &str, raised: Raised) -> Result<CriticalResult, Fault> {
        let reader = self.reader()?;
        let workflow = self.node().workflow(IMAGING)?;
        let level = *level(workflow, &raised.level)?;
        let finding = said(&raised.finding, "finding")?;
        let by_name = self.principal().staff().map(|s| s.name.clone()).unwrap_or_default();
        let (study_uid, writer, session) = (study_uid.to_owned(), self.writer(), self.clone());
        let raise = move |tx: &mut Tx<'_>| {
            let case = session.case_to_change(tx, &study_uid)?;
            if !case.is_imaged() {
                return Err(Fault::conflict("the study has no images yet"));
            }
            if !raised.to.is_empty() {
                clinical_account(tx, &raised.to)?;
            }
            let result = CriticalResult {
                id: id::LogicalId::random().as_str().to_owned(),
                study_uid: case.study_uid.clone(),
                patient: case.patient.clone(),
                level: level.code.to_owned(),
                finding,
                by: reader,
                by_name,
                at: writer.now.to_rfc3339(),
                to: raised.to,
                step: 0,
                due: due(&level, 0, writer.now).to_rfc3339(),
                heard: None,
            };
            keep(tx, &writer, &level, &result)?;
            tell_step(tx, &writer, &result, Why::Critical)?;
            publish(
                tx,
                &writer,
                communication(&result, &level, &case),
                Precondition::Absent,
                "raise-critical",
            )?;
            Ok(result)
        };
        self.node().store().write(raise).await
    }

    /// Critical results that wait, what cannot wait first; or the newest of those that were heard.
    pub fn critical_results(&self, heard: bool) -> Result<Vec<CriticalItem>, Fault> {
        self.may_read_classes(CLASSES)?;
        let list = if heard { "" } else { OPEN };
        let query = WorkQuery { kind: KIND, list, newest_first: heard, limit: SHOWN_MAX };
        let chosen = |_: &WorkMark, stub: &Stub| self.sees(stub);
        let lines = self.node().store().read(|view| view.work_lines(&query, &chosen))?;
        let mut all = Vec::with_capacity(lines.len());
        for line in &lines {
            let result = read(line)?;
            let Some(item) = self.case_shown(&result.study_uid)? else { continue };
            let named = self.node().store().read(|view| account_of(view, &result.to))?;
            all.push(CriticalItem { result, item, to_name: named.map(|a| a.name).unwrap_or_default() });
        }
        let patients: Vec<String> = all.iter().map(|i| i.result.patient.clone()).collect();
        self.note(Act::Execute, "critical-results", &patients, "critical results")?;
        Ok(all)
    }

    /// Somebody has heard a critical result and says it back. Who raised it may write down whom they told, and never themselves.
    pub async fn hear_critical(
        &self,
        id: &str,
        told: &str,
        read_back: &str,
    ) -> Result<CriticalResult, Fault> {
        let staff = self.principal().staff().filter(|_| self.own_account().is_ok()).cloned();
        let staff =
            staff.filter(|s| s.roles.contains(&Role::Clinician) || s.roles.contains(&Role::Radiologist));
        let staff = staff.ok_or_else(|| Fault::forbidden("a critical result is heard by a clinician"))?;
        self.may_read_classes(CLASSES)?;
        let workflow = self.node().workflow(IMAGING)?;
        let (read_back, told) = (said(read_back, "read_back")?, told.trim().to_owned());
        if told.len() > TEXT_BYTES_MAX {
            return Err(Fault::too_costly("at most 4,000 bytes").at("told"));
        }
        let (id, writer, session) = (id.to_owned(), self.writer(), self.clone());
        let hear = move |tx: &mut Tx<'_>| {
            let missing = || Fault::not_found("no such critical result");
            let mut result = read(&tx.work_line(KIND, &id)?.ok_or_else(missing)?)?;
            let case = session.case_to_change(tx, &result.study_uid).map_err(|_| missing())?;
            if result.heard.is_some() {
                return Err(Fault::conflict("it was heard already").at("heard"));
            }
            if result.by == staff.account && told.is_empty() {
                return Err(Fault::invalid("who raised it says whom they told").at("told"));
            }
            let (by, by_name, at) = (staff.account, staff.name, writer.now.to_rfc3339());
            result.heard = Some(Heard { by, by_name, told, read_back, at });
            let level = *level(workflow, &result.level)?;
            keep(tx, &writer, &level, &result)?;
            publish(tx, &writer, communication(&result, &level, &case), Precondition::None, "hear-critical")?;
            Ok(result)
        };
        self.node().store().write(hear).await
    }
}

impl Node {
    /// Critical results that waited too long go one step up the chain, and the next ones are told. Returns how many.
    pub async fn escalate_critical(&self, now: Instant) -> Result<usize, Fault> {
        let Ok(workflow) = self.workflow(IMAGING) else { return Ok(0) };
        let query = WorkQuery { kind: KIND, list: OPEN, newest_first: false, limit: A_RUN };
        let late = |mark: &WorkMark, _: &Stub| mark.due <= now;
        let lines = self.store().read(|view| view.work_lines(&query, &late))?;
        let done = lines.len();
        for line in lines {
            let job = Principal::Job { name: "escalate-critical" };
            let writer = self.session(job, Purpose::Operations, now).writer();
            self.store().write(move |tx| escalate(tx, &writer, workflow, &line.id)).await?;
        }
        Ok(done)
    }
}

fn escalate(tx: &mut Tx<'_>, writer: &Writer, workflow: &Workflow, id: &str) -> Result<(), Fault> {
    let Some(line) = tx.work_line(KIND, id)? else { return Ok(()) };
    let mut result = read(&line)?;
    // Somebody was quicker than the clock.
    if result.heard.is_some() || line.mark.due > writer.now {
        return Ok(());
    }
    let level = *level(workflow, &result.level)?;
    result.step = (result.step + 1).min(CHAIN.len() - 1);
    result.due = due(&level, result.step, writer.now).to_rfc3339();
    keep(tx, writer, &level, &result)?;
    tell_step(tx, writer, &result, Why::CriticalUnanswered)?;
    writer.leaf(
        tx,
        Act::Execute,
        "escalate-critical",
        std::slice::from_ref(&result.patient),
        &result.study_uid,
    )
}

/// Tells everybody of the present step; from the second one on, who raised it too.
fn tell_step(tx: &mut Tx<'_>, writer: &Writer, result: &CriticalResult, why: Why) -> Result<(), Fault> {
    let notice = StaffNotice::new(why, &result.study_uid, &result.by_name, writer.now);
    let named = |a: &Account| result.step == 0 && !result.to.is_empty() && a.account == result.to;
    let of_chain = |a: &Account| CHAIN[result.step].iter().any(|r| a.roles.iter().any(|own| own == r.code()));
    let everybody = result.step > 0 || result.to.is_empty();
    let is_told = |a: &&Account| {
        let own = a.account == result.by;
        a.active && (named(a) || (everybody && of_chain(a) && !own) || (own && result.step > 0))
    };
    for account in accounts::all_accounts(tx)?.iter().filter(is_told) {
        let id = format!("critical.{}.{}", result.step, result.id);
        notices::tell(tx, &account.account, &id, &notice, writer.now)?;
    }
    Ok(())
}

fn clinical_account(view: &View<'_>, account: &str) -> Result<Account, Fault> {
    let clinical = |a: &Account| {
        a.active
            && a.roles
                .iter()
                .filter_map(|r| Role::from_code(r))
                .any(|r| r == Role::Clinician || r == Role::Radiologist)
    };
    let found = account_of(view, account)?.filter(clinical);
    found.ok_or_else(|| Fault::invalid("no clinician has this account").at("to"))
}

fn read(line: &WorkLine) -> Result<CriticalResult, Fault> {
    serde_json::from_slice(&line.body)
        .map_err(|_| Fault::bug("a critical result that was kept cannot be read"))
}

fn keep(
    tx: &mut Tx<'_>,
    writer: &Writer,
    level: &CriticalLevel,
    result: &CriticalResult,
) -> Result<(), Fault> {
    let moment = |text: &str| Instant::parse_rfc3339(text).unwrap_or_default();
    let open = result.heard.is_none();
    let mark = WorkMark {
        list: if open { OPEN } else { "" }.to_owned(),
        state: if open { "raised" } else { "heard" }.to_owned(),
        rank: if open { ledger::rank_of(level.priority) } else { 0 },
        since: result.heard.as_ref().map_or_else(|| moment(&result.at), |h| moment(&h.at)),
        due: moment(&result.due),
        area: result.level.clone(),
        topic: String::new(),
        holder: result.to.clone(),
        pat: pat_of(&result.patient),
        class: CLASSES,
    };
    let body = serde_json::to_vec(result).map_err(|_| Fault::bug("a critical result is always printable"))?;
    let source = writer.observer.clone();
    tx.put_work(&WorkLine { kind: KIND.to_owned(), id: result.id.clone(), mark, source, body })
}

fn publish(
    tx: &mut Tx<'_>,
    writer: &Writer,
    resource: Value,
    expect: Precondition,
    interaction: &'static str,
) -> Result<(), Fault> {
    check(&resource)?;
    writer.put(tx, resource, expect, interaction).map(|_| ())
}

/// The same as others read it: sent when it was raised, received when it was said back.
fn communication(result: &CriticalResult, level: &CriticalLevel, case: &Case) -> Value {
    let study = crate::imaging::imaging_study_id(&result.study_uid);
    let mut resource = fhir!({
        "resourceType": "Communication",
        "id": (result.id.as_str()),
        "status": (if result.heard.is_some() { "completed" } else { "in-progress" }),
        "category": [{ "text": "Resultado crítico" }],
        "priority": (level.priority),
        "subject": { "reference": (format!("Patient/{}", result.patient)) },
        "topic": { "text": (level.es) },
        "about": [{ "reference": (format!("ImagingStudy/{study}")) }],
        "sent": (result.at.as_str()),
        "sender": { "display": (result.by_name.as_str()) },
        "payload": [{ "contentString": (result.finding.as_str()) }]
    });
    if let Some(report) = &case.report {
        resource.push("about", fhir!({ "reference": (format!("DiagnosticReport/{report}")) }));
    }
    if let Some(heard) = &result.heard {
        let who = if heard.told.is_empty() { &heard.by_name } else { &heard.told };
        resource.set("received", heard.at.as_str());
        resource.push("recipient", fhir!({ "display": (who.as_str()) }));
        resource.push("note", fhir!({
            "authorString": (heard.by_name.as_str()), "time": (heard.at.as_str()), "text": (heard.read_back.as_str())
        }));
    }
    resource
}
