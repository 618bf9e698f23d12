//! Clients of the TLS door: with the authority they trust and, where they have one, a certificate of their own.

use crate::place::{Place, answer_of, builder, client};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::sync::Arc;

/// A certificate and its key, in PEM.
pub struct Own {
    pub certificate: String,
    pub key: String,
}

/// A certificate that nobody but its owner has signed.
pub fn self_signed(name: &str) -> Own {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let certificate = params.self_signed(&key).expect("signed").pem();
    Own { certificate, key: key.serialize_pem() }
}

/// The authority of a running node, as it gives it.
pub async fn authority(place: &Place) -> String {
    let answer = client().get(place.url("/authority.pem")).send().await.expect("an answer");
    answer.text().await.expect("a text")
}

/// Makes a connection of its own for each client.
pub fn config(authority: &str, own: Option<&Own>) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(authority.as_bytes()) {
        roots.add(root.expect("a certificate")).expect("an authority");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let built = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(roots);
    match own {
        None => built.with_no_client_auth(),
        Some(own) => {
            let chain = CertificateDer::pem_slice_iter(own.certificate.as_bytes());
            let chain = chain.collect::<Result<Vec<_>, _>>().expect("certificates");
            let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).expect("a key");
            built.with_client_auth_cert(chain, key).expect("they fit")
        }
    }
}

pub fn tls(authority: &str, own: Option<&Own>) -> reqwest::Client {
    builder().tls_backend_preconfigured(config(authority, own)).build().expect("a client")
}

/// Status and answer at the TLS door.
pub async fn get(
    place: &Place,
    client: &reqwest::Client,
    path: &str,
    token: Option<&str>,
) -> (u16, serde_json::Value) {
    let request = client.get(format!("https://127.0.0.1:{}{path}", place.https));
    answer_of(match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    })
    .await
}
