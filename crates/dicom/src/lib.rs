//! DICOM as a value: data sets, JSON model, association and DIMSE state machines (sans-IO), pixels. No I/O, no clock.

pub mod query;

pub use dicom_core::Tag;
