//! A disk that dies at a random write, and then has lost, torn or kept each write that was never synced.

use crate::place::Dice;
use badiano_store::files::{Files, RandomFile};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

#[derive(Default)]
pub struct FaultyDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    files: HashMap<PathBuf, FileState>,
    /// Writes and syncs until the power goes; none: it stays.
    left: Option<u64>,
    dead: bool,
}

#[derive(Default, Clone)]
struct FileState {
    /// What reads see.
    now: Vec<u8>,
    /// What is on the disk for certain.
    durable: Vec<u8>,
    /// Writes since the last sync.
    pending: Vec<(u64, Vec<u8>)>,
    /// The name is on the disk.
    named: bool,
}

fn gone() -> io::Error {
    io::Error::other("the power is gone")
}

impl State {
    /// Counts one operation; the one at which the power goes fails, and all after it.
    fn step(&mut self) -> io::Result<()> {
        if let Some(left) = &mut self.left {
            match left.checked_sub(1) {
                Some(less) => *left = less,
                None => self.dead = true,
            }
        }
        if self.dead { Err(gone()) } else { Ok(()) }
    }
}

fn write_into(bytes: &mut Vec<u8>, offset: u64, data: &[u8]) {
    let offset = usize::try_from(offset).expect("test files are small");
    if bytes.len() < offset + data.len() {
        bytes.resize(offset + data.len(), 0);
    }
    bytes[offset..offset + data.len()].copy_from_slice(data);
}

impl FaultyDisk {
    /// The power goes after so many writes and syncs.
    pub fn dies_after(&self, operations: u64) {
        self.lock().left = Some(operations);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the disk panics")
    }

    /// What the next start finds: synced bytes, and of each later write all, a part or nothing, in any order.
    pub fn after_the_crash(&self, dice: &mut Dice) -> FaultyDisk {
        let mut files = HashMap::new();
        for (path, file) in &self.lock().files {
            if !file.named && dice.one_in(2) {
                continue;
            }
            let mut bytes = file.durable.clone();
            let mut pending = file.pending.clone();
            for _ in 0..pending.len() {
                let (offset, data) = pending.swap_remove(dice.roll_usize(pending.len()));
                match dice.roll(3) {
                    0 => write_into(&mut bytes, offset, &data),
                    1 => write_into(&mut bytes, offset, &data[..dice.roll_usize(data.len() + 1)]),
                    _ => {}
                }
            }
            let kept = FileState { now: bytes.clone(), durable: bytes, pending: Vec::new(), named: true };
            files.insert(path.clone(), kept);
        }
        FaultyDisk { state: Arc::new(Mutex::new(State { files, ..State::default() })) }
    }
}

impl Files for FaultyDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn RandomFile>> {
        let mut state = self.lock();
        if !state.files.contains_key(path) {
            if !create {
                return Err(io::ErrorKind::NotFound.into());
            }
            state.step()?;
            state.files.insert(path.to_path_buf(), FileState::default());
        }
        Ok(Arc::new(FaultyFile { path: path.to_path_buf(), state: self.state.clone() }))
    }
    fn list(&self, folder: &Path) -> io::Result<Vec<(String, u64)>> {
        let state = self.lock();
        let inside = state.files.iter().filter(|(path, _)| path.parent() == Some(folder));
        let mut found: Vec<(String, u64)> = inside
            .filter_map(|(path, file)| Some((path.file_name()?.to_str()?.to_owned(), file.now.len() as u64)))
            .collect();
        found.sort();
        Ok(found)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.step()?;
        state.files.remove(path);
        Ok(())
    }
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.step()?;
        for (path, file) in &mut state.files {
            file.named |= path.parent() == Some(folder);
        }
        Ok(())
    }
}

struct FaultyFile {
    path: PathBuf,
    state: Arc<Mutex<State>>,
}

impl FaultyFile {
    fn with<T>(&self, counts: bool, f: impl FnOnce(&mut FileState) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state.lock().expect("no holder of the disk panics");
        if counts {
            state.step()?;
        }
        f(state.files.get_mut(&self.path).ok_or(io::ErrorKind::NotFound)?)
    }
}

impl RandomFile for FaultyFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        // The write at which the power goes may still reach the disk in part.
        let counted = self.with(true, |_| Ok(()));
        self.with(false, |file| {
            write_into(&mut file.now, offset, bytes);
            file.pending.push((offset, bytes.to_vec()));
            Ok(())
        })?;
        counted
    }
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.with(false, |file| {
            let from = usize::try_from(offset).expect("test files are small");
            let found = file.now.get(from..from + bytes.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
            bytes.copy_from_slice(found);
            Ok(())
        })
    }
    fn sync(&self) -> io::Result<()> {
        self.with(true, |file| {
            file.durable.clone_from(&file.now);
            file.pending.clear();
            Ok(())
        })
    }
    fn length(&self) -> io::Result<u64> {
        self.with(false, |file| Ok(file.now.len() as u64))
    }
    fn truncate(&self, length: u64) -> io::Result<()> {
        self.with(true, |file| {
            let length = usize::try_from(length).expect("test files are small");
            file.now.resize(length, 0);
            file.durable.resize(length.min(file.durable.len()), 0);
            file.pending.clear();
            Ok(())
        })
    }
}
