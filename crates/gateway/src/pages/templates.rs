//! Templates of radiology reports in Mexican Spanish: data in `report-templates.json`, the fitting ones first (IHE MRRT in spirit, not in form).

use super::form::{Refused, json};
use crate::caller::Caller;
use crate::fhir_rest::form::pairs;
use axum::extract::RawQuery;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Template {
    id: String,
    name: String,
    /// DICOM modality codes it is meant for.
    modalities: Vec<String>,
    sections: Vec<Section>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    title: String,
    /// What the section begins with.
    text: String,
    hint: String,
}

#[derive(Serialize)]
struct Templates {
    templates: Vec<&'static Template>,
}

static ALL: LazyLock<Vec<Template>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("report-templates.json"))
        .expect("a test reads the file that is compiled in")
});

pub async fn list(_caller: Caller, RawQuery(query): RawQuery) -> Result<Response, Refused> {
    let asked = pairs(&query.unwrap_or_default());
    let modality = asked.into_iter().find(|(k, _)| k == "modality").map(|(_, v)| v).unwrap_or_default();
    json(&Templates { templates: fitting_first(&modality) })
}

/// `CT`, or several as a study bears them: `CT/PT`, `CT\PT`.
fn fitting_first(modality: &str) -> Vec<&'static Template> {
    let asked: Vec<&str> = modality.split(['/', '\\', ',']).map(str::trim).collect();
    let mut all: Vec<&Template> = ALL.iter().collect();
    all.sort_by_key(|t| !t.modalities.iter().any(|m| asked.contains(&m.as_str())));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_template_has_its_own_id_and_sections_with_titles() {
        let ids: BTreeSet<&str> = ALL.iter().map(|t| t.id.as_str()).collect();
        assert_eq!(ids.len(), ALL.len());
        for template in ALL.iter() {
            assert!(!template.modalities.is_empty() && template.sections.len() >= 3, "{}", template.id);
            assert!(template.sections.iter().all(|s| !s.title.is_empty()), "{}", template.id);
        }
    }

    #[test]
    fn the_templates_of_the_modality_come_first_and_the_others_after() {
        for (modality, first) in
            [("MG", "mg-birads"), ("MR", "mr-general"), ("CT\\SR", "ct-torax"), ("DX", "dx-torax")]
        {
            assert_eq!(fitting_first(modality)[0].id, first, "{modality}");
        }
        assert_eq!(fitting_first("??").len(), ALL.len());
    }
}
