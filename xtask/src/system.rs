//! System packages that the tests need: there, or installed where that is allowed, or the one line to type.

use crate::process::{is_on_path, run, succeeds};
use std::process::Command;

/// Any one of `programs` on the path is enough.
struct Needed {
    programs: &'static [&'static str],
    package: &'static str,
}

const NEEDED: [Needed; 5] = [
    Needed { programs: &["chromium", "chromium-browser", "google-chrome"], package: "chromium" },
    Needed { programs: &["storescu"], package: "dcmtk" },
    Needed { programs: &["findscu"], package: "dcmtk" },
    Needed { programs: &["strace"], package: "strace" },
    Needed { programs: &["python3"], package: "python3" },
];
/// The oldest Node that the pages are built with.
const NODE_MAJOR_MIN: u32 = 20;

pub fn ensure() -> Result<(), String> {
    let missing = missing();
    if !missing.is_empty() {
        install(&missing)?;
    }
    let still = self::missing();
    if !still.is_empty() {
        return Err(format!("still not there after installing: {}", still.join(" ")));
    }
    node()
}

/// Node and npm come from the newcomer: distributions ship versions that are too old.
pub fn node() -> Result<(), String> {
    let version = crate::process::read(Command::new("node").arg("--version"));
    let version = version.map_err(|_| format!("Node {NODE_MAJOR_MIN} or newer is needed (`node`, `npm`)"))?;
    let major = version.trim().trim_start_matches('v').split('.').next().and_then(|n| n.parse::<u32>().ok());
    match major {
        Some(major) if major >= NODE_MAJOR_MIN && is_on_path("npm") => Ok(()),
        _ => Err(format!("Node {NODE_MAJOR_MIN} or newer with npm is needed; there is {}", version.trim())),
    }
}

fn missing() -> Vec<&'static str> {
    let mut packages: Vec<&str> =
        NEEDED.iter().filter(|n| !n.programs.iter().any(|p| is_on_path(p))).map(|n| n.package).collect();
    if !succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
        packages.push("python3-venv");
    }
    packages.dedup();
    packages
}

fn install(packages: &[&str]) -> Result<(), String> {
    let line = format!("apt-get update && apt-get install -y --no-install-recommends {}", packages.join(" "));
    let root = crate::process::read(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !root || !is_on_path("apt-get") {
        return Err(format!(
            "system packages are missing; run this, then try again:\n\n  sudo sh -c '{line}'\n"
        ));
    }
    run(Command::new("apt-get").arg("update"))?;
    let mut command = Command::new("apt-get");
    command
        .args(["install", "-y", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive");
    run(&mut command)
}
