//! The doors of a running node, called over their sockets: who gets in, what an answer holds, what the log says.

mod apps;
mod asking;
mod bad_http2;
mod bad_input;
mod clinical_documents;
mod country;
mod dimse_calls;
mod dimse_doors;
mod fan_out;
mod hl7_doors;
mod hostile;
mod http_doors;
mod person;
mod representatives;
mod rightful;
mod witnesses;
mod world;
