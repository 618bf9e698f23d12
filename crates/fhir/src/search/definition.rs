//! The search parameters of each type, found once (FHIR R4, searchparameter-registry.html).

use crate::schema::{self, SearchKind, SearchParam};
use std::collections::HashMap;
use std::sync::OnceLock;

/// Parameters by code.
type ByCode = HashMap<&'static str, &'static SearchParam>;

fn tables() -> &'static HashMap<&'static str, ByCode> {
    static TABLES: OnceLock<HashMap<&'static str, ByCode>> = OnceLock::new();
    TABLES.get_or_init(|| {
        let mut all: HashMap<&'static str, ByCode> = HashMap::new();
        for kind in schema::resource_types() {
            all.insert(kind, ByCode::new());
        }
        for parameter in schema::search_parameters() {
            for base in &parameter.base {
                match *base {
                    "Resource" | "DomainResource" => {
                        for (kind, table) in &mut all {
                            let domain =
                                *base == "Resource" || !matches!(*kind, "Bundle" | "Binary" | "Parameters");
                            if domain {
                                table.insert(parameter.code, parameter);
                            }
                        }
                    }
                    base => {
                        all.entry(base).or_default().insert(parameter.code, parameter);
                    }
                }
            }
        }
        all
    })
}

/// A search parameter of a type by its code.
pub fn parameter(kind: &str, code: &str) -> Option<&'static SearchParam> {
    tables().get(kind)?.get(code).copied()
}

/// All search parameters of a type, by code.
pub fn parameters(kind: &str) -> Vec<&'static SearchParam> {
    let mut all: Vec<_> = tables().get(kind).into_iter().flat_map(|t| t.values().copied()).collect();
    all.sort_by_key(|p| p.code);
    all
}

/// The kind of value of each part of a composite.
pub(super) fn component_kinds(composite: &SearchParam) -> Vec<SearchKind> {
    let kind_of = |url: &str| schema::search_parameters().iter().find(|p| p.url == url).map(|p| p.kind);
    composite.components.iter().map(|(url, _)| kind_of(url).unwrap_or(SearchKind::Special)).collect()
}
