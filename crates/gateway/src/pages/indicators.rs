//! Indicators for staff (`Indicators` of `web/src/api.ts`): counts and times of nobody.

use super::form::{Refused, clinical};
use crate::caller::Caller;
use axum::response::Response;
use badiano_analytics::imaging::{self, Indicators};
use badiano_record::worklist::AGES_HOURS;
use serde::Serialize;

#[derive(Serialize)]
struct Shown {
    /// Bounds of the classes of age, in hours; one class more than bounds.
    ages_hours: [i64; AGES_HOURS.len()],
    count_min: u64,
    #[serde(flatten)]
    indicators: Indicators,
}

/// What is unread and for how long, and how long the way to a report takes.
pub async fn imaging(caller: Caller) -> Result<Response, Refused> {
    let indicators = imaging::indicators(&caller.session())?;
    clinical(&Shown { ages_hours: AGES_HOURS, count_min: badiano_analytics::COUNT_MIN, indicators })
}
