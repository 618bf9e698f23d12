//! What `:above` and `:below` go by: the path of a URL, and the references by which resources are parts of others of their type
//! (FHIR R4, search.html#uri, #reference).

use super::definition::parameter;
use crate::schema::SearchKind;

/// Parts of parts that are followed; a longer chain is a circle.
pub const LEVELS_MAX: usize = 64;

/// The parameter under which a resource of a type says of which other one it is a part; none for types without such an order.
pub fn parent_parameter(kind: &str) -> Option<&'static str> {
    let own =
        |code| parameter(kind, code).filter(|p| p.kind == SearchKind::Reference && p.target.contains(&kind));
    ["partof", "part-of"].into_iter().find_map(own).map(|p| p.code)
}

/// Whether a URL is another one or lies below it, path by path. A URN has no path: it is only itself.
pub fn is_below(url: &str, above: &str) -> bool {
    let above = above.strip_suffix('/').unwrap_or(above);
    match url.strip_prefix(above) {
        Some(rest) => rest.is_empty() || (rest.starts_with('/') && has_path(above)),
        None => false,
    }
}

/// A URL and those that it lies below.
pub fn ancestors(url: &str) -> Vec<&str> {
    let mut all = vec![url];
    let mut rest = url;
    while let Some((above, _)) = rest.rsplit_once('/').filter(|(above, _)| has_path(above)) {
        all.push(above);
        rest = above;
    }
    all
}

/// `http://host` and what follows it.
fn has_path(url: &str) -> bool {
    url.split_once("://").is_some_and(|(_, host)| !host.is_empty() && !host.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_lies_below_whole_steps_of_its_path_and_a_urn_below_nothing() {
        assert!(is_below("http://a.mx/fhir/ValueSet/x", "http://a.mx/fhir"));
        assert!(is_below("http://a.mx/fhir", "http://a.mx/fhir/"));
        assert!(is_below("http://a.mx/fhir", "http://a.mx"));
        assert!(!is_below("http://a.mx/fhirpath", "http://a.mx/fhir"));
        assert!(!is_below("http://a.mx", "http:"));
        assert!(is_below("urn:oid:1.2", "urn:oid:1.2") && !is_below("urn:oid:1.2.3", "urn:oid:1.2"));
        assert_eq!(ancestors("http://a.mx/b/c"), ["http://a.mx/b/c", "http://a.mx/b", "http://a.mx"]);
        assert_eq!(ancestors("urn:x"), ["urn:x"]);
        for url in ["http://a.mx/b/c", "http://a.mx", "urn:a/b", "a/b/c"] {
            assert!(ancestors(url).iter().all(|above| is_below(url, above)), "{url}");
        }
    }

    #[test]
    fn places_and_institutions_are_parts_of_others_and_patients_are_not() {
        assert_eq!(parent_parameter("Location"), Some("partof"));
        assert_eq!(parent_parameter("Organization"), Some("partof"));
        assert_eq!(parent_parameter("Encounter"), Some("part-of"));
        assert_eq!(parent_parameter("Patient"), None);
        assert_eq!(parent_parameter("Observation"), None, "parts of other types are no order");
    }
}
