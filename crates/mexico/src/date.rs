//! A full date of the Gregorian calendar, as identifiers and certificates hold it (ISO 8601, `YYYY-MM-DD`).

use std::fmt;

/// A day between 1800-01-01 and 2199-12-31 that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// Nobody who is in a record was born before, and no plan reaches beyond.
const YEARS: std::ops::RangeInclusive<u16> = 1800..=2199;

impl Date {
    /// `None` for a day that does not exist, such as 29 February 1900.
    pub const fn new(year: u16, month: u8, day: u8) -> Option<Date> {
        if year < *YEARS.start() || year > *YEARS.end() || day == 0 || day > days_in_month(year, month) {
            return None;
        }
        Some(Date { year, month, day })
    }

    /// `YYYY-MM-DD` or `YYYYMMDD`.
    pub fn parse(text: &str) -> Option<Date> {
        let compact = match text.len() {
            8 => text.to_owned(),
            10 if text.is_char_boundary(8) && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-' => {
                text.replace('-', "")
            }
            _ => return None,
        };
        if compact.len() != 8 || !compact.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Date::new(compact[..4].parse().ok()?, compact[4..6].parse().ok()?, compact[6..].parse().ok()?)
    }

    pub const fn year(self) -> u16 {
        self.year
    }
    pub const fn month(self) -> u8 {
        self.month
    }
    pub const fn day(self) -> u8 {
        self.day
    }

    /// `YYYYMMDD`, as DICOM DA and HL7 DT.
    pub fn to_compact(self) -> String {
        format!("{:04}{:02}{:02}", self.year, self.month, self.day)
    }

    /// The next day; `None` at the end of the range.
    pub const fn tomorrow(self) -> Option<Date> {
        if self.day < days_in_month(self.year, self.month) {
            Date::new(self.year, self.month, self.day + 1)
        } else if self.month < 12 {
            Date::new(self.year, self.month + 1, 1)
        } else {
            Date::new(self.year + 1, 1, 1)
        }
    }

    /// Completed years between this day and `today`; 0 when `today` is earlier. A 29 February counts from 1 March.
    pub fn age_on(self, today: Date) -> u16 {
        let not_yet = (today.month, today.day) < (self.month, self.day);
        today.year.saturating_sub(self.year).saturating_sub(u16::from(not_yet))
    }
}

/// 0 for a month that does not exist.
pub const fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 0,
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leap_days_exist_only_where_the_calendar_has_them() {
        assert!(Date::parse("2000-02-29").is_some());
        assert!(Date::parse("1900-02-29").is_none());
        assert!(Date::parse("20240229").is_some());
        for bad in ["2024-2-29", "2024-13-01", "2024-04-31", "", "2024/04/30", "20240a01", "ñ024-01-0"] {
            assert!(Date::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_is_followed_by_the_next() {
        let mut day = Date::new(1800, 1, 1).expect("the first day");
        let mut count = 1;
        while let Some(next) = day.tomorrow() {
            assert!(next > day, "{next} after {day}");
            assert_eq!(Date::parse(&next.to_string()), Some(next));
            assert_eq!(Date::parse(&next.to_compact()), Some(next));
            day = next;
            count += 1;
        }
        assert_eq!(count, 146_097, "400 years of the Gregorian calendar");
    }

    #[test]
    fn a_birthday_that_is_not_yet_reached_does_not_count() {
        let born = Date::new(1980, 6, 15).expect("a day");
        assert_eq!(born.age_on(Date::new(2026, 6, 14).expect("a day")), 45);
        assert_eq!(born.age_on(Date::new(2026, 6, 15).expect("a day")), 46);
        assert_eq!(born.age_on(Date::new(1970, 1, 1).expect("a day")), 0);
    }
}
