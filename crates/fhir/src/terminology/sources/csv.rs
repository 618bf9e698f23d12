//! Any table with codes and displays; and CIE-10 in the form of DGIS (NOM-024-SSA3-2012, appendix A; catalogue CAT_DIAGNOSTICOS).
//!
//! Columns are found by the names that Mexican and other catalogues give them, or by those that the operator says. A column
//! `display:es-MX` is a designation in that language; every other column is kept as a property under its own name.

use super::rows::{Table, cell, optional};
use super::{Options, Reading, file_name, no_use};
use crate::terminology::{About, Builder, CodeSystem, Concept, PropertyAbout};
use badiano_kernel::Fault;
use std::io::BufRead;

const CODES: [&str; 12] = [
    "code",
    "CATALOG_KEY",
    "clave",
    "codigo",
    "código",
    "clues",
    "cve",
    "CLAVE_CIE",
    "CIE10",
    "id",
    "cvx",
    "CLAVE",
];
const DISPLAYS: [&str; 12] = [
    "display",
    "NOMBRE",
    "descripcion",
    "descripción",
    "description",
    "titulo",
    "título",
    "generico",
    "genérico",
    "name",
    "vacuna",
    "contenido",
];
const PARENTS: [&str; 5] = ["parent", "padre", "CLAVE_PADRE", "superior", "pertenece_a"];
const INACTIVE: [&str; 3] = ["inactive", "inactivo", "baja"];
/// Properties of one table.
const COLUMNS_MAX: usize = 500;

pub(super) struct Csv {
    options: Options,
    /// Whether the codes are those of CIE-10 without their points.
    is_cie10: bool,
    properties: Vec<String>,
    concepts: Vec<Concept>,
}

/// Which column says what.
struct Columns {
    code: usize,
    display: Option<usize>,
    parent: Option<usize>,
    inactive: Option<usize>,
    designations: Vec<(usize, String)>,
    properties: Vec<(usize, String)>,
}

impl Csv {
    pub fn any(options: Options) -> Self {
        Csv { options, is_cie10: false, properties: Vec::new(), concepts: Vec::new() }
    }

    pub fn cie10(options: Options) -> Self {
        Csv { is_cie10: true, ..Csv::any(options) }
    }

    fn columns(&self, table: &Table<'_>) -> Result<Columns, Fault> {
        let named = |own: &Option<String>, usual: &[&str]| match own {
            Some(name) => table.need(&[name]).map(Some),
            None => Ok(table.find(usual)),
        };
        let no_code = || Fault::invalid("no column is known to hold the codes: say which with --code-column");
        let code = named(&self.options.code_column, &CODES)?.ok_or_else(no_code)?;
        let display = named(&self.options.display_column, &DISPLAYS)?.filter(|at| *at != code);
        let parent = named(&self.options.parent_column, &PARENTS)?;
        let inactive = table.find(&INACTIVE);
        if table.columns().len() > COLUMNS_MAX {
            return Err(Fault::too_costly(format!("the table has more than {COLUMNS_MAX} columns")));
        }
        let (mut designations, mut properties) = (Vec::new(), Vec::new());
        for (at, name) in table.columns().iter().enumerate() {
            if at == code || [display, parent, inactive].contains(&Some(at)) || name.is_empty() {
                continue;
            }
            match name.split_once(':') {
                Some((first, language)) if first.eq_ignore_ascii_case("display") => {
                    designations.push((at, language.to_owned()));
                }
                _ => properties.push((at, name.clone())),
            }
        }
        Ok(Columns { code, display, parent, inactive, designations, properties })
    }

    fn concept(&self, row: &[String], columns: &Columns) -> Concept {
        let written = cell(row, columns.code);
        let mut properties: Vec<(String, String)> = Vec::new();
        let (code, mut parents) = if self.is_cie10 {
            properties.push(("CATALOG_KEY".to_owned(), written.to_owned()));
            let code = with_point(written);
            let above = code.split_once('.').map(|(category, _)| category.to_owned());
            (code, Vec::from_iter(above))
        } else {
            (written.to_owned(), Vec::new())
        };
        let parent = optional(row, columns.parent);
        if !parent.is_empty() {
            parents.push(if self.is_cie10 { with_point(parent) } else { parent.to_owned() });
        }
        let kept = columns.properties.iter().filter(|(at, _)| !cell(row, *at).is_empty());
        properties.extend(kept.map(|(at, name)| (name.clone(), cell(row, *at).to_owned())));
        let told = columns.designations.iter().filter(|(at, _)| !cell(row, *at).is_empty());
        let says_yes =
            |text: &str| matches!(text.to_lowercase().as_str(), "true" | "1" | "si" | "sí" | "s" | "yes");
        Concept {
            code,
            display: optional(row, columns.display).to_owned(),
            is_inactive: says_yes(optional(row, columns.inactive)),
            parents,
            designations: told.map(|(at, l)| (l.clone(), no_use(), cell(row, *at).to_owned())).collect(),
            properties,
            ..Concept::default()
        }
    }
}

/// `A000` is A00.0; the X at the end of `I10X` only fills the fourth place.
fn with_point(key: &str) -> String {
    let key = key.trim().trim_end_matches(['†', '*', '+']).to_uppercase();
    let is_key = key.len() >= 4
        && key.is_ascii()
        && !key.contains(['.', '-'])
        && key.as_bytes()[0].is_ascii_alphabetic()
        && key.as_bytes()[1..3].iter().all(u8::is_ascii_alphanumeric);
    if !is_key {
        return key;
    }
    match key[3..].trim_end_matches('X') {
        "" => key[..3].to_owned(),
        rest => format!("{}.{rest}", &key[..3]),
    }
}

impl Reading for Csv {
    fn wants(&self, name: &str) -> bool {
        let name = file_name(name).to_ascii_lowercase();
        name.ends_with(".csv") || (!self.is_cie10 && (name.ends_with(".tsv") || name.ends_with(".txt")))
    }

    fn read(&mut self, _name: &str, from: &mut dyn BufRead) -> Result<(), Fault> {
        let mut table = Table::quoted(from)?;
        let columns = self.columns(&table)?;
        for (_, name) in &columns.properties {
            if !self.properties.contains(name) {
                self.properties.push(name.clone());
            }
        }
        while let Some(row) = table.next()? {
            if !cell(&row, columns.code).is_empty() {
                let concept = self.concept(&row, &columns);
                self.concepts.push(concept);
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>, mut about: About) -> Result<CodeSystem, Fault> {
        if self.is_cie10 {
            about.language = "es-MX".to_owned();
            about.properties.push(PropertyAbout {
                code: "CATALOG_KEY".to_owned(),
                kind: "string".to_owned(),
                ..PropertyAbout::default()
            });
        }
        let property = |code: &String| PropertyAbout {
            code: code.clone(),
            kind: "string".to_owned(),
            ..PropertyAbout::default()
        };
        about.properties.extend(self.properties.iter().map(property));
        let mut builder = Builder::new(about);
        for concept in self.concepts {
            builder.add(concept)?;
        }
        Ok(builder.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::with_point;

    #[test]
    fn keys_of_the_catalogue_get_their_point() {
        for (key, code) in [
            ("A000", "A00.0"),
            ("I10X", "I10"),
            ("A00", "A00"),
            ("S7200", "S72.00"),
            ("e119", "E11.9"),
            ("A00-B99", "A00-B99"),
            ("E11.9", "E11.9"),
        ] {
            assert_eq!(with_point(key), code, "{key}");
        }
    }
}
