//! The files below a directory that a command works on, and which of them are DICOM objects (PS3.10 section 7).

use badiano_kernel::Fault;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Folders inside folders.
const DEPTH_MAX: usize = 64;

/// Every file below, in the order of names; links are not followed.
pub fn files_below(from: &Path) -> Result<Vec<PathBuf>, Fault> {
    let failed =
        |path: &Path, e: std::io::Error| Fault::invalid(e.to_string()).at(path.display().to_string());
    let about = fs::symlink_metadata(from).map_err(|e| failed(from, e))?;
    if about.is_file() {
        return Ok(vec![from.to_owned()]);
    }
    let (mut files, mut folders) = (Vec::new(), vec![(from.to_owned(), 0)]);
    while let Some((folder, depth)) = folders.pop() {
        if depth > DEPTH_MAX {
            return Err(
                Fault::too_costly("folders stand too deep in each other").at(folder.display().to_string())
            );
        }
        for entry in fs::read_dir(&folder).map_err(|e| failed(&folder, e))? {
            let entry = entry.map_err(|e| failed(&folder, e))?;
            let kind = entry.file_type().map_err(|e| failed(&entry.path(), e))?;
            if kind.is_dir() {
                folders.push((entry.path(), depth + 1));
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// A Part 10 file that is an object: not the index of a medium (PS3.10 section 8).
pub fn is_dicom(file: &Path) -> std::io::Result<bool> {
    if file.file_name().is_some_and(|name| name.eq_ignore_ascii_case("DICOMDIR")) {
        return Ok(false);
    }
    let mut head = Vec::with_capacity(132);
    File::open(file)?.take(132).read_to_end(&mut head)?;
    Ok(head.ends_with(b"DICM") && head.len() == 132)
}
