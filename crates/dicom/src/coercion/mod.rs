//! Rules that correct the header of an object: data that say for which objects and what is changed; the pixels are never touched
//! (PS3.4 B.4.1.3 coercion, PS3.3 C.12.1.1.9 Original Attributes).

mod apply;
mod attribute;

pub use apply::{Around, Changed, Coerced, Followed, coerce};
pub use attribute::Attribute;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rules of one archive.
pub const RULES_MAX: usize = 200;
/// Changes of one rule.
pub const CHANGES_MAX: usize = 100;
/// Characters of a rule's name.
pub const NAME_MAX: usize = 64;
/// Rows of a table of values.
pub const TABLE_MAX: usize = 1_000;
/// Characters of a value that a rule brings along.
pub const VALUE_MAX: usize = 1_024;

/// For which objects, and what is changed in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Rule {
    /// Letters, digits, `.`, `-`, `_`.
    pub name: String,
    #[serde(default)]
    pub description: String,
    /// Counted by the archive that keeps it; in a file what its author says.
    #[serde(default = "first")]
    pub version: u32,
    #[serde(default)]
    pub when: When,
    /// One after the other: a later one sees what an earlier one wrote.
    pub changes: Vec<Change>,
}

fn first() -> u32 {
    1
}

/// All that is said must fit; of a list one. Patterns with `*` and `?`; an empty pattern is an attribute without a value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct When {
    /// AE title that sent it; `STOW-RS` and `import` for those doors.
    pub ae: Vec<String>,
    /// CLUES of who sent it.
    pub institution: Vec<String>,
    pub modality: Vec<String>,
    pub sop_class: Vec<String>,
    pub attributes: BTreeMap<Attribute, Vec<String>>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Change {
    /// A value in place of what was there.
    Set {
        attribute: Attribute,
        value: String,
    },
    /// A value where there is none.
    Fill {
        attribute: Attribute,
        value: String,
    },
    Remove {
        attribute: Attribute,
    },
    /// The value of another attribute, private ones too; with `fill` only where there is none.
    Copy {
        from: Attribute,
        to: Attribute,
        #[serde(default)]
        fill: bool,
    },
    /// A table of values; what no row names becomes `otherwise`, or stays.
    Map {
        attribute: Attribute,
        values: BTreeMap<String, String>,
        #[serde(default)]
        otherwise: Option<String>,
    },
    /// What stands before or behind the value goes, then something is put there.
    Affix {
        attribute: Attribute,
        #[serde(default)]
        without_prefix: String,
        #[serde(default)]
        without_suffix: String,
        #[serde(default)]
        prefix: String,
        #[serde(default)]
        suffix: String,
    },
    /// Values of the worklist entry that the object belongs to; with `fill` only where there is none.
    Worklist {
        attributes: Vec<Attribute>,
        #[serde(default)]
        fill: bool,
    },
    /// The text is in truth in this character set (a defined term of PS3.3 C.12.1.1.2), whatever the object says; it is written anew in UTF-8.
    Charset {
        is: String,
    },
}

impl Rule {
    /// What is wrong with it, in a sentence.
    pub fn check(&self) -> Result<(), String> {
        let legible = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if self.name.is_empty() || self.name.len() > NAME_MAX || !self.name.chars().all(legible) {
            return Err(format!("a rule's name has 1 to {NAME_MAX} letters, digits, «.», «-» or «_»"));
        }
        if self.changes.is_empty() || self.changes.len() > CHANGES_MAX {
            return Err(format!("a rule makes 1 to {CHANGES_MAX} changes"));
        }
        self.changes.iter().try_for_each(Change::check)
    }
}

impl Change {
    fn check(&self) -> Result<(), String> {
        match self {
            Change::Set { attribute, value } | Change::Fill { attribute, value } => fits(attribute, value),
            Change::Remove { attribute } => writable(attribute),
            Change::Copy { to, .. } => text(to),
            Change::Map { attribute, values, otherwise } => {
                if values.len() > TABLE_MAX {
                    return Err(format!("a table has at most {TABLE_MAX} rows"));
                }
                text(attribute)?;
                values.values().chain(otherwise).try_for_each(|value| fits(attribute, value))
            }
            Change::Affix { attribute, prefix, suffix, .. } => {
                text(attribute)?;
                fits(attribute, prefix).and_then(|()| fits(attribute, suffix))
            }
            Change::Worklist { attributes, .. } => attributes.iter().try_for_each(|one| {
                writable(one)?;
                one.public().map(drop).ok_or_else(|| format!("the worklist has no «{one}» of its own"))
            }),
            Change::Charset { is } => match crate::charset::Charset::parse(is) {
                (charset, None) if !charset.is_default() => Ok(()),
                _ => Err(format!("«{is}» is no defined term of a character set")),
            },
        }
    }
}

fn writable(attribute: &Attribute) -> Result<(), String> {
    match attribute.may_be_written() {
        true => Ok(()),
        false => Err(format!("«{attribute}» tells objects apart or how pixels are read: no rule changes it")),
    }
}

fn text(attribute: &Attribute) -> Result<(), String> {
    writable(attribute)?;
    attribute.text_vr().map(drop).ok_or_else(|| format!("«{attribute}» has no value that is written as text"))
}

fn fits(attribute: &Attribute, value: &str) -> Result<(), String> {
    text(attribute)?;
    match attribute.text_vr().is_some_and(|vr| value.len() <= VALUE_MAX && apply::fits(vr, value)) {
        true => Ok(()),
        false => Err(format!("«{attribute}» cannot have this value")),
    }
}

#[cfg(test)]
mod tests;
