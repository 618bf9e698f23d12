//! The merged answer: entries of all sources as one FHIR searchset, with a Provenance for each source and an OperationOutcome for each
//! that is missing (house, invariants 3 and 8).

use badiano_fhir::value::Object;
use badiano_fhir::{Value, fhir};
use badiano_kernel::{Fault, FaultKind, Instant};
use badiano_mexico::naming;
use std::collections::{BTreeMap, BTreeSet};

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

/// The merged answer, or a page of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// Resources with `meta.source` naming the institution.
    pub entries: Vec<Value>,
    pub missing: Vec<Missing>,
    /// Institutions that answered.
    pub answered: usize,
    /// The type that was asked for; the entries of others came along.
    pub kind: String,
    /// Matches on all pages; nothing where nobody counted.
    pub total: Option<usize>,
    /// Where each institution answers: what the references in its entries are relative to.
    pub addresses: BTreeMap<String, String>,
}

impl Answer {
    /// As a FHIR searchset: the entries, one Provenance a source, and one OperationOutcome for each missing source.
    pub fn into_bundle(self, now: Instant) -> Value {
        let mut entries: Vec<Value> = Vec::with_capacity(self.entries.len() + self.missing.len() + 8);
        let provenance = self.provenance(now);
        let is_match = |r: &Value| self.kind.is_empty() || r.resource_type() == self.kind;
        let total = self.total.unwrap_or_else(|| self.entries.iter().filter(|r| is_match(r)).count());
        for resource in self.entries {
            let mode = if self.kind.is_empty() || resource.resource_type() == self.kind {
                "match"
            } else {
                "include"
            };
            let mut entry = Object::new();
            if let Some(url) = full_url(&self.addresses, &resource) {
                entry.push("fullUrl", Value::from(url));
            }
            entry.push("resource", resource);
            entry.push("search", fhir!({ "mode": mode }));
            entries.push(Value::Object(entry));
        }
        entries.extend(
            provenance.into_iter().map(|p| fhir!({ "resource": p, "search": { "mode": "include" } })),
        );
        for missing in &self.missing {
            entries.push(fhir!({ "resource": (missing.to_outcome()), "search": { "mode": "outcome" } }));
        }
        let mut bundle = fhir!({ "resourceType": "Bundle", "type": "searchset", "total": total });
        if !entries.is_empty() {
            bundle.set("entry", Value::Array(entries));
        }
        bundle
    }

    /// Who is answerable for which entries (FHIR R4, provenance.html): one of each source.
    fn provenance(&self, now: Instant) -> Vec<Value> {
        let mut targets: BTreeMap<(String, String), Vec<Value>> = BTreeMap::new();
        for resource in &self.entries {
            let target = match full_url(&self.addresses, resource) {
                Some(url) => url,
                None => format!("{}/{}", resource.resource_type(), resource.id()),
            };
            for (clues, name) in named_sources(resource) {
                let target = fhir!({ "reference": (target.as_str()) });
                targets.entry((clues, name)).or_default().push(target);
            }
        }
        targets.into_iter().map(|((clues, name), all)| provenance(&clues, &name, all, now)).collect()
    }

    /// Reads what [`Answer::into_bundle`] wrote at the other end.
    pub fn from_bundle(bundle: &Value) -> Self {
        let mut answer = Answer::default();
        for entry in bundle["entry"].items() {
            let resource = &entry["resource"];
            match resource.resource_type() {
                "OperationOutcome" => answer.missing.extend(Missing::from_outcome(resource)),
                // Each entry bears the tag of its institution; the hub's own statement of the same is not about the person.
                "Provenance" if named_source(resource).is_some() => {}
                _ => {
                    let url = entry.str_of("fullUrl");
                    let tail = format!("/fhir/{}/{}", resource.resource_type(), resource.id());
                    if let Some(base) = url.strip_suffix(&tail) {
                        answer.addresses.insert(source_of(resource), base.to_owned());
                    }
                    answer.entries.push(resource.clone());
                }
            }
        }
        answer
    }
}

fn full_url(addresses: &BTreeMap<String, String>, resource: &Value) -> Option<String> {
    let clues = resource["meta"].str_of("source").strip_prefix("urn:badiano:clues:")?;
    let base = addresses.get(clues)?;
    Some(format!("{base}/fhir/{}/{}", resource.resource_type(), resource.id()))
}

fn provenance(clues: &str, name: &str, targets: Vec<Value>, now: Instant) -> Value {
    fhir!({
        "resourceType": "Provenance",
        "meta": { "tag": [{ "system": SOURCE, "code": clues, "display": name }] },
        "target": (Value::Array(targets)),
        "recorded": (now.to_rfc3339()),
        "activity": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle", "code": "disclose" }] },
        "agent": [{
            "type": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "code": "custodian" }] },
            "who": { "identifier": { "system": (naming::CLUES), "value": clues }, "display": name }
        }]
    })
}

const CODES: [&str; 4] = ["timeout", "transient", "forbidden", "invalid"];

impl Missing {
    pub fn of(institution: &str, name: &str, fault: &Fault) -> Self {
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

/// Names the institution that an entry came from. What the source said of that itself is not believed.
pub fn with_source(mut resource: Value, clues: &str, name: &str) -> Value {
    let source = fhir!({ "system": SOURCE, "code": clues, "display": name });
    let own = resource.as_object_mut().and_then(|o| o.get_mut("meta"));
    let mut meta = own.map_or(Value::Null, |meta| std::mem::replace(meta, Value::Null));
    if meta.as_object().is_none() {
        meta = Value::object();
    }
    let mut tags: Vec<Value> =
        meta["tag"].items().iter().filter(|t| t.str_of("system") != SOURCE).cloned().collect();
    tags.push(source);
    meta.set("source", format!("urn:badiano:clues:{clues}"));
    meta.set("tag", Value::Array(tags));
    resource.set("meta", meta);
    resource
}

/// CLUES and name of the institution that a merged entry came from, as the hub lists it.
pub fn named_source(resource: &Value) -> Option<(String, String)> {
    named_sources(resource).into_iter().next()
}

/// All institutions that gave the same entry.
fn named_sources(resource: &Value) -> Vec<(String, String)> {
    let tags = resource["meta"]["tag"].items().iter().filter(|t| t.str_of("system") == SOURCE);
    tags.map(|t| (t.str_of("code").to_owned(), t.str_of("display").to_owned())).collect()
}

/// The institution that a merged entry came from.
pub fn source_of(resource: &Value) -> String {
    resource["meta"].str_of("source").strip_prefix("urn:badiano:clues:").unwrap_or_default().to_owned()
}

/// The same resource from the same institution twice is one. The same thing from two institutions is one as well, where both name it
/// by the same identifier and say exactly the same of it; it then bears both names. What differs in anything stays two.
pub fn deduplicate(entries: &mut Vec<Value>) {
    let mut seen = BTreeSet::new();
    entries.retain(|e| seen.insert((source_of(e), e.resource_type().to_owned(), e.id().to_owned())));
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    let mut kept: Vec<Value> = Vec::with_capacity(entries.len());
    for entry in std::mem::take(entries) {
        let same = content(&entry).and_then(|content| match first.get(&content) {
            Some(at) => Some(*at),
            None => {
                first.insert(content, kept.len());
                None
            }
        });
        match same {
            Some(at) if source_of(&kept[at]) != source_of(&entry) => also_from(&mut kept[at], &entry),
            _ => kept.push(entry),
        }
    }
    *entries = kept;
}

/// What an entry says, without what each server writes for itself; nothing for people, and for what bears no identifier.
fn content(entry: &Value) -> Option<String> {
    let identified = entry["identifier"]
        .items()
        .iter()
        .any(|i| !i.str_of("system").is_empty() && !i.str_of("value").is_empty());
    if entry.resource_type() == "Patient" || !identified {
        return None;
    }
    let mut bare = entry.clone();
    let object = bare.as_object_mut()?;
    for own in ["id", "meta", "text"] {
        object.remove(own);
    }
    for (_, value) in object.iter_mut() {
        if value.str_of("reference").starts_with("Patient/") {
            value.set("reference", "Patient");
        }
    }
    Some(badiano_fhir::json::to_string(&bare))
}

fn also_from(kept: &mut Value, entry: &Value) {
    let mut meta = kept["meta"].clone();
    for tag in entry["meta"]["tag"].items().iter().filter(|t| t.str_of("system") == SOURCE) {
        meta.push("tag", tag.clone());
    }
    kept.set("meta", meta);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(clues: &str, id: &str, conclusion: &str) -> Value {
        let resource = fhir!({
            "resourceType": "DiagnosticReport", "id": id, "conclusion": conclusion,
            "identifier": [{ "system": "urn:x", "value": "7" }],
            "subject": { "reference": (format!("Patient/{clues}")) }
        });
        with_source(resource, clues, &format!("Hospital {clues}"))
    }

    #[test]
    fn a_missing_source_is_named_on_both_ends_of_the_wire() {
        let missing =
            Missing { institution: "DFSSA000001".into(), name: "Hospital Norte".into(), code: "timeout" };
        let answer = Answer { missing: vec![missing.clone()], ..Answer::default() };
        assert_eq!(Answer::from_bundle(&answer.into_bundle(Instant::now())).missing, [missing]);
    }

    #[test]
    fn the_same_entry_of_one_source_is_shown_once_and_of_two_sources_twice() {
        let entry = || fhir!({ "resourceType": "DiagnosticReport", "id": "1" });
        let mut entries = ["A", "A", "B"].map(|clues| with_source(entry(), clues, "Hospital")).to_vec();
        deduplicate(&mut entries);
        assert_eq!(entries.len(), 2);
    }

    #[test]
    fn what_two_institutions_say_alike_of_the_same_thing_is_one_with_both_names_and_what_differs_stays_two() {
        let mut entries = vec![report("A", "1", "x"), report("B", "2", "x"), report("C", "3", "otra cosa")];
        deduplicate(&mut entries);
        assert_eq!(entries.len(), 2);
        let names: Vec<String> = named_sources(&entries[0]).into_iter().map(|(clues, _)| clues).collect();
        assert_eq!(names, ["A", "B"]);
    }

    #[test]
    fn an_entry_bears_the_name_that_the_hub_lists_and_no_other() {
        let forged = with_source(fhir!({ "resourceType": "Patient", "id": "1" }), "A", "Otro");
        let merged = with_source(forged, "A", "Hospital Norte");
        assert_eq!(named_source(&merged), Some(("A".to_owned(), "Hospital Norte".to_owned())));
        assert_eq!(merged["meta"]["tag"].items().len(), 1);
    }

    #[test]
    fn each_source_answers_for_its_entries_under_its_own_address() {
        let addresses = BTreeMap::from([("A".to_owned(), "https://norte:8443".to_owned())]);
        let answer = Answer { entries: vec![report("A", "1", "x")], addresses, ..Answer::default() };
        let bundle = answer.clone().into_bundle(Instant::now());
        assert_eq!(bundle["entry"][0].str_of("fullUrl"), "https://norte:8443/fhir/DiagnosticReport/1");
        let provenance = &bundle["entry"][1]["resource"];
        assert_eq!(provenance["target"][0].str_of("reference"), bundle["entry"][0].str_of("fullUrl"));
        assert_eq!(provenance["agent"][0]["who"]["identifier"].str_of("value"), "A");
        let back = Answer::from_bundle(&bundle);
        assert_eq!((back.entries, back.addresses), (answer.entries, answer.addresses));
    }
}
