//! The connection between nodes: HTTP over TLS 1.3 with certificates on both sides, deadlines and size limits on every answer.

use crate::on_behalf::{HEADER, OnBehalf};
use badiano_kernel::Fault;
use badiano_record::authority::Identity;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use rustls::client::WebPkiServerVerifier;
use std::sync::Arc;
use std::time::Duration;

/// Longest answer of a node that is read into memory (images are streamed and have no such limit).
pub const ANSWER_BYTES_MAX: usize = 32 << 20;

/// Speaks to other nodes under this node's certificate.
#[derive(Clone)]
pub struct Wire {
    client: reqwest::Client,
}

impl Wire {
    /// Trusts the authority of the identity and nobody else.
    pub fn new(identity: &Identity) -> Result<Self, Fault> {
        let config = client_config(identity)?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .connect_timeout(Duration::from_secs(3))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|e| Fault::bug(format!("the client cannot be made: {e}")))?;
        Ok(Wire { client })
    }

    /// Sends a form (a FHIR search by POST) and reads the answer.
    pub async fn post_form(
        &self,
        url: &str,
        form: &str,
        for_whom: &OnBehalf,
        deadline: Duration,
    ) -> Result<Bytes, Fault> {
        let request = self
            .client
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/fhir+json")
            .header(HEADER, for_whom.to_header())
            .body(form.to_owned());
        self.finish(request, deadline).await
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
        let whole = async {
            let answer = request.send().await.map_err(|e| unreachable(&e))?;
            let status = answer.status();
            let body = read_limited(answer).await?;
            if status.is_success() { Ok(body) } else { Err(refused(status.as_u16())) }
        };
        tokio::time::timeout(deadline, whole).await.map_err(|_| Fault::unavailable("no answer in time"))?
    }
}

async fn read_limited(answer: reqwest::Response) -> Result<Bytes, Fault> {
    let mut body = BytesMut::new();
    let mut stream = answer.bytes_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|e| unreachable(&e))?;
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(Fault::too_costly("the answer is longer than 32 MiB"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
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
