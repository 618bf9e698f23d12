//! LOINC from the files of a release: the table, its parts' hierarchy, answer lists and linguistic variants (LOINC Users' Guide, annex A).

use super::rows::{Table, cell, optional};
use super::{Reading, file_name, no_use};
use crate::terminology::{About, Builder, CodeSystem, Concept, PropertyAbout};
use badiano_kernel::Fault;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::BufRead;

/// Columns of the table that are kept as properties under their own names.
const PROPERTIES: [&str; 13] = [
    "COMPONENT",
    "PROPERTY",
    "TIME_ASPCT",
    "SYSTEM",
    "SCALE_TYP",
    "METHOD_TYP",
    "CLASS",
    "CLASSTYPE",
    "STATUS",
    "ORDER_OBS",
    "EXAMPLE_UCUM_UNITS",
    "CONSUMER_NAME",
    "VersionLastChanged",
];

#[derive(Default)]
pub(super) struct Loinc {
    concepts: BTreeMap<String, Concept>,
    /// Names in other languages by code.
    translations: HashMap<String, Vec<(String, String)>>,
    parents: BTreeMap<String, BTreeSet<String>>,
    /// What the hierarchy and the answer lists call their own codes.
    named: BTreeMap<String, String>,
    answers: BTreeMap<String, BTreeSet<String>>,
}

enum File {
    Table,
    Hierarchy,
    Variant(String),
    Answers,
}

/// What a file of a release is, by its name.
fn file(name: &str) -> Option<File> {
    let name = file_name(name);
    match name {
        "Loinc.csv" | "loinc.csv" => Some(File::Table),
        "MultiAxialHierarchy.csv" | "ComponentHierarchyBySystem.csv" => Some(File::Hierarchy),
        "AnswerList.csv" => Some(File::Answers),
        _ => {
            // `esMX28LinguisticVariant.csv`: language, country, number.
            let begin = name.strip_suffix("LinguisticVariant.csv")?;
            let letters: String = begin.chars().take_while(char::is_ascii_alphabetic).collect();
            (letters.len() == 4).then(|| File::Variant(format!("{}-{}", &letters[..2], &letters[2..])))
        }
    }
}

impl Reading for Loinc {
    fn wants(&self, name: &str) -> bool {
        file(name).is_some()
    }

    fn read(&mut self, name: &str, from: &mut dyn BufRead) -> Result<(), Fault> {
        let mut table = Table::quoted(from)?;
        match file(name).unwrap_or(File::Table) {
            File::Table => self.table(&mut table),
            File::Hierarchy => self.hierarchy(&mut table),
            File::Answers => self.answers(&mut table),
            File::Variant(language) => self.variant(&mut table, &language),
        }
    }

    fn finish(mut self: Box<Self>, mut about: About) -> Result<CodeSystem, Fault> {
        about.language = "en".to_owned();
        about.ignores_case = true;
        about.value_set = "http://loinc.org/vs".to_owned();
        let property = |code: &&str| PropertyAbout {
            code: (*code).to_owned(),
            kind: "string".to_owned(),
            ..PropertyAbout::default()
        };
        about.properties = PROPERTIES.iter().chain(&["LIST"]).map(property).collect();
        let mut builder = Builder::new(about);
        let parents_of = |parents: &mut BTreeMap<String, BTreeSet<String>>, code: &str| -> Vec<String> {
            parents.remove(code).unwrap_or_default().into_iter().collect()
        };
        for (code, mut concept) in std::mem::take(&mut self.concepts) {
            concept.parents = parents_of(&mut self.parents, &code);
            let translated = self.translations.remove(&code).unwrap_or_default();
            concept.designations.extend(translated.into_iter().map(|(l, text)| (l, no_use(), text)));
            self.named.remove(&code);
            builder.add(concept)?;
        }
        for (code, display) in std::mem::take(&mut self.named) {
            let lists = self.answers.remove(&code).unwrap_or_default();
            let properties = lists.into_iter().map(|list| ("LIST".to_owned(), list)).collect();
            let parents = parents_of(&mut self.parents, &code);
            builder.add(Concept { code, display, parents, properties, ..Concept::default() })?;
        }
        Ok(builder.finish())
    }
}

impl Loinc {
    fn table(&mut self, table: &mut Table<'_>) -> Result<(), Fault> {
        let code = table.need(&["LOINC_NUM"])?;
        let (long, short) = (table.need(&["LONG_COMMON_NAME"])?, table.find(&["SHORTNAME"]));
        let status = table.find(&["STATUS"]);
        let definition = table.find(&["DefinitionDescription"]);
        let kept: Vec<(usize, &str)> =
            PROPERTIES.iter().filter_map(|name| Some((table.find(&[name])?, *name))).collect();
        while let Some(row) = table.next()? {
            let properties = kept.iter().filter(|(at, _)| !cell(&row, *at).is_empty());
            let properties =
                properties.map(|(at, name)| ((*name).to_owned(), cell(&row, *at).to_owned())).collect();
            let usage = ["http://loinc.org", "SHORTNAME", "SHORTNAME"].map(str::to_owned);
            let short = Some(optional(&row, short)).filter(|text| !text.is_empty());
            let concept = Concept {
                code: cell(&row, code).to_owned(),
                display: cell(&row, long).to_owned(),
                definition: optional(&row, definition).to_owned(),
                is_inactive: matches!(optional(&row, status), "DEPRECATED" | "DISCOURAGED"),
                designations: short.map(|text| (String::new(), usage, text.to_owned())).into_iter().collect(),
                properties,
                ..Concept::default()
            };
            self.concepts.insert(concept.code.clone(), concept);
        }
        Ok(())
    }

    fn hierarchy(&mut self, table: &mut Table<'_>) -> Result<(), Fault> {
        let (code, parent) = (table.need(&["CODE"])?, table.need(&["IMMEDIATE_PARENT"])?);
        let text = table.need(&["CODE_TEXT"])?;
        while let Some(row) = table.next()? {
            let own = cell(&row, code).to_owned();
            if !cell(&row, parent).is_empty() {
                self.parents.entry(own.clone()).or_default().insert(cell(&row, parent).to_owned());
            }
            self.named.entry(own).or_insert_with(|| cell(&row, text).to_owned());
        }
        Ok(())
    }

    fn answers(&mut self, table: &mut Table<'_>) -> Result<(), Fault> {
        let (list, name) = (table.need(&["AnswerListId"])?, table.need(&["AnswerListName"])?);
        let (answer, text) = (table.need(&["AnswerStringId"])?, table.need(&["DisplayText"])?);
        while let Some(row) = table.next()? {
            let own = cell(&row, list).to_owned();
            self.named.entry(own.clone()).or_insert_with(|| cell(&row, name).to_owned());
            if !cell(&row, answer).is_empty() {
                let answer = cell(&row, answer).to_owned();
                self.named.entry(answer.clone()).or_insert_with(|| cell(&row, text).to_owned());
                self.answers.entry(answer).or_default().insert(own);
            }
        }
        Ok(())
    }

    /// The name that the variant itself prefers, then its long name, then its parts in a row.
    fn variant(&mut self, table: &mut Table<'_>, language: &str) -> Result<(), Fault> {
        let code = table.need(&["LOINC_NUM"])?;
        let names = [
            table.find(&["LinguisticVariantDisplayName"]),
            table.find(&["LONG_COMMON_NAME"]),
            table.find(&["SHORTNAME"]),
        ];
        let parts: Vec<usize> = ["COMPONENT", "PROPERTY", "TIME_ASPCT", "SYSTEM", "SCALE_TYP", "METHOD_TYP"]
            .iter()
            .filter_map(|name| table.find(&[name]))
            .collect();
        while let Some(row) = table.next()? {
            let own = self.translations.entry(cell(&row, code).to_owned()).or_default();
            let before = own.len();
            for text in names.iter().map(|at| optional(&row, *at)).filter(|text| !text.is_empty()) {
                own.push((language.to_owned(), text.to_owned()));
            }
            let together: Vec<&str> =
                parts.iter().map(|at| cell(&row, *at)).filter(|t| !t.is_empty()).collect();
            if own.len() == before && !together.is_empty() {
                own.push((language.to_owned(), together.join(":")));
            }
        }
        Ok(())
    }
}
