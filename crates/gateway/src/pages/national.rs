//! The national query: what other institutions hold about a person, for their care or in an emergency (`NationalAnswer` of `web/src/api.ts`).

use super::form::{English, Json, Refused, clinical};
use super::person::{self, Condition, Head, Names, Recorded, Section, Summary};
use super::reading::{SecondFactor, confirm};
use crate::caller::Caller;
use crate::dicomweb::national::{Opening, asker};
use axum::response::Response;
use badiano_exchange::ask::{self, Answer, Missing, source_of};
use badiano_exchange::on_behalf::sensitive_classes;
use badiano_fhir::Value;
use badiano_kernel::{Fault, FaultKind, Principal, Purpose};
use badiano_mexico::curp::Curp;
use badiano_record::NodeRole;
use badiano_record::emergency::{Emergency, REASON_MAX, REASON_MIN};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

#[derive(Deserialize)]
pub struct NationalQuery {
    curp: String,
    purpose: String,
}

#[derive(Deserialize)]
pub struct NationalEmergency {
    curp: String,
    reason: String,
    /// Codes of sensitive classes; asked for again, once the access is open.
    #[serde(default)]
    sensitive: Vec<String>,
    #[serde(default)]
    second_factor: SecondFactor,
}

#[derive(Debug, Serialize)]
struct NationalAnswer {
    person: Option<Head>,
    purpose: &'static str,
    allergies: Vec<Recorded>,
    conditions: Vec<Condition>,
    medications: Vec<Recorded>,
    reports: Vec<NationalReport>,
    studies: Vec<NationalStudy>,
    answered: Vec<Source>,
    failed: Vec<Failed>,
    notice: &'static str,
}

#[derive(Debug, Serialize, PartialEq, Eq)]
struct Source {
    clues: String,
    name: String,
}

/// A source that gave nothing, and why in words.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Failed {
    pub clues: String,
    pub name: String,
    pub why: String,
}

#[derive(Debug, Serialize)]
struct NationalReport {
    id: String,
    title: String,
    status: String,
    issued: String,
    institution: String,
    author: String,
    sections: Vec<Section>,
    conclusion: String,
    study_uid: String,
}

#[derive(Debug, Serialize)]
struct NationalStudy {
    study_uid: String,
    description: String,
    modality: String,
    started: String,
    institution: String,
    series: u64,
    instances: u64,
}

pub async fn query(
    caller: Caller,
    English(english): English,
    Json(asked): Json<NationalQuery>,
) -> Result<Response, Refused> {
    if asked.purpose != Purpose::Treatment.code() {
        return Err(Fault::invalid("this page asks for treatment (TREAT) only").at("purpose").into());
    }
    answer(caller.for_purpose(Purpose::Treatment, None), &asked.curp, english).await
}

/// The second factor is the code, not the password: whoever finds an open screen must not get through.
pub async fn emergency(
    caller: Caller,
    English(english): English,
    Json(asked): Json<NationalEmergency>,
) -> Result<Response, Refused> {
    let reason = asked.reason.trim();
    if !(REASON_MIN..=REASON_MAX).contains(&reason.chars().count()) {
        return Err(Refused::saying(
            FaultKind::Invalid,
            "invalid",
            "Escriba el motivo, con al menos diez caracteres; la persona lo va a leer.",
            "Write the reason, with at least ten characters; the person will read it.",
        ));
    }
    clinician(&caller)?;
    if caller.principal.staff().is_some_and(|s| s.cedula.is_none()) {
        return Err(Refused::saying(
            FaultKind::Forbidden,
            "forbidden",
            "El acceso de emergencia requiere una cédula profesional en su cuenta.",
            "Emergency access takes a professional licence (cédula) on your account.",
        ));
    }
    let (person, sensitive) = (curp_of(&asked.curp)?, sensitive_classes(&asked.sensitive)?);
    let (reason, signed_in) = (reason.to_owned(), caller.now);
    let emergency = Emergency { person: person.as_str().to_owned(), reason, signed_in, sensitive };
    confirm(&caller, asked.second_factor, false).await?;
    let caller = caller.for_purpose(Purpose::Emergency, Some(emergency));
    caller.session().open_emergency().await?;
    answer(caller, &asked.curp, english).await
}

async fn answer(caller: Caller, curp: &str, english: bool) -> Result<Response, Refused> {
    clinician(&caller)?;
    let curp = curp_of(curp)?;
    let (session, wire) = (caller.session(), caller.gate.wire()?);
    let wait = caller.gate.options.patience.person;
    let asked = match caller.gate.node.settings().role {
        NodeRole::Hospital => ask::ask_hub(&session, &wire, curp.as_str(), wait).await,
        NodeRole::Hub => ask::ask_sources(&session, &wire, curp.as_str(), wait).await,
    };
    let found = match asked {
        Ok(found) => found,
        // A person whom nobody knows and one of whom nothing may be seen look the same.
        Err(fault) if fault.kind == FaultKind::NotFound => Answer::default(),
        Err(fault) => return Err(fault.into()),
    };
    open_studies(&caller, curp.as_str(), &found.entries);
    clinical(&shape(&found, caller.purpose, &names(&caller, &found), english))
}

fn curp_of(text: &str) -> Result<Curp, Refused> {
    Curp::parse(text).map_err(|_| {
        Refused::saying(
            FaultKind::Invalid,
            "invalid",
            "La CURP no es válida; revise cada carácter.",
            "This is not a valid CURP; check each character.",
        )
    })
}

/// For care, by somebody who gives it: an administrator or a script asks no other institution.
fn clinician(caller: &Caller) -> Result<(), Fault> {
    match &caller.principal {
        Principal::Staff(staff) if staff.roles.iter().any(|r| r.is_clinical()) => Ok(()),
        _ => Err(Fault::forbidden("the national query is for staff with a clinical role")),
    }
}

/// The hub lists institutions; a hospital knows the names that came with the answer, its own and its hub's.
pub fn names(caller: &Caller, found: &Answer) -> Names {
    let mut names = person::names_in(&found.entries);
    names.extend(found.entries.iter().filter_map(ask::named_source));
    names.extend(found.missing.iter().map(|m| (m.institution.clone(), m.name.clone())));
    let listed = caller.gate.node.participants().unwrap_or_default();
    names.extend(listed.into_iter().map(|p| (p.clues, p.name)));
    let own = caller.gate.node.settings();
    names.insert(own.clues.clone(), own.name.clone());
    names
}

/// What was found may be opened in the viewer, by who asked and for the purpose they gave.
pub fn open_studies(caller: &Caller, curp: &str, entries: &[Value]) {
    let who = asker(caller);
    for study in entries.iter().filter(|e| e.resource_type() == "ImagingStudy") {
        let (uid, source) = (person::study_uid(study), source_of(study));
        if uid.is_empty() || source.is_empty() {
            continue;
        }
        let opening = Opening {
            person: curp.to_owned(),
            source,
            purpose: caller.purpose,
            emergency: caller.emergency.clone(),
            at: caller.now,
        };
        caller.gate.national.put(&who, &uid, opening);
    }
}

fn shape(found: &Answer, purpose: Purpose, names: &Names, english: bool) -> NationalAnswer {
    let person = found.entries.iter().find(|e| e.resource_type() == "Patient").map(person::head);
    let Summary { allergies, conditions, medications, .. } = person::summary(&found.entries, names);
    let studies: Vec<&Value> = found.entries.iter().filter(|e| e.resource_type() == "ImagingStudy").collect();
    let reports = found.entries.iter().filter(|e| e.resource_type() == "DiagnosticReport");
    let mut reports: Vec<NationalReport> = reports.map(|r| report(r, &studies, names)).collect();
    reports.sort_by(|a, b| b.issued.cmp(&a.issued));
    let mut studies: Vec<NationalStudy> = studies.into_iter().map(|s| study(s, names)).collect();
    studies.sort_by(|a, b| b.started.cmp(&a.started));
    NationalAnswer {
        person,
        purpose: purpose.code(),
        allergies,
        conditions,
        medications,
        reports,
        studies,
        answered: answered(found, names),
        failed: failed(&found.missing, english),
        notice: notice(english),
    }
}

/// Institutions of which something is in the answer: one that consent excluded, or that holds nothing, is not told apart.
fn answered(found: &Answer, names: &Names) -> Vec<Source> {
    let sources: BTreeSet<String> = found.entries.iter().map(source_of).filter(|s| !s.is_empty()).collect();
    sources.into_iter().map(|clues| Source { name: person::institution(names, &clues), clues }).collect()
}

/// Sources that failed, named, with why in words.
pub fn failed(missing: &[Missing], english: bool) -> Vec<Failed> {
    let why = |code: &str| {
        let (spanish, english_text) = match code {
            "timeout" => ("no respondió a tiempo", "did not answer in time"),
            "forbidden" => ("rechazó la consulta", "refused the query"),
            "invalid" => ("su respuesta no se pudo leer", "its answer could not be read"),
            _ => ("no se pudo alcanzar", "could not be reached"),
        };
        if english { english_text } else { spanish }.to_owned()
    };
    let named = |m: &Missing| if m.name.is_empty() { m.institution.clone() } else { m.name.clone() };
    missing
        .iter()
        .map(|m| Failed { clues: m.institution.clone(), name: named(m), why: why(m.code) })
        .collect()
}

const fn notice(english: bool) -> &'static str {
    if english {
        "The person may have restricted part of their information. In an emergency, use emergency access; the person is told."
    } else {
        "La persona puede haber restringido parte de su información. En una urgencia use el acceso de emergencia; se le avisa a la persona."
    }
}

fn report(report: &Value, studies: &[&Value], names: &Names) -> NationalReport {
    let about = studies.iter().find(|s| person::is_about(report, s));
    NationalReport {
        id: report.id().to_owned(),
        title: person::concept(&report["code"]),
        status: report.str_of("status").to_owned(),
        issued: report.str_of("issued").to_owned(),
        institution: person::institution(names, &source_of(report)),
        author: person::author(report),
        sections: person::sections(report),
        conclusion: report.str_of("conclusion").to_owned(),
        study_uid: about.map(|s| person::study_uid(s)).unwrap_or_default(),
    }
}

fn study(study: &Value, names: &Names) -> NationalStudy {
    NationalStudy {
        study_uid: person::study_uid(study),
        description: study.str_of("description").to_owned(),
        modality: person::modalities(study),
        started: study.str_of("started").to_owned(),
        institution: person::institution(names, &source_of(study)),
        series: person::count(&study["numberOfSeries"]),
        instances: person::instances(study),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use badiano_fhir::fhir;

    fn from(clues: &str, resource: Value) -> Value {
        resource.with("meta", fhir!({ "source": (format!("urn:badiano:clues:{clues}")) }))
    }

    fn imaging() -> Value {
        fhir!({
            "resourceType": "ImagingStudy", "id": "1.2.3", "started": "2026-01-02T10:00:00-06:00", "description": "TC",
            "identifier": [{ "system": "urn:dicom:uid", "value": "urn:oid:1.2.3" }],
            "modality": [{ "code": "CT" }], "numberOfSeries": 2_i64, "numberOfInstances": 40_i64
        })
    }

    fn reported() -> Value {
        fhir!({
            "resourceType": "DiagnosticReport", "id": "r1", "status": "final", "issued": "2026-01-03T10:00:00Z",
            "code": { "text": "TC de tórax" }, "conclusion": "Sin alteraciones",
            "performer": [{ "display": "Hospital Norte", "identifier": { "system": (badiano_mexico::naming::CLUES), "value": "A" } }],
            "resultsInterpreter": [{ "display": "Ana" }],
            "imagingStudy": [{ "reference": "ImagingStudy/1.2.3" }]
        })
    }

    #[test]
    fn a_report_leads_to_its_images_only_where_these_are_in_the_answer() {
        let names = Names::from([("A".to_owned(), "Hospital Norte".to_owned())]);
        let mut found =
            Answer { entries: vec![from("A", imaging()), from("A", reported())], ..Answer::default() };
        let shown = shape(&found, Purpose::Treatment, &names, false);
        assert_eq!(shown.reports[0].study_uid, "1.2.3");
        assert_eq!((shown.studies[0].series, shown.studies[0].instances), (2, 40));
        assert_eq!(shown.answered, [Source { clues: "A".into(), name: "Hospital Norte".into() }]);
        found.entries.remove(0);
        let without = shape(&found, Purpose::Treatment, &names, false);
        assert_eq!((without.reports[0].study_uid.as_str(), without.studies.len()), ("", 0));
    }

    #[test]
    fn nobody_found_and_nothing_to_be_seen_are_the_same_answer_and_the_notice_stands() {
        let print = |found: &Answer| {
            serde_json::to_string(&shape(found, Purpose::Treatment, &Names::new(), false)).expect("printable")
        };
        let hidden = Answer { answered: 3, ..Answer::default() };
        assert_eq!(print(&Answer::default()), print(&hidden));
        assert!(
            print(&hidden).contains("\"person\":null") && print(&hidden).contains("puede haber restringido")
        );
    }

    #[test]
    fn a_source_that_failed_is_named_in_the_readers_language() {
        let missing = [Missing { institution: "B".into(), name: "Hospital Sur".into(), code: "timeout" }];
        assert_eq!(failed(&missing, false)[0].why, "no respondió a tiempo");
        assert_eq!(
            failed(&missing, true)[0],
            Failed { clues: "B".into(), name: "Hospital Sur".into(), why: "did not answer in time".into() }
        );
    }
}
