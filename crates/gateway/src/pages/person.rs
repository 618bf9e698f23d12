//! What a page shows of a person and their record: resources of FHIR R4 in the shapes of `web/src/api.ts`. Pure.

use badiano_exchange::ask::source_of;
use badiano_fhir::Value;
use badiano_mexico::naming;
use badiano_record::patient_index::curp_in;
use badiano_record::reports::SECTION_EXTENSION;
use serde::Serialize;
use std::collections::BTreeMap;

/// `PatientHead`: two identifiers beside the name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Head {
    pub name: String,
    pub gender: String,
    pub birth_date: String,
    pub curp: String,
    pub record_number: String,
}

/// `Section`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    pub title: String,
    pub text: String,
}

/// An allergy or a medication, and who recorded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recorded {
    pub text: String,
    pub source: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Condition {
    pub text: String,
    pub since: String,
    pub source: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Immunization {
    pub text: String,
    pub when: String,
    pub source: String,
}

/// What a summary shows; a list is empty also where nothing was recorded, and says nothing about the person then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Summary {
    pub allergies: Vec<Recorded>,
    pub conditions: Vec<Condition>,
    pub medications: Vec<Recorded>,
    pub immunizations: Vec<Immunization>,
}

/// Names of institutions by CLUES.
pub type Names = BTreeMap<String, String>;

/// The name by which an institution is shown: its CLUES where no name is known.
pub fn institution(names: &Names, clues: &str) -> String {
    names.get(clues).filter(|n| !n.is_empty()).map_or_else(|| clues.to_owned(), String::clone)
}

pub fn head(patient: &Value) -> Head {
    Head {
        name: name(patient),
        gender: patient.str_of("gender").to_owned(),
        birth_date: patient.str_of("birthDate").to_owned(),
        curp: curp_in(patient).unwrap_or_default(),
        record_number: record_number(patient),
    }
}

/// The official name, else the first; as written where it was written whole.
fn name(patient: &Value) -> String {
    let names = patient["name"].items();
    let official = names.iter().find(|n| n.str_of("use") == "official");
    let Some(name) = official.or_else(|| names.first()) else { return String::new() };
    if !name.str_of("text").is_empty() {
        return name.str_of("text").to_owned();
    }
    let given = name["given"].items().iter().filter_map(Value::as_str);
    let parts: Vec<&str> = given.chain([name.str_of("family")]).filter(|p| !p.is_empty()).collect();
    parts.join(" ")
}

/// The number of type MR, else the first identifier that is none of the country's own.
fn record_number(patient: &Value) -> String {
    let all = patient["identifier"].items();
    let typed = all.iter().find(|i| i["type"]["coding"].items().iter().any(|c| c.str_of("code") == "MR"));
    let local = || all.iter().find(|i| naming::by_system(i.str_of("system")).is_none());
    typed.or_else(local).map_or("", |i| i.str_of("value")).to_owned()
}

/// The text of a CodeableConcept.
pub fn concept(concept: &Value) -> String {
    let coding = concept["coding"].items();
    let shown = coding.iter().map(|c| c.str_of("display")).find(|d| !d.is_empty());
    let code = coding.iter().map(|c| c.str_of("code")).find(|c| !c.is_empty());
    [concept.str_of("text"), shown.unwrap_or(""), code.unwrap_or("")]
        .into_iter()
        .find(|t| !t.is_empty())
        .unwrap_or("")
        .to_owned()
}

/// The sections of a report, in their order.
pub fn sections(report: &Value) -> Vec<Section> {
    let ours = report["extension"].items().iter().filter(|e| e.str_of("url") == SECTION_EXTENSION);
    let part = |section: &Value, url: &str| {
        let found = section["extension"].items().iter().find(|e| e.str_of("url") == url);
        found.map_or("", |e| e.str_of("valueString")).to_owned()
    };
    ours.map(|s| Section { title: part(s, "title"), text: part(s, "text") }).collect()
}

/// Who interpreted: the reader's name as the report bears it.
pub fn author(report: &Value) -> String {
    let shown =
        |list: &Value| list.items().iter().map(|p| p.str_of("display").to_owned()).find(|d| !d.is_empty());
    shown(&report["resultsInterpreter"]).or_else(|| shown(&report["performer"])).unwrap_or_default()
}

/// The Study Instance UID of an ImagingStudy.
pub fn study_uid(study: &Value) -> String {
    let uid = study["identifier"].items().iter().find(|i| i.str_of("system") == "urn:dicom:uid");
    uid.map_or("", |i| i.str_of("value")).trim_start_matches("urn:oid:").to_owned()
}

pub fn modalities(study: &Value) -> String {
    let codes: Vec<&str> =
        study["modality"].items().iter().map(|m| m.str_of("code")).filter(|c| !c.is_empty()).collect();
    codes.join("/")
}

pub fn count(value: &Value) -> u64 {
    value.as_number().and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// The instances of an ImagingStudy, or of its series where the whole is not said.
pub fn instances(study: &Value) -> u64 {
    match count(&study["numberOfInstances"]) {
        0 => study["series"].items().iter().map(|s| count(&s["numberOfInstances"])).sum(),
        said => said,
    }
}

/// Whether a report is about this study of the same institution.
pub fn is_about(report: &Value, study: &Value) -> bool {
    let reference = format!("ImagingStudy/{}", study.id());
    source_of(report) == source_of(study)
        && report["imagingStudy"].items().iter().any(|s| s.str_of("reference") == reference)
}

/// The names that institutions give themselves in their reports.
pub fn names_in(entries: &[Value]) -> Names {
    let performers = entries.iter().flat_map(|e| e["performer"].items());
    let named = performers.filter(|p| p["identifier"].str_of("system") == naming::CLUES);
    named
        .map(|p| (p["identifier"].str_of("value").to_owned(), p.str_of("display").to_owned()))
        .filter(|(clues, name)| !clues.is_empty() && !name.is_empty())
        .collect()
}

/// Allergies, conditions, medication and immunizations that stand; what was entered in error or refuted does not.
pub fn summary(entries: &[Value], names: &Names) -> Summary {
    let mut summary = Summary::default();
    for entry in entries.iter().filter(|e| stands(e)) {
        let source = institution(names, &source_of(entry));
        match entry.resource_type() {
            "AllergyIntolerance" => {
                summary.allergies.push(Recorded { text: concept(&entry["code"]), source })
            }
            "Condition" => {
                let since =
                    ["onsetDateTime", "recordedDate"].iter().map(|k| entry.str_of(k)).find(|d| !d.is_empty());
                let since = since.unwrap_or("").to_owned();
                summary.conditions.push(Condition { text: concept(&entry["code"]), since, source });
            }
            "MedicationRequest" | "MedicationStatement" => {
                let text = match concept(&entry["medicationCodeableConcept"]) {
                    none if none.is_empty() => entry["medicationReference"].str_of("display").to_owned(),
                    text => text,
                };
                summary.medications.push(Recorded { text, source });
            }
            "Immunization" => {
                let when = entry.str_of("occurrenceDateTime").to_owned();
                summary.immunizations.push(Immunization {
                    text: concept(&entry["vaccineCode"]),
                    when,
                    source,
                });
            }
            _ => {}
        }
    }
    summary
}

fn stands(entry: &Value) -> bool {
    let verified = |key: &str| {
        let codes = entry[key]["coding"].items();
        !codes.iter().any(|c| matches!(c.str_of("code"), "entered-in-error" | "refuted"))
    };
    let status = entry.str_of("status");
    verified("verificationStatus") && !matches!(status, "entered-in-error" | "cancelled" | "not-done")
}

#[cfg(test)]
mod tests {
    use super::*;
    use badiano_fhir::fhir;

    fn from(clues: &str, resource: Value) -> Value {
        resource.with("meta", fhir!({ "source": (format!("urn:badiano:clues:{clues}")) }))
    }

    #[test]
    fn a_head_has_the_name_and_two_identifiers_and_a_generic_curp_is_none() {
        let patient = fhir!({
            "resourceType": "Patient",
            "identifier": [
                { "system": (naming::CURP), "value": "SABC560626MDFLRN01" },
                { "system": "urn:badiano:authority:NORTE", "value": "00123" }
            ],
            "name": [{ "given": ["Concepción"], "family": "Salgado Briseño" }],
            "gender": "female", "birthDate": "1956-06-26"
        });
        let shown = head(&patient);
        assert_eq!(
            (shown.name.as_str(), shown.record_number.as_str()),
            ("Concepción Salgado Briseño", "00123")
        );
        assert_eq!(shown.curp, "SABC560626MDFLRN01");
        let nobody = fhir!({ "identifier": [{ "system": (naming::CURP), "value": "XXXX999999XXXXXX99" }] });
        assert_eq!(head(&nobody), Head::default());
    }

    #[test]
    fn sections_of_a_report_keep_their_order_and_foreign_extensions_are_passed_over() {
        let section = |title: &str, text: &str| fhir!({ "url": SECTION_EXTENSION, "extension": [{ "url": "title", "valueString": title }, { "url": "text", "valueString": text }] });
        let report = fhir!({ "extension": [(fhir!({ "url": "urn:other" })), (section("Técnica", "a")), (section("Hallazgos", "b"))] });
        let titles: Vec<String> = sections(&report).into_iter().map(|s| s.title).collect();
        assert_eq!(titles, ["Técnica", "Hallazgos"]);
    }

    #[test]
    fn a_report_belongs_to_the_study_of_its_own_institution_only() {
        let study = fhir!({ "resourceType": "ImagingStudy", "id": "1.2" });
        let report = fhir!({ "resourceType": "DiagnosticReport", "imagingStudy": [{ "reference": "ImagingStudy/1.2" }] });
        assert!(is_about(&from("A", report.clone()), &from("A", study.clone())));
        assert!(!is_about(&from("A", report), &from("B", study)));
    }

    #[test]
    fn what_was_refuted_or_entered_in_error_is_in_no_summary() {
        let allergy = |status: &str| fhir!({ "resourceType": "AllergyIntolerance", "code": { "text": "Penicilina" }, "verificationStatus": { "coding": [{ "code": status }] } });
        let names = Names::from([("A".to_owned(), "Hospital Norte".to_owned())]);
        let shown = summary(&[from("A", allergy("confirmed")), from("A", allergy("refuted"))], &names);
        assert_eq!(
            shown.allergies,
            [Recorded { text: "Penicilina".into(), source: "Hospital Norte".into() }]
        );
        assert_eq!(summary(&[], &names), Summary::default());
    }
}
