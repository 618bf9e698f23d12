//! Every door of the product: one folder a protocol, one file an operation. Doors are thin: who asks, a session, an answer.
//!
//! `routes.rs` lists every HTTP route; `dimse` and `mllp` hold the tables of their services.

pub mod caller;
pub mod conformance;
pub mod dicomweb;
pub mod dimse;
pub mod doors;
pub mod fhir_rest;
pub mod gate;
pub mod listen;
pub mod mllp;
pub mod oauth;
pub mod operator;
pub mod pages;
pub mod pni;
mod refusals;
pub mod reply;
pub mod routes;
pub mod tls;
mod unread;
mod wire;

pub use gate::{Gate, GateOptions, Patience};
