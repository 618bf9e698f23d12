//! One node: its store, its secrets, its log and what it remembers of consent. Opened once by the server.

use crate::audit::log::AuditLog;
use crate::condition::Stored;
use crate::consent::Consent;
use crate::identity::Likeness;
use crate::imaging::{ActiveRoutes, ActiveRules, Kept};
use crate::known_tokens::KnownTokens;
use crate::linked::UnlinkedPeople;
use crate::opened::Opened;
use crate::participants::Roll;
use crate::peers::Strangers;
use crate::refusals::Knocks;
use crate::search_parameters::OwnParameters;
use crate::secrets::Secrets;
use crate::session::{Recent, Session};
use crate::subscriptions::Subscribers;
use crate::terminology::Knowledge;
use crate::workflow::Workflow;
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_store::{Expect, Options, Store};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, RwLock};
use tokio::sync::watch;

/// Which part of the country this node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeRole {
    Hospital,
    Hub,
}

/// What a node says of itself; kept in its data directory from the first start on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    pub role: NodeRole,
    pub name: String,
    /// The institution's CLUES.
    pub clues: String,
    /// IANA time zone of the place.
    pub zone: String,
}

impl Settings {
    /// The name of the node's audit log and of its key.
    pub fn origin(&self) -> String {
        format!("badiano.mx/{}", self.clues)
    }
}

pub struct NodeOptions {
    pub data: PathBuf,
    pub key_file: PathBuf,
    /// Used on the first start; later starts keep what the data directory says, except for the name.
    pub settings: Settings,
    /// How the departments of this node work; a node without departments keeps no cases.
    pub workflows: &'static [&'static Workflow],
}

/// The lease of a node that has joined no hub: there is nobody else whose consents it could miss.
pub(crate) const NO_HUB: i64 = i64::MIN;

/// Cheap to clone; all clones are the same node.
#[derive(Clone)]
pub struct Node {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    data: PathBuf,
    settings: Settings,
    workflows: &'static [&'static Workflow],
    secrets: Secrets,
    log: AuditLog,
    /// Compiled consent by patient (store's patient number); absent means that nothing was said.
    consents: RwLock<HashMap<i64, Arc<Consent>>>,
    recent: Mutex<Recent>,
    kept_metadata: Mutex<Kept>,
    coercion: ActiveRules,
    routes: ActiveRoutes,
    likeness: Likeness,
    opened_studies: Mutex<Opened>,
    strangers: Strangers,
    knocks: Knocks,
    known_tokens: KnownTokens,
    unlinked: UnlinkedPeople,
    opened: Instant,
    lease: AtomicI64,
    counted: Mutex<Option<Stored>>,
    knowledge: Knowledge,
    own_parameters: OwnParameters,
    subscribers: Subscribers,
    /// Who takes part, as last read.
    roll: Roll,
    /// Counts changes of the certificate shown and of those taken.
    trust: watch::Sender<u64>,
}

impl Node {
    /// Opens the data directory, makes it on the first start, mends it after a crash.
    pub fn open(options: NodeOptions) -> Result<Node, Fault> {
        let knowledge = Knowledge::new(&options.data);
        let store = Store::open(Options {
            data: options.data.clone(),
            key_file: options.key_file.clone(),
            zone: options.settings.zone.clone(),
        })?;
        let settings = settle(&store, &options.settings)?;
        let secrets = Secrets::read(&options.key_file)?;
        let log = AuditLog::open(&store, &settings.origin(), &secrets.derive("audit signing"))?;
        let consents = RwLock::new(HashMap::new());
        let node = Node {
            inner: Arc::new(Inner {
                store,
                data: options.data,
                settings,
                workflows: options.workflows,
                secrets,
                log,
                consents,
                recent: Mutex::default(),
                kept_metadata: Mutex::default(),
                coercion: ActiveRules::default(),
                routes: ActiveRoutes::default(),
                likeness: Likeness::default(),
                opened_studies: Mutex::default(),
                strangers: Strangers::default(),
                knocks: Knocks::default(),
                known_tokens: KnownTokens::default(),
                unlinked: UnlinkedPeople::default(),
                opened: Instant::now(),
                lease: AtomicI64::new(NO_HUB),
                counted: Mutex::default(),
                knowledge,
                own_parameters: OwnParameters::default(),
                subscribers: Subscribers::default(),
                roll: Roll::default(),
                trust: watch::Sender::new(0),
            }),
        };
        crate::consent_register::load(&node)?;
        crate::consent_register::load_lease(&node)?;
        crate::imaging::load_coercion(&node)?;
        crate::imaging::load_routes(&node)?;
        crate::ledger::bring_over(&node, Instant::now())?;
        after_crash(&node)?;
        Ok(node)
    }

    /// The only way to data: who asks, what for, and when.
    pub fn session(&self, principal: Principal, purpose: Purpose, now: Instant) -> Session {
        Session::new(self.clone(), principal, purpose, now)
    }

    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub(crate) fn workflows(&self) -> &'static [&'static Workflow] {
        self.inner.workflows
    }

    pub(crate) fn known_tokens(&self) -> &KnownTokens {
        &self.inner.known_tokens
    }

    pub(crate) fn roll(&self) -> &Roll {
        &self.inner.roll
    }

    /// A secret for one named use of a door (cookie signing and the like).
    pub fn secret(&self, label: &str) -> [u8; 32] {
        self.inner.secrets.derive(label)
    }

    pub fn log(&self) -> &AuditLog {
        &self.inner.log
    }

    /// Extends the signed tree over what was written since; a job calls it every second.
    pub fn advance_log(&self, now: Instant) -> Result<bool, Fault> {
        self.inner.log.advance(&self.inner.store, now)
    }

    /// Signals every change of the store, by its sequence number.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.inner.store.wait_change()
    }

    /// Signals every change of the certificate this node shows, of the authority it trusts and of whom that one has revoked.
    pub fn trust(&self) -> watch::Receiver<u64> {
        self.inner.trust.subscribe()
    }

    pub(crate) fn trust_has_changed(&self) {
        self.inner.trust.send_modify(|n| *n += 1);
    }

    /// From now on nothing is taken in when less than this is free on the data directory's disk; reading goes on.
    pub fn keep_free(&self, bytes: u64) {
        self.inner.store.keep_free(bytes);
    }

    /// Whether a folder holds a node's data, or a whole copy of them.
    pub fn is_at(folder: &Path) -> bool {
        Store::is_at(folder)
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn secrets(&self) -> &Secrets {
        &self.inner.secrets
    }

    /// When this process opened the node.
    pub fn opened(&self) -> Instant {
        self.inner.opened
    }

    pub(crate) fn counted(&self) -> &Mutex<Option<Stored>> {
        &self.inner.counted
    }

    pub(crate) fn likeness(&self) -> &Likeness {
        &self.inner.likeness
    }

    pub(crate) fn own_parameters(&self) -> &OwnParameters {
        &self.inner.own_parameters
    }

    pub(crate) fn knowledge(&self) -> &Knowledge {
        &self.inner.knowledge
    }

    pub(crate) fn subscribers(&self) -> &Subscribers {
        &self.inner.subscribers
    }

    pub(crate) fn strangers(&self) -> &Strangers {
        &self.inner.strangers
    }

    pub(crate) fn knocks(&self) -> &Knocks {
        &self.inner.knocks
    }

    pub(crate) fn unlinked(&self) -> &UnlinkedPeople {
        &self.inner.unlinked
    }

    pub(crate) fn opened_studies(&self) -> &Mutex<Opened> {
        &self.inner.opened_studies
    }

    pub(crate) fn recent(&self) -> &Mutex<Recent> {
        &self.inner.recent
    }
    pub(crate) fn coercion(&self) -> &ActiveRules {
        &self.inner.coercion
    }

    pub(crate) fn routes(&self) -> &ActiveRoutes {
        &self.inner.routes
    }

    /// Where the node's data are.
    pub(crate) fn data(&self) -> &Path {
        &self.inner.data
    }

    pub(crate) fn kept_metadata(&self) -> &Mutex<Kept> {
        &self.inner.kept_metadata
    }

    /// When the hub was last heard on consent, in microseconds; [`NO_HUB`] where no hub was joined.
    pub(crate) fn lease(&self) -> &AtomicI64 {
        &self.inner.lease
    }

    pub(crate) fn consents(&self) -> &RwLock<HashMap<i64, Arc<Consent>>> {
        &self.inner.consents
    }
}

/// After a crash: says in the log that entries of reads may be missing, and brings the studies up to date whose objects were undone.
fn after_crash(node: &Node) -> Result<(), Fault> {
    let opening = node.store().opening();
    if opening.power_loss || !opening.mended.is_empty() {
        let undone = opening.mended.len();
        let what = format!(
            "started after a crash: entries of reads of its last 20 ms may be missing; {undone} objects that were never acknowledged were undone"
        );
        let job = Principal::Job { name: "start-after-crash" };
        let writer = node.session(job, Purpose::Operations, Instant::now()).writer();
        node.store()
            .write_from_reserve(move |tx| {
                writer.leaf(tx, crate::audit::Act::Update, "start-after-crash", &[], &what)
            })
            .wait()?;
    }
    if opening.mended.is_empty() { Ok(()) } else { node.review_studies(Instant::now()) }
}

/// The settings of the first start are kept; a data directory never changes its institution or role.
fn settle(store: &Store, wanted: &Settings) -> Result<Settings, Fault> {
    let kept = store.read(|view| view.document("node", "settings"))?;
    if let Some(document) = kept {
        let kept: Settings = serde_json::from_slice(&document.body)
            .map_err(|_| Fault::bug("the settings kept in the data directory cannot be read"))?;
        if kept.role != wanted.role {
            return Err(Fault::conflict("the data directory belongs to a node of the other role"));
        }
        return Ok(kept);
    }
    let body = serde_json::to_vec(wanted).map_err(|_| Fault::bug("settings are always printable"))?;
    let wanted = wanted.clone();
    store
        .write_from_reserve(move |tx| {
            tx.put_document("node", "settings", &body, Expect::Absent, Instant::now()).map(|_| ())
        })
        .wait()?;
    Ok(wanted)
}
