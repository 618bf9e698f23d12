//! The binary itself, started as an operator starts it, with real peers: DCMTK, MLLP, TLS, the file system.

mod administration;
mod backup;
mod certificates;
mod deidentify;
mod dimse_tls;
mod fhir_clients;
mod fhir_operations;
mod fhir_rest;
mod full_disk;
mod held_messages;
mod hl7_command;
mod import;
mod modality;
mod place;
mod secure;
mod staff_sign_in;
mod stow_metadata;
mod subscriptions;
mod system_tokens;
mod terminology;
mod who_is_who;
mod wrapped_files;
