//! DICOM as a value: data sets, JSON model, association and DIMSE state machines (sans-IO), pixels. No I/O, no clock.

pub mod association;
pub mod charset;
pub mod coercion;
pub mod dataset;
pub mod deidentify;
pub mod dictionary;
pub mod dimse;
pub mod directory;
pub mod element;
pub mod json;
pub mod part10;
pub mod pdu;
pub mod pixel;
pub mod query;
pub mod wrap;

pub use dicom_core::{Tag, VR};
pub use dicom_dictionary_std::tags;
