//! Reports: drafted, signed and amended as versions; a signed report is never altered, only followed (FHIR R4 DiagnosticReport).

use crate::ledger::{self, Case, IMAGING};
use crate::notices;
use crate::orders;
use crate::patient_index;
use crate::resources::{Precondition, Versioned, Writer, check};
use crate::session::Session;
use crate::workflow::{Effect, Event};
use badiano_fhir::{Value, fhir};
use badiano_kernel::{Fault, id};
use badiano_store::Tx;

/// The queue in which results wait to go back to the sender of the order.
pub const RESULTS: &str = "hl7-result";

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

impl Session {
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
                let case = session.case_to_change(tx, &study_uid)?;
                let writing = Writing { reader: &reader, action, text: &text, version };
                put_report(tx, &writer, &session, case, &writing)
            })
            .await
    }
}

/// A report on its way into the record.
struct Writing<'a> {
    reader: &'a str,
    action: ReportAction,
    text: &'a ReportText,
    /// The version that the writer's page shows.
    version: Option<u64>,
}

fn put_report(
    tx: &mut Tx<'_>,
    writer: &Writer,
    session: &Session,
    mut case: Case,
    writing: &Writing<'_>,
) -> Result<Versioned, Fault> {
    let workflow = session.node().workflow(IMAGING)?;
    let old = match &case.report {
        Some(id) => tx.get("DiagnosticReport", id)?.filter(|r| !r.deleted),
        None => None,
    };
    if let (Some(shown), Some(old)) = (writing.version, &old)
        && shown != old.version
    {
        return Err(Fault::conflict("the report was changed since this page was opened"));
    }
    let (event, status) = match writing.action {
        ReportAction::Save => ("save", "preliminary"),
        ReportAction::Sign => ("sign", "final"),
        ReportAction::Amend => ("amend", "amended"),
    };
    let event = Event { by: Some(writing.reader.to_owned()), ..Event::named(event) };
    let waits = !workflow.list_of(&case.state).is_empty();
    let effects = case.take(workflow, &event, writer.now)?;
    let step = orders::step_for(tx, &case.study_uid, &case.accession)?;
    if writing.action != ReportAction::Save && step.as_ref().is_some_and(|s| s.patient != case.patient) {
        return Err(Fault::conflict("the order is another patient's").at("order"));
    }
    // An amendment of what has ended is about words; one of a study that is back on the list is about its new images.
    if writing.action != ReportAction::Save && waits {
        session.has_opened(tx, writing.reader, &case.study_uid)?;
    }
    let id = case.report.clone().unwrap_or_else(|| id::LogicalId::random().as_str().to_owned());
    let report = report_resource(&id, &case, step.as_ref(), status, writing.text, session);
    check(&report)?;
    let expect = old.as_ref().map_or(Precondition::Absent, |o| Precondition::Version(o.version));
    let written = writer.put(tx, report, expect, interaction_of(writing.action))?;
    case.report = Some(id.clone());
    ledger::keep(tx, writer, workflow, &case)?;
    if writing.action == ReportAction::Amend {
        notices::amended(tx, &case, written.version, writing.reader, writer.now)?;
    }
    if effects.contains(&Effect::Tell) {
        if let Some(step) = step.filter(|s| !s.placer.is_empty()) {
            tx.enqueue(&format!("{RESULTS}/{}", step.placer), &case.patient, id.as_bytes(), writer.now)?;
        }
        if let Some(patient) =
            tx.get("Patient", &case.patient)?.filter(|p| patient_index::curp_in(&p.body).is_some())
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
    case: &Case,
    step: Option<&orders::ScheduledStep>,
    status: &str,
    text: &ReportText,
    session: &Session,
) -> Value {
    let imaging_study = crate::imaging::imaging_study_id(&case.study_uid);
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
            "text": (if case.description.is_empty() { "Estudio de imagen" } else { case.description.as_str() })
        },
        "subject": { "reference": (format!("Patient/{}", case.patient)) },
        "effectiveDateTime": (case.arrived.as_str()),
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
