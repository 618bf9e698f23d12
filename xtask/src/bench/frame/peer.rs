//! Other people's programs that we measure ourselves beside: where each is, and the one line that brings it.

use crate::{place, process};
use std::path::PathBuf;

/// A program on the path, or a file below the cache.
pub struct Peer {
    pub name: &'static str,
    /// On the path.
    program: &'static str,
    /// Below the cache, looked at first.
    cached: &'static str,
    /// One line for a shell.
    install: &'static str,
}

const PEERS: [Peer; 4] = [
    Peer {
        name: "dcmtk",
        program: "storescu",
        cached: "peers/dcmtk/bin/storescu",
        install: "apt-get install -y --no-install-recommends dcmtk",
    },
    Peer {
        name: "nginx",
        program: "nginx",
        cached: "peers/nginx/sbin/nginx",
        install: "apt-get install -y --no-install-recommends nginx-light",
    },
    Peer {
        name: "orthanc",
        program: "Orthanc",
        cached: "peers/trixie/usr/sbin/Orthanc",
        install: "apt-get install -y debootstrap && debootstrap --include=orthanc,orthanc-dicomweb trixie \
                  ~/.cache/badiano/peers/trixie",
    },
    Peer {
        name: "hfs",
        program: "hfs",
        cached: "peers/hfs/bin/hfs",
        install: "cargo install helios-hfs --version 0.2.7 --locked --root ~/.cache/badiano/peers/hfs",
    },
];

/// Where it is; an error holds the line that brings it.
pub fn program(name: &str) -> Result<PathBuf, String> {
    let peer = PEERS.iter().find(|p| p.name == name).ok_or(format!("no peer is called {name}"))?;
    let cached = place::cache()?.join(peer.cached);
    if cached.exists() {
        return Ok(cached);
    }
    if process::is_on_path(peer.program) {
        return Ok(PathBuf::from(peer.program));
    }
    Err(format!("{name} is not there; to bring it: {}", peer.install))
}

/// What there is to compare with; fails where something is missing.
pub fn list() -> Result<(), String> {
    let mut missing = Vec::new();
    for peer in &PEERS {
        match program(peer.name) {
            Ok(path) => println!("{:<8} {}", peer.name, path.display()),
            Err(why) => missing.push(why),
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(missing.join("\n")) }
}
