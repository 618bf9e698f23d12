//! `badiano serve`: opens the node, starts the parts of its role, and says how to reach it.

use super::{runtime, say};
use crate::config::{Config, ServeOptions};
use crate::{jobs, roles};
use badiano_gateway::{Gate, GateOptions, dimse, listen, mllp, operator, routes, tls};
use badiano_kernel::{Fault, Instant};
use badiano_record::peers::PeerKind;
use badiano_record::{Node, NodeOptions};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;

pub fn run(options: &ServeOptions) -> Result<ExitCode, Fault> {
    let config = options.complete()?;
    let node = open(&config)?;
    runtime()?.block_on(serve(config, node))
}

/// Opens the node of a configuration.
pub fn open(config: &Config) -> Result<Node, Fault> {
    let node = Node::open(NodeOptions {
        data: config.data.clone(),
        key_file: config.key_file.clone(),
        settings: config.settings.clone(),
        workflows: badiano_departments::WORKFLOWS,
    })?;
    if let Some(bytes) = config.free_bytes_min {
        node.keep_free(bytes);
    }
    Ok(node)
}

async fn serve(config: Config, node: Node) -> Result<ExitCode, Fault> {
    let now = Instant::now();
    let address = format!("https://{}:{}", config.host, config.listen.port());
    let pages = config.http.map_or(address.clone(), |http| format!("http://localhost:{}", http.port()));
    node.identity(&[config.host.clone(), "127.0.0.1".to_owned()], now).await?;
    let options = GateOptions {
        address: address.clone(),
        pages: pages.clone(),
        ae_title: config.ae_title.clone(),
        providers: config.providers.clone(),
        secure_cookies: config.http.is_none(),
        patience: config.patience,
        subscribers: config.subscribers.clone(),
    };
    let gate = Gate::new(node.clone(), options);
    let tls = Arc::new(tls::Tls::new(&node)?);
    let router = routes::router(gate.clone());
    open_operators_door(&config, &router);
    let https = bind(config.listen).await?;
    tokio::spawn(report("HTTPS", listen::serve(https, Some(tls.clone()), router.clone())));
    if let Some(http) = config.http {
        let http = bind(http).await?;
        tokio::spawn(report("HTTP", listen::serve(http, None, router)));
    }
    for part in roles::parts(node.settings().role) {
        match part {
            roles::Part::Dimse => {
                if let Some(at) = config.dimse {
                    let at = guarded(&node, PeerKind::Dicom, at)?;
                    tokio::spawn(report("DICOM", dimse::serve(gate.clone(), tls.clone(), bind(at).await?)));
                }
            }
            roles::Part::Mllp => {
                if let Some(at) = config.mllp {
                    let at = guarded(&node, PeerKind::Hl7, at)?;
                    tokio::spawn(report(
                        "MLLP",
                        mllp::listener::serve(gate.clone(), Some(tls.clone()), bind(at).await?),
                    ));
                }
            }
            _ => {}
        }
        tokio::spawn(jobs::run(part, gate.clone()));
    }
    greet(&config, &node, &pages).await?;
    wait_for_the_end().await;
    // What was acknowledged is durable already; nothing is lost by stopping here.
    Ok(ExitCode::SUCCESS)
}

/// A node whose operator's door cannot be opened (a path too long for a socket) serves everybody else all the same.
fn open_operators_door(config: &Config, router: &axum::Router) {
    match operator::open(&config.data) {
        Ok(listener) => {
            let serving = operator::serve(listener, config.data.clone(), router.clone());
            tokio::spawn(report("operator", serving));
        }
        Err(fault) => tracing::warn!(%fault, "commands cannot reach this node while it runs"),
    }
}

async fn greet(config: &Config, node: &Node, pages: &str) -> Result<(), Fault> {
    say(&format!("{} ({}): {pages}", node.settings().name, node.settings().clues));
    if let Some(dimse) = config.dimse {
        say(&format!("DICOM {} en {dimse}", config.ae_title));
    }
    if let Some(mllp) = config.mllp {
        say(&format!("HL7 v2 (MLLP) en {mllp}"));
    }
    if let Some(code) = node.setup_code(Instant::now()).await? {
        say(&format!("Para crear al primer administrador abra, una sola vez: {pages}/#/setup/{code}"));
    }
    say("ready");
    Ok(())
}

/// With nobody listed there is nobody to hear: the door stays on this machine until a peer is listed and the node started again.
fn guarded(node: &Node, kind: PeerKind, at: SocketAddr) -> Result<SocketAddr, Fault> {
    if at.ip().is_loopback() || !node.peers(kind)?.is_empty() {
        return Ok(at);
    }
    let local = SocketAddr::from(([127, 0, 0, 1], at.port()));
    say(&format!("sin equipos en la lista, la puerta {at} escucha solo en {local}"));
    Ok(local)
}

pub async fn bind(at: SocketAddr) -> Result<TcpListener, Fault> {
    TcpListener::bind(at).await.map_err(|e| Fault::unavailable(format!("{at} cannot be listened on: {e}")))
}

async fn report(door: &str, serving: impl Future<Output = Result<(), Fault>>) {
    if let Err(fault) = serving.await {
        tracing::error!(%fault, door, "a door closed");
    }
}

async fn wait_for_the_end() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}
