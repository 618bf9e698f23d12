//! Code systems that were loaded: one immutable packed file each, in the folder `terminology` of the data directory.
//!
//! A file appears whole (written beside, then renamed) and is read when its system is first asked for. They hold public catalogues
//! and nothing of a person, so they are not encrypted (docs/decisions/0013).

use badiano_fhir::terminology::{About, CodeSystem, Terminology, head, unpack};
use badiano_kernel::Fault;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// The folder, in the data directory.
pub const FOLDER: &str = "terminology";
const ENDING: &str = "bterms";
/// Of packages: many definitions, a line each, packed.
const LINES: &str = "ndjson.zst";
/// The open form of one package.
const LINES_BYTES_MAX: usize = 512 << 20;
const LEVEL: i32 = 9;
/// How often the folder is looked at while questions come.
const LOOK_EACH: Duration = Duration::from_secs(1);
/// What of a file is read to know what it is about.
const HEAD_BYTES: u64 = 1 << 20;
/// Files of one folder.
const FILES_MAX: usize = 10_000;

/// A file's size and time: another file under the same name differs in one of them.
type Mark = (u64, Option<SystemTime>);

/// The folder as it was last seen.
pub(crate) struct Shelf {
    folder: PathBuf,
    seen: BTreeMap<PathBuf, Mark>,
    generation: u64,
    looked: Option<Instant>,
}

impl Shelf {
    pub fn of(data: &Path) -> Self {
        Shelf { folder: data.join(FOLDER), seen: BTreeMap::new(), generation: 0, looked: None }
    }

    /// The generation of the folder; it rises when files came, went or changed.
    pub fn look(&mut self) -> Result<u64, Fault> {
        if self.looked.is_some_and(|at| at.elapsed() < LOOK_EACH) {
            return Ok(self.generation);
        }
        self.looked = Some(Instant::now());
        let seen = files(&self.folder)?;
        if seen != self.seen {
            self.seen = seen;
            self.generation += 1;
        }
        Ok(self.generation)
    }

    /// Puts every system into a terminology, to be read when it is asked for; the answer is the generation.
    pub fn put(&self, terminology: &mut Terminology) -> u64 {
        for path in self.seen.keys() {
            if is_lines(path) {
                match read_lines(path) {
                    Some(text) => _ = terminology.add_lines(text.into()),
                    None => {
                        tracing::error!(file = %path.display(), "a package cannot be read: load it again")
                    }
                }
                continue;
            }
            let Some(about) = read_head(path) else {
                tracing::warn!(file = %path.display(), "a file of the terminology cannot be read and is passed over");
                continue;
            };
            let path = path.clone();
            terminology.add_system(&about, move || {
                let system = fs::read(&path).ok().and_then(|bytes| unpack(&bytes));
                if system.is_none() {
                    tracing::error!(file = %path.display(), "a code system cannot be read: load it again");
                }
                system
            });
        }
        self.generation
    }
}

fn files(folder: &Path) -> Result<BTreeMap<PathBuf, Mark>, Fault> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(e) => return Err(Fault::unavailable(format!("the folder of the terminology: {e}"))),
    };
    let mut all = BTreeMap::new();
    for entry in entries.filter_map(Result::ok).take(FILES_MAX) {
        let path = entry.path();
        if (path.extension().is_some_and(|e| e == ENDING) || is_lines(&path))
            && let Ok(about) = entry.metadata()
        {
            all.insert(path, (about.len(), about.modified().ok()));
        }
    }
    Ok(all)
}

fn read_head(path: &Path) -> Option<About> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(HEAD_BYTES + 64).read_to_end(&mut bytes).ok()?;
    head(&bytes)
}

/// Writes a system's file, whole or not at all; one of the same url and version is replaced. The answer is its path.
pub fn keep(data: &Path, system: &CodeSystem) -> Result<PathBuf, Fault> {
    let folder = data.join(FOLDER);
    let bytes = system.pack()?;
    write(&folder, &format!("{}.{ENDING}", name_of(system.about())), &bytes)
}

/// Writes the definitions of a package, one a line, whole or not at all; a package of the same name is replaced.
pub fn keep_lines(data: &Path, name: &str, lines: &str) -> Result<PathBuf, Fault> {
    if lines.len() > LINES_BYTES_MAX {
        return Err(Fault::too_costly("the package is too large"));
    }
    let bytes =
        zstd::bulk::compress(lines.as_bytes(), LEVEL).map_err(|_| Fault::bug("the packer does not begin"))?;
    write(&data.join(FOLDER), &format!("{}.{LINES}", clean(name)), &bytes)
}

fn is_lines(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(LINES))
}

fn read_lines(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    String::from_utf8(zstd::bulk::decompress(&bytes, LINES_BYTES_MAX).ok()?).ok()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, Fault> {
    let failed = |e: std::io::Error| Fault::unavailable(format!("the folder of the terminology: {e}"));
    fs::create_dir_all(folder).map_err(failed)?;
    let path = folder.join(name);
    let beside = folder.join(format!("{name}.{}.new", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &path)?;
        File::open(folder)?.sync_all()
    };
    let done = write();
    if done.is_err() {
        let _ = fs::remove_file(&beside);
    }
    done.map_err(failed).map(|()| path)
}

/// What is loaded: what each file is about, and its size in bytes.
pub fn list(data: &Path) -> Result<Vec<(About, u64)>, Fault> {
    let files = files(&data.join(FOLDER))?;
    let row = |(path, (bytes, _)): (PathBuf, Mark)| {
        if !is_lines(&path) {
            return Some((read_head(&path)?, bytes));
        }
        let url = path.file_name()?.to_string_lossy().into_owned();
        let title = format!("{} definitions", read_lines(&path)?.lines().count());
        Some((About { url, title, ..About::default() }, bytes))
    };
    Ok(files.into_iter().filter_map(row).collect())
}

/// Takes a loaded system away; without a version, all of them. The answer is how many there were.
pub fn remove(data: &Path, url: &str, version: Option<&str>) -> Result<usize, Fault> {
    let mut count = 0;
    for path in files(&data.join(FOLDER))?.into_keys() {
        let is_package = is_lines(&path) && path.file_name().is_some_and(|name| name == url);
        let is_it = is_package
            || read_head(&path).is_some_and(|a| a.url == url && version.is_none_or(|v| v == a.version));
        if is_it {
            fs::remove_file(&path).map_err(|e| Fault::unavailable(format!("{}: {e}", path.display())))?;
            count += 1;
        }
    }
    Ok(count)
}

fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(60).collect()
}

/// A name for people, made unlike any other by a number over url and version.
fn name_of(about: &About) -> String {
    let whole = format!("{}|{}", about.url, about.version);
    let digest = ring::digest::digest(&ring::digest::SHA256, whole.as_bytes());
    let mark: String = digest.as_ref()[..6].iter().map(|b| format!("{b:02x}")).collect();
    let last = about.url.rsplit(['/', ':']).find(|part| !part.is_empty()).unwrap_or("system");
    format!("{}-{}-{mark}", clean(last), clean(about.version.rsplit('/').next().unwrap_or_default()))
}
