//! Area `index` of the bench: persons linked and matched at the hub.

use super::Area;
use super::frame::example;

pub const AREA: Area = Area {
    name: "index",
    what: "persons linked and matched at the hub",
    measure: Some(|report| example::measure(report, "badiano-record", "measure_index")),
};
