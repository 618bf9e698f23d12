//! Where a store lives, its limits, and the key file that stands outside it.

use crate::faults::OrFault;
use crate::files::{DiskFiles, Files, make_folder};
use crate::seal::NodeKey;
use badiano_kernel::Fault;
use badiano_kernel::id::random_bytes;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where a store lives.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data directory; one process at a time.
    pub data: PathBuf,
    /// 32 random bytes in hexadecimal, mode 0600, outside the data directory; made at the first start.
    pub key_file: PathBuf,
    /// IANA name of the node's own time zone.
    pub zone: String,
}

/// Limits that an operator may set.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Below so many free bytes on the data directory's disk, writes are refused and reads go on.
    pub free_bytes_min: u64,
    /// A pack takes no further blob once it is this long.
    pub pack_bytes_roll: u64,
    /// Connections that read side by side.
    pub readers_max: usize,
    /// Candidates that one search may look at.
    pub search_candidates_max: usize,
    /// Rows that a search passes first before it tries another way, and then more of each.
    pub search_step_rows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            free_bytes_min: 512 << 20,
            pack_bytes_roll: 1 << 30,
            readers_max: 32,
            search_candidates_max: 1_000_000,
            search_step_rows: 256,
        }
    }
}

/// Longest body of a resource or document.
pub const BODY_BYTES_MAX: usize = 32 << 20;

impl Options {
    /// Reads the key file, or makes one where the data directory has no database yet.
    pub(crate) fn node_key(&self, fresh: bool) -> Result<NodeKey, Fault> {
        self.key_outside_data()?;
        match fs::metadata(&self.key_file) {
            Ok(about) => {
                if about.mode() & 0o077 != 0 {
                    return Err(Fault::forbidden(
                        "the key file can be read by others: set its mode to 0600 and draw a new key if it may have leaked",
                    ));
                }
            }
            Err(_) if fresh => self.make_key()?,
            Err(_) => {
                return Err(Fault::unavailable(
                    "the key file is not there: the data cannot be read without the key it was written with",
                ));
            }
        }
        let text = fs::read_to_string(&self.key_file).or_fault()?;
        Ok(NodeKey::new(
            &from_hex(text.trim())
                .ok_or_else(|| Fault::invalid("the key file does not hold 32 bytes in hexadecimal"))?,
        ))
    }

    fn key_outside_data(&self) -> Result<(), Fault> {
        let data = real(&self.data);
        let folder = self.key_file.parent().map(real).unwrap_or_default();
        if folder.starts_with(&data) {
            return Err(Fault::invalid(
                "the key file must lie outside the data directory, or a copy of the data would carry its key",
            ));
        }
        Ok(())
    }

    fn make_key(&self) -> Result<(), Fault> {
        let folder = self.key_file.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
        make_folder(folder).or_fault()?;
        let secret: [u8; 32] = random_bytes();
        let hex: String = secret.iter().map(|b| format!("{b:02x}")).collect();
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.key_file).or_fault()?;
        writeln!(file, "{hex}").or_fault()?;
        file.sync_all().or_fault()?;
        // Its name too: data whose key a power loss took are lost.
        DiskFiles.sync_folder(folder).or_fault()
    }
}

/// The folder without links; as far as it exists.
fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_path_buf())
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut out = [0u8; 32];
    for (i, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(out)
}
