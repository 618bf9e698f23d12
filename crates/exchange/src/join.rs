//! A hospital joins its hub: a code from the hub's administrator, a certificate request, and the hub's answer kept.

use crate::wire::Wire;
use badiano_kernel::{Fault, Instant};
use badiano_record::Node;
use badiano_record::participants::{JoinAnswer, JoinRequest, Renewal};
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(15);

/// Joins the hub at `hub` (`https://host:port`). The hub's certificate is checked against `authority` (PEM), which comes with the code.
pub async fn join(
    node: &Node,
    hub: &str,
    code: &str,
    own_address: &str,
    authority: &str,
    now: Instant,
) -> Result<(), Fault> {
    let host =
        own_address.trim_start_matches("https://").split([':', '/']).next().unwrap_or_default().to_owned();
    let request = JoinRequest {
        code: code.to_owned(),
        clues: node.settings().clues.clone(),
        name: node.settings().name.clone(),
        address: own_address.to_owned(),
        request: node.certificate_request(&[host], now).await?,
        log_key: node.log().verifier().to_line(),
    };
    let client = plain_client(authority)?;
    let body = serde_json::to_string(&request).map_err(|_| Fault::bug("a request is always printable"))?;
    let answer = client
        .post(format!("{hub}/pni/join"))
        .header("content-type", "application/json")
        .body(body)
        .timeout(DEADLINE)
        .send()
        .await
        .map_err(|_| {
            Fault::unavailable("the hub cannot be reached, or its certificate is not of the authority given")
        })?;
    let status = answer.status();
    let text = answer.text().await.map_err(|_| Fault::unavailable("the hub's answer broke off"))?;
    if !status.is_success() {
        return Err(Fault::forbidden(format!("the hub did not take this hospital in ({})", status.as_u16())));
    }
    let answer: JoinAnswer =
        serde_json::from_str(&text).map_err(|_| Fault::unavailable("the hub's answer cannot be read"))?;
    node.keep_hub(hub, &answer, now).await
}

/// Renews this node's certificate: a hospital's by its hub, under the present one; a node that is its own authority by itself.
pub async fn renew(node: &Node, wire: &Wire, now: Instant) -> Result<(), Fault> {
    let Some(hub) = node.hub_link()? else { return node.renew_own(now).await };
    // The hub puts the hosts in that it knows this hospital by.
    let asked = Renewal { pem: node.certificate_request(&[], now).await? };
    let body = serde_json::to_string(&asked).map_err(|_| Fault::bug("a request is always printable"))?;
    let answer = wire.post_json(&format!("{}/pni/certificate", hub.address), body, None, DEADLINE).await?;
    let answer: Renewal =
        serde_json::from_slice(&answer).map_err(|_| Fault::unavailable("the hub's answer cannot be read"))?;
    let authority = node.present_identity()?.authority;
    node.take_certificate(&answer.pem, &authority, now).await?;
    // The first word under the new certificate: from here on the hub no longer takes the one before.
    let wire = Wire::new(&node.present_identity()?)?;
    crate::courier::catch_up(node, &wire, now).await
}

fn plain_client(authority: &str) -> Result<reqwest::Client, Fault> {
    use rustls_pki_types::{CertificateDer, pem::PemObject};
    let mut roots = rustls::RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(authority.as_bytes()) {
        let root = root.map_err(|_| Fault::invalid("the authority's certificate cannot be read"))?;
        roots.add(root).map_err(|_| Fault::invalid("the authority's certificate cannot be used"))?;
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|_| Fault::bug("TLS 1.3 is offered"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .no_proxy()
        .build()
        .map_err(|e| Fault::bug(format!("the client cannot be made: {e}")))
}
