//! What a result is written from: the templates of the department, the fitting ones first (`ReportTemplates` of `web/src/api.ts`).

use super::form::{Refused, json};
use crate::fhir_rest::form::pairs;
use axum::extract::RawQuery;
use axum::response::Response;
use badiano_departments::radiology;
use badiano_departments::template::{Template, fitting_first};
use serde::Serialize;

#[derive(Serialize)]
struct Templates {
    templates: Vec<&'static Template>,
}

pub async fn list(RawQuery(query): RawQuery) -> Result<Response, Refused> {
    let asked = pairs(&query.unwrap_or_default());
    let modality = asked.into_iter().find(|(k, _)| k == "modality").map(|(_, v)| v).unwrap_or_default();
    json(&Templates { templates: fitting_first(radiology::DEPARTMENT.templates, &modality) })
}
