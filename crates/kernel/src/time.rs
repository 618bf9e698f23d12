//! Instants in UTC and dates of partial precision. Nothing here reads a clock: `now` is an argument (house, style).

use std::fmt;

/// A moment in UTC, in microseconds since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant {
    pub micros: i64,
}

impl Instant {
    pub const fn from_micros(micros: i64) -> Self {
        Instant { micros }
    }
    pub const fn from_seconds(seconds: i64) -> Self {
        Instant { micros: seconds * 1_000_000 }
    }
    /// The system clock. Only the rim (server, doors, jobs) calls it; everything below takes `now`.
    pub fn now() -> Self {
        Instant { micros: jiff::Timestamp::now().as_microsecond() }
    }
    pub const fn seconds(self) -> i64 {
        self.micros.div_euclid(1_000_000)
    }
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Instant { micros: self.micros + seconds * 1_000_000 }
    }
    /// RFC 3339 with milliseconds and `Z`, as a FHIR `instant`.
    pub fn to_rfc3339(self) -> String {
        let t = self.timestamp();
        format!("{t:.3}")
    }
    /// RFC 3339 text with an offset, as FHIR `instant` and `dateTime` with a time.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let offset_at = 11 + text.get(11..)?.find(['Z', '+', '-'])?;
        if !is_offset(text.get(offset_at..)?) {
            return None;
        }
        text.parse::<jiff::Timestamp>().ok().map(|t| Instant { micros: t.as_microsecond() })
    }
    /// Local civil time in an IANA zone, as `YYYYMMDDHHMMSS` (DICOM DA+TM, HL7 DTM).
    pub fn to_compact_in(self, zone: &str) -> String {
        let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
        self.timestamp().to_zoned(zone).strftime("%Y%m%d%H%M%S").to_string()
    }
    /// RFC 3339 with the offset of an IANA zone, to seconds.
    pub fn to_rfc3339_in(self, zone: &str) -> String {
        let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
        self.timestamp().to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }
    fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.micros).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

/// `Z` or `+hh:mm`: the only offsets of RFC 3339, section 5.6, and of FHIR. The library reads more, and cannot count the longest.
fn is_offset(text: &str) -> bool {
    match text.as_bytes() {
        [b'Z'] => true,
        [b'+' | b'-', hour @ .., b':', m1, m2] => {
            hour.len() == 2 && hour.iter().chain([m1, m2]).all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

/// A half-open span `[from, to)` that a date of partial precision stands for: `2024` is the whole year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from: Instant,
    pub to: Instant,
}

impl Span {
    /// A FHIR `date`, `dateTime` or `instant`. Without an offset, the text is read in `zone` (IANA name).
    pub fn parse_fhir(text: &str, zone: &str) -> Option<Span> {
        use jiff::civil::date;
        let zone = jiff::tz::TimeZone::get(zone).ok()?;
        let b = text.as_bytes();
        let digits = |r: std::ops::Range<usize>| -> Option<i16> {
            let s = text.get(r)?;
            if s.bytes().all(|c| c.is_ascii_digit()) { s.parse().ok() } else { None }
        };
        let at = |d: jiff::civil::Date| -> Option<Instant> {
            let z = d.to_zoned(zone.clone()).ok()?;
            Some(Instant { micros: z.timestamp().as_microsecond() })
        };
        let month_of = |y: i16, m: i16| jiff::civil::Date::new(y, i8::try_from(m).ok()?, 1).ok();
        match b.len() {
            4 => {
                let y = digits(0..4)?;
                Some(Span { from: at(date(y, 1, 1))?, to: at(jiff::civil::Date::new(y + 1, 1, 1).ok()?)? })
            }
            7 if b[4] == b'-' => {
                let (y, m) = (digits(0..4)?, digits(5..7)?);
                let first = month_of(y, m)?;
                let next = if m == 12 { month_of(y + 1, 1)? } else { month_of(y, m + 1)? };
                Some(Span { from: at(first)?, to: at(next)? })
            }
            10 if b[4] == b'-' && b[7] == b'-' => {
                let d: jiff::civil::Date = text.parse().ok()?;
                Some(Span { from: at(d)?, to: at(d.tomorrow().ok()?)? })
            }
            n if n > 10 && b[10] == b'T' => Self::parse_with_time(text, &zone),
            _ => None,
        }
    }

    fn parse_with_time(text: &str, zone: &jiff::tz::TimeZone) -> Option<Span> {
        let time = &text[11..];
        let offset_at = time.find(['Z', '+', '-']);
        let (clock, offset) = time.split_at(offset_at.unwrap_or(time.len()));
        if !offset.is_empty() && !is_offset(offset) {
            return None;
        }
        let from = if !offset.is_empty() {
            let full = if clock.len() == 5 {
                text.replacen(clock, &format!("{clock}:00"), 1)
            } else {
                text.to_owned()
            };
            full.parse::<jiff::Timestamp>().ok()?
        } else {
            let civil: jiff::civil::DateTime = text.parse().ok()?;
            civil.to_zoned(zone.clone()).ok()?.timestamp()
        };
        let from = Instant { micros: from.as_microsecond() };
        let width = match clock.len() {
            5 => 60_000_000,
            8 => 1_000_000,
            n if n > 9 => {
                10_i64.checked_pow(6_u32.saturating_sub(u32::try_from(n - 9).ok()?)).unwrap_or(1).max(1)
            }
            _ => return None,
        };
        Some(Span { from, to: Instant { micros: from.micros + width } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_stands_for_the_whole_year_in_its_own_zone() {
        let s = Span::parse_fhir("2024", "America/Mexico_City").expect("a year");
        assert_eq!(s.from.to_rfc3339(), "2024-01-01T06:00:00.000Z");
        assert_eq!(s.to.to_rfc3339(), "2025-01-01T06:00:00.000Z");
    }

    #[test]
    fn an_offset_that_is_none_of_rfc_3339_is_no_date() {
        for offset in ["-0606060606", "+06", "-06:0", "+06:00:00", "Z[UTC]", "--06:00", "z"] {
            let text = format!("2026-11-23T10:15:00{offset}");
            assert_eq!(Span::parse_fhir(&text, "UTC"), None, "{text}");
            assert_eq!(Instant::parse_rfc3339(&text), None, "{text}");
        }
        assert!(Instant::parse_rfc3339("2026-11-23T10:15:00.5-06:00").is_some());
        assert!(Instant::parse_rfc3339("2026-11-23T10:15:00Z").is_some());
    }

    #[test]
    fn an_offset_in_the_text_outranks_the_zone_of_the_place() {
        let s = Span::parse_fhir("2024-03-01T10:00:00-07:00", "America/Mexico_City").expect("a time");
        assert_eq!(s.from.to_rfc3339(), "2024-03-01T17:00:00.000Z");
        assert_eq!(s.to.micros - s.from.micros, 1_000_000);
    }

    #[test]
    fn fractions_of_a_second_narrow_the_span() {
        let s = Span::parse_fhir("2024-03-01T10:00:00.123Z", "UTC").expect("a time");
        assert_eq!(s.to.micros - s.from.micros, 1_000);
    }

    #[test]
    fn impossible_dates_are_refused() {
        for bad in ["2024-13", "2024-02-30", "24", "2024-1-1", "2024-02-01T25:00:00Z", "abcd"] {
            assert!(Span::parse_fhir(bad, "UTC").is_none(), "{bad}");
        }
    }
}
