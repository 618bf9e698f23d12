//! `badiano backup` and `badiano restore`: a copy without the key, made while the node runs or stands, and its way back.

use super::operator::Door;
use super::{runtime, say};
use crate::config::ServeOptions;
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_record::Node;
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
pub struct BackupOptions {
    /// A dónde se copia; debe estar vacío / where to; must be empty
    to: PathBuf,
    #[command(flatten)]
    node: ServeOptions,
}

#[derive(Args)]
pub struct RestoreOptions {
    /// La copia / the copy
    from: PathBuf,
    #[command(flatten)]
    node: ServeOptions,
}

pub fn backup(options: &BackupOptions) -> Result<ExitCode, Fault> {
    let config = options.node.complete()?;
    must_be_empty(&options.to)?;
    match Door::of_running(&config.data)? {
        // The node writes the copy, as the user it runs under, from wherever it was started.
        Some(door) => {
            let to = std::path::absolute(&options.to)
                .map_err(|e| Fault::invalid(e.to_string()).at(options.to.display().to_string()))?;
            runtime()?.block_on(door.post("/api/admin/backup", &serde_json::json!({ "to": to })))?;
        }
        None => {
            let node = super::serve::open(&config)?;
            let job = Principal::Job { name: "backup" };
            node.session(job, Purpose::Operations, Instant::now()).back_up(&options.to)?;
        }
    }
    say(&format!("copia en {} (la llave no va en ella: guárdela aparte)", options.to.display()));
    Ok(ExitCode::SUCCESS)
}

pub fn restore(options: &RestoreOptions) -> Result<ExitCode, Fault> {
    let config = options.node.complete()?;
    if !Node::is_at(&options.from) {
        return Err(Fault::invalid("this is no whole copy of a node").at(options.from.display().to_string()));
    }
    must_be_empty(&config.data)?;
    if !config.key_file.exists() {
        return Err(Fault::unavailable("the key file is not there: without it the copy cannot be read")
            .at(config.key_file.display().to_string()));
    }
    copy_all(&options.from, &config.data)?;
    super::serve::open(&config)?;
    say(&format!("devuelta en {}", config.data.display()));
    Ok(ExitCode::SUCCESS)
}

fn must_be_empty(path: &Path) -> Result<(), Fault> {
    let empty = std::fs::read_dir(path).map_or(true, |mut entries| entries.next().is_none());
    if empty {
        Ok(())
    } else {
        Err(Fault::conflict("the directory is not empty").at(path.display().to_string()))
    }
}

fn copy_all(from: &Path, to: &Path) -> Result<(), Fault> {
    let failed = |e: std::io::Error| Fault::unavailable(e.to_string()).at(from.display().to_string());
    std::fs::create_dir_all(to).map_err(failed)?;
    for entry in std::fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let target = to.join(entry.file_name());
        if entry.file_type().map_err(failed)?.is_dir() {
            copy_all(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target).map_err(failed)?;
            std::fs::File::open(&target).and_then(|f| f.sync_all()).map_err(failed)?;
        }
    }
    Ok(())
}
