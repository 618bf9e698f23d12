//! What a C-FIND identifier or a QIDO-RS question asks, in one form (PS3.4 C.2.2.2, PS3.18 10.6).

mod keys;
mod matching;

use dicom_core::Tag;

pub use keys::{Include, KEYS_MAX, QueryError, condition, conditions_from_dataset, parse_qido};
pub use matching::matches;

/// Query/retrieve level (PS3.4 C.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    Patient,
    Study,
    Series,
    Instance,
}

/// One matching key with a value. Universal matching (no value) is no condition at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Single value matching; names compare folded (no case, no accents).
    Single(String),
    /// List of UID matching.
    UidList(Vec<String>),
    /// `*` and `?`.
    Wildcard(String),
    /// Range matching on DA, TM or DT text; an open end is `None`.
    Range { from: Option<String>, to: Option<String> },
}

/// A question over the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub level: Level,
    pub conditions: Vec<(Tag, Condition)>,
    /// Combined date-time matching of the study date and time (PS3.4 C.5.2).
    pub combined_date_time: bool,
    pub fuzzy: bool,
    pub limit: usize,
    pub offset: usize,
}

#[cfg(test)]
mod tests;
