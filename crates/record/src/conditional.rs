//! Conditional create, update, patch and delete (FHIR R4, http.html#ccreate, #cond-update, #cdelete): the writer itself decides whether
//! the condition holds, so that of racing requests one comes first and the others see what it did.

use crate::access::Action;
use crate::audit::Act;
use crate::patient_index;
use crate::resources::{self, Precondition, Versioned};
use crate::session::{Session, versioned};
use badiano_fhir::patch::Patch;
use badiano_fhir::{Value, search};
use badiano_kernel::{Fault, FaultKind, id::LogicalId};
use badiano_store::{Stored, Stub, View};

/// A patch that meets another change is tried again on the newer version.
const PATCH_TRIES: usize = 8;
/// Resources that one conditional delete may take away.
pub const DELETED_MAX: usize = 1_000;

/// What a resource must fit to be the one that is meant.
#[derive(Debug, Clone, PartialEq)]
pub struct Criteria {
    query: search::Query,
}

impl Criteria {
    /// Read strictly: what is not understood would mean another resource.
    pub fn parse<'r>(
        kind: &str,
        pairs: &[(String, String)],
        reading: impl Into<search::Reading<'r>>,
    ) -> Result<Criteria, Fault> {
        let query = search::parse(kind, pairs, true, reading)?.query;
        if query.filters.is_empty() {
            return Err(Fault::invalid("a condition names at least one search parameter"));
        }
        let total = search::Total::None;
        Ok(Criteria {
            query: search::Query {
                kind: kind.into(),
                filters: query.filters,
                total,
                ..search::Query::default()
            },
        })
    }

    /// `Patient?identifier=x` of a reference or an entry.
    pub fn of_url<'r>(url: &str, reading: impl Into<search::Reading<'r>>) -> Result<Criteria, Fault> {
        let (kind, query) =
            url.split_once('?').ok_or_else(|| Fault::invalid("must be Type?parameter=value"))?;
        Criteria::parse(kind, &search::pairs(query), reading)
    }

    pub fn kind(&self) -> &str {
        &self.query.kind
    }

    /// At most `most` of those that fit and may be seen.
    pub(crate) fn find(&self, session: &Session, view: &View<'_>, most: usize) -> Result<Vec<Stored>, Fault> {
        let query = session.with_codes(search::Query { count: most, ..self.query.clone() })?;
        let sees = |stub: &Stub| session.sees(stub);
        Ok(view.search(&query, &sees)?.hits)
    }

    /// The one that fits, if there is one; several are no condition that a change can be about.
    pub(crate) fn only(&self, session: &Session, view: &View<'_>) -> Result<Option<Stored>, Fault> {
        let mut found = self.find(session, view, 2)?;
        if found.len() > 1 {
            return Err(Fault::unmet("the condition fits more than one resource"));
        }
        Ok(found.pop())
    }
}

impl Session {
    /// A condition is a search: who may not search is told so, and not that nothing fits.
    pub(crate) fn may_search(&self, criteria: &Criteria) -> Result<(), Fault> {
        self.scope_allows(criteria.kind(), Action::Read)?;
        self.reads_any(criteria.kind())
    }

    /// Creates a resource unless one fits already, which then is the answer.
    pub async fn create_unless(&self, mut resource: Value, criteria: Criteria) -> Result<Versioned, Fault> {
        resource.set("id", LogicalId::random().as_str());
        resources::check(&resource)?;
        self.may_write(&resource)?;
        self.may_search(&criteria)?;
        let (session, writer) = (self.clone(), self.writer());
        let write = self.node().store().write(move |tx| {
            if let Some(found) = criteria.only(&session, tx)? {
                let patients = search::compartment_patients(&found.body);
                writer.leaf(tx, Act::Read, "create", &patients, &format!("{}/{}", found.kind, found.id))?;
                return Ok(versioned(found));
            }
            if resource.resource_type() == "Patient" {
                return patient_index::register(tx, &writer, resource);
            }
            writer.put(tx, resource, Precondition::Absent, "create")
        });
        write.await
    }

    /// Updates the one that fits; creates it where none does.
    pub async fn update_where(&self, mut resource: Value, criteria: Criteria) -> Result<Versioned, Fault> {
        let named = !resource.id().is_empty();
        if !named {
            resource.set("id", LogicalId::random().as_str());
        }
        resources::check(&resource)?;
        self.may_write(&resource)?;
        self.may_search(&criteria)?;
        let (session, writer) = (self.clone(), self.writer());
        let write = self.node().store().write(move |tx| {
            let expect = match criteria.only(&session, tx)? {
                Some(found) if named && found.id != resource.id() => {
                    return Err(Fault::invalid("the condition fits a resource with another id").at("id"));
                }
                Some(found) => {
                    resource.set("id", found.id.as_str());
                    Precondition::Version(found.version)
                }
                None => Precondition::Absent,
            };
            session.may_replace(tx, resource.resource_type(), resource.id())?;
            writer.put(tx, resource, expect, "update")
        });
        write.await
    }

    /// Deletes what fits: at most `most`, and nothing at all when more fit. The answer is how many they were.
    pub async fn delete_where(&self, criteria: Criteria, most: usize) -> Result<usize, Fault> {
        let most = most.clamp(1, DELETED_MAX);
        self.may_search(&criteria)?;
        self.writes_any(criteria.kind())?;
        let (session, writer) = (self.clone(), self.writer());
        let write = self.node().store().write(move |tx| {
            let found = criteria.find(&session, tx, most + 1)?;
            if found.len() > most {
                return Err(Fault::unmet(format!("the condition fits more than {most}")));
            }
            for one in &found {
                session.may_write(&one.body)?;
                writer.delete(tx, &one.kind, &one.id, Precondition::Version(one.version))?;
            }
            Ok(found.len())
        });
        write.await
    }

    /// Patches a resource; another change that comes between is patched instead, unless a version was asked for.
    pub async fn patch(
        &self,
        kind: &str,
        id: &str,
        patch: &Patch,
        expect: Precondition,
    ) -> Result<Versioned, Fault> {
        self.change(kind, id, expect, "patch", &|old| patch.apply(old)).await
    }

    /// A new version made from the newest one; another change that comes between is taken as the newest instead, unless a
    /// version was asked for.
    pub async fn change(
        &self,
        kind: &str,
        id: &str,
        expect: Precondition,
        interaction: &'static str,
        how: &(dyn Fn(&Value) -> Result<Value, Fault> + Sync),
    ) -> Result<Versioned, Fault> {
        self.scope_allows(kind, Action::Write)?;
        for _ in 0..PATCH_TRIES {
            let stored = self.node().store().read(|view| view.get(kind, id))?;
            let stored = stored.filter(|s| !s.deleted && self.sees_stored(s));
            let stored = stored.ok_or_else(|| Fault::not_found("no such resource"))?;
            if matches!(expect, Precondition::Version(wanted) if wanted != stored.version) {
                return Err(Fault::unmet("the version is not the newest one"));
            }
            let after = how(&stored.body)?;
            match self.put(after, Precondition::Version(stored.version), interaction).await {
                Err(fault) if fault.kind == FaultKind::Conflict && expect == Precondition::None => {}
                done => return done,
            }
        }
        Err(Fault::conflict("other changes came first, again and again"))
    }

    /// Patches the one that fits.
    pub async fn patch_where(&self, criteria: Criteria, patch: &Patch) -> Result<Versioned, Fault> {
        self.may_search(&criteria)?;
        self.writes_any(criteria.kind())?;
        let found = self.node().store().read(|view| criteria.only(self, view))?;
        let found = found.ok_or_else(|| Fault::not_found("no resource fits the condition"))?;
        // A change that comes between may make it another one: then the caller asks again.
        self.patch(&found.kind, &found.id, patch, Precondition::Version(found.version)).await
    }
}
