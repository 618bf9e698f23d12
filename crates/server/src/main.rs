//! The one binary of Badiano: commands, the table of roles, configuration.

mod commands;
mod config;
mod jobs;
mod roles;

use clap::{Parser, Subcommand, ValueEnum};
use commands::administer;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// El expediente clínico y las imágenes de un país, en un solo programa.
/// One program for a country's health record and its images.
#[derive(Parser)]
#[command(name = "badiano", version, after_help = AFTER_HELP)]
struct Arguments {
    /// Cómo se escriben los resultados / how results are printed
    #[arg(long, value_enum, default_value_t = Format::Text, global = true)]
    format: Format,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Ejemplos / examples:
  badiano serve                             un hospital en https://127.0.0.1:8443, sin configurar nada
  badiano serve --role hub --data /srv/hub  el concentrador nacional
  badiano demo                              un concentrador y dos hospitales con datos sintéticos
  badiano verify comprobante.txt --keys llaves.txt
  badiano import /mnt/archivo --report importado.ndjson    los archivos DICOM de un archivo anterior
  badiano deidentify estudio/ --out anonimo/ --key llave.txt    imágenes sin quien es la persona (PS3.15)
  badiano coerce --rules reglas.json imagen.dcm   lo que las reglas corregirían, antes de activarlas
  badiano hl7 to-fhir mensaje.hl7           un mensaje HL7 v2 como transacción FHIR
  badiano cda to-fhir resumen.xml           un documento CDA R2 como documento FHIR
  badiano validate paciente.json            recursos FHIR R4 (JSON, XML, NDJSON, carpetas, -)
  badiano fhirpath name.given paciente.json      lo que da una expresión FHIRPath

Códigos de salida / exit codes: 0 bien, 1 no se cumple o falló, 2 uso incorrecto, 3 no disponible";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

#[derive(Subcommand)]
enum Command {
    /// Inicia un nodo / start a node
    Serve(config::ServeOptions),
    /// Un concentrador y dos hospitales con datos sintéticos / a hub and two hospitals with synthetic data
    Demo(commands::demo::DemoOptions),
    /// Comprueba sin red un comprobante de acceso / check an access proof offline
    Verify(commands::verify::VerifyOptions),
    /// Revisa recursos FHIR R4 / validate FHIR R4 resources
    Validate(commands::validate::ValidateOptions),
    /// Evalúa una expresión FHIRPath / evaluate a FHIRPath expression
    Fhirpath(commands::fhirpath::FhirpathOptions),
    /// Une este hospital a un concentrador, o renueva su certificado / join this hospital to a hub, or renew its certificate
    Join(commands::join::JoinOptions),
    /// Mensajes HL7 v2 de archivos / HL7 v2 messages from files
    #[command(subcommand)]
    Hl7(commands::hl7::Hl7Command),
    /// Documentos clínicos CDA R2 / clinical documents (CDA R2)
    #[command(subcommand)]
    Cda(commands::cda::CdaCommand),
    /// Enlaza los registros de una misma persona / link records that are of one person
    Match(commands::match_people::MatchOptions),
    /// Guarda los archivos DICOM de un directorio / store the DICOM files of a directory
    Import(commands::import::ImportOptions),
    /// Lo que unas reglas corregirían en un archivo DICOM / what rules would correct in a DICOM file
    Coerce(commands::coerce::CoerceOptions),
    /// Quita de archivos DICOM lo que identifica a una persona / take out of DICOM files what identifies a person
    Deidentify(commands::deidentify::DeidentifyOptions),
    /// Sistemas de códigos: SNOMED CT, LOINC, CIE-10 y otros / code systems from their publishers' files
    Terminology(commands::terminology::TerminologyOptions),
    /// Equipos DICOM y remitentes HL7 / DICOM devices and HL7 senders
    Peers(administer::Group<administer::Peers>),
    /// Cuentas, roles y proveedores de identidad / accounts, roles and identity providers
    Users(administer::Group<administer::Users>),
    /// Instituciones del concentrador y sus certificados / the hub's institutions and their certificates
    Institutions(administer::Group<administer::Institutions>),
    /// Sistemas que preguntan por FHIR / systems that ask by FHIR
    Systems(administer::Group<administer::Systems>),
    /// Mensajes HL7 recibidos / HL7 messages received
    Messages(administer::Group<administer::Messages>),
    /// Lo que espera, y por qué / what waits, and why
    Queues(administer::Group<administer::Queues>),
    /// Estado del nodo en marcha / state of the running node
    Status(administer::At),
    /// Copia un nodo, en marcha o detenido / copy a node, running or stopped
    Backup(commands::backup::BackupOptions),
    /// Devuelve una copia a un directorio vacío / bring a copy back into an empty directory
    Restore(commands::backup::RestoreOptions),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // One cryptography for everything that speaks TLS; set once, before anything does.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,rustls=warn,hyper=warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let outcome = match arguments.command {
        Command::Serve(options) => commands::serve::run(&options),
        Command::Demo(options) => commands::demo::run(&options),
        Command::Verify(options) => commands::verify::run(&options, arguments.format),
        Command::Hl7(command) => commands::hl7::run(&command, arguments.format),
        Command::Cda(command) => commands::cda::run(&command),
        Command::Validate(options) => commands::validate::run(&options, arguments.format),
        Command::Fhirpath(options) => commands::fhirpath::run(&options, arguments.format),
        Command::Match(options) => commands::match_people::run(&options, arguments.format),
        Command::Join(options) => commands::join::run(&options),
        Command::Import(options) => commands::import::run(&options, arguments.format),
        Command::Coerce(options) => commands::coerce::run(&options, arguments.format),
        Command::Deidentify(options) => commands::deidentify::run(&options, arguments.format),
        Command::Terminology(options) => commands::terminology::run(&options, arguments.format),
        Command::Peers(group) => administer::run(&group, arguments.format),
        Command::Users(group) => administer::run(&group, arguments.format),
        Command::Institutions(group) => administer::run(&group, arguments.format),
        Command::Systems(group) => administer::run(&group, arguments.format),
        Command::Messages(group) => administer::run(&group, arguments.format),
        Command::Queues(group) => administer::run(&group, arguments.format),
        Command::Status(at) => administer::status(&at, arguments.format),
        Command::Backup(options) => commands::backup::backup(&options),
        Command::Restore(options) => commands::backup::restore(&options),
    };
    match outcome {
        Ok(code) => code,
        Err(fault) => {
            commands::complain(&fault, arguments.format);
            commands::exit_code(&fault)
        }
    }
}
