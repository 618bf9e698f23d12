//! SNOMED CT from RF2 snapshot files (SNOMED International, Release File Specification 4.2): concepts, descriptions in every language that
//! is there, is-a relationships, language preferences and simple reference sets.

use super::rows::{Rows, cell};
use super::{Reading, date_in, file_name};
use crate::terminology::ecl::REFSET;
use crate::terminology::{About, Builder, CodeSystem, Concept, PropertyAbout};
use badiano_kernel::Fault;
use std::collections::{HashMap, HashSet};
use std::io::BufRead;

const IS_A: &str = "116680003";
const FSN: &str = "900000000000003001";
const SYNONYM: &str = "900000000000013009";
const PREFERRED: &str = "900000000000548007";
const DEFINED: &str = "900000000000073002";
/// The international edition, and the Spanish one.
const INTERNATIONAL: &str = "900000000000207008";
const SPANISH: &str = "449081005";
/// English of the United States: what is shown where nothing else is asked for.
const ENGLISH_US: &str = "900000000000509007";

#[derive(Default)]
pub(super) struct Snomed {
    concepts: Vec<(u64, bool, bool)>,
    descriptions: HashMap<u64, Vec<Description>>,
    parents: HashMap<u64, Vec<u64>>,
    /// Descriptions that some language reference set prefers; of those, the ones of English (US).
    preferred: HashSet<u64>,
    american: HashSet<u64>,
    members: HashMap<u64, Vec<u64>>,
    date: String,
}

struct Description {
    id: u64,
    language: Box<str>,
    is_fsn: bool,
    term: Box<str>,
}

fn id(row: &[String], at: usize) -> Result<u64, Fault> {
    cell(row, at).parse().map_err(|_| Fault::invalid("an identifier of SNOMED CT is a number"))
}

impl Reading for Snomed {
    fn wants(&self, name: &str) -> bool {
        let name = file_name(name);
        name.contains("Snapshot")
            && name.ends_with(".txt")
            && [
                "sct2_Concept_",
                "sct2_Description_",
                "sct2_Relationship_",
                "der2_cRefset_Language",
                "der2_Refset_Simple",
            ]
            .iter()
            .any(|begin| name.trim_start_matches('x').starts_with(begin))
    }

    fn read(&mut self, name: &str, from: &mut dyn BufRead) -> Result<(), Fault> {
        let name = file_name(name).trim_start_matches('x');
        if let Some(date) = date_in(name).filter(|date| *date > self.date.as_str()) {
            self.date = date.to_owned();
        }
        let mut rows = Rows::bare(from, '\t');
        // The header.
        rows.next()?;
        while let Some(row) = rows.next()? {
            let is_active = cell(&row, 2) == "1";
            if name.contains("Concept_") {
                self.concepts.push((id(&row, 0)?, is_active, cell(&row, 4) == DEFINED));
            } else if !is_active {
                continue;
            } else if name.contains("_Description_") {
                let own = Description {
                    id: id(&row, 0)?,
                    language: cell(&row, 5).into(),
                    is_fsn: cell(&row, 6) == FSN,
                    term: cell(&row, 7).into(),
                };
                self.descriptions.entry(id(&row, 4)?).or_default().push(own);
            } else if name.contains("_Relationship_") {
                if cell(&row, 7) == IS_A {
                    self.parents.entry(id(&row, 4)?).or_default().push(id(&row, 5)?);
                }
            } else if name.contains("Language") {
                if cell(&row, 6) == PREFERRED {
                    self.preferred.insert(id(&row, 5)?);
                    if cell(&row, 4) == ENGLISH_US {
                        self.american.insert(id(&row, 5)?);
                    }
                }
            } else {
                self.members.entry(id(&row, 5)?).or_default().push(id(&row, 4)?);
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, mut about: About) -> Result<CodeSystem, Fault> {
        let is_spanish = self.descriptions.values().flatten().any(|d| &*d.language == "es");
        if about.version.is_empty() && !self.date.is_empty() {
            let edition = if is_spanish { SPANISH } else { INTERNATIONAL };
            about.version = format!("{}/{edition}/version/{}", about.url, self.date);
        }
        let code = |code: &str, kind: &str| PropertyAbout {
            code: code.into(),
            kind: kind.into(),
            ..PropertyAbout::default()
        };
        about.properties = vec![code("sufficientlyDefined", "boolean"), code(REFSET, "code")];
        about.value_set = format!("{}?fhir_vs", about.url);
        about.language = "en".to_owned();
        let mut builder = Builder::new(about);
        let concepts = std::mem::take(&mut self.concepts);
        for (concept, is_active, is_defined) in concepts {
            builder.add(self.concept(concept, is_active, is_defined))?;
        }
        Ok(builder.finish())
    }
}

impl Snomed {
    fn concept(&mut self, concept: u64, is_active: bool, is_defined: bool) -> Concept {
        let mut own = self.descriptions.remove(&concept).unwrap_or_default();
        // In each language the preferred synonym, other synonyms, the full name.
        own.sort_by_key(|d| (d.is_fsn, !self.preferred.contains(&d.id), d.id));
        let english = |d: &&Description| &*d.language == "en" && !d.is_fsn;
        let shown = own.iter().filter(english).find(|d| self.american.contains(&d.id));
        let shown = shown.or_else(|| own.iter().find(english)).or_else(|| own.first());
        let display = shown.map(|d| d.term.to_string()).unwrap_or_default();
        let designations = own.iter().map(|d| {
            let (code, name) = if d.is_fsn { (FSN, "Fully specified name") } else { (SYNONYM, "Synonym") };
            let usage = ["http://snomed.info/sct", code, name].map(str::to_owned);
            (d.language.to_string(), usage, d.term.to_string())
        });
        let designations = designations.collect();
        let mut properties = vec![("sufficientlyDefined".to_owned(), is_defined.to_string())];
        let sets = self.members.remove(&concept).unwrap_or_default();
        properties.extend(sets.into_iter().map(|set| (REFSET.to_owned(), set.to_string())));
        Concept {
            code: concept.to_string(),
            display,
            is_inactive: !is_active,
            parents: self.parents.remove(&concept).unwrap_or_default().iter().map(u64::to_string).collect(),
            designations,
            properties,
            ..Concept::default()
        }
    }
}
