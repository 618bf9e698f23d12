//! `badiano validate`: resources against the standard, on the command line (FHIR R4, validation.html).

pub mod inputs;
pub mod package;

use super::output::{Output, Stopped, ended};
use crate::Format;
use badiano_fhir::validate::{Definitions, Issue, IssueType, Position, Severity, position_of};
use badiano_fhir::{Value, fhir, json, outcome, validate};
use badiano_kernel::{Fault, FaultKind};
use clap::Args;
use inputs::Input;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

/// Where HL7's own tools put the file, the line and the column of an outcome.
const FILE: &str = "http://hl7.org/fhir/StructureDefinition/operationoutcome-file";
const LINE: &str = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line";
const COLUMN: &str = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-col";
/// Inputs between two signs of life on a terminal.
const PROGRESS_EVERY: usize = 500;

#[derive(Args)]
pub struct ValidateOptions {
    /// Archivos o carpetas (JSON, XML, NDJSON), o - para la entrada estándar / files, folders, or - for standard input
    #[arg(required = true, value_name = "FILE|DIR|-")]
    inputs: Vec<PathBuf>,
    /// Perfil que cada recurso debe cumplir, además de los que declara / profile that each resource must fit, beside those it claims
    #[arg(long, value_name = "URL")]
    profile: Vec<String>,
    /// Paquete de definiciones: carpeta, .tgz o archivo / package of definitions: folder, .tgz or file
    #[arg(long, value_name = "PACKAGE")]
    ig: Vec<PathBuf>,
}

/// What resources are checked against.
struct Against {
    definitions: Definitions,
    profiles: Vec<String>,
}

/// What was looked at so far.
#[derive(Default)]
struct Tally {
    inputs: usize,
    invalid: usize,
    warnings: usize,
    /// Files that could not be opened or are no text.
    unreadable: usize,
}

pub fn run(options: &ValidateOptions, format: Format) -> Result<ExitCode, Fault> {
    let files = inputs::files(&options.inputs)?;
    if files.is_empty() {
        return Err(Fault::invalid("no file ends in .json, .xml or .ndjson")
            .at(options.inputs[0].display().to_string()));
    }
    let mut against = Against { definitions: Definitions::new(), profiles: options.profile.clone() };
    for path in &options.ig {
        let count = package::load(path, &mut against.definitions)?;
        if format == Format::Text {
            tell(&format!("{}: {count} definiciones / definitions", path.display()));
        }
    }
    if let Some(unknown) = options.profile.iter().find(|url| !against.definitions.knows(url)) {
        return Err(Fault::invalid("no such profile here; name its package with --ig").at(unknown.as_str()));
    }
    ended(all(&files, &against, format))
}

fn all(files: &[PathBuf], against: &Against, format: Format) -> Result<ExitCode, Stopped> {
    let mut out = Output::open();
    let mut tally = Tally::default();
    for file in files {
        match inputs::each_in(file, &mut |input| one(&input, against, format, &mut out, &mut tally)) {
            // What cannot be opened does not keep the rest from being looked at.
            Err(Stopped::Failed(fault)) if fault.kind == FaultKind::Invalid => {
                super::complain(&fault, format);
                tally.unreadable += 1;
            }
            done => done?,
        }
    }
    out.flush()?;
    if format == Format::Text {
        tell(&format!(
            "{} revisados, {} no válidos, {} advertencias / {} checked, {} not valid, {} warnings",
            tally.inputs, tally.invalid, tally.warnings, tally.inputs, tally.invalid, tally.warnings
        ));
    }
    Ok(match (tally.unreadable, tally.invalid) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::FAILURE,
        _ => ExitCode::from(2),
    })
}

/// For people, beside the results.
#[allow(clippy::print_stderr)]
fn tell(line: &str) {
    eprintln!("{line}");
}

fn one(
    input: &Input,
    against: &Against,
    format: Format,
    out: &mut Output,
    tally: &mut Tally,
) -> Result<(), Stopped> {
    let (issues, positions) = findings(input, against);
    tally.inputs += 1;
    tally.invalid += usize::from(issues.iter().any(Issue::is_error));
    tally.warnings += issues.iter().filter(|i| i.severity == Severity::Warning).count();
    match format {
        Format::Json => out.line(&json::to_string(&outcome_of(input, &issues, &positions)))?,
        Format::Text => {
            for (issue, position) in issues.iter().zip(&positions) {
                out.line(&line_of(input, issue, *position))?;
            }
            if !issues.iter().any(Issue::is_error) {
                out.line(&format!("{}: válido / valid", input.name))?;
            }
        }
    }
    if tally.inputs.is_multiple_of(PROGRESS_EVERY) && std::io::stderr().is_terminal() {
        tell(&format!("{} ...", tally.inputs));
    }
    // Each answer is there when it is known: the input may be a pipe that goes on.
    if input.lines_before > 0 { Ok(()) } else { out.flush() }
}

/// What is wrong, and where in the text.
fn findings(input: &Input, against: &Against) -> (Vec<Issue>, Vec<Option<Position>>) {
    match input.parse() {
        Ok(resource) => {
            let issues = validate::validate_with(&resource, &against.definitions, &against.profiles);
            let positions = issues.iter().map(|i| position_of(&input.text, &i.expression)).collect();
            (issues, positions)
        }
        Err(unreadable) => {
            let issue = Issue {
                severity: Severity::Fatal,
                code: IssueType::Structure,
                expression: String::new(),
                text_en: format!("cannot be read: {}", unreadable.what),
                text_es: "no se puede leer: no tiene la forma de JSON o XML de FHIR".to_owned(),
            };
            (vec![issue], vec![Some(Position { line: unreadable.line, column: unreadable.column })])
        }
    }
}

/// As compilers write it, so that editors find the place.
fn line_of(input: &Input, issue: &Issue, position: Option<Position>) -> String {
    let file = input.name.split('#').next().unwrap_or(&input.name);
    let place = position.map_or(String::new(), |p| format!(":{}:{}", p.line + input.lines_before, p.column));
    let severity = issue.severity.code();
    format!(
        "{file}{place}: {severity}: {}: {} / {} [{}]",
        issue.expression,
        issue.text_es,
        issue.text_en,
        issue.code.code()
    )
}

/// The OperationOutcome of one input, with its name, and each issue's line and column.
fn outcome_of(input: &Input, issues: &[Issue], positions: &[Option<Position>]) -> Value {
    let mut made = outcome::from_issues(issues);
    if let Some(object) = made.as_object_mut() {
        object.insert(1, "extension", fhir!([{ "url": FILE, "valueString": (input.name.as_str()) }]));
        let listed = object.get_mut("issue").and_then(Value::as_array_mut);
        for (issue, position) in listed.into_iter().flatten().zip(positions) {
            let (Some(position), Some(issue)) = (position, issue.as_object_mut()) else { continue };
            let line = position.line + input.lines_before;
            let place = fhir!([
                { "url": LINE, "valueInteger": line },
                { "url": COLUMN, "valueInteger": (position.column) },
            ]);
            issue.insert(0, "extension", place);
            issue.set("location", fhir!([(format!("Line[{line}] Col[{}]", position.column))]));
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(text: &str) -> Input {
        Input { name: "p.ndjson#7".to_owned(), text: text.to_owned(), lines_before: 6 }
    }

    #[test]
    fn a_wrong_element_is_told_with_its_file_line_and_column_in_two_languages() {
        let input = input("{\"resourceType\": \"Patient\",\n \"gender\": \"hombre\"}");
        let (issues, positions) =
            findings(&input, &Against { definitions: Definitions::new(), profiles: Vec::new() });
        let line = line_of(&input, &issues[0], positions[0]);
        assert!(line.starts_with("p.ndjson:8:2: error: Patient.gender: el código no está"), "{line}");
        assert!(line.contains(" / the code is not in") && line.ends_with("[code-invalid]"), "{line}");
    }

    #[test]
    fn the_outcome_of_an_input_is_a_valid_resource_that_names_the_place() {
        for text in [
            "{\"resourceType\":\"Patient\",\"x\":1}",
            "{",
            "<Patient/>",
            "{\"resourceType\":\"Patient\",\"id\":\"1\"}",
        ] {
            let input = input(text);
            let (issues, positions) =
                findings(&input, &Against { definitions: Definitions::new(), profiles: Vec::new() });
            let made = outcome_of(&input, &issues, &positions);
            assert_eq!(validate::validate(&made), [], "{}", json::to_string(&made));
            assert_eq!(made["extension"][0].str_of("valueString"), "p.ndjson#7");
        }
    }
}
