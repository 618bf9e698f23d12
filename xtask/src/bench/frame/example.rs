//! Measures without a node: a release example of a crate, which prints lines of the bench's form.

use super::report::Report;
use crate::process;

/// Builds and runs it; each of its lines that begins with `{` is a measure.
pub fn measure(report: &mut Report, package: &str, example: &str) -> Result<(), String> {
    let of = ["--release", "--package", package, "--example", example];
    process::run_aside(process::cargo().arg("build").args(of))?;
    let said = process::read(process::cargo().args(["run", "--quiet"]).args(of))?;
    said.lines().filter(|line| line.starts_with('{')).try_for_each(|line| report.pass_on(line))
}

/// Builds and runs one that makes data; what it wrote.
pub fn output(package: &str, example: &str, arguments: &[String]) -> Result<String, String> {
    let of = ["--release", "--package", package, "--example", example];
    process::run_aside(process::cargo().arg("build").args(of))?;
    process::read(process::cargo().args(["run", "--quiet"]).args(of).arg("--").args(arguments))
}
