//! Where things are: the repository, the cache, Cargo's target folder.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The repository's root: where Cargo runs this from, and only without Cargo where it was built. Checkouts that share a target folder
/// share one binary.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let package = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        package.parent().expect("xtask stands in the repository's root").to_owned()
    })
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
