//! `cargo xtask new department NAME`: a folder of the one shape, in the table, that passes the departments' shared tests on its first run.

use crate::{place, process};
use std::path::Path;

const USAGE: &str =
    "usage: cargo xtask new department NAME (small letters, as the clinical service is called in English)";
const PLACE: &str = "crates/departments/src";

/// The files of a department. `NAME` stands for its code, `Name` for its name in words.
const FILES: [(&str, &str); 8] = [
    ("README.md", include_str!("new/README.md.in")),
    ("mod.rs", include_str!("new/mod.rs.in")),
    ("workflow.rs", include_str!("new/workflow.rs.in")),
    ("report.rs", include_str!("new/report.rs.in")),
    ("catalogue.csv", include_str!("new/catalogue.csv.in")),
    ("templates.json", include_str!("new/templates.json.in")),
    ("screens/lists.json", include_str!("new/lists.json.in")),
    ("tests.rs", include_str!("new/tests.rs.in")),
];

pub fn run(arguments: &[String]) -> Result<(), String> {
    let [kind, name] = arguments else { return Err(USAGE.to_owned()) };
    if kind != "department" {
        return Err(USAGE.to_owned());
    }
    make(place::root(), name)?;
    process::run(process::cargo().args(["fmt", "--package", "badiano-departments"]))?;
    println!("{PLACE}/{name} is made and stands in {PLACE}/lib.rs; now: cargo test -p badiano-departments");
    Ok(())
}

fn make(root: &Path, name: &str) -> Result<(), String> {
    if !(3..=30).contains(&name.len()) || !name.bytes().all(|b| b.is_ascii_lowercase()) {
        return Err(USAGE.to_owned());
    }
    let folder = root.join(PLACE).join(name);
    if folder.exists() || root.join(PLACE).join(format!("{name}.rs")).exists() {
        return Err(format!("{PLACE}/{name} is there already"));
    }
    let table = root.join(PLACE).join("lib.rs");
    let text = std::fs::read_to_string(&table).map_err(|e| format!("{}: {e}", table.display()))?;
    let text = with_row(&text, name)?;
    for (file, shape) in FILES {
        write(&folder.join(file), &filled(shape, name))?;
    }
    write(&table, &text)
}

fn filled(shape: &str, name: &str) -> String {
    let mut word = name.to_owned();
    word[..1].make_ascii_uppercase();
    shape.replace("NAME", name).replace("Name", &word)
}

/// The table with one more module and one more row.
fn with_row(table: &str, name: &str) -> Result<String, String> {
    let unknown = || format!("{PLACE}/lib.rs has not the form that this command knows: add the row by hand");
    let (head, list) = table.split_once("&[&Department] = &[").ok_or_else(unknown)?;
    let (rows, tail) = list.split_once("];").ok_or_else(unknown)?;
    let (before, after) = head.split_once("#[cfg(test)]\nmod tests;").ok_or_else(unknown)?;
    let rows = rows.trim().trim_end_matches(',');
    Ok(format!(
        "{before}pub mod {name};\n#[cfg(test)]\nmod tests;{after}&[&Department] = &[{rows}, &{name}::DEPARTMENT];{tail}"
    ))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("{}: {e}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::{FILES, filled, with_row};

    #[test]
    fn a_row_is_added_to_the_table_that_there_is() {
        let path = crate::place::root().join(super::PLACE).join("lib.rs");
        let table = std::fs::read_to_string(path).expect("the table");
        let longer = with_row(&table, "optometry").expect("a row");
        assert!(longer.contains("pub mod optometry;") && longer.contains("&optometry::DEPARTMENT];"));
        assert!(longer.contains("&radiology::DEPARTMENT, "), "the others stay");
        assert!(with_row("no table", "x").is_err());
    }

    #[test]
    fn nothing_of_the_shape_is_left_open() {
        for (file, shape) in FILES {
            let text = filled(shape, "optometry");
            assert!(!text.contains("NAME") && !text.contains("Name"), "{file}");
            assert!(text.contains("ptometry") || file.ends_with("json") || file == "report.rs", "{file}");
        }
    }
}
