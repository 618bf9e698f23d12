//! The doors of a running node, called over their sockets: who gets in, what an answer holds, what the log says.

mod asking;
mod http_doors;
mod person;
mod rightful;
mod world;
