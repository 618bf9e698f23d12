//! Reports: drafted, signed and amended as versions; a signed report is never altered, only followed (FHIR R4 DiagnosticReport).

use crate::accounts::account_of;
use crate::ledger::{self, Case, IMAGING};
use crate::notices;
use crate::orders;
use crate::patient_index;
use crate::readings;
use crate::resources::{Precondition, Versioned, Writer, check};
use crate::session::Session;
use crate::workflow::{Effect, Event};
use badiano_fhir::{Value, fhir};
use badiano_kernel::{Fault, id};
use badiano_store::Tx;
use serde::{Deserialize, Serialize};

/// The queue in which results wait to go back to the sender of the order.
pub const RESULTS: &str = "hl7-result";

/// What the reader writes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReportText {
    pub template: String,
    /// Title and text of each section.
    pub sections: Vec<(String, String)>,
    pub conclusion: String,
    /// What a reading of two comes to (a code of the department's assessments); empty where there is one reading.
    pub assessment: String,
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
pub(crate) struct Writing<'a> {
    pub reader: &'a str,
    pub action: ReportAction,
    pub text: &'a ReportText,
    /// The version that the writer's page shows.
    pub version: Option<u64>,
}

impl Writing<'_> {
    fn event(&self, session: &Session) -> Event {
        let name = match self.action {
            ReportAction::Save => "save",
            ReportAction::Sign => "sign",
            ReportAction::Amend => "amend",
        };
        Event {
            by: Some(self.reader.to_owned()),
            is_trainee: session.is_trainee(),
            assessment: self.text.assessment.clone(),
            ..Event::named(name)
        }
    }
}

fn put_report(
    tx: &mut Tx<'_>,
    writer: &Writer,
    session: &Session,
    mut case: Case,
    writing: &Writing<'_>,
) -> Result<Versioned, Fault> {
    let workflow = session.node().workflow(IMAGING)?;
    let waits = !workflow.list_of(&case.state).is_empty();
    let blind = case.is_read_twice && !case.signed;
    let effects = case.take(workflow, &writing.event(session), writer.now)?;
    let step = orders::step_for(tx, &case.study_uid, &case.accession)?;
    if writing.action != ReportAction::Save && step.as_ref().is_some_and(|s| s.patient != case.patient) {
        return Err(Fault::conflict("the order is another patient's").at("order"));
    }
    // An amendment of what has ended is about words; one of a study that is back on the list is about its new images.
    if writing.action != ReportAction::Save && waits {
        session.has_opened(tx, writing.reader, &case.study_uid)?;
    }
    let own = match blind {
        true => Some(readings::keep_own(tx, writer, session, &case, writing)?),
        false => None,
    };
    if let Some(own) = own.filter(|_| !effects.contains(&Effect::Sign)) {
        ledger::keep(tx, writer, workflow, &case)?;
        ledger::leaf(tx, writer, interaction_of(writing.action), &case)?;
        return Ok(own);
    }
    let written = put_resource(tx, writer, session, &mut case, step.as_ref(), effects, writing)?;
    ledger::keep(tx, writer, workflow, &case)?;
    if writing.action == ReportAction::Amend {
        notices::amended(tx, &case, written.version, writing.reader, writer.now)?;
    }
    if effects.contains(&Effect::Tell) {
        if let Some(step) = step.filter(|s| !s.placer.is_empty()) {
            let id = written.resource.id().as_bytes();
            tx.enqueue(&format!("{RESULTS}/{}", step.placer), &case.patient, id, writer.now)?;
        }
        if let Some(patient) =
            tx.get("Patient", &case.patient)?.filter(|p| patient_index::curp_in(&p.body).is_some())
        {
            orders::register_at_hub(tx, writer, &patient.body)?;
        }
    }
    Ok(written)
}

/// The next version of the case's DiagnosticReport; final or amended only where the step made it so.
fn put_resource(
    tx: &mut Tx<'_>,
    writer: &Writer,
    session: &Session,
    case: &mut Case,
    step: Option<&orders::ScheduledStep>,
    effects: &[Effect],
    writing: &Writing<'_>,
) -> Result<Versioned, Fault> {
    let old = match &case.report {
        Some(id) => tx.get("DiagnosticReport", id)?.filter(|r| !r.deleted),
        None => None,
    };
    // Of a case that was read blind, the page showed the reader's own reading.
    let is_first = case.is_read_twice && old.is_none();
    if let (Some(shown), Some(old)) = (writing.version, &old)
        && shown != old.version
        && !is_first
    {
        return Err(Fault::conflict("the report was changed since this page was opened"));
    }
    let status = match writing.action {
        ReportAction::Amend => "amended",
        _ if effects.contains(&Effect::Sign) => "final",
        _ => "preliminary",
    };
    let id = case.report.clone().unwrap_or_else(|| id::LogicalId::random().as_str().to_owned());
    let mut report = report_resource(&id, case, step, status, writing.text, session);
    for name in other_readers(tx, case, writing.reader)? {
        report.push("resultsInterpreter", fhir!({ "display": name }));
    }
    check(&report)?;
    let expect = old.as_ref().map_or(Precondition::Absent, |o| Precondition::Version(o.version));
    let written = writer.put(tx, report, expect, interaction_of(writing.action))?;
    case.report = Some(id);
    Ok(written)
}

/// Names of who else has read the case, or wrote what is signed now.
fn other_readers(tx: &Tx<'_>, case: &Case, reader: &str) -> Result<Vec<String>, Fault> {
    let accounts = case.readings.iter().map(|r| &r.by).chain(&case.drafted_by);
    let others = accounts.filter(|a| *a != reader);
    let name = |a: &String| Ok(account_of(tx, a)?.map_or_else(|| a.clone(), |known| known.name));
    others.map(name).collect()
}

const fn interaction_of(action: ReportAction) -> &'static str {
    match action {
        ReportAction::Save => "save-report",
        ReportAction::Sign => "sign-report",
        ReportAction::Amend => "amend-report",
    }
}

pub(crate) fn report_resource(
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
    if !text.assessment.is_empty() {
        report.push(
            "extension",
            fhir!({ "url": (ASSESSMENT_EXTENSION), "valueCode": (text.assessment.as_str()) }),
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
/// What a reading comes to, of a case that two people read.
pub const ASSESSMENT_EXTENSION: &str = "urn:badiano:assessment";
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
