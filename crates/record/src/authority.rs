//! The local authority: the hub's certificate authority, made on its first start, and the certificates of nodes (X.509, RFC 5280).

use crate::audit::Act;
use crate::node::Node;
use badiano_kernel::{Fault, Instant};
use badiano_store::Expect;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use x509_parser::extensions::GeneralName;

/// A node's certificate is good for this long; it is renewed when half of it has passed.
pub const CERTIFICATE_DAYS: i64 = 90;
const AUTHORITY_DAYS: i64 = 3650;

/// A certificate with the chain it is shown with, and its key, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub certificate: String,
    pub key: String,
    /// The authority that signs nodes; what a peer's certificate is checked against.
    pub authority: String,
    /// The authority's list of certificates that are no longer taken, where there is one.
    pub revoked: Option<String>,
}

impl Node {
    /// The certificate this node shows, and the authority it trusts. Made on the first start: the hub's authority signs the hub itself;
    /// a hospital begins with an authority of its own and gets the hub's when it joins.
    pub async fn identity(&self, hosts: &[String], now: Instant) -> Result<Identity, Fault> {
        if let Some(identity) = self.kept_identity()? {
            return Ok(identity);
        }
        let (authority, authority_key) = make_authority(&self.settings().name, now)?;
        let key = KeyPair::generate().map_err(bug)?;
        let params = node_params(&self.settings().clues, hosts, now)?;
        let issuer = Issuer::from_ca_cert_pem(&authority, KeyPair::from_pem(&authority_key).map_err(bug)?)
            .map_err(bug)?;
        let certificate = params.signed_by(&key, &issuer).map_err(bug)?.pem();
        self.keep_secret("authority-key", authority_key.as_bytes(), now).await?;
        let identity = Identity { certificate, key: key.serialize_pem(), authority, revoked: None };
        self.keep_identity(&identity, now).await?;
        Ok(identity)
    }

    /// A request for a certificate by the hub's authority, with a new key. The key waits until the answer comes.
    pub async fn certificate_request(&self, hosts: &[String], now: Instant) -> Result<String, Fault> {
        let key = KeyPair::generate().map_err(bug)?;
        let mut params = node_params(&self.settings().clues, hosts, now)?;
        // Whose key signs is for the authority to say: a request has no such field.
        params.use_authority_key_identifier_extension = false;
        let request = params.serialize_request(&key).map_err(bug)?;
        self.keep_secret("requested-key", key.serialize_pem().as_bytes(), now).await?;
        request.pem().map_err(bug)
    }

    /// Takes the certificate that the hub signed, with the hub's authority.
    pub async fn take_certificate(
        &self,
        certificate: &str,
        authority: &str,
        now: Instant,
    ) -> Result<(), Fault> {
        let key = self
            .secret_kept("requested-key")?
            .ok_or_else(|| Fault::conflict("no certificate was asked for"))?;
        let key = String::from_utf8(key).map_err(|_| Fault::bug("a kept key is text"))?;
        x509_parser::pem::parse_x509_pem(certificate.as_bytes())
            .map_err(|_| Fault::invalid("the hub's answer holds no certificate"))?;
        let identity =
            Identity { certificate: certificate.into(), key, authority: authority.into(), revoked: None };
        self.keep_identity(&identity, now).await
    }

    /// The certificate this node shows now, the authority it trusts, and whom that authority no longer stands behind.
    pub fn present_identity(&self) -> Result<Identity, Fault> {
        self.kept_identity()?.ok_or_else(|| Fault::unavailable("this node has no certificate yet"))
    }

    /// When the present certificate ends.
    pub fn certificate_ends(&self) -> Result<Instant, Fault> {
        let (_, pem) = x509_parser::pem::parse_x509_pem(self.present_identity()?.certificate.as_bytes())
            .map_err(|_| Fault::bug("a kept certificate is PEM"))?;
        let parsed = pem.parse_x509().map_err(|_| Fault::bug("a kept certificate can be read"))?;
        Ok(Instant::from_seconds(parsed.validity().not_after.timestamp()))
    }

    /// A node that is its own authority (a hub, a hospital that has joined none) signs a new certificate for itself, for the same hosts.
    pub async fn renew_own(&self, now: Instant) -> Result<(), Fault> {
        let present = self.present_identity()?;
        let key = KeyPair::generate().map_err(bug)?;
        let params = node_params(&self.settings().clues, &hosts_of(&present.certificate)?, now)?;
        let certificate = params.signed_by(&key, &self.issuer()?).map_err(bug)?.pem();
        self.keep_identity(&Identity { certificate, key: key.serialize_pem(), ..present }, now).await
    }

    /// Hub: the authority, ready to sign.
    pub(crate) fn issuer(&self) -> Result<Issuer<'static, KeyPair>, Fault> {
        let key = self
            .secret_kept("authority-key")?
            .ok_or_else(|| Fault::not_supported("this node has no authority"))?;
        let key = String::from_utf8(key).map_err(|_| Fault::bug("a kept key is text"))?;
        let authority = self.present_identity()?.authority;
        Issuer::from_ca_cert_pem(&authority, KeyPair::from_pem(&key).map_err(bug)?).map_err(bug)
    }

    /// Hub: signs a node's request. The subject is set here, whatever the request says of itself.
    pub fn sign_request(
        &self,
        request: &str,
        clues: &str,
        hosts: &[String],
        now: Instant,
    ) -> Result<String, Fault> {
        let mut request = CertificateSigningRequestParams::from_pem(request)
            .map_err(|_| Fault::invalid("this is not a certificate signing request"))?;
        request.params = node_params(clues, hosts, now)?;
        Ok(request.signed_by(&self.issuer()?).map_err(bug)?.pem())
    }

    fn kept_identity(&self) -> Result<Option<Identity>, Fault> {
        let Some(key) = self.secret_kept("identity-key")? else { return Ok(None) };
        let text = |key: &str| -> Result<String, Fault> {
            let document = self.store().read(|view| view.document("node", key))?;
            let body = document
                .map(|d| d.body)
                .ok_or_else(|| Fault::bug("a key is kept without its certificate"))?;
            String::from_utf8(body).map_err(|_| Fault::bug("a kept certificate is text"))
        };
        let key = String::from_utf8(key).map_err(|_| Fault::bug("a kept key is text"))?;
        let revoked = self.store().read(|view| view.document("node", "revocations"))?;
        let revoked = revoked.and_then(|d| String::from_utf8(d.body).ok());
        Ok(Some(Identity { certificate: text("certificate")?, key, authority: text("authority")?, revoked }))
    }

    async fn keep_identity(&self, identity: &Identity, now: Instant) -> Result<(), Fault> {
        let sealed = self.secrets().seal("kept secrets", identity.key.as_bytes());
        let identity = identity.clone();
        let writer = self
            .session(
                badiano_kernel::Principal::Job { name: "identity" },
                badiano_kernel::Purpose::Operations,
                now,
            )
            .writer();
        self.store()
            .write_from_reserve(move |tx| {
                let before = tx.document("node", "authority")?;
                if before.is_some_and(|d| d.body != identity.authority.as_bytes()) {
                    // The list of another authority says nothing about this one's certificates.
                    tx.delete_document("node", "revocations", now)?;
                }
                tx.put_document("node", "certificate", identity.certificate.as_bytes(), Expect::Any, now)?;
                tx.put_document("node", "authority", identity.authority.as_bytes(), Expect::Any, now)?;
                tx.put_document("secret", "identity-key", &sealed, Expect::Any, now)?;
                writer.leaf(tx, Act::Update, "certificate", &[], "the node's certificate")
            })
            .await?;
        self.trust_has_changed();
        Ok(())
    }

    pub(crate) async fn keep_secret(
        &self,
        name: &'static str,
        plain: &[u8],
        now: Instant,
    ) -> Result<(), Fault> {
        let sealed = self.secrets().seal("kept secrets", plain);
        self.store()
            .write_from_reserve(move |tx| {
                tx.put_document("secret", name, &sealed, Expect::Any, now).map(|_| ())
            })
            .await
    }

    pub(crate) fn secret_kept(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        let document = self.store().read(|view| view.document("secret", name))?;
        match document {
            None => Ok(None),
            Some(d) => match self.secrets().open("kept secrets", &d.body) {
                Some(plain) => Ok(Some(plain)),
                None => Err(Fault::unavailable(
                    "the key file is not the one that this data directory was made with",
                )),
            },
        }
    }
}

fn make_authority(name: &str, now: Instant) -> Result<(String, String), Fault> {
    let key = KeyPair::generate().map_err(bug)?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, format!("Badiano, autoridad local de {name}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_period(&mut params, now, AUTHORITY_DAYS);
    let certificate = params.self_signed(&key).map_err(bug)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn node_params(clues: &str, hosts: &[String], now: Instant) -> Result<CertificateParams, Fault> {
    let mut params = CertificateParams::new(hosts.to_vec())
        .map_err(|_| Fault::invalid("a host name cannot stand in a certificate"))?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, clues);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    set_period(&mut params, now, CERTIFICATE_DAYS);
    Ok(params)
}

/// The names and addresses that a certificate is for.
fn hosts_of(certificate: &str) -> Result<Vec<String>, Fault> {
    let bad = || Fault::bug("a kept certificate can be read");
    let (_, pem) = x509_parser::pem::parse_x509_pem(certificate.as_bytes()).map_err(|_| bad())?;
    let parsed = pem.parse_x509().map_err(|_| bad())?;
    let Some(names) = parsed.subject_alternative_name().map_err(|_| bad())? else { return Ok(Vec::new()) };
    let host = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(host) => Some((*host).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|b| std::net::IpAddr::from(b).to_string()),
            16 => <[u8; 16]>::try_from(*bytes).ok().map(|b| std::net::IpAddr::from(b).to_string()),
            _ => None,
        },
        _ => None,
    };
    Ok(names.value.general_names.iter().filter_map(host).collect())
}

fn set_period(params: &mut CertificateParams, now: Instant, days: i64) {
    let ymd = |at: Instant| {
        let text = at.to_rfc3339();
        let part = |r: std::ops::Range<usize>| text[r].parse::<i32>().expect("RFC 3339 has digits here");
        let small = |n: i32| u8::try_from(n).expect("a month or day");
        rcgen::date_time_ymd(part(0..4), small(part(5..7)), small(part(8..10)))
    };
    params.not_before = ymd(now.plus_seconds(-86_400));
    params.not_after = ymd(now.plus_seconds(days * 86_400));
}

/// The CLUES and the serial number in a certificate that TLS has already checked against the authority.
pub fn subject_of(certificate: &[u8]) -> Result<(String, String), Fault> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate)
        .map_err(|_| Fault::unauthenticated("the certificate cannot be read"))?;
    let name = parsed.subject().iter_common_name().next().and_then(|cn| cn.as_str().ok());
    let name = name.ok_or_else(|| Fault::unauthenticated("the certificate names no institution"))?;
    Ok((name.to_owned(), parsed.raw_serial_as_string()))
}

pub(crate) fn bug(error: rcgen::Error) -> Fault {
    Fault::bug(format!("certificate: {error}"))
}
