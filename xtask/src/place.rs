//! Where things are: the repository, the cache, Cargo's target folder.

use std::path::{Path, PathBuf};

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask stands in the repository's root")
}

/// What outlives a clone: Python's environment, downloads.
pub fn cache() -> Result<PathBuf, String> {
    let home = std::env::var_os("HOME").ok_or("HOME is not set")?;
    Ok(PathBuf::from(home).join(".cache/badiano"))
}

/// Cargo's target folder, as Cargo itself would choose it.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(given) => root().join(given),
        None => root().join("target"),
    }
}

/// The product's binary of a profile's folder: `debug` or `release`.
pub fn binary(profile: &str) -> PathBuf {
    target().join(profile).join("badiano")
}
