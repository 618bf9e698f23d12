//! Matching keys of a C-FIND identifier and of a QIDO-RS question (PS3.4 C.2.2.2, PS3.18 8.3.4 and 10.6).

use std::fmt;

use dicom_core::{Tag, VR};

use super::{Condition, Level, Query};
use crate::dataset::DataSet;
use crate::dictionary;
use crate::element::Value;
use crate::tags;

/// Keys of one question.
pub const KEYS_MAX: usize = 256;

/// Which attributes an answer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Include {
    /// `includefield=all`.
    All,
    /// These besides those of the level.
    Tags(Vec<Tag>),
}

/// A parameter that cannot be understood. Names the parameter, never its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError {
    pub parameter: String,
    pub reason: &'static str,
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.parameter, self.reason)
    }
}

impl std::error::Error for QueryError {}

/// The question of a C-FIND identifier, and the attributes it asks back (top level, in order). Keys inside sequences
/// stand as conditions on their own tags. Combined date-time matching and fuzziness are for the caller to set from what
/// was negotiated; there is no limit.
pub fn conditions_from_dataset(identifier: &DataSet, level: Level) -> (Query, Vec<Tag>) {
    let mut query = question(level);
    let mut returns = Vec::new();
    for element in identifier {
        if is_control(element.tag) || element.tag.1 == 0 {
            continue;
        }
        returns.push(element.tag);
    }
    collect(identifier, &mut query.conditions);
    (query, returns)
}

fn question(level: Level) -> Query {
    Query {
        level,
        conditions: Vec::new(),
        combined_date_time: false,
        fuzzy: false,
        limit: usize::MAX,
        offset: 0,
    }
}

fn collect(set: &DataSet, conditions: &mut Vec<(Tag, Condition)>) {
    for element in set {
        if conditions.len() >= KEYS_MAX {
            return;
        }
        match &element.value {
            Value::Items(items) => items.iter().take(1).for_each(|item| collect(item, conditions)),
            Value::Bytes(_) if !is_control(element.tag) && element.tag.1 != 0 => {
                let text = set.texts_of(element).0.join("\\");
                conditions.extend(condition(element.meaning(), &text).map(|c| (element.tag, c)));
            }
            _ => {}
        }
    }
}

/// What steers the question and is matched against nothing (PS3.4 C.4.1.1.3).
fn is_control(tag: Tag) -> bool {
    matches!(
        tag,
        tags::SPECIFIC_CHARACTER_SET
            | tags::QUERY_RETRIEVE_LEVEL
            | tags::QUERY_RETRIEVE_VIEW
            | tags::RETRIEVE_AE_TITLE
            | tags::RETRIEVE_URL
            | tags::INSTANCE_AVAILABILITY
            | tags::STORAGE_MEDIA_FILE_SET_ID
            | tags::TIMEZONE_OFFSET_FROM_UTC
    ) || tag.0 <= 2
}

/// The condition that a key's value makes; `None` for universal matching.
pub fn condition(vr: VR, text: &str) -> Option<Condition> {
    let text = text.trim_matches([' ', '\0']);
    if text.is_empty() {
        return None;
    }
    match vr {
        VR::UI => {
            let uids: Vec<String> =
                text.split('\\').map(str::trim).filter(|uid| !uid.is_empty()).map(str::to_owned).collect();
            match uids.len() {
                0 => None,
                1 => uids.into_iter().next().map(Condition::Single),
                _ => Some(Condition::UidList(uids)),
            }
        }
        VR::DA | VR::TM | VR::DT => match range(vr, text) {
            Some((None, None)) => None,
            Some((from, to)) => Some(Condition::Range { from, to }),
            None => Some(Condition::Single(text.to_owned())),
        },
        vr if allows_wildcards(vr) && text.contains(['*', '?']) => {
            if text.bytes().all(|b| b == b'*') {
                return None;
            }
            Some(Condition::Wildcard(text.to_owned()))
        }
        _ => Some(Condition::Single(text.to_owned())),
    }
}

/// All but dates, times, numbers, ages, UIDs and bytes (PS3.4 C.2.2.2.4).
fn allows_wildcards(vr: VR) -> bool {
    matches!(vr, VR::AE | VR::CS | VR::LO | VR::LT | VR::PN | VR::SH | VR::ST | VR::UC | VR::UR | VR::UT)
}

/// The ends of a range; `None` when the text is one value. In DT a hyphen may also begin an offset from UTC.
fn range(vr: VR, text: &str) -> Option<(Option<String>, Option<String>)> {
    let end = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let hyphens: Vec<usize> = text.match_indices('-').map(|(at, _)| at).collect();
    let at = match (vr, hyphens.as_slice()) {
        (_, []) => return None,
        (VR::DT, hyphens) => {
            if is_date_time(text) {
                return None;
            }
            let fits = |at: &&usize| {
                let (from, to) = (&text[..**at], &text[**at + 1..]);
                [from, to].iter().all(|side| side.is_empty() || is_date_time(side))
            };
            *hyphens.iter().find(fits)?
        }
        // `2026-01-02`, met in the wild, is a date and no range.
        (VR::DA, [4, 7]) if text.len() == 10 => return None,
        (_, [at, ..]) => *at,
    };
    Some((end(&text[..at]), end(&text[at + 1..])))
}

/// `YYYYMMDDHHMMSS.FFFFFF&ZZXX`, shortened from the right.
fn is_date_time(text: &str) -> bool {
    let (text, zone) = match text.rfind(['+', '-']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let (whole, fraction) =
        text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    digits(whole)
        && matches!(whole.len(), 4 | 6 | 8 | 10 | 12 | 14)
        && fraction.is_none_or(|f| whole.len() == 14 && (1..=6).contains(&f.len()) && digits(f))
        && zone.is_none_or(|z| z.len() == 4 && digits(z))
}

/// The question of QIDO-RS parameters, names and values already percent-decoded. Sequence attributes are written with
/// dots; the last tag is the key. A key with an empty value is asked back and matches everything.
pub fn parse_qido(parameters: &[(String, String)], level: Level) -> Result<(Query, Include), QueryError> {
    let mut query = question(level);
    let mut include = Vec::new();
    let mut all = false;
    for (name, value) in parameters {
        let bad = |reason| QueryError { parameter: named(name), reason };
        let whole = || value.trim().parse::<usize>().map_err(|_| bad("not a whole number"));
        match name.as_str() {
            "limit" => query.limit = whole()?,
            "offset" => query.offset = whole()?,
            "fuzzymatching" => {
                query.fuzzy = match value.trim().to_ascii_lowercase().as_str() {
                    "true" => true,
                    "false" => false,
                    _ => return Err(bad("neither true nor false")),
                }
            }
            "includefield" => {
                for field in value.split(',').map(str::trim).filter(|field| !field.is_empty()) {
                    match field {
                        "all" => all = true,
                        field => include.push(attribute(field).ok_or_else(|| bad("an unknown attribute"))?.0),
                    }
                }
            }
            // What the transport adds and other parts of the door read.
            "accept" | "charset" | "_" | "emptyvaluematching" | "multiplevaluematching" => {}
            name => {
                let (first, last) = attribute(name).ok_or_else(|| bad("no parameter and no attribute"))?;
                include.push(first);
                let vr = dictionary::vr(last);
                if vr == VR::SQ && !value.is_empty() {
                    return Err(bad("a sequence is asked for by the attributes inside it"));
                }
                // UID lists may be parted by commas (PS3.18 8.3.4.1).
                let text = if vr == VR::UI { value.replace(',', "\\") } else { value.clone() };
                query.conditions.extend(condition(vr, &text).map(|c| (last, c)));
            }
        }
        if query.conditions.len() > KEYS_MAX || include.len() > KEYS_MAX {
            return Err(bad("too many attributes in one question"));
        }
    }
    include.sort_unstable();
    include.dedup();
    Ok((query, if all { Include::All } else { Include::Tags(include) }))
}

/// A parameter's name for an error text: only what can be a name, not what a person may have typed into it.
fn named(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '.').take(64).collect()
}

/// The first and the last tag of `Tag[.Tag]*`, keyword or number.
fn attribute(name: &str) -> Option<(Tag, Tag)> {
    let mut tags = name.split('.').map(dictionary::parse_tag);
    let first = tags.next()??;
    let last = tags.try_fold(first, |_, tag| tag)?;
    Some((first, last))
}
