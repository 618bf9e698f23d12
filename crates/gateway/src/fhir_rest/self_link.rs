//! The `self` link of a search in readable form, where nothing in it may name a person (search.html#conformance; house, invariant 9
//! of addresses: none that we build holds patient data).

use badiano_fhir::schema::SearchKind;
use badiano_fhir::search::{Query, parameter};

/// Parameters about the answer and its shape: they say nothing of a person.
const HARMLESS: [&str; 21] = [
    "_format",
    "_pretty",
    "_summary",
    "_elements",
    "_count",
    "_offset",
    "_sort",
    "_total",
    "_include",
    "_revinclude",
    "_type",
    "_id",
    "_lastUpdated",
    "_tag",
    "_profile",
    "_security",
    "_contained",
    "_list",
    "_since",
    "start",
    "end",
];
/// A CURP has so many characters; a shorter run of letters and digits is a code.
const CURP_CHARS: usize = 18;

/// The query string of what was understood; none where a part of it might name a person.
pub fn query(asked: &Query, pairs: &[(String, String)], unknown: &[String]) -> Option<String> {
    let shown: Vec<&(String, String)> = pairs.iter().filter(|(k, _)| !unknown.contains(k)).collect();
    let kind = asked.kinds().next().unwrap_or("");
    if !shown.iter().all(|(name, value)| is_harmless(kind, name) && !has_curp(value)) {
        return None;
    }
    let pairs: Vec<String> = shown.iter().map(|(k, v)| format!("{}={}", percent(k), percent(v))).collect();
    Some(pairs.join("&"))
}

fn is_harmless(kind: &str, name: &str) -> bool {
    let (code, modifier) = name.split_once(':').unwrap_or((name, ""));
    if HARMLESS.contains(&code) {
        return true;
    }
    // Chains and `_has` may end at anything about a person.
    if name.contains('.') || code.starts_with('_') || matches!(modifier, "identifier" | "of-type" | "text") {
        return false;
    }
    let Some(parameter) = parameter(kind, code) else { return false };
    match parameter.kind {
        SearchKind::Number | SearchKind::Quantity | SearchKind::Uri | SearchKind::Reference => true,
        SearchKind::Date => !matches!(code, "birthdate" | "death-date"),
        SearchKind::Token => !matches!(code, "identifier" | "phone" | "email" | "telecom"),
        SearchKind::String | SearchKind::Composite | SearchKind::Special => false,
    }
}

fn has_curp(value: &str) -> bool {
    let words = value.split(|c: char| !c.is_ascii_alphanumeric());
    words
        .into_iter()
        .any(|word| word.len() == CURP_CHARS && word.starts_with(|c: char| c.is_ascii_alphabetic()))
}

pub(crate) fn percent(text: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || b"-._~:,|*/$".contains(&b);
    text.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(kind: &str, pairs: &[(&str, &str)], unknown: &[&str]) -> Option<String> {
        let asked = Query { kind: kind.into(), ..Query::default() };
        let pairs: Vec<_> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let unknown: Vec<_> = unknown.iter().map(|u| (*u).to_owned()).collect();
        query(&asked, &pairs, &unknown)
    }

    #[test]
    fn codes_dates_and_references_are_shown_and_what_was_not_understood_is_not() {
        let pairs = [("code", "http://loinc.org|8480-6"), ("date", "ge2024-01-01"), ("foo", "1")];
        let shown = link("Observation", &pairs, &["foo"]);
        assert_eq!(shown.as_deref(), Some("code=http://loinc.org|8480-6&date=ge2024-01-01"));
        assert_eq!(
            link("Observation", &[("patient", "p1"), ("_count", "5")], &[]).as_deref(),
            Some("patient=p1&_count=5")
        );
    }

    #[test]
    fn whatever_may_name_a_person_is_in_no_address() {
        for (kind, name, value) in [
            ("Patient", "identifier", "x"),
            ("Patient", "family", "Ruiz"),
            ("Patient", "birthdate", "1980-01-01"),
            ("Patient", "phone", "55"),
            ("Patient", "_filter", "name eq x"),
            ("Observation", "patient.identifier", "x"),
            ("Observation", "subject:identifier", "x"),
            ("Observation", "patient", "Patient/MUAL800517HDFXXX09"),
            ("Patient", "_has:Observation:patient:code", "x"),
        ] {
            assert_eq!(link(kind, &[(name, value)], &[]), None, "{kind}?{name}");
        }
    }
}
