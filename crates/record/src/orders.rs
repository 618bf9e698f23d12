//! Orders and their scheduled steps: what a modality finds on its worklist, and what it says of the work (IHE SWF.b).

use crate::access::{self, Action};
use crate::audit::Act;
use crate::class::DataClass;
use crate::ledger;
use crate::resources::{Precondition, Writer};
use crate::schedule;
use crate::session::Session;
use badiano_fhir::{Value, fhir};
use badiano_kernel::{Fault, Instant};
use badiano_store::{Expect, Stub, Tx, View, pat_of};
use serde::{Deserialize, Serialize};

/// The queue in which a hospital's registrations wait for the hub.
pub const REGISTRATIONS: &str = "hub-registration";
/// Steps that one question to the worklist looks through.
const STEPS_MAX: usize = 5_000;

/// State of a scheduled procedure step (DICOM PS3.3 C.4.10, 0040,0020).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StepState {
    Scheduled,
    Started,
    Completed,
    Discontinued,
    Cancelled,
}

/// One scheduled procedure step with all that a modality needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledStep {
    /// Scheduled Procedure Step ID (at most 16 characters).
    pub id: String,
    pub accession: String,
    /// Requested Procedure ID; empty where the order gave none.
    #[serde(default)]
    pub requested_procedure: String,
    pub study_uid: String,
    pub order: String,
    pub task: String,
    pub patient: String,
    pub modality: String,
    pub station_ae: String,
    /// `YYYYMMDDHHMMSS` in the node's zone.
    pub start: String,
    pub description: String,
    pub procedure_code: Option<(String, String, String)>,
    pub referrer: String,
    pub state: StepState,
    /// The sender of the order, to whom the result goes.
    pub placer: String,
    /// SOP Instance UID of the modality's performed procedure step, once it began.
    pub performed: Option<String>,
}

/// A step with the patient as known now.
#[derive(Debug, Clone, PartialEq)]
pub struct WorklistItem {
    pub step: ScheduledStep,
    pub patient: Value,
}

/// What a modality says of its work (MPPS, PS3.4 F.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerformedStep {
    pub uid: String,
    /// `IN PROGRESS`, `COMPLETED` or `DISCONTINUED`.
    pub status: String,
    /// Accession numbers and study that it names.
    pub accessions: Vec<String>,
    pub study_uid: String,
    /// The data set as sent, in DICOM JSON.
    pub dataset: String,
}

/// What makes two resources of a message the same thing: the first identifier with a system.
pub(crate) fn business_key(resource: &Value) -> Option<String> {
    let own = resource["identifier"].items().iter().find(|i| !i.str_of("system").is_empty())?;
    Some(format!("{}|{}|{}", resource.resource_type(), own.str_of("system"), own.str_of("value")))
}

/// A person with a CURP is registered at the hub, from the same commit on.
pub(crate) fn register_at_hub(tx: &mut Tx<'_>, writer: &Writer, patient: &Value) -> Result<(), Fault> {
    if crate::patient_index::curp_in(patient).is_none() || tx.document("node", "hub")?.is_none() {
        return Ok(());
    }
    tx.enqueue(REGISTRATIONS, patient.id(), patient.id().as_bytes(), writer.now).map(|_| ())
}

/// Keeps the scheduled step in line with the order it belongs to.
pub(crate) fn follow(tx: &mut Tx<'_>, writer: &Writer, resource: &Value) -> Result<(), Fault> {
    if resource.resource_type() != "Task" {
        return Ok(());
    }
    let order_reference = resource["focus"].str_of("reference");
    let Some(order) = order_reference.strip_prefix("ServiceRequest/") else { return Ok(()) };
    let Some(request) = tx.get("ServiceRequest", order)? else { return Ok(()) };
    let Some((mut step, mut timed)) = scheduled_step(&request.body, resource, writer) else { return Ok(()) };
    if let Some(old) = step_of(tx, &step.id)? {
        // Work that has begun is not undone by a change of the order.
        if matches!(old.state, StepState::Started | StepState::Completed | StepState::Discontinued) {
            step.state = old.state;
            step.performed = old.performed;
        }
        step.study_uid = old.study_uid;
        // A house that books an order does not become its sender.
        if step.placer.is_empty() {
            step.placer = old.placer;
        }
        // What a house booked is not moved by a later message of the order's sender.
        if let Some((start, station)) = schedule::booked_time(tx, &step.order, &step.study_uid, &writer.zone)?
        {
            (step.start, step.station_ae, timed) = (start.to_compact_in(&writer.zone), station, true);
        }
    }
    keep_step(tx, &step, writer.now)?;
    match step.state {
        StepState::Scheduled => crate::imaging::prefetch(tx, writer, writer.node(), &step)?,
        StepState::Cancelled => schedule::order_ended(tx, writer, &step.order)?,
        StepState::Started | StepState::Completed | StepState::Discontinued => {}
    }
    ledger::follow_order(tx, writer, &step, timed, request.body.str_of("priority"))
}

fn input<'v>(task: &'v Value, code: &str) -> &'v str {
    let named = |i: &&Value| {
        i["type"]["coding"].items().iter().any(|c| c.str_of("code") == code)
            || i["type"].str_of("text") == code
    };
    let found = task["input"].items().iter().find(named);
    let text = |i: &'v Value| {
        ["valueString", "valueCode", "valueUri", "valueDateTime", "valueId", "valueOid"]
            .iter()
            .find_map(|k| i[*k].as_str())
    };
    found.and_then(text).unwrap_or("")
}

/// The step, and whether it has a time of its own; one without is put where it can be found today.
fn scheduled_step(request: &Value, task: &Value, writer: &Writer) -> Option<(ScheduledStep, bool)> {
    let patient = request["subject"].str_of("reference").strip_prefix("Patient/")?.to_owned();
    let accession = accession_of(request)?;
    let study_uid = match input(task, "study-instance-uid") {
        "" => badiano_kernel::id::Uid::random().as_str().to_owned(),
        given => given.trim_start_matches("urn:oid:").to_owned(),
    };
    let start = [
        input(task, "scheduled-start"),
        request.str_of("occurrenceDateTime"),
        task["executionPeriod"].str_of("start"),
    ]
    .into_iter()
    .find(|s| !s.is_empty());
    let given = start.and_then(|s| badiano_kernel::time::Span::parse_fhir(s, &writer.zone));
    let start = given.map_or(writer.now, |s| s.from);
    let coding = request["code"]["coding"].items().first();
    let state = match task.str_of("status") {
        "cancelled" | "rejected" => StepState::Cancelled,
        "in-progress" => StepState::Started,
        "completed" => StepState::Completed,
        _ => StepState::Scheduled,
    };
    let step_id = match input(task, "scheduled-procedure-step-id") {
        "" => accession.clone(),
        given => given.to_owned(),
    };
    let step = ScheduledStep {
        id: step_id.chars().take(16).collect(),
        accession,
        requested_procedure: input(task, "requested-procedure-id").chars().take(16).collect(),
        study_uid,
        order: request.id().to_owned(),
        task: task.id().to_owned(),
        patient,
        modality: input(task, "modality").to_owned(),
        station_ae: input(task, "scheduled-station-ae-title").to_owned(),
        start: start.to_compact_in(&writer.zone),
        description: match request["code"].str_of("text") {
            "" => coding.map_or("", |c| c.str_of("display")).to_owned(),
            text => text.to_owned(),
        },
        procedure_code: coding.filter(|c| !c.str_of("code").is_empty()).map(|c| {
            (c.str_of("code").to_owned(), c.str_of("system").to_owned(), c.str_of("display").to_owned())
        }),
        referrer: request["requester"].str_of("display").to_owned(),
        state,
        placer: match &writer.principal {
            badiano_kernel::Principal::Peer { name, .. } => name.clone(),
            _ => String::new(),
        },
        performed: None,
    };
    Some((step, given.is_some()))
}

/// The accession number of an order: the identifier of type ACSN, else the filler's, else the placer's.
pub fn accession_of(request: &Value) -> Option<String> {
    let of_type = |code: &str| {
        let typed = |i: &&Value| i["type"]["coding"].items().iter().any(|c| c.str_of("code") == code);
        request["identifier"].items().iter().find(typed).map(|i| i.str_of("value")).filter(|v| !v.is_empty())
    };
    let found = of_type("ACSN").or_else(|| of_type("FILL")).or_else(|| of_type("PLAC"));
    found.map(|a| a.chars().take(16).collect())
}

pub(crate) fn step_of(view: &View<'_>, id: &str) -> Result<Option<ScheduledStep>, Fault> {
    Ok(view.document("step", id)?.and_then(|d| serde_json::from_slice(&d.body).ok()))
}

/// The step that a study or an accession number belongs to.
pub(crate) fn step_for(
    view: &View<'_>,
    study_uid: &str,
    accession: &str,
) -> Result<Option<ScheduledStep>, Fault> {
    for (kind, key) in [("step-by-study", study_uid), ("step-by-accession", accession)] {
        if key.is_empty() {
            continue;
        }
        let id = view.document(kind, key)?.and_then(|d| String::from_utf8(d.body).ok());
        if let Some(step) = id.map(|id| step_of(view, &id)).transpose()?.flatten() {
            return Ok(Some(step));
        }
    }
    Ok(None)
}

fn keep_step(tx: &mut Tx<'_>, step: &ScheduledStep, now: Instant) -> Result<(), Fault> {
    let body = serde_json::to_vec(step).map_err(|_| Fault::bug("a step is always printable"))?;
    tx.put_document("step", &step.id, &body, Expect::Any, now)?;
    tx.put_document("step-by-study", &step.study_uid, step.id.as_bytes(), Expect::Any, now)?;
    tx.put_document("step-by-accession", &step.accession, step.id.as_bytes(), Expect::Any, now)?;
    Ok(())
}

/// A device that made up its own study: the order's step belongs to the study that there is.
pub(crate) fn goes_over(tx: &mut Tx<'_>, step: &ScheduledStep, study_uid: &str) -> Result<(), Fault> {
    let step = ScheduledStep { study_uid: study_uid.to_owned(), ..step.clone() };
    let now = tx.document("step", &step.id)?.map_or(Instant::default(), |d| d.updated);
    keep_step(tx, &step, now)
}

impl Session {
    /// Steps that wait to be done or have begun, for a modality's worklist; the door matches them against its keys.
    pub fn worklist(&self) -> Result<Vec<WorklistItem>, Fault> {
        self.may_read_classes(DataClass::Orders.bit() | DataClass::Demographics.bit())?;
        let items = self.node().store().read(|view| {
            let mut items = Vec::new();
            for document in view.last_documents("step", STEPS_MAX)? {
                let Ok(step) = serde_json::from_slice::<ScheduledStep>(&document.body) else { continue };
                if !matches!(step.state, StepState::Scheduled | StepState::Started) {
                    continue;
                }
                if let Some(patient) = view.get("Patient", &step.patient)?.filter(|p| !p.deleted) {
                    items.push(WorklistItem { step, patient: patient.body });
                }
            }
            Ok(items)
        })?;
        Ok(items.into_iter().filter(|i| self.sees(&self.stub_of_order(&i.step))).collect())
    }

    fn stub_of_order(&self, step: &ScheduledStep) -> Stub {
        Stub {
            kind: "ServiceRequest".into(),
            id: step.order.as_str().into(),
            pat: pat_of(&step.patient),
            class: DataClass::Orders.bit(),
            source: self.node().settings().clues.as_str().into(),
        }
    }

    /// Logs which patients an answer of the worklist named, before it leaves.
    pub fn note_worklist(&self, shown: &[WorklistItem]) -> Result<(), Fault> {
        let patients: Vec<String> = shown.iter().map(|i| i.step.patient.clone()).collect();
        self.note(Act::Execute, "worklist", &patients, "scheduled steps")
    }

    /// A modality began (N-CREATE) or went on with (N-SET) its work. A step that has ended is not changed again.
    pub async fn perform_step(&self, performed: PerformedStep, begins: bool) -> Result<(), Fault> {
        let allowed = access::classes(self.principal(), self.purpose(), Action::Write);
        if DataClass::Orders.bit() & !allowed != 0 {
            return Err(Fault::forbidden("this principal may not write performed steps"));
        }
        let state = match performed.status.as_str() {
            "IN PROGRESS" => StepState::Started,
            "COMPLETED" => StepState::Completed,
            "DISCONTINUED" => StepState::Discontinued,
            _ => {
                return Err(
                    Fault::invalid("the status is IN PROGRESS, COMPLETED or DISCONTINUED").at("(0040,0252)")
                );
            }
        };
        let session = self.clone();
        self.node().store().write(move |tx| perform(tx, &session, &performed, state, begins)).await
    }

    /// The status of a performed step, for N-GET and for tests of a later N-SET.
    pub fn performed_step(&self, uid: &str) -> Result<Option<PerformedStep>, Fault> {
        self.may_read_classes(DataClass::Orders.bit())?;
        self.node().store().read(|view| performed_of(view, uid))
    }
}

fn performed_of(view: &View<'_>, uid: &str) -> Result<Option<PerformedStep>, Fault> {
    let document = view.document("mpps", uid)?;
    let value: Option<serde_json::Value> = document.and_then(|d| serde_json::from_slice(&d.body).ok());
    Ok(value.map(|v| {
        let text = |key: &str| v[key].as_str().unwrap_or_default().to_owned();
        let accessions =
            v["accessions"].as_array().into_iter().flatten().filter_map(|a| a.as_str().map(str::to_owned));
        PerformedStep {
            uid: uid.to_owned(),
            status: text("status"),
            accessions: accessions.collect(),
            study_uid: text("study_uid"),
            dataset: text("dataset"),
        }
    }))
}

fn perform(
    tx: &mut Tx<'_>,
    session: &Session,
    performed: &PerformedStep,
    state: StepState,
    begins: bool,
) -> Result<(), Fault> {
    let writer = &session.writer();
    let before = performed_of(tx, &performed.uid)?;
    match (&before, begins) {
        (Some(_), true) => return Err(Fault::conflict("a performed step with this UID is there already")),
        (None, false) => return Err(Fault::not_found("no performed step with this UID")),
        (Some(old), false) if old.status != "IN PROGRESS" => {
            return Err(Fault::conflict("the performed step has ended and may no longer be updated"));
        }
        _ => {}
    }
    let known = before.unwrap_or_else(|| performed.clone());
    let accession = known.accessions.first().map_or("", String::as_str);
    let ordered = step_for(tx, &known.study_uid, accession)?;
    let hidden = ordered.as_ref().is_some_and(|step| !session.sees(&session.stub_of_order(step)));
    if hidden && !begins {
        return Err(Fault::not_found("no performed step with this UID"));
    }
    let body = serde_json::json!({
        "status": performed.status,
        "accessions": known.accessions,
        "study_uid": known.study_uid,
        "dataset": performed.dataset,
    });
    let body = serde_json::to_vec(&body).map_err(|_| Fault::bug("a step is always printable"))?;
    tx.put_document("mpps", &performed.uid, &body, Expect::Any, writer.now)?;
    // What is hidden from who performs it is to them a step that nobody ordered.
    let Some(mut step) = ordered.filter(|_| !hidden) else {
        return writer.leaf(tx, Act::Update, "mpps", &[], "a performed step without an order");
    };
    step.state = state;
    step.performed = Some(performed.uid.clone());
    keep_step(tx, &step, writer.now)?;
    ledger::follow_step(tx, writer, &step)?;
    if let Some(task) = tx.get("Task", &step.task)?.filter(|t| !t.deleted) {
        let status = match state {
            StepState::Completed => "completed",
            StepState::Discontinued => "failed",
            StepState::Scheduled | StepState::Started | StepState::Cancelled => "in-progress",
        };
        writer.put(tx, task.body.with("status", status), Precondition::None, "mpps")?;
    }
    writer.leaf(tx, Act::Update, "mpps", &[step.patient], &format!("step {}", step.id))
}

/// A reference by accession number, as results carry it.
pub fn accession_identifier(accession: &str) -> Value {
    fhir!({
        "type": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN" }] },
        "value": accession
    })
}
