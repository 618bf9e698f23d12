//! Models that may be used in a house: which, for what, and whether they are admitted. Each is a FHIR Device, versioned and audited.
//!
//! Not there yet: routing of studies to models, sandboxed runs, results as DICOM SR or SEG, acknowledgement, monitoring.

pub mod registry;
