//! The HTTP listeners: TLS 1.3 with an optional client certificate, and plain HTTP on loopback where it was asked for.

use crate::caller::Connection;
use crate::tls::Tls;
use axum::Router;
use axum::http::Uri;
use badiano_kernel::Fault;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustls::pki_types::CertificateDer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// Connections served at once; more wait in the listener's queue.
const CONNECTIONS_MAX: usize = 4096;
/// A client that has not sent its headers by then is cut off, and so is one that has not asked anything yet.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// HTTP/2: a client that is silent is asked this often whether it is there, and is cut off if it does not say so in time (RFC 9113, section 6.7).
const PING_EVERY: Duration = Duration::from_secs(60);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// HTTP/2: fields of one request, expanded (RFC 9113, section 10.5.1).
const HEADER_BYTES_MAX: u32 = 64 << 10;

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
            let door = tls.door()?;
            let stream = tokio::time::timeout(HEADER_TIMEOUT, door.acceptor.accept(stream)).await??;
            let shown: Vec<_> = stream.get_ref().1.peer_certificates().unwrap_or_default().to_vec();
            let shown: Vec<_> = shown.into_iter().map(CertificateDer::into_owned).collect();
            let certificate = door.read(&shown);
            let is_node = certificate.as_ref().is_some_and(|c| c.of_authority);
            let connection = Connection { remote, certificate, is_tls: true, operator: None };
            let serving = run(TokioIo::new(stream), connection, router);
            if !is_node {
                return serving.await;
            }
            // A node whose certificate is revoked is cut off in the middle of what it asks.
            tokio::select! {
                done = serving => done,
                () = tls.until_revoked(&shown) => Ok(()),
            }
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
    let inner = TowerToHyperService::new(router.layer(axum::Extension(connection)));
    let asked = Arc::new(AtomicBool::new(false));
    let noted = asked.clone();
    let service = service_fn(move |mut request: axum::http::Request<hyper::body::Incoming>| {
        noted.store(true, Ordering::Relaxed);
        if let Some(plain) = plainly(request.uri()) {
            *request.uri_mut() = plain;
        }
        inner.call(request)
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    let mut http2 = builder.http2();
    http2.timer(TokioTimer::new()).max_concurrent_streams(256).max_header_list_size(HEADER_BYTES_MAX);
    http2.keep_alive_interval(PING_EVERY).keep_alive_timeout(PING_TIMEOUT);
    let serving = builder.serve_connection_with_upgrades(io, service);
    tokio::pin!(serving);
    // Which protocol it is shows in the first bytes, and no protocol's own wait has begun before them.
    tokio::select! {
        done = &mut serving => return done,
        () = tokio::time::sleep(HEADER_TIMEOUT) => {}
    }
    if asked.load(Ordering::Relaxed) { serving.await } else { Ok(()) }
}

/// The address with the name of its FHIR operation as the standard writes it: many clients send `%24` for `$` (operations.html).
fn plainly(asked: &Uri) -> Option<Uri> {
    let path = asked.path();
    if !path.starts_with("/fhir/") || !path.contains("/%24") {
        return None;
    }
    let query = asked.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = asked.clone().into_parts();
    parts.path_and_query = format!("{}{query}", path.replace("/%24", "/$")).parse().ok();
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_found_when_its_sign_is_escaped_and_nothing_else_changes() {
        let plain = |text: &str| plainly(&text.parse().expect("an address")).map(|uri| uri.to_string());
        assert_eq!(
            plain("/fhir/Patient/1/%24everything?_count=%245").as_deref(),
            Some("/fhir/Patient/1/$everything?_count=%245")
        );
        assert_eq!(plain("/fhir/Patient?name=%24"), None);
        assert_eq!(plain("/dicomweb/%24x"), None);
    }
}
