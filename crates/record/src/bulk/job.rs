//! What is kept of a bulk job, and its chunks of lines (HL7 FHIR Bulk Data Access 2.0, response - complete status).

use super::export::Asked;
use crate::clients;
use crate::node::Node;
use crate::session::Session;
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_store::{Tx, View};
use serde::{Deserialize, Serialize};

/// Documents of jobs, by their ids.
pub(super) const JOBS: &str = "bulk-job";
/// Documents of lines, by job and number.
pub(super) const CHUNKS: &str = "bulk-chunk";

/// Chunks that one file may have before the next one begins.
const FILE_CHUNKS_MAX: u32 = 100;
/// Files that one job may make.
const FILES_MAX: usize = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Its lines are coming in.
    Arriving,
    Running,
    Done,
    Failed,
    /// Nobody sees it any more; what it has made is being destroyed.
    Cancelled,
}

/// Who asked: the job runs with no more than they had, and ends with their registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub client_id: String,
    pub name: String,
    pub scopes: Vec<String>,
    pub registered: bool,
    pub purpose: String,
}

/// Lines of one type: the chunks `from..to` of the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    pub kind: String,
    /// Counts the files of a job.
    pub n: usize,
    pub from: u32,
    pub to: u32,
    pub lines: u64,
}

impl File {
    pub fn name(&self) -> String {
        format!("{}.{}.ndjson", self.kind, self.n)
    }
}

/// What there is to do, and how far it has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Work {
    Export {
        asked: Asked,
        /// Which of the types, and of the members, is being looked through, and where the next page of it begins.
        kind: usize,
        member: usize,
        after: Option<Vec<u8>>,
    },
    Import {
        /// Chunks of lines that came, and how many of them are done.
        chunks: u32,
        next: u32,
        lines: u64,
        written: u64,
        refused: u64,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub id: String,
    /// The request as the manifest repeats it.
    pub request: String,
    pub owner: Owner,
    /// When it was asked for, in microseconds.
    pub began: i64,
    /// When it ended, in seconds.
    pub ended: i64,
    pub state: State,
    pub work: Work,
    pub files: Vec<File>,
    /// OperationOutcomes of lines that were refused.
    pub errors: Vec<File>,
    pub lines: u64,
    pub chunks: u32,
    /// Why it failed.
    pub why: Option<String>,
}

impl Job {
    pub(super) fn new(id: String, request: String, owner: Owner, work: Work, now: Instant) -> Self {
        Job {
            id,
            request,
            owner,
            began: now.micros,
            ended: 0,
            state: State::Running,
            work,
            files: Vec::new(),
            errors: Vec::new(),
            lines: 0,
            chunks: 0,
            why: None,
        }
    }

    pub fn began(&self) -> Instant {
        Instant::from_micros(self.began)
    }

    /// How far it has come, in words for `X-Progress`.
    pub fn progress(&self) -> String {
        match &self.work {
            Work::Export { asked, kind, .. } => {
                let now = asked.kinds.get(*kind).map_or("", String::as_str);
                let all = asked.kinds.len();
                let done = all.min(*kind);
                format!("{done} of {all} types, {} resources; now {now}", self.lines)
            }
            Work::Import { lines, written, refused, .. } => {
                format!("{written} written and {refused} refused of {lines} lines")
            }
        }
    }

    /// The session of whoever asked, as they may act now.
    pub(super) fn session(&self, node: &Node, now: Instant) -> Result<Session, Fault> {
        let owner = &self.owner;
        let active = node.store().read(|view| clients::active(view, &owner.client_id))?;
        if owner.registered && active.is_none() {
            return Err(Fault::forbidden("the system that asked is no longer registered"));
        }
        let principal = Principal::System {
            client_id: owner.client_id.clone(),
            name: owner.name.clone(),
            institution: node.settings().clues.clone(),
            scopes: owner.scopes.clone(),
        };
        let purpose = Purpose::from_code(&owner.purpose);
        let purpose = purpose.ok_or_else(|| Fault::bug("a job is kept with a purpose that there is"))?;
        Ok(node.session(principal, purpose, now))
    }

    /// Adds a chunk of lines of one type; files hold chunks that follow one another.
    pub(super) fn add(&mut self, kind: &str, lines: u64) -> Result<u32, Fault> {
        let n = self.chunks;
        self.chunks += 1;
        self.lines += lines;
        let next = self.files.len();
        match self.files.last_mut() {
            Some(last) if last.kind == kind && last.to == n && n - last.from < FILE_CHUNKS_MAX => {
                last.to += 1;
                last.lines += lines;
            }
            _ if next >= FILES_MAX => return Err(Fault::too_costly("the job makes too many files")),
            _ => self.files.push(File { kind: kind.to_owned(), n: next, from: n, to: n + 1, lines }),
        }
        Ok(n)
    }

    pub(super) fn ended_at(mut self, now: Instant) -> Self {
        (self.state, self.ended) = (State::Done, now.seconds());
        self
    }
}

pub(super) fn chunk_key(job: &str, n: u32) -> String {
    format!("{job}/{n:08}")
}

fn read(body: &[u8]) -> Result<Job, Fault> {
    serde_json::from_slice(body).map_err(|_| Fault::bug("a kept job cannot be read"))
}

fn get(view: &View<'_>, id: &str) -> Result<Option<Job>, Fault> {
    view.document(JOBS, id)?.map(|d| read(&d.body)).transpose()
}

pub(super) fn one(node: &Node, id: &str) -> Result<Option<Job>, Fault> {
    node.store().read(|view| get(view, id))
}

/// All jobs, the oldest first: ids are made of the moment.
pub(super) fn all(node: &Node) -> Result<Vec<Job>, Fault> {
    node.store().read(|view| view.documents(JOBS, "")?.iter().map(|d| read(&d.body)).collect())
}

pub(super) fn put(tx: &mut Tx<'_>, job: &Job, now: Instant) -> Result<(), Fault> {
    let body = serde_json::to_vec(job).map_err(|_| Fault::bug("a job is always printable"))?;
    tx.replace_document(JOBS, &job.id, &body, now).map(|_| ())
}

/// Whether a job is still at work, for a step that is about to write.
pub(super) fn is_at_work(tx: &Tx<'_>, id: &str) -> Result<bool, Fault> {
    Ok(get(tx, id)?.is_some_and(|job| job.state == State::Running))
}

pub(super) async fn fail(node: &Node, mut job: Job, why: &Fault, now: Instant) -> Result<(), Fault> {
    (job.state, job.ended, job.why) = (State::Failed, now.seconds(), Some(why.to_string()));
    node.store().write(move |tx| if is_at_work(tx, &job.id)? { put(tx, &job, now) } else { Ok(()) }).await
}

/// Takes away all lines of a job and then the job; after a crash in between it is done again.
pub(super) async fn destroy(node: &Node, id: &str) -> Result<(), Fault> {
    loop {
        let (prefix, own) = (format!("{id}/"), id.to_owned());
        let some = node.store().write_from_reserve(move |tx| {
            let keys = tx.document_keys(CHUNKS, &prefix, DESTROYED_AT_ONCE)?;
            keys.iter().try_for_each(|key| tx.drop_document(CHUNKS, key))?;
            if keys.len() < DESTROYED_AT_ONCE {
                tx.drop_document(JOBS, &own)?;
            }
            Ok(keys.len())
        });
        if some.await? < DESTROYED_AT_ONCE {
            return Ok(());
        }
    }
}

/// Chunks taken away in one write: others wait for it.
const DESTROYED_AT_ONCE: usize = 64;
