//! Lists of cases as people see them: cut by state, modality, subspecialty, urgency and holder; and what a person does with a case.

use crate::access::{self, Action};
use crate::accounts::account_of;
use crate::audit::Act;
use crate::class::DataClass;
use crate::ledger::{self, Case, IMAGING, case_of, kind_of, read_case};
use crate::orders;
use crate::resources::Versioned;
use crate::session::Session;
use crate::workflow::{Event, Workflow};
use badiano_fhir::Value;
use badiano_kernel::principal::Role;
use badiano_kernel::{Fault, FaultKind, Instant};
use badiano_store::{Stored, Stub, View, WorkMark, WorkQuery, pat_of};
use std::collections::BTreeMap;

/// Who reads.
pub const READERS: [Role; 2] = [Role::Radiologist, Role::Resident];
/// Lines that one list shows at once.
pub const LINES_MAX: usize = 1_000;
/// Lines that a count goes through; beyond it the count says that it is not whole.
pub const COUNTED_MAX: usize = 5_000_000;

/// Which cases; what is empty is not asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CaseQuery {
    /// A list of the department's table; empty for what has ended.
    pub list: String,
    pub states: Vec<String>,
    pub modality: String,
    pub topic: String,
    pub holder: String,
    /// Only what stands longer than its clock allows.
    pub overdue: bool,
    pub limit: usize,
}

/// A case with what a list shows of its patient.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseItem {
    pub case: Case,
    pub patient: Value,
    /// The ServiceRequest it was made for, `Null` where there is none or it may not be seen.
    pub order: Value,
    /// Objects archived of the study.
    pub instances: u64,
    /// The name behind `case.reader`.
    pub reader_name: Option<String>,
}

/// How many cases stand where, and since when.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tally {
    pub list: String,
    pub state: String,
    pub modality: String,
    pub topic: String,
    /// The first of [`AGES_HOURS`] that it is younger than; their number for the oldest.
    pub age: usize,
    pub overdue: bool,
}

/// The way of one case, of nobody named: its modality, and when it came into each state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Course {
    pub modality: String,
    pub marks: Vec<(String, Instant)>,
}

/// Bounds of the classes of age in which the ledger is counted.
pub const AGES_HOURS: [i64; 5] = [1, 4, 24, 72, 168];

/// A case with its patient, and its order apart: whether that may be seen is decided for itself.
fn item_of(view: &View<'_>, case: Case) -> Result<(CaseItem, Option<Stored>), Fault> {
    let patient = view.get("Patient", &case.patient)?.filter(|p| !p.deleted);
    let order = match orders::step_for(view, &case.study_uid, &case.accession)? {
        Some(step) => view.get("ServiceRequest", &step.order)?.filter(|o| !o.deleted),
        None => None,
    };
    let reader_name = match &case.reader {
        Some(account) => account_of(view, account)?.map(|a| a.name),
        None => None,
    };
    let instances = view.study_instances(&case.study_uid)?;
    let patient = patient.map_or(Value::Null, |p| p.body);
    Ok((CaseItem { case, patient, order: Value::Null, instances, reader_name }, order))
}

fn course_of(case: Case) -> Course {
    let marks = case.trail.into_iter().filter_map(|m| Some((m.state, Instant::parse_rfc3339(&m.at)?)));
    Course { modality: case.modality, marks: marks.collect() }
}

impl Session {
    /// The cases of a list, what cannot wait first and then the oldest; what consent hides is not among them.
    pub fn cases(&self, asked: &CaseQuery) -> Result<Vec<CaseItem>, Fault> {
        self.reads_cases()?;
        let query = WorkQuery {
            kind: &kind_of(IMAGING),
            list: &asked.list,
            newest_first: asked.list.is_empty(),
            limit: asked.limit.min(LINES_MAX),
        };
        let is = |wanted: &str, own: &str| wanted.is_empty() || wanted == own;
        let chosen = |mark: &WorkMark, stub: &Stub| {
            (asked.states.is_empty() || asked.states.contains(&mark.state))
                && is(&asked.modality, &mark.area)
                && is(&asked.topic, &mark.topic)
                && is(&asked.holder, &mark.holder)
                && (!asked.overdue || mark.due < self.now())
                && self.sees(stub)
        };
        let found = self.node().store().read(|view| {
            let lines = view.work_lines(&query, &chosen)?;
            lines.iter().map(|line| item_of(view, read_case(line)?)).collect::<Result<Vec<_>, Fault>>()
        })?;
        let shown: Vec<CaseItem> = found.into_iter().filter_map(|f| self.shown_case(f)).collect();
        let patients: Vec<String> = shown.iter().map(|i| i.case.patient.clone()).collect();
        self.note(Act::Execute, "reading-worklist", &patients, "cases of a list")?;
        Ok(shown)
    }

    /// How many cases stand on each of the lists, by state, modality, subspecialty and age. Names nobody.
    pub fn tally_cases(&self, lists: &[&str]) -> Result<BTreeMap<Tally, u64>, Fault> {
        self.reads_cases()?;
        self.note(Act::Execute, "tally-cases", &[], "how many cases stand where")?;
        let mut tally = BTreeMap::new();
        self.node().store().read(|view| {
            for list in lists {
                let query =
                    WorkQuery { kind: &kind_of(IMAGING), list, newest_first: false, limit: COUNTED_MAX };
                view.work_marks(&query, &mut |mark, stub| {
                    if self.sees(stub) {
                        *tally.entry(self.tallied(mark)).or_insert(0) += 1;
                    }
                })?;
            }
            Ok(())
        })?;
        Ok(tally)
    }

    /// The ways of the newest cases that ended; what consent hides is not among them. Names nobody.
    pub fn courses(&self, limit: usize) -> Result<Vec<Course>, Fault> {
        self.reads_cases()?;
        self.note(Act::Execute, "tally-cases", &[], "how long cases took")?;
        let query = WorkQuery { kind: &kind_of(IMAGING), list: "", newest_first: true, limit };
        let lines = self.node().store().read(|view| view.work_lines(&query, &|_, stub| self.sees(stub)))?;
        lines.iter().map(|line| read_case(line).map(course_of)).collect()
    }

    fn tallied(&self, mark: &WorkMark) -> Tally {
        let seconds = (self.now().micros - mark.since.micros) / 1_000_000;
        let age = AGES_HOURS.iter().position(|h| seconds < h * 3600).unwrap_or(AGES_HOURS.len());
        Tally {
            list: mark.list.clone(),
            state: mark.state.clone(),
            modality: mark.area.clone(),
            topic: mark.topic.clone(),
            age,
            overdue: mark.due < self.now(),
        }
    }

    /// One case and its report, for the pane beside the viewer.
    pub fn case(&self, study_uid: &str) -> Result<(CaseItem, Option<Versioned>), Fault> {
        self.reads_cases()?;
        let item = self.case_shown(study_uid)?.ok_or_else(|| Fault::not_found("no such study"))?;
        self.note(Act::Read, "reading", std::slice::from_ref(&item.case.patient), study_uid)?;
        if let Some(own) = self.own_reading(&item.case)? {
            return Ok((item, Some(own)));
        }
        let report = match &item.case.report {
            // Who may see the images and not the report sees a study without one.
            Some(id) => match self.read("DiagnosticReport", id) {
                Err(fault) if fault.kind == FaultKind::NotFound => None,
                found => Some(found?),
            },
            None => None,
        };
        Ok((item, report))
    }

    /// A case as a notice of it shows it; none where it is hidden. Who asks notes the access.
    pub(crate) fn case_shown(&self, study_uid: &str) -> Result<Option<CaseItem>, Fault> {
        let read = |view: &View<'_>| case_of(view, study_uid)?.map(|case| item_of(view, case)).transpose();
        Ok(self.node().store().read(read)?.and_then(|found| self.shown_case(found)))
    }

    /// What a reader does with a case: claims it, lets it go, hands it over, excuses it. Of two at once one succeeds.
    pub async fn move_case(&self, study_uid: &str, mut event: Event) -> Result<(), Fault> {
        event.by = Some(self.reader()?);
        event.is_trainee = self.is_trainee();
        let workflow = self.node().workflow(IMAGING)?;
        let (study_uid, writer, session) = (study_uid.to_owned(), self.writer(), self.clone());
        let step = move |tx: &mut badiano_store::Tx<'_>| {
            let mut case = session.case_to_change(tx, &study_uid)?;
            if let Some(to) = &event.to {
                event.to = Some(reader_named(tx, to)?);
            }
            case.take(workflow, &event, writer.now)?;
            if let ("confirm", Some(reader)) = (event.name, &event.by) {
                session.has_opened(tx, reader, &study_uid)?;
            }
            ledger::keep(tx, &writer, workflow, &case)?;
            ledger::leaf(tx, &writer, event.name, &case)
        };
        self.node().store().write(step).await
    }

    pub(crate) fn case_to_change(&self, view: &View<'_>, study_uid: &str) -> Result<Case, Fault> {
        case_of(view, study_uid)?
            .filter(|case| self.sees(&self.stub_of_case(case)))
            .ok_or_else(|| Fault::not_found("no such study"))
    }

    /// The accounts of these roles that are not suspended, with their names: whom a reader hands a case to, or tells a critical result.
    pub fn staff_of(&self, roles: &[Role]) -> Result<Vec<(String, String)>, Fault> {
        self.reader()?;
        self.note(Act::Read, "staff", &[], "accounts of a role")?;
        let is_one = |a: &crate::accounts::Account| {
            a.active && roles.iter().any(|role| a.roles.iter().any(|own| own == role.code()))
        };
        let all = self.node().store().read(crate::accounts::all_accounts)?;
        Ok(all.into_iter().filter(is_one).map(|a| (a.account, a.name)).collect())
    }

    /// What of it may be seen: nothing when the case may not, no order when the order may not.
    fn shown_case(&self, (mut item, order): (CaseItem, Option<Stored>)) -> Option<CaseItem> {
        if !self.sees(&self.stub_of_case(&item.case)) {
            return None;
        }
        if let Some(order) = order.filter(|o| self.sees(&o.stub())) {
            item.order = order.body;
        }
        Some(item)
    }

    fn stub_of_case(&self, case: &Case) -> Stub {
        Stub {
            kind: "ImagingStudy".into(),
            id: case.study_uid.as_str().into(),
            pat: pat_of(&case.patient),
            class: case.classes(),
            source: self.node().settings().clues.as_str().into(),
        }
    }

    fn reads_cases(&self) -> Result<(), Fault> {
        self.may_read_classes(DataClass::Imaging.bit() | DataClass::Orders.bit())
    }

    /// The department's table, where this node has the department.
    pub fn workflow(&self) -> Result<&'static Workflow, Fault> {
        self.node().workflow(IMAGING)
    }

    /// The account of who reads here: a radiologist who may write, or a resident, whose reports another signs.
    pub(crate) fn reader(&self) -> Result<String, Fault> {
        let may = |action| {
            access::classes(self.principal(), self.purpose(), action) & DataClass::Reports.bit() != 0
        };
        let has = |role| self.principal().has_role(role);
        let reads = has(Role::Radiologist) && may(Action::Write) || has(Role::Resident) && may(Action::Read);
        let staff = self.principal().staff().filter(|_| reads);
        staff
            .map(|s| s.account.clone())
            .ok_or_else(|| Fault::forbidden("reports are written by a radiologist"))
    }

    pub(crate) fn is_trainee(&self) -> bool {
        !self.principal().has_role(Role::Radiologist)
    }
}

fn reader_named(view: &View<'_>, account: &str) -> Result<String, Fault> {
    let found = account_of(view, account)?
        .filter(|a| a.active && READERS.iter().any(|role| a.roles.iter().any(|own| own == role.code())));
    let found = found.ok_or_else(|| Fault::invalid("no reader has this account").at("to"))?;
    Ok(found.account)
}
