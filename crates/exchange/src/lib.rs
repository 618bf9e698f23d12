//! Hospital to hub and back: joining, registration, the question to all who hold something, images, consent on its way.
//!
//! Entry points: [`ask`] (the question), [`courier`] (what leaves the durable queues), [`join`].

pub mod ask;
pub mod courier;
pub mod join;
pub mod on_behalf;
pub mod wire;

pub use wire::Wire;
