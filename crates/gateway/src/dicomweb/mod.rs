//! DICOMweb (PS3.18): one file a service.

mod accept;
pub mod capabilities;
pub mod export;
mod export_page;
mod multipart;
pub mod national;
mod parts;
pub mod qido_rs;
pub mod rendered;
mod represent;
mod stow_metadata;
pub mod stow_rs;
pub mod wado_rs;
pub mod wado_uri;
mod zip;

use crate::doors::{Doors, get};

/// Studies, series and instances under a base path.
pub fn routes(base: &str) -> Doors {
    let at = |path: &str| format!("{base}{path}");
    let stored = get(qido_rs::studies).post(stow_rs::store).streamed();
    let stored_in = get(wado_rs::study).post(stow_rs::store_in_study).streamed();
    Doors::new()
        .route(&at("/studies"), stored)
        .route(&at("/series"), get(qido_rs::all_series))
        .route(&at("/instances"), get(qido_rs::all_instances))
        .route(&at("/studies/{study}"), stored_in)
        .route(&at("/studies/{study}/metadata"), get(wado_rs::study_metadata))
        .route(&at("/studies/{study}/rendered"), get(rendered::study))
        .route(&at("/studies/{study}/thumbnail"), get(rendered::study_thumbnail))
        .route(&at("/studies/{study}/series"), get(qido_rs::series))
        .route(&at("/studies/{study}/instances"), get(qido_rs::study_instances))
        .route(&at("/studies/{study}/series/{series}"), get(wado_rs::series))
        .route(&at("/studies/{study}/series/{series}/metadata"), get(wado_rs::series_metadata))
        .route(&at("/studies/{study}/series/{series}/rendered"), get(rendered::series))
        .route(&at("/studies/{study}/series/{series}/thumbnail"), get(rendered::series_thumbnail))
        .route(&at("/studies/{study}/series/{series}/instances"), get(qido_rs::series_instances))
        .route(&at("/studies/{study}/series/{series}/instances/{sop}"), get(wado_rs::instance))
        .route(
            &at("/studies/{study}/series/{series}/instances/{sop}/metadata"),
            get(wado_rs::instance_metadata),
        )
        .route(
            &at("/studies/{study}/series/{series}/instances/{sop}/bulkdata/{*path}"),
            get(wado_rs::bulk_data),
        )
        .route(&at("/studies/{study}/series/{series}/instances/{sop}/frames"), get(wado_rs::pixel_data))
        .route(&at("/studies/{study}/series/{series}/instances/{sop}/frames/{frames}"), get(wado_rs::frames))
        .route(&at("/studies/{study}/series/{series}/instances/{sop}/rendered"), get(rendered::instance))
        .route(
            &at("/studies/{study}/series/{series}/instances/{sop}/thumbnail"),
            get(rendered::instance_thumbnail),
        )
        .route(
            &at("/studies/{study}/series/{series}/instances/{sop}/frames/{frames}/rendered"),
            get(rendered::frame),
        )
}
