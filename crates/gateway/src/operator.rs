//! The operator's door: a Unix socket in the data directory, for commands of whoever owns that directory, and for root.

use crate::caller::Connection;
use crate::listen::run;
use axum::Router;
use badiano_kernel::Fault;
use hyper_util::rt::TokioIo;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};

/// Commands served at once; more wait in the listener's queue.
const CONNECTIONS_MAX: usize = 16;

/// Where the door of a data directory is.
pub fn socket_of(data: &Path) -> PathBuf {
    data.join("operator.sock")
}

/// Opens the door. What an earlier process left in its place goes away: the data directory is locked by this one.
pub fn open(data: &Path) -> Result<UnixListener, Fault> {
    let socket = socket_of(data);
    let failed = |e: std::io::Error| Fault::unavailable(e.to_string()).at(socket.display().to_string());
    match std::fs::remove_file(&socket) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(e)),
        _ => {}
    }
    let listener = UnixListener::bind(&socket).map_err(failed)?;
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

/// Serves until the process ends. Who else gets hold of the socket is sent away unheard.
pub async fn serve(listener: UnixListener, data: PathBuf, router: Router) -> Result<(), Fault> {
    let owner = std::fs::metadata(socket_of(&data)).map_err(|e| Fault::unavailable(e.to_string()))?.uid();
    let slots = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_MAX));
    loop {
        let slot =
            slots.clone().acquire_owned().await.map_err(|_| Fault::bug("the semaphore is never closed"))?;
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the operator's door could not take a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Some(user) = stream.peer_cred().ok().map(|c| c.uid()).filter(|u| *u == owner || *u == 0) else {
            tracing::warn!("someone who does not own the data directory knocked at the operator's door");
            continue;
        };
        let router = router.clone();
        tokio::spawn(async move {
            if let Err(error) = serve_one(stream, user, router).await {
                tracing::debug!(%error, "a connection of the operator ended");
            }
            drop(slot);
        });
    }
}

async fn serve_one(
    stream: UnixStream,
    user: u32,
    router: Router,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let remote = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let connection = Connection { remote, certificate: None, is_tls: false, operator: Some(user) };
    run(TokioIo::new(stream), connection, router).await
}
