//! The HTTP listeners: TLS 1.3 with an optional client certificate, and plain HTTP on loopback where it was asked for.

use crate::caller::Connection;
use axum::Router;
use badiano_kernel::Fault;
use badiano_record::authority::Identity;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::server::WebPkiClientVerifier;
use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Connections served at once; more wait in the listener's queue.
const CONNECTIONS_MAX: usize = 4096;
/// A client that has not sent its headers by then is cut off.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);

/// A TLS configuration that can be replaced while connections run (rotation, joining a hub).
pub struct Tls {
    acceptor: RwLock<TlsAcceptor>,
}

impl Tls {
    pub fn new(identity: &Identity) -> Result<Self, Fault> {
        Ok(Tls { acceptor: RwLock::new(acceptor(identity)?) })
    }
    /// New connections use the new certificate.
    pub fn replace(&self, identity: &Identity) -> Result<(), Fault> {
        *self.acceptor.write().expect("no holder of the acceptor panics") = acceptor(identity)?;
        Ok(())
    }
    fn get(&self) -> TlsAcceptor {
        self.acceptor.read().expect("no holder of the acceptor panics").clone()
    }
}

fn acceptor(identity: &Identity) -> Result<TlsAcceptor, Fault> {
    let bad = |_| Fault::bug("the node's certificate or key cannot be read");
    let mut roots = rustls::RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(identity.authority.as_bytes()) {
        roots
            .add(root.map_err(bad)?)
            .map_err(|_| Fault::bug("the authority's certificate cannot be used"))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()
        .map_err(|e| Fault::bug(format!("client certificates cannot be checked: {e}")))?;
    let chain = CertificateDer::pem_slice_iter(identity.certificate.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(bad)?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).map_err(bad)?;
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|_| Fault::bug("TLS 1.3 is offered"))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|_| Fault::bug("the node's certificate and key do not fit"))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Serves until the process ends. `tls` is none for plain HTTP, which listens on loopback only.
pub async fn serve(listener: TcpListener, tls: Option<Arc<Tls>>, router: Router) -> Result<(), Fault> {
    let address = listener.local_addr().map_err(|_| Fault::bug("a bound listener has an address"))?;
    if tls.is_none() && !address.ip().is_loopback() {
        return Err(Fault::invalid("plain HTTP listens on loopback only"));
    }
    let slots = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_MAX));
    loop {
        let slot =
            slots.clone().acquire_owned().await.map_err(|_| Fault::bug("the semaphore is never closed"))?;
        let (stream, remote) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (tls, router) = (tls.clone(), router.clone());
        tokio::spawn(async move {
            if let Err(error) = serve_one(stream, remote, tls, router).await {
                tracing::debug!(%error, "a connection ended");
            }
            drop(slot);
        });
    }
}

async fn serve_one(
    stream: TcpStream,
    remote: SocketAddr,
    tls: Option<Arc<Tls>>,
    router: Router,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    match tls {
        None => {
            let connection = Connection { remote, certificate: None, is_tls: false, operator: None };
            run(TokioIo::new(stream), connection, router).await
        }
        Some(tls) => {
            let stream = tokio::time::timeout(HEADER_TIMEOUT, tls.get().accept(stream)).await??;
            let certificate =
                stream.get_ref().1.peer_certificates().and_then(|c| c.first()).map(|c| c.to_vec());
            let connection = Connection { remote, certificate, is_tls: true, operator: None };
            run(TokioIo::new(stream), connection, router).await
        }
    }
}

/// One connection, whatever it runs over.
pub(crate) async fn run<I>(
    io: I,
    connection: Connection,
    router: Router,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(router.layer(axum::Extension(connection)));
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(256);
    builder.serve_connection_with_upgrades(io, service).await
}
