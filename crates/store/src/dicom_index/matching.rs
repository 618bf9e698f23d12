//! Attribute matching (PS3.4 C.2.2.2): single value, list of UID, wildcard, range, combined date-time, fuzzy names.

use super::attributes::{fold, folded_forms, is_name, value, words};
use badiano_dicom::Tag;
use badiano_dicom::query::{Condition, Query};

pub(super) const STUDY_DATE: u32 = 0x0008_0020;
pub(super) const STUDY_TIME: u32 = 0x0008_0030;

pub(super) const fn number(tag: Tag) -> u32 {
    ((tag.0 as u32) << 16) | tag.1 as u32
}

/// Whether a value of one attribute fits one condition. An absent attribute fits only a condition that says nothing.
pub(super) fn fits(tag: u32, text: Option<&str>, condition: &Condition, fuzzy: bool) -> bool {
    let text = text.unwrap_or_default();
    match condition {
        Condition::Single(wanted) if wanted.is_empty() => true,
        Condition::Single(wanted) if fuzzy && is_name(tag) => fits_fuzzy(text, wanted),
        Condition::Single(wanted) => {
            let wanted = fold(tag, wanted);
            folded_forms(tag, text).contains(&wanted)
        }
        Condition::UidList(wanted) => {
            wanted.is_empty()
                || text.split('\\').any(|uid| wanted.iter().any(|w| w == uid.trim_matches([' ', '\0'])))
        }
        Condition::Wildcard(pattern) => {
            if pattern.chars().all(|c| c == '*') {
                return true;
            }
            let pattern = fold(tag, pattern);
            folded_forms(tag, text).iter().any(|form| wildcard(&pattern, form))
        }
        Condition::Range { from, to } => {
            text.split('\\').any(|v| in_range(v, from.as_deref(), to.as_deref()))
        }
    }
}

/// Every word of the question begins a word of the name, in any order.
fn fits_fuzzy(text: &str, wanted: &str) -> bool {
    let have = words(text);
    words(wanted).iter().all(|w| have.iter().any(|h| h.starts_with(w.trim_end_matches('*'))))
}

/// `*` stands for any text, `?` for one character.
pub(super) fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == text[t]) {
            p += 1;
            t += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            p = at + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Dates and times compare as text once their punctuation is gone; a short end of a range stands for all it begins.
fn in_range(text: &str, from: Option<&str>, to: Option<&str>) -> bool {
    let plain = |t: &str| t.replace([':', '-', ' ', '\0'], "");
    let text = plain(text);
    if text.is_empty() {
        return from.is_none_or(str::is_empty) && to.is_none_or(str::is_empty);
    }
    let after = from.is_none_or(|from| {
        let from = plain(from);
        // A value of less precision that the range begins with may lie inside it.
        text.as_str() >= from.as_str() || from.starts_with(&text)
    });
    let before = to.is_none_or(|to| {
        let to = plain(to);
        to.is_empty() || text.get(..to.len()).unwrap_or(&text) <= to.as_str()
    });
    after && before
}

/// Date and time of the study together (PS3.4 C.2.2.2.5.1), where the question asks so and both have ranges.
pub(super) fn combined(query: &Query) -> Option<(String, String)> {
    if !query.combined_date_time {
        return None;
    }
    let range = |wanted: u32| {
        query.conditions.iter().find(|(tag, _)| number(*tag) == wanted).and_then(|(_, c)| match c {
            Condition::Range { from, to } => Some((from.clone(), to.clone())),
            Condition::Single(one) if !one.is_empty() => Some((Some(one.clone()), Some(one.clone()))),
            _ => None,
        })
    };
    let (date_from, date_to) = range(STUDY_DATE)?;
    let (time_from, time_to) = range(STUDY_TIME)?;
    let from = date_from.map(|d| d + &time_from.unwrap_or_default()).unwrap_or_default();
    let to = date_to.map(|d| d + &time_to.unwrap_or_default()).unwrap_or_default();
    Some((from, to))
}

/// Whether all conditions on the given attributes hold; `applies` says which conditions are of this level.
pub(super) fn all_fit(query: &Query, attributes: &[(u32, String)], applies: impl Fn(u32) -> bool) -> bool {
    let together = combined(query);
    let fits_together = together.as_ref().is_none_or(|(from, to)| {
        if !applies(STUDY_DATE) {
            return true;
        }
        let date = value(attributes, STUDY_DATE).unwrap_or_default();
        let moment = format!("{date}{}", value(attributes, STUDY_TIME).unwrap_or_default());
        !date.is_empty() && in_range(&moment, Some(from.as_str()), Some(to.as_str()))
    });
    fits_together
        && query.conditions.iter().all(|(tag, condition)| {
            let tag = number(*tag);
            let done = together.is_some() && (tag == STUDY_DATE || tag == STUDY_TIME);
            done || !applies(tag) || fits(tag, value(attributes, tag), condition, query.fuzzy)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_the_standard_says() {
        for (pattern, text, fit) in [
            ("munoz*", "munoz^jose", true),
            ("*jose", "munoz^jose", true),
            ("m?noz^*", "munoz^jose", true),
            ("m?noz", "munoz^jose", false),
            ("*a*b*c*", "xxaxxbxxcxx", true),
            ("*a*b*c*", "xxaxxcxxbxx", false),
            ("", "", true),
            ("?", "", false),
        ] {
            assert_eq!(wildcard(pattern, text), fit, "{pattern} on {text}");
        }
    }

    #[test]
    fn ranges_hold_at_their_ends() {
        assert!(in_range("20240229", Some("20240229"), Some("20240301")));
        assert!(!in_range("20240302", Some("20240229"), Some("20240301")));
        assert!(in_range("101530.5", Some("10"), Some("10")));
        assert!(!in_range("", Some("2024"), None), "no date lies in no range");
        assert!(in_range("20240101", None, Some("20240101")));
    }

    #[test]
    fn a_name_is_found_without_its_accents_and_in_any_case() {
        let name = Some("MUÑOZ Güemes^José");
        assert!(fits(0x0010_0010, name, &Condition::Wildcard("munoz*".into()), false));
        assert!(fits(0x0010_0010, name, &Condition::Single("muñoz guemes^jose".into()), false));
        assert!(!fits(0x0010_0010, name, &Condition::Single("muñoz".into()), false));
        assert!(fits(0x0010_0010, name, &Condition::Single("jose gue".into()), true), "fuzzy");
        assert!(!fits(0x0010_0020, Some("ABC"), &Condition::Single("abc".into()), false), "an id is exact");
    }
}
