//! What associations of DICOM and messages of HL7 v2 run over: TCP, or TLS over it by the profiles of PS3.15 annex B (TLS 1.3, and 1.2 with ECDHE and AEAD).

use crate::tls::Tls;
use badiano_kernel::Fault;
use badiano_record::Node;
use badiano_record::peers::Peer;
use ring::digest;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, TlsStream};

/// Until the first byte, and for the handshake.
pub(crate) const BEGIN: Duration = Duration::from_secs(30);
/// The first byte of a TLS handshake (RFC 8446 5.1); that of an association request is 01, of an MLLP block 0B.
const HANDSHAKE: u8 = 0x16;

/// One connection, in the clear or not.
pub(crate) struct Wire {
    inner: Inner,
    /// The certificate that the other side has shown, as [`fingerprint`] writes it.
    pub shown: Option<String>,
}

enum Inner {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// SHA-256 of a certificate, in hexadecimal.
fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let digest = digest::digest(&digest::SHA256, certificate);
    digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

/// The fingerprint that an administrator gives, as hexadecimal or as the certificate itself (PEM); empty where there is none.
pub fn fingerprint_of(text: &str) -> Result<String, Fault> {
    if text.contains("-----BEGIN") {
        let read = CertificateDer::from_pem_slice(text.as_bytes());
        return Ok(fingerprint(
            &read.map_err(|_| Fault::invalid("no certificate in PEM").at("certificate"))?,
        ));
    }
    let hex: String = text.chars().filter(|c| *c != ':' && !c.is_whitespace()).collect();
    if hex.is_empty() || hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(hex.to_ascii_lowercase());
    }
    Err(Fault::invalid("a certificate is its SHA-256 in hexadecimal, or PEM").at("certificate"))
}

fn late() -> io::Error {
    io::Error::from(io::ErrorKind::TimedOut)
}

impl Wire {
    /// Takes a connection, whose first byte says whether it is TLS and comes in time.
    pub async fn accept(tls: &Tls, stream: TcpStream, in_time: Duration) -> io::Result<Wire> {
        stream.set_nodelay(true)?;
        let mut first = [0];
        tokio::time::timeout(in_time, stream.peek(&mut first)).await.map_err(|_| late())??;
        if first[0] != HANDSHAKE {
            return Ok(Wire::plain(stream));
        }
        let door = tls.door().map_err(|fault| io::Error::other(fault.text))?;
        let stream = tokio::time::timeout(BEGIN, door.dimse.accept(stream)).await.map_err(|_| late())??;
        Ok(Wire::over(stream.into()))
    }

    /// Calls a peer: over TLS where its certificate is listed, and then only to who shows it.
    pub async fn connect(node: &Node, peer: &Peer) -> Result<Wire, Fault> {
        let connect = TcpStream::connect((peer.host.as_str(), peer.port)).await;
        let stream = connect.map_err(|_| Fault::unavailable("the peer cannot be reached"))?;
        let broken = |_| Fault::unavailable("the connection to the peer broke");
        stream.set_nodelay(true).map_err(broken)?;
        if peer.certificate.is_empty() {
            return Ok(Wire::plain(stream));
        }
        let connector = TlsConnector::from(Arc::new(calling(node, &peer.certificate)?));
        let name = ServerName::try_from(peer.host.clone());
        let name = name.map_err(|_| Fault::invalid("the peer's address is no host name"))?;
        let handshake = tokio::time::timeout(BEGIN, connector.connect(name, stream)).await;
        let refused = |_| Fault::unavailable("the peer does not speak TLS, or shows another certificate");
        let stream = handshake.map_err(|_| Fault::unavailable("the peer did not answer in time"))?;
        Ok(Wire::over(stream.map_err(refused)?.into()))
    }

    pub fn plain(stream: TcpStream) -> Wire {
        Wire { inner: Inner::Plain(stream), shown: None }
    }

    fn over(stream: TlsStream<TcpStream>) -> Wire {
        let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let shown = certificates.first().map(fingerprint);
        Wire { inner: Inner::Tls(Box::new(stream)), shown }
    }

    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.inner {
            Inner::Plain(stream) => stream.read(buffer).await,
            // Many clients close without a word; whether a message is whole is the association's to know.
            Inner::Tls(stream) => match stream.read(buffer).await {
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
                taken => taken,
            },
        }
    }

    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.inner {
            Inner::Plain(stream) => stream.write_all(bytes).await,
            Inner::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    /// Re-armed before each read: a stock client that writes header and body apart would wait 40 ms for our delayed ACK.
    #[cfg(target_os = "linux")]
    pub fn quick_acknowledge(&self) {
        let stream = match &self.inner {
            Inner::Plain(stream) => stream,
            Inner::Tls(stream) => stream.get_ref().0,
        };
        let _ = stream.set_quickack(true);
    }

    #[cfg(not(target_os = "linux"))]
    pub fn quick_acknowledge(&self) {}
}

/// How a peer is called: with this node's certificate, and to nobody but who holds the listed one.
fn calling(node: &Node, certificate: &str) -> Result<ClientConfig, Fault> {
    let bad = |_| Fault::bug("the node's certificate or key cannot be read");
    let identity = node.present_identity()?;
    let chain = CertificateDer::pem_slice_iter(identity.certificate.as_bytes());
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(bad)?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).map_err(bad)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let listed = Listed { certificate: certificate.to_owned(), provider: provider.clone() };
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|_| Fault::bug("TLS 1.3 and 1.2 are offered"))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(listed))
        .with_client_auth_cert(chain, key)
        .map_err(|_| Fault::bug("the node's certificate and key do not fit"))
}

/// Knows one certificate and no authority: equipment rarely has a certificate that any authority stands behind.
#[derive(Debug)]
struct Listed {
    certificate: String,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Listed {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match fingerprint(end_entity) == self.certificate {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
