//! `badiano cda`: clinical documents (HL7 CDA R2) of files to FHIR, and FHIR as a clinical summary.

use super::{say, whole_file};
use badiano_fhir::json;
use badiano_hl7::cda;
use badiano_kernel::{Fault, Instant, id};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Subcommand)]
pub enum CdaCommand {
    /// A FHIR: un documento CDA como Bundle de tipo document / to FHIR: a CDA document as a document Bundle
    ToFhir(ToFhirOptions),
    /// De FHIR: un Bundle (JSON o XML) como resumen clínico CDA R2 / from FHIR: a Bundle (JSON or XML) as a clinical summary
    FromFhir(FromFhirOptions),
}

#[derive(Args)]
pub struct ToFhirOptions {
    /// Zona de las horas sin desfase / zone of times without an offset
    #[arg(long, default_value = "America/Mexico_City")]
    zone: String,
    /// Archivo, o - para la entrada estándar / file, or - for standard input
    file: PathBuf,
}

#[derive(Args)]
pub struct FromFhirOptions {
    /// Archivo, o - para la entrada estándar / file, or - for standard input
    file: PathBuf,
}

pub fn run(command: &CdaCommand) -> Result<ExitCode, Fault> {
    match command {
        CdaCommand::ToFhir(options) => to_fhir(options),
        CdaCommand::FromFhir(options) => from_fhir(options),
    }
}

fn to_fhir(options: &ToFhirOptions) -> Result<ExitCode, Fault> {
    let bytes = whole_file(&options.file)?;
    let place = options.file.display().to_string();
    let read = cda::to_fhir(&bytes, &options.zone).map_err(|e| Fault::invalid(e.to_string()).at(place))?;
    for (what, count) in &read.losses {
        super::note(&format!("{what}: {count} (narrative only)"));
    }
    say(&json::to_string_pretty(&read.bundle));
    Ok(ExitCode::SUCCESS)
}

fn from_fhir(options: &FromFhirOptions) -> Result<ExitCode, Fault> {
    let bytes = whole_file(&options.file)?;
    let place = options.file.display().to_string();
    let bundle = super::resource(&bytes).map_err(|f| f.at(place.clone()))?;
    let now = Instant::now().to_rfc3339_in("America/Mexico_City");
    let now: String = now.chars().filter(|c| !matches!(c, 'T' | ':')).collect();
    // The date's own hyphens go, the offset's stays.
    let now = format!("{}{}", now.get(..10).unwrap_or("").replace('-', ""), now.get(10..).unwrap_or(""));
    let stamp = cda::Stamp { now: &now, id: &id::random_uuid() };
    let written = cda::from_fhir(&bundle, stamp).map_err(|e| Fault::invalid(e.what).at(place))?;
    say(String::from_utf8_lossy(&written).trim_end());
    Ok(ExitCode::SUCCESS)
}
