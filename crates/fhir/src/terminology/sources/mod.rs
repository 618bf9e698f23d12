//! Code systems from the files in which their publishers give them out.
//!
//! A [`Loader`] is offered files one after the other, in any order, takes those that it knows by name, and makes one code system at the
//! end. It does no input or output of its own.

mod claml;
mod csv;
mod cvx;
mod icd11;
mod loinc;
mod rows;
mod rxnorm;
mod snomed;
mod ucum;

#[cfg(test)]
mod tests;

use super::{About, CodeSystem};
use badiano_kernel::Fault;
use std::io::BufRead;

/// The forms that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// SNOMED CT, RF2 snapshot files.
    Snomed,
    /// LOINC, the table with its hierarchy, answer lists and linguistic variants.
    Loinc,
    /// ICD-10 and others of WHO's family as ClaML.
    Icd10,
    /// CIE-10, the catalogue of DGIS.
    Cie10,
    /// ICD-11 MMS, the simple tabulation.
    Icd11,
    /// RxNorm, RRF.
    Rxnorm,
    /// CVX, the table of CDC between bars.
    Cvx,
    /// UCUM, `ucum-essence.xml`.
    Ucum,
    /// Any table with codes and displays.
    Csv,
}

/// What the operator says beside the files.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// In place of the system's own address.
    pub url: Option<String>,
    pub version: Option<String>,
    pub name: Option<String>,
    /// Of the displays in a table.
    pub language: Option<String>,
    /// Columns of a table: code, display, code above.
    pub code_column: Option<String>,
    pub display_column: Option<String>,
    pub parent_column: Option<String>,
}

/// What each form does.
trait Reading: Send {
    /// Whether a file of this name is one of the system's.
    fn wants(&self, name: &str) -> bool;
    fn read(&mut self, name: &str, from: &mut dyn BufRead) -> Result<(), Fault>;
    fn finish(self: Box<Self>, about: About) -> Result<CodeSystem, Fault>;
}

/// Makes one code system of files.
pub struct Loader {
    kind: Kind,
    options: Options,
    reading: Box<dyn Reading>,
    files: usize,
}

impl Loader {
    pub fn new(kind: Kind, options: Options) -> Loader {
        let reading: Box<dyn Reading> = match kind {
            Kind::Snomed => Box::<snomed::Snomed>::default(),
            Kind::Loinc => Box::<loinc::Loinc>::default(),
            Kind::Icd10 => Box::<claml::Claml>::default(),
            Kind::Cie10 => Box::new(csv::Csv::cie10(options.clone())),
            Kind::Icd11 => Box::<icd11::Icd11>::default(),
            Kind::Rxnorm => Box::<rxnorm::Rxnorm>::default(),
            Kind::Cvx => Box::<cvx::Cvx>::default(),
            Kind::Ucum => Box::<ucum::Ucum>::default(),
            Kind::Csv => Box::new(csv::Csv::any(options.clone())),
        };
        Loader { kind, options, reading, files: 0 }
    }

    /// Whether a file of this name is read. A file that the operator names alone is read whatever its name.
    pub fn wants(&self, name: &str) -> bool {
        self.reading.wants(name)
    }

    /// Reads one file; a fault names the row.
    pub fn read(&mut self, name: &str, from: &mut dyn BufRead) -> Result<(), Fault> {
        self.files += 1;
        self.reading.read(name, from)
    }

    pub fn finish(self) -> Result<CodeSystem, Fault> {
        if self.files == 0 {
            return Err(Fault::not_found("there is no file of this code system"));
        }
        let (url, name, title) = known(self.kind);
        let own = self.options.url.or_else(|| (!url.is_empty()).then(|| url.to_owned()));
        let about = About {
            url: own.ok_or_else(|| Fault::invalid("say the address of the code system: --url"))?,
            version: self.options.version.unwrap_or_default(),
            name: self.options.name.unwrap_or_else(|| name.to_owned()),
            title: title.to_owned(),
            language: self.options.language.unwrap_or_default(),
            content: "complete".to_owned(),
            ..About::default()
        };
        let system = self.reading.finish(about)?;
        if system.is_empty() {
            return Err(Fault::invalid("the files have no concept of this code system"));
        }
        Ok(system)
    }
}

/// Address, name and title where the form is that of one system (FHIR R4, terminologies-systems.html).
fn known(kind: Kind) -> (&'static str, &'static str, &'static str) {
    match kind {
        Kind::Snomed => ("http://snomed.info/sct", "SNOMED_CT", "SNOMED CT"),
        Kind::Loinc => ("http://loinc.org", "LOINC", "LOINC"),
        Kind::Icd10 => ("http://hl7.org/fhir/sid/icd-10", "ICD10", "ICD-10"),
        Kind::Cie10 => ("http://hl7.org/fhir/sid/icd-10", "CIE10", "CIE-10"),
        Kind::Icd11 => ("http://id.who.int/icd/release/11/mms", "ICD11MMS", "ICD-11 MMS"),
        Kind::Rxnorm => ("http://www.nlm.nih.gov/research/umls/rxnorm", "RxNorm", "RxNorm"),
        Kind::Cvx => ("http://hl7.org/fhir/sid/cvx", "CVX", "CVX"),
        Kind::Ucum => ("http://unitsofmeasure.org", "UCUM", "UCUM"),
        Kind::Csv => ("", "", ""),
    }
}

/// The digits of a release's date in the name of a file: `..._INT_20260301.txt`.
fn date_in(name: &str) -> Option<&str> {
    let stem = name.split('.').next().unwrap_or(name);
    stem.rsplit('_').find(|part| part.len() == 8 && part.bytes().all(|b| b.is_ascii_digit()))
}

/// The last part of a path.
fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// No use, for a designation.
fn no_use() -> [String; 3] {
    [(); 3].map(|()| String::new())
}
