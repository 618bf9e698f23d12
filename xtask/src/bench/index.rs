//! Area `index` of the bench: persons linked and matched at the hub.

use super::Area;

pub const AREA: Area = Area { name: "index", what: "persons linked and matched at the hub", measure: None };
