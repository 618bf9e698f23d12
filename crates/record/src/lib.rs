//! Policy and meaning, the one way to the data: Session(principal, purpose) -> access -> consent -> change -> audit.
//!
//! Only this crate imports `badiano-store`, and nothing of it is re-exported: a door cannot reach data except through a [`Session`].

pub mod access;
pub mod accesses;
pub mod accounts;
pub mod audit;
pub mod authority;
pub mod bulk;
pub mod bundle;
pub mod class;
pub mod clients;
pub mod condition;
pub mod conditional;
pub mod consent;
pub mod consent_fhir;
pub mod consent_register;
pub mod consent_words;
pub mod critical;
pub mod emergency;
pub mod history;
pub mod identity;
pub mod imaging;
mod known_tokens;
pub mod ledger;
pub mod linked;
pub mod matching;
pub mod merges;
pub mod messages;
pub mod node;
pub mod notices;
mod opened;
pub mod operate;
pub mod orders;
pub mod participants;
pub mod patient_index;
pub mod peers;
pub mod queues;
pub mod readings;
mod refusals;
pub mod replay;
pub mod reports;
pub mod resources;
pub mod revocation;
mod secrets;
pub mod sensitive_codes;
pub mod session;
pub mod subscriptions;
pub mod templates;
pub mod terminology;
pub mod unreleased;
mod validation;
pub mod workflow;
pub mod worklist;

pub use node::{Node, NodeOptions, NodeRole, Settings};
pub use session::Session;
pub use unreleased::Unreleased;
