//! RxNorm from its RRF files: names and term types (RXNCONSO), is-a and other links (RXNREL) (NLM, RxNorm Technical Documentation, 12).

use super::rows::{Rows, cell};
use super::{Reading, file_name, no_use};
use crate::terminology::{About, Builder, CodeSystem, Concept, PropertyAbout};
use badiano_kernel::Fault;
use std::collections::BTreeMap;
use std::io::BufRead;

/// Links that are kept as properties, each with the code of the other concept.
const LINKS: [&str; 6] =
    ["has_ingredient", "has_tradename", "tradename_of", "consists_of", "has_dose_form", "constitutes"];
/// Term types from the name that is shown to the ones that are not.
const SHOWN: [&str; 12] =
    ["SCD", "SBD", "GPCK", "BPCK", "SCDC", "SBDC", "SCDF", "SBDF", "IN", "PIN", "BN", "PSN"];

#[derive(Default)]
pub(super) struct Rxnorm {
    names: BTreeMap<u64, Vec<Name>>,
    parents: BTreeMap<u64, Vec<u64>>,
    links: BTreeMap<u64, Vec<(usize, u64)>>,
}

struct Name {
    language: Box<str>,
    term_type: Box<str>,
    text: Box<str>,
    is_suppressed: bool,
}

fn number(row: &[String], at: usize) -> Result<u64, Fault> {
    cell(row, at).parse().map_err(|_| Fault::invalid("an RXCUI is a number"))
}

impl Reading for Rxnorm {
    fn wants(&self, name: &str) -> bool {
        ["RXNCONSO.RRF", "RXNREL.RRF"].iter().any(|own| file_name(name).eq_ignore_ascii_case(own))
    }

    fn read(&mut self, name: &str, from: &mut dyn BufRead) -> Result<(), Fault> {
        let mut rows = Rows::bare(from, '|');
        let is_links = file_name(name).to_ascii_uppercase().starts_with("RXNREL");
        while let Some(row) = rows.next()? {
            if is_links {
                self.link(&row)?;
            } else if cell(&row, 11) == "RXNORM" {
                let name = Name {
                    language: cell(&row, 1).into(),
                    term_type: cell(&row, 12).into(),
                    text: cell(&row, 14).into(),
                    is_suppressed: !matches!(cell(&row, 16), "N" | ""),
                };
                self.names.entry(number(&row, 0)?).or_default().push(name);
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>, mut about: About) -> Result<CodeSystem, Fault> {
        about.language = "en".to_owned();
        let property = |code: &str, kind: &str| PropertyAbout {
            code: code.into(),
            kind: kind.into(),
            ..PropertyAbout::default()
        };
        about.properties = vec![property("TTY", "string")];
        about.properties.extend(LINKS.iter().map(|link| property(link, "code")));
        let mut builder = Builder::new(about);
        for (code, mut names) in self.names {
            let rank = |name: &Name| SHOWN.iter().position(|t| *t == &*name.term_type).unwrap_or(SHOWN.len());
            names.sort_by_key(|name| (name.is_suppressed, rank(name)));
            let first = &names[0];
            let mut properties = vec![("TTY".to_owned(), first.term_type.to_string())];
            for (link, to) in self.links.get(&code).into_iter().flatten() {
                properties.push((LINKS[*link].to_owned(), to.to_string()));
            }
            let language = |name: &Name| if &*name.language == "SPA" { "es" } else { "en" }.to_owned();
            builder.add(Concept {
                code: code.to_string(),
                display: first.text.to_string(),
                is_inactive: names.iter().all(|name| name.is_suppressed),
                parents: self.parents.get(&code).into_iter().flatten().map(u64::to_string).collect(),
                designations: names[1..]
                    .iter()
                    .map(|n| (language(n), no_use(), n.text.to_string()))
                    .collect(),
                properties,
                ..Concept::default()
            })?;
        }
        Ok(builder.finish())
    }
}

impl Rxnorm {
    /// The second concept of a row has the relation to the first: `RXCUI2 isa RXCUI1`.
    fn link(&mut self, row: &[String]) -> Result<(), Fault> {
        let relation = cell(row, 7);
        if cell(row, 2) != "CUI" || cell(row, 0).is_empty() || cell(row, 4).is_empty() {
            return Ok(());
        }
        let (to, from) = (number(row, 0)?, number(row, 4)?);
        if relation == "isa" {
            self.parents.entry(from).or_default().push(to);
        } else if let Some(link) = LINKS.iter().position(|link| *link == relation) {
            self.links.entry(from).or_default().push((link, to));
        }
        Ok(())
    }
}
