//! HL7 FHIR R4 RESTful API (http.html): one file an interaction.

pub mod capabilities;
pub mod create;
pub mod delete;
pub mod form;
pub mod history;
pub mod read;
pub mod search;
pub mod transaction;
pub mod update;
