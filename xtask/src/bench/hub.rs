//! Area `hub` of the bench: questions, consent, routing and audit at the hub.

use super::Area;

pub const AREA: Area =
    Area { name: "hub", what: "questions, consent, routing and audit at the hub", measure: None };
