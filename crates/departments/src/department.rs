//! What a department is: its way of working, its procedures, the shape of its results and its screens, all as data.

use crate::catalogue::Catalogue;
use crate::template::Template;
use badiano_record::workflow::Workflow;
use std::sync::LazyLock;

/// One department. Its folder has one shape: README.md, mod.rs with this value, workflow.rs, report.rs, catalogue.csv,
/// templates.json, screens/, tests.rs.
pub struct Department {
    pub code: &'static str,
    pub es: &'static str,
    pub en: &'static str,
    pub workflow: Workflow,
    /// Its subspecialties, in the order in which a description is looked at for their words.
    pub topics: &'static [Topic],
    /// Its procedures.
    pub catalogue: &'static LazyLock<Catalogue>,
    /// What its results are written from.
    pub templates: &'static LazyLock<Vec<Template>>,
    /// Lists and forms that the pages draw.
    pub screens: &'static [Screen],
    /// The ordinary way of a case, as the events from the order to the signed result.
    pub story: &'static [&'static str],
}

/// A list or form as data (JSON), drawn by the one engine of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    pub name: &'static str,
    pub json: &'static str,
}

/// A subspecialty of a department.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topic {
    pub code: &'static str,
    pub es: &'static str,
    pub en: &'static str,
    /// Beginnings of words, in small letters without accents, as descriptions have them in Spanish and English.
    pub words: &'static [&'static str],
}

/// The first subspecialty that a description speaks of.
pub fn topic_in_words(topics: &[Topic], description: &str) -> Option<&'static str> {
    let said = folded(description);
    let words: Vec<&str> = said.split(|c: char| !c.is_alphanumeric()).collect();
    let speaks_of = |t: &&Topic| t.words.iter().any(|begin| words.iter().any(|w| w.starts_with(begin)));
    topics.iter().find(speaks_of).map(|t| t.code)
}

/// Small letters without the accents of Spanish.
fn folded(text: &str) -> String {
    let plain = |c: char| match c {
        'á' => 'a',
        'é' => 'e',
        'í' => 'i',
        'ó' => 'o',
        'ú' | 'ü' => 'u',
        'ñ' => 'n',
        other => other,
    };
    text.to_lowercase().chars().map(plain).collect()
}
