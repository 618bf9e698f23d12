//! Nothing large enters git, now or in what HEAD has behind it.

use super::Breach;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const BYTES_MAX: u64 = 2 << 20;
/// Paths that may be larger, each with its reason; none so far.
const LISTED: [(&str, &str); 0] = [];

pub struct Blob {
    pub path: String,
    pub bytes: u64,
}

/// Every blob that HEAD reaches, through its history too, under the path that it had.
pub fn read(root: &Path) -> Result<Vec<Blob>, String> {
    let mut list = Command::new("git");
    list.args(["rev-list", "--objects", "HEAD"]).current_dir(root);
    let objects = crate::process::read(&mut list)?;
    let mut sizes = Command::new("git");
    sizes.args(["cat-file", "--batch-check=%(objecttype) %(objectsize) %(rest)"]).current_dir(root);
    sizes.stdin(Stdio::piped()).stdout(Stdio::piped());
    let failed = |e: std::io::Error| format!("git cat-file: {e}");
    let mut child = sizes.spawn().map_err(failed)?;
    let mut input = child.stdin.take().expect("standard input was asked for as a pipe");
    // Written beside the reading: both pipes are shorter than the list.
    let writer = std::thread::spawn(move || input.write_all(objects.as_bytes()));
    let output = child.wait_with_output().map_err(failed)?;
    writer.join().map_err(|_| "git cat-file: the list was not written")?.map_err(failed)?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(row).collect())
}

fn row(line: &str) -> Option<Blob> {
    let mut cells = line.splitn(3, ' ');
    let (kind, bytes, path) = (cells.next()?, cells.next()?, cells.next()?);
    (kind == "blob").then_some(())?;
    Some(Blob { path: path.to_owned(), bytes: bytes.parse().ok()? })
}

pub fn check(blobs: &[Blob]) -> Vec<Breach> {
    let listed = |path: &str| LISTED.iter().any(|(name, _)| *name == path);
    let large = blobs.iter().filter(|b| b.bytes > BYTES_MAX && !listed(&b.path));
    large
        .map(|blob| {
            let text = format!(
                "{} bytes in git, {BYTES_MAX} at most; fetch it by hash when it is needed",
                blob.bytes
            );
            Breach::new(&blob.path, 0, "blobs", text)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{BYTES_MAX, check, row};

    #[test]
    fn a_blob_of_one_byte_too_many_is_found_and_trees_are_not_looked_at() {
        let lines = [
            format!("blob {BYTES_MAX} a b.bin"),
            format!("blob {} c.bin", BYTES_MAX + 1),
            "tree 9999999 d".to_owned(),
        ];
        let blobs: Vec<_> = lines.iter().filter_map(|l| row(l)).collect();
        assert_eq!(blobs.len(), 2);
        let found = check(&blobs);
        assert_eq!(found.iter().map(|b| b.path.as_str()).collect::<Vec<_>>(), ["c.bin"]);
    }
}
