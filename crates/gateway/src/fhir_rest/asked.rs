//! How the caller wants the answer: `_format`, `_pretty`, `_summary`, `_elements`, `Accept`, `Prefer` (FHIR R4, http.html#general,
//! http.html#ops, search.html#summary).

use super::form::{self, Wire};
use crate::reply::Refusal;
use axum::http::{HeaderMap, header};
use badiano_fhir::subset::Subset;
use badiano_kernel::Fault;

/// Names of a query string that are about the answer and not about what is looked for.
const ABOUT_THE_ANSWER: [&str; 4] = ["_format", "_pretty", "_summary", "_elements"];

/// What the answer to one request looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub wire: Wire,
    pub pretty: bool,
    pub subset: Subset,
    /// `_summary=count`: a search says how many there are and shows none.
    pub count_only: bool,
    /// `Prefer: return=...` of a write.
    pub returns: Option<Returns>,
    /// `Prefer: handling=strict`: what is not understood is refused; otherwise the answer names it.
    pub strict: bool,
    /// `Prefer: respond-async`.
    pub is_async: bool,
}

/// What a write answers with (http.html#ops).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returns {
    Minimal,
    Representation,
    OperationOutcome,
}

impl Asked {
    /// From the headers and the decoded pairs of the query.
    pub fn of(headers: &HeaderMap, pairs: &[(String, String)]) -> Result<Asked, Refusal> {
        let value = |name: &str| pairs.iter().rev().find(|(k, _)| k == name).map(|(_, v)| v.as_str());
        let summary = value("_summary");
        let count_only = summary == Some("count");
        let subset = Subset::parse(summary.filter(|_| !count_only), value("_elements"));
        let mut asked = Asked {
            wire: wire(headers, value("_format"))?,
            pretty: value("_pretty") == Some("true"),
            subset: subset.map_err(Refusal::fhir)?,
            count_only,
            returns: None,
            strict: false,
            is_async: false,
        };
        let prefer = headers.get_all("prefer").iter().filter_map(|h| h.to_str().ok());
        for preference in prefer.flat_map(|h| h.split([',', ';'])).map(str::trim) {
            match preference {
                "return=minimal" => asked.returns = Some(Returns::Minimal),
                "return=representation" => asked.returns = Some(Returns::Representation),
                "return=OperationOutcome" => asked.returns = Some(Returns::OperationOutcome),
                "handling=strict" => asked.strict = true,
                "respond-async" => asked.is_async = true,
                // Lenient is what holds anyway; a preference that is not known is passed over (RFC 7240).
                _ => {}
            }
        }
        Ok(asked)
    }

    /// From a request whose query is still text.
    pub fn of_query(headers: &HeaderMap, query: Option<&str>) -> Result<Asked, Refusal> {
        Asked::of(headers, &form::pairs(query.unwrap_or_default()))
    }
}

/// The pairs that say what is looked for.
pub fn about_content(pairs: Vec<(String, String)>) -> Vec<(String, String)> {
    pairs.into_iter().filter(|(k, _)| !ABOUT_THE_ANSWER.contains(&k.as_str())).collect()
}

/// `_format` outranks `Accept`.
fn wire(headers: &HeaderMap, format: Option<&str>) -> Result<Wire, Refusal> {
    if let Some(text) = format {
        let refused = || Refusal::fhir(Fault::invalid("_format is json or xml").at("_format"));
        return Wire::named(text).ok_or_else(refused);
    }
    let Some(accept) = headers.get(header::ACCEPT).and_then(|h| h.to_str().ok()) else {
        return Ok(Wire::Json);
    };
    let any =
        accept.split(',').find_map(|part| Wire::named(part.split(';').next().unwrap_or_default().trim()));
    Ok(any.unwrap_or(Wire::Json))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(headers: &[(&'static str, &'static str)], query: &str) -> Asked {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a header"));
        }
        Asked::of_query(&map, Some(query)).expect("a request")
    }

    #[test]
    fn the_query_outranks_the_header_and_lenient_json_is_what_holds_without_either() {
        let plain = asked(&[], "");
        assert_eq!((plain.wire, plain.pretty, plain.strict), (Wire::Json, false, false));
        assert_eq!(plain.subset, Subset::Whole);
        assert_eq!(asked(&[("accept", "application/fhir+xml;q=0.9, */*")], "").wire, Wire::Xml);
        assert_eq!(asked(&[("accept", "text/html")], "_format=application%2Ffhir%2Bxml").wire, Wire::Xml);
        assert!(Asked::of_query(&HeaderMap::new(), Some("_format=turtle")).is_err());
    }

    #[test]
    fn several_preferences_in_one_header_or_in_several_are_all_heard() {
        let both = asked(&[("prefer", "return=minimal, handling=strict"), ("prefer", "respond-async")], "");
        assert_eq!(both.returns, Some(Returns::Minimal));
        assert!(both.strict && both.is_async);
        assert!(asked(&[], "_summary=count").count_only);
        assert_eq!(asked(&[], "_summary=text").subset, Subset::Text);
    }
}
