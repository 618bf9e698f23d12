//! The files beside the database (packs, spool), behind one small trait so that tests can lose, reorder and tear writes.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

/// A file read and written at positions.
pub trait RandomFile: Send + Sync {
    /// Writes all of `bytes` at `offset`.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Fills `bytes` from `offset`; an error of kind `UnexpectedEof` when the file is shorter.
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()>;
    /// Waits until everything written is on the disk (`fdatasync`).
    fn sync(&self) -> io::Result<()>;
    fn length(&self) -> io::Result<u64>;
    fn truncate(&self, length: u64) -> io::Result<()>;
}

/// A place where files are kept.
pub trait Files: Send + Sync {
    /// Opens for reading and writing; makes an empty file where there is none and `create` is set.
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn RandomFile>>;
    /// Names and lengths of the files of a folder, which is made when it is not there.
    fn list(&self, folder: &Path) -> io::Result<Vec<(String, u64)>>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// Makes a folder and all above it that is not there; their names survive a power loss.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    let Some(above) = folder.parent().filter(|_| !folder.is_dir()) else { return Ok(()) };
    // The parent of a plain name is the folder that we run in.
    let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
    make_folder(above)?;
    match fs::create_dir(folder) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
        _ => DiskFiles.sync_folder(above),
    }
}

/// The operating system's own files.
#[derive(Debug, Default, Clone, Copy)]
pub struct DiskFiles;

impl Files for DiskFiles {
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn RandomFile>> {
        let file = OpenOptions::new().read(true).write(true).create(create).mode(0o600).open(path)?;
        Ok(Arc::new(file))
    }
    fn list(&self, folder: &Path) -> io::Result<Vec<(String, u64)>> {
        make_folder(folder)?;
        let mut found = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let about = entry.metadata()?;
            if let (true, Ok(name)) = (about.is_file(), entry.file_name().into_string()) {
                found.push((name, about.len()));
            }
        }
        found.sort();
        Ok(found)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

impl RandomFile for File {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(bytes, offset)
    }
    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
    fn truncate(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}
