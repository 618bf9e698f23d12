//! Certificates that are no longer taken: a list signed by the hub's authority (RFC 5280, section 5), kept at every node.

use crate::access::Action;
use crate::audit::Act;
use crate::authority::{CERTIFICATE_DAYS, bug};
use crate::node::Node;
use crate::participants::Participant;
use crate::session::Session;
use badiano_kernel::{Fault, Instant, Principal};
use badiano_store::{Expect, Tx};
use rcgen::{
    CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair, RevocationReason, RevokedCertParams,
    SerialNumber,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use x509_parser::prelude::{CertificateRevocationList, FromDer};

/// The queue that carries the list from the hub to a node; its name ends in the CLUES.
pub const REVOCATIONS: &str = "revocations";
/// Until when a list calls itself good (RFC 5280, nextUpdate); every revocation makes a newer one.
const LIST_DAYS: i64 = CERTIFICATE_DAYS;

/// One certificate that the hub no longer stands behind.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Revoked {
    clues: String,
    at: i64,
    /// By then it has ended by itself, and leaves the list.
    expires: i64,
}

impl Session {
    /// Hub: an institution's certificate is taken by nobody from now on. It comes back with a new code.
    pub async fn revoke_certificate(&self, clues: &str) -> Result<(), Fault> {
        self.administers(Action::Write)?;
        let (node, clues, writer) = (self.node().clone(), clues.to_owned(), self.writer());
        let issuer = node.issuer()?;
        let revoked = self
            .node()
            .store()
            .write_from_reserve(move |tx| {
                let mut found = crate::participants::participant_of(tx, &clues)?;
                let now = writer.now;
                for serial in found.take_serials() {
                    let expires = now.plus_seconds(CERTIFICATE_DAYS * 86_400).seconds();
                    let revoked = Revoked { clues: clues.clone(), at: now.seconds(), expires };
                    let body =
                        serde_json::to_vec(&revoked).map_err(|_| Fault::bug("it is always printable"))?;
                    tx.put_document("revoked", &serial, &body, Expect::Any, now)?;
                }
                crate::participants::put_participant(tx, &found, now)?;
                publish(tx, &issuer, now)?;
                writer.leaf(tx, Act::Delete, "certificate", &[], &format!("the certificate of {clues}"))
            })
            .await;
        node.roll().has_changed();
        revoked?;
        node.trust_has_changed();
        Ok(())
    }

    /// Hub: the list, for a node that catches up; nothing where nothing was ever revoked.
    pub fn revocations(&self) -> Result<Option<String>, Fault> {
        if !matches!(self.principal(), Principal::Node { on_behalf_of: None, .. }) {
            return Err(Fault::forbidden("only a node catches up on revocations"));
        }
        self.note(Act::Read, "revocations", &[], "certificates that are no longer taken")?;
        Ok(self.node().present_identity()?.revoked)
    }

    /// A node takes the hub's list: signed by the authority, and newer than the one it has.
    pub async fn take_revocations(&self, list: &str) -> Result<(), Fault> {
        self.is_from_hub("only the hub spreads revocations")?;
        let identity = self.node().present_identity()?;
        let number = checked_number(list, &identity.authority)?;
        let known = identity.revoked.map_or(Ok(0), |l| checked_number(&l, &identity.authority))?;
        if number <= known {
            return Ok(());
        }
        let (list, writer) = (list.to_owned(), self.writer());
        self.node()
            .store()
            .write_from_reserve(move |tx| {
                tx.put_document("node", "revocations", list.as_bytes(), Expect::Any, writer.now)?;
                writer.leaf(tx, Act::Update, "revocations", &[], &format!("list {number} of the hub"))
            })
            .await?;
        self.node().trust_has_changed();
        Ok(())
    }
}

impl Node {
    /// Hub: signs the list anew when half of its time has passed.
    pub async fn refresh_revocations(&self, now: Instant) -> Result<(), Fault> {
        let list = self.store().read(|view| view.document("node", "revocations"))?;
        if list.is_none_or(|l| now < l.updated.plus_seconds(LIST_DAYS * 86_400 / 2)) {
            return Ok(());
        }
        let issuer = self.issuer()?;
        self.store().write_from_reserve(move |tx| publish(tx, &issuer, now)).await?;
        self.trust_has_changed();
        Ok(())
    }
}

/// Signs the list of what is revoked, keeps it, and queues it for every institution.
fn publish(tx: &mut Tx<'_>, issuer: &Issuer<'static, KeyPair>, now: Instant) -> Result<(), Fault> {
    let moment = |seconds: i64| {
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
    };
    let mut revoked = Vec::new();
    for document in tx.documents("revoked", "")? {
        let entry: Revoked =
            serde_json::from_slice(&document.body).map_err(|_| Fault::bug("a kept entry can be read"))?;
        if entry.expires > now.seconds() {
            revoked.push(RevokedCertParams {
                serial_number: SerialNumber::from_slice(&bytes_of(&document.key)?),
                revocation_time: moment(entry.at),
                reason_code: Some(RevocationReason::PrivilegeWithdrawn),
                invalidity_date: None,
            });
        }
    }
    let number = tx.document_history("node", "revocations")?.first().map_or(1, |d| d.version + 1);
    let list = CertificateRevocationListParams {
        this_update: moment(now.seconds()),
        next_update: moment(now.plus_seconds(LIST_DAYS * 86_400).seconds()),
        crl_number: SerialNumber::from(number),
        issuing_distribution_point: None,
        revoked_certs: revoked,
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = list.signed_by(issuer).and_then(|l| l.pem()).map_err(bug)?;
    tx.put_document("node", "revocations", list.as_bytes(), Expect::Any, now)?;
    for document in tx.documents("participant", "")? {
        let known = serde_json::from_slice::<Participant>(&document.body);
        if known.is_ok_and(|p| p.active && !p.serial.is_empty()) {
            tx.enqueue(&format!("{REVOCATIONS}/{}", document.key), "list", list.as_bytes(), now)?;
        }
    }
    Ok(())
}

/// The number of a list that the authority has signed.
fn checked_number(list: &str, authority: &str) -> Result<u64, Fault> {
    let bad = || Fault::invalid("this is not a list of revoked certificates of our authority");
    let (_, list) = x509_parser::pem::parse_x509_pem(list.as_bytes()).map_err(|_| bad())?;
    let (_, list) = CertificateRevocationList::from_der(&list.contents).map_err(|_| bad())?;
    let (_, authority) = x509_parser::pem::parse_x509_pem(authority.as_bytes()).map_err(|_| bad())?;
    let authority = authority.parse_x509().map_err(|_| bad())?;
    list.verify_signature(authority.public_key()).map_err(|_| bad())?;
    let number = list.crl_number().and_then(|n| n.to_u64_digits().first().copied());
    number.ok_or_else(bad)
}

/// A serial number as `subject_of` writes it: `0a:1b`.
fn bytes_of(serial: &str) -> Result<Vec<u8>, Fault> {
    let bytes: Option<Vec<u8>> = serial.split(':').map(|b| u8::from_str_radix(b, 16).ok()).collect();
    bytes.ok_or_else(|| Fault::bug("a kept serial number is hexadecimal"))
}
