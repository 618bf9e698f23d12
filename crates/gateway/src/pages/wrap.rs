//! A photograph, picture, video or document taken in as an object of a patient: the file is the body (`Wrapped` of `web/src/api.ts`).

use super::form::{Refused, json};
use crate::caller::Caller;
use crate::fhir_rest::form::pairs;
use axum::body::Body;
use axum::extract::RawQuery;
use axum::response::Response;
use badiano_dicom::wrap::{FILE_BYTES_MAX, Kind, Origin};
use badiano_kernel::Fault;
use badiano_record::imaging::About;
use futures_util::StreamExt;
use serde::Serialize;

#[derive(Serialize)]
struct Wrapped {
    study: String,
    series: String,
    sop: String,
    sop_class: String,
    kind: &'static str,
}

/// `POST /api/wrap?study=UID|accession=NUMBER|patient=ID[&title=..][&origin=photograph|capture]`
pub async fn wrap(caller: Caller, RawQuery(query): RawQuery, body: Body) -> Result<Response, Refused> {
    let about = about(&query.unwrap_or_default())?;
    let session = caller.session();
    session.may_store_images()?;
    let (mut stream, mut bytes) = (body.into_data_stream(), Vec::new());
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Fault::invalid("the body broke off"))?;
        if bytes.len() + chunk.len() > FILE_BYTES_MAX {
            return Err(Fault::too_costly("a file has at most 128 MiB").into());
        }
        bytes.extend_from_slice(&chunk);
    }
    let (kept, kind) = session.wrap_file(bytes, &about).await?;
    let kind = match kind {
        Kind::Jpeg => "jpeg",
        Kind::Png => "png",
        Kind::Tiff => "tiff",
        Kind::Mp4 => "mp4",
        Kind::Pdf => "pdf",
        Kind::Cda => "cda",
    };
    json(&Wrapped { study: kept.study, series: kept.series, sop: kept.sop, sop_class: kept.sop_class, kind })
}

fn about(query: &str) -> Result<About, Fault> {
    let mut about = About::default();
    for (name, value) in pairs(query) {
        match name.as_str() {
            "study" => about.study = value,
            "accession" => about.accession = value,
            "patient" => about.patient = value,
            "title" => about.title = value,
            "origin" => {
                about.origin = match value.as_str() {
                    "photograph" => Origin::Photograph,
                    "capture" => Origin::Capture,
                    _ => return Err(Fault::invalid("photograph or capture").at("origin")),
                }
            }
            _ => return Err(Fault::invalid("study, accession, patient, title and origin are known").at(name)),
        }
    }
    Ok(about)
}
