//! `badiano join`: enrols a hospital at a hub. The node is stopped meanwhile; its next start uses the hub's certificate.

use super::{runtime, say};
use crate::config::ServeOptions;
use badiano_kernel::{Fault, Instant};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub struct JoinOptions {
    /// Dirección del concentrador / address of the hub: https://host:port
    hub: String,
    /// Código de un solo uso / one-time code from the hub's administrator
    #[arg(long)]
    code: String,
    /// Certificado de la autoridad del concentrador (PEM) / the hub's authority (PEM)
    #[arg(long)]
    authority: PathBuf,
    /// Dirección por la que el concentrador llega a este hospital / address the hub reaches this hospital by
    #[arg(long)]
    address: String,
    #[command(flatten)]
    node: ServeOptions,
}

pub fn run(options: &JoinOptions) -> Result<ExitCode, Fault> {
    let authority = std::fs::read_to_string(&options.authority)
        .map_err(|e| Fault::unavailable(e.to_string()).at(options.authority.display().to_string()))?;
    let node = super::serve::open(&options.node.complete()?)?;
    runtime()?.block_on(async {
        let now = Instant::now();
        badiano_exchange::join::join(&node, &options.hub, &options.code, &options.address, &authority, now)
            .await
    })?;
    say(&format!("{} se unió a {}", node.settings().name, options.hub));
    Ok(ExitCode::SUCCESS)
}
