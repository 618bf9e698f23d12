//! ICD-11 MMS from WHO's simple tabulation: tabs, a header, and titles whose dashes tell their depth (ICD-11 Reference Guide, 3).

use super::rows::{Table, cell, optional};
use super::{Reading, file_name};
use crate::terminology::{About, Builder, CodeSystem, Concept, PropertyAbout};
use badiano_kernel::Fault;
use std::io::BufRead;

#[derive(Default)]
pub(super) struct Icd11 {
    concepts: Vec<Concept>,
}

impl Reading for Icd11 {
    fn wants(&self, name: &str) -> bool {
        let name = file_name(name).to_ascii_lowercase();
        (name.contains("simpletabulation") || name.contains("linearizationminioutput"))
            && (name.ends_with(".txt") || name.ends_with(".tsv"))
    }

    fn read(&mut self, _name: &str, from: &mut dyn BufRead) -> Result<(), Fault> {
        let mut table = Table::tabbed(from)?;
        let (code, title) = (table.need(&["Code"])?, table.need(&["Title", "TitleEN"])?);
        let (block, chapter) = (table.find(&["BlockId"]), table.find(&["ChapterNo"]));
        let (kind, uri) =
            (table.find(&["ClassKind"]), table.find(&["Linearization URI", "Linearization (release) URI"]));
        // Those above the row, with their depths.
        let mut above: Vec<(usize, String)> = Vec::new();
        while let Some(row) = table.next()? {
            let text = cell(&row, title).trim_matches('"');
            let depth = text.chars().filter(|c| *c == '-').count().min(dashes(text));
            let display = text.trim_start_matches(['-', ' ']).to_owned();
            let own = [cell(&row, code), optional(&row, block), optional(&row, chapter)];
            let Some(own) = own.into_iter().find(|c| !c.is_empty()).map(str::to_owned) else { continue };
            above.retain(|(d, _)| *d < depth);
            let is_category = !cell(&row, code).is_empty();
            let told = [("ClassKind", optional(&row, kind)), ("uri", optional(&row, uri))];
            let properties = told.into_iter().filter(|(_, text)| !text.is_empty());
            self.concepts.push(Concept {
                code: own.clone(),
                display,
                is_abstract: !is_category,
                parents: above.last().map(|(_, code)| code.clone()).into_iter().collect(),
                properties: properties.map(|(name, text)| (name.to_owned(), text.to_owned())).collect(),
                ..Concept::default()
            });
            above.push((depth, own));
        }
        Ok(())
    }

    fn finish(self: Box<Self>, mut about: About) -> Result<CodeSystem, Fault> {
        let property = |code: &str| PropertyAbout {
            code: code.into(),
            kind: "string".into(),
            ..PropertyAbout::default()
        };
        about.properties = vec![property("ClassKind"), property("uri")];
        let mut builder = Builder::new(about);
        for concept in self.concepts {
            builder.add(concept)?;
        }
        Ok(builder.finish())
    }
}

/// How many dashes stand before a title: `- - Cholera` has two.
fn dashes(title: &str) -> usize {
    title.chars().take_while(|c| matches!(c, '-' | ' ')).filter(|c| *c == '-').count()
}
