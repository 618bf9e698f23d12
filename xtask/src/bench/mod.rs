//! `cargo xtask bench AREA [--json FILE] [--keep]`: the measures of one area, one JSON object a line, then a table for people on
//! standard error; kept in `docs/bench` when asked for.
//!
//! An area is one file here and one row of [`AREAS`]. It measures a real node (`frame::demo`) or, for work without a node, a release
//! example of the crate (`frame::example`). A new measure is one call of [`Report::add`].

mod fhir;
mod frame;
mod hl7;
mod hub;
mod imaging;
mod index;

use crate::stopped::Stopped;
use frame::peer;
use frame::report::Report;
use std::path::PathBuf;

type Measure = fn(&mut Report) -> Result<(), String>;

/// What an area measures, and how; nothing where nobody has written it yet.
struct Area {
    name: &'static str,
    what: &'static str,
    measure: Option<Measure>,
}

const AREAS: [Area; 5] = [imaging::AREA, fhir::AREA, index::AREA, hub::AREA, hl7::AREA];
const USAGE: &str = "usage: cargo xtask bench AREA [--json FILE] [--keep], or cargo xtask bench --peers";

pub fn run(arguments: &[String]) -> Result<(), Stopped> {
    let (keep, texts): (Vec<&str>, Vec<&str>) =
        arguments.iter().map(String::as_str).partition(|argument| *argument == "--keep");
    let (name, file) = match texts.as_slice() {
        ["--peers"] => return peer::list().map_err(Stopped::Failed),
        [name] => (*name, None),
        [name, "--json", file] | ["--json", file, name] => (*name, Some(PathBuf::from(file))),
        _ => return Err(Stopped::Failed(format!("{USAGE}\n{}", areas()))),
    };
    let Some(area) = AREAS.iter().find(|a| a.name == name) else {
        return Err(Stopped::Failed(format!("there is no area `{name}`\n{}", areas())));
    };
    let Some(measure) = area.measure else {
        return Err(Stopped::NotThereYet(format!("nothing is measured in `{name}` yet ({})", area.what)));
    };
    let mut report = Report::begin(file)?;
    let done = measure(&mut report);
    // What was measured before something failed is shown too.
    report.table();
    done.map_err(Stopped::Failed)?;
    if keep.is_empty() { Ok(()) } else { report.keep(area.name, area.what).map_err(Stopped::Failed) }
}

fn areas() -> String {
    let line = |a: &Area| {
        let state = if a.measure.is_some() { "" } else { " (not there yet)" };
        format!("  {:<8} {}{state}\n", a.name, a.what)
    };
    AREAS.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::{AREAS, Stopped, run};

    #[test]
    fn an_area_in_which_nothing_is_measured_says_so() {
        for area in AREAS.iter().filter(|a| a.measure.is_none()) {
            let refused = run(&[area.name.to_owned()]).unwrap_err();
            assert!(matches!(refused, Stopped::NotThereYet(_)), "{}", area.name);
            assert_eq!(refused.exit_code(), 2);
        }
    }

    #[test]
    fn an_area_that_nobody_knows_is_a_mistake() {
        assert_eq!(run(&["nothing".to_owned()]).unwrap_err().exit_code(), 1);
        assert_eq!(run(&[]).unwrap_err().exit_code(), 1);
    }
}
