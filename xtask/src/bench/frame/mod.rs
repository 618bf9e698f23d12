//! What every area of the bench needs: lines, a node in release mode, its cost, spreads of times, yardsticks, peers.

pub mod cost;
pub mod demo;
pub mod example;
pub mod http;
mod kept;
pub mod peer;
pub mod report;
pub mod spread;
pub mod yardstick;
