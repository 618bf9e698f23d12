//! What a command reads: files, directories, standard input; JSON, XML and NDJSON (FHIR R4, formats.html).

use badiano_fhir::{Value, json, xml};
use badiano_kernel::Fault;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Bytes of one resource; a longer one is refused before it is read whole.
pub const RESOURCE_BYTES_MAX: u64 = 256 << 20;
/// Folders in folders; a deeper one is refused (a loop of links has no end).
const FOLDER_DEPTH_MAX: usize = 32;

/// One resource as text.
pub struct Input {
    /// The file's path; `-` for standard input; of NDJSON with `#` and the line.
    pub name: String,
    pub text: String,
    /// Lines that stand before it in its file.
    pub lines_before: usize,
}

/// A text that cannot be read as a resource, and where.
pub struct Unreadable {
    pub line: usize,
    pub column: usize,
    pub what: &'static str,
}

impl Input {
    /// JSON or XML, by the first character.
    pub fn parse(&self) -> Result<Value, Unreadable> {
        let at = |line, column, what| Unreadable { line, column, what };
        if self.text.trim_start_matches('\u{FEFF}').trim_start().starts_with('<') {
            xml::parse(self.text.as_bytes()).map_err(|e| at(e.line, e.column, e.what))
        } else {
            json::parse(self.text.as_bytes()).map_err(|e| at(e.line, e.column, e.what))
        }
    }
}

/// The files that the arguments name, folders opened, in order of their names.
pub fn files(arguments: &[PathBuf]) -> Result<Vec<PathBuf>, Fault> {
    let mut found = Vec::new();
    for argument in arguments {
        if argument.is_dir() {
            folder(argument, 0, &mut found)?;
        } else {
            found.push(argument.clone());
        }
    }
    Ok(found)
}

fn folder(path: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Fault> {
    let failed = |e: std::io::Error| unreadable(&e, path);
    if depth > FOLDER_DEPTH_MAX {
        return Err(Fault::invalid("folders are nested deeper than 32 levels").at(path.display().to_string()));
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        entries.push(entry.map_err(failed)?.path());
    }
    entries.sort();
    for entry in entries {
        let name = entry.file_name().and_then(|n| n.to_str()).unwrap_or("");
        // A package's own index and manifest are no resources.
        if name.starts_with('.') || name == "package.json" {
            continue;
        }
        if entry.is_dir() {
            folder(&entry, depth + 1, found)?;
        } else if name.ends_with(".json") || name.ends_with(".xml") || is_lines(&entry) {
            found.push(entry);
        }
    }
    Ok(())
}

fn is_lines(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "ndjson" || e == "jsonl")
}

fn unreadable(error: &std::io::Error, path: &Path) -> Fault {
    Fault::invalid(error.to_string()).at(path.display().to_string())
}

/// Gives each resource of a file to `each`, one at a time: the lines of NDJSON are never together in memory.
pub fn each_in<E: From<Fault>>(path: &Path, each: &mut dyn FnMut(Input) -> Result<(), E>) -> Result<(), E> {
    let name = path.display().to_string();
    if path.as_os_str() == "-" {
        let text = read_whole(std::io::stdin().lock(), path)?;
        if !is_several_lines(&text) {
            return each(Input { name, text, lines_before: 0 });
        }
        return lines(text.as_bytes(), path, each);
    }
    let file = File::open(path).map_err(|e| unreadable(&e, path))?;
    if is_lines(path) {
        return lines(BufReader::new(file), path, each);
    }
    each(Input { name, text: read_whole(file, path)?, lines_before: 0 })
}

/// One resource, whole.
pub fn one(path: &Path) -> Result<Input, Fault> {
    let text = if path.as_os_str() == "-" {
        read_whole(std::io::stdin().lock(), path)?
    } else {
        read_whole(File::open(path).map_err(|e| unreadable(&e, path))?, path)?
    };
    Ok(Input { name: path.display().to_string(), text, lines_before: 0 })
}

fn read_whole(from: impl Read, path: &Path) -> Result<String, Fault> {
    let mut bytes = Vec::new();
    from.take(RESOURCE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|e| unreadable(&e, path))?;
    text_of(bytes, path)
}

fn text_of(bytes: Vec<u8>, path: &Path) -> Result<String, Fault> {
    if bytes.len() as u64 > RESOURCE_BYTES_MAX {
        return Err(Fault::invalid("is longer than 256 MiB").at(path.display().to_string()));
    }
    String::from_utf8(bytes).map_err(|_| Fault::invalid("is not UTF-8").at(path.display().to_string()))
}

/// NDJSON without a name: the first line is a whole resource, and another line follows.
fn is_several_lines(text: &str) -> bool {
    let mut lines = text.lines().filter(|l| !l.trim().is_empty());
    let first = lines.next().unwrap_or("");
    lines.next().is_some() && first.starts_with('{') && json::parse(first.as_bytes()).is_ok()
}

fn lines<E: From<Fault>>(
    mut from: impl BufRead,
    path: &Path,
    each: &mut dyn FnMut(Input) -> Result<(), E>,
) -> Result<(), E> {
    for number in 0.. {
        let mut line = Vec::new();
        let mut limited = (&mut from).take(RESOURCE_BYTES_MAX + 1);
        let read = limited.read_until(b'\n', &mut line).map_err(|e| unreadable(&e, path))?;
        if read == 0 {
            break;
        }
        let text = text_of(line, path)?;
        if !text.trim().is_empty() {
            let name = format!("{}#{}", path.display(), number + 1);
            each(Input { name, text, lines_before: number })?;
        }
    }
    Ok(())
}
