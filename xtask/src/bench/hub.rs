//! Area `hub` of the bench: questions, consent, routing and audit at the hub. The fan-out is not measured yet.

use super::Area;
use super::frame::example;

pub const AREA: Area = Area {
    name: "hub",
    what: "consent and audit at the hub",
    measure: Some(|report| example::measure(report, "badiano-record", "measure_hub")),
};
