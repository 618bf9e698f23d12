//! Runs the R4 cases of the published validator suite (repository FHIR/fhir-test-cases, folder `validator`, given as the
//! argument) and tells how far the counts of errors agree with those of the reference implementation (validation.html).

use badiano_fhir::validate::{Definitions, Issue, validate_with};
use badiano_fhir::{Value, json, xml};
use std::collections::BTreeMap;
use std::path::Path;

/// Modules about other things than a resource and its profiles, or that need a terminology server.
const OTHER: [&str; 12] = [
    "cda",
    "shc",
    "v2",
    "cdshooks",
    "logical",
    "tx",
    "tx-advanced",
    "json5",
    "xver",
    "signatures",
    "matchetype",
    "questionnaire",
];

fn read(path: &Path) -> Option<Value> {
    let text = std::fs::read(path).ok()?;
    if text.trim_ascii_start().starts_with(b"<") || text.starts_with(b"\xEF\xBB\xBF<") {
        xml::parse(&text).ok()
    } else {
        json::parse(&text).ok()
    }
}

/// The errors that the reference implementation found.
fn expected(folder: &Path, outcome: &Value) -> Option<Vec<String>> {
    let outcome = match outcome.as_str() {
        Some(file) => read(&folder.join("outcomes").join(file)).or_else(|| read(&folder.join(file)))?,
        None => outcome.clone(),
    };
    let outcome = if outcome["outcome"].is_null() { outcome } else { outcome["outcome"].clone() };
    if outcome["issue"].is_null() {
        let count = outcome["errorCount"].as_i64()?;
        return Some(vec![String::new(); usize::try_from(count).ok()?]);
    }
    let errors =
        outcome["issue"].items().iter().filter(|i| matches!(i.str_of("severity"), "error" | "fatal"));
    Some(
        errors
            .map(|i| format!("{} {}", i["expression"][0].as_str().unwrap_or(""), i["details"].str_of("text")))
            .collect(),
    )
}

fn load(definitions: &mut Definitions, folder: &Path, case: &Value) {
    for key in ["profiles", "supporting"] {
        for file in case[key].items().iter().filter_map(Value::as_str) {
            if let Some(value) = read(&folder.join(file)) {
                definitions.add(value);
            }
        }
    }
}

fn main() -> Result<(), String> {
    let folder = std::env::args().nth(1).ok_or("usage: check_suite FOLDER [NAME]")?;
    let only = std::env::args().nth(2);
    let folder = Path::new(&folder);
    let manifest = read(&folder.join("manifest.json")).ok_or("no manifest.json")?;
    let (mut run, mut same_verdict, mut same_count) = (0, 0, 0);
    let mut modules: BTreeMap<String, (usize, usize, usize)> = BTreeMap::new();
    for case in manifest["test-cases"].items() {
        let module = case.str_of("module");
        let is_r4 = matches!(case.str_of("version"), "4.0" | "4.0.1");
        let is_ours = is_r4
            && !OTHER.contains(&module)
            && case["use-test"].as_bool() != Some(false)
            && case["packages"].is_null();
        if !is_ours || only.as_ref().is_some_and(|o| o != case.str_of("name")) {
            continue;
        }
        let mut definitions = Definitions::new();
        load(&mut definitions, folder, case);
        let base = definitions;
        let mut definitions = Definitions::new();
        load(&mut definitions, folder, case);
        let mut asked = Vec::new();
        let mut rounds = vec![(&base, case["java"].clone(), Vec::new())];
        let profile = &case["profile"];
        if let Some(source) = profile["source"].as_str() {
            load(&mut definitions, folder, profile);
            match read(&folder.join(source)) {
                Some(sd) => {
                    asked.push(sd.str_of("url").to_owned());
                    definitions.add(sd);
                }
                None => asked.push(source.to_owned()),
            }
        }
        if !profile.is_null() {
            rounds.push((&definitions, profile["java"].clone(), asked));
        }
        for (definitions, outcome, asked) in rounds {
            let Some(wanted) = expected(folder, &outcome) else { continue };
            let found: Vec<Issue> = match read(&folder.join(case.str_of("file"))) {
                Some(resource) => validate_with(&resource, definitions, &asked)
                    .into_iter()
                    .filter(Issue::is_error)
                    .collect(),
                // It cannot be read: one error.
                None => {
                    run += 1;
                    let agrees = !wanted.is_empty();
                    same_verdict += usize::from(agrees);
                    same_count += usize::from(wanted.len() == 1);
                    let m = modules.entry(module.to_owned()).or_default();
                    *m = (m.0 + 1, m.1 + usize::from(agrees), m.2 + usize::from(wanted.len() == 1));
                    if !agrees {
                        println!("UNREADABLE {} {}", case.str_of("name"), case.str_of("file"));
                    }
                    continue;
                }
            };
            run += 1;
            let agrees = found.is_empty() == wanted.is_empty();
            same_verdict += usize::from(agrees);
            same_count += usize::from(found.len() == wanted.len());
            let m = modules.entry(module.to_owned()).or_default();
            *m = (m.0 + 1, m.1 + usize::from(agrees), m.2 + usize::from(found.len() == wanted.len()));
            if !agrees || only.is_some() {
                println!(
                    "{} {module} {} {asked:?}",
                    if found.is_empty() { "MISSED" } else { "FALSE" },
                    case.str_of("name")
                );
                wanted.iter().take(6).for_each(|w| println!("    expected {w:.300}"));
                found.iter().take(6).for_each(|f| println!("    found {} {:.300}", f.expression, f.text_en));
            }
        }
    }
    for (module, (run, verdict, count)) in modules {
        println!("{module:20} {run:4} run, {verdict:4} same verdict, {count:4} same count");
    }
    println!("{run} run, {same_verdict} same verdict, {same_count} same count of errors");
    Ok(())
}
