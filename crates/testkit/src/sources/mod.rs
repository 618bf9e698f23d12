//! Simulated institutions: they answer the hub's question over real sockets (mTLS, HTTP/2), each well or in one of many bad ways.

mod answers;

pub use answers::record;

use answers::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Longest question that is read.
const QUESTION_BYTES_MAX: usize = 64 << 10;

/// How a source answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// The person's record, after a time.
    Answers(Duration),
    /// Takes the question and says nothing.
    Hangs,
    /// Takes the connection and says nothing.
    HangsInTheHandshake,
    /// Closes every connection.
    Drops,
    Refuses(u16),
    /// One byte every tenth of a second.
    Drips,
    /// A bundle that never ends.
    Endless,
    /// Closes in the middle of the answer.
    BreaksOff,
    /// Another person's whole record.
    WrongPatient,
    /// The person's record with an entry of another person in it.
    MixesPatients,
    /// The entries without the person they are about.
    NobodysEntries,
    Garbage,
    /// JSON that ends too early.
    Truncated,
    /// JSON that is nested ten thousand deep.
    TooDeep,
    /// A resource, not a searchset.
    NotASearchset,
    /// A type that was not asked for.
    WrongType,
    /// Entries without ids.
    WithoutIds,
    HugeHeaders,
    RedirectsElsewhere,
    /// Says that its next page lies at another server.
    NextPageElsewhere,
    /// Its next page is always the same one.
    PagesForEver,
}

impl Behaviour {
    /// All in which the source gives nothing that may be shown.
    pub const HOSTILE: [Behaviour; 21] = [
        Behaviour::Hangs,
        Behaviour::HangsInTheHandshake,
        Behaviour::Drops,
        Behaviour::Refuses(403),
        Behaviour::Refuses(500),
        Behaviour::Drips,
        Behaviour::Endless,
        Behaviour::BreaksOff,
        Behaviour::WrongPatient,
        Behaviour::MixesPatients,
        Behaviour::NobodysEntries,
        Behaviour::Garbage,
        Behaviour::Truncated,
        Behaviour::TooDeep,
        Behaviour::NotASearchset,
        Behaviour::WrongType,
        Behaviour::WithoutIds,
        Behaviour::HugeHeaders,
        Behaviour::RedirectsElsewhere,
        Behaviour::NextPageElsewhere,
        Behaviour::PagesForEver,
    ];
}

/// A key and a request for a certificate (PKCS#10), as an institution makes them before it joins.
pub fn request() -> (String, String) {
    let key = rcgen::KeyPair::generate().expect("a key can be made");
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a host name");
    let request = params.serialize_request(&key).expect("a request can be made");
    (request.pem().expect("PEM"), key.serialize_pem())
}

/// A source whose port is taken and which answers once it has a certificate.
pub struct Source {
    pub address: SocketAddr,
    state: Arc<State>,
    listener: Mutex<Option<TcpListener>>,
}

struct State {
    clues: String,
    url: String,
    behaviour: Mutex<Behaviour>,
    asked: AtomicU64,
}

impl Source {
    pub async fn bind(clues: &str) -> Source {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let state = State {
            clues: clues.to_owned(),
            url: format!("https://localhost:{}", address.port()),
            behaviour: Mutex::new(Behaviour::Answers(Duration::ZERO)),
            asked: AtomicU64::new(0),
        };
        Source { address, state: Arc::new(state), listener: Mutex::new(Some(listener)) }
    }

    /// As other nodes reach it.
    pub fn url(&self) -> String {
        self.state.url.clone()
    }

    pub fn behave(&self, behaviour: Behaviour) {
        *self.state.behaviour.lock().expect("no holder panics") = behaviour;
    }

    /// Questions that have come so far.
    pub fn asked(&self) -> u64 {
        self.state.asked.load(Ordering::Relaxed)
    }

    /// Nobody listens any more: a connection is refused.
    pub fn leave(&self) {
        self.listener.lock().expect("no holder panics").take();
    }

    /// Answers from now on, with a certificate of the hub's authority, to clients that have one too.
    pub fn serve(&self, certificate: &str, key: &str, authority: &str) {
        let acceptor = TlsAcceptor::from(Arc::new(config(certificate, key, authority)));
        let listener = self.listener.lock().expect("no holder panics").take().expect("served once");
        let state = self.state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream, acceptor.clone(), state.clone()));
            }
        });
    }
}

fn config(certificate: &str, key: &str, authority: &str) -> rustls::ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let read = |pem: &str| -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(pem.as_bytes()).map(|c| c.expect("PEM")).collect()
    };
    let mut roots = rustls::RootCertStore::empty();
    read(authority).into_iter().for_each(|root| roots.add(root).expect("an authority"));
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM");
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_client_cert_verifier(verifier.build().expect("a verifier"))
        .with_single_cert(read(certificate), key)
        .expect("certificate and key");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, state: Arc<State>) {
    let behaviour = *state.behaviour.lock().expect("no holder panics");
    match behaviour {
        Behaviour::Drops => return,
        Behaviour::HangsInTheHandshake => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            return;
        }
        _ => {}
    }
    let _ = stream.set_nodelay(true);
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let service = service_fn(move |request| answer(request, state.clone()));
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http2().max_concurrent_streams(256).max_send_buf_size(1 << 20);
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, state: Arc<State>) -> Result<Response<Body>, Infallible> {
    state.asked.fetch_add(1, Ordering::Relaxed);
    let behaviour = *state.behaviour.lock().expect("no holder panics");
    let (kind, query) = (kind_of(request.uri().path()), request.uri().query().unwrap_or_default().to_owned());
    let form = Limited::new(request.into_body(), QUESTION_BYTES_MAX).collect().await;
    let form = form.map(|b| b.to_bytes()).unwrap_or_default();
    let curp = curp_in(&form).or_else(|| curp_in(query.as_bytes())).unwrap_or_default();
    if let Behaviour::Answers(after) = behaviour {
        if !after.is_zero() {
            tokio::time::sleep(after).await;
        }
        let body = record(&state.clues, &curp, &kind);
        return Ok(json(Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed()));
    }
    Ok(answers::hostile(behaviour, &state.url, &state.clues, &curp, &kind).await)
}

/// The type in `/fhir/Patient/_search`.
fn kind_of(path: &str) -> String {
    path.split('/').nth(2).unwrap_or("Patient").to_owned()
}

/// The CURP after the last `%7C` of a form.
fn curp_in(form: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(form).ok()?;
    let (_, rest) = text.rsplit_once("%7C")?;
    Some(rest.chars().take_while(char::is_ascii_alphanumeric).collect())
}

fn json(body: Body) -> Response<Body> {
    Response::builder()
        .status(StatusCode::OK)
        .header("content-type", "application/fhir+json; charset=utf-8")
        .body(body)
        .expect("a well formed answer")
}
