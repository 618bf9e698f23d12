//! What the profile and its options do with each attribute, read from the standard's table (PS3.15 table E.1-1).

use super::Keep;
use dicom_core::Tag;
use std::collections::BTreeMap;
use std::sync::LazyLock;

const PROFILE: &str = include_str!("../../../../data/dicom-confidentiality/profile.csv");

/// What becomes of an attribute (PS3.15 E.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Keep,
    Remove,
    /// Zero length.
    Empty,
    /// A value of the same form that says nothing.
    Dummy,
    /// A new UID, the same for the same UID.
    Uid,
    /// A sequence that stays: its items are looked at.
    Inside,
    /// A date moved by as many days as all of the patient's.
    Shift,
}

struct Row {
    basic: Action,
    /// Options by which it stays as it is.
    kept_by: Vec<Keep>,
    is_date: bool,
}

static ROWS: LazyLock<BTreeMap<u32, Row>> = LazyLock::new(|| {
    let rows = PROFILE.lines().skip(1).filter_map(|line| {
        let mut cells = line.split(',');
        let tag = u32::from_str_radix(cells.next()?, 16).ok()?;
        Some((tag, row(cells.next()?, cells.next().unwrap_or_default())))
    });
    rows.collect()
});

/// Of several actions that depend on the kind of object, the one that leaves every kind valid: a dummy before nothing,
/// nothing before absence.
fn row(basic: &str, options: &str) -> Row {
    let has = |c| basic.contains(c);
    let basic = match () {
        () if basic == "U" => Action::Uid,
        () if has('U') => Action::Inside,
        () if has('D') => Action::Dummy,
        () if has('Z') => Action::Empty,
        () => Action::Remove,
    };
    let kept = |keep: &Keep| options.split(' ').any(|o| o.strip_suffix(":K") == Some(keep.name()));
    Row {
        basic,
        kept_by: Keep::ALL.into_iter().filter(kept).collect(),
        is_date: options.contains("modified-dates:C"),
    }
}

/// What becomes of an attribute under the options. Attributes that the table does not name stay; private ones, curves and
/// what is drawn or written over images go.
pub fn action(tag: Tag, options: &[Keep]) -> Action {
    let of_overlay = tag.0 & 0xFF00 == 0x6000 && matches!(tag.1, 0x3000 | 0x4000);
    if tag.0 % 2 == 1 || tag.0 & 0xFF00 == 0x5000 || of_overlay {
        return Action::Remove;
    }
    let number = u32::from(tag.0) << 16 | u32::from(tag.1);
    let Some(row) = ROWS.get(&number) else { return Action::Keep };
    match () {
        () if row.kept_by.iter().any(|k| options.contains(k)) => Action::Keep,
        () if row.is_date && options.contains(&Keep::ModifiedDates) => Action::Shift,
        () => row.basic,
    }
}

/// Tags that the table names, for tests.
#[cfg(test)]
pub fn named() -> impl Iterator<Item = Tag> {
    ROWS.keys().map(|n| Tag((n >> 16) as u16, (n & 0xFFFF) as u16))
}
