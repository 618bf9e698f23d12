//! Imaging: what is unread and for how long, studies by modality, and how long the way to a report takes (IHE RAD SWF.b, its steps).

use crate::told;
use badiano_kernel::{Fault, Instant};
use badiano_record::Session;
use badiano_record::worklist::{AGES_HOURS, Course, Tally};
use serde::Serialize;
use std::collections::BTreeMap;

/// The newest cases that ended, of which times are taken.
pub const COURSES_MAX: usize = 2_000;
/// The list of what is to be read.
const READING: &str = "reading";
/// The parts of the way that are timed, from the first time in one state to the first time in another after it.
const PARTS: [(&str, &str); 4] =
    [("placed", "performed"), ("placed", "to-read"), ("to-read", "claimed"), ("to-read", "final")];

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Indicators {
    pub modalities: Vec<Modality>,
    pub times: Vec<Time>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Modality {
    /// DICOM (0008,0060); empty where an order names none.
    pub code: String,
    /// On the reading list, by the classes of [`AGES_HOURS`].
    pub unread: [Option<u64>; AGES_HOURS.len() + 1],
    /// Longer there than its clock allows.
    pub overdue: Option<u64>,
    /// Of the newest [`COURSES_MAX`] that ended.
    pub ended: Option<u64>,
}

/// How long a part of the way took; nothing where few have gone it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Time {
    pub from: &'static str,
    pub to: &'static str,
    pub cases: Option<u64>,
    pub median_minutes: Option<i64>,
    /// Nine of ten were not longer.
    pub ninetieth_minutes: Option<i64>,
}

/// Of all cases that who asks may see.
pub fn indicators(session: &Session) -> Result<Indicators, Fault> {
    let tallies = session.tally_cases(&[READING])?;
    Ok(count(&tallies, &session.courses(COURSES_MAX)?))
}

fn count(tallies: &BTreeMap<Tally, u64>, courses: &[Course]) -> Indicators {
    #[derive(Default)]
    struct Sums {
        unread: [u64; AGES_HOURS.len() + 1],
        overdue: u64,
        ended: u64,
    }
    let mut sums: BTreeMap<&str, Sums> = BTreeMap::new();
    for (tally, cases) in tallies {
        let sum = sums.entry(&tally.modality).or_default();
        sum.unread[tally.age] += cases;
        sum.overdue += if tally.overdue { *cases } else { 0 };
    }
    for course in courses {
        sums.entry(&course.modality).or_default().ended += 1;
    }
    let modalities = sums.into_iter().map(|(code, sum)| Modality {
        code: code.to_owned(),
        unread: sum.unread.map(told),
        overdue: told(sum.overdue),
        ended: told(sum.ended),
    });
    Indicators { modalities: modalities.collect(), times: PARTS.map(|part| time(part, courses)).to_vec() }
}

fn time((from, to): (&'static str, &'static str), courses: &[Course]) -> Time {
    let mut minutes: Vec<i64> = courses.iter().filter_map(|c| minutes_between(c, from, to)).collect();
    minutes.sort_unstable();
    let cases = told(minutes.len() as u64);
    let rank = |part: usize| minutes.get((minutes.len() * part).div_ceil(100).saturating_sub(1)).copied();
    let shown = |part| cases.and_then(|_| rank(part));
    Time { from, to, cases, median_minutes: shown(50), ninetieth_minutes: shown(90) }
}

fn minutes_between(course: &Course, from: &str, to: &str) -> Option<i64> {
    let begun = course.marks.iter().position(|(state, _)| state == from)?;
    let ended = course.marks[begun..].iter().find(|(state, _)| state == to)?;
    let at = |instant: Instant| instant.micros / 60_000_000;
    Some(at(ended.1) - at(course.marks[begun].1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(minutes_to_read: i64, minutes_to_sign: i64) -> Course {
        let at = |minutes: i64| Instant { micros: minutes * 60_000_000 };
        let marks = vec![
            ("placed".to_owned(), at(0)),
            ("to-read".to_owned(), at(minutes_to_read)),
            ("claimed".to_owned(), at(minutes_to_read)),
            ("final".to_owned(), at(minutes_to_read + minutes_to_sign)),
        ];
        Course { modality: "CT".to_owned(), marks }
    }

    #[test]
    fn the_way_to_a_report_is_timed_by_its_parts() {
        let courses: Vec<Course> = (1..=10).map(|n| course(30, n * 10)).collect();
        let told = count(&BTreeMap::new(), &courses);
        let of = |from, to| told.times.iter().find(|t| (t.from, t.to) == (from, to)).expect("a part");
        assert_eq!(of("placed", "to-read").median_minutes, Some(30));
        let reading = of("to-read", "final");
        assert_eq!((reading.cases, reading.median_minutes), (Some(10), Some(50)));
        assert_eq!(reading.ninetieth_minutes, Some(90));
        assert_eq!(of("placed", "performed").cases, Some(0));
        assert_eq!(told.modalities[0].ended, Some(10));
    }

    #[test]
    fn what_few_have_gone_through_has_no_times_and_no_count() {
        let courses: Vec<Course> = (1..=4).map(|n| course(30, n)).collect();
        let tally = |age, overdue| Tally {
            list: READING.to_owned(),
            state: "to-read".to_owned(),
            modality: "MG".to_owned(),
            topic: String::new(),
            age,
            overdue,
        };
        let tallies = BTreeMap::from([(tally(0, false), 7), (tally(5, true), 3)]);
        let found = count(&tallies, &courses);
        let [ct, mg] = &found.modalities[..] else { panic!("two modalities: {found:?}") };
        assert_eq!((ct.code.as_str(), ct.ended, ct.overdue), ("CT", None, Some(0)));
        assert_eq!((mg.unread[0], mg.unread[5], mg.overdue), (Some(7), None, None));
        assert!(found.times.iter().all(|t| t.median_minutes.is_none() && t.ninetieth_minutes.is_none()));
    }
}
