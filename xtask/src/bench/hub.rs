//! Area `hub` of the bench: questions to many institutions, consent, and audit at the hub.

use super::Area;
use super::frame::example;
use super::frame::report::Report;

pub const AREA: Area = Area {
    name: "hub",
    what: "fan-out to institutions, consent and audit at the hub",
    measure: Some(measure),
};

/// Consent and audit inside a node; then a hub that serves, with simulated institutions and who asks in processes of their own.
fn measure(report: &mut Report) -> Result<(), String> {
    example::measure(report, "badiano-record", "measure_hub")?;
    example::measure(report, "badiano-gateway", "measure_fan_out")
}
