//! What our own pages ask of the node: JSON in the shapes of `web/src/api.ts`, every answer through a session.

pub mod accesses;
pub mod admin;
pub mod assets;
pub mod assets_door;
pub mod audit;
pub mod citizen;
pub mod coercion;
pub mod form;
pub mod health;
pub mod identity;
pub mod indicators;
pub mod links;
pub mod messages;
pub mod models;
pub mod national;
pub mod notices;
pub mod operate;
pub mod peers;
pub mod person;
pub mod reading;
pub mod rejection;
pub mod routing;
pub mod session;
pub mod systems;
pub mod templates;
pub mod work;
