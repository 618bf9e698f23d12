//! How a resource becomes durable: checked, numbered, indexed, classed, and its audit leaf in the same commit.

use crate::audit::{Act, Entry, Outcome};
use crate::class;
use crate::node::Node;
use crate::search_parameters::Known;
use crate::session::Session;
use crate::workflow::Workflow;
use badiano_fhir::{Value, search, validate};
use badiano_kernel::{Fault, Instant, id::LogicalId};
use badiano_store::{Expect, LeafDraft, Put, Ready, Store, Tx, View, pat_of, stamp};
use std::cell::RefCell;
use std::collections::BTreeMap;

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
    /// The app that acts for the principal.
    pub app: Option<String>,
    pub purpose: badiano_kernel::Purpose,
    pub reason: Option<String>,
    pub now: Instant,
    pub zone: String,
    pub observer: String,
    pub subject_key: [u8; 32],
    /// How cases of imaging move here; none where there is no such department.
    pub(crate) imaging: Option<&'static Workflow>,
    /// Where a consent is compiled for a person who becomes known, and codes are known.
    node: Node,
    /// What was touched so far, while the writes of one transaction are gathered.
    gathered: RefCell<Option<Vec<Touch>>>,
}

/// A resource made ready for the writer, but for its version.
pub struct Draft {
    pub kind: String,
    pub id: String,
    patients: Vec<String>,
    resource: Value,
    ready: Ready,
    /// The newest change that the search parameters know of under which it was indexed.
    indexed_at: u64,
}

impl Draft {
    /// What it says, without what the store fills in.
    pub fn resource(&self) -> &Value {
        &self.resource
    }

    /// The resource again, to be changed and made ready once more.
    pub fn reopen(self) -> Value {
        self.resource.with("id", self.id)
    }
}

/// One resource that a write touched.
#[derive(Clone)]
struct Touch {
    act: Act,
    interaction: &'static str,
    patients: Vec<String>,
    what: String,
}

/// Resources that one audit entry names; a longer transaction has several entries.
const TOUCHED_MAX: usize = 100;

impl Writer {
    /// Puts one resource and its audit leaf. The resource has its id already.
    pub fn put(
        &self,
        tx: &mut Tx<'_>,
        resource: Value,
        expect: Precondition,
        interaction: &'static str,
    ) -> Result<Versioned, Fault> {
        let known = self.node.known_parameters()?;
        let draft = self.draft(resource, &known, |put| tx.ready(put))?;
        self.put_draft(tx, draft, expect, interaction)
    }

    /// Makes a resource ready before the writer's turn: indexed, printed and packed on this thread.
    pub fn prepare(&self, store: &Store, resource: Value) -> Result<Draft, Fault> {
        self.draft(resource, &*self.node.known_parameters()?, |put| store.ready(put))
    }

    fn draft(
        &self,
        mut resource: Value,
        known: &Known,
        ready: impl FnOnce(&Put<'_>) -> Result<Ready, Fault>,
    ) -> Result<Draft, Fault> {
        let (kind, id) = (resource.resource_type().to_owned(), resource.id().to_owned());
        LogicalId::parse(&id)?;
        if kind == "Subscription" {
            crate::subscriptions::seal_headers(self.node.secrets(), &mut resource);
        }
        self.settle_flags(&mut resource)?;
        let patients = search::compartment_patients(&resource);
        let pats: Vec<i64> = patients.iter().map(|p| pat_of(p)).collect();
        let entries = search::extract(&resource, &*known.parameters);
        let class = class::classes_of(&resource);
        leave_open(&mut resource);
        let ready = ready(&Put {
            kind: &kind,
            id: &id,
            expect: Expect::Any,
            body: &resource,
            entries: &entries,
            pats: &pats,
            class,
            source: &self.observer,
            now: self.now,
        })?;
        Ok(Draft { kind, id, patients, resource, ready, indexed_at: known.at })
    }

    /// Puts what was prepared, and its audit leaf.
    pub fn put_draft(
        &self,
        tx: &mut Tx<'_>,
        draft: Draft,
        expect: Precondition,
        interaction: &'static str,
    ) -> Result<Versioned, Fault> {
        let draft = match self.node.own_parameters().changed_since(draft.indexed_at) {
            true => {
                let known = self.node.parameters_in(tx)?;
                self.draft(draft.reopen(), &known, |put| tx.ready(put))?
            }
            false => draft,
        };
        let Draft { kind, id, patients, mut resource, ready, indexed_at: _ } = draft;
        crate::search_parameters::written(tx, &resource, &id)?;
        let created = tx.is_absent(&kind, &id)?;
        let version = tx.put_ready(ready, expect.into(), &self.observer, self.now)?;
        stamp(&mut resource, &id, version, self.now);
        self.node.knowledge().note(tx, &kind)?;
        self.node.own_parameters().note(tx, &kind)?;
        if kind == "Patient" {
            crate::patient_index::keep_keys(tx, &resource, &id, self.now)?;
            if let Some(curp) = crate::patient_index::curp_in(&resource) {
                crate::consent_register::recall(&self.node, tx, &curp)?;
            }
        }
        crate::subscriptions::written(self, tx, &resource)?;
        crate::representation::written(self, tx, &resource)?;
        let act = if created { Act::Create } else { Act::Update };
        self.leaf(tx, act, interaction, &patients, &format!("{kind}/{id}"))?;
        Ok(Versioned { resource, version, updated: self.now, deleted: false, created })
    }

    /// Marks one resource deleted, with its audit leaf.
    pub fn delete(&self, tx: &mut Tx<'_>, kind: &str, id: &str, expect: Precondition) -> Result<bool, Fault> {
        let Some(before) = tx.get(kind, id)?.filter(|b| !b.deleted) else { return Ok(false) };
        let patients = search::compartment_patients(&before.body);
        tx.delete(kind, id, expect.into(), self.now)?;
        self.node.knowledge().note(tx, kind)?;
        self.node.own_parameters().note(tx, kind)?;
        crate::subscriptions::deleted(tx, kind, id)?;
        crate::representation::deleted(self, tx, kind, id)?;
        self.leaf(tx, Act::Delete, "delete", &patients, &format!("{kind}/{id}"))?;
        Ok(true)
    }

    /// The node that is written to.
    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    /// One leaf for each patient concerned, or one without a patient; gathered while a transaction goes on.
    pub fn leaf(
        &self,
        tx: &mut Tx<'_>,
        act: Act,
        interaction: &'static str,
        patients: &[String],
        what: &str,
    ) -> Result<(), Fault> {
        if let Some(gathered) = &mut *self.gathered.borrow_mut() {
            let (patients, what) = (patients.to_vec(), what.to_owned());
            gathered.push(Touch { act, interaction, patients, what });
            return Ok(());
        }
        let whom: Vec<Option<&String>> =
            if patients.is_empty() { vec![None] } else { patients.iter().map(Some).collect() };
        for patient in whom {
            self.leaf_about(tx, act, interaction, patient, vec![what.to_owned()])?;
        }
        Ok(())
    }

    /// Runs the writes of one transaction. They are one access: one leaf for each patient and kind of act names everything
    /// that was touched, in the same commit.
    pub fn as_one_access<T>(
        &self,
        tx: &mut Tx<'_>,
        run: impl FnOnce(&mut Tx<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.gathered.replace(Some(Vec::new()));
        let done = run(tx);
        let touched = self.gathered.take().unwrap_or_default();
        let done = done?;
        let mut leaves: BTreeMap<(Option<String>, &'static str, Act), Vec<String>> = BTreeMap::new();
        for touch in touched {
            let whom = match touch.patients.is_empty() {
                true => vec![None],
                false => touch.patients.into_iter().map(Some).collect(),
            };
            for patient in whom {
                let of = (patient, touch.interaction, touch.act);
                leaves.entry(of).or_default().push(touch.what.clone());
            }
        }
        for ((patient, interaction, act), what) in leaves {
            for some in what.chunks(TOUCHED_MAX) {
                self.leaf_about(tx, act, interaction, patient.as_ref(), some.to_vec())?;
            }
        }
        Ok(done)
    }

    fn leaf_about(
        &self,
        tx: &mut Tx<'_>,
        act: Act,
        interaction: &'static str,
        patient: Option<&String>,
        what: Vec<String>,
    ) -> Result<(), Fault> {
        let subject = patient.map(|p| subject_of(tx, &self.subject_key, p)).transpose()?.map(|s| s.tag);
        let entry = Entry { what, ..self.entry(act, interaction, Outcome::Success, patient.cloned(), "") };
        let content = entry.to_json(&self.observer).into_bytes();
        tx.leaf(LeafDraft { subject, content, now: self.now })?;
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
            app: self.app.clone(),
            patient,
            what: vec![what.to_owned()],
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

/// `id`, `meta.versionId` and `meta.lastUpdated` are the server's: they stand in the row, and the body leaves their places open.
fn leave_open(resource: &mut Value) {
    let Some(object) = resource.as_object_mut() else { return };
    let mut meta = object.remove("meta").unwrap_or_else(Value::object);
    meta.set("versionId", Value::Null);
    meta.set("lastUpdated", Value::Null);
    let kind = object.remove("resourceType").unwrap_or(Value::Null);
    object.insert(0, "resourceType", kind);
    object.insert(1, "id", Value::Null);
    object.insert(2, "meta", meta);
}

impl Session {
    pub(crate) fn writer(&self) -> Writer {
        Writer {
            principal: self.principal().clone(),
            app: self.app().map(|app| app.app.clone()),
            purpose: self.purpose(),
            reason: self.reason().map(str::to_owned),
            now: self.now(),
            zone: self.node().settings().zone.clone(),
            observer: self.node().settings().clues.clone(),
            subject_key: self.node().secret("audit subjects"),
            imaging: self.node().workflow(crate::ledger::IMAGING).ok(),
            node: self.node().clone(),
            gathered: RefCell::new(None),
        }
    }
}
