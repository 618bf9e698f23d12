//! A question about one person as it goes to every source: a FHIR R4 search (search.html), without what only the hub does: sorting, paging.

use badiano_fhir::search::{self, COUNT_MAX};
use badiano_fhir::{Value, schema};
use badiano_kernel::{Fault, time::Span};
use badiano_mexico::naming;
use serde::{Deserialize, Serialize};

/// What is asked of every source about the whole person.
const REVINCLUDE: [&str; 7] = [
    "DiagnosticReport:subject",
    "ImagingStudy:subject",
    "AllergyIntolerance:patient",
    "Condition:subject",
    "MedicationRequest:subject",
    "MedicationStatement:subject",
    "Immunization:patient",
];
/// Matches that one page of a source may bring; the pages after it are followed.
const SOURCE_COUNT: usize = 200;
/// Entries of a page of the merged answer when nobody has said.
pub const PAGE: usize = 1000;
/// Parameters that say how the answer looks: the hub heeds them, the sources never hear them.
const OWN: [&str; 9] =
    ["_count", "_sort", "_page", "_total", "_format", "_pretty", "_summary", "_elements", "_type"];
/// Where a resource says when it was, in the order in which it is looked for.
const WHEN: [&str; 14] = [
    "effectiveDateTime",
    "effectiveInstant",
    "started",
    "authoredOn",
    "occurrenceDateTime",
    "performedDateTime",
    "onsetDateTime",
    "recordedDate",
    "dateAsserted",
    "issued",
    "date",
    "created",
    "recorded",
    "sent",
];
const PERIODS: [&str; 4] = ["effectivePeriod", "performedPeriod", "period", "occurrencePeriod"];

/// A question about one person, whose CURP is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    kind: String,
    /// Conditions as every source hears them.
    pairs: Vec<(String, String)>,
    sort: Vec<(String, bool)>,
    count: usize,
}

impl Question {
    /// Everything that the national pages show of a person.
    pub fn whole_record() -> Self {
        Question { kind: "Patient".into(), pairs: Vec::new(), sort: Vec::new(), count: COUNT_MAX }
    }

    /// From the pairs of a search at the hub. A question for `Patient` is one for the whole record; of any other type its own
    /// conditions go to the sources. What names the patient is left out: who is meant was said on the way in.
    pub fn parse(kind: &str, pairs: &[(String, String)], zone: &str) -> Result<Self, Fault> {
        if kind != "Patient" && subject_parameter(kind).is_none() {
            return Err(Fault::not_supported(
                "the national question is asked about a person: Patient, or a type that names its patient",
            ));
        }
        let conditions: Vec<(String, String)> = pairs
            .iter()
            .filter(|(name, _)| !OWN.contains(&name.as_str()) && !names_patient(name))
            .cloned()
            .collect();
        for (name, _) in &conditions {
            if ["_include", "_revinclude", "_has", "_contained", "_query", "_list"]
                .iter()
                .any(|refused| name.split(':').next() == Some(refused))
                && kind != "Patient"
            {
                return Err(Fault::not_supported("not offered across institutions").at(name.as_str()));
            }
        }
        let conditions = if kind == "Patient" { Vec::new() } else { conditions };
        search::parse(kind, &conditions, true, zone)?;
        let value = |wanted: &str| pairs.iter().find(|(name, _)| name == wanted).map(|(_, v)| v.as_str());
        let sort = value("_sort").map(|text| sort_of(kind, text)).transpose()?.unwrap_or_default();
        let count = match value("_count") {
            Some(text) => text.parse().map_err(|_| Fault::invalid("not a number").at("_count"))?,
            None => PAGE,
        };
        Ok(Question { kind: kind.to_owned(), pairs: conditions, sort, count: count.clamp(1, COUNT_MAX) })
    }

    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Entries of one page.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The body of the search at a source, for the person with this CURP. The Patient comes along: an entry is released only
    /// where it leads to the person who was asked for.
    pub fn form(&self, curp: &str) -> String {
        let who = format!("{}|{curp}", naming::CURP);
        let mut pairs: Vec<(String, String)> = self.pairs.clone();
        match subject_parameter(&self.kind).filter(|_| self.kind != "Patient") {
            Some(parameter) => {
                pairs.push((format!("{parameter}:Patient.identifier"), who));
                pairs.push(("_include".into(), format!("{}:{parameter}", self.kind)));
            }
            None => {
                pairs.push(("identifier".into(), who));
                pairs.extend(REVINCLUDE.map(|include| ("_revinclude".to_owned(), include.to_owned())));
            }
        }
        pairs.push(("_count".into(), SOURCE_COUNT.to_string()));
        let pair = |(name, value): &(String, String)| format!("{}={}", percent(name), percent(value));
        pairs.iter().map(pair).collect::<Vec<_>>().join("&")
    }

    /// The same for the hub, which looks the person up itself.
    pub fn form_for_hub(&self, curp: &str) -> String {
        let patient = if self.kind == "Patient" { "identifier" } else { "patient.identifier" };
        let mut pairs = self.pairs.clone();
        pairs.push((patient.to_owned(), format!("{}|{curp}", naming::CURP)));
        pairs.push(("_count".into(), self.count.to_string()));
        let pair = |(name, value): &(String, String)| format!("{}={}", percent(name), percent(value));
        pairs.iter().map(pair).collect::<Vec<_>>().join("&")
    }

    /// Whether a source may answer with this type. Outcomes of its own are passed over.
    pub fn asks_for(&self, kind: &str) -> bool {
        let included = || REVINCLUDE.iter().any(|i| i.split(':').next() == Some(kind));
        kind == self.kind || kind == "Patient" || (self.kind == "Patient" && included())
    }

    /// What the entry is sorted by; a smaller key comes first. What says nothing of itself comes last.
    pub fn key(&self, resource: &Value, zone: &str) -> Vec<SortKey> {
        if self.sort.is_empty() {
            return vec![SortKey::newest_first(when(resource, zone))];
        }
        let said = search::extract(resource, zone);
        self.sort.iter().map(|(parameter, down)| SortKey::of(&said, parameter, *down)).collect()
    }
}

/// One part of what an entry is sorted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SortKey {
    /// Microseconds, or their negative where the newest comes first.
    Time(i64),
    Text(String),
    TextDown(std::cmp::Reverse<String>),
    Nothing,
}

impl SortKey {
    fn newest_first(at: Option<i64>) -> Self {
        at.map_or(SortKey::Nothing, |micros| SortKey::Time(-micros))
    }

    fn of(said: &[search::Entry], parameter: &str, down: bool) -> Self {
        let Some(entry) = said.iter().find(|e| &*e.param == parameter) else { return SortKey::Nothing };
        let text = |text: &str| match down {
            true => SortKey::TextDown(std::cmp::Reverse(text.to_owned())),
            false => SortKey::Text(text.to_owned()),
        };
        match &entry.key {
            search::Key::Date { from, .. } if down => SortKey::Time(-from.micros),
            search::Key::Date { from, .. } => SortKey::Time(from.micros),
            search::Key::Text { folded, .. } => text(folded),
            search::Key::Token { code, .. } => text(code),
            search::Key::Uri(uri) => text(uri),
            _ => SortKey::Nothing,
        }
    }
}

/// When a resource was, in microseconds: its own clinical time, else when it was last changed.
fn when(resource: &Value, zone: &str) -> Option<i64> {
    let own = WHEN.iter().map(|name| resource.str_of(name));
    let periods = PERIODS.iter().map(|name| resource[*name].str_of("start"));
    let all = own.chain(periods).chain([resource["meta"].str_of("lastUpdated")]);
    all.filter(|text| !text.is_empty())
        .find_map(|text| Span::parse_fhir(text, zone))
        .map(|span| span.from.micros)
}

/// The parameter by which a type names its patient.
fn subject_parameter(kind: &str) -> Option<&'static str> {
    if !schema::is_resource_type(kind) {
        return None;
    }
    ["patient", "subject", "beneficiary"]
        .into_iter()
        .find(|code| search::parameter(kind, code).is_some_and(|p| p.target.contains(&"Patient")))
}

/// `patient`, `subject:Patient.identifier`, and `identifier` of the person.
fn names_patient(name: &str) -> bool {
    let head = name.split([':', '.']).next().unwrap_or_default();
    matches!(head, "patient" | "subject" | "beneficiary")
}

/// `-date,code`: at most three, each a parameter of the type.
fn sort_of(kind: &str, text: &str) -> Result<Vec<(String, bool)>, Fault> {
    let one = |part: &str| {
        let (name, down) = part.strip_prefix('-').map_or((part, false), |name| (name, true));
        match search::parameter(kind, name) {
            Some(_) => Ok((name.to_owned(), down)),
            None => Err(Fault::invalid("not a parameter of this type").at("_sort")),
        }
    };
    let all = text.split(',').filter(|part| !part.is_empty()).map(one).collect::<Result<Vec<_>, _>>()?;
    if all.len() > 3 {
        return Err(Fault::too_costly("at most three parameters are sorted by").at("_sort"));
    }
    Ok(all)
}

fn percent(text: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use badiano_fhir::fhir;

    const ZONE: &str = "America/Mexico_City";

    fn understood(question: &Question) -> usize {
        let pairs: Vec<(String, String)> = search::pairs(&question.form("SABC560626MDFLRN01"));
        let parsed = search::parse(question.kind(), &pairs, true, ZONE).expect("a question of R4");
        parsed.query.include.len() + parsed.query.revinclude.len()
    }

    fn pairs(text: &str) -> Vec<(String, String)> {
        search::pairs(text)
    }

    #[test]
    fn a_node_understands_all_that_it_is_asked() {
        assert_eq!(understood(&Question::whole_record()), REVINCLUDE.len());
        for kind in ["Observation", "DiagnosticReport", "MedicationRequest", "Encounter", "Coverage"] {
            assert_eq!(understood(&Question::parse(kind, &[], ZONE).expect("about a person")), 1, "{kind}");
        }
    }

    #[test]
    fn a_type_that_names_no_patient_and_what_only_one_institution_can_answer_are_refused() {
        assert!(Question::parse("Organization", &[], ZONE).is_err());
        assert!(Question::parse("Nothing", &[], ZONE).is_err());
        assert!(Question::parse("Observation", &pairs("_revinclude=Provenance:target"), ZONE).is_err());
        assert!(Question::parse("Observation", &pairs("colour=red"), ZONE).is_err());
        assert!(Question::parse("Observation", &pairs("_sort=colour"), ZONE).is_err());
    }

    #[test]
    fn the_sources_never_hear_how_the_answer_is_sorted_paged_or_who_was_named() {
        let asked = pairs("patient=X&code=4548-4&_sort=-date&_count=5");
        let question = Question::parse("Observation", &asked, ZONE).expect("asked");
        let form = question.form("SABC560626MDFLRN01");
        assert!(form.starts_with("code=4548-4&patient%3APatient.identifier="), "{form}");
        assert!(!form.contains("_sort") && !form.contains("patient=X") && question.count() == 5);
    }

    #[test]
    fn the_newest_comes_first_whatever_its_zone_and_what_has_no_time_comes_last() {
        let question = Question::parse("Observation", &[], ZONE).expect("asked");
        let key =
            |at: &str| question.key(&fhir!({ "resourceType": "Observation", "effectiveDateTime": at }), ZONE);
        assert!(key("2026-01-02T01:00:00+02:00") > key("2026-01-01T23:30:00Z"));
        assert!(key("2026") < key("2025-12-31"));
        assert!(question.key(&fhir!({ "resourceType": "Observation" }), ZONE) > key("1950"));
    }
}
