//! `badiano hl7`: messages of version 2 from files, to FHIR, written again, and what of them no table maps (HL7 v2.5.1, v2-to-FHIR guide).

use super::{note, say, whole_file as read};
use crate::Format;
use badiano_fhir::json;
use badiano_gateway::mllp;
use badiano_hl7::map::back::{self, Stamp};
use badiano_hl7::map::{Mapped, Naming, Tables, map};
use badiano_hl7::message::{File, Message};
use badiano_kernel::{Fault, Instant, id};
use clap::{Args, Subcommand};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Subcommand)]
pub enum Hl7Command {
    /// A FHIR: una transacción por mensaje, una por línea / to FHIR: a transaction Bundle for each message, one a line
    ToFhir(ToFhirOptions),
    /// De FHIR: un Bundle (JSON o XML) como mensaje / from FHIR: a Bundle (JSON or XML) as a message
    FromFhir(FromFhirOptions),
    /// Lee y vuelve a escribir; dice si salen los mismos bytes / read and write again; tells whether the bytes are the same
    Roundtrip(Files),
    /// Lo que ninguna tabla traduce, contado por emisor y campo / what no table maps, counted by sender and field
    Losses(LossesOptions),
}

#[derive(Args)]
pub struct Files {
    /// Archivos, o - para la entrada estándar / files, or - for standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// How a message is read: the tables of the product, and a place's own over them.
#[derive(Args)]
struct Reading {
    /// Tablas propias que se suman a las de Badiano / own tables that are laid over Badiano's
    #[arg(long)]
    tables: Option<PathBuf>,
    /// Autoridad que asigna números y su sistema / assigning authority and its system: NAME=URI
    #[arg(long = "authority", value_parser = authority)]
    authorities: Vec<(String, String)>,
    /// Zona de las horas sin desfase / zone of times without an offset
    #[arg(long, default_value = "America/Mexico_City")]
    zone: String,
}

#[derive(Args)]
pub struct ToFhirOptions {
    #[command(flatten)]
    reading: Reading,
    /// Archivo, o - para la entrada estándar / file, or - for standard input
    file: PathBuf,
}

#[derive(Args)]
pub struct FromFhirOptions {
    #[command(flatten)]
    reading: Reading,
    /// Tipo de mensaje, si el Bundle no lo dice / kind of message where the Bundle does not say it: ORU^R01
    #[arg(long)]
    kind: Option<String>,
    /// Archivo, o - para la entrada estándar / file, or - for standard input
    file: PathBuf,
}

#[derive(Args)]
pub struct LossesOptions {
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    files: Files,
}

pub fn run(command: &Hl7Command, format: Format) -> Result<ExitCode, Fault> {
    match command {
        Hl7Command::ToFhir(options) => to_fhir(options),
        Hl7Command::FromFhir(options) => from_fhir(options),
        Hl7Command::Roundtrip(options) => roundtrip(options, format),
        Hl7Command::Losses(options) => losses(options, format),
    }
}

/// One message is printed indented, several one a line. A message that cannot be read is told of and the others go on.
fn to_fhir(options: &ToFhirOptions) -> Result<ExitCode, Fault> {
    let (tables, naming) = options.reading.open()?;
    let bytes = read(&options.file)?;
    let file = File::read(&bytes);
    let messages: Vec<&[u8]> = file.messages(&bytes).collect();
    let mut unread = 0;
    for message in &messages {
        match Message::parse(*message) {
            Ok(message) => {
                let mapped = map(&message, &tables, &naming);
                tell_apart(&mapped);
                let bundle = mapped.bundle();
                say(&if messages.len() == 1 {
                    json::to_string_pretty(&bundle)
                } else {
                    json::to_string(&bundle)
                });
            }
            Err(error) => {
                unread += 1;
                note(&format!("{}: {error}", options.file.display()));
            }
        }
    }
    if messages.is_empty() {
        return Err(
            Fault::invalid("no message: nothing begins with MSH").at(options.file.display().to_string())
        );
    }
    Ok(if unread == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One message, its segments ended by CR as they are on the wire.
fn from_fhir(options: &FromFhirOptions) -> Result<ExitCode, Fault> {
    let (tables, naming) = options.reading.open()?;
    let bytes = read(&options.file)?;
    let place = options.file.display().to_string();
    let bundle = super::resource(&bytes).map_err(|f| f.at(place))?;
    let (now, number) = (Instant::now().to_compact_in(&naming.zone), id::random_uuid());
    let stamp = Stamp { sender: ("BADIANO", ""), now: &now, control_id: number.get(..20).unwrap_or(&number) };
    let written = back::from_fhir(&bundle, options.kind.as_deref(), &tables, &naming, stamp)?;
    for (kind, count) in &written.left_out {
        note(&format!("{kind}: {count} in no segment"));
    }
    let mut out = std::io::stdout().lock();
    out.write_all(&written.bytes).map_err(|e| Fault::unavailable(e.to_string()))?;
    Ok(ExitCode::SUCCESS)
}

/// What the reader of the Bundle should know, beside it.
fn tell_apart(mapped: &Mapped) {
    let lost: usize = mapped.losses.iter().map(|l| l.count).sum();
    if lost > 0 {
        note(&format!("{}: {lost} fields are in no resource (see: badiano hl7 losses)", mapped.kind));
    }
    if let Some(why) = mapped.needs_person {
        note(&format!("{}: {why}", mapped.kind));
    }
}

fn roundtrip(options: &Files, format: Format) -> Result<ExitCode, Fault> {
    let mut failed = false;
    for path in &options.files {
        let outcome = read(path).map_err(|f| f.to_string()).and_then(|bytes| written_again(&bytes));
        failed |= outcome.is_err();
        let name = path.display().to_string();
        say(&match (format, outcome) {
            (Format::Text, Ok((messages, bytes))) => {
                format!("{name}: igual / same, {messages} messages, {bytes} bytes")
            }
            (Format::Text, Err(why)) => format!("{name}: DISTINTO / DIFFERENT: {why}"),
            (Format::Json, Ok((messages, bytes))) => {
                serde_json::json!({ "file": name, "same": true, "messages": messages, "bytes": bytes })
                    .to_string()
            }
            (Format::Json, Err(why)) => {
                serde_json::json!({ "file": name, "same": false, "why": why }).to_string()
            }
        });
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Messages and bytes of a file that comes out as it went in, each message built anew from its parts.
fn written_again(bytes: &[u8]) -> Result<(usize, usize), String> {
    let file = File::read(bytes);
    let mut again = Vec::with_capacity(bytes.len());
    let mut messages = 0;
    for part in &file.parts {
        let own = &bytes[part.range()];
        if matches!(part, badiano_hl7::message::FilePart::Message(_)) {
            messages += 1;
            again.extend(Message::parse(own).map_err(|e| format!("message {messages}: {e}"))?.rebuilt());
        } else {
            again.extend_from_slice(own);
        }
    }
    match again.iter().zip(bytes).position(|(a, b)| a != b) {
        _ if messages == 0 => Err("no message: nothing begins with MSH".to_owned()),
        None if again.len() == bytes.len() => Ok((messages, bytes.len())),
        at => Err(format!("differs at byte {}", at.unwrap_or(again.len().min(bytes.len())))),
    }
}

/// Sender, kind of message, place and reason, and how often.
type Ledger = BTreeMap<(String, String, String, String), usize>;

fn losses(options: &LossesOptions, format: Format) -> Result<ExitCode, Fault> {
    let (tables, naming) = options.reading.open()?;
    let mut ledger = Ledger::new();
    let mut unread = 0;
    for path in &options.files.files {
        let bytes = read(path)?;
        for message in File::read(&bytes).messages(&bytes) {
            match Message::parse(message) {
                Ok(message) => count(&message, &map(&message, &tables, &naming), &mut ledger),
                Err(error) => {
                    unread += 1;
                    note(&format!("{}: {error}", path.display()));
                }
            }
        }
    }
    for ((sender, kind, place, reason), count) in &ledger {
        say(&match format {
            Format::Text => format!("{sender}\t{kind}\t{place}\t{count}\t{reason}"),
            Format::Json => {
                serde_json::json!({ "sender": sender, "message": kind, "location": place, "count": count, "reason": reason })
                    .to_string()
            }
        });
    }
    Ok(if unread == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn count(message: &Message, mapped: &Mapped, ledger: &mut Ledger) {
    let sender = format!("{}/{}", message.get("MSH-3.1"), message.get("MSH-4.1"));
    for loss in &mapped.losses {
        let key = (sender.clone(), mapped.kind.clone(), loss.location.clone(), loss.reason.clone());
        *ledger.entry(key).or_default() += loss.count;
    }
}

impl Reading {
    fn open(&self) -> Result<(Tables, Naming), Fault> {
        let mut tables = Tables::standard();
        if let Some(path) = &self.tables {
            let place = path.display().to_string();
            let text = std::fs::read_to_string(path)
                .map_err(|e| Fault::unavailable(e.to_string()).at(place.clone()))?;
            tables = tables.with(&text).map_err(|e| Fault::invalid(e.to_string()).at(place))?;
        }
        let mut naming = mllp::naming(&self.zone, "");
        naming.whole = true;
        naming.authorities.extend(self.authorities.iter().cloned());
        Ok((tables, naming))
    }
}

fn authority(text: &str) -> Result<(String, String), String> {
    let (name, system) = text.split_once('=').ok_or("NAME=URI")?;
    Ok((name.to_owned(), system.to_owned()))
}
