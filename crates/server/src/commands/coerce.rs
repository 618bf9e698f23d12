//! `badiano coerce`: what rules would do to one DICOM file, before an archive follows them (PS3.4 B.4.1.3).

use super::say;
use crate::Format;
use badiano_dicom::coercion::{Around, Coerced, RULES_MAX, Rule, coerce};
use badiano_dicom::dataset::DataSet;
use badiano_dicom::json as dicom_json;
use badiano_dicom::part10::{Header, Parser, Piece, write_file_meta};
use badiano_kernel::{Fault, Instant};
use clap::Args;
use serde_json::json;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Bytes of a file that are in memory at a time.
const CHUNK: usize = 1 << 20;

#[derive(Args)]
pub struct CoerceOptions {
    /// Una regla o una lista de reglas en JSON / one rule or a list of rules as JSON
    #[arg(long)]
    rules: PathBuf,
    /// El archivo DICOM / the DICOM file
    image: PathBuf,
    /// El título AE que lo habría enviado / the AE title that would have sent it
    #[arg(long, default_value = "import")]
    ae: String,
    /// CLUES de quien lo habría enviado / CLUES of who would have sent it
    #[arg(long, default_value = "")]
    institution: String,
    /// La entrada de la lista de trabajo, en JSON de DICOM / the worklist entry, as DICOM JSON
    #[arg(long)]
    worklist: Option<PathBuf>,
    /// Dónde se escribe el archivo corregido / where the corrected file is written
    #[arg(long)]
    out: Option<PathBuf>,
}

pub fn run(options: &CoerceOptions, format: Format) -> Result<ExitCode, Fault> {
    let rules = rules_of(&options.rules)?;
    let entry = options.worklist.as_deref().map(entry_of).transpose()?;
    let header = header_of(&options.image)?;
    let worklist = || entry.clone();
    let around = Around {
        ae: &options.ae,
        institution: &options.institution,
        system: "BADIANO",
        now: &Instant::now().to_compact_in("UTC"),
        worklist: &worklist,
    };
    let coerced = coerce(&header, &rules.iter().collect::<Vec<_>>(), &around);
    tell(coerced.as_ref(), format);
    if let Some(out) = &options.out {
        write(&options.image, out, &header, coerced.as_ref())?;
    }
    let whole = coerced.is_none_or(|c| c.followed.iter().all(|f| f.not_done.is_empty()));
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn rules_of(file: &Path) -> Result<Vec<Rule>, Fault> {
    let text = fs::read(file).map_err(|e| at(file, &e))?;
    let wrong = |e: serde_json::Error| Fault::invalid(e.to_string()).at(file.display().to_string());
    let value: serde_json::Value = serde_json::from_slice(&text).map_err(wrong)?;
    let rules: Vec<Rule> = match value {
        serde_json::Value::Array(_) => serde_json::from_value(value),
        one => serde_json::from_value(one).map(|rule| vec![rule]),
    }
    .map_err(wrong)?;
    if rules.len() > RULES_MAX {
        return Err(Fault::too_costly("more rules than an archive keeps"));
    }
    for rule in &rules {
        rule.check().map_err(|why| Fault::invalid(why).at(rule.name.clone()))?;
    }
    Ok(rules)
}

fn entry_of(file: &Path) -> Result<DataSet, Fault> {
    let text = fs::read(file).map_err(|e| at(file, &e))?;
    let parsed =
        dicom_json::parse(&text).map_err(|e| Fault::invalid(e.to_string()).at(file.display().to_string()))?;
    let first = parsed.into_iter().next();
    first
        .map(|p| p.dataset)
        .ok_or_else(|| Fault::invalid("no entry is in the file").at(file.display().to_string()))
}

fn header_of(image: &Path) -> Result<Header, Fault> {
    let mut file = File::open(image).map_err(|e| at(image, &e))?;
    let unreadable =
        |e: badiano_dicom::part10::ParseError| Fault::invalid(e.to_string()).at(image.display().to_string());
    let mut parser = Parser::part10();
    let mut buffer = vec![0_u8; CHUNK];
    loop {
        let taken = file.read(&mut buffer).map_err(|e| at(image, &e))?;
        if taken == 0 {
            return parser.finish().map_err(unreadable);
        }
        parser.feed(&buffer[..taken]).map_err(unreadable)?;
    }
}

fn tell(coerced: Option<&Coerced>, format: Format) {
    let followed = coerced.map(|c| c.followed.as_slice()).unwrap_or_default();
    if format == Format::Json {
        return say(&json!({ "followed": followed }).to_string());
    }
    if followed.is_empty() {
        say("Ninguna regla es para este objeto / no rule is for this object");
    }
    for rule in followed {
        say(&format!("{} {}", rule.rule, rule.version));
        for c in &rule.changed {
            say(&format!("  {}: «{}» -> «{}»", c.attribute, c.was, c.now));
        }
        for why in &rule.not_done {
            say(&format!("  no se hizo / not done: {why}"));
        }
    }
}

fn write(image: &Path, out: &Path, header: &Header, coerced: Option<&Coerced>) -> Result<(), Fault> {
    let failed = |e: std::io::Error| at(out, &e);
    let Some(coerced) = coerced else { return fs::copy(image, out).map(drop).map_err(failed) };
    let pieces =
        coerced.pieces(header).ok_or_else(|| Fault::not_supported("deflated data sets are not rewritten"))?;
    let uid = |tag| coerced.dataset.uid(tag).unwrap_or_default();
    let (class, sop) = (uid(badiano_dicom::tags::SOP_CLASS_UID), uid(badiano_dicom::tags::SOP_INSTANCE_UID));
    let meta = write_file_meta(&class, &sop, &header.transfer_syntax, &header.meta.source_aet);
    let mut from = File::open(image).map_err(|e| at(image, &e))?;
    let mut to = File::create(out).map_err(failed)?;
    to.write_all(&meta).map_err(failed)?;
    for piece in &pieces {
        match piece {
            Piece::Made(bytes) => to.write_all(bytes).map_err(failed)?,
            Piece::Stored { offset, length } => {
                from.seek(SeekFrom::Start(*offset)).map_err(failed)?;
                let copied = std::io::copy(&mut Read::take(Read::by_ref(&mut from), *length), &mut to);
                if copied.map_err(failed)? != *length {
                    return Err(Fault::invalid("the file ends early").at(image.display().to_string()));
                }
            }
            Piece::Expanded { .. } => return Err(Fault::bug("a correction expands nothing")),
        }
    }
    to.sync_all().map_err(failed)
}

fn at(path: &Path, error: &std::io::Error) -> Fault {
    Fault::invalid(error.to_string()).at(path.display().to_string())
}
