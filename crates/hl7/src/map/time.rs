//! Dates and times of HL7 (TS, DTM: HL7 v2.5.1 section 2.A.22) as FHIR has them, precision kept.

use badiano_kernel::time::Span;

/// `1985`, `1985-03`, `1985-03-12`; a time behind the date is left out. Month or day `00` counts as not said.
pub(crate) fn date(text: &str) -> Option<String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let part = |from: usize, to: usize| text.get(from..to).filter(|p| !p.is_empty() && *p != "00");
    let year = text.get(..4).filter(|y| digits >= 4 && *y != "0000")?;
    let month = if digits >= 6 { part(4, 6) } else { None };
    let day = if digits >= 8 { month.and(part(6, 8)) } else { None };
    let written = match (month, day) {
        (Some(m), Some(d)) => format!("{year}-{m}-{d}"),
        (Some(m), None) => format!("{year}-{m}"),
        _ => year.to_owned(),
    };
    let rest = &text[digits..];
    let ends = rest.is_empty() || (digits >= 8 && rest.starts_with(['.', '+', '-']));
    let sound =
        ends && matches!(digits, 4 | 6 | 8 | 10 | 12 | 14) && Span::parse_fhir(&written, "UTC").is_some();
    sound.then_some(written)
}

/// A date as above, or a time to the second with an offset: the text's own, or the zone's at that time.
pub(crate) fn date_time(text: &str, zone: &str) -> Option<String> {
    let day = date(text)?;
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = &text[digits..];
    let (fraction, offset) = match rest.find(['+', '-']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let fraction_digits = fraction.strip_prefix('.').unwrap_or(fraction);
    let sound = fraction_digits.len() <= 6
        && fraction_digits.bytes().all(|b| b.is_ascii_digit())
        && (fraction.is_empty() || (digits == 14 && fraction.len() > 1));
    if !sound {
        return None;
    }
    if digits <= 8 || day.len() < 10 {
        return Some(day);
    }
    let clock = |from: usize| text.get(from..from + 2).filter(|_| digits >= from + 2).unwrap_or("00");
    let civil = format!("{day}T{}:{}:{}", clock(8), clock(10), clock(12));
    let offset = match offset.len() {
        0 => String::new(),
        5 if offset.is_ascii() => format!("{}:{}", &offset[..3], &offset[3..]),
        _ => return None,
    };
    let span = Span::parse_fhir(&format!("{civil}{offset}"), zone)?;
    let offset = if offset.is_empty() { span.from.to_rfc3339_in(zone).get(19..)?.to_owned() } else { offset };
    let fraction = if fraction.is_empty() { String::new() } else { format!(".{fraction_digits}") };
    Some(format!("{civil}{fraction}{offset}"))
}

/// `HH:MM:SS`.
pub(crate) fn time(text: &str) -> Option<String> {
    let pair = |from: usize, limit: u8| {
        let p = text.get(from..from + 2)?;
        p.parse::<u8>().ok().filter(|n| *n < limit).map(|_| p)
    };
    let second = if text.len() >= 6 { pair(4, 60)? } else { "00" };
    let sound = matches!(text.len(), 4 | 6) && text.bytes().all(|b| b.is_ascii_digit());
    if sound { Some(format!("{}:{}:{second}", pair(0, 24)?, pair(2, 60)?)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_precision_that_was_sent_is_the_precision_that_is_kept() {
        for (sent, kept) in [
            ("1985", "1985"),
            ("198503", "1985-03"),
            ("19850312", "1985-03-12"),
            ("19850000", "1985"),
            ("198503121030", "1985-03-12"),
        ] {
            assert_eq!(date(sent).as_deref(), Some(kept), "{sent}");
        }
        for wrong in ["", "85", "19851301", "19850230", "ABCD", "1985-03-12", "00000000"] {
            assert_eq!(date(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_time_without_an_offset_is_of_the_zone() {
        let zone = "America/Mexico_City";
        for (sent, kept) in [
            ("20261122101500", "2026-11-22T10:15:00-06:00"),
            ("202611221015", "2026-11-22T10:15:00-06:00"),
            ("20261122101500.25-0500", "2026-11-22T10:15:00.25-05:00"),
            ("20261122101500.5", "2026-11-22T10:15:00.5-06:00"),
            ("20261122", "2026-11-22"),
        ] {
            assert_eq!(date_time(sent, zone).as_deref(), Some(kept), "{sent}");
        }
        for wrong in
            ["20261122250000", "20261122101500.", "20261122101500+6", "20261122101500Z", "2026112210150"]
        {
            assert_eq!(date_time(wrong, zone), None, "{wrong}");
        }
    }
}
