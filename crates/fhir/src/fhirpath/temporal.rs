//! Dates, times and both, of partial precision (FHIRPath N1, literals: Date, DateTime, Time; date/time arithmetic).

use std::cmp::Ordering;
use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemporalKind {
    Date,
    DateTime,
    Time,
}

/// The finest part that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
}

/// A calendar unit of date arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalendarUnit {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
}

impl CalendarUnit {
    /// `year`, `years`, ...: the words of the grammar.
    pub fn of(word: &str) -> Option<Self> {
        Some(match word {
            "year" | "years" => Self::Year,
            "month" | "months" => Self::Month,
            "week" | "weeks" => Self::Week,
            "day" | "days" => Self::Day,
            "hour" | "hours" => Self::Hour,
            "minute" | "minutes" => Self::Minute,
            "second" | "seconds" => Self::Second,
            "millisecond" | "milliseconds" => Self::Millisecond,
            _ => return None,
        })
    }
    pub fn word(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Week => "week",
            Self::Day => "day",
            Self::Hour => "hour",
            Self::Minute => "minute",
            Self::Second => "second",
            Self::Millisecond => "millisecond",
        }
    }
    /// The UCUM code of the same length; years and months have none that is.
    pub fn ucum(self) -> Option<&'static str> {
        Some(match self {
            Self::Year | Self::Month => return None,
            Self::Week => "wk",
            Self::Day => "d",
            Self::Hour => "h",
            Self::Minute => "min",
            Self::Second => "s",
            Self::Millisecond => "ms",
        })
    }
}

/// A point in the calendar as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Temporal {
    pub kind: TemporalKind,
    pub precision: Precision,
    year: i32,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    milli: u16,
    /// Minutes east of UTC, where written.
    offset: Option<i16>,
}

fn two(b: &[u8], at: usize) -> Option<u8> {
    match b.get(at..at + 2)? {
        [x @ b'0'..=b'9', y @ b'0'..=b'9'] => Some((x - b'0') * 10 + (y - b'0')),
        _ => None,
    }
}

fn month_days(year: i32, month: u8) -> u8 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a proleptic Gregorian date (the year begins in March inside).
fn days_of(year: i32, month: u8, day: u8) -> i64 {
    let y = i64::from(year) - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let of_era = y.rem_euclid(400);
    let of_year = (153 * ((i64::from(month) + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn date_of(days: i64) -> (i64, u8, u8) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let m = (5 * of_year + 2) / 153;
    let day = u8::try_from(of_year - (153 * m + 2) / 5 + 1).unwrap_or(1);
    let month = u8::try_from(if m < 10 { m + 3 } else { m - 9 }).unwrap_or(1);
    (year + era * 400 + i64::from(month <= 2), month, day)
}

impl Temporal {
    const EMPTY: Temporal = Temporal {
        kind: TemporalKind::Date,
        precision: Precision::Year,
        year: 1,
        month: 1,
        day: 1,
        hour: 0,
        minute: 0,
        second: 0,
        milli: 0,
        offset: None,
    };

    /// What stands after `@`: `2014-01`, `2014T`, `2014-01-01T08:00Z`, `T08:00`.
    pub fn literal(text: &str) -> Option<Self> {
        match text.split_once('T') {
            None => Self::date(text),
            Some(("", clock)) => Self::time(clock),
            Some(_) => Self::date_time(text),
        }
    }

    pub fn date(text: &str) -> Option<Self> {
        let b = text.as_bytes();
        let mut t = Temporal::EMPTY;
        t.year = i32::from(two(b, 0)?) * 100 + i32::from(two(b, 2)?);
        if t.year == 0 {
            return None;
        }
        if b.len() >= 7 {
            t.month = two(b, 5).filter(|m| b[4] == b'-' && (1..=12).contains(m))?;
            t.precision = Precision::Month;
        }
        if b.len() >= 10 {
            t.day = two(b, 8).filter(|d| b[7] == b'-' && (1..=month_days(t.year, t.month)).contains(d))?;
            t.precision = Precision::Day;
        }
        matches!(b.len(), 4 | 7 | 10).then_some(t)
    }

    /// A date, or a date and time with or without an offset; `T` may end a date.
    pub fn date_time(text: &str) -> Option<Self> {
        let (date, clock) = text.split_once('T').unwrap_or((text, ""));
        let mut t = Self::date(date)?;
        t.kind = TemporalKind::DateTime;
        if clock.is_empty() {
            return Some(t);
        }
        if t.precision != Precision::Day {
            return None;
        }
        let zone_at = clock.find(['Z', '+', '-']).unwrap_or(clock.len());
        let (clock, zone) = clock.split_at(zone_at);
        t.read_clock(clock)?;
        t.offset = match zone.as_bytes() {
            [] => None,
            b"Z" => Some(0),
            z => {
                let minutes = two(z, 4).filter(|m| z.len() == 6 && z[3] == b':' && *m < 60)?;
                let minutes = i16::from(two(z, 1).filter(|h| *h <= 14)?) * 60 + i16::from(minutes);
                Some(if z[0] == b'-' { -minutes } else { minutes })
            }
        };
        Some(t)
    }

    pub fn time(text: &str) -> Option<Self> {
        let mut t = Temporal { kind: TemporalKind::Time, ..Temporal::EMPTY };
        t.read_clock(text)?;
        Some(t)
    }

    fn read_clock(&mut self, text: &str) -> Option<()> {
        let b = text.as_bytes();
        self.hour = two(b, 0).filter(|h| *h < 24)?;
        self.precision = Precision::Hour;
        if b.len() > 2 {
            self.minute = two(b, 3).filter(|m| b[2] == b':' && *m < 60)?;
            self.precision = Precision::Minute;
        }
        if b.len() > 5 {
            // A leap second counts as the last second of its minute.
            self.second = two(b, 6).filter(|s| b[5] == b':' && *s <= 60)?.min(59);
            self.precision = Precision::Second;
        }
        if b.len() > 8 {
            let digits = text.get(9..).filter(|d| b[8] == b'.' && d.bytes().all(|c| c.is_ascii_digit()))?;
            let milli = digits.bytes().chain(*b"000").take(3).fold(0, |n, d| n * 10 + u16::from(d - b'0'));
            self.milli = milli;
            self.precision = Precision::Millisecond;
            return (!digits.is_empty()).then_some(());
        }
        matches!(b.len(), 2 | 5 | 8).then_some(())
    }

    /// From microseconds since 1970, shown at an offset in minutes.
    pub fn from_micros(micros: i64, offset: i16) -> Self {
        let micros = micros + i64::from(offset) * 60_000_000;
        let t = Temporal {
            kind: TemporalKind::DateTime,
            precision: Precision::Millisecond,
            offset: Some(offset),
            ..Temporal::EMPTY
        };
        t.at_millis(micros.div_euclid(1000)).unwrap_or(t)
    }

    #[must_use]
    pub fn as_date(mut self) -> Self {
        self.kind = TemporalKind::Date;
        self.precision = self.precision.min(Precision::Day);
        (self.hour, self.minute, self.second, self.milli, self.offset) = (0, 0, 0, 0, None);
        self
    }
    #[must_use]
    pub fn as_date_time(mut self) -> Self {
        self.kind = TemporalKind::DateTime;
        self
    }
    #[must_use]
    pub fn as_time(self) -> Self {
        Temporal {
            kind: TemporalKind::Time,
            precision: self.precision.max(Precision::Hour),
            hour: self.hour,
            minute: self.minute,
            second: self.second,
            milli: self.milli,
            ..Temporal::EMPTY
        }
    }

    fn millis(&self) -> i64 {
        let clock = (i64::from(self.hour) * 60 + i64::from(self.minute)) * 60 + i64::from(self.second);
        days_of(self.year, self.month, self.day) * 86_400_000 + clock * 1000 + i64::from(self.milli)
    }

    /// The same kind, precision and offset at another local time.
    fn at_millis(&self, millis: i64) -> Option<Self> {
        let (days, clock) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
        let (year, month, day) = date_of(days);
        let part = |of: i64| u8::try_from(of).unwrap_or(0);
        let year = i32::try_from(year).ok().filter(|y| (1..=9999).contains(y))?;
        Some(Temporal {
            year,
            month,
            day,
            hour: part(clock / 3_600_000),
            minute: part(clock / 60_000 % 60),
            second: part(clock / 1000 % 60),
            milli: u16::try_from(clock % 1000).unwrap_or(0),
            ..*self
        })
    }

    fn at_utc(&self, offset: i16) -> Option<Self> {
        if self.precision < Precision::Hour {
            return Some(*self);
        }
        self.at_millis(self.millis() - i64::from(offset) * 60_000)
    }

    /// The order, or nothing where the precision or a missing offset leaves it open. For the same sort of thing only:
    /// see [`Temporal::is_comparable`].
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self.offset, other.offset) {
            (Some(a), Some(b)) => self.at_utc(a)?.by_parts(&other.at_utc(b)?),
            (None, None) => self.by_parts(other),
            // An unknown offset may be anything from -12 to +14 hours.
            (Some(a), None) => {
                let known = self.at_utc(a)?;
                same(known.by_parts(&other.at_utc(-720)?), known.by_parts(&other.at_utc(840)?))
            }
            (None, Some(_)) => other.compare(self).map(Ordering::reverse),
        }
    }

    pub fn is_comparable(&self, other: &Self) -> bool {
        (self.kind == TemporalKind::Time) == (other.kind == TemporalKind::Time)
    }

    fn by_parts(&self, other: &Self) -> Option<Ordering> {
        let parts = |t: &Temporal| {
            [
                t.year,
                i32::from(t.month),
                i32::from(t.day),
                i32::from(t.hour),
                i32::from(t.minute),
                i32::from(t.second) * 1000 + i32::from(t.milli),
            ]
        };
        // Seconds and milliseconds are one precision.
        let level = |t: &Temporal| t.precision.min(Precision::Second) as usize;
        let shared = level(self).min(level(other));
        match parts(self)[..=shared].cmp(&parts(other)[..=shared]) {
            Ordering::Equal if level(self) != level(other) => None,
            order => Some(order),
        }
    }

    /// Equivalence: like equality, and a difference of precision is a difference.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        self.is_comparable(other) && self.compare(other) == Some(Ordering::Equal)
    }

    /// `count` units later (earlier when negative); nothing outside the years 1 to 9999 or for a date part added to a time.
    pub fn plus(&self, count: i64, unit: CalendarUnit) -> Option<Self> {
        use CalendarUnit as U;
        if self.kind == TemporalKind::Time {
            let millis = match unit {
                U::Hour => 3_600_000,
                U::Minute => 60_000,
                U::Second => 1000,
                U::Millisecond => 1,
                _ => return None,
            };
            let moved = self.at_millis(
                days_of(2000, 1, 1) * 86_400_000
                    + self.millis().rem_euclid(86_400_000)
                    + count.checked_mul(millis)?.rem_euclid(86_400_000),
            )?;
            return Some(Temporal { year: 1, month: 1, day: 1, ..moved });
        }
        let months = |count: i64| self.plus_months(count);
        match (self.precision, unit) {
            (_, U::Year) => months(count.checked_mul(12)?),
            (Precision::Year, U::Month) => months(count / 12 * 12),
            (_, U::Month) => months(count),
            (Precision::Year, _) => months(whole_days(count, unit)? / 365 * 12),
            (Precision::Month, _) => months(whole_days(count, unit)? / 30),
            (Precision::Day, _) => {
                self.at_millis(self.millis().checked_add(whole_days(count, unit)?.checked_mul(86_400_000)?)?)
            }
            _ => self.at_millis(self.millis().checked_add(count.checked_mul(millis_of(unit)?)?)?),
        }
    }

    fn plus_months(&self, count: i64) -> Option<Self> {
        let months = (i64::from(self.year) * 12 + i64::from(self.month) - 1).checked_add(count)?;
        let year = i32::try_from(months.div_euclid(12)).ok().filter(|y| (1..=9999).contains(y))?;
        let month = u8::try_from(months.rem_euclid(12)).ok()? + 1;
        Some(Temporal { year, month, day: self.day.min(month_days(year, month)), ..*self })
    }

    /// The digits that are written: 4 for a year, 17 for milliseconds; 2 to 9 for a time.
    pub fn digits(&self) -> i64 {
        let all = match self.precision {
            Precision::Year => 4,
            Precision::Month => 6,
            Precision::Day => 8,
            Precision::Hour => 10,
            Precision::Minute => 12,
            Precision::Second => 14,
            Precision::Millisecond => 17,
        };
        if self.kind == TemporalKind::Time { all - 8 } else { all }
    }

    /// The earliest (or latest) that it may stand for, with so many digits; nothing for digits that no precision has.
    pub fn boundary(&self, high: bool, digits: Option<i64>) -> Option<Self> {
        let is_time = self.kind == TemporalKind::Time;
        let digits = digits.map(|d| if is_time { d + 8 } else { d });
        let precision = match digits {
            None if self.kind == TemporalKind::Date => Precision::Day,
            None | Some(17) => Precision::Millisecond,
            Some(4) => Precision::Year,
            Some(6) => Precision::Month,
            Some(8) => Precision::Day,
            Some(10) => Precision::Hour,
            Some(12) => Precision::Minute,
            Some(14) => Precision::Second,
            Some(_) => return None,
        };
        if is_time && precision < Precision::Hour {
            return None;
        }
        let mut t = *self;
        if self.precision < Precision::Month {
            t.month = if high { 12 } else { 1 };
        }
        if self.precision < Precision::Day {
            t.day = if high { month_days(t.year, t.month) } else { 1 };
        }
        if high && !is_time && self.precision < Precision::Hour {
            t.hour = 23;
        }
        // FHIR has no time without minutes: an hour alone is read as its first minute.
        if high && self.precision < Precision::Minute && self.precision != Precision::Hour {
            t.minute = 59;
        }
        if high && self.precision < Precision::Second {
            t.second = 59;
        }
        if high && self.precision < Precision::Millisecond {
            t.milli = 999;
        }
        if precision > Precision::Day && !is_time {
            t.kind = TemporalKind::DateTime;
            t.offset = t.offset.or(Some(if high { -720 } else { 840 }));
        }
        t.precision = precision;
        if precision <= Precision::Day {
            t.offset = None;
        }
        Some(t)
    }
}

fn same(a: Option<Ordering>, b: Option<Ordering>) -> Option<Ordering> {
    if a == b { a } else { None }
}

fn millis_of(unit: CalendarUnit) -> Option<i64> {
    Some(match unit {
        CalendarUnit::Week => 7 * 86_400_000,
        CalendarUnit::Day => 86_400_000,
        CalendarUnit::Hour => 3_600_000,
        CalendarUnit::Minute => 60_000,
        CalendarUnit::Second => 1000,
        CalendarUnit::Millisecond => 1,
        CalendarUnit::Year | CalendarUnit::Month => return None,
    })
}

fn whole_days(count: i64, unit: CalendarUnit) -> Option<i64> {
    Some(count.checked_mul(millis_of(unit)?)? / 86_400_000)
}

impl fmt::Display for Temporal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != TemporalKind::Time {
            write!(f, "{:04}", self.year)?;
            if self.precision >= Precision::Month {
                write!(f, "-{:02}", self.month)?;
            }
            if self.precision >= Precision::Day {
                write!(f, "-{:02}", self.day)?;
            }
            if self.precision >= Precision::Hour {
                f.write_str("T")?;
            }
        }
        if self.precision >= Precision::Hour {
            write!(f, "{:02}", self.hour)?;
        }
        if self.precision >= Precision::Minute {
            write!(f, ":{:02}", self.minute)?;
        }
        if self.precision >= Precision::Second {
            write!(f, ":{:02}", self.second)?;
        }
        if self.precision >= Precision::Millisecond {
            write!(f, ".{:03}", self.milli)?;
        }
        match self.offset {
            Some(0) => f.write_str("Z"),
            Some(m) => {
                let sign = if m < 0 { '-' } else { '+' };
                write!(f, "{sign}{:02}:{:02}", m.abs() / 60, m.abs() % 60)
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_agree_over_eight_centuries() {
        let mut expected = (1600_i64, 1_u8, 1_u8);
        for days in days_of(1600, 1, 1)..days_of(2400, 1, 1) {
            assert_eq!(date_of(days), expected, "day {days}");
            let year = i32::try_from(expected.0).expect("small");
            expected.2 += 1;
            if expected.2 > month_days(year, expected.1) {
                expected = (expected.0, expected.1 + 1, 1);
            }
            if expected.1 > 12 {
                expected = (expected.0 + 1, 1, 1);
            }
        }
    }

    #[test]
    fn impossible_texts_are_refused() {
        for bad in
            ["", "T", "2014-13", "2014-02-30", "2014-1", "2014T08", "T24", "T08:60", "T08:00:00.", "20145"]
        {
            assert_eq!(Temporal::literal(bad), None, "{bad}");
        }
    }
}
