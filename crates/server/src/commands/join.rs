//! `badiano join`: enrols a hospital at a hub, or renews the node's certificate; at the running node, or at one that stands.

use super::operator::Door;
use super::{runtime, say};
use crate::config::ServeOptions;
use badiano_exchange::{Wire, join};
use badiano_kernel::{Fault, Instant};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub struct JoinOptions {
    /// Dirección del concentrador / address of the hub: https://host:port
    #[arg(required_unless_present = "renew")]
    hub: Option<String>,
    /// Código de un solo uso / one-time code from the hub's administrator
    #[arg(long, required_unless_present = "renew")]
    code: Option<String>,
    /// Certificado de la autoridad del concentrador (PEM) / the hub's authority (PEM)
    #[arg(long, required_unless_present = "renew")]
    authority: Option<PathBuf>,
    /// Dirección por la que el concentrador llega a este hospital / address the hub reaches this hospital by
    #[arg(long, required_unless_present = "renew")]
    address: Option<String>,
    /// Renueva ya el certificado del nodo / renew the node's certificate now
    #[arg(long, conflicts_with_all = ["hub", "code", "authority", "address"])]
    renew: bool,
    #[command(flatten)]
    node: ServeOptions,
}

pub fn run(options: &JoinOptions) -> Result<ExitCode, Fault> {
    let config = options.node.complete()?;
    let door = Door::of_running(&config.data)?;
    let open = || super::serve::open(&config);
    let given = (&options.hub, &options.code, &options.authority, &options.address);
    let (Some(hub), Some(code), Some(authority), Some(address)) = given else {
        match door {
            Some(door) => {
                runtime()?.block_on(door.post("/api/admin/certificate/renew", &serde_json::json!({})))?;
            }
            None => {
                let node = open()?;
                let wire = Wire::new(&node.present_identity()?)?;
                runtime()?.block_on(join::renew(&node, &wire, Instant::now()))?;
            }
        }
        say("certificado renovado");
        return Ok(ExitCode::SUCCESS);
    };
    let authority = std::fs::read_to_string(authority)
        .map_err(|e| Fault::unavailable(e.to_string()).at(authority.display().to_string()))?;
    match door {
        Some(door) => {
            let asked =
                serde_json::json!({ "hub": hub, "code": code, "authority": authority, "address": address });
            runtime()?.block_on(door.post("/api/admin/join", &asked))?;
        }
        None => {
            let node = open()?;
            runtime()?.block_on(join::join(&node, hub, code, address, &authority, Instant::now()))?;
        }
    }
    say(&format!("{} se unió a {hub}", config.settings.name));
    Ok(ExitCode::SUCCESS)
}
