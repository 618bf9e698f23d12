//! Consents as kept at a node: given at the hub, spread to every node, remembered compiled (house, invariants 3 and 8).

use crate::audit::Act;
use crate::consent::{Consent, RULES_MAX, Rule};
use crate::consent_fhir;
use crate::node::{NO_HUB, Node, NodeRole};
use crate::patient_index::patients_of_curp;
use crate::representation;
use crate::resources::{Precondition, Versioned, Writer};
use crate::session::Session;
use badiano_fhir::{Value, fhir};
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_mexico::naming;
use badiano_store::{Expect, Tx, View, pat_of};
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
            "provision": (consent_fhir::to_provisions(&self.consent))
        })
    }
    pub fn from_value(value: &Value) -> Option<Self> {
        Some(Statement {
            curp: value["curp"].as_str()?.to_owned(),
            version: value["version"].as_str()?.parse().ok()?,
            consent: consent_fhir::read_provisions(&value["provision"]).ok()?,
        })
    }
}

/// A consent has a limit, and opens no sensitive class anew without a signature.
fn may_stand(before: &Consent, after: &Consent) -> Result<(), Fault> {
    if after.rules.len() > RULES_MAX {
        return Err(Fault::too_costly(format!("a consent has at most {RULES_MAX} rules")));
    }
    if after.rules.iter().any(|r| r.opens_sensitive() && !before.rules.contains(r)) {
        return Err(Fault::not_supported(
            "opening a sensitive class needs an advanced electronic signature, which is not there yet",
        ));
    }
    Ok(())
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

/// Hub: the standing of who spoke for a person ends, or has another end. What they said is heard as of then from this commit on.
pub(crate) fn end_speaker(
    writer: &Writer,
    tx: &mut Tx<'_>,
    person: &str,
    representation: &str,
    to: Option<Instant>,
) -> Result<(), Fault> {
    let Some(mut statement) = kept_in(tx, person)? else { return Ok(()) };
    let before = statement.consent.clone();
    statement.consent.end_speaker(representation, to);
    if statement.consent == before {
        return Ok(());
    }
    statement.version += 1;
    let text = badiano_fhir::json::to_string(&statement.to_value());
    tx.put_document("consent", person, text.as_bytes(), Expect::Any, writer.now)?;
    let ids = patients_of_curp(tx, person)?;
    if let Some(id) = ids.first() {
        writer.put(tx, consent_resource(id, &statement, writer.now), Precondition::None, "consent")?;
    }
    for institution in crate::participants::active_in(tx)? {
        tx.enqueue(&format!("{SPREAD}/{institution}"), person, text.as_bytes(), writer.now)?;
    }
    put_compiled(writer.node(), &ids, &statement);
    Ok(())
}

impl Session {
    /// Hub: the citizen says something new. It is durable, compiled here, and on its way to `institutions` when this returns.
    /// A parent or guardian says it for a minor, and an attorney for whom gave them the power: it is kept as said by them.
    pub async fn give_consent(&self, mut rule: Rule, institutions: &[String]) -> Result<Statement, Fault> {
        rule.from = self.now();
        rule.by = self.speaker()?;
        self.may_say(&rule)?;
        let said = |consent: &mut Consent| consent.say(rule);
        Ok(self.restate(said, None, Precondition::None, institutions.to_vec()).await?.0)
    }

    /// Hub: the citizen's whole consent as a FHIR Consent; what they had said before stays as versions (IHE PCF, ITI-108).
    pub(crate) async fn put_consent(
        &self,
        resource: Value,
        expect: Precondition,
    ) -> Result<Versioned, Fault> {
        let curp = self.giver()?;
        let consent = consent_fhir::read(&resource, &self.node().settings().zone)?;
        let ids = self.node().store().read(|view| patients_of_curp(view, &curp))?;
        let patient = &resource["patient"];
        let by_number = patient["identifier"].str_of("system") == naming::CURP
            && patient["identifier"].str_of("value") == curp;
        let by_id = patient
            .str_of("reference")
            .strip_prefix("Patient/")
            .is_some_and(|id| ids.iter().any(|i| i == id));
        if !by_id && !by_number {
            return Err(Fault::forbidden("a person gives consent about themselves").at("Consent.patient"));
        }
        let own = ids.first().map(|id| format!("consent-{id}"));
        if own.is_none() {
            return Err(
                Fault::not_found("no institution has registered this person yet").at("Consent.patient")
            );
        }
        if expect != Precondition::Absent && own.as_deref() != Some(resource.id()) {
            return Err(Fault::invalid("a person has one consent here: write to its own id, or create it")
                .at("Consent.id"));
        }
        let institutions =
            self.node().participants()?.into_iter().filter(|p| p.active).map(|p| p.clues).collect();
        // Who acts for the person has said their own, which stays.
        let by = self.speaker()?;
        let mut own = consent.rules;
        own.iter_mut().for_each(|rule| rule.by.clone_from(&by));
        own.iter().try_for_each(|rule| self.may_say(rule))?;
        let said = move |all: &mut Consent| {
            let who = |r: &Rule| r.by.as_ref().map(|s| s.representation.clone());
            let speaks = by.as_ref().map(|s| s.representation.clone());
            all.rules.retain(|r| who(r) != speaks);
            all.rules.extend(own);
        };
        let (_, put) = self.restate(said, Some(resource), expect, institutions).await?;
        put.ok_or_else(|| Fault::bug("the consent of a known person is put"))
    }

    /// Who acts for a person says nothing of what the law leaves to the person alone, nor of who else acts for them.
    fn may_say(&self, rule: &Rule) -> Result<(), Fault> {
        let Principal::Representative(r) = self.principal() else { return Ok(()) };
        if rule.recipient == Some(crate::consent::Recipient::Representatives) {
            return Err(Fault::forbidden("what representatives see is the person's own to say"));
        }
        let zone = &self.node().settings().zone;
        let own = representation::closed_by_law(r.standing, &r.person, self.now(), zone);
        match rule.class.is_some_and(|c| c.bit() & own != 0) {
            true => Err(Fault::forbidden("this class of data is the person's own to open and close")),
            false => Ok(()),
        }
    }

    /// Whose consent this session may change: the person's own, or that of whom they represent, at the hub.
    fn giver(&self) -> Result<String, Fault> {
        if self.node().settings().role != NodeRole::Hub {
            return Err(Fault::not_supported("consent is given at the hub, by the person"));
        }
        match self.principal().own_record() {
            Some(curp) if self.purpose() == Purpose::PatientRequest => Ok(curp.to_owned()),
            _ => Err(Fault::forbidden("only the person gives or withdraws their consent here")),
        }
    }

    /// A Consent about who may see what is written by the person alone: anywhere else it would be kept and not obeyed.
    pub(crate) fn is_no_consent(&self, resource: &Value) -> Result<(), Fault> {
        if !consent_fhir::is_about_privacy(resource) {
            return Ok(());
        }
        if self.node().settings().role == NodeRole::Hub {
            self.giver()?;
            return Err(Fault::not_supported(
                "a consent is created or updated alone; to withdraw it, update it as inactive",
            ));
        }
        let patient = resource["patient"].str_of("reference").strip_prefix("Patient/");
        let person = self.node().store().read(|view| match patient {
            Some(id) => crate::patient_index::curp_of(view, id),
            None => Ok(None),
        })?;
        match person {
            // About nobody who is known by their CURP: a document like any other.
            None => Ok(()),
            Some(_) => self.giver().map(|_| ()),
        }
    }

    /// A new version of what the person says: kept, written as FHIR, on its way and compiled, in this order.
    async fn restate(
        &self,
        say: impl FnOnce(&mut Consent) + Send + 'static,
        resource: Option<Value>,
        expect: Precondition,
        institutions: Vec<String>,
    ) -> Result<(Statement, Option<Versioned>), Fault> {
        let (curp, writer) = (self.giver()?, self.writer());
        let done = self
            .node()
            .store()
            .write_from_reserve(move |tx| {
                let mut statement = kept_in(tx, &curp)?.unwrap_or(Statement {
                    curp: curp.clone(),
                    version: 0,
                    consent: Consent::default(),
                });
                let before = statement.consent.clone();
                statement.version += 1;
                say(&mut statement.consent);
                may_stand(&before, &statement.consent)?;
                let text = badiano_fhir::json::to_string(&statement.to_value());
                tx.put_document("consent", &curp, text.as_bytes(), Expect::Any, writer.now)?;
                let mut put = None;
                if let Some(id) = patients_of_curp(tx, &curp)?.first() {
                    let own = format!("consent-{id}");
                    let shown = resource.map(|r| r.with("id", own));
                    let shown = shown.unwrap_or_else(|| consent_resource(id, &statement, writer.now));
                    put = Some(writer.put(tx, shown, expect, "consent")?);
                }
                for clues in institutions {
                    tx.enqueue(&format!("{SPREAD}/{clues}"), &curp, text.as_bytes(), writer.now)?;
                }
                Ok((statement, put))
            })
            .await?;
        remember(self.node(), &done.0)?;
        Ok(done)
    }

    /// The citizen's own rules, oldest first; for who acts in their place, without what is closed to them.
    pub fn own_consent(&self) -> Result<Consent, Fault> {
        let Some(curp) = self.principal().own_record() else {
            return Err(Fault::forbidden("only the person reads their consent here"));
        };
        let ids = self.node().store().read(|view| patients_of_curp(view, curp))?;
        self.note(Act::Read, "consent", &ids, "Consent")?;
        let consent = kept(self.node(), curp)?.map(|s| s.consent).unwrap_or_default();
        Ok(match self.principal() {
            Principal::Representative(_) => consent.without(self.closed_in_place(&consent)),
            _ => consent,
        })
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
        "provision": { "type": "permit", "provision": (consent_fhir::to_provisions(&statement.consent)) }
    })
}
