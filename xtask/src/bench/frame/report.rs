//! The lines of a bench: `{"measure","value","unit","ratio_to","better","load"}`, one a measure, and the table at the end.

use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    Higher,
    Lower,
}

/// The lines so far; each is printed as it is made, so that a run which stops half way has shown what it had.
pub struct Report {
    lines: Vec<Value>,
    file: Option<(PathBuf, File)>,
    failed: Option<String>,
}

impl Report {
    pub fn begin(file: Option<PathBuf>) -> Result<Self, String> {
        let open = |path: PathBuf| match File::create(&path) {
            Ok(file) => Ok((path, file)),
            Err(e) => Err(format!("{}: {e}", path.display())),
        };
        Ok(Report { lines: Vec::new(), file: file.map(open).transpose()?, failed: None })
    }

    /// `ratio_to`: what the value is a multiple of, where it is one (`orthanc`, `nginx`, `write_fsync`).
    pub fn add(&mut self, measure: &str, value: f64, unit: &str, ratio_to: Option<&str>, better: Better) {
        let better = match better {
            Better::Higher => "higher",
            Better::Lower => "lower",
        };
        // How busy the machine was: its load average of the last minute.
        let line = json!({
            "measure": measure, "value": rounded(value), "unit": unit,
            "ratio_to": ratio_to, "better": better, "load": load(),
        });
        self.line(line);
    }

    /// A line that another program made, in the same form.
    pub fn pass_on(&mut self, text: &str) -> Result<(), String> {
        let mut line: Value = serde_json::from_str(text).map_err(|e| format!("{text}: {e}"))?;
        let said = |name: &str| line.get(name).is_some();
        if !["measure", "value", "unit", "ratio_to", "better"].into_iter().all(said) {
            return Err(format!("a line of a measure lacks a part: {text}"));
        }
        line["load"] = json!(load());
        self.line(line);
        Ok(())
    }

    /// What was measured before, for a ratio.
    pub fn value(&self, measure: &str) -> Option<f64> {
        self.lines.iter().rev().find(|line| line["measure"] == measure)?["value"].as_f64()
    }

    fn line(&mut self, line: Value) {
        println!("{line}");
        if let Some((path, file)) = &mut self.file
            && let Err(e) = writeln!(file, "{line}")
        {
            self.failed = Some(format!("{}: {e}", path.display()));
        }
        self.lines.push(line);
    }

    /// Keeps what was measured, for people who read and do not run it.
    pub fn keep(&self, area: &str, what: &str) -> Result<(), String> {
        super::kept::keep(area, what, &self.lines)
    }

    /// For people, on standard error.
    pub fn table(&self) {
        eprintln!("\n{:<30} {:>14} {:<8} {:<8} of", "measure", "value", "unit", "better");
        for line in &self.lines {
            let text = |name: &str| line[name].as_str().unwrap_or_default();
            let value = line["value"].to_string();
            let [measure, unit, better, of] = ["measure", "unit", "better", "ratio_to"].map(text);
            eprintln!("{measure:<30} {value:>14} {unit:<8} {better:<8} {of}");
        }
        eprintln!("load average of the last minute: {}", load());
        if let Some(why) = &self.failed {
            eprintln!("the file is not whole: {why}");
        }
    }
}

/// Four significant digits: more would say what was not measured.
fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::{Better, Report, rounded};

    #[test]
    fn a_line_has_all_its_parts() {
        let mut report = Report::begin(None).unwrap();
        report.add("cstore_1_vs_floor", 0.812_345, "", Some("write_fsync"), Better::Higher);
        let line = &report.lines[0];
        for part in ["measure", "value", "unit", "ratio_to", "better", "load"] {
            assert!(line.get(part).is_some(), "{part}");
        }
        assert_eq!(line["value"], 0.8123);
    }

    #[test]
    fn a_line_of_another_program_that_lacks_a_part_is_refused() {
        let mut report = Report::begin(None).unwrap();
        assert!(report.pass_on(r#"{"measure":"x","value":1}"#).is_err());
        let whole = r#"{"measure":"x","value":1,"unit":"s","ratio_to":null,"better":"lower"}"#;
        assert!(report.pass_on(whole).is_ok());
    }

    #[test]
    fn four_digits_are_kept() {
        assert_eq!([rounded(12_345.6), rounded(0.000_123_456), rounded(0.0)], [12_350.0, 0.000_123_5, 0.0]);
    }
}
