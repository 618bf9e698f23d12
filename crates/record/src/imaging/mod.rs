//! The image archive through a session: objects in, durable before the answer; questions, metadata and frames out, consent on the pixels too.

mod arrive;
mod aside;
mod attributes;
mod coercion;
mod described;
mod export;
mod metadata;
mod overlay;
mod pseudonym;
mod rejection;
mod retrieve;
mod routing;
mod scheduled;
mod serve;
mod study;
mod wrap;

pub use arrive::{ArrivedInstance, NotStored, Receiving};
pub(crate) use coercion::{ActiveRules, load as load_coercion};
pub use coercion::{RuleKept, Tried};
pub use described::{BULK_BYTES_MAX, BULK_PARTS_MAX, BulkParts};
pub use export::{Anonymous, STUDIES_MAX};
pub(crate) use metadata::Kept;
pub use metadata::ServedMetadata;
pub use pseudonym::PseudonymKey;
pub use rejection::{KEY_OBJECT_SELECTION, Reason, Rejected, Which};
pub use retrieve::{OBJECTS_MAX, Outgoing, OutgoingBytes};
pub(crate) use routing::{ActiveRoutes, load as load_routes, prefetch};
pub use routing::{PRIORITIES, Route, Sending, WaitingErrand, Work, route_queue};
pub use scheduled::worklist_entry;
pub use serve::{ArchivedInstance, FoundImage, ImageReader};
pub(crate) use study::series_of_study;
pub use wrap::About;

/// The id of the ImagingStudy of a study: the UID itself, which has the form of a FHIR id.
pub fn imaging_study_id(study_uid: &str) -> String {
    study_uid.to_owned()
}

/// The queue of commitment reports to one peer.
pub fn commitment_queue(ae_title: &str) -> String {
    format!("storage-commitment/{ae_title}")
}

/// What every metadata entry is served with where bulk data stand elsewhere; doors put their own base before it.
pub const BULK_BASE: &str = "@bulk@";

#[cfg(test)]
mod tests;
