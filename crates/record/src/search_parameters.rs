//! Search parameters of the node's own: SearchParameter resources that are active, and how what was written before them is indexed
//! while the node goes on working (FHIR R4, searchparameter.html; search.html#custom).
//!
//! From the commit of a SearchParameter on, every write is indexed under it too. A job walks over what is older and gives each
//! resource its search rows again, without a new version; only when it has come to the end may the parameter be asked.

use crate::node::Node;
use badiano_fhir::search::{self, OWN_MAX, Parameters, Query, Total};
use badiano_fhir::{Value, schema};
use badiano_kernel::{Fault, Instant};
use badiano_store::{Reindex, Stored, Tx, View};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

const KIND: &str = "SearchParameter";
/// Documents by the id of a SearchParameter: its version under which everything is indexed.
const INDEXED: &str = "search-indexed";
/// The one document of the walk that is at work.
const WALK: &str = "search-walk";
/// Resources of one step of the walk.
const BATCH: usize = 500;

/// The parameters of one moment.
pub(crate) struct Known {
    pub parameters: Arc<Parameters>,
    /// The newest change when they were read.
    pub at: u64,
    /// Ids and versions that are not indexed yet.
    unfinished: Vec<(String, u64)>,
}

/// What a node needs to keep its parameters up to date.
#[derive(Default)]
pub(crate) struct OwnParameters {
    known: RwLock<Option<Arc<Known>>>,
    /// The newest change to a SearchParameter.
    touched: AtomicU64,
}

impl OwnParameters {
    /// Whether a SearchParameter was written after a moment, if only in a transaction that goes on.
    pub fn changed_since(&self, at: u64) -> bool {
        self.touched.load(Ordering::SeqCst) > at
    }

    /// After a SearchParameter was written or deleted, in its transaction.
    pub fn note(&self, tx: &Tx<'_>, kind: &str) -> Result<(), Fault> {
        if kind == KIND {
            self.touched.fetch_max(tx.last_change()?, Ordering::SeqCst);
        }
        Ok(())
    }
}

/// How far the walk has come.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Walk {
    /// What is being indexed; another list begins another walk.
    of: Vec<(String, u64)>,
    kind: usize,
    after: Option<Vec<u8>>,
}

impl Node {
    /// The search parameters of this node, what was committed before this call among them.
    pub fn parameters(&self) -> Result<Arc<Parameters>, Fault> {
        Ok(self.known_parameters()?.parameters.clone())
    }

    pub(crate) fn known_parameters(&self) -> Result<Arc<Known>, Fault> {
        let own = self.own_parameters();
        let is_new = |known: &&Arc<Known>| !own.changed_since(known.at);
        let place = own.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = place.as_ref().filter(is_new) {
            return Ok(known.clone());
        }
        drop(place);
        let made = Arc::new(self.store().read(|view| self.parameters_in(view))?);
        let mut place = own.known.write().unwrap_or_else(PoisonError::into_inner);
        if place.as_ref().is_none_or(|known| known.at <= made.at) {
            *place = Some(made.clone());
        }
        Ok(made)
    }

    /// The parameters as a view or a transaction has them.
    pub(crate) fn parameters_in(&self, view: &View<'_>) -> Result<Known, Fault> {
        let at = view.last_change()?;
        let (mut own, mut unfinished) = (Vec::new(), Vec::new());
        for stored in active(view)? {
            // What an earlier release took and this one does not stays a resource and no parameter.
            let Ok(parameter) = search::own_parameter(&stored.body) else { continue };
            let indexed = indexed_version(view, &stored.id)? == Some(stored.version);
            if !indexed {
                unfinished.push((stored.id, stored.version));
            }
            own.push((parameter, indexed));
        }
        unfinished.sort();
        let parameters = Arc::new(Parameters::new(&self.settings().zone, own));
        Ok(Known { parameters, at, unfinished })
    }

    /// Indexes some of what was written before a new parameter; says whether there is more to do. For the worker of the jobs.
    pub async fn advance_search_parameters(&self, now: Instant) -> Result<bool, Fault> {
        let known = self.known_parameters()?;
        if known.unfinished.is_empty() {
            return Ok(false);
        }
        let node = self.clone();
        let done = self.store().write(move |tx| node.walk_on(tx, &known, now)).await?;
        if done {
            // Read again: they may be asked now.
            self.own_parameters().known.write().unwrap_or_else(PoisonError::into_inner).take();
        }
        Ok(true)
    }

    /// One step of the walk; says whether it came to the end.
    fn walk_on(&self, tx: &mut Tx<'_>, known: &Known, now: Instant) -> Result<bool, Fault> {
        let kept = tx.document(WALK, KIND)?.and_then(|d| serde_json::from_slice::<Walk>(&d.body).ok());
        let fresh = || Walk { of: known.unfinished.clone(), ..Walk::default() };
        let mut walk = kept.filter(|walk| walk.of == known.unfinished).unwrap_or_else(fresh);
        let kinds = known.parameters.unfinished();
        let Some(kind) = kinds.get(walk.kind) else {
            for (id, version) in &walk.of {
                let body = serde_json::to_vec(version).map_err(|e| Fault::bug(e.to_string()))?;
                tx.replace_document(INDEXED, id, &body, now)?;
            }
            tx.drop_document(WALK, KIND)?;
            return Ok(true);
        };
        let query = Query {
            kind: (*kind).into(),
            count: BATCH,
            total: Total::None,
            after: walk.after.take(),
            ..Query::default()
        };
        let page = tx.search(&query, &|_| true)?;
        for stored in &page.hits {
            let entries = search::extract(&stored.body, &*known.parameters);
            tx.reindex(Reindex { kind, id: &stored.id, version: stored.version, entries: &entries })?;
        }
        walk.after = page.next;
        walk.kind += usize::from(walk.after.is_none());
        let body = serde_json::to_vec(&walk).map_err(|e| Fault::bug(e.to_string()))?;
        tx.replace_document(WALK, KIND, &body, now)?;
        Ok(false)
    }
}

/// Checks a SearchParameter that is being written: an active one must be one that can work, and the only one of its code and type.
pub(crate) fn written(tx: &Tx<'_>, resource: &Value, id: &str) -> Result<(), Fault> {
    if resource.resource_type() != KIND || resource.str_of("status") != "active" || is_standard(resource) {
        return Ok(());
    }
    let parameter = search::own_parameter(resource)?;
    let others = active(tx)?;
    if others.len() > OWN_MAX {
        return Err(Fault::too_costly(format!("more than {OWN_MAX} search parameters of the node's own")));
    }
    let mine = Parameters::new("UTC", [(parameter, true)]);
    for other in others.iter().filter(|other| other.id != id && other.body.str_of("code") == parameter.code) {
        let Ok(other) = search::own_parameter(&other.body) else { continue };
        let theirs = Parameters::new("UTC", [(other, true)]);
        let shared = schema::resource_types()
            .iter()
            .any(|kind| !mine.own(kind).is_empty() && !theirs.own(kind).is_empty());
        if shared {
            let text = "another active SearchParameter has this code for one of these types";
            return Err(Fault::conflict(text).at("SearchParameter.code"));
        }
    }
    Ok(())
}

/// A parameter of the standard, brought along by a package: known already.
fn is_standard(resource: &Value) -> bool {
    let url = resource.str_of("url");
    schema::search_parameters().iter().any(|p| p.url == url)
}

/// The active SearchParameters that are the node's own.
fn active(view: &View<'_>) -> Result<Vec<Stored>, Fault> {
    let pairs = [("status".to_owned(), "active".to_owned())];
    let mut query = search::parse(KIND, &pairs, true, "UTC")?.query;
    (query.count, query.total) = (search::COUNT_MAX, Total::None);
    let mut all = Vec::new();
    loop {
        let page = view.search(&query, &|_| true)?;
        all.extend(page.hits.into_iter().filter(|stored| !is_standard(&stored.body)));
        match page.next {
            Some(next) if all.len() <= OWN_MAX => query.after = Some(next),
            _ => return Ok(all),
        }
    }
}

fn indexed_version(view: &View<'_>, id: &str) -> Result<Option<u64>, Fault> {
    let document = view.document(INDEXED, id)?;
    Ok(document.and_then(|d| serde_json::from_slice(&d.body).ok()))
}
