//! Whether a value fits a condition (PS3.4 C.2.2.2).

use dicom_core::VR;

use super::Condition;
use crate::charset::fold;

/// Whether a value (as [`crate::dataset::DataSet::texts`] gives it, several parted by a backslash) fits. One of several
/// is enough. Names compare folded, component groups one by one; with `fuzzy` each word of the question begins some word
/// of the name, and all other text compares folded too. An empty value fits no condition.
pub fn matches(condition: &Condition, vr: VR, value: &str, fuzzy: bool) -> bool {
    let single = crate::element::is_single_text(vr);
    let mut values = if single { vec![value] } else { value.split('\\').collect() };
    values.retain(|value| !value.trim().is_empty());
    values.iter().any(|value| one(condition, vr, value.trim(), fuzzy))
}

fn one(condition: &Condition, vr: VR, value: &str, fuzzy: bool) -> bool {
    match condition {
        Condition::Single(wanted) if vr == VR::PN => name(wanted, value, fuzzy),
        Condition::Wildcard(wanted) if vr == VR::PN => name(wanted, value, fuzzy),
        Condition::Single(wanted) => match vr {
            VR::DA | VR::TM | VR::DT => within(vr, value, Some(wanted), Some(wanted)),
            VR::IS | VR::DS => match (wanted.trim().parse::<f64>(), value.parse::<f64>()) {
                (Ok(wanted), Ok(value)) => wanted == value,
                _ => wanted.trim() == value,
            },
            _ if fuzzy && folds(vr) => fold(wanted) == fold(value),
            _ => wanted.trim() == value,
        },
        Condition::UidList(uids) => uids.iter().any(|uid| uid == value),
        Condition::Wildcard(wanted) if fuzzy && folds(vr) => wildcard(&fold(wanted), &fold(value)),
        Condition::Wildcard(wanted) => wildcard(wanted.trim(), value),
        Condition::Range { from, to } => within(vr, value, from.as_deref(), to.as_deref()),
    }
}

fn folds(vr: VR) -> bool {
    matches!(vr, VR::LO | VR::LT | VR::SH | VR::ST | VR::UC | VR::UT)
}

/// Component groups (alphabetic, ideographic, phonetic) compare each with its own; a question of one group may be meant
/// for any of them.
fn name(wanted: &str, value: &str, fuzzy: bool) -> bool {
    let fits = |wanted: &str, group: &str| {
        let (wanted, group) = (name_key(wanted), name_key(group));
        match () {
            () if fuzzy && words_begin(&wanted, &group) => true,
            () => wildcard(&wanted, &group),
        }
    };
    let wanted: Vec<&str> = wanted.split('=').collect();
    let value: Vec<&str> = value.split('=').collect();
    match wanted.as_slice() {
        [one] => value.iter().any(|group| fits(one, group)),
        groups => groups.iter().enumerate().all(|(at, wanted)| {
            wanted.trim().is_empty() || fits(wanted, value.get(at).copied().unwrap_or_default())
        }),
    }
}

/// Folded, no space around components, no empty components at the end.
fn name_key(group: &str) -> String {
    let components: Vec<String> = group.split('^').map(fold).collect();
    components.join("^").trim_end_matches('^').to_owned()
}

fn words_begin(wanted: &str, value: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        text.split(['^', ' ', ',', '-'])
            .map(|word| word.trim_matches(['*', '?']).to_owned())
            .filter(|w| !w.is_empty())
            .collect()
    };
    let (wanted, value) = (words(wanted), words(value));
    !wanted.is_empty() && wanted.iter().all(|word| value.iter().any(|other| other.starts_with(word.as_str())))
}

/// `*` stands for any run of characters, `?` for one. Time is bounded by the product of the lengths.
fn wildcard(pattern: &str, value: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let value: Vec<char> = value.chars().collect();
    let (mut p, mut v) = (0, 0);
    // Where the last star stood, and how much of the value it has taken.
    let mut star: Option<(usize, usize)> = None;
    while v < value.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, v));
                p += 1;
            }
            Some(c) if *c == '?' || *c == value[v] => {
                p += 1;
                v += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    v = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Whether the span that a value stands for meets the range: `from` at its beginning, `to` at its end.
fn within(vr: VR, value: &str, from: Option<&str>, to: Option<&str>) -> bool {
    let Some((first, last)) = span(vr, value) else { return false };
    let after = from.is_none_or(|from| span(vr, from).is_some_and(|(from, _)| last >= from));
    let before = to.is_none_or(|to| span(vr, to).is_some_and(|(_, to)| first <= to));
    after && before
}

/// The first and last moment of a date, time or date-time of any precision, in microseconds of a calendar with months of
/// 32 days: only order matters. Offsets from UTC are applied where they stand.
fn span(vr: VR, text: &str) -> Option<(i64, i64)> {
    let text = text.trim();
    let (text, zone) = match (vr, text.rfind(['+', '-'])) {
        (VR::DT, Some(at)) if text.len() - at == 5 => (&text[..at], Some(&text[at..])),
        _ => (text, None),
    };
    // The forms of ACR-NEMA, `2026.01.02` and `10:20:30`, and dates with hyphens.
    let plain: String = match vr {
        VR::DA => text.chars().filter(|c| !matches!(c, '.' | '-')).collect(),
        _ => text.chars().filter(|c| *c != ':').collect(),
    };
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    if !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) || whole.is_empty() {
        return None;
    }
    let (date, time) = match vr {
        VR::TM => ("", whole),
        _ => whole.split_at(whole.len().min(8)),
    };
    if vr == VR::DA && date.len() != 8
        || vr == VR::DT && (date.len() < 4 || date.len() % 2 == 1)
        || time.len() > 6
    {
        return None;
    }
    let part =
        |text: &str, at: usize, length: usize| text.get(at..at + length).and_then(|t| t.parse::<i64>().ok());
    let moment = |low: bool| -> i64 {
        let or = |part: Option<i64>, first: i64, last: i64| part.unwrap_or(if low { first } else { last });
        let day = match part(date, 0, 4) {
            Some(year) => (year * 13 + or(part(date, 4, 2), 0, 12)) * 32 + or(part(date, 6, 2), 0, 31),
            None => 0,
        };
        let second = or(part(time, 0, 2), 0, 23) * 3600
            + or(part(time, 2, 2), 0, 59) * 60
            + or(part(time, 4, 2), 0, 59);
        let mut micro = fraction.chars().take(6).collect::<String>();
        while micro.len() < 6 {
            micro.push(if low { '0' } else { '9' });
        }
        (day * 86_400 + second) * 1_000_000 + micro.parse::<i64>().unwrap_or(0)
    };
    let offset = zone.map_or(0, |zone| {
        let minutes = part(zone, 1, 2).unwrap_or(0) * 60 + part(zone, 3, 2).unwrap_or(0);
        if zone.starts_with('-') { -minutes } else { minutes }
    });
    let shift = offset * 60_000_000;
    Some((moment(true) - shift, moment(false) - shift))
}
