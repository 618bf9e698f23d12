//! Turns `web/dist-packed`, which `npm run build` makes, into a table of embedded files; an empty one where the pages were not built.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let package = env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let packed = Path::new(&package).join("../../web/dist-packed");
    // The folder itself is always there (it holds a .gitignore), so nothing is rebuilt unless the pages change.
    println!("cargo::rerun-if-changed={}", packed.display());
    println!("cargo::rerun-if-changed=build.rs");
    let table = fs::read_to_string(packed.join("table.tsv")).unwrap_or_default();
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("assets.rs");
    fs::write(out, rows(&packed, &table)).expect("OUT_DIR can be written");
}

/// The rows, sorted by path, as Rust source. A file that the table names and that is not there stops the build.
fn rows(packed: &Path, table: &str) -> String {
    let mut files: Vec<(&str, &str, &str)> = table.lines().map(row_of).collect();
    files.sort_unstable();
    let mut source = String::from("&[\n");
    for (path, hash, length) in files {
        let file = packed.join("files").join(format!("{path}.gz"));
        let file = file
            .canonicalize()
            .unwrap_or_else(|e| panic!("web/dist-packed: {path}: {e}; build the pages again"));
        let kind = content_type(path);
        let immutable = is_immutable(path);
        writeln!(
            source,
            "    Embedded {{ path: {path:?}, content_type: {kind:?}, etag: \"\\\"{hash}\\\"\", length: {length}, gzip: include_bytes!({:?}), immutable: {immutable} }},",
            file.display().to_string()
        )
        .expect("a string takes any text");
    }
    source.push(']');
    source
}

fn row_of(line: &str) -> (&str, &str, &str) {
    let mut cells = line.split('\t');
    match (cells.next(), cells.next(), cells.next(), cells.next()) {
        (Some(path), Some(hash), Some(length), None)
            if hash.len() == 64
                && hash.bytes().all(|b| b.is_ascii_hexdigit())
                && length.parse::<u64>().is_ok() =>
        {
            (path, hash, length)
        }
        _ => panic!("web/dist-packed/table.tsv: not a row of path, hash and length: {line}"),
    }
}

/// By the ending; a file of a kind that is not listed stops the build, so that none goes out with a guessed type.
fn content_type(path: &str) -> &'static str {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => panic!("web/dist-packed: {path}: no content type is known for this ending"),
    }
}

/// Files whose address changes with their content: those below `assets/`, and below the viewer's folder of a revision.
fn is_immutable(path: &str) -> bool {
    path.starts_with("assets/") || path.strip_prefix("visor/").is_some_and(|rest| rest.contains('/'))
}
