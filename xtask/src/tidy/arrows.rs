//! Arrows between crates run down, and only `record` reaches `store`.

use super::Breach;
use super::code::{Language, blank, line_at};
use super::tree::Tree;
use serde_json::Value;

const RULE: &str = "arrows";

/// What each crate may import. `store` stands in one row alone: the whole design rests on it.
const ALLOWED: [(&str, &[&str]); 14] = [
    ("kernel", &[]),
    ("fhir", &["kernel"]),
    ("dicom", &["kernel"]),
    ("hl7", &["kernel", "fhir"]),
    ("mexico", &["kernel"]),
    ("store", &["kernel", "fhir", "dicom"]),
    ("record", &["kernel", "fhir", "dicom", "hl7", "mexico", "store"]),
    ("departments", &["kernel", "fhir", "dicom", "hl7", "mexico", "record"]),
    ("exchange", &["kernel", "fhir", "dicom", "hl7", "mexico", "record"]),
    ("analytics", &["kernel", "fhir", "dicom", "hl7", "mexico", "record"]),
    ("ai", &["kernel", "fhir", "dicom", "hl7", "mexico", "record"]),
    (
        "gateway",
        &["kernel", "fhir", "dicom", "hl7", "mexico", "record", "departments", "exchange", "analytics", "ai"],
    ),
    (
        "server",
        &[
            "kernel",
            "fhir",
            "dicom",
            "hl7",
            "mexico",
            "record",
            "departments",
            "exchange",
            "analytics",
            "ai",
            "gateway",
            // The demo command draws its people and studies with it.
            "testkit",
        ],
    ),
    ("testkit", &["kernel", "fhir", "dicom", "hl7", "mexico"]),
];
/// Any crate's tests may build their persons and files with it.
const FOR_TESTS: &str = "testkit";

/// One line of a manifest: who imports whom.
pub struct Arrow {
    pub manifest: String,
    pub line: usize,
    pub from: String,
    pub to: String,
    pub for_tests: bool,
}

/// As Cargo itself understands the manifests.
pub fn read() -> Result<Vec<Arrow>, String> {
    let mut command = crate::process::cargo();
    command.args(["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&crate::process::read(&mut command)?)
        .map_err(|e| format!("cargo metadata: {e}"))?;
    let mut arrows = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let path = package["manifest_path"].as_str().unwrap_or_default();
        let text = std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
        let manifest = path.strip_prefix(&*crate::place::root().to_string_lossy()).unwrap_or(path);
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let Some(to) = dependency["name"].as_str().and_then(|n| n.strip_prefix("badiano-")) else {
                continue;
            };
            let from = package["name"].as_str().unwrap_or_default();
            arrows.push(Arrow {
                manifest: manifest.trim_start_matches('/').to_owned(),
                line: text.lines().position(|l| l.contains(&format!("badiano-{to}"))).map_or(0, |n| n + 1),
                from: from.strip_prefix("badiano-").unwrap_or(from).to_owned(),
                to: to.to_owned(),
                for_tests: dependency["kind"] == "dev",
            });
        }
    }
    Ok(arrows)
}

pub fn check(arrows: &[Arrow]) -> Vec<Breach> {
    arrows.iter().filter_map(check_one).collect()
}

fn check_one(arrow: &Arrow) -> Option<Breach> {
    let Arrow { manifest, line, from, to, for_tests } = arrow;
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| name == from) else {
        let text = format!(
            "`{from}` may import no crate of the product; a new crate needs a decision record and a row here"
        );
        return Some(Breach::new(manifest, *line, RULE, text));
    };
    if allowed.contains(&to.as_str()) || (*for_tests && to == FOR_TESTS) {
        return None;
    }
    let advice = match to.as_str() {
        "store" => "only `record` imports `store`: ask a `Session`",
        _ => "move what both need down a layer",
    };
    Some(Breach::new(manifest, *line, RULE, format!("`{from}` may not import `{to}`; {advice}")))
}

/// `record` never hands `store` on.
pub fn check_exports(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (path, text) in tree.with_ending(&[".rs"]) {
        if !path.starts_with("crates/record/src/") {
            continue;
        }
        let code = blank(text, Language::Rust);
        for (offset, statement) in statements(&code) {
            let mut words = statement.split_whitespace();
            let public = words.next() == Some("pub") && matches!(words.next(), Some("use" | "extern"));
            if public && statement.contains("badiano_store") {
                let advice = "`record` never re-exports `store`: give a word of `record` instead";
                breaches.push(Breach::new(path, line_at(&code, offset), RULE, advice));
            }
        }
    }
    breaches
}

/// What stands between semicolons and braces, with where it starts.
fn statements(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    code.split_inclusive([';', '}']).map(move |part| {
        let start = at + (part.len() - part.trim_start().len());
        at += part.len();
        (start, part.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::{ALLOWED, Arrow, check, check_exports};
    use crate::tidy::tree::Tree;

    fn arrow(from: &str, to: &str, for_tests: bool) -> Arrow {
        Arrow { manifest: "Cargo.toml".into(), line: 7, from: from.into(), to: to.into(), for_tests }
    }

    #[test]
    fn only_record_reaches_the_store() {
        for (from, _) in ALLOWED {
            let refused = !check(&[arrow(from, "store", false)]).is_empty();
            assert_eq!(refused, from != "record", "{from}");
        }
        assert_eq!(check(&[arrow("gateway", "store", true)]).len(), 1, "not for tests either");
    }

    #[test]
    fn the_peers_of_one_layer_never_import_each_other() {
        let peers = ["departments", "exchange", "analytics", "ai"];
        for from in peers {
            for to in peers {
                assert_eq!(check(&[arrow(from, to, false)]).len(), 1, "{from} -> {to}");
            }
        }
    }

    #[test]
    fn tests_may_use_the_testkit_and_the_product_may_not_but_for_the_demo() {
        assert!(check(&[arrow("gateway", "testkit", true)]).is_empty());
        assert!(check(&[arrow("server", "testkit", false)]).is_empty());
        assert_eq!(check(&[arrow("gateway", "testkit", false)]).len(), 1);
        assert_eq!(check(&[arrow("xtask", "kernel", false)]).len(), 1);
    }

    #[test]
    fn a_public_use_of_the_store_is_found_in_record_and_a_private_one_is_not() {
        let lib = "//! x\nuse badiano_store::Tx;\n// pub use badiano_store::No;\npub use\n  badiano_store::Store;\n";
        let found =
            check_exports(&Tree::of(&[("crates/record/src/lib.rs", lib), ("crates/ai/src/lib.rs", lib)]));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].path.as_str(), found[0].line), ("crates/record/src/lib.rs", 4));
    }
}
