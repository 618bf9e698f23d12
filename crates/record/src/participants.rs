//! Who takes part: the hub's list of institutions with their join codes and certificates, and a hospital's link to its hub.

use crate::access::Action;
use crate::audit::Act;
use crate::node::{Node, NodeRole};
use crate::session::Session;
use badiano_kernel::principal::{Representative, Staff, Standing};
use badiano_kernel::{Fault, Instant, Principal};
use badiano_mexico::clues::Clues;
use badiano_store::{Expect, Tx, View};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, RwLock};

/// A join code is good for this long.
pub const CODE_SECONDS: i64 = 7 * 86_400;

/// An institution as the hub lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    pub clues: String,
    pub name: String,
    /// Where its node answers the hub: `https://host:port`.
    pub address: String,
    /// Serial number of its present certificate; an earlier one is no longer taken. Empty once it was revoked.
    pub serial: String,
    /// Serial number of a certificate that was signed and has not been used yet: the answer may have been lost on its way.
    #[serde(default)]
    pub next_serial: Option<String>,
    /// Verifier line of its audit log.
    pub log_key: String,
    pub active: bool,
}

/// What a hospital says when it joins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRequest {
    pub code: String,
    pub clues: String,
    pub name: String,
    pub address: String,
    /// PEM certificate signing request.
    pub request: String,
    pub log_key: String,
}

/// Who acts in a person's place, as the hub tells it to a hospital; their name stands beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InPlace {
    pub curp: String,
    /// Code of [`Standing`].
    pub standing: String,
    pub representation: String,
}

/// What the hub answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinAnswer {
    pub certificate: String,
    pub authority: String,
    pub hub_clues: String,
    pub hub_name: String,
    pub hub_log_key: String,
}

/// A hospital's link to its hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubLink {
    pub address: String,
    pub clues: String,
    pub name: String,
    pub log_key: String,
}

/// Who takes part, kept until a change of it is durable.
#[derive(Default)]
pub(crate) struct Roll {
    /// Counts changes, so that what was read before one is not kept after it.
    inner: RwLock<(u64, Option<Arc<[Participant]>>)>,
}

impl Roll {
    fn get(
        &self,
        read: impl FnOnce() -> Result<Arc<[Participant]>, Fault>,
    ) -> Result<Arc<[Participant]>, Fault> {
        let (changes, known) = self.inner.read().expect("no holder of the roll panics").clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let fresh = read()?;
        let mut inner = self.inner.write().expect("no holder of the roll panics");
        if inner.0 == changes {
            inner.1 = Some(fresh.clone());
        }
        Ok(fresh)
    }

    /// To be said after every write of a participant, whatever became of it.
    pub(crate) fn has_changed(&self) {
        let mut inner = self.inner.write().expect("no holder of the roll panics");
        *inner = (inner.0 + 1, None);
    }
}

impl Participant {
    fn has(&self, serial: &str) -> bool {
        self.serial == serial || self.next_serial.as_deref() == Some(serial)
    }

    /// Every serial number that is taken today; none afterwards.
    pub(crate) fn take_serials(&mut self) -> Vec<String> {
        let present = std::mem::take(&mut self.serial);
        [Some(present), self.next_serial.take()].into_iter().flatten().filter(|s| !s.is_empty()).collect()
    }
}

pub(crate) fn participant_of(view: &View<'_>, clues: &str) -> Result<Participant, Fault> {
    let found = view.document("participant", clues)?;
    let found = found.and_then(|d| serde_json::from_slice(&d.body).ok());
    found.ok_or_else(|| Fault::not_found("no such institution"))
}

/// CLUES of every institution that takes part now.
pub(crate) fn active_in(view: &View<'_>) -> Result<Vec<String>, Fault> {
    let all = view.documents("participant", "")?;
    let all = all.iter().filter_map(|d| serde_json::from_slice::<Participant>(&d.body).ok());
    Ok(all.filter(|p| p.active).map(|p| p.clues).collect())
}

pub(crate) fn put_participant(tx: &mut Tx<'_>, participant: &Participant, now: Instant) -> Result<(), Fault> {
    let body =
        serde_json::to_vec(participant).map_err(|_| Fault::bug("a participant is always printable"))?;
    tx.put_document("participant", &participant.clues, &body, Expect::Any, now).map(|_| ())
}

/// What a hospital says to renew its certificate, and what the hub answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewal {
    /// PEM: a certificate signing request, or the certificate that answers it.
    pub pem: String,
}

#[derive(Serialize, Deserialize)]
struct Code {
    clues: String,
    expires: i64,
}

impl Node {
    /// Hub: every institution that was ever listed.
    pub fn participants(&self) -> Result<Vec<Participant>, Fault> {
        self.listed().map(|all| all.to_vec())
    }

    /// The same, shared: it is looked at for every request of a node.
    pub fn listed(&self) -> Result<Arc<[Participant]>, Fault> {
        self.roll().get(|| {
            let documents = self.store().read(|view| view.documents("participant", ""))?;
            Ok(documents.iter().filter_map(|d| serde_json::from_slice(&d.body).ok()).collect())
        })
    }

    /// The principal behind a certificate that TLS has checked: a listed, active participant, with its present certificate;
    /// at a hospital, its hub.
    pub fn node_principal(&self, certificate: &[u8]) -> Result<Principal, Fault> {
        let (clues, serial) = crate::authority::subject_of(certificate)?;
        if let Some(hub) = self.hub_link()?.filter(|h| h.clues == clues) {
            return Ok(Principal::Node { institution: clues, name: hub.name, on_behalf_of: None });
        }
        let listed = self.listed()?;
        let known = listed.iter().find(|p| p.clues == clues && p.has(&serial)).cloned();
        match known {
            Some(p) if p.active => {
                Ok(Principal::Node { institution: p.clues, name: p.name, on_behalf_of: None })
            }
            Some(_) => Err(Fault::forbidden("this institution is suspended")),
            None => Err(Fault::unauthenticated("this certificate belongs to no participant")),
        }
    }

    /// The person for whom a node speaks. A hospital vouches for its own staff only; the hub passes on whom a hospital vouched for.
    pub fn on_behalf(&self, principal: Principal, staff: Staff) -> Result<Principal, Fault> {
        let Principal::Node { institution, name, .. } = principal else {
            return Err(Fault::forbidden("only a node speaks on behalf of a person"));
        };
        let from_hub = self.hub_link()?.is_some_and(|h| h.clues == institution);
        if !from_hub && staff.institution != institution {
            return Err(Fault::forbidden("an institution vouches for its own staff only"));
        }
        Ok(Principal::Node { institution, name, on_behalf_of: Some(staff) })
    }

    /// The citizen for whom the hub asks: only the hub signs citizens in, so only it speaks for them, and only about themselves or
    /// about whom it says that they represent.
    pub fn for_citizen(
        &self,
        principal: &Principal,
        curp: &str,
        name: &str,
        in_place: Option<InPlace>,
    ) -> Result<Principal, Fault> {
        let from_hub = match principal {
            Principal::Node { institution, .. } => self.hub_link()?.is_some_and(|h| h.clues == *institution),
            _ => false,
        };
        if !from_hub {
            return Err(Fault::forbidden("only the hub asks on behalf of a citizen"));
        }
        let curp = badiano_mexico::curp::Curp::parse(curp).map_err(|e| Fault::invalid(e.to_string()))?;
        let (person, name) = (curp.as_str().to_owned(), name.to_owned());
        let Some(asked) = in_place else { return Ok(Principal::Citizen { curp: person, name }) };
        let standing = Standing::from_code(&asked.standing);
        let standing = standing.ok_or_else(|| Fault::invalid("no such standing of a representative"))?;
        let InPlace { curp, representation, .. } = asked;
        Ok(Principal::Representative(Representative { curp, name, person, standing, representation }))
    }

    pub fn hub_link(&self) -> Result<Option<HubLink>, Fault> {
        let document = self.store().read(|view| view.document("node", "hub"))?;
        Ok(document.and_then(|d| serde_json::from_slice(&d.body).ok()))
    }

    /// Hospital: keeps what the hub answered.
    pub async fn keep_hub(&self, address: &str, answer: &JoinAnswer, now: Instant) -> Result<(), Fault> {
        self.take_certificate(&answer.certificate, &answer.authority, now).await?;
        let link = HubLink {
            address: address.to_owned(),
            clues: answer.hub_clues.clone(),
            name: answer.hub_name.clone(),
            log_key: answer.hub_log_key.clone(),
        };
        let body = serde_json::to_vec(&link).map_err(|_| Fault::bug("a link is always printable"))?;
        self.store()
            .write(move |tx| tx.put_document("node", "hub", &body, Expect::Any, now).map(|_| ()))
            .await?;
        crate::consent_register::load_lease(self)
    }

    /// Hub: takes a hospital in, by a code that an administrator made for its CLUES. A code works once.
    pub async fn take_in(&self, join: JoinRequest, now: Instant) -> Result<JoinAnswer, Fault> {
        if self.settings().role != NodeRole::Hub {
            return Err(Fault::not_supported("only a hub takes institutions in"));
        }
        let clues = Clues::parse(&join.clues).map_err(|e| Fault::invalid(e.to_string()).at("clues"))?;
        let host = host_of(&join.address)?;
        let certificate = self.sign_request(&join.request, clues.as_str(), &[host], now)?;
        let pem = x509_parser::pem::parse_x509_pem(certificate.as_bytes())
            .map_err(|_| Fault::bug("we signed it"))?
            .1;
        let (_, serial) = crate::authority::subject_of(&pem.contents)?;
        let participant = Participant {
            clues: join.clues.clone(),
            name: join.name,
            address: join.address,
            serial,
            next_serial: None,
            log_key: join.log_key,
            active: true,
        };
        let body =
            serde_json::to_vec(&participant).map_err(|_| Fault::bug("a participant is always printable"))?;
        let code_key = key_of(&join.code);
        let job = Principal::Job { name: "join" };
        let writer = self.session(job, badiano_kernel::Purpose::Operations, now).writer();
        let wanted = join.clues;
        let taken = self
            .store()
            .write(move |tx| {
                let code = tx.document("join-code", &code_key)?;
                let code: Option<Code> = code.and_then(|d| serde_json::from_slice(&d.body).ok());
                let fits = code.is_some_and(|c| c.clues == wanted && c.expires > writer.now.seconds());
                if !fits {
                    return Err(Fault::forbidden("the join code is not valid for this CLUES, or was used"));
                }
                tx.delete_document("join-code", &code_key, writer.now)?;
                tx.put_document("participant", &wanted, &body, Expect::Any, writer.now)?;
                writer.leaf(tx, Act::Create, "join", &[], &format!("institution {wanted}"))
            })
            .await;
        self.roll().has_changed();
        taken?;
        Ok(JoinAnswer {
            certificate,
            authority: self.identity(&[], now).await?.authority,
            hub_clues: self.settings().clues.clone(),
            hub_name: self.settings().name.clone(),
            hub_log_key: self.log().verifier().to_line(),
        })
    }
}

impl Node {
    /// Hub: a certificate that was signed lately has come back in use; from now on the one before it is no longer taken.
    pub async fn settle_renewal(&self, certificate: &[u8], now: Instant) -> Result<(), Fault> {
        let (clues, serial) = crate::authority::subject_of(certificate)?;
        let listed = self.participants()?.into_iter().find(|p| p.clues == clues);
        if listed.is_none_or(|p| p.next_serial.as_deref() != Some(serial.as_str())) {
            return Ok(());
        }
        let job = Principal::Job { name: "certificate-renewal" };
        let writer = self.session(job, badiano_kernel::Purpose::Operations, now).writer();
        let settled = self
            .store()
            .write(move |tx| {
                let mut found = participant_of(tx, &clues)?;
                if found.next_serial.as_deref() == Some(serial.as_str()) {
                    (found.serial, found.next_serial) = (serial, None);
                    put_participant(tx, &found, now)?;
                }
                writer.leaf(tx, Act::Update, "certificate", &[], &format!("the certificate of {clues}"))
            })
            .await;
        self.roll().has_changed();
        settled
    }
}

impl Session {
    /// Hub: signs a new certificate for the institution that asks under its present one.
    pub async fn renew_certificate(&self, asked: Renewal) -> Result<Renewal, Fault> {
        let Principal::Node { institution, on_behalf_of: None, .. } = self.principal().clone() else {
            return Err(Fault::forbidden("only a node renews its certificate"));
        };
        let listed = self.node().store().read(|view| participant_of(view, &institution))?;
        let hosts = [host_of(&listed.address)?];
        let pem = self.node().sign_request(&asked.pem, &institution, &hosts, self.now())?;
        let (_, parsed) =
            x509_parser::pem::parse_x509_pem(pem.as_bytes()).map_err(|_| Fault::bug("we signed it"))?;
        let (_, serial) = crate::authority::subject_of(&parsed.contents)?;
        let writer = self.writer();
        let signed = self
            .node()
            .store()
            .write(move |tx| {
                let mut found = participant_of(tx, &institution)?;
                found.next_serial = Some(serial);
                put_participant(tx, &found, writer.now)?;
                writer.leaf(tx, Act::Create, "certificate", &[], &format!("a certificate for {institution}"))
            })
            .await;
        self.node().roll().has_changed();
        signed?;
        Ok(Renewal { pem })
    }

    /// Hub: a one-time code for one institution.
    pub async fn make_join_code(&self, clues: &str) -> Result<String, Fault> {
        if !matches!(self.principal(), Principal::Job { .. }) {
            self.administers(Action::Write)?;
        }
        let clues =
            Clues::parse(clues).map_err(|e| Fault::invalid(e.to_string()).at("clues"))?.as_str().to_owned();
        let code = BASE64URL.encode(badiano_kernel::id::random_bytes::<18>());
        let writer = self.writer();
        let kept = Code { clues: clues.clone(), expires: self.now().seconds() + CODE_SECONDS };
        let (key, body) =
            (key_of(&code), serde_json::to_vec(&kept).map_err(|_| Fault::bug("a code is always printable"))?);
        self.node()
            .store()
            .write(move |tx| {
                tx.put_document("join-code", &key, &body, Expect::Any, writer.now)?;
                writer.leaf(tx, Act::Create, "join-code", &[], &format!("institution {clues}"))
            })
            .await?;
        Ok(code)
    }

    pub fn list_participants(&self) -> Result<Vec<Participant>, Fault> {
        self.inspects("institutions")?;
        self.node().participants()
    }

    /// Hub: suspends or readmits an institution; it holds from the next request on.
    pub async fn set_participant_active(&self, clues: &str, active: bool) -> Result<(), Fault> {
        self.administers(Action::Write)?;
        let (clues, writer) = (clues.to_owned(), self.writer());
        let set = self
            .node()
            .store()
            .write(move |tx| {
                let mut found = participant_of(tx, &clues)?;
                found.active = active;
                put_participant(tx, &found, writer.now)?;
                writer.leaf(tx, Act::Update, "participant", &[], &format!("institution {clues}"))
            })
            .await;
        self.node().roll().has_changed();
        set
    }
}

fn key_of(code: &str) -> String {
    BASE64URL.encode(digest(&SHA256, code.as_bytes()))
}

fn host_of(address: &str) -> Result<String, Fault> {
    let rest = address
        .strip_prefix("https://")
        .ok_or_else(|| Fault::invalid("an address begins with https://").at("address"))?;
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    if host.is_empty() {
        Err(Fault::invalid("an address names a host").at("address"))
    } else {
        Ok(host.to_owned())
    }
}
