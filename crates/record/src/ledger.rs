//! The ledger of cases: each order and study of a department from its beginning to its end, on exactly one list until then.
//!
//! A case leaves the lists by a step of its department's table alone: a signed result, a waiver with a reason, a cancelled order.

use crate::audit::Act;
use crate::class::DataClass;
use crate::node::Node;
use crate::orders::{ScheduledStep, StepState};
use crate::resources::Writer;
use crate::workflow::{Effect, Event, NEW, Reading, Standing, Workflow};
use badiano_kernel::{Fault, Instant};
use badiano_store::{Tx, View, WorkLine, WorkMark, pat_of};
use serde::{Deserialize, Serialize};

/// The department whose cases are imaging studies.
pub const IMAGING: &str = "radiology";
/// Marks of what happened that a case keeps; of a longer story the first and the last ones stay.
const TRAIL_MAX: usize = 200;

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Case {
    /// Study Instance UID.
    pub study_uid: String,
    pub department: String,
    /// A state of the department's table.
    pub state: String,
    pub patient: String,
    pub accession: String,
    pub modality: String,
    pub description: String,
    /// FHIR request-priority.
    pub priority: String,
    /// The subspecialty that reads it.
    pub topic: String,
    /// When the first image came, RFC 3339; empty while there is none.
    pub arrived: String,
    /// Since when it stands on its list, and by when it should be off; RFC 3339.
    pub since: String,
    pub due: String,
    /// Account that has it.
    pub reader: Option<String>,
    pub report: Option<String>,
    pub signed: bool,
    /// Two people read it, what they have read so far, and the resident who wrote what waits to be signed.
    #[serde(default)]
    pub is_read_twice: bool,
    #[serde(default)]
    pub readings: Vec<Reading>,
    #[serde(default)]
    pub drafted_by: Option<String>,
    /// Set when the images name a patient that no order and no registration knows.
    pub unmatched: bool,
    /// Why it ended without a result.
    pub reason: String,
    pub trail: Vec<Mark>,
}

/// Something that happened to a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub event: String,
    /// Where the case stood after it.
    pub state: String,
    pub at: String,
    /// Account; empty for messages and devices.
    pub by: String,
}

impl Case {
    pub fn standing(&self) -> Standing {
        Standing {
            state: self.state.clone(),
            holder: self.reader.clone(),
            signed: self.signed,
            is_read_twice: self.is_read_twice,
            readings: self.readings.clone(),
            drafted_by: self.drafted_by.clone(),
        }
    }

    pub(crate) fn is_imaged(&self) -> bool {
        !self.arrived.is_empty()
    }

    /// A case that nothing has happened to yet.
    fn new(department: &str, study_uid: &str, patient: &str) -> Case {
        Case {
            study_uid: study_uid.to_owned(),
            department: department.to_owned(),
            state: NEW.to_owned(),
            patient: patient.to_owned(),
            priority: "routine".to_owned(),
            ..Case::default()
        }
    }

    /// Takes a step; refuses what the department's table does not have.
    pub(crate) fn take(
        &mut self,
        workflow: &Workflow,
        event: &Event,
        now: Instant,
    ) -> Result<&'static [Effect], Fault> {
        let (after, effects) = workflow.apply(&self.standing(), event)?;
        let (old, new) = (workflow.list_of(&self.state), workflow.list_of(&after.state));
        let moved = old != new || self.state == NEW || new.is_empty();
        if moved && self.state != after.state {
            self.since = now.to_rfc3339();
        }
        if !event.reason.is_empty() && new.is_empty() {
            self.reason = event.reason.clone();
        }
        self.state = after.state;
        self.reader = after.holder;
        self.signed = after.signed;
        self.readings = after.readings;
        self.drafted_by = after.drafted_by;
        self.set_clock(workflow, now);
        self.trail.push(Mark {
            event: event.name.to_owned(),
            state: self.state.clone(),
            at: now.to_rfc3339(),
            by: event.by.clone().unwrap_or_default(),
        });
        if self.trail.len() > TRAIL_MAX {
            self.trail.remove(TRAIL_MAX / 2);
        }
        Ok(effects)
    }

    /// What follows from what it is about: who reads it, and how many.
    fn classify(&mut self, workflow: &Workflow, procedure: &str) {
        self.topic = (workflow.topic)(&self.modality, procedure, &self.description).to_owned();
        // What somebody reads or has read is not taken for another kind of case.
        let untouched = self.readings.is_empty() && self.reader.is_none() && self.report.is_none();
        if untouched && !self.signed {
            self.is_read_twice = (workflow.is_read_twice)(&self.modality, procedure, &self.description);
        }
    }

    fn set_clock(&mut self, workflow: &Workflow, now: Instant) {
        let since = Instant::parse_rfc3339(&self.since).unwrap_or(now);
        self.due = workflow.due(workflow.list_of(&self.state), &self.priority, since).to_rfc3339();
    }

    fn line(&self, workflow: &Workflow, source: &str) -> Result<WorkLine, Fault> {
        let moment = |text: &str| Instant::parse_rfc3339(text).unwrap_or_default();
        let list = workflow.list_of(&self.state);
        let mark = WorkMark {
            list: list.to_owned(),
            state: self.state.clone(),
            rank: if list.is_empty() { 0 } else { rank_of(&self.priority) },
            since: moment(&self.since),
            due: moment(&self.due),
            area: self.modality.clone(),
            topic: self.topic.clone(),
            holder: self.reader.clone().unwrap_or_default(),
            pat: pat_of(&self.patient),
            class: self.classes(),
        };
        let body = serde_json::to_vec(self).map_err(|_| Fault::bug("a case is always printable"))?;
        Ok(WorkLine {
            kind: kind_of(&self.department),
            id: self.study_uid.clone(),
            mark,
            source: source.to_owned(),
            body,
        })
    }

    /// What it tells of: images once there are some, else an order.
    pub(crate) fn classes(&self) -> u64 {
        if self.is_imaged() { DataClass::Imaging.bit() } else { DataClass::Orders.bit() }
    }
}

/// Place of a FHIR request-priority in a list: what cannot wait comes first.
pub const fn rank_of(priority: &str) -> u32 {
    match priority.as_bytes() {
        b"stat" => 0,
        b"asap" => 1,
        b"urgent" => 2,
        _ => 3,
    }
}

/// The name of a department's lines in the store; no resource type has such a one.
pub(crate) fn kind_of(department: &str) -> String {
    format!("@{department}")
}

pub(crate) fn read_case(line: &WorkLine) -> Result<Case, Fault> {
    serde_json::from_slice(&line.body).map_err(|_| Fault::bug("a case that was kept cannot be read"))
}

pub(crate) fn case_of(view: &View<'_>, study_uid: &str) -> Result<Option<Case>, Fault> {
    view.work_line(&kind_of(IMAGING), study_uid)?.as_ref().map(read_case).transpose()
}

impl Node {
    pub(crate) fn workflow(&self, department: &str) -> Result<&'static Workflow, Fault> {
        let found = self.workflows().iter().copied().find(|w| w.department == department);
        found.ok_or_else(|| Fault::not_supported("this node has no such department"))
    }
}

/// Keeps a case as it stands now.
pub(crate) fn keep(tx: &mut Tx<'_>, writer: &Writer, workflow: &Workflow, case: &Case) -> Result<(), Fault> {
    tx.put_work(&case.line(workflow, &writer.observer)?)
}

/// What an order says of the case it began, applied to the ledger. A step that the table does not have changes nothing:
/// an order never takes a study with images off the lists.
pub(crate) fn follow_order(
    tx: &mut Tx<'_>,
    writer: &Writer,
    step: &ScheduledStep,
    timed: bool,
    priority: &str,
) -> Result<(), Fault> {
    let Some(workflow) = writer.imaging else { return Ok(()) };
    let known = case_of(tx, &step.study_uid)?;
    let mut case = known.unwrap_or_else(|| Case::new(IMAGING, &step.study_uid, &step.patient));
    case.accession.clone_from(&step.accession);
    if !case.is_imaged() {
        case.patient.clone_from(&step.patient);
        case.modality.clone_from(&step.modality);
        case.description.clone_from(&step.description);
    }
    case.priority = if priority.is_empty() { "routine".to_owned() } else { priority.to_owned() };
    let code = step.procedure_code.as_ref().map_or("", |c| c.0.as_str());
    case.classify(workflow, code);
    let events: &[&'static str] = match (step.state, timed) {
        (StepState::Cancelled, _) => &["place", "cancel"],
        (_, true) => &["place", "schedule"],
        (_, false) => &["place"],
    };
    for name in events {
        let mut event = Event::named(name);
        if *name == "cancel" {
            event.reason = "the order was cancelled by its sender".to_owned();
        }
        let _refused = case.take(workflow, &event, writer.now);
    }
    case.set_clock(workflow, writer.now);
    keep(tx, writer, workflow, &case)
}

/// What a device says of its work.
pub(crate) fn follow_step(tx: &mut Tx<'_>, writer: &Writer, step: &ScheduledStep) -> Result<(), Fault> {
    let (Some(workflow), Some(mut case)) = (writer.imaging, case_of(tx, &step.study_uid)?) else {
        return Ok(());
    };
    let name = match step.state {
        StepState::Started => "begin",
        StepState::Completed => "perform",
        StepState::Discontinued => "discontinue",
        StepState::Scheduled | StepState::Cancelled => return Ok(()),
    };
    let _refused = case.take(workflow, &Event::named(name), writer.now);
    keep(tx, writer, workflow, &case)
}

/// An object of a study, as the ledger needs it.
pub(crate) struct ArrivedObject {
    pub study_uid: String,
    pub patient: String,
    pub unmatched: bool,
    pub accession: String,
    pub modality: String,
    pub description: String,
    /// It has pixels: a dose report or a presentation state alone calls no reader back.
    pub is_image: bool,
}

/// An object came: the study is on the reading list from this commit on, whatever was known of it before.
pub(crate) fn follow_object(
    tx: &mut Tx<'_>,
    writer: &Writer,
    object: ArrivedObject,
    order: Option<&ScheduledStep>,
) -> Result<(), Fault> {
    let Some(workflow) = writer.imaging else { return Ok(()) };
    let known = match case_of(tx, &object.study_uid)? {
        Some(case) => Some(case),
        None => order.map(|step| adopt(tx, step, &object)).transpose()?.flatten(),
    };
    let mut case = known.unwrap_or_else(|| Case::new(IMAGING, &object.study_uid, &object.patient));
    if !case.is_imaged() {
        case.arrived = writer.now.to_rfc3339();
        case.patient = object.patient;
        case.unmatched = object.unmatched;
        let other = |own: &mut String, said: String| {
            if !said.is_empty() {
                *own = said;
            }
        };
        other(&mut case.accession, object.accession);
        other(&mut case.modality, object.modality);
        other(&mut case.description, object.description);
        let code = order.and_then(|s| s.procedure_code.as_ref()).map_or("", |c| c.0.as_str());
        case.classify(workflow, code);
    } else if !object.is_image || matches!(workflow.state(&case.state), Some(s) if !s.list.is_empty()) {
        // It waits for a reader already, or there is nothing to be looked at.
        return Ok(());
    }
    case.take(workflow, &Event::named("image"), writer.now)?;
    keep(tx, writer, workflow, &case)
}

/// A device that made up its own Study Instance UID: the order's case goes over to the study that there is.
fn adopt(tx: &mut Tx<'_>, step: &ScheduledStep, object: &ArrivedObject) -> Result<Option<Case>, Fault> {
    let waiting = case_of(tx, &step.study_uid)?;
    let Some(mut case) = waiting.filter(|c| !c.is_imaged() && c.patient == object.patient) else {
        return Ok(None);
    };
    tx.drop_work(&kind_of(IMAGING), &step.study_uid)?;
    case.study_uid.clone_from(&object.study_uid);
    crate::orders::goes_over(tx, step, &object.study_uid)?;
    Ok(Some(case))
}

/// A study of which no object is left, after a crash undid all of them, is no study to be read: its order waits again.
pub(crate) fn undo_images(tx: &mut Tx<'_>, writer: &Writer, case: &Case) -> Result<(), Fault> {
    tx.drop_work(&kind_of(IMAGING), &case.study_uid)?;
    match crate::orders::step_for(tx, &case.study_uid, &case.accession)? {
        Some(step) => follow_order(tx, writer, &step, true, &case.priority),
        None => Ok(()),
    }
}

/// What a node of an earlier version kept as documents, before there were lines of work.
#[derive(Deserialize)]
struct FormerReading {
    study_uid: String,
    patient: String,
    accession: String,
    modality: String,
    description: String,
    arrived: String,
    state: String,
    reader: Option<String>,
    report: Option<String>,
    unmatched: bool,
}

/// Brings studies of an earlier version onto the lists; at the first start only is there something to do.
pub(crate) fn bring_over(node: &Node, now: Instant) -> Result<(), Fault> {
    let former = node.store().read(|view| view.documents("reading", ""))?;
    let Ok(workflow) = node.workflow(IMAGING) else { return Ok(()) };
    let source = node.settings().clues.clone();
    for some in former.chunks(1_000) {
        let (some, source) = (some.to_vec(), source.clone());
        let move_some = move |tx: &mut Tx<'_>| {
            for document in &some {
                let known = serde_json::from_slice::<FormerReading>(&document.body);
                let known = known.map_err(|_| Fault::bug("a reading that was kept cannot be read"))?;
                tx.put_work(&case_from(known, workflow, now).line(workflow, &source)?)?;
                tx.drop_document("reading", &document.key)?;
            }
            Ok(())
        };
        node.store().write(move_some).wait()?;
    }
    Ok(())
}

fn case_from(former: FormerReading, workflow: &Workflow, now: Instant) -> Case {
    let state = match former.state.as_str() {
        "claimed" => "claimed",
        "draft" => "preliminary",
        "signed" => "final",
        _ => "to-read",
    };
    let mut case = Case {
        accession: former.accession,
        topic: (workflow.topic)(&former.modality, "", &former.description).to_owned(),
        modality: former.modality,
        description: former.description,
        since: former.arrived.clone(),
        arrived: former.arrived,
        state: state.to_owned(),
        reader: former.reader,
        report: former.report,
        signed: state == "final",
        unmatched: former.unmatched,
        ..Case::new(IMAGING, &former.study_uid, &former.patient)
    };
    case.set_clock(workflow, now);
    case
}

/// A mark of an act on a case in the audit log.
pub(crate) fn leaf(tx: &mut Tx<'_>, writer: &Writer, what: &'static str, case: &Case) -> Result<(), Fault> {
    writer.leaf(tx, Act::Update, what, std::slice::from_ref(&case.patient), &case.study_uid)
}
