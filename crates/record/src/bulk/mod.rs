//! Bulk data: exports and imports of many resources as NDJSON, as jobs that outlive a restart (HL7 FHIR Bulk Data Access 2.0).
//!
//! A job is a document that says who asked for what, and how far it has come. Each step writes one chunk of lines and the new
//! place in one commit, so that a job goes on after a crash where its last chunk ends: no line twice, none left out. A job runs
//! under the principal who asked, with the access and the consent of the moment of each step.

mod export;
mod import;
mod job;

pub use export::{Level, Request};
pub use import::Arriving;
pub use job::{File, Job, State, Work};

use crate::audit::Act;
use crate::node::Node;
use crate::session::Session;
use badiano_kernel::{Fault, FaultKind, Instant, Principal};
use job::CHUNKS;

/// Jobs that one system may have at work at a time.
pub const JOBS_MAX: usize = 4;
/// What a job has made can be fetched for so long after its end; then it is destroyed.
pub const KEPT_SECONDS: i64 = 24 * 3_600;
/// Steps of one job before the next one has its turn.
const STEPS_EACH: usize = 8;

impl Node {
    /// Takes every job that is at work some steps further and destroys what was kept long enough; says whether there is more to
    /// do. For the worker of the jobs.
    pub async fn advance_bulk(&self, now: Instant) -> Result<bool, Fault> {
        let mut more = false;
        for job in job::all(self)? {
            match job.state {
                State::Running => more |= self.run_some(job, now).await?,
                State::Cancelled => job::destroy(self, &job.id).await?,
                State::Arriving | State::Done | State::Failed => {
                    let since = if job.state == State::Arriving { job.began().seconds() } else { job.ended };
                    if since + KEPT_SECONDS < now.seconds() {
                        job::destroy(self, &job.id).await?;
                    }
                }
            }
        }
        Ok(more)
    }

    /// Whether the job has more to do.
    async fn run_some(&self, mut job: Job, now: Instant) -> Result<bool, Fault> {
        for _ in 0..STEPS_EACH {
            let session = match job.session(self, now) {
                Ok(session) => session,
                Err(fault) => return job::fail(self, job, &fault, now).await.map(|()| false),
            };
            let stepped = match job.work {
                Work::Export { .. } => export::step(&session, job.clone(), now).await,
                Work::Import { .. } => import::step(&session, job.clone(), now).await,
            };
            match stepped {
                // Taken away meanwhile.
                Ok(None) => return Ok(false),
                Ok(Some(next)) if next.state != State::Running => return Ok(false),
                Ok(Some(next)) => job = next,
                Err(fault) if fault.kind == FaultKind::Unavailable => return Err(fault),
                Err(fault) => return job::fail(self, job, &fault, now).await.map(|()| false),
            }
        }
        Ok(true)
    }
}

impl Session {
    /// A job of the caller's own; another's looks as if it did not exist.
    pub fn bulk_job(&self, id: &str) -> Result<Job, Fault> {
        let own = |job: &Job| matches!(self.principal(), Principal::System { client_id, .. } if *client_id == job.owner.client_id);
        let is_shown = |job: &Job| !matches!(job.state, State::Arriving | State::Cancelled);
        let found = job::one(self.node(), id)?.filter(own).filter(is_shown);
        let Some(job) = found else {
            self.note_refused("bulk-job", "bulk job")?;
            return Err(Fault::not_found("no such job, or what it made was kept long enough"));
        };
        self.note(Act::Read, "bulk-job", &[], &format!("bulk job {id}"))?;
        Ok(job)
    }

    /// Ends a job and destroys what it has made (bulk data delete request).
    pub async fn cancel_bulk(&self, id: &str) -> Result<(), Fault> {
        let mut job = self.bulk_job(id)?;
        job.state = State::Cancelled;
        let (writer, now) = (self.writer(), self.now());
        let write = move |tx: &mut badiano_store::Tx<'_>| {
            job::put(tx, &job, now)?;
            writer.leaf(tx, Act::Delete, "bulk-cancel", &[], &format!("bulk job {}", job.id))
        };
        self.node().store().write(write).await
    }

    /// One of a file's chunks of lines, counted from 0; none after the last one.
    pub fn bulk_lines(&self, job: &Job, file: &File, n: u32) -> Result<Option<Vec<u8>>, Fault> {
        if file.from + n >= file.to {
            return Ok(None);
        }
        if n == 0 {
            self.note(Act::Read, "bulk-file", &[], &format!("bulk job {} file {}", job.id, file.name()))?;
        }
        let key = job::chunk_key(&job.id, file.from + n);
        let chunk = self.node().store().read(|view| view.document(CHUNKS, &key))?;
        let gone = || Fault::not_found("what the job made was kept long enough");
        chunk.map(|d| Some(d.body)).ok_or_else(gone)
    }

    /// Who may have jobs: a system that is known by its registration or token.
    fn bulk_owner(&self) -> Result<job::Owner, Fault> {
        let Principal::System { client_id, name, scopes, .. } = self.principal() else {
            return Err(Fault::forbidden("bulk data are for registered systems (SMART Backend Services)"));
        };
        let running = job::all(self.node())?;
        let own = running.iter().filter(|j| {
            j.owner.client_id == *client_id && matches!(j.state, State::Arriving | State::Running)
        });
        if own.count() >= JOBS_MAX {
            return Err(Fault::unavailable(format!("{JOBS_MAX} jobs of this system are at work already")));
        }
        let registered = self.node().client(client_id)?.is_some();
        let (client_id, name, scopes) = (client_id.clone(), name.clone(), scopes.clone());
        Ok(job::Owner { client_id, name, scopes, registered, purpose: self.purpose().code().to_owned() })
    }
}
