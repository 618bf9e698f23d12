//! `badiano terminology`: code systems from their publishers' files, kept in the data directory of a node that runs or rests.

use super::say;
use super::validate::package;
use crate::Format;
use badiano_fhir::Value;
use badiano_fhir::terminology::sources::{Kind, Loader, Options};
use badiano_fhir::terminology::{CodeSystem, is_large, line};
use badiano_kernel::Fault;
use badiano_record::terminology::shelf;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Folders inside folders.
const DEPTH_MAX: usize = 16;
/// A word on standard error so often while a large file is read.
const TELL_EACH: Duration = Duration::from_secs(5);

#[derive(Args)]
pub struct TerminologyOptions {
    /// Directorio de datos del nodo / data directory of the node
    #[arg(long, global = true, default_value = "badiano-data")]
    data: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Carga un sistema de códigos de sus archivos / load a code system from its files
    Load(LoadOptions),
    /// Lo que está cargado / what is loaded
    List,
    /// Quita un sistema cargado / take a loaded system away
    Remove {
        /// Su dirección / its address
        url: String,
        /// Solo esta versión / this version alone
        #[arg(long)]
        version: Option<String>,
    },
}

#[derive(Args)]
struct LoadOptions {
    /// Qué es / what it is
    #[arg(long, value_enum)]
    system: System,
    /// La carpeta de la entrega, descomprimida, o un archivo / the release's folder, unpacked, or one file
    path: PathBuf,
    /// Dirección del sistema / address of the system
    #[arg(long)]
    url: Option<String>,
    /// Versión / version [default: lo que digan los archivos / what the files say]
    #[arg(long)]
    version: Option<String>,
    /// Nombre / name
    #[arg(long)]
    name: Option<String>,
    /// Idioma de los textos de una tabla / language of a table's texts
    #[arg(long)]
    language: Option<String>,
    /// Columna de los códigos / column of the codes
    #[arg(long)]
    code_column: Option<String>,
    /// Columna de los nombres / column of the displays
    #[arg(long)]
    display_column: Option<String>,
    /// Columna del código superior / column of the code above
    #[arg(long)]
    parent_column: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum System {
    /// SNOMED CT, RF2 Snapshot
    Snomed,
    /// LOINC, CSV
    Loinc,
    /// ICD-10, ClaML
    Icd10,
    /// CIE-10, catálogo de la DGIS / catalogue of DGIS
    Cie10,
    /// ICD-11 MMS, simple tabulation
    Icd11,
    /// RxNorm, RRF
    Rxnorm,
    /// CVX, tabla de los CDC / table of CDC
    Cvx,
    /// UCUM, ucum-essence.xml
    Ucum,
    /// Una tabla / a table: code,display[,parent][,display:es-MX][,...]
    Csv,
    /// CodeSystem, ValueSet y ConceptMap: archivos o paquete .tgz / files or a .tgz package
    Fhir,
}

impl System {
    fn kind(self) -> Option<Kind> {
        Some(match self {
            System::Snomed => Kind::Snomed,
            System::Loinc => Kind::Loinc,
            System::Icd10 => Kind::Icd10,
            System::Cie10 => Kind::Cie10,
            System::Icd11 => Kind::Icd11,
            System::Rxnorm => Kind::Rxnorm,
            System::Cvx => Kind::Cvx,
            System::Ucum => Kind::Ucum,
            System::Csv => Kind::Csv,
            System::Fhir => return None,
        })
    }
}

pub fn run(options: &TerminologyOptions, format: Format) -> Result<ExitCode, Fault> {
    let data = &options.data;
    match &options.command {
        Command::Load(asked) => match asked.system.kind() {
            Some(kind) => load(data, kind, asked, format)?,
            None => load_package(data, &asked.path, format)?,
        },
        Command::List => list(data, format)?,
        Command::Remove { url, version } => {
            let count = shelf::remove(data, url, version.as_deref())?;
            if count == 0 {
                return Err(Fault::not_found("no such code system is loaded").at(url.as_str()));
            }
            say(&match format {
                Format::Json => json!({ "removed": count }).to_string(),
                Format::Text => format!("{count} archivos quitados / files removed"),
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn load(data: &Path, kind: Kind, asked: &LoadOptions, format: Format) -> Result<(), Fault> {
    at_a_node(data)?;
    let mut loader = Loader::new(
        kind,
        Options {
            url: asked.url.clone(),
            version: asked.version.clone(),
            name: asked.name.clone(),
            language: asked.language.clone(),
            code_column: asked.code_column.clone(),
            display_column: asked.display_column.clone(),
            parent_column: asked.parent_column.clone(),
        },
    );
    for file in files(&asked.path)? {
        let name = file.display().to_string();
        if asked.path.is_dir() && !loader.wants(&name) {
            continue;
        }
        tracing::info!(file = %name, "reading");
        let opened = File::open(&file).map_err(|e| Fault::invalid(e.to_string()).at(name.clone()))?;
        let length = opened.metadata().map_or(0, |m| m.len());
        let mut from = BufReader::with_capacity(1 << 20, Told::new(opened, length));
        loader.read(&name, &mut from).map_err(|fault| {
            let place = format!("{name} {}", fault.place);
            fault.at(place.trim_end())
        })?;
    }
    tracing::info!("building");
    let system = loader.finish()?;
    let path = shelf::keep(data, &system)?;
    tell(&system, &path, format);
    Ok(())
}

/// A data directory that is not there would be a mistake of the hand.
fn at_a_node(data: &Path) -> Result<(), Fault> {
    if data.is_dir() {
        return Ok(());
    }
    Err(Fault::not_found("there is no such data directory").at(data.display().to_string()))
}

fn tell(system: &CodeSystem, path: &Path, format: Format) {
    let about = system.about();
    let bytes = fs::metadata(path).map_or(0, |m| m.len());
    say(&match format {
        Format::Json => {
            json!({ "url": about.url, "version": about.version, "concepts": system.len(), "bytes": bytes })
                .to_string()
        }
        Format::Text => format!(
            "{} {}: {} conceptos, {bytes} bytes / concepts, bytes",
            about.url,
            about.version,
            system.len()
        ),
    });
}

/// Large code systems become files of their own; the rest of a package is one.
fn load_package(data: &Path, path: &Path, format: Format) -> Result<(), Fault> {
    at_a_node(data)?;
    let (mut lines, mut count, mut wrong) = (String::new(), 0_usize, None);
    let mut take = |resource: Value| {
        if is_large(&resource) {
            match CodeSystem::of(&resource).and_then(|system| shelf::keep(data, &system)) {
                Ok(_) => count += 1,
                Err(fault) => wrong = Some(fault),
            }
        } else if let Some(line) = line(&resource) {
            lines.push_str(&line);
            lines.push('\n');
            count += 1;
        }
    };
    package::each(path, &mut |resource| each(resource, &mut take))?;
    if let Some(fault) = wrong {
        return Err(fault);
    }
    if count == 0 {
        let text = "has no CodeSystem, ValueSet or ConceptMap";
        return Err(Fault::invalid(text).at(path.display().to_string()));
    }
    if !lines.is_empty() {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        shelf::keep_lines(data, &name, &lines)?;
    }
    say(&match format {
        Format::Json => json!({ "definitions": count }).to_string(),
        Format::Text => format!("{count} definiciones cargadas / definitions loaded"),
    });
    Ok(())
}

/// The resources in a Bundle, or the one.
fn each(resource: Value, take: &mut dyn FnMut(Value)) -> bool {
    if resource.resource_type() == "Bundle" {
        resource["entry"].items().iter().for_each(|entry| take(entry["resource"].clone()));
    } else {
        take(resource);
    }
    true
}

fn list(data: &Path, format: Format) -> Result<(), Fault> {
    for (about, bytes) in shelf::list(data)? {
        say(&match format {
            Format::Json => {
                json!({ "url": about.url, "version": about.version, "title": about.title, "bytes": bytes })
                    .to_string()
            }
            Format::Text => format!("{}|{}  {}  {bytes} bytes", about.url, about.version, about.title),
        });
    }
    Ok(())
}

/// Every file below, in the order of names; links are not followed.
fn files(path: &Path) -> Result<Vec<PathBuf>, Fault> {
    let failed = |at: &Path, e: std::io::Error| Fault::invalid(e.to_string()).at(at.display().to_string());
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let (mut all, mut open) = (Vec::new(), vec![(path.to_owned(), 0)]);
    while let Some((folder, depth)) = open.pop() {
        for entry in fs::read_dir(&folder).map_err(|e| failed(&folder, e))? {
            let entry = entry.map_err(|e| failed(&folder, e))?;
            let kind = entry.file_type().map_err(|e| failed(&entry.path(), e))?;
            if kind.is_dir() && depth < DEPTH_MAX {
                open.push((entry.path(), depth + 1));
            } else if kind.is_file() {
                all.push(entry.path());
            }
        }
    }
    all.sort();
    Ok(all)
}

/// A reader that says how far it is.
struct Told {
    file: File,
    done: u64,
    length: u64,
    last: Instant,
}

impl Told {
    fn new(file: File, length: u64) -> Self {
        Told { file, done: 0, length, last: Instant::now() }
    }
}

impl Read for Told {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(into)?;
        self.done += read as u64;
        if self.last.elapsed() >= TELL_EACH {
            self.last = Instant::now();
            let percent = self.done * 100 / self.length.max(1);
            tracing::info!(percent, "reading");
        }
        Ok(read)
    }
}
