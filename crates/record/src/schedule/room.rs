//! When a room is open and which times in it are free: pure, in minutes of the local day (FHIR R4 Schedule, Slot).

use badiano_kernel::Fault;
use badiano_kernel::time::Span;
use serde::{Deserialize, Serialize};

/// Starts are offered on this grid.
pub const GRID_MINUTES: u32 = 5;
/// Longest examination.
pub const MINUTES_MAX: u32 = 12 * 60;
/// Opening hours and closures of one room.
const RULES_MAX: usize = 200;
const DAY_MINUTES: u32 = 24 * 60;
const TEXT_BYTES_MAX: usize = 200;

/// A room with its device, and when it is open.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Room {
    /// Letters, digits and hyphens, at most 16.
    pub code: String,
    pub name: String,
    /// DICOM modality of its device.
    pub modality: String,
    /// AE title of the device, for whose worklist it is; empty where any may take the step.
    #[serde(default)]
    pub station_ae: String,
    /// Minutes between two patients.
    #[serde(default)]
    pub changeover: u32,
    pub opens: Vec<Opening>,
    #[serde(default)]
    pub closed: Vec<Closure>,
}

/// Hours on some days of the week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// 1 is Monday, 7 is Sunday.
    pub days: Vec<u8>,
    /// `HH:MM`, local; `to` may be `24:00`.
    pub from: String,
    pub to: String,
    /// Who is on duty then; without anybody named, whoever is there.
    #[serde(default)]
    pub staff: Vec<String>,
}

/// A time out of use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closure {
    /// `YYYY-MM-DDTHH:MM`, local.
    pub from: String,
    pub to: String,
    #[serde(default)]
    pub why: String,
}

/// Minutes of a day, the end not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stretch {
    pub from: u32,
    pub to: u32,
}

impl Stretch {
    pub fn meets(self, other: Stretch) -> bool {
        self.from < other.to && other.from < self.to
    }
}

/// `HH:MM` as minutes; `24:00` is the end of the day.
pub fn minute_of(clock: &str) -> Option<u32> {
    let (hours, minutes) = clock.split_once(':')?;
    let number = |t: &str| (t.len() == 2).then(|| t.parse::<u32>().ok()).flatten();
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (minutes < 60 && hours * 60 + minutes <= DAY_MINUTES).then_some(hours * 60 + minutes)
}

/// The day of the week of a civil day, 1 for Monday; none for what is no day.
pub fn weekday(day: &str) -> Option<u8> {
    if day.len() != 10 {
        return None;
    }
    let days = Span::parse_fhir(day, "UTC")?.from.seconds().div_euclid(86_400);
    // 1970-01-01 was a Thursday.
    u8::try_from((days + 3).rem_euclid(7) + 1).ok()
}

fn is_moment(text: &str) -> bool {
    let day = text.get(..10).and_then(weekday);
    let clock = text.get(11..).and_then(minute_of);
    text.as_bytes().get(10) == Some(&b'T') && day.is_some() && clock.is_some()
}

impl Room {
    /// Refuses what could not be kept to.
    pub fn check(&self) -> Result<(), Fault> {
        let is_code = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if self.code.is_empty() || self.code.len() > 16 || !self.code.chars().all(is_code) {
            return Err(Fault::invalid("1 to 16 letters, digits and hyphens").at("code"));
        }
        if self.name.is_empty() || self.name.len() > TEXT_BYTES_MAX {
            return Err(Fault::invalid("a room has a name, of at most 200 bytes").at("name"));
        }
        if self.modality.is_empty() || self.modality.len() > 16 || self.station_ae.len() > 16 {
            return Err(
                Fault::invalid("a modality and an AE title have at most 16 characters").at("modality")
            );
        }
        if self.opens.len() + self.closed.len() > RULES_MAX || self.changeover > MINUTES_MAX {
            return Err(Fault::too_costly("at most 200 rules a room").at("opens"));
        }
        for opening in &self.opens {
            opening.stretch().ok_or_else(|| Fault::invalid("hours are HH:MM, from before to").at("opens"))?;
            if opening.days.is_empty() || !opening.days.iter().all(|d| (1..=7).contains(d)) {
                return Err(Fault::invalid("days are 1 (Monday) to 7 (Sunday)").at("opens"));
            }
            if opening.staff.len() > 20 || opening.staff.iter().any(|s| s.len() > TEXT_BYTES_MAX) {
                return Err(Fault::too_costly("at most 20 people on duty").at("opens"));
            }
        }
        let good = |c: &Closure| {
            is_moment(&c.from) && is_moment(&c.to) && c.from < c.to && c.why.len() <= TEXT_BYTES_MAX
        };
        if !self.closed.iter().all(good) {
            return Err(Fault::invalid("closures are YYYY-MM-DDTHH:MM, from before to").at("closed"));
        }
        Ok(())
    }

    /// When it is open on a day, closures taken out, in order and without touching stretches.
    pub fn open_on(&self, day: &str) -> Vec<Stretch> {
        let Some(weekday) = weekday(day) else { return Vec::new() };
        let of_day = self.opens.iter().filter(|o| o.days.contains(&weekday));
        let mut open: Vec<Stretch> = of_day.filter_map(Opening::stretch).collect();
        open.sort_unstable();
        let mut joined: Vec<Stretch> = Vec::new();
        for next in open {
            match joined.last_mut() {
                Some(last) if next.from <= last.to => last.to = last.to.max(next.to),
                _ => joined.push(next),
            }
        }
        let shut: Vec<Stretch> = self.closed.iter().filter_map(|c| c.on(day)).collect();
        without(joined, &shut)
    }

    /// Who is on duty at a minute of a day.
    pub fn on_duty(&self, day: &str, minute: u32) -> Vec<&str> {
        let Some(weekday) = weekday(day) else { return Vec::new() };
        let now = |o: &&Opening| {
            o.days.contains(&weekday) && o.stretch().is_some_and(|s| s.from <= minute && minute < s.to)
        };
        self.opens.iter().filter(now).flat_map(|o| o.staff.iter().map(String::as_str)).collect()
    }

    /// Free time of a day beside what is taken, with the changeover around each.
    pub fn free_on(&self, day: &str, taken: &[Stretch]) -> Vec<Stretch> {
        let gap = self.changeover;
        let around = |s: &Stretch| Stretch { from: s.from.saturating_sub(gap), to: s.to + gap };
        let taken: Vec<Stretch> = taken.iter().map(around).collect();
        without(self.open_on(day), &taken)
    }
}

impl Opening {
    fn stretch(&self) -> Option<Stretch> {
        let (from, to) = (minute_of(&self.from)?, minute_of(&self.to)?);
        (from < to).then_some(Stretch { from, to })
    }
}

impl Closure {
    fn on(&self, day: &str) -> Option<Stretch> {
        let (first, last) = (self.from.get(..10)?, self.to.get(..10)?);
        if day < first || day > last {
            return None;
        }
        let from = if day == first { minute_of(self.from.get(11..)?)? } else { 0 };
        let to = if day == last { minute_of(self.to.get(11..)?)? } else { DAY_MINUTES };
        Some(Stretch { from, to })
    }
}

fn without(mut open: Vec<Stretch>, shut: &[Stretch]) -> Vec<Stretch> {
    for cut in shut {
        let parts = open.iter().flat_map(|s| {
            let before = Stretch { from: s.from, to: s.to.min(cut.from) };
            let after = Stretch { from: s.from.max(cut.to), to: s.to };
            [before, after].into_iter().filter(|p| p.from < p.to)
        });
        open = parts.collect();
    }
    open
}

/// Starts within free time for an examination of so many minutes, none before `from`, one behind the other.
pub fn starts(free: &[Stretch], minutes: u32, from: u32) -> Vec<u32> {
    let minutes = minutes.max(1);
    let mut all = Vec::new();
    for stretch in free {
        let mut start = stretch.from.max(from).next_multiple_of(GRID_MINUTES);
        while start + minutes <= stretch.to {
            all.push(start);
            start = (start + minutes).next_multiple_of(GRID_MINUTES);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use badiano_testkit::rng::Rng;

    fn room() -> Room {
        let opening = |from: &str, to: &str| Opening {
            days: vec![1, 2],
            from: from.into(),
            to: to.into(),
            staff: vec![],
        };
        Room {
            code: "TC-1".into(),
            name: "Tomógrafo 1".into(),
            modality: "CT".into(),
            opens: vec![opening("08:00", "12:00"), opening("11:00", "14:00")],
            closed: vec![Closure {
                from: "2026-11-24T10:00".into(),
                to: "2026-11-24T10:30".into(),
                why: String::new(),
            }],
            ..Room::default()
        }
    }

    fn stretch(from: u32, to: u32) -> Stretch {
        Stretch { from, to }
    }

    #[test]
    fn a_room_is_open_as_its_week_says_without_its_closures() {
        let room = room();
        room.check().expect("a good room");
        assert_eq!(room.open_on("2026-11-23"), [stretch(480, 840)], "a Monday, hours joined");
        assert_eq!(
            room.open_on("2026-11-24"),
            [stretch(480, 600), stretch(630, 840)],
            "a Tuesday with a closure"
        );
        assert_eq!(room.open_on("2026-11-25"), [], "a Wednesday");
        assert_eq!(room.open_on("2026-02-30"), [], "no day at all");
    }

    #[test]
    fn what_could_not_be_kept_to_is_refused_by_its_field() {
        let refused = |change: &dyn Fn(&mut Room)| {
            let mut room = room();
            change(&mut room);
            room.check().expect_err("refused").place
        };
        assert_eq!(refused(&|r| r.code = "TC 1".into()), "code");
        assert_eq!(refused(&|r| r.opens[0].to = "07:00".into()), "opens");
        assert_eq!(refused(&|r| r.opens[0].days = vec![0]), "opens");
        assert_eq!(refused(&|r| r.closed[0].to = "2026-13-01T00:00".into()), "closed");
    }

    #[test]
    fn a_start_that_is_offered_meets_nothing_that_is_taken_and_is_within_hours() {
        const SEED: u64 = 1552;
        let mut offered = 0;
        for case in 0..200 {
            let mut rng = Rng::of(SEED, "slots", case);
            let mut draw = |limit: u64| u32::try_from(rng.below(limit)).expect("small");
            let room = Room { changeover: draw(15), ..room() };
            let taken: Vec<Stretch> = (0..draw(12)).map(|_| draw(1400)).map(|f| stretch(f, f + 20)).collect();
            let (minutes, from) = (5 + draw(90), draw(900));
            for start in starts(&room.free_on("2026-11-24", &taken), minutes, from) {
                let (own, place) = (stretch(start, start + minutes), format!("seed {SEED}, case {case}"));
                assert!(start >= from, "{place}: not before it is asked for");
                assert!(taken.iter().all(|t| !t.meets(own)), "{place}: {own:?} meets what is taken");
                let inside = |o: &Stretch| o.from <= own.from && own.to <= o.to;
                assert!(room.open_on("2026-11-24").iter().any(inside), "{place}: {own:?} outside the hours");
                offered += 1;
            }
        }
        println!("seed {SEED}: 200 cases, {offered} starts");
        assert!(offered > 500, "the cases are not empty: {offered}");
    }
}
