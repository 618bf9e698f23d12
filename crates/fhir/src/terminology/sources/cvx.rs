//! CVX from the table of CDC between bars: code, short name, full name, notes, status, whether it is no vaccine, date of the row
//! (CDC, IIS: Current HL7 Standard Code Set CVX).

use super::Reading;
use super::rows::{Rows, cell};
use crate::terminology::{About, Builder, CodeSystem, Concept, PropertyAbout};
use badiano_kernel::Fault;
use std::io::BufRead;

#[derive(Default)]
pub(super) struct Cvx {
    rows: Vec<Vec<String>>,
}

impl Reading for Cvx {
    fn wants(&self, name: &str) -> bool {
        let name = super::file_name(name).to_ascii_lowercase();
        name.contains("cvx") && name.ends_with(".txt")
    }

    fn read(&mut self, _name: &str, from: &mut dyn BufRead) -> Result<(), Fault> {
        let mut rows = Rows::bare(from, '|');
        while let Some(row) = rows.next()? {
            if row.len() < 5 {
                return Err(Fault::invalid("a row of CVX has code, names, notes and status between bars"));
            }
            self.rows.push(row);
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
        about.properties = vec![property("VaccineStatus", "string"), property("nonvaccine", "boolean")];
        let date = |row: &Vec<String>| cell(row, 6).replace('/', "");
        if about.version.is_empty() {
            about.version = self.rows.iter().map(date).max().unwrap_or_default();
        }
        let mut builder = Builder::new(about);
        for row in &self.rows {
            let full = ["", "", ""].map(str::to_owned);
            builder.add(Concept {
                code: cell(row, 0).to_owned(),
                display: cell(row, 1).to_owned(),
                definition: cell(row, 3).to_owned(),
                is_inactive: cell(row, 4).eq_ignore_ascii_case("inactive"),
                designations: vec![("en".to_owned(), full, cell(row, 2).to_owned())],
                properties: vec![
                    ("VaccineStatus".to_owned(), cell(row, 4).to_owned()),
                    ("nonvaccine".to_owned(), cell(row, 5).eq_ignore_ascii_case("true").to_string()),
                ],
                ..Concept::default()
            })?;
        }
        Ok(builder.finish())
    }
}
