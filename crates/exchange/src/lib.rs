//! Hospital to hub and back: joining, registration, the question to all who hold something, images, consent on its way.
//!
//! Entry points: [`ask`] (the question, over [`sources`] that are each left alone while they fail), [`courier`] (what leaves the durable queues), [`join`].

pub mod answer;
pub mod ask;
pub mod breaker;
pub mod courier;
pub mod join;
pub mod kept;
pub mod notifier;
pub mod on_behalf;
pub mod question;
pub mod sources;
pub mod wire;
pub mod witnessing;

pub use wire::Wire;
