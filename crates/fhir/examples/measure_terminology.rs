//! What a terminology of 350,000 concepts costs on one core: look-ups and filtered expansions. `cargo xtask bench fhir` runs it.

use badiano_fhir::Value;
use badiano_fhir::terminology::{About, Asked, Builder, Concept, Expand, Terminology, unpack};
use std::time::Instant;

const SYSTEM: &str = "http://snomed.info/sct";
const CONCEPTS: usize = 350_000;
const LOOKUPS: usize = 200_000;
/// What people type: a beginning, two words, a whole name.
const TYPED: [&str; 8] =
    ["inf", "diab tip", "fractura", "dolor ab", "a", "neoplasia maligna p", "vaccine inf", "lesion izq"];
const WORDS: [&str; 24] = [
    "diabetes",
    "tipo",
    "fractura",
    "abierta",
    "dolor",
    "abdominal",
    "neoplasia",
    "maligna",
    "pulmón",
    "infección",
    "vías",
    "urinarias",
    "lesión",
    "rodilla",
    "izquierda",
    "derecha",
    "aguda",
    "crónica",
    "hallazgo",
    "procedimiento",
    "vacuna",
    "influenza",
    "embarazo",
    "hipertensión",
];

fn main() -> Result<(), String> {
    let began = Instant::now();
    let system = synthetic().map_err(|f| f.to_string())?;
    line("terminology_build_350k_s", began.elapsed().as_secs_f64(), "s", "lower");
    let packed = system.pack().map_err(|f| f.to_string())?;
    line("terminology_file_350k_mb", packed.len() as f64 / 1e6, "MB", "lower");
    let began = Instant::now();
    let opened = unpack(&packed).ok_or("the file is broken")?;
    line("terminology_open_350k_ms", began.elapsed().as_secs_f64() * 1e3, "ms", "lower");
    let mut known = Terminology::new();
    let about = opened.about().clone();
    known.add_system(&about, move || unpack(&packed));
    drop(opened);
    lookups(&known)?;
    expansions(&known)
}

/// Every concept has a display, a Spanish name and one or two parents.
fn synthetic() -> Result<badiano_fhir::terminology::CodeSystem, badiano_kernel::Fault> {
    let about = About {
        url: SYSTEM.into(),
        version: "1".into(),
        language: "en".into(),
        content: "complete".into(),
        ..About::default()
    };
    let mut builder = Builder::new(about);
    for n in 0..CONCEPTS {
        let word = |k: usize| WORDS[(n * (2 * k + 1) + n / 24 * k) % WORDS.len()];
        let name = format!("{} {} {} {n}", word(0), word(1), word(2));
        let mut parents = Vec::new();
        if n > 0 {
            parents.push((100_000 + (n - 1) / 6).to_string());
        }
        if n > 100 && n % 3 == 0 {
            parents.push((100_000 + n / 11).to_string());
        }
        let usage = [(); 3].map(|()| String::new());
        builder.add(Concept {
            code: (100_000 + n).to_string(),
            display: format!("{name} (finding)"),
            parents,
            designations: vec![("es-MX".into(), usage, name)],
            ..Concept::default()
        })?;
    }
    Ok(builder.finish())
}

fn lookups(known: &Terminology) -> Result<(), String> {
    let ask = |n: usize| {
        let code = (100_000 + n * 7919 % CONCEPTS).to_string();
        let pairs = [
            ("system".to_owned(), SYSTEM.to_owned()),
            ("code".to_owned(), code),
            ("displayLanguage".to_owned(), "es-MX".to_owned()),
        ];
        known.lookup(&Asked::new(Value::Null, &pairs)).map_err(|f| f.to_string())
    };
    ask(1)?;
    let began = Instant::now();
    for n in 0..LOOKUPS {
        ask(n)?;
    }
    line("lookup_in_process_per_s", LOOKUPS as f64 / began.elapsed().as_secs_f64(), "1/s", "higher");
    Ok(())
}

/// The slowest twentieth of filtered pages over nearly all concepts, in Spanish; the first one makes the set.
fn expansions(known: &Terminology) -> Result<(), String> {
    let set = known.value_set(&format!("{SYSTEM}?fhir_vs=isa/100000")).ok_or("no such value set")?;
    let ask = |n: usize| Expand {
        filter: TYPED[n % TYPED.len()].to_owned(),
        count: Some(20),
        languages: vec!["es-MX".to_owned()],
        ..Expand::default()
    };
    let began = Instant::now();
    known.expand(&set, &ask(0)).map_err(|f| f.to_string())?;
    line("expand_350k_first_ms", began.elapsed().as_secs_f64() * 1e3, "ms", "lower");
    let (mut times, mut found) = (Vec::new(), 0);
    for n in 0..400 {
        let began = Instant::now();
        found += known.expand(&set, &ask(n)).map_err(|f| f.to_string())?.total;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    if found == 0 {
        return Err("nothing was found".to_owned());
    }
    times.sort_by(f64::total_cmp);
    line("expand_350k_ms", times[times.len() * 95 / 100], "ms", "lower");
    Ok(())
}

fn line(measure: &str, value: f64, unit: &str, better: &str) {
    println!(
        r#"{{"measure":"{measure}","value":{value},"unit":"{unit}","ratio_to":null,"better":"{better}"}}"#
    );
}
