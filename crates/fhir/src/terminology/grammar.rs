//! Systems that are a grammar and not a list: units, languages, media types, currencies (FHIR R4, terminologies-systems.html).

/// Whether a code is well formed; nothing for systems that are lists.
pub(crate) fn has(system: &str, code: &str) -> Option<bool> {
    match system {
        "http://unitsofmeasure.org" => Some(crate::fhirpath::quantity::is_ucum(code)),
        "urn:iso:std:iso:4217" => Some(code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase())),
        "urn:ietf:bcp:13" => Some(code.contains('/')),
        "urn:ietf:bcp:47" => Some(is_language(code)),
        _ => None,
    }
}

fn is_language(code: &str) -> bool {
    let mut parts = code.split('-');
    let is_first = |p: &str| (2..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphabetic());
    let is_next = |p: &str| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric());
    parts.next().is_some_and(is_first) && parts.all(is_next)
}
