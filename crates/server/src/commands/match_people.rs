//! `badiano match`: links a file of FHIR Patients without labels, and says of each pair why.

use crate::Format;
use crate::commands::say;
use badiano_fhir::json;
use badiano_kernel::Fault;
use badiano_record::matching::{Bands, Decision, Linked, Person, explain, link};
use clap::Args;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A line, one Patient, that is longer is refused.
const LINE_BYTES_MAX: usize = 1 << 20;

#[derive(Args)]
pub struct MatchOptions {
    /// Pacientes de FHIR, uno por línea / FHIR Patients, one a line
    #[arg(long = "in")]
    input: PathBuf,
    /// Grupos: rec_id,cluster_id, sólo enlaces automáticos / clusters, automatic links only
    #[arg(long)]
    out: PathBuf,
    /// Pares con su franja y su explicación, uno por línea / pairs with their band and explanation, one a line
    #[arg(long)]
    pairs: Option<PathBuf>,
}

pub fn run(options: &MatchOptions, format: Format) -> Result<ExitCode, Fault> {
    let people = read(&options.input)?;
    let linked = link(&people, Bands::default());
    write(&options.out, |out| clusters(&people, &linked, out))?;
    if let Some(path) = &options.pairs {
        write(path, |out| pairs(&people, &linked, out))?;
    }
    tell(&people, &linked, format);
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<Vec<Person>, Fault> {
    let place = path.display().to_string();
    let failed = |e: std::io::Error| Fault::unavailable(e.to_string()).at(place.clone());
    let mut people = Vec::new();
    for (number, line) in (1..).zip(BufReader::new(File::open(path).map_err(failed)?).split(b'\n')) {
        let line = line.map_err(failed)?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let at = format!("{place}, line {number}");
        if line.len() > LINE_BYTES_MAX {
            return Err(Fault::invalid("longer than a Patient may be (1 MiB)").at(at));
        }
        let patient = json::parse(&line).map_err(|e| Fault::invalid(e.to_string()).at(at.clone()))?;
        if patient.resource_type() != "Patient" || patient.str_of("id").is_empty() {
            return Err(Fault::invalid("not a Patient with an id").at(at));
        }
        people.push(Person::of_patient(&patient));
    }
    Ok(people)
}

fn write(path: &Path, rows: impl Fn(&mut dyn Write) -> std::io::Result<()>) -> Result<(), Fault> {
    let written = File::create(path).and_then(|file| {
        let mut out = BufWriter::new(file);
        rows(&mut out)?;
        out.flush()
    });
    written.map_err(|e| Fault::unavailable(e.to_string()).at(path.display().to_string()))
}

/// A row a record; the cluster has the name of its first record. A value that needs it is quoted (RFC 4180).
fn clusters(people: &[Person], linked: &Linked, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "rec_id,cluster_id")?;
    for (person, cluster) in people.iter().zip(&linked.cluster) {
        writeln!(out, "{},{}", cell(&person.id), cell(&people[*cluster].id))?;
    }
    Ok(())
}

fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn pairs(people: &[Person], linked: &Linked, out: &mut dyn Write) -> std::io::Result<()> {
    let line = |d: &Decision| json::to_string(&explain(people, d, &linked.weights));
    linked.decisions.iter().try_for_each(|decision| writeln!(out, "{}", line(decision)))
}

fn tell(people: &[Person], linked: &Linked, format: Format) {
    use badiano_record::matching::Band;
    let of = |band: Band| linked.decisions.iter().filter(|d| d.score.band == band).count();
    let clusters = linked.cluster.iter().enumerate().filter(|(place, cluster)| place == *cluster).count();
    let (automatic, review) = (of(Band::Automatic), of(Band::Review));
    say(&match format {
        Format::Text => format!(
            "{} registros, {clusters} personas; pares: {} comparados, {automatic} automáticos, {review} por revisar / \
             records, people; pairs: compared, automatic, for review",
            people.len(),
            linked.compared
        ),
        Format::Json => serde_json::json!({
            "records": people.len(), "clusters": clusters, "compared": linked.compared,
            "automatic": automatic, "review": review
        })
        .to_string(),
    });
}
