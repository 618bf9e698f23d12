//! What the node knows of codes: what R4 publishes, the systems that were loaded, and the CodeSystem, ValueSet and ConceptMap resources
//! that are kept here, at once when they are written (FHIR R4, terminology-service.html).

mod closure;
pub mod shelf;

use crate::audit::Act;
use crate::class::DataClass;
use crate::node::Node;
use crate::session::Session;
use badiano_fhir::search::{Query, Total, needs_codes, with_codes};
use badiano_fhir::terminology::{Terminology, ValueSet};
use badiano_fhir::validate::Definitions;
use badiano_kernel::Fault;
use badiano_store::{Stub, Tx};
use shelf::Shelf;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The types of which a change makes another terminology.
const KINDS: [&str; 3] = ["CodeSystem", "ValueSet", "ConceptMap"];
/// Resources of one of these types that are looked at; the rest of them is not known.
const RESOURCES_MAX: usize = 50_000;
const PAGE: usize = 1_000;

/// The terminology of one moment, with the profiles that were made over it.
pub(crate) struct Known {
    pub terminology: Arc<Terminology>,
    pub definitions: Arc<Definitions>,
    /// The newest change that was seen when it was made.
    at: u64,
    /// Which generation of the loaded systems it has.
    shelf: u64,
}

/// What a node needs to keep its terminology up to date.
pub(crate) struct Knowledge {
    known: RwLock<Option<Arc<Known>>>,
    shelf: Mutex<Shelf>,
    /// The newest change to one of [`KINDS`].
    touched: AtomicU64,
}

impl Knowledge {
    pub fn new(data: &Path) -> Self {
        Knowledge { known: RwLock::default(), shelf: Mutex::new(Shelf::of(data)), touched: AtomicU64::new(0) }
    }

    /// After a write to one resource, in its transaction.
    pub fn note(&self, tx: &Tx<'_>, kind: &str) -> Result<(), Fault> {
        if KINDS.contains(&kind) {
            self.touched.fetch_max(tx.last_change()?, Ordering::SeqCst);
        }
        Ok(())
    }
}

impl Node {
    /// What is known now. What was written before this call is in it.
    pub(crate) fn known(&self) -> Result<Arc<Known>, Fault> {
        let own = self.knowledge();
        let shelf = own.shelf.lock().unwrap_or_else(PoisonError::into_inner).look()?;
        let touched = own.touched.load(Ordering::SeqCst);
        let is_new = |known: &&Arc<Known>| known.shelf == shelf && known.at >= touched;
        if let Some(known) = own.known.read().unwrap_or_else(PoisonError::into_inner).as_ref().filter(is_new)
        {
            return Ok(known.clone());
        }
        // One makes it, the others wait.
        let mut place = own.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = place.as_ref().filter(is_new) {
            return Ok(known.clone());
        }
        let made = Arc::new(self.read_terminology()?);
        *place = Some(made.clone());
        Ok(made)
    }

    fn read_terminology(&self) -> Result<Known, Fault> {
        let mut terminology = Terminology::new();
        let shelf =
            self.knowledge().shelf.lock().unwrap_or_else(PoisonError::into_inner).put(&mut terminology);
        let at = self.store().read(|view| {
            let at = view.last_change()?;
            for kind in KINDS {
                let mut query =
                    Query { kind: kind.into(), count: PAGE, total: Total::None, ..Query::default() };
                let mut all = Vec::new();
                loop {
                    let page = view.search(&query, &|stub: &Stub| stub.class == DataClass::Public.bit())?;
                    all.extend(page.hits.into_iter().map(|stored| stored.body));
                    match page.next {
                        Some(next) if all.len() < RESOURCES_MAX => query.after = Some(next),
                        _ => break,
                    }
                }
                // They come newest first, and of one url and version the last that is added stands.
                all.into_iter().rev().for_each(|resource| {
                    terminology.add(Arc::new(resource));
                });
            }
            Ok(at)
        })?;
        let terminology = Arc::new(terminology);
        let definitions = Arc::new(Definitions::over(terminology.clone()));
        Ok(Known { terminology, definitions, at, shelf })
    }
}

impl Session {
    /// What may be asked of codes: for those who may read the type that the operation is of. The access is in the log.
    pub fn terminology(
        &self,
        kind: &'static str,
        operation: &'static str,
    ) -> Result<Arc<Terminology>, Fault> {
        self.scope_allows(kind, crate::access::Action::Read)?;
        self.reads_any(kind)?;
        self.note(Act::Execute, operation, &[], kind)?;
        Ok(self.node().known()?.terminology.clone())
    }

    /// A question with the codes spelled out that a value set or a hierarchy in it stands for.
    pub(crate) fn with_codes(&self, query: Query) -> Result<Query, Fault> {
        if !needs_codes(&query.filters) {
            return Ok(query);
        }
        let known = self.known_terminology()?;
        let find = |url: &str| match url.strip_prefix("ValueSet/") {
            Some(id) => self.value_set_by_id(id),
            None => known.value_set(url).ok_or_else(|| Fault::invalid("the value set is not known here")),
        };
        let filters = with_codes(&query.filters, &known, &find)?;
        Ok(Query { filters, ..query })
    }

    fn value_set_by_id(&self, id: &str) -> Result<Arc<ValueSet>, Fault> {
        let stored = self.node().store().read(|view| view.get("ValueSet", id))?;
        let seen = stored.filter(|s| !s.deleted && self.sees_stored(s));
        let stored = seen.ok_or_else(|| Fault::invalid("the value set is not known here"))?;
        ValueSet::of(&stored.body).map(Arc::new)
    }

    /// What the node can say of itself without being asked by anybody: urls and versions of its code systems.
    pub(crate) fn known_terminology(&self) -> Result<Arc<Terminology>, Fault> {
        Ok(self.node().known()?.terminology.clone())
    }
}

impl Node {
    /// Urls and versions of the code systems here, for the node's own description.
    pub fn code_systems(&self) -> Result<Vec<(String, Vec<String>)>, Fault> {
        Ok(self.known()?.terminology.systems())
    }
}
