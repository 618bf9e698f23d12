//! What a result is written from: the templates of the department and of the house, the fitting ones first (`ReportTemplates` of
//! `web/src/api.ts`); a house brings its own as IHE MRRT files.

use super::form::{Refused, json};
use crate::caller::Caller;
use crate::fhir_rest::form::pairs;
use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::response::Response;
use badiano_departments::template::{Template, fitting_first};
use badiano_departments::{mrrt, radiology};
use badiano_kernel::Fault;
use bytes::Bytes;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct Templates<'t> {
    templates: Vec<&'t Template>,
}

#[derive(Serialize)]
struct Kept {
    template: Template,
    /// What of the file was not taken, and how often: scripts, styles, pictures, links, handlers, controls.
    left_out: BTreeMap<&'static str, usize>,
}

pub async fn list(caller: Caller, RawQuery(query): RawQuery) -> Result<Response, Refused> {
    let asked = pairs(&query.unwrap_or_default());
    let modality = asked.into_iter().find(|(k, _)| k == "modality").map(|(_, v)| v).unwrap_or_default();
    let own = caller.session().house_templates()?;
    let mut all: Vec<Template> = own.iter().filter_map(|t| serde_json::from_slice(t).ok()).collect();
    // Of those that fit as well the house's own come first: it brought them to be used.
    all.extend(radiology::DEPARTMENT.templates.iter().cloned());
    json(&Templates { templates: fitting_first(&all, &modality) })
}

/// The body is an MRRT file. What was made of it is answered, so that somebody looks at it.
pub async fn keep(caller: Caller, body: Bytes) -> Result<Response, Refused> {
    if body.len() > mrrt::FILE_BYTES_MAX {
        return Err(Fault::too_costly("a template has at most 256 KiB").into());
    }
    let html = std::str::from_utf8(&body).map_err(|_| Fault::invalid("a template is UTF-8"))?;
    let read = mrrt::parse(html).map_err(Fault::invalid)?;
    let text =
        serde_json::to_vec(&read.template).map_err(|_| Fault::bug("a template is always printable"))?;
    caller.session().keep_template(&read.template.id, text).await?;
    json(&Kept { template: read.template, left_out: read.left_out })
}

pub async fn drop_one(caller: Caller, Path(id): Path<String>) -> Result<StatusCode, Refused> {
    caller.session().drop_template(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
