//! TLS 1.3 with an optional client certificate: those of nodes are checked against the authority, all others only show who holds a key.

use crate::caller::Certificate;
use badiano_kernel::Fault;
use badiano_record::Node;
use badiano_record::authority::Identity;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime, pem::PemObject,
};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme,
    SupportedProtocolVersion,
};
use std::sync::{Arc, RwLock};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// The node's TLS configuration, remade when what it rests on changes (rotation, revocation, joining a hub).
pub struct Tls {
    node: Node,
    trust: watch::Receiver<u64>,
    door: RwLock<(u64, Arc<Door>)>,
}

/// One such configuration.
pub struct Door {
    pub acceptor: TlsAcceptor,
    /// For DICOM: TLS 1.2 too, which equipment still speaks (PS3.15 B.12).
    pub dimse: TlsAcceptor,
    nodes: Arc<dyn ClientCertVerifier>,
}

impl Tls {
    pub fn new(node: &Node) -> Result<Self, Fault> {
        let trust = node.trust();
        let version = *trust.borrow();
        let door = Arc::new(Door::new(&node.present_identity()?)?);
        Ok(Tls { node: node.clone(), trust, door: RwLock::new((version, door)) })
    }

    /// What the next connection is taken with.
    pub fn door(&self) -> Result<Arc<Door>, Fault> {
        let version = *self.trust.borrow();
        let (made_at, door) = self.door.read().expect("no holder of the door panics").clone();
        if made_at == version {
            return Ok(door);
        }
        let door = Arc::new(Door::new(&self.node.present_identity()?)?);
        *self.door.write().expect("no holder of the door panics") = (version, door.clone());
        Ok(door)
    }

    /// Ends when a node's certificate that was taken would no longer be.
    pub async fn until_revoked(&self, shown: &[CertificateDer<'static>]) {
        let mut trust = self.trust.clone();
        loop {
            let taken = self.door().is_ok_and(|d| d.read(shown).is_some_and(|c| c.of_authority));
            if !taken || trust.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Door {
    fn new(identity: &Identity) -> Result<Self, Fault> {
        let bad = |_| Fault::bug("the node's certificate or key cannot be read");
        let mut roots = rustls::RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(identity.authority.as_bytes()) {
            roots
                .add(root.map_err(bad)?)
                .map_err(|_| Fault::bug("the authority's certificate cannot be used"))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let nodes = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .with_crls(revocations(identity)?)
            .only_check_end_entity_revocation()
            .allow_unauthenticated()
            .build()
            .map_err(|e| Fault::bug(format!("client certificates cannot be checked: {e}")))?;
        let chain = CertificateDer::pem_slice_iter(identity.certificate.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(bad)?;
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).map_err(bad)?;
        let config = |versions: &[&'static SupportedProtocolVersion]| -> Result<ServerConfig, Fault> {
            let mut config = ServerConfig::builder_with_provider(provider.clone())
                .with_protocol_versions(versions)
                .map_err(|_| Fault::bug("TLS 1.3 is offered"))?
                .with_client_cert_verifier(Arc::new(NodesAndOthers { nodes: nodes.clone() }))
                .with_single_cert(chain.clone(), key.clone_key())
                .map_err(|_| Fault::bug("the node's certificate and key do not fit"))?;
            // Each connection shows its certificate and is checked anew: a session that is taken up again would pass over revocation.
            config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
            Ok(config)
        };
        let mut http = config(&[&rustls::version::TLS13])?;
        http.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let dimse = config(&[&rustls::version::TLS13, &rustls::version::TLS12])?;
        let acceptor = |config| TlsAcceptor::from(Arc::new(config));
        Ok(Door { acceptor: acceptor(http), dimse: acceptor(dimse), nodes })
    }

    /// What the client has shown, and whether the authority stands behind it.
    pub fn read(&self, shown: &[CertificateDer<'_>]) -> Option<Certificate> {
        let (first, rest) = shown.split_first()?;
        let of_authority = self.nodes.verify_client_cert(first, rest, UnixTime::now()).is_ok();
        Some(Certificate { der: first.to_vec(), of_authority })
    }
}

/// The authority's list, where there is one (RFC 5280, section 5).
fn revocations(identity: &Identity) -> Result<Vec<CertificateRevocationListDer<'static>>, Fault> {
    let list = identity.revoked.as_deref().unwrap_or_default();
    CertificateRevocationListDer::pem_slice_iter(list.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| Fault::bug("the kept list of revoked certificates cannot be read"))
}

/// Lets certificates in that the authority knows nothing of. [`Door::read`] keeps them apart.
#[derive(Debug)]
struct NodesAndOthers {
    nodes: Arc<dyn ClientCertVerifier>,
}

impl ClientCertVerifier for NodesAndOthers {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// Browsers ask their person only for a certificate of the authority, which no person has.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.nodes.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.nodes.verify_client_cert(end_entity, intermediates, now) {
            Err(Error::InvalidCertificate(why)) if is_of_another(&why) => Ok(ClientCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.nodes.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.nodes.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.nodes.supported_verify_schemes()
    }
}

/// Not of our authority, or not made for a client of it (a system's own self-signed certificate says that it is an authority).
/// One that is out of time, revoked or broken is refused whoever signed it.
fn is_of_another(why: &CertificateError) -> bool {
    matches!(
        why,
        CertificateError::UnknownIssuer
            | CertificateError::InvalidPurpose
            | CertificateError::InvalidPurposeContext { .. }
            | CertificateError::Other(_)
    )
}
