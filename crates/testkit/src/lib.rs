//! Builders, synthetic people and studies, simulated faults: for tests and the demo.
//!
//! Everything is drawn from a seed and is the same on every machine. DICOM files and HL7 messages are written here byte by byte, without
//! the rooms that read them, so that a mistake cannot hide in both.

pub mod hl7;
pub mod lookalikes;
pub mod order;
pub mod people;
pub mod power;
pub mod proof;
pub mod records;
pub mod rng;
pub mod sources;
pub mod story;
pub mod studies;
mod vocabulary;

/// The day on which a story takes place.
pub use badiano_mexico::Date;
pub use order::Order;
pub use people::Person;
pub use rng::Rng;
pub use story::Story;
