//! The connection between nodes: HTTP over TLS 1.3 with certificates on both sides; deadlines, a least rate and size limits on every answer.

use crate::on_behalf::{HEADER, OnBehalf};
use crate::sources::Sources;
use badiano_kernel::Fault;
use badiano_record::authority::Identity;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use rustls::client::WebPkiServerVerifier;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Longest answer of a node that is read into memory (images are streamed and have no such limit).
pub const ANSWER_BYTES_MAX: usize = 32 << 20;
/// An answer that has begun brings at least so much in each [`RATE_WINDOW`]; one that drips is cut off before the deadline.
pub const RATE_BYTES_MIN: usize = 1024;
pub const RATE_WINDOW: Duration = Duration::from_secs(2);
/// Longest answer in plain text.
const TEXT_BYTES_MAX: usize = 64 << 10;
/// Longest header fields of an answer, expanded (RFC 9113, section 10.5.1).
const HEADER_BYTES_MAX: u32 = 32 << 10;
/// Flow control of one answer and of one connection (RFC 9113, section 6.9): most answers fit without waiting for an update.
const WINDOW_BYTES: u32 = 1 << 20;
/// A connection to a source stays open this long when nobody asks.
const IDLE: Duration = Duration::from_secs(90);
/// A silent connection is asked whether it is there, so that a dead one is not found out by a person's question.
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(4);

/// Speaks to other nodes under this node's certificate.
#[derive(Clone)]
pub struct Wire {
    client: reqwest::Client,
    sources: Arc<Sources>,
}

/// What [`Wire::post_text`] gives.
pub struct TextAnswer {
    pub status: u16,
    pub header: String,
    pub body: String,
}

/// How much of all answers to one question may be read into memory.
pub struct Allowance(AtomicUsize);

impl Allowance {
    pub fn new(bytes: usize) -> Self {
        Allowance(AtomicUsize::new(bytes))
    }

    fn take(&self, bytes: usize) -> Result<(), Fault> {
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        taken.map(|_| ()).map_err(|_| Fault::too_costly("all answers together are longer than the limit"))
    }
}

impl Wire {
    /// Trusts the authority of the identity and nobody else.
    pub fn new(identity: &Identity) -> Result<Self, Fault> {
        Self::with_sources(identity, Arc::default())
    }

    /// The same, going on with what is known of the sources.
    pub fn with_sources(identity: &Identity, sources: Arc<Sources>) -> Result<Self, Fault> {
        let config = client_config(identity)?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .connect_timeout(Duration::from_secs(3))
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true)
            .http2_max_header_list_size(HEADER_BYTES_MAX)
            .http2_initial_stream_window_size(WINDOW_BYTES)
            .http2_initial_connection_window_size(4 * WINDOW_BYTES)
            .http2_keep_alive_interval(PING_EVERY)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|e| Fault::bug(format!("the client cannot be made: {e}")))?;
        Ok(Wire { client, sources })
    }

    /// What is known of the sources.
    pub fn sources(&self) -> &Arc<Sources> {
        &self.sources
    }

    /// A FHIR question, by POST where there is a form, else by GET (the address of a further page); `for_whom` as the header has
    /// it. The caller sets the deadline.
    pub async fn question(
        &self,
        url: &str,
        form: Option<&str>,
        for_whom: &str,
        allowance: &Allowance,
    ) -> Result<Bytes, Fault> {
        let request = match form {
            Some(form) => self
                .client
                .post(url)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.to_owned()),
            None => self.client.get(url),
        };
        let request = request.header("accept", "application/fhir+json").header(HEADER, for_whom);
        send(request, allowance).await
    }

    /// Sends JSON and reads the answer.
    pub async fn post_json(
        &self,
        url: &str,
        body: String,
        for_whom: Option<&OnBehalf>,
        deadline: Duration,
    ) -> Result<Bytes, Fault> {
        let mut request = self.client.post(url).header("content-type", "application/json").body(body);
        if let Some(who) = for_whom {
            request = request.header(HEADER, who.to_header());
        }
        self.finish(request, deadline).await
    }

    /// Sends a text and reads the answer whatever its status, with one of its headers.
    pub async fn post_text(
        &self,
        url: &str,
        body: String,
        header: &str,
        deadline: Duration,
    ) -> Result<TextAnswer, Fault> {
        let request = self.client.post(url).header("content-type", "text/plain; charset=utf-8").body(body);
        let whole = async {
            let answer = request.send().await.map_err(|e| unreachable(&e))?;
            let status = answer.status().as_u16();
            let named = answer.headers().get(header).and_then(|h| h.to_str().ok());
            let header = named.unwrap_or_default().to_owned();
            let bytes = read_limited(answer, &Allowance::new(TEXT_BYTES_MAX)).await?;
            let body =
                String::from_utf8(bytes.to_vec()).map_err(|_| Fault::invalid("it answered no text"))?;
            Ok(TextAnswer { status, header, body })
        };
        tokio::time::timeout(deadline, whole).await.map_err(|_| Fault::unavailable("no answer in time"))?
    }

    /// A request whose answer is passed on as it streams (images).
    pub async fn stream(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        for_whom: &OnBehalf,
    ) -> Result<reqwest::Response, Fault> {
        let mut request = self.client.get(url).header(HEADER, for_whom.to_header());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = tokio::time::timeout(Duration::from_secs(30), request.send()).await;
        answer.map_err(|_| Fault::unavailable("no answer in time"))?.map_err(|e| unreachable(&e))
    }

    async fn finish(&self, request: reqwest::RequestBuilder, deadline: Duration) -> Result<Bytes, Fault> {
        let allowance = Allowance::new(ANSWER_BYTES_MAX);
        let whole = send(request, &allowance);
        tokio::time::timeout(deadline, whole).await.map_err(|_| Fault::unavailable("no answer in time"))?
    }
}

async fn send(request: reqwest::RequestBuilder, allowance: &Allowance) -> Result<Bytes, Fault> {
    let answer = request.send().await.map_err(|e| unreachable(&e))?;
    let status = answer.status();
    if !status.is_success() {
        return Err(refused(status.as_u16()));
    }
    read_limited(answer, allowance).await
}

async fn read_limited(answer: reqwest::Response, allowance: &Allowance) -> Result<Bytes, Fault> {
    let too_long = || Fault::too_costly("the answer is longer than 32 MiB");
    if answer.content_length().is_some_and(|n| n > ANSWER_BYTES_MAX as u64) {
        return Err(too_long());
    }
    let mut stream = answer.bytes_stream();
    let mut body = BytesMut::new();
    let (mut window, mut in_window) = (tokio::time::Instant::now() + RATE_WINDOW, 0);
    loop {
        let next = tokio::time::timeout_at(window, stream.next()).await;
        if tokio::time::Instant::now() >= window {
            if in_window < RATE_BYTES_MIN && !matches!(next, Ok(None)) {
                return Err(Fault::unavailable("no answer in time: it drips"));
            }
            (window, in_window) = (tokio::time::Instant::now() + RATE_WINDOW, 0);
        }
        let chunk = match next {
            Err(_) => continue,
            Ok(None) => return Ok(body.freeze()),
            Ok(Some(chunk)) => chunk.map_err(|e| unreachable(&e))?,
        };
        in_window += chunk.len();
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(too_long());
        }
        allowance.take(chunk.len())?;
        body.extend_from_slice(&chunk);
    }
}

/// The other side's answer as a fault of ours. Its text is not passed on: it may hold what we may not show.
fn refused(status: u16) -> Fault {
    match status {
        401 => Fault::unauthenticated("the other node does not know this one"),
        403 => Fault::forbidden("the other node refused"),
        404 => Fault::not_found("the other node knows no such thing"),
        409 => Fault::conflict("the other node has another version"),
        400 | 422 => Fault::invalid("the other node could not read the request"),
        _ => Fault::unavailable(format!("the other node answered {status}")),
    }
}

fn unreachable(error: &reqwest::Error) -> Fault {
    let what = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "the other node cannot be reached"
    } else {
        "the connection to the other node broke"
    };
    Fault::unavailable(what)
}

fn client_config(identity: &Identity) -> Result<rustls::ClientConfig, Fault> {
    use rustls_pki_types::pem::PemObject;
    use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
    let bad = |_| Fault::bug("the node's certificate or key cannot be read");
    let mut roots = rustls::RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(identity.authority.as_bytes()) {
        roots
            .add(root.map_err(bad)?)
            .map_err(|_| Fault::bug("the authority's certificate cannot be used"))?;
    }
    let chain = CertificateDer::pem_slice_iter(identity.certificate.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(bad)?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).map_err(bad)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let revoked = CertificateRevocationListDer::pem_slice_iter(
        identity.revoked.as_deref().unwrap_or_default().as_bytes(),
    )
    .collect::<Result<Vec<_>, _>>()
    .map_err(bad)?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .with_crls(revoked)
        .only_check_end_entity_revocation()
        .build()
        .map_err(|e| Fault::bug(format!("certificates of nodes cannot be checked: {e}")))?;
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|_| Fault::bug("TLS 1.3 is offered"))?
        .with_webpki_verifier(verifier)
        .with_client_auth_cert(chain, key)
        .map_err(|_| Fault::bug("the node's certificate and key do not fit"))?;
    // Each connection is checked anew: a session that is taken up again would pass over revocation.
    config.resumption = rustls::client::Resumption::disabled();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
