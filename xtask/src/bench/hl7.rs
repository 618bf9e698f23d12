//! Area `hl7` of the bench: HL7 v2 messages parsed, taken in and answered.

use super::Area;
use super::frame::example;
use super::frame::report::Report;

pub const AREA: Area =
    Area { name: "hl7", what: "HL7 v2 messages parsed, taken in and answered", measure: Some(measure) };

fn measure(report: &mut Report) -> Result<(), String> {
    // `parse_mb_core_s`: on one core, without a node.
    example::measure(report, "badiano-hl7", "measure_hl7")?;
    // `durable_ack_s`: through the MLLP door of a node, each answer behind its commit.
    example::measure(report, "badiano-gateway", "measure_messages")?;
    // `assign_10k_ms`, and what a list and the counts of a ledger of 20,000 studies take.
    example::measure(report, "badiano-departments", "measure_departments")
}
