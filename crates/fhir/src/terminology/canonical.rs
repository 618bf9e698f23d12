//! Canonical addresses with versions, and languages, as they are compared (FHIR R4, references.html#canonical, BCP 47).

use std::cmp::Ordering;

/// `url|version` in two; no version is the empty one.
pub(crate) fn divided(canonical: &str) -> (&str, &str) {
    canonical.split_once('|').unwrap_or((canonical, ""))
}

/// Later versions are greater: numbers by value (`2.10` after `2.9`), the rest as text.
pub(crate) fn by_version(a: &str, b: &str) -> Ordering {
    let parts = |text: &str| -> Vec<(bool, u64, String)> {
        let split = text.split(|c: char| !c.is_ascii_alphanumeric());
        split.map(|p| p.parse().map_or((false, 0, p.to_owned()), |n| (true, n, String::new()))).collect()
    };
    parts(a).cmp(&parts(b))
}

/// Whether a version is the one that is asked for: itself, or one that it begins with (`4.0` of `4.0.1`, an edition of SNOMED CT).
pub(crate) fn is_version(version: &str, wanted: &str) -> bool {
    wanted.is_empty()
        || version == wanted
        || version.strip_prefix(wanted).is_some_and(|rest| rest.starts_with(['.', '/', '-']))
}

/// Whether a text in one language serves who asked for another: all forms of Spanish serve each other.
pub(crate) fn speaks(language: &str, wanted: &str) -> bool {
    let base = |text: &str| text.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    !language.is_empty() && base(language) == base(wanted)
}

/// Languages in the order of a reader's wish: `es-MX,es;q=0.9,en;q=0.5`.
pub fn languages(header: &str) -> Vec<String> {
    let mut all: Vec<(f32, String)> = Vec::new();
    for part in header.split(',').take(16) {
        let (language, rest) = part.split_once(';').unwrap_or((part, ""));
        let weight = rest.trim().strip_prefix("q=").and_then(|q| q.parse().ok()).unwrap_or(1.0);
        let language = language.trim();
        if !language.is_empty() && language != "*" && weight > 0.0 {
            all.push((weight, language.to_owned()));
        }
    }
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.into_iter().map(|(_, language)| language).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_their_numbers() {
        assert_eq!(by_version("2.10", "2.9"), Ordering::Greater);
        assert_eq!(by_version("4.0.1", "4.0.1"), Ordering::Equal);
        let sct = |date| format!("http://snomed.info/sct/900000000000207008/version/{date}");
        assert_eq!(by_version(&sct("20260301"), &sct("20250901")), Ordering::Greater);
        assert!(is_version(&sct("20260301"), "http://snomed.info/sct/900000000000207008"));
        assert!(is_version("4.0.1", "4.0") && !is_version("4.01", "4.0") && is_version("1", ""));
    }

    #[test]
    fn languages_serve_each_other_by_their_root() {
        assert!(speaks("es", "es-MX") && speaks("es-MX", "es") && speaks("es-ES", "es-MX"));
        assert!(!speaks("en", "es") && !speaks("", "es"));
        assert_eq!(languages("en;q=0.5, es-MX, es;q=0.9, *;q=0.1"), ["es-MX", "es", "en"]);
    }
}
