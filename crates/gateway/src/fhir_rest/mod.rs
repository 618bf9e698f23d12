//! HL7 FHIR R4 RESTful API (http.html): one file an interaction.

pub mod asked;
pub mod capabilities;
pub mod create;
mod cursor;
pub mod delete;
pub mod form;
pub mod history;
mod national;
pub mod operations;
pub mod patch;
pub mod read;
pub mod search;
pub(crate) mod self_link;
pub mod transaction;
pub mod update;
pub mod websocket;
