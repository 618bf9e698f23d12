//! How a resource becomes durable: checked, numbered, indexed, classed, and its audit leaf in the same commit.

use crate::audit::{Act, Entry, Outcome};
use crate::class;
use crate::session::Session;
use crate::workflow::Workflow;
use badiano_fhir::{Value, search, validate};
use badiano_kernel::{Fault, Instant, id::LogicalId};
use badiano_store::{Expect, LeafDraft, Put, Tx, View, pat_of};

/// A resource as stored, ready for a door.
#[derive(Debug, Clone, PartialEq)]
pub struct Versioned {
    pub resource: Value,
    pub version: u64,
    pub updated: Instant,
    pub deleted: bool,
    /// True when a write made it: 201 and not 200.
    pub created: bool,
}

impl Versioned {
    /// The version as a tag of HTTP: `W/"3"`.
    pub fn etag(&self) -> String {
        format!("W/\"{}\"", self.version)
    }
}

/// Whether a change goes on although another came between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    None,
    /// `If-None-Match: *`, or a create.
    Absent,
    /// `If-Match: W/"n"`.
    Version(u64),
}

impl From<Precondition> for Expect {
    fn from(p: Precondition) -> Self {
        match p {
            Precondition::None => Expect::Any,
            Precondition::Absent => Expect::Absent,
            Precondition::Version(n) => Expect::Version(n),
        }
    }
}

/// Checks a resource against the base definitions; the fault names the first error and its place.
pub fn check(resource: &Value) -> Result<(), Fault> {
    let issues = validate::validate(resource);
    match issues
        .iter()
        .find(|i| i.severity == validate::Severity::Error || i.severity == validate::Severity::Fatal)
    {
        Some(issue) => Err(Fault::invalid(issue.text_en.clone()).at(issue.expression.clone())),
        None => Ok(()),
    }
}

/// What the writer needs to know of the session; cheap to move into its thread.
#[derive(Clone)]
pub struct Writer {
    pub principal: badiano_kernel::Principal,
    pub purpose: badiano_kernel::Purpose,
    pub reason: Option<String>,
    pub now: Instant,
    pub zone: String,
    pub observer: String,
    pub subject_key: [u8; 32],
    /// How cases of imaging move here; none where there is no such department.
    pub(crate) imaging: Option<&'static Workflow>,
}

impl Writer {
    /// Puts one resource and its audit leaf. The resource has its id already.
    pub fn put(
        &self,
        tx: &mut Tx<'_>,
        mut resource: Value,
        expect: Precondition,
        interaction: &'static str,
    ) -> Result<Versioned, Fault> {
        let (kind, id) = (resource.resource_type().to_owned(), resource.id().to_owned());
        LogicalId::parse(&id)?;
        let before = tx.get(&kind, &id)?;
        let version = before.as_ref().map_or(1, |b| b.version + 1);
        stamp(&mut resource, version, self.now);
        let entries = search::extract(&resource, &self.zone);
        let pats: Vec<i64> = search::compartment_patients(&resource).iter().map(|p| pat_of(p)).collect();
        let created = before.as_ref().is_none_or(|b| b.deleted);
        tx.put(Put {
            kind: &kind,
            id: &id,
            expect: expect.into(),
            body: &resource,
            entries: &entries,
            pats: &pats,
            class: class::classes_of(&resource),
            source: &self.observer,
            now: self.now,
        })?;
        let act = if created { Act::Create } else { Act::Update };
        self.leaf(tx, act, interaction, &search::compartment_patients(&resource), &format!("{kind}/{id}"))?;
        Ok(Versioned { resource, version, updated: self.now, deleted: false, created })
    }

    /// Marks one resource deleted, with its audit leaf.
    pub fn delete(&self, tx: &mut Tx<'_>, kind: &str, id: &str, expect: Precondition) -> Result<bool, Fault> {
        let Some(before) = tx.get(kind, id)?.filter(|b| !b.deleted) else { return Ok(false) };
        let patients = search::compartment_patients(&before.body);
        tx.delete(kind, id, expect.into(), self.now)?;
        self.leaf(tx, Act::Delete, "delete", &patients, &format!("{kind}/{id}"))?;
        Ok(true)
    }

    /// One leaf for each patient concerned, or one without a patient.
    pub fn leaf(
        &self,
        tx: &mut Tx<'_>,
        act: Act,
        interaction: &'static str,
        patients: &[String],
        what: &str,
    ) -> Result<(), Fault> {
        let whom: Vec<Option<&String>> =
            if patients.is_empty() { vec![None] } else { patients.iter().map(Some).collect() };
        for patient in whom {
            let subject = patient.map(|p| subject_of(tx, &self.subject_key, p)).transpose()?.map(|s| s.tag);
            let entry = self.entry(act, interaction, Outcome::Success, patient.cloned(), what);
            tx.leaf(LeafDraft {
                subject,
                content: entry.to_json(&self.observer).into_bytes(),
                now: self.now,
            })?;
        }
        Ok(())
    }

    pub fn entry(
        &self,
        act: Act,
        interaction: &'static str,
        outcome: Outcome,
        patient: Option<String>,
        what: &str,
    ) -> Entry {
        Entry {
            act,
            interaction,
            outcome,
            purpose: self.purpose,
            reason: self.reason.clone(),
            principal: self.principal.clone(),
            patient,
            what: what.to_owned(),
            repeated: 0,
            now: self.now,
        }
    }
}

/// How the log names a person: the tag in the leaf and the secret that opens it for them.
pub struct Subject {
    pub tag: [u8; 32],
    pub secret: [u8; 32],
}

/// The subject of a local patient: by CURP where it is known, by the local id otherwise.
pub fn subject_of(view: &View<'_>, key: &[u8; 32], patient: &str) -> Result<Subject, Fault> {
    let curp = crate::patient_index::curp_of(view, patient)?;
    Ok(subject_by_name(key, curp.as_deref().unwrap_or(patient)))
}

pub fn subject_by_name(key: &[u8; 32], name: &str) -> Subject {
    let mac = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key), name.as_bytes());
    let secret: [u8; 32] = mac.as_ref().try_into().expect("SHA-256 has 32 bytes");
    Subject { tag: crate::audit::proof::subject_tag(&secret, name), secret }
}

/// `meta.versionId` and `meta.lastUpdated` are the server's.
fn stamp(resource: &mut Value, version: u64, now: Instant) {
    let mut meta = resource["meta"].clone();
    meta.set("versionId", version.to_string());
    meta.set("lastUpdated", now.to_rfc3339());
    if let Some(object) = resource.as_object_mut() {
        let id = object.get("id").cloned();
        let kind = object.get("resourceType").cloned();
        if let Some(kind) = kind {
            object.insert(0, "resourceType", kind);
        }
        if let Some(id) = id {
            object.insert(1, "id", id);
        }
        object.insert(2, "meta", meta);
    }
}

impl Session {
    pub(crate) fn writer(&self) -> Writer {
        Writer {
            principal: self.principal().clone(),
            purpose: self.purpose(),
            reason: self.reason().map(str::to_owned),
            now: self.now(),
            zone: self.node().settings().zone.clone(),
            observer: self.node().settings().clues.clone(),
            subject_key: self.node().secret("audit subjects"),
            imaging: self.node().workflow(crate::ledger::IMAGING).ok(),
        }
    }
}
