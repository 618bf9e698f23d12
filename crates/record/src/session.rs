//! A session: who asks, what for, and when. Everything that a door does with data is a method of it.

use crate::access::{self, Action};
use crate::apps::Grant;
use crate::audit::{Act, Outcome};
use crate::class::{DataClass, classes_of};
use crate::consent::{Consent, Question};
use crate::emergency::Emergency;
use crate::node::{Node, NodeRole};
use crate::resources::{self, Precondition, Versioned, subject_of};
use badiano_fhir::{Value, search};
use badiano_kernel::{Fault, Instant, Principal, Purpose, id::LogicalId};
use badiano_store::{LeafDraft, Stored, Stub, pat_of};
use std::collections::HashMap;
use std::sync::Arc;

/// Accesses of one kind within this time are one access (house, invariant 2).
pub const ONE_ACCESS_SECONDS: i64 = 15 * 60;
/// Remembered accesses; when more are open, the oldest are closed first.
const RECENT_MAX: usize = 100_000;

/// Who asks, what for, and when; made by [`Node::session`] for one request.
#[derive(Clone)]
pub struct Session {
    node: Node,
    principal: Principal,
    purpose: Purpose,
    emergency: Option<Emergency>,
    /// The app that acts for the principal.
    app: Option<Arc<Grant>>,
    now: Instant,
}

/// Accesses that were logged and may repeat without a new entry.
#[derive(Default)]
pub(crate) struct Recent {
    open: HashMap<Access, Instant>,
}

/// Who, about which patient (nobody: empty), by which interaction, what for, and what.
type Access = (String, String, &'static str, Purpose, String);

/// What a search gives: only what the session may see, counted after that.
#[derive(Debug, Clone, Default)]
pub struct Page {
    pub total: Option<usize>,
    pub hits: Vec<Versioned>,
    pub included: Vec<Versioned>,
    /// Where the next page begins (`search::Query::after`), when more follows.
    pub next: Option<Vec<u8>>,
}

impl Session {
    pub(crate) fn new(node: Node, principal: Principal, purpose: Purpose, now: Instant) -> Self {
        Session { node, principal, purpose, emergency: None, app: None, now }
    }

    /// What emergency access needs; its reason is written into every entry.
    #[must_use]
    pub fn in_emergency(mut self, emergency: Emergency) -> Self {
        self.emergency = Some(emergency);
        self
    }

    /// Through an app: what it was let do narrows what the principal may.
    #[must_use]
    pub fn through(mut self, app: Arc<Grant>) -> Self {
        self.app = Some(app);
        self
    }

    pub fn app(&self) -> Option<&Grant> {
        self.app.as_deref()
    }

    pub fn node(&self) -> &Node {
        &self.node
    }
    pub fn principal(&self) -> &Principal {
        &self.principal
    }
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }
    pub fn reason(&self) -> Option<&str> {
        self.emergency.as_ref().map(|e| e.reason.as_str())
    }
    pub fn emergency(&self) -> Option<&Emergency> {
        self.emergency.as_ref()
    }
    pub fn now(&self) -> Instant {
        self.now
    }

    /// A new resource; the server gives the id (FHIR R4, http.html#create).
    pub async fn create(&self, mut resource: Value) -> Result<Versioned, Fault> {
        resource.set("id", LogicalId::random().as_str());
        self.put(resource, Precondition::Absent, "create").await
    }

    /// A new version of a resource, or the first under an id that the client chose (FHIR R4, http.html#update).
    pub async fn update(&self, resource: Value, expect: Precondition) -> Result<Versioned, Fault> {
        self.put(resource, expect, "update").await
    }

    pub(crate) async fn put(
        &self,
        resource: Value,
        expect: Precondition,
        interaction: &'static str,
    ) -> Result<Versioned, Fault> {
        resources::check(&resource)?;
        if self.node.settings().role == NodeRole::Hub && crate::consent_fhir::is_about_privacy(&resource) {
            return self.put_consent(resource, expect).await;
        }
        self.may_write(&resource)?;
        let session = self.clone();
        let writer = self.writer();
        let draft = writer.prepare(self.node.store(), resource)?;
        self.node
            .store()
            .write(move |tx| {
                session.may_replace(tx, &draft.kind, &draft.id)?;
                writer.put_draft(tx, draft, expect, interaction)
            })
            .await
    }

    /// Deletes a resource; its versions stay (FHIR R4, http.html#delete).
    pub async fn delete(&self, kind: &str, id: &str, expect: Precondition) -> Result<(), Fault> {
        let (kind, id) = (kind.to_owned(), id.to_owned());
        let stub = self.node.store().read(|view| view.get(&kind, &id))?;
        let Some(stored) = stub.filter(|s| self.sees_stored(s)) else {
            return Err(Fault::not_found("no such resource"));
        };
        if stored.deleted {
            return self.scope_allows(&kind, Action::Write);
        }
        self.may_write(&stored.body)?;
        let writer = self.writer();
        self.node.store().write(move |tx| writer.delete(tx, &kind, &id, expect).map(|_| ())).await
    }

    /// The newest version (FHIR R4, http.html#read).
    pub fn read(&self, kind: &str, id: &str) -> Result<Versioned, Fault> {
        self.scope_allows(kind, Action::Read)?;
        let stored = self.node.store().read(|view| view.get(kind, id))?;
        let seen = stored.filter(|s| self.sees_stored(s));
        let Some(stored) = seen else {
            self.note_refused("read", kind)?;
            return Err(Fault::not_found("no such resource"));
        };
        self.note(Act::Read, "read", &search::compartment_patients(&stored.body), &format!("{kind}/{id}"))?;
        Ok(versioned(stored))
    }

    /// One version (FHIR R4, http.html#vread).
    pub fn read_version(&self, kind: &str, id: &str, version: u64) -> Result<Versioned, Fault> {
        self.scope_allows(kind, Action::Read)?;
        let stored = self.node.store().read(|view| view.get_version(kind, id, version))?;
        let seen = stored.filter(|s| self.sees_stored(s));
        let stored = seen.ok_or_else(|| Fault::not_found("no such version"))?;
        self.note(Act::Read, "vread", &search::compartment_patients(&stored.body), &format!("{kind}/{id}"))?;
        Ok(versioned(stored))
    }

    /// What fits and may be seen (FHIR R4, search.html).
    pub fn search(&self, query: &search::Query) -> Result<Page, Fault> {
        let (interaction, what) = match &*query.kind {
            "" => ("search-system", "all types"),
            kind => ("search-type", kind),
        };
        self.search_as(query, interaction, what)
    }

    /// What belongs to one patient or encounter (FHIR R4, operation-patient-everything.html). The query bears the filters of
    /// [`search::everything`]; what is brought along belongs to nobody's compartment of this name.
    pub fn everything(&self, compartment: &str, id: &str, query: &search::Query) -> Result<Page, Fault> {
        self.takes_nothing_along()?;
        self.scope_allows(compartment, Action::Read)?;
        let stored = self.node.store().read(|view| view.get(compartment, id))?;
        if !stored.is_some_and(|s| !s.deleted && self.sees_stored(&s)) {
            self.note_refused("everything", compartment)?;
            return Err(Fault::not_found("no such resource"));
        }
        let mut page = self.search_as(query, "everything", &format!("{compartment}/{id}"))?;
        let own = search::types_in(compartment);
        page.included.retain(|one| !own.contains(&one.resource.resource_type()));
        Ok(page)
    }

    /// One page of what a bulk job takes along; who took it is in the log of each patient, once for the job.
    pub(crate) fn export_page(&self, query: &search::Query, job: &str) -> Result<Page, Fault> {
        self.search_as(query, "export", &format!("bulk job {job}"))
    }

    fn search_as(&self, query: &search::Query, interaction: &'static str, what: &str) -> Result<Page, Fault> {
        let query = &self.with_codes(self.with_local_ids(query)?)?;
        query.kinds().try_for_each(|kind| self.scope_allows(kind, Action::Read))?;
        query.kinds().try_for_each(|kind| self.reads_any(kind))?;
        self.reads_any("")?;
        let sees = |stub: &Stub| self.sees(stub) && self.scope_allows(&stub.kind, Action::Read).is_ok();
        let hits = self.node.store().read(|view| view.search(query, &sees))?;
        let mut patients: Vec<String> = Vec::new();
        for stored in hits.hits.iter().chain(&hits.included) {
            for patient in search::compartment_patients(&stored.body) {
                if !patients.contains(&patient) {
                    patients.push(patient);
                }
            }
        }
        self.note(Act::Execute, interaction, &patients, what)?;
        let all = |list: Vec<Stored>| list.into_iter().map(versioned).collect();
        Ok(Page { total: hits.total, hits: all(hits.hits), included: all(hits.included), next: hits.next })
    }

    /// Whether this session may see a thing of these classes about this patient. The one decision behind every door.
    pub(crate) fn sees(&self, stub: &Stub) -> bool {
        self.sees_under(stub, &self.consent_of(stub.pat), |curp| self.is_own(stub.pat, curp))
    }

    /// A thing about several patients is seen when it may be seen for each of them.
    pub(crate) fn sees_stored(&self, stored: &Stored) -> bool {
        stored.stubs().iter().all(|stub| self.sees(stub))
    }

    /// The same of something about a person whose record may not be here, under the consent of that person.
    pub(crate) fn sees_of(&self, person: &str, stub: &Stub, consent: &Consent) -> bool {
        self.sees_under(stub, consent, |curp| curp == person)
    }

    fn sees_under(&self, stub: &Stub, consent: &Consent, is_about: impl Fn(&str) -> bool) -> bool {
        if self.app.as_ref().is_some_and(|app| !app.shows(stub)) {
            return false;
        }
        let allowed = access::classes(&self.principal, self.purpose, Action::Read);
        if stub.class & !allowed != 0 {
            return false;
        }
        if stub.class == DataClass::Public.bit() {
            return true;
        }
        if let Some(person) = self.principal.own_record() {
            return is_about(person) && stub.class & self.closed_in_place(consent) == 0;
        }
        if self.purpose == Purpose::Emergency {
            let open = |e: &Emergency| e.opens(stub.class) && is_about(&e.person) && self.emergency_stands(e);
            return self.emergency.as_ref().is_some_and(open);
        }
        if matches!(self.principal, Principal::Job { .. }) {
            return true;
        }
        let recipient = self.principal.institution().unwrap_or("");
        // What another institution may see is not decided by a consent that may be out of date (house, invariant 8).
        let settings = self.node.settings();
        let another = settings.role == NodeRole::Hospital && recipient != settings.clues;
        if another && !crate::consent_register::lease_holds(&self.node, self.now) {
            return false;
        }
        let source = if stub.source.is_empty() { &settings.clues } else { &stub.source };
        let question = Question {
            recipient,
            staff: self.principal.staff(),
            source,
            purpose: self.purpose,
            classes: stub.class & !self.identity_classes(),
            now: self.now,
        };
        consent.permits(&question)
    }

    /// At the hub, identity is not held back by a consent about clinical content: registration needs it.
    fn identity_classes(&self) -> u64 {
        match self.node.settings().role {
            NodeRole::Hub => DataClass::Demographics.bit(),
            NodeRole::Hospital => 0,
        }
    }

    fn is_own(&self, pat: i64, curp: &str) -> bool {
        let own = self.node.store().read(|view| crate::patient_index::patients_of_curp(view, curp));
        own.is_ok_and(|ids| ids.iter().any(|id| pat_of(id) == pat))
    }

    pub(crate) fn consent_of(&self, pat: i64) -> Arc<Consent> {
        let known = self.node.consents().read().expect("no holder of the consents panics");
        known.get(&pat).cloned().unwrap_or_default()
    }

    /// Whether a token's scopes name a type for reading, for questions over many types.
    pub fn may_ask_for(&self, kind: &str) -> bool {
        self.scope_allows(kind, Action::Read).is_ok()
    }

    /// Whether anything of a type may be read at all.
    pub fn may_read_any(&self, kind: &str) -> bool {
        self.may_ask_for(kind) && self.reads_any(kind).is_ok()
    }

    pub(crate) fn scope_allows(&self, kind: &str, action: Action) -> Result<(), Fault> {
        let of_app = self.app.as_ref().is_none_or(|app| app.names(kind, action));
        if of_app && access::scope_names(&self.principal, kind, action) {
            Ok(())
        } else {
            Err(Fault::forbidden(format!("the token's scopes do not name {kind}")))
        }
    }

    /// Who may read nothing of this type, or nothing at all where none is named, is told so: an empty answer would say that nothing
    /// is there (house, invariant 3).
    pub(crate) fn reads_any(&self, kind: &str) -> Result<(), Fault> {
        self.may_any(kind, Action::Read, "this principal may not read data of this class")
    }

    /// The same of writing, where a condition says what is written.
    pub(crate) fn writes_any(&self, kind: &str) -> Result<(), Fault> {
        self.scope_allows(kind, Action::Write)?;
        self.may_any(kind, Action::Write, "this principal may not write data of this class")
    }

    pub(crate) fn may_any(&self, kind: &str, action: Action, refused: &str) -> Result<(), Fault> {
        let classes = if kind.is_empty() {
            u64::MAX
        } else {
            classes_of(&badiano_fhir::fhir!({ "resourceType": kind }))
        };
        let allowed = access::classes(&self.principal, self.purpose, action);
        if classes & allowed != 0 { Ok(()) } else { Err(Fault::forbidden(refused)) }
    }

    pub(crate) fn may_write(&self, resource: &Value) -> Result<(), Fault> {
        self.scope_allows(resource.resource_type(), Action::Write)?;
        self.is_no_consent(resource)?;
        let patients = || search::compartment_patients(resource);
        if self.app.as_ref().is_some_and(|app| !app.writes(resource.resource_type(), &patients())) {
            return Err(Fault::forbidden("the app was let write of one patient"));
        }
        let allowed = access::classes(&self.principal, self.purpose, Action::Write);
        // Whoever may record a thing may record it of a sensitive matter; reading it is another question.
        if classes_of(resource) & !crate::class::SENSITIVE & !allowed == 0 {
            Ok(())
        } else {
            Err(Fault::forbidden("this principal may not write data of this class"))
        }
    }

    /// What is there already must be visible, or a write would tell that it exists.
    pub(crate) fn may_replace(
        &self,
        view: &badiano_store::View<'_>,
        kind: &str,
        id: &str,
    ) -> Result<(), Fault> {
        match view.get(kind, id)? {
            Some(old) if !self.sees_stored(&old) => Err(Fault::forbidden("this id cannot be written")),
            _ => Ok(()),
        }
    }

    /// Requires a mask of classes for reading, for views that are not single resources.
    pub(crate) fn may_read_classes(&self, classes: u64) -> Result<(), Fault> {
        let allowed = access::classes(&self.principal, self.purpose, Action::Read);
        if classes & !allowed == 0 {
            Ok(())
        } else {
            Err(Fault::forbidden("this principal may not read data of this class"))
        }
    }

    /// Logs a read before its answer leaves: one entry a patient, repeated ones only once in fifteen minutes.
    pub(crate) fn note(
        &self,
        act: Act,
        interaction: &'static str,
        patients: &[String],
        what: &str,
    ) -> Result<(), Fault> {
        if matches!(self.principal, Principal::Job { .. }) {
            return Ok(());
        }
        let nobody = String::new();
        let about = if patients.is_empty() { std::slice::from_ref(&nobody) } else { patients };
        let first: Vec<&String> =
            about.iter().filter(|p| self.is_first_about(p, interaction, what)).collect();
        if first.is_empty() {
            return Ok(());
        }
        let writer = self.writer();
        let subjects = self.node.store().read(|view| {
            let subject = |p: &&String| match p.as_str() {
                "" => Ok(None),
                p => subject_of(view, &writer.subject_key, p).map(|s| Some(s.tag)),
            };
            first.iter().map(subject).collect::<Result<Vec<_>, Fault>>()
        })?;
        let leaf = |(patient, subject): (&&String, _)| {
            let patient = Some((*patient).clone()).filter(|p| !p.is_empty());
            let entry = writer.entry(act, interaction, Outcome::Success, patient, what);
            let content = entry.to_json(&writer.observer).into_bytes();
            LeafDraft { subject, content, now: self.now }
        };
        let noted = self.node.store().note_reads(first.iter().zip(subjects).map(leaf).collect());
        if noted.is_err() {
            first.iter().for_each(|p| self.forget_first(p, interaction, what));
        }
        noted
    }

    /// Whether this is not one of the accesses of the last fifteen minutes again.
    pub(crate) fn is_first(&self, interaction: &'static str, what: &str) -> bool {
        self.is_first_about("", interaction, what)
    }

    fn is_first_about(&self, patient: &str, interaction: &'static str, what: &str) -> bool {
        let mut recent = self.node.recent().lock().expect("no holder of the recent accesses panics");
        recent.is_first(self.access(patient, interaction, what), self.now)
    }

    /// An access whose entry could not be written is the first again.
    fn forget_first(&self, patient: &str, interaction: &'static str, what: &str) {
        let mut recent = self.node.recent().lock().expect("no holder of the recent accesses panics");
        recent.open.remove(&self.access(patient, interaction, what));
    }

    fn access(&self, patient: &str, interaction: &'static str, what: &str) -> Access {
        // A son may bear his father's name.
        let who = match self.principal.representative() {
            Some(r) => format!("{} {}", r.name, r.representation),
            None => self.principal.to_string(),
        };
        let who = self.app().map_or(who.clone(), |app| format!("{who} {}", app.app));
        (who, patient.to_owned(), interaction, self.purpose, what.to_owned())
    }

    /// A refused try is an entry too; it names no patient, since nothing was shown.
    pub(crate) fn note_refused(&self, interaction: &'static str, what: &str) -> Result<(), Fault> {
        let writer = self.writer();
        let entry = writer.entry(Act::Read, interaction, Outcome::Refused, None, what);
        let content = entry.to_json(&writer.observer).into_bytes();
        self.node.store().note_read(LeafDraft { subject: None, content, now: self.now })
    }
}

impl Recent {
    fn is_first(&mut self, key: Access, now: Instant) -> bool {
        if self.open.len() >= RECENT_MAX {
            let limit = now.plus_seconds(-ONE_ACCESS_SECONDS);
            self.open.retain(|_, since| *since > limit);
            if self.open.len() >= RECENT_MAX {
                self.open.clear();
            }
        }
        match self.open.get(&key) {
            Some(since) if now < since.plus_seconds(ONE_ACCESS_SECONDS) => false,
            _ => {
                self.open.insert(key, now);
                true
            }
        }
    }
}

pub(crate) fn versioned(stored: Stored) -> Versioned {
    Versioned {
        version: stored.version,
        updated: stored.updated,
        deleted: stored.deleted,
        created: false,
        resource: stored.body,
    }
}
