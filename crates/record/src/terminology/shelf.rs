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
        if path.extension().is_some_and(|e| e == ENDING)
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
    let failed = |e: std::io::Error| Fault::unavailable(format!("the folder of the terminology: {e}"));
    fs::create_dir_all(&folder).map_err(failed)?;
    let path = folder.join(format!("{}.{ENDING}", name_of(system.about())));
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let write = || -> std::io::Result<()> {
        let bytes = system.pack().map_err(|fault| std::io::Error::other(fault.text))?;
        let mut file = File::create(&beside)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &path)?;
        File::open(&folder)?.sync_all()
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
    Ok(files.into_iter().filter_map(|(path, (bytes, _))| Some((read_head(&path)?, bytes))).collect())
}

/// Takes a loaded system away; without a version, all of them. The answer is how many there were.
pub fn remove(data: &Path, url: &str, version: Option<&str>) -> Result<usize, Fault> {
    let mut count = 0;
    for path in files(&data.join(FOLDER))?.into_keys() {
        let is_it = read_head(&path).is_some_and(|a| a.url == url && version.is_none_or(|v| v == a.version));
        if is_it {
            fs::remove_file(&path).map_err(|e| Fault::unavailable(format!("{}: {e}", path.display())))?;
            count += 1;
        }
    }
    Ok(count)
}

/// A name for people, made unlike any other by a number over url and version.
fn name_of(about: &About) -> String {
    let whole = format!("{}|{}", about.url, about.version);
    let digest = ring::digest::digest(&ring::digest::SHA256, whole.as_bytes());
    let mark: String = digest.as_ref()[..6].iter().map(|b| format!("{b:02x}")).collect();
    let last = about.url.rsplit(['/', ':']).find(|part| !part.is_empty()).unwrap_or("system");
    let clean = |text: &str| -> String {
        let kept = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
        kept.take(40).collect()
    };
    format!("{}-{}-{mark}", clean(last), clean(about.version.rsplit('/').next().unwrap_or_default()))
}
