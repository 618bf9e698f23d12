//! The question about one person: the hub asks those who hold something and merges; a hospital asks its hub (house, invariants 3 and 8).

use crate::on_behalf::OnBehalf;
use crate::wire::Wire;
use badiano_fhir::{Value, fhir, json};
use badiano_kernel::{Fault, FaultKind, Principal, Purpose};
use badiano_mexico::naming;
use badiano_record::{Session, Unreleased};
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a person waits for the slowest source.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// What is asked of every source, beside the person: one FHIR search.
const REVINCLUDE: &str = "&_revinclude=DiagnosticReport%3Asubject&_revinclude=ImagingStudy%3Asubject\
     &_revinclude=AllergyIntolerance%3Apatient&_revinclude=Condition%3Asubject\
     &_revinclude=MedicationRequest%3Asubject&_revinclude=MedicationStatement%3Asubject\
     &_revinclude=Immunization%3Apatient&_count=200";

/// The tag (`meta.tag`) that names an entry's institution, so that one without a report has its name too.
const SOURCE: &str = "urn:badiano:institution";

/// A source that gave nothing, and why. One that consent excluded is never here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub institution: String,
    pub name: String,
    /// FHIR issue type: `timeout`, `transient`, `forbidden`, `invalid`.
    pub code: &'static str,
}

/// The merged answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// Resources with `meta.source` naming the institution.
    pub entries: Vec<Value>,
    pub missing: Vec<Missing>,
    /// Institutions that answered.
    pub answered: usize,
}

impl Answer {
    /// As a FHIR searchset: the entries, and one OperationOutcome for each missing source.
    pub fn to_bundle(&self) -> Value {
        let mut entries: Vec<Value> = Vec::new();
        for resource in &self.entries {
            entries.push(fhir!({ "resource": (resource.clone()), "search": { "mode": "match" } }));
        }
        for missing in &self.missing {
            entries.push(fhir!({ "resource": (missing.to_outcome()), "search": { "mode": "outcome" } }));
        }
        fhir!({ "resourceType": "Bundle", "type": "searchset", "total": (self.entries.len()), "entry": (Value::Array(entries)) })
    }

    /// Reads what [`Answer::to_bundle`] wrote at the other end.
    pub fn from_bundle(bundle: &Value) -> Self {
        let mut answer = Answer::default();
        for entry in bundle["entry"].items() {
            let resource = &entry["resource"];
            if resource.resource_type() == "OperationOutcome" {
                answer.missing.extend(Missing::from_outcome(resource));
            } else {
                answer.entries.push(resource.clone());
            }
        }
        answer
    }
}

const CODES: [&str; 4] = ["timeout", "transient", "forbidden", "invalid"];

impl Missing {
    fn of(institution: &str, name: &str, fault: &Fault) -> Self {
        let code = match fault.kind {
            FaultKind::Unavailable if fault.text.contains("in time") => "timeout",
            FaultKind::Forbidden | FaultKind::Unauthenticated => "forbidden",
            FaultKind::Invalid | FaultKind::TooCostly => "invalid",
            _ => "transient",
        };
        Missing { institution: institution.to_owned(), name: name.to_owned(), code }
    }

    fn to_outcome(&self) -> Value {
        fhir!({
            "resourceType": "OperationOutcome",
            "issue": [{
                "severity": "warning",
                "code": (if self.code == "invalid" { "processing" } else { self.code }),
                "details": {
                    "coding": [{ "system": "urn:badiano:missing-source", "code": (self.code), "display": (self.institution.as_str()) }],
                    "text": (format!("{} no respondió: su información falta en esta respuesta", self.name))
                },
                "diagnostics": (self.name.as_str())
            }]
        })
    }

    fn from_outcome(outcome: &Value) -> Option<Self> {
        let issue = &outcome["issue"][0];
        let coding = &issue["details"]["coding"][0];
        let code = CODES.into_iter().find(|c| *c == coding.str_of("code"))?;
        Some(Missing {
            institution: coding.str_of("display").to_owned(),
            name: issue.str_of("diagnostics").to_owned(),
            code,
        })
    }
}

/// Hub: asks every institution that holds something about the person, in parallel, and merges what may be shown.
pub async fn ask_sources(session: &Session, wire: &Wire, curp: &str) -> Result<Answer, Fault> {
    let person = session.patient_by_curp(curp)?;
    let holdings = session.holdings_of(person.resource.id())?;
    let participants = session.node().participants()?;
    let for_whom = for_whom(session, curp)?;
    let form = format!("identifier={}%7C{curp}{REVINCLUDE}", percent(naming::CURP));
    // Who may show nothing is not asked, and so is neither an answer nor missing.
    let open = holdings.iter().filter(|h| session.may_ask(person.resource.id(), &h.institution));
    let asked = open.filter_map(|h| participants.iter().find(|p| p.clues == h.institution && p.active));
    let questions = asked.map(|p| {
        let (form, for_whom) = (form.as_str(), &for_whom);
        async move {
            let url = format!("{}/fhir/Patient/_search", p.address);
            let body = wire.post_form(&url, form, for_whom, DEADLINE).await;
            let entries = body.and_then(|b| entries_of(&b));
            (p.clone(), entries)
        }
    });
    let mut answer = Answer::default();
    for (participant, entries) in join_all(questions).await {
        match entries {
            Ok(entries) => {
                answer.answered += 1;
                let sealed = Unreleased::new(entries, &participant.clues);
                let released = session.release(sealed, curp)?;
                answer.entries.extend(
                    released
                        .entries
                        .into_iter()
                        .map(|e| with_source(e, &participant.clues, &participant.name)),
                );
            }
            Err(fault) => answer.missing.push(Missing::of(&participant.clues, &participant.name, &fault)),
        }
    }
    deduplicate(&mut answer.entries);
    Ok(answer)
}

/// Hospital: asks the hub about a person, for a member of its own staff.
pub async fn ask_hub(session: &Session, wire: &Wire, curp: &str) -> Result<Answer, Fault> {
    let hub = session.node().hub_link()?;
    let hub = hub.ok_or_else(|| Fault::unavailable("this hospital has not joined a hub"))?;
    let for_whom = for_whom(session, curp)?;
    let form = format!("identifier={}%7C{curp}{REVINCLUDE}", percent(naming::CURP));
    let url = format!("{}/fhir/Patient/_search", hub.address);
    let body = wire.post_form(&url, &form, &for_whom, DEADLINE + Duration::from_secs(1)).await?;
    let bundle = json::parse(&body).map_err(|_| Fault::unavailable("the hub's answer is not FHIR"))?;
    let mut answer = Answer::from_bundle(&bundle);
    let mut by_source: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for entry in std::mem::take(&mut answer.entries) {
        by_source.entry(source_of(&entry)).or_default().push(entry);
    }
    for (source, entries) in by_source {
        answer.answered += 1;
        answer.entries.extend(session.release(Unreleased::new(entries, &source), curp)?.entries);
    }
    Ok(answer)
}

/// Who asks, as the next node must hear it.
pub fn for_whom(session: &Session, curp: &str) -> Result<OnBehalf, Fault> {
    if let Some(staff) = session.principal().staff() {
        return Ok(OnBehalf::of_staff(staff, session.purpose(), session.reason(), curp));
    }
    match session.principal() {
        Principal::Citizen { curp: own, name }
            if own == curp && session.purpose() == Purpose::PatientRequest =>
        {
            Ok(OnBehalf { name: name.clone(), ..OnBehalf::of_citizen(curp) })
        }
        _ => Err(Fault::forbidden("a question to other institutions is asked for a person")),
    }
}

fn entries_of(body: &[u8]) -> Result<Vec<Value>, Fault> {
    let bundle = json::parse(body).map_err(|e| Fault::invalid(format!("not FHIR JSON: {}", e.what)))?;
    if bundle.resource_type() != "Bundle" {
        return Err(Fault::invalid("not a Bundle"));
    }
    Ok(bundle["entry"]
        .items()
        .iter()
        .map(|e| e["resource"].clone())
        .filter(|r| !r.resource_type().is_empty())
        .collect())
}

fn with_source(mut resource: Value, clues: &str, name: &str) -> Value {
    let source = fhir!({ "system": SOURCE, "code": clues, "display": name });
    let others = resource["meta"]["tag"].items().iter().filter(|t| t.str_of("system") != SOURCE).cloned();
    let tags: Vec<Value> = others.chain([source]).collect();
    let meta = resource["meta"].clone().with("source", format!("urn:badiano:clues:{clues}"));
    resource.set("meta", meta.with("tag", Value::Array(tags)));
    resource
}

/// CLUES and name of the institution that a merged entry came from, as the hub lists it.
pub fn named_source(resource: &Value) -> Option<(String, String)> {
    let tag = resource["meta"]["tag"].items().iter().find(|t| t.str_of("system") == SOURCE)?;
    Some((tag.str_of("code").to_owned(), tag.str_of("display").to_owned()))
}

/// The institution that a merged entry came from.
pub fn source_of(resource: &Value) -> String {
    resource["meta"].str_of("source").strip_prefix("urn:badiano:clues:").unwrap_or_default().to_owned()
}

/// The same resource from the same institution twice is one.
fn deduplicate(entries: &mut Vec<Value>) {
    let mut seen = std::collections::BTreeSet::new();
    entries.retain(|e| seen.insert((source_of(e), e.resource_type().to_owned(), e.id().to_owned())));
}

fn percent(text: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_include_of_the_question_is_one_that_a_node_understands() {
        let asked: Vec<(String, String)> = REVINCLUDE
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.replace("%3A", ":")))
            .collect();
        let parsed = badiano_fhir::search::parse("Patient", &asked, true, "UTC").expect("a question of R4");
        assert_eq!((parsed.query.revinclude.len(), parsed.unknown.len()), (7, 0));
    }

    #[test]
    fn a_missing_source_is_named_on_both_ends_of_the_wire() {
        let missing =
            Missing { institution: "DFSSA000001".into(), name: "Hospital Norte".into(), code: "timeout" };
        let answer = Answer { entries: Vec::new(), missing: vec![missing.clone()], answered: 0 };
        assert_eq!(Answer::from_bundle(&answer.to_bundle()).missing, [missing]);
    }

    #[test]
    fn the_same_entry_of_one_source_is_shown_once_and_of_two_sources_twice() {
        let entry = || fhir!({ "resourceType": "DiagnosticReport", "id": "1" });
        let mut entries = ["A", "A", "B"].map(|clues| with_source(entry(), clues, "Hospital")).to_vec();
        deduplicate(&mut entries);
        assert_eq!(entries.len(), 2);
    }

    #[test]
    fn an_entry_bears_the_name_that_the_hub_lists_and_no_other() {
        let forged = with_source(fhir!({ "resourceType": "Patient", "id": "1" }), "A", "Otro");
        let merged = with_source(forged, "A", "Hospital Norte");
        assert_eq!(named_source(&merged), Some(("A".to_owned(), "Hospital Norte".to_owned())));
        assert_eq!(merged["meta"]["tag"].items().len(), 1);
    }
}
