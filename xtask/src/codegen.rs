//! `cargo xtask codegen [--check]`: the official FHIR R4 definitions (4.0.1, downloads.html) as one compact file.
//!
//! Order: fetch the pinned package, put back what its packer changed ([`restore`]), reduce each kind of definition,
//! write ([`write`]). The result depends on the package alone, so that `--check` can compare bytes.

mod fetch;
mod operations;
mod restore;
mod search;
mod structures;
mod terminology;
mod value_sets;
mod write;

use crate::place;
pub use fetch::{examples, sha256};
use serde_json::Value;
use std::path::Path;

/// Where the results are kept, from the root of the repository.
const TARGET: &str = "data/fhir-r4/r4.bin.zst";
const TERMINOLOGY: &str = "data/fhir-r4/terminology.ndjson.zst";
/// The package's files with value sets, code systems and concept maps.
const TERMINOLOGY_FILES: [&str; 4] =
    ["valuesets.json", "v3-codesystems.json", "v2-tables.json", "conceptmaps.json"];
/// The strongest level that needs no extra memory to read.
const ZSTD_LEVEL: i32 = 19;

pub fn run(arguments: &[String]) -> Result<(), String> {
    let check = match arguments {
        [] => false,
        [flag] if flag == "--check" => true,
        _ => return Err("usage: cargo xtask codegen [--check]".to_owned()),
    };
    let root = place::root();
    let folder = fetch::definitions()?;
    keep(root, TARGET, &make(&folder)?, check)?;
    let mut terminology = Vec::new();
    for file in TERMINOLOGY_FILES {
        terminology.extend(resources(&folder, file)?);
    }
    keep(root, TERMINOLOGY, terminology::lines(&terminology).as_bytes(), check)
}

/// Writes a file packed, or compares its bytes.
fn keep(root: &Path, name: &str, made: &[u8], check: bool) -> Result<(), String> {
    let packed = zstd::encode_all(made, ZSTD_LEVEL).map_err(|e| format!("zstd: {e}"))?;
    let target = root.join(name);
    if check {
        let kept = std::fs::read(&target).map_err(|e| format!("{name}: {e}"))?;
        if kept != packed {
            return Err(format!("{name} is not what the generator makes; run `cargo xtask codegen`"));
        }
        println!("{name}: same bytes ({} packed, {} open)", packed.len(), made.len());
        return Ok(());
    }
    std::fs::create_dir_all(target.parent().expect("the target has a folder"))
        .and_then(|()| std::fs::write(&target, &packed))
        .map_err(|e| format!("{name}: {e}"))?;
    println!("{name}: {} bytes ({} open), sha-256 {}", packed.len(), made.len(), fetch::sha256(&packed));
    Ok(())
}

/// The open form of the file, from the folder with the definitions.
fn make(folder: &Path) -> Result<Vec<u8>, String> {
    let types = resources(folder, "profiles-types.json")?;
    let mut base = resources(folder, "profiles-resources.json")?;
    let profiles = resources(folder, "profiles-others.json")?;
    let extensions = resources(folder, "extension-definitions.json")?;
    let compartments = of_type(&base, "CompartmentDefinition");
    let operations = of_type(&base, "OperationDefinition");
    base.splice(0..0, types);
    let base =
        restore::restore(of_type(&base, "StructureDefinition"), &resources(folder, "dataelements.json")?)?;
    let mut terminology = Vec::new();
    for file in TERMINOLOGY_FILES {
        terminology.extend(resources(folder, file)?);
    }
    let parameters = resources(folder, "search-parameters.json")?;

    let mut out = write::Writer::default();
    let bound = structures::write(&mut out, &base, &of_type(&profiles, "StructureDefinition"), &extensions)?;
    value_sets::write(&mut out, &terminology, &bound)?;
    search::write_parameters(&mut out, &parameters)?;
    search::write_compartments(&mut out, &compartments)?;
    operations::write(&mut out, &operations)?;
    Ok(out.finish())
}

/// The resources of one of the package's bundles.
fn resources(folder: &Path, file: &str) -> Result<Vec<Value>, String> {
    let text = std::fs::read(folder.join(file)).map_err(|e| format!("{file}: {e}"))?;
    let mut bundle: Value = serde_json::from_slice(&text).map_err(|e| format!("{file}: {e}"))?;
    let entries =
        bundle["entry"].as_array_mut().ok_or_else(|| format!("{file}: not a Bundle with entries"))?;
    Ok(entries.iter_mut().map(|entry| entry["resource"].take()).collect())
}

fn of_type(resources: &[Value], kind: &str) -> Vec<Value> {
    resources.iter().filter(|r| r["resourceType"] == kind).cloned().collect()
}

/// The text of a property, or nothing.
fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or("")
}

/// The items of a list, or none.
fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// The name of a base type in its canonical; anything else as it stands.
fn type_name(canonical: &str) -> &str {
    match canonical.strip_prefix("http://hl7.org/fhir/StructureDefinition/") {
        Some(name) if name.starts_with(|c: char| c.is_ascii_uppercase()) => name,
        _ => canonical,
    }
}
