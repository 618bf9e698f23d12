//! `cargo xtask prove AREA [--seed N] [--minutes N]`: an area's tests at their full count; what was shown is kept in `docs/proofs`.
//!
//! The tests are the same as in `cargo xtask test`; `BADIANO_PROOF=full` makes them go on (`crates/testkit/src/proof.rs` has the
//! convention). A new proof is a test that begins a `Proof`, and at most one row of [`AREAS`].

mod mutations;
mod record;

use crate::stopped::Stopped;
use crate::{codegen, process, python};
use record::Record;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// What is shown, and how.
struct Area {
    name: &'static str,
    what: &'static str,
    by: By,
}

enum By {
    Tests(&'static [Tests]),
    /// Of a seed and minutes: a page's text.
    Page(fn(u64, u64) -> Result<String, String>),
    /// Nobody has written it yet.
    Nothing,
}

/// Tests of one binary of a package, by parts of their names.
struct Tests {
    package: &'static str,
    binary: &'static str,
    named: &'static [&'static str],
}

const AREAS: [Area; 9] = [
    Area {
        name: "store",
        what: "what was acknowledged survives kill -9 and power loss, and nothing is half",
        by: By::Tests(&[Tests {
            package: "badiano-store",
            binary: "all",
            named: &["after_a_power_loss", "survives_kill_9"],
        }]),
    },
    Area {
        name: "fuzz",
        what: "no input makes a parser panic, loop, or hold more memory than its length allows",
        by: By::Tests(&[Tests { package: "badiano-testkit", binary: "fuzz", named: &["no_input_breaks"] }]),
    },
    Area { name: "dicom", what: "images arrive once, whole, unaltered", by: By::Nothing },
    Area { name: "hl7", what: "messages are kept byte for byte and applied in order", by: By::Nothing },
    Area {
        name: "fhir",
        what: "searches and validation agree with a slow model",
        by: By::Tests(&[Tests {
            package: "badiano-record",
            binary: "all",
            named: &["the_official_examples", "every_kind_of_question"],
        }]),
    },
    Area {
        name: "hub",
        what: "whatever the sources do, no answer of the hub mixes two people",
        by: By::Tests(&[Tests {
            package: "badiano-gateway",
            binary: "all",
            named: &["no_answer_mixes_two_people"],
        }]),
    },
    Area {
        name: "consent",
        what: "what consent hides looks as if it did not exist",
        by: By::Tests(&[Tests {
            package: "badiano-record",
            binary: "all",
            named: &["what_consent_hides_is_given_by_no_door"],
        }]),
    },
    Area {
        name: "story",
        what: "without any one room's work the story fails",
        by: By::Page(mutations::prove),
    },
    Area {
        name: "radiology",
        what: "of a year of imaging in forty hospitals no study is ever off every list",
        by: By::Tests(&[Tests { package: "badiano-departments", binary: "all", named: &["year"] }]),
    },
];
const USAGE: &str = "usage: cargo xtask prove AREA [--seed N] [--minutes N]";

#[derive(Debug, PartialEq, Eq)]
struct Options {
    area: String,
    seed: u64,
    minutes: u64,
}

pub fn run(arguments: &[String]) -> Result<(), Stopped> {
    let options = read(arguments).map_err(|why| format!("{why}\n{USAGE}\n{}", areas()))?;
    let Some(area) = AREAS.iter().find(|a| a.name == options.area) else {
        return Err(Stopped::Failed(format!("there is no area `{}`\n{}", options.area, areas())));
    };
    let mut record = Record::begin(area.name, area.what, options.seed)?;
    match area.by {
        By::Nothing => {
            let text = format!("nothing is proved in `{}` yet ({})", area.name, area.what);
            return Err(Stopped::NotThereYet(text));
        }
        By::Page(page) => record.add_text(page(options.seed, options.minutes)?),
        By::Tests(all) => {
            let python = python::ensure()?;
            all.iter().try_for_each(|tests| prove(tests, &options, &python, &mut record))?;
        }
    }
    Ok(record.keep()?)
}

/// One test at a time: a proof has the machine for itself, and its lines do not mix.
fn prove(
    tests: &Tests,
    options: &Options,
    python: &std::path::Path,
    record: &mut Record,
) -> Result<(), String> {
    let mut command = process::cargo();
    command.args(["test", "--release", "--package", tests.package, "--test", tests.binary, "--"]);
    command.args(tests.named).args(["--nocapture", "--test-threads=1"]);
    command.env("BADIANO_PROOF", "full").env("BADIANO_SEED", options.seed.to_string());
    command.env("BADIANO_PROOF_MINUTES", options.minutes.to_string()).env("BADIANO_PYTHON", python);
    command.env("BADIANO_R4_EXAMPLES", codegen::examples()?);
    let shown = format!("{} {}: {}", tests.package, tests.binary, tests.named.join(" "));
    println!("$ {shown}");
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|e| format!("{shown}: {e}"))?;
    let out = child.stdout.take().expect("standard output was asked for as a pipe");
    for line in BufReader::new(out).lines().map_while(Result::ok) {
        println!("{line}");
        record.take(&line)?;
    }
    let status = child.wait().map_err(|e| format!("{shown}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{shown}: {status}; seed {}", options.seed)) }
}

fn read(arguments: &[String]) -> Result<Options, String> {
    let (mut area, mut seed, mut minutes) = (None, None, None);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut number = || -> Result<u64, String> {
            let text = rest.next().ok_or(format!("{argument} needs a number"))?;
            text.parse().map_err(|_| format!("{argument}: {text} is no number"))
        };
        match argument.as_str() {
            "--seed" => seed = Some(number()?),
            "--minutes" => minutes = Some(number()?),
            name if !name.starts_with('-') && area.is_none() => area = Some(name.to_owned()),
            other => return Err(format!("`{other}` is not understood")),
        }
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let drawn = || now.map_or(1, |t| u64::from(t.subsec_nanos()) ^ t.as_secs());
    Ok(Options {
        area: area.ok_or("no area is named")?,
        seed: seed.unwrap_or_else(drawn),
        minutes: minutes.unwrap_or(10),
    })
}

fn areas() -> String {
    let line = |a: &Area| {
        let state = if matches!(a.by, By::Nothing) { " (not there yet)" } else { "" };
        format!("  {:<8} {}{state}\n", a.name, a.what)
    };
    AREAS.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::{AREAS, By, Options, Stopped, read, run};

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(|t| (*t).to_owned()).collect()
    }

    #[test]
    fn options_may_stand_anywhere_and_a_seed_is_drawn_where_none_is_given() {
        let wanted = Options { area: "store".to_owned(), seed: 7, minutes: 3 };
        assert_eq!(read(&texts(&["--minutes", "3", "store", "--seed", "7"])), Ok(wanted));
        assert_eq!(read(&texts(&["store"])).unwrap().minutes, 10);
        for wrong in
            [&["store", "--seed"][..], &["--seed", "7"], &["store", "more"], &["store", "--seed", "x"]]
        {
            assert!(read(&texts(wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_area_in_which_nothing_is_proved_says_so() {
        for area in AREAS.iter().filter(|a| matches!(a.by, By::Nothing)) {
            let refused = run(&[area.name.to_owned()]).unwrap_err();
            assert!(matches!(refused, Stopped::NotThereYet(_)), "{}", area.name);
        }
        assert_eq!(run(&[]).unwrap_err().exit_code(), 1);
    }
}
