//! Consents as kept at a node: given at the hub, spread to every node, remembered compiled (house, invariants 3 and 8).

use crate::audit::Act;
use crate::class::DataClass;
use crate::consent::{Consent, Rule};
use crate::node::{NO_HUB, Node, NodeRole};
use crate::patient_index::patients_of_curp;
use crate::resources::Precondition;
use crate::session::Session;
use badiano_fhir::{Value, fhir};
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_mexico::naming;
use badiano_store::{Expect, View, pat_of};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The queue that carries consents from the hub to a node; its key is the person, its name ends in the CLUES.
pub const SPREAD: &str = "consent";
/// A node trusts what it knows of consent for this long after it last heard from the hub.
pub const LEASE_SECONDS: i64 = 15 * 60;

/// A consent as it travels between nodes: the person, the rules, and its version at the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub curp: String,
    pub version: u64,
    pub consent: Consent,
}

impl Statement {
    pub fn to_value(&self) -> Value {
        fhir!({
            "curp": (self.curp.as_str()),
            "version": (self.version.to_string()),
            "provision": (self.consent.to_provisions())
        })
    }
    pub fn from_value(value: &Value) -> Option<Self> {
        Some(Statement {
            curp: value["curp"].as_str()?.to_owned(),
            version: value["version"].as_str()?.parse().ok()?,
            consent: Consent::from_provisions(&value["provision"])?,
        })
    }
}

/// Compiles every kept consent at the start.
pub(crate) fn load(node: &Node) -> Result<(), Fault> {
    let documents = node.store().read(|view| view.documents("consent", ""))?;
    for document in documents {
        let statement =
            badiano_fhir::json::parse(&document.body).ok().and_then(|v| Statement::from_value(&v));
        let statement = statement.ok_or_else(|| Fault::bug("a kept consent cannot be read"))?;
        remember(node, &statement)?;
    }
    Ok(())
}

/// Puts the compiled consent where decisions look, for each local record of the person.
pub(crate) fn remember(node: &Node, statement: &Statement) -> Result<(), Fault> {
    let ids = node.store().read(|view| patients_of_curp(view, &statement.curp))?;
    put_compiled(node, &ids, statement);
    Ok(())
}

fn put_compiled(node: &Node, ids: &[String], statement: &Statement) {
    let compiled = Arc::new(statement.consent.clone());
    let mut all = node.consents().write().expect("no holder of the consents panics");
    for id in ids {
        all.insert(pat_of(id), compiled.clone());
    }
}

/// A person became known after their consent did: compile it for the new record, before anybody can read it.
pub(crate) fn recall(node: &Node, view: &View<'_>, curp: &str) -> Result<(), Fault> {
    let Some(statement) = kept_in(view, curp)? else { return Ok(()) };
    let ids = patients_of_curp(view, curp)?;
    put_compiled(node, &ids, &statement);
    Ok(())
}

/// A record is no longer of the person whose it was taken for: what its own person said holds, or nothing.
pub(crate) fn forget(node: &Node, patient: &str) -> Result<(), Fault> {
    let own = node.store().read(|view| crate::patient_index::curp_of(view, patient))?;
    node.consents().write().expect("no holder of the consents panics").remove(&pat_of(patient));
    match own {
        Some(curp) => node.store().read(|view| recall(node, view, &curp)),
        None => Ok(()),
    }
}

/// What a person has said, whether or not they have a record here.
pub(crate) fn consent_of_person(node: &Node, curp: &str) -> Result<Consent, Fault> {
    Ok(kept(node, curp)?.map(|s| s.consent).unwrap_or_default())
}

fn kept(node: &Node, curp: &str) -> Result<Option<Statement>, Fault> {
    node.store().read(|view| kept_in(view, curp))
}

fn kept_in(view: &View<'_>, curp: &str) -> Result<Option<Statement>, Fault> {
    let document = view.document("consent", curp)?;
    Ok(document.and_then(|d| badiano_fhir::json::parse(&d.body).ok()).and_then(|v| Statement::from_value(&v)))
}

impl Session {
    /// Hub: the citizen says something new. It is durable, compiled here, and on its way to `institutions` when this returns.
    pub async fn give_consent(&self, mut rule: Rule, institutions: &[String]) -> Result<Statement, Fault> {
        let Principal::Citizen { curp, .. } = self.principal().clone() else {
            return Err(Fault::forbidden("only the person gives or withdraws their consent here"));
        };
        if self.node().settings().role != NodeRole::Hub || self.purpose() != Purpose::PatientRequest {
            return Err(Fault::not_supported("consent is given at the hub"));
        }
        if rule.class.is_some_and(DataClass::is_sensitive) && rule.permit {
            return Err(Fault::not_supported(
                "opening a sensitive class needs an advanced electronic signature, which is not there yet",
            ));
        }
        rule.from = self.now();
        let writer = self.writer();
        let institutions = institutions.to_vec();
        let statement = self
            .node()
            .store()
            .write_from_reserve(move |tx| {
                let before = tx.document("consent", &curp)?;
                let old = before.as_ref().and_then(|d| badiano_fhir::json::parse(&d.body).ok());
                let mut statement = old.and_then(|v| Statement::from_value(&v)).unwrap_or(Statement {
                    curp: curp.clone(),
                    version: 0,
                    consent: Consent::default(),
                });
                statement.version += 1;
                statement.consent.rules.push(rule);
                let text = badiano_fhir::json::to_string(&statement.to_value());
                tx.put_document("consent", &curp, text.as_bytes(), Expect::Any, writer.now)?;
                for id in patients_of_curp(tx, &curp)?.into_iter().take(1) {
                    writer.put(
                        tx,
                        consent_resource(&id, &statement, writer.now),
                        Precondition::None,
                        "consent",
                    )?;
                }
                for clues in institutions {
                    tx.enqueue(&format!("{SPREAD}/{clues}"), &curp, text.as_bytes(), writer.now)?;
                }
                Ok(statement)
            })
            .await?;
        remember(self.node(), &statement)?;
        Ok(statement)
    }

    /// The citizen's own rules, oldest first.
    pub fn own_consent(&self) -> Result<Consent, Fault> {
        let Principal::Citizen { curp, .. } = self.principal() else {
            return Err(Fault::forbidden("only the person reads their consent here"));
        };
        let ids = self.node().store().read(|view| patients_of_curp(view, curp))?;
        self.note(Act::Read, "consent", &ids, "Consent")?;
        Ok(kept(self.node(), curp)?.map(|s| s.consent).unwrap_or_default())
    }

    /// A node takes what the hub says. An older version never replaces a newer one.
    pub async fn take_consent(&self, statement: Statement) -> Result<(), Fault> {
        self.is_from_hub("only the hub spreads consent")?;
        let writer = self.writer();
        let text = badiano_fhir::json::to_string(&statement.to_value());
        let (curp, version) = (statement.curp.clone(), statement.version);
        let newer = self
            .node()
            .store()
            .write_from_reserve(move |tx| {
                let before =
                    tx.document("consent", &curp)?.and_then(|d| badiano_fhir::json::parse(&d.body).ok());
                let known = before.and_then(|v| Statement::from_value(&v)).map_or(0, |s| s.version);
                if known >= version {
                    return Ok(false);
                }
                tx.put_document("consent", &curp, text.as_bytes(), Expect::Any, writer.now)?;
                let ids = patients_of_curp(tx, &curp)?;
                writer.leaf(tx, Act::Update, "consent", &ids, "Consent")?;
                Ok(true)
            })
            .await?;
        if newer { remember(self.node(), &statement) } else { Ok(()) }
    }

    /// At a hospital a node that speaks for itself is its hub; at the hub it is any institution, and none of them says what holds.
    pub(crate) fn is_from_hub(&self, otherwise: &str) -> Result<(), Fault> {
        let of_node = matches!(self.principal(), Principal::Node { on_behalf_of: None, .. });
        match self.node().settings().role {
            NodeRole::Hospital if of_node => Ok(()),
            NodeRole::Hospital | NodeRole::Hub => Err(Fault::forbidden(otherwise)),
        }
    }

    /// Hub: every consent, for a node that comes back and has to catch up.
    pub fn all_consents(&self) -> Result<Vec<Statement>, Fault> {
        if !matches!(self.principal(), Principal::Node { .. }) {
            return Err(Fault::forbidden("only a node catches up on consents"));
        }
        self.note(Act::Execute, "consent-catch-up", &[], "Consent")?;
        let documents = self.node().store().read(|view| view.documents("consent", ""))?;
        let parse =
            |body: &[u8]| badiano_fhir::json::parse(body).ok().and_then(|v| Statement::from_value(&v));
        Ok(documents.iter().filter_map(|d| parse(&d.body)).collect())
    }

    /// A node heard from the hub: its consents are fresh as of now.
    pub async fn renew_lease(&self) -> Result<(), Fault> {
        self.is_from_hub("only the hub renews the lease on consent")?;
        let now = self.now();
        self.node().lease().store(now.micros, Ordering::Relaxed);
        let body = now.micros.to_string();
        self.node()
            .store()
            .write_from_reserve(move |tx| {
                tx.replace_document("node", "consent-lease", body.as_bytes(), now).map(|_| ())
            })
            .await
    }
}

/// Recalls at the start when the hub was last heard; a hub that was never heard is a lease that has run out.
pub(crate) fn load_lease(node: &Node) -> Result<(), Fault> {
    if node.hub_link()?.is_some() {
        let now = Instant::now();
        let heard = lease_age_seconds(node, now)?.map_or(0, |age| now.plus_seconds(-age).micros);
        node.lease().store(heard, Ordering::Relaxed);
    }
    Ok(())
}

/// Whether what is known of consent may still be acted on for other institutions (house, invariant 8).
pub(crate) fn lease_holds(node: &Node, now: Instant) -> bool {
    let heard = node.lease().load(Ordering::Relaxed);
    heard == NO_HUB || now < Instant::from_micros(heard).plus_seconds(LEASE_SECONDS)
}

/// When this node last heard from the hub about consent; nothing when it never did.
pub fn lease_age_seconds(node: &Node, now: Instant) -> Result<Option<i64>, Fault> {
    let document = node.store().read(|view| view.document("node", "consent-lease"))?;
    let micros = document.and_then(|d| String::from_utf8(d.body).ok()).and_then(|t| t.parse::<i64>().ok());
    Ok(micros.map(|m| (now.micros - m) / 1_000_000))
}

/// The consent as a FHIR resource, so that the record shows it like anything else.
fn consent_resource(patient: &str, statement: &Statement, now: Instant) -> Value {
    let system = "http://terminology.hl7.org/CodeSystem/consentscope";
    fhir!({
        "resourceType": "Consent",
        "id": (format!("consent-{patient}")),
        "identifier": [{ "system": (naming::CONSENT), "value": (statement.version.to_string()) }],
        "status": "active",
        "scope": { "coding": [{ "system": system, "code": "patient-privacy" }] },
        "category": [{ "coding": [{ "system": "http://loinc.org", "code": "59284-0" }] }],
        "patient": { "reference": (format!("Patient/{patient}")) },
        "dateTime": (now.to_rfc3339()),
        "policyRule": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN" }] },
        "provision": { "type": "permit", "provision": (statement.consent.to_provisions()) }
    })
}
