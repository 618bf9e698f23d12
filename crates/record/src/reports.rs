//! Reports and the unread ledger: every study is unread, claimed, or reported; a signed report is never altered, only followed.

use crate::access::Action;
use crate::audit::Act;
use crate::class::DataClass;
use crate::orders;
use crate::patient_index;
use crate::resources::{Precondition, Versioned, Writer, check};
use crate::session::Session;
use badiano_fhir::{Value, fhir};
use badiano_kernel::principal::Role;
use badiano_kernel::{Fault, FaultKind, Instant, id};
use badiano_store::{Expect, Stored, Stub, Tx, View, pat_of};
use serde::{Deserialize, Serialize};

/// The queue in which results wait to go back to the sender of the order.
pub const RESULTS: &str = "hl7-result";
/// Studies that one look at the worklist shows.
const READING_MAX: usize = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadingState {
    Unread,
    Claimed,
    /// A report is begun and not signed.
    Draft,
    Signed,
}

/// One line of the unread ledger: a study and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    pub study_uid: String,
    pub patient: String,
    pub accession: String,
    pub modality: String,
    pub description: String,
    /// When the first image came, RFC 3339.
    pub arrived: String,
    pub state: ReadingState,
    /// Account that claimed it.
    pub reader: Option<String>,
    pub report: Option<String>,
    /// Set when the images name a patient that no order and no registration knows.
    pub unmatched: bool,
}

/// A reading with what a worklist shows of its patient.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadingItem {
    pub reading: Reading,
    pub patient: Value,
    /// The ServiceRequest it was made for, `Null` where there is none or it may not be seen.
    pub order: Value,
    /// Objects archived of the study.
    pub instances: u64,
    /// The name behind `reading.reader`.
    pub reader_name: Option<String>,
}

/// What the reader writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportText {
    pub template: String,
    /// Title and text of each section.
    pub sections: Vec<(String, String)>,
    pub conclusion: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportAction {
    Save,
    Sign,
    Amend,
}

pub(crate) fn reading_of(view: &View<'_>, study_uid: &str) -> Result<Option<Reading>, Fault> {
    Ok(view.document("reading", study_uid)?.and_then(|d| serde_json::from_slice(&d.body).ok()))
}

pub(crate) fn keep_reading(tx: &mut Tx<'_>, reading: &Reading, now: Instant) -> Result<(), Fault> {
    let body = serde_json::to_vec(reading).map_err(|_| Fault::bug("a reading is always printable"))?;
    tx.put_document("reading", &reading.study_uid, &body, Expect::Any, now).map(|_| ())
}

/// A reading with its patient, and its order apart: whether that may be seen is decided for itself.
fn item_of(view: &View<'_>, reading: Reading) -> Result<(ReadingItem, Option<Stored>), Fault> {
    let patient = view.get("Patient", &reading.patient)?.filter(|p| !p.deleted);
    let order = match orders::step_for(view, &reading.study_uid, &reading.accession)? {
        Some(step) => view.get("ServiceRequest", &step.order)?.filter(|o| !o.deleted),
        None => None,
    };
    let reader_name = match &reading.reader {
        Some(account) => crate::accounts::account_of(view, account)?.map(|a| a.name),
        None => None,
    };
    let instances = view.study_instances(&reading.study_uid)?;
    let patient = patient.map_or(Value::Null, |p| p.body);
    Ok((ReadingItem { reading, patient, order: Value::Null, instances, reader_name }, order))
}

impl Session {
    /// The reading worklist: what is in one of these states; what consent hides is not on it.
    pub fn readings(&self, states: &[ReadingState]) -> Result<Vec<ReadingItem>, Fault> {
        self.reads_images()?;
        let all = self.node().store().read(|view| {
            let mut all = Vec::new();
            for document in view.last_documents("reading", READING_MAX)? {
                let Ok(reading) = serde_json::from_slice::<Reading>(&document.body) else { continue };
                if states.contains(&reading.state) {
                    all.push(item_of(view, reading)?);
                }
            }
            Ok(all)
        })?;
        let seen: Vec<ReadingItem> = all.into_iter().filter_map(|found| self.shown_reading(found)).collect();
        let patients: Vec<String> = seen.iter().map(|i| i.reading.patient.clone()).collect();
        self.note(Act::Execute, "reading-worklist", &patients, "unread studies")?;
        Ok(seen)
    }

    /// One study's reading and its report, for the pane beside the viewer.
    pub fn reading(&self, study_uid: &str) -> Result<(ReadingItem, Option<Versioned>), Fault> {
        self.reads_images()?;
        let found = self
            .node()
            .store()
            .read(|view| reading_of(view, study_uid)?.map(|reading| item_of(view, reading)).transpose())?;
        let item = found
            .and_then(|found| self.shown_reading(found))
            .ok_or_else(|| Fault::not_found("no such study"))?;
        self.note(Act::Read, "reading", std::slice::from_ref(&item.reading.patient), study_uid)?;
        let report = match &item.reading.report {
            // Who may see the images and not the report sees a study without one.
            Some(id) => match self.read("DiagnosticReport", id) {
                Err(fault) if fault.kind == FaultKind::NotFound => None,
                found => Some(found?),
            },
            None => None,
        };
        Ok((item, report))
    }

    /// Takes a study for oneself; two readers at once: the second is told.
    pub async fn claim_reading(&self, study_uid: &str) -> Result<(), Fault> {
        let reader = self.reader()?;
        let (study_uid, writer, session) = (study_uid.to_owned(), self.writer(), self.clone());
        self.node()
            .store()
            .write(move |tx| {
                let mut reading = reading_of(tx, &study_uid)?
                    .filter(|r| session.sees(&session.stub_of_reading(r)))
                    .ok_or_else(|| Fault::not_found("no such study"))?;
                match (&reading.reader, reading.state) {
                    (Some(other), ReadingState::Claimed | ReadingState::Draft) if *other != reader => {
                        return Err(Fault::conflict("another reader has this study"));
                    }
                    (_, ReadingState::Signed) => {
                        return Err(Fault::conflict("the study is reported and signed"));
                    }
                    _ => {}
                }
                if reading.state == ReadingState::Unread {
                    reading.state = ReadingState::Claimed;
                }
                reading.reader = Some(reader);
                keep_reading(tx, &reading, writer.now)?;
                writer.leaf(tx, Act::Update, "claim", std::slice::from_ref(&reading.patient), &study_uid)
            })
            .await
    }

    /// Saves a draft, signs it, or amends what was signed. `version` is the version the page shows; another one in between is a conflict.
    pub async fn write_report(
        &self,
        study_uid: &str,
        action: ReportAction,
        text: ReportText,
        version: Option<u64>,
    ) -> Result<Versioned, Fault> {
        let reader = self.reader()?;
        if action != ReportAction::Save && text.conclusion.trim().is_empty() {
            return Err(Fault::invalid("a report that is signed has a conclusion").at("conclusion"));
        }
        let (study_uid, writer, session) = (study_uid.to_owned(), self.writer(), self.clone());
        self.node()
            .store()
            .write(move |tx| {
                let reading = reading_of(tx, &study_uid)?
                    .filter(|r| session.sees(&session.stub_of_reading(r)))
                    .ok_or_else(|| Fault::not_found("no such study"))?;
                put_report(tx, &writer, &session, reading, &reader, action, &text, version)
            })
            .await
    }

    /// What of it may be seen: nothing when the images may not, no order when the order may not.
    fn shown_reading(&self, (mut item, order): (ReadingItem, Option<Stored>)) -> Option<ReadingItem> {
        if !self.sees(&self.stub_of_reading(&item.reading)) {
            return None;
        }
        if let Some(order) = order.filter(|o| self.sees(&o.stub())) {
            item.order = order.body;
        }
        Some(item)
    }

    fn stub_of_reading(&self, reading: &Reading) -> Stub {
        Stub {
            kind: "ImagingStudy".into(),
            id: reading.study_uid.as_str().into(),
            pat: pat_of(&reading.patient),
            class: DataClass::Imaging.bit(),
            source: self.node().settings().clues.as_str().into(),
        }
    }

    fn reads_images(&self) -> Result<(), Fault> {
        self.may_read_classes(DataClass::Imaging.bit() | DataClass::Orders.bit())
    }

    fn reader(&self) -> Result<String, Fault> {
        let writes = crate::access::classes(self.principal(), self.purpose(), Action::Write)
            & DataClass::Reports.bit()
            != 0;
        match self.principal().staff() {
            Some(staff) if staff.roles.contains(&Role::Radiologist) && writes => Ok(staff.account.clone()),
            _ => Err(Fault::forbidden("reports are written by a radiologist")),
        }
    }
}

#[allow(clippy::too_many_arguments)]
fn put_report(
    tx: &mut Tx<'_>,
    writer: &Writer,
    session: &Session,
    mut reading: Reading,
    reader: &str,
    action: ReportAction,
    text: &ReportText,
    version: Option<u64>,
) -> Result<Versioned, Fault> {
    let old = match &reading.report {
        Some(id) => tx.get("DiagnosticReport", id)?.filter(|r| !r.deleted),
        None => None,
    };
    if let (Some(shown), Some(old)) = (version, &old)
        && shown != old.version
    {
        return Err(Fault::conflict("the report was changed since this page was opened"));
    }
    let signed = old.as_ref().is_some_and(|o| matches!(o.body.str_of("status"), "final" | "amended"));
    let status = match (action, signed) {
        (ReportAction::Save, false) => "preliminary",
        (ReportAction::Sign, false) => "final",
        (ReportAction::Amend, true) => "amended",
        (ReportAction::Amend, false) => return Err(Fault::conflict("only a signed report is amended")),
        (ReportAction::Save | ReportAction::Sign, true) => {
            return Err(Fault::conflict("the report is signed: amend it"));
        }
    };
    if reading.reader.as_deref().is_some_and(|r| r != reader) && !signed {
        return Err(Fault::conflict("another reader has this study"));
    }
    let id = reading.report.clone().unwrap_or_else(|| id::LogicalId::random().as_str().to_owned());
    let step = orders::step_for(tx, &reading.study_uid, &reading.accession)?;
    let imaging_study = crate::imaging::imaging_study_id(&reading.study_uid);
    let report = report_resource(&id, &reading, &imaging_study, step.as_ref(), status, text, session);
    check(&report)?;
    let expect = old.as_ref().map_or(Precondition::Absent, |o| Precondition::Version(o.version));
    let written = writer.put(tx, report, expect, interaction_of(action))?;
    reading.report = Some(id.clone());
    reading.reader = Some(reader.to_owned());
    reading.state = if action == ReportAction::Save { ReadingState::Draft } else { ReadingState::Signed };
    keep_reading(tx, &reading, writer.now)?;
    if action != ReportAction::Save {
        if let Some(step) = step.filter(|s| !s.placer.is_empty()) {
            tx.enqueue(&format!("{RESULTS}/{}", step.placer), &reading.patient, id.as_bytes(), writer.now)?;
        }
        if let Some(patient) =
            tx.get("Patient", &reading.patient)?.filter(|p| patient_index::curp_in(&p.body).is_some())
        {
            orders::register_at_hub(tx, writer, &patient.body)?;
        }
    }
    Ok(written)
}

const fn interaction_of(action: ReportAction) -> &'static str {
    match action {
        ReportAction::Save => "save-report",
        ReportAction::Sign => "sign-report",
        ReportAction::Amend => "amend-report",
    }
}

fn report_resource(
    id: &str,
    reading: &Reading,
    imaging_study: &str,
    step: Option<&orders::ScheduledStep>,
    status: &str,
    text: &ReportText,
    session: &Session,
) -> Value {
    let name = session.principal().staff().map_or(String::new(), |s| s.name.clone());
    let settings = session.node().settings();
    let mut report = fhir!({
        "resourceType": "DiagnosticReport",
        "id": id,
        "text": { "status": "generated", "div": (narrative(text)) },
        "status": status,
        "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RAD" }] }],
        "code": {
            "coding": [{ "system": "http://loinc.org", "code": "18748-4", "display": "Diagnostic imaging study" }],
            "text": (if reading.description.is_empty() { "Estudio de imagen" } else { reading.description.as_str() })
        },
        "subject": { "reference": (format!("Patient/{}", reading.patient)) },
        "effectiveDateTime": (reading.arrived.as_str()),
        "issued": (session.now().to_rfc3339()),
        "performer": [{ "display": (settings.name.as_str()), "identifier": { "system": (badiano_mexico::naming::CLUES), "value": (settings.clues.as_str()) } }],
        "resultsInterpreter": [{ "display": name }],
        "imagingStudy": [{ "reference": (format!("ImagingStudy/{imaging_study}")) }]
    });
    if !text.conclusion.trim().is_empty() {
        report.set("conclusion", text.conclusion.as_str());
    }
    if let Some(step) = step {
        report.push("basedOn", fhir!({ "reference": (format!("ServiceRequest/{}", step.order)) }));
        report.push("identifier", orders::accession_identifier(&step.accession));
    }
    if !text.template.is_empty() {
        report.push(
            "extension",
            fhir!({ "url": (TEMPLATE_EXTENSION), "valueString": (text.template.as_str()) }),
        );
    }
    for (title, body) in text.sections.iter().filter(|(_, body)| !body.trim().is_empty()) {
        let section = fhir!({
            "url": SECTION_EXTENSION,
            "extension": [{ "url": "title", "valueString": (title.as_str()) }, { "url": "text", "valueString": (body.as_str()) }]
        });
        report.push("extension", section);
    }
    report
}

/// The template a report was written from.
pub const TEMPLATE_EXTENSION: &str = "urn:badiano:report-template";
/// One section of a report: `title` and `text`.
pub const SECTION_EXTENSION: &str = "urn:badiano:report-section";

/// The report as people read it; all text is escaped.
fn narrative(text: &ReportText) -> String {
    let escape = |s: &str| s.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut div = String::from("<div xmlns=\"http://www.w3.org/1999/xhtml\">");
    for (title, body) in &text.sections {
        if !body.trim().is_empty() {
            div.push_str(&format!(
                "<h2>{}</h2><p>{}</p>",
                escape(title),
                escape(body).replace('\n', "<br/>")
            ));
        }
    }
    div.push_str(&format!(
        "<h2>Conclusión</h2><p>{}</p></div>",
        escape(&text.conclusion).replace('\n', "<br/>")
    ));
    div
}
